package oracle

// hashMakes make the commands of the family.
var hashMakes []make1

// hashNormal makes equal what may differ in replies of the family.
var hashNormal map[string]normalizer
