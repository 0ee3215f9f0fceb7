package command

// unblockRow is CLIENT UNBLOCK: https://redis.io/docs/latest/commands/client-unblock/
func unblockRow(flags Flag) *Row {
	return &Row{
		Name: "unblock", Arity: -3, Flags: flags | Slow, Since: "5.0.0",
		Complexity: "O(log N) where N is the number of client connections",
		Summary:    "Unblock a client blocked in a blocking command from a different connection",
		Params: []Param{
			intParam("client-id"),
			oneOf("timeout_error", tokenParam("timeout", "TIMEOUT"), tokenParam("error", "ERROR")).optional(),
		},
		Fn: clientUnblock,
	}
}

func clientUnblock(c *Ctx) {
	asError := false
	switch {
	case len(c.Args) > 4:
		c.Out.Error(oneLine("ERR unknown subcommand or wrong number of arguments for '" + clip(c.Args[1], previewMax) + "'. Try CLIENT HELP."))
		return
	case len(c.Args) == 3, is(c.Args[3], "timeout"):
	case is(c.Args[3], "error"):
		asError = true
	default:
		c.Out.Error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
		return
	}
	id, ok := c.intArg(2)
	if !ok {
		return
	}
	n := int64(0)
	if id > 0 && c.Node.UnblockClient(uint64(id), asError) {
		n = 1
	}
	c.Out.Int(n)
}
