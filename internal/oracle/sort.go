package oracle

// sortMakes make the commands of the family.
var sortMakes []make1

// sortNormal makes equal what may differ in replies of the family.
var sortNormal map[string]normalizer
