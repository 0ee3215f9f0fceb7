package command

// hashDumps are how values of the type become payloads, and payloads values.
var hashDumps []dumpType
