package command

// setDumps are how values of the type become payloads, and payloads values.
var setDumps []dumpType
