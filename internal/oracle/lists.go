package oracle

// listMakes make the commands of the family.
var listMakes []make1

// listNormal makes equal what may differ in replies of the family.
var listNormal map[string]normalizer
