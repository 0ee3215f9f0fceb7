package command

// geoRows are the commands of the group "geo" that this file has.
func geoRows() []*Row { return nil }
