package oracle

// geoMakes make the commands of the family.
var geoMakes []make1

// geoNormal makes equal what may differ in replies of the family.
var geoNormal map[string]normalizer
