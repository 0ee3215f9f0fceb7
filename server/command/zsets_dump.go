package command

// zsetDumps are how values of the type become payloads, and payloads values.
var zsetDumps []dumpType
