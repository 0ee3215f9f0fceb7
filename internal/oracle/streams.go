package oracle

// streamMakes make the commands of the family.
var streamMakes []make1

// streamNormal makes equal what may differ in replies of the family.
var streamNormal map[string]normalizer
