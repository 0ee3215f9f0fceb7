package oracle

// zsetMakes make the commands of the family.
var zsetMakes []make1

// zsetNormal makes equal what may differ in replies of the family.
var zsetNormal map[string]normalizer
