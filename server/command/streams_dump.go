package command

// streamDumps are how values of the type become payloads, and payloads values.
var streamDumps []dumpType
