package command

// zsetRows are the commands of the group "sorted-set".
func zsetRows() []*Row { return nil }
