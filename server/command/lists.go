package command

// listRows are the commands of the group "list".
func listRows() []*Row { return nil }
