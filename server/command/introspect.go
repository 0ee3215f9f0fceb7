package command

import (
	"slices"
	"strings"

	"ringcache/server/resp"
)

// Replies of COMMAND, as Redis words them.
const (
	errGetKeysCommand = "ERR Invalid command specified"
	errGetKeysNone    = "ERR The command has no key arguments"
	errGetKeysArity   = "ERR Invalid number of arguments specified for command"
	errGetKeysArgs    = "ERR Invalid arguments specified for command"
)

// introspectRows is COMMAND, which tells what the table holds: https://redis.io/docs/latest/commands/command/
func introspectRows() []*Row {
	const open = Loading | Stale
	connection := []string{"connection"}
	r := container(&Row{
		Name: "command", Arity: -1, Flags: open, ACL: connection, Tips: []string{"nondeterministic_output_order"},
		Group: "server", Since: "2.8.13", Complexity: "O(N) where N is the total number of Redis commands",
		Summary: "Get array of Redis command details", Fn: commandAll,
	}, connection, commandHelp, []*Row{
		{
			Name: "count", Arity: 2, Flags: open, Since: "2.8.13", Complexity: "O(1)",
			Summary: "Get total number of Redis commands",
			Fn:      func(c *Ctx) { c.Out.Int(int64(len(c.Table.Rows()))) },
		},
		{
			Name: "docs", Arity: -2, Flags: open, Since: "7.0.0", Tips: []string{"nondeterministic_output_order"},
			Complexity: "O(N) where N is the number of commands to look up",
			Summary:    "Get array of specific Redis command documentation",
			Params:     []Param{strParam("command-name").optional().multiple()}, Fn: commandDocs,
		},
		{
			Name: "getkeys", Arity: -4, Flags: open, Since: "2.8.13",
			Complexity: "O(N) where N is the number of arguments to the command",
			Summary:    "Extract keys given a full Redis command", Fn: commandGetKeys,
		},
		{
			Name: "getkeysandflags", Arity: -4, Flags: open, Since: "7.0.0",
			Complexity: "O(N) where N is the number of arguments to the command",
			Summary:    "Extract keys and access flags given a full Redis command", Fn: commandGetKeysAndFlags,
		},
		{
			Name: "info", Arity: -2, Flags: open, Since: "2.8.13", Tips: []string{"nondeterministic_output_order"},
			Complexity: "O(N) where N is the number of commands to look up",
			Summary:    "Get array of specific Redis command details, or all when no argument is given.",
			History:    [][2]string{{"7.0.0", "Allowed to be called with no argument to get info on all commands."}},
			Params:     []Param{strParam("command-name").optional().multiple()}, Fn: commandInfo,
		},
		{
			Name: "list", Arity: -2, Flags: open, Since: "7.0.0", Tips: []string{"nondeterministic_output_order"},
			Complexity: "O(N) where N is the total number of Redis commands",
			Summary:    "Get an array of Redis command names",
			Params: []Param{{
				Name: "filterby", Type: TypeOneOf, Token: "FILTERBY", Optional: true, Sub: []Param{
					strParam("module-name").withToken("MODULE"),
					strParam("category").withToken("ACLCAT"),
					{Name: "pattern", Type: TypePattern, Token: "PATTERN"},
				},
			}},
			Fn: commandList,
		},
	})
	return []*Row{r}
}

// shownFlags are the names of the flags that COMMAND INFO shows, in its order. MayReplicate and TouchesArbitraryKeys are facts
// that Redis keeps to itself.
var shownFlags = []struct {
	flag Flag
	name string
}{
	{Write, "write"},
	{ReadOnly, "readonly"},
	{DenyOOM, "denyoom"},
	{Admin, "admin"},
	{PubSub, "pubsub"},
	{NoScript, "noscript"},
	{Blocking, "blocking"},
	{Loading, "loading"},
	{Stale, "stale"},
	{SkipMonitor, "skip_monitor"},
	{SkipSlowlog, "skip_slowlog"},
	{Asking, "asking"},
	{Fast, "fast"},
	{NoAuth, "no_auth"},
	{NoMandatoryKeys, "no_mandatory_keys"},
	{NoAsyncLoading, "no_async_loading"},
	{NoMulti, "no_multi"},
	{MovableKeys, "movablekeys"},
	{AllowBusy, "allow_busy"},
}

// aclCategories are all categories, in the order in which COMMAND INFO shows them.
var aclCategories = []string{
	"keyspace", "read", "write", "set", "sortedset", "list", "hash", "string", "bitmap", "hyperloglog", "geo", "stream",
	"pubsub", "admin", "fast", "slow", "blocking", "dangerous", "connection", "transaction", "scripting",
}

// ACLCategories are the row's categories without '@': those it names and those that its flags imply, by Redis's rules.
func (r *Row) ACLCategories() []string {
	implied := func(cat string) bool {
		switch cat {
		case "write":
			return r.Has(Write)
		case "read":
			return r.Has(ReadOnly) && !slices.Contains(r.ACL, "scripting")
		case "admin", "dangerous":
			return r.Has(Admin)
		case "pubsub":
			return r.Has(PubSub)
		case "blocking":
			return r.Has(Blocking)
		case "fast":
			return r.Has(Fast)
		case "slow":
			return !r.Has(Fast)
		}
		return false
	}
	var cats []string
	for _, cat := range aclCategories {
		if slices.Contains(r.ACL, cat) || implied(cat) {
			cats = append(cats, cat)
		}
	}
	return cats
}

// FlagNames are the names of the row's flags as COMMAND INFO shows them.
func (r *Row) FlagNames() []string {
	var names []string
	for _, f := range shownFlags {
		if r.Has(f.flag) {
			names = append(names, f.name)
		}
	}
	return names
}

func commandAll(c *Ctx) {
	rows := c.Table.Rows()
	c.Out.Array(len(rows))
	for _, r := range rows {
		c.writeInfo(r)
	}
}

// commandInfo is COMMAND INFO [name ...].
func commandInfo(c *Ctx) {
	names := c.Args[2:]
	if len(names) == 0 {
		commandAll(c)
		return
	}
	c.Out.Array(len(names))
	for _, name := range names {
		if r := c.Table.LookupName(string(name)); r != nil {
			c.writeInfo(r)
		} else {
			c.Out.Null()
		}
	}
}

// writeInfo writes one entry of COMMAND INFO: an array of ten.
func (c *Ctx) writeInfo(r *Row) {
	w := &c.Out
	w.Array(10)
	w.BulkString(r.full)
	w.Int(int64(r.Arity))
	c.writeStatusSet(r.FlagNames(), "")
	w.Int(int64(r.FirstKey))
	w.Int(int64(r.LastKey))
	w.Int(int64(r.KeyStep))
	c.writeStatusSet(r.ACLCategories(), "@")
	w.Set(len(r.Tips))
	for _, tip := range r.Tips {
		w.BulkString(tip)
	}
	w.Set(len(r.Specs))
	for i := range r.Specs {
		c.writeSpec(&r.Specs[i])
	}
	w.Set(len(r.Sub))
	for _, s := range r.Sub {
		c.writeInfo(s)
	}
}

func (c *Ctx) writeStatusSet(names []string, prefix string) {
	c.Out.Set(len(names))
	for _, n := range names {
		c.Out.Simple(prefix + n)
	}
}

// writeSpec writes one key specification: https://redis.io/docs/reference/key-specs
func (c *Ctx) writeSpec(s *KeySpec) {
	w := &c.Out
	if s.Notes == "" {
		w.Map(3)
	} else {
		w.Map(4)
		w.BulkString("notes")
		w.BulkString(s.Notes)
	}
	w.BulkString("flags")
	c.writeStatusSet(s.Flags.Names(nil), "")
	w.BulkString("begin_search")
	switch s.Search {
	case SearchIndex:
		c.specPart("index", 1)
		c.pair("index", s.Index)
	case SearchKeyword:
		c.specPart("keyword", 2)
		w.BulkString("keyword")
		w.BulkString(s.Keyword)
		c.pair("startfrom", s.StartFrom)
	default:
		c.specPart("unknown", 0)
	}
	w.BulkString("find_keys")
	switch s.Find {
	case FindRange:
		c.specPart("range", 3)
		c.pair("lastkey", s.LastKey)
		c.pair("keystep", s.KeyStep)
		c.pair("limit", s.Limit)
	case FindKeyNum:
		c.specPart("keynum", 3)
		c.pair("keynumidx", s.KeyNumIndex)
		c.pair("firstkey", s.FirstKeyN)
		c.pair("keystep", s.KeyStep)
	default:
		c.specPart("unknown", 0)
	}
}

// specPart begins one half of a key specification, whose spec has n pairs.
func (c *Ctx) specPart(kind string, n int) {
	c.Out.Map(2)
	c.Out.BulkString("type")
	c.Out.BulkString(kind)
	c.Out.BulkString("spec")
	c.Out.Map(n)
}

func (c *Ctx) pair(name string, v int) {
	c.Out.BulkString(name)
	c.Out.Int(int64(v))
}

// commandList is COMMAND LIST [FILTERBY MODULE name | ACLCAT category | PATTERN pattern]: names of commands and subcommands.
func commandList(c *Ctx) {
	keep := func(*Row) bool { return true }
	switch args := c.Args[2:]; {
	case len(args) == 0:
	case len(args) != 3 || !is(args[0], "filterby"):
		c.Out.Error(resp.ErrSyntax)
		return
	case is(args[1], "module"):
		keep = func(*Row) bool { return false } // there are no modules
	case is(args[1], "aclcat"):
		cat := strings.ToLower(string(args[2]))
		keep = func(r *Row) bool { return slices.Contains(r.ACLCategories(), cat) }
	case is(args[1], "pattern"):
		pattern := []byte(strings.ToLower(string(args[2]))) // names are in lower case
		keep = func(r *Row) bool { return globMatch(pattern, []byte(r.full)) }
	default:
		c.Out.Error(resp.ErrSyntax)
		return
	}
	var names []string
	for i := range c.Table.Len() {
		if r := c.Table.At(i); keep(r) {
			names = append(names, r.full)
		}
	}
	c.Out.Array(len(names))
	for _, n := range names {
		c.Out.BulkString(n)
	}
}

var commandHelp = []string{
	"(no subcommand)", "    Return details about all Redis commands.",
	"COUNT", "    Return the total number of commands in this Redis server.",
	"LIST", "    Return a list of all commands in this Redis server.",
	"INFO [<command-name> ...]", "    Return details about multiple Redis commands.",
	"    If no command names are given, documentation details for all", "    commands are returned.",
	"DOCS [<command-name> ...]", "    Return documentation details about multiple Redis commands.",
	"    If no command names are given, documentation details for all", "    commands are returned.",
	"GETKEYS <full-command>", "    Return the keys from a full Redis command.",
	"GETKEYSANDFLAGS <full-command>", "    Return the keys and the access flags from a full Redis command.",
}
