package command

// listDumps are how values of the type become payloads, and payloads values.
var listDumps []dumpType
