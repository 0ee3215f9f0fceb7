package oracle

// setMakes make the commands of the family.
var setMakes []make1

// setNormal makes equal what may differ in replies of the family.
var setNormal map[string]normalizer
