package command

// setRows are the commands of the group "set".
func setRows() []*Row { return nil }
