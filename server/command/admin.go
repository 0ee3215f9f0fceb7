package command

import (
	"strconv"
	"time"

	"ringcache/server/resp"
	"ringcache/server/store"
)

// Replies of the server family, as Redis words them.
const (
	errShutdownAbort = "ERR No shutdown in progress."
	errShutdownSave  = "ERR Errors trying to SHUTDOWN. Check logs."
	errNotDouble     = "ERR value is not a valid float"
)

// serverRows are the commands about the node: group "server", but for COMMAND (see introspectRows) and those of the keyspace.
func serverRows() []*Row {
	return []*Row{
		infoRow(),
		roleRow(),
		configRow(),
		memoryRow(),
		debugRow(),
		{
			Name: "time", Arity: 1, Flags: Loading | Stale | Fast, Tips: []string{"nondeterministic_output"},
			Group: "server", Since: "2.6.0", Complexity: "O(1)", Summary: "Return the current server time",
			Note:  "The clock of the node that answers.",
			Route: Here, Fn: timeOfDay,
		},
		{
			Name: "shutdown", Arity: -1, Flags: Admin | NoScript | Loading | Stale | NoMulti | AllowBusy,
			Group: "server", Since: "1.0.0", Summary: "Synchronously save the dataset to disk and then shut down the server",
			Complexity: "O(N) when saving, where N is the total number of keys in all databases when saving data, otherwise O(1)",
			History:    [][2]string{{"7.0.0", "Added the `NOW`, `FORCE` and `ABORT` modifiers."}},
			Params: []Param{
				oneOf("nosave_save", tokenParam("nosave", "NOSAVE"), tokenParam("save", "SAVE")).optional(),
				tokenParam("now", "NOW").since("7.0.0").optional(),
				tokenParam("force", "FORCE").since("7.0.0").optional(),
				tokenParam("abort", "ABORT").since("7.0.0").optional(),
			},
			Note: "Stops the node that answers, which hands its slots over first. Nothing is saved, the copies are on other " +
				"nodes: SAVE is refused unless FORCE is given too.",
			Route: Here, Fn: shutdown,
		},
	}
}

// container completes a container of subcommands: subs get its group, the ACL categories acl and, where they have no keys, the
// route Here. help is the text of its HELP, without the frame that all containers share.
func container(r *Row, acl, help []string, subs []*Row) *Row {
	subs = append(subs, &Row{
		Name: "help", Arity: 2, Flags: Loading | Stale, Since: "5.0.0", Complexity: "O(1)",
		Summary: "Show helpful text about the different subcommands",
		Fn:      func(c *Ctx) { c.help(upper(r.Name), help) },
	})
	for _, s := range subs {
		s.Group = r.Group
		s.ACL = append(s.ACL, acl...)
		if s.FirstKey == 0 && s.Keys == nil {
			s.Route = Here
		}
	}
	r.Sub, r.Route = subs, Here
	return r
}

// subSince sets since when a container's subcommand exists.
func subSince(r *Row, sub, since string) *Row {
	for _, s := range r.Sub {
		if s.Name == sub {
			s.Since = since
		}
	}
	return r
}

func timeOfDay(c *Ctx) {
	// The clock of the command has milliseconds; the microseconds below them come from the node's clock.
	now := time.Now().UnixMicro()
	c.Out.Array(2)
	c.Out.BulkInt(now / 1e6)
	c.Out.BulkInt(now % 1e6)
}

// shutdown is SHUTDOWN [NOSAVE|SAVE] [NOW] [FORCE] [ABORT]. It is not answered when it is obeyed: the connection closes.
func shutdown(c *Ctx) {
	var save, nosave, now, force, abort bool
	for _, a := range c.Args[1:] {
		switch {
		case is(a, "nosave"):
			nosave = true
		case is(a, "save"):
			save = true
		case is(a, "now"):
			now = true
		case is(a, "force"):
			force = true
		case is(a, "abort"):
			abort = true
		default:
			c.Out.Error(resp.ErrSyntax)
			return
		}
	}
	switch {
	case abort && (save || nosave || now || force) || save && nosave:
		c.Out.Error(resp.ErrSyntax)
	case abort:
		c.Out.Error(errShutdownAbort)
	case save && !force:
		c.Out.Error(errShutdownSave)
	default:
		if c.Conn != nil {
			c.Conn.CloseAfterReply()
		}
		c.Node.Shutdown(now)
	}
}

// configRow is the container CONFIG. What can be read and set is the node's matter.
func configRow() *Row {
	const admin = Admin | NoScript | Loading | Stale
	return container(&Row{
		Name: "config", Arity: -2, Group: "server", Since: "2.0.0", Complexity: "Depends on subcommand.",
		Summary: "A container for server configuration commands",
		Note:    "Settings of the node that answers, by the names of its flags and by Redis's where they mean the same.",
	}, nil, configHelp, []*Row{
		{
			Name: "get", Arity: -3, Flags: admin, Since: "2.0.0", Summary: "Get the values of configuration parameters",
			Complexity: "O(N) when N is the number of configuration parameters provided",
			History:    [][2]string{{"7.0.0", "Added the ability to pass multiple pattern parameters in one call"}},
			Params:     []Param{{Name: "parameter", Type: TypeBlock, Multiple: true, Sub: []Param{strParam("parameter")}}},
			Fn:         configGet,
		},
		{
			Name: "set", Arity: -4, Flags: admin, Since: "2.0.0", Summary: "Set configuration parameters to the given values",
			Complexity: "O(N) when N is the number of configuration parameters provided",
			Tips:       []string{"request_policy:all_nodes", "response_policy:all_succeeded"},
			History:    [][2]string{{"7.0.0", "Added the ability to set multiple parameters in one call."}},
			Params: []Param{{
				Name: "parameter_value", Type: TypeBlock, Multiple: true,
				Sub: []Param{strParam("parameter"), strParam("value")},
			}},
			Fn: configSet,
		},
		{
			Name: "resetstat", Arity: 2, Flags: admin, Since: "2.0.0", Complexity: "O(1)",
			Summary: "Reset the stats returned by INFO",
			Fn:      func(c *Ctx) { c.Node.ConfigResetStat(); c.Out.OK() },
		},
		{
			Name: "rewrite", Arity: 2, Flags: admin, Since: "2.8.0", Complexity: "O(1)",
			Summary: "Rewrite the configuration file with the in memory configuration",
			Fn:      func(c *Ctx) { c.done(c.Node.ConfigRewrite()) },
		},
	})
}

// done answers OK, or err's text.
func (c *Ctx) done(err error) {
	if err != nil {
		c.Out.Error(err.Error())
		return
	}
	c.Out.OK()
}

func configGet(c *Ctx) {
	patterns := make([]string, 0, len(c.Args)-2)
	for _, a := range c.Args[2:] {
		patterns = append(patterns, string(a))
	}
	pairs := c.Node.ConfigGet(patterns)
	c.Out.Map(len(pairs))
	for i := range pairs {
		c.Out.BulkString(pairs[i][0])
		c.Out.BulkString(pairs[i][1])
	}
}

func configSet(c *Ctx) {
	args := c.Args[2:]
	if len(args)%2 != 0 {
		c.Out.Error(resp.ErrSyntax)
		return
	}
	pairs := make([][2]string, 0, len(args)/2)
	for ; len(args) > 0; args = args[2:] {
		pairs = append(pairs, [2]string{string(args[0]), string(args[1])})
	}
	c.done(c.Node.ConfigSet(pairs))
}

// memoryRow is the container MEMORY.
func memoryRow() *Row {
	return subSince(container(&Row{
		Name: "memory", Arity: -2, Group: "server", Since: "4.0.0", Complexity: "Depends on subcommand.",
		Summary: "A container for memory diagnostics commands",
		Note:    "USAGE only; INFO memory has the node's figures.",
	}, nil, memoryHelp, []*Row{{
		Name: "usage", Arity: -3, Flags: ReadOnly, Since: "4.0.0", Complexity: "O(N) where N is the number of samples.",
		FirstKey: 2, LastKey: 2, KeyStep: 1, Specs: []KeySpec{oneKeySpec(KeyRO, 2)},
		Summary: "Estimate the memory usage of a key",
		Params:  []Param{keyParam("key", 0), intParam("count").withToken("SAMPLES").optional()},
		Note:    "An estimate of this engine's own layout.",
		Fn:      memoryUsage,
	}}), "help", "4.0.0")
}

func memoryUsage(c *Ctx) {
	for i := 3; i < len(c.Args); i += 2 {
		if !is(c.Args[i], "samples") || i+1 == len(c.Args) {
			c.Out.Error(resp.ErrSyntax)
			return
		}
		n, ok := store.ParseInt(c.Args[i+1])
		if !ok {
			c.Out.Error(resp.ErrNotInteger)
			return
		}
		if n < 0 {
			c.Out.Error(resp.ErrSyntax)
			return
		}
	}
	it := c.peek(c.ref(2))
	if !it.Exists() {
		c.Out.Null()
		return
	}
	c.Out.Int(int64(it.Size()))
}

// debugRow is the container DEBUG, with what tests and tools use of it.
func debugRow() *Row {
	const debug = Admin | NoScript | Loading | Stale
	return container(&Row{
		Name: "debug", Arity: -2, Flags: debug, Group: "server", Since: "1.0.0",
		Complexity: "Depends on subcommand.", Summary: "A container for debugging commands", SysCmd: true,
		Note: "OBJECT and SLEEP only. SLEEP delays its own session, not the node.",
	}, nil, debugHelp, []*Row{
		{
			Name: "object", Arity: 3, Flags: debug, Since: "1.0.0", Complexity: "O(1)",
			FirstKey: 2, LastKey: 2, KeyStep: 1, Specs: []KeySpec{oneKeySpec(KeyRO, 2)},
			Summary: "Show low level info about a key and its value", Params: []Param{keyParam("key", 0)},
			Fn: debugObject,
		},
		{
			Name: "sleep", Arity: 3, Flags: debug | Slow, Since: "1.0.0", Complexity: "O(1)",
			Summary: "Delay the reply", Params: []Param{{Name: "seconds", Type: TypeDouble}},
			Fn: debugSleep,
		},
	})
}

// debugObject answers in Redis's form, which tools cut at spaces and colons.
func debugObject(c *Ctx) {
	it := c.peek(c.ref(2))
	if !it.Exists() {
		c.Out.Error(resp.ErrNoSuchKey)
		return
	}
	idle := it.Idle(c.Now)
	b := append(make([]byte, 0, 128), "Value at:0x0 refcount:1 encoding:"...)
	b = append(b, it.Encoding().String()...)
	b = strconv.AppendInt(append(b, " serializedlength:"...), int64(serializedLength(it)), 10)
	b = strconv.AppendInt(append(b, " lru:"...), (c.Now/1000-idle)&(1<<24-1), 10)
	b = strconv.AppendInt(append(b, " lru_seconds_idle:"...), idle, 10)
	c.Out.Simple(string(b))
}

// serializedLength is how many bytes Redis's file format would spend on the value, uncompressed: small integers take 2, 3 or
// 5, strings their length and a prefix of 1, 2 or 5.
func serializedLength(it store.Item) int {
	if it.Type() != store.TypeString {
		return len(appendValue(nil, it)) - 1 // without the code
	}
	n := it.Len()
	if v, ok := it.Int(); ok && n <= 11 {
		switch {
		case v == int64(int8(v)):
			return 2
		case v == int64(int16(v)):
			return 3
		case v == int64(int32(v)):
			return 5
		}
	}
	switch {
	case n < 1<<6:
		return n + 1
	case n < 1<<14:
		return n + 2
	default:
		return n + 5
	}
}

// debugSleepMax bounds DEBUG SLEEP: it holds one worker goroutine.
const debugSleepMax = 10 * time.Minute

// debugSleep is DEBUG SLEEP seconds. It ends early when the node stops.
func debugSleep(c *Ctx) {
	sec, err := strconv.ParseFloat(string(c.Args[2]), 64)
	if err != nil || sec != sec || sec < 0 {
		c.Out.Error(errNotDouble)
		return
	}
	d := debugSleepMax
	if sec < debugSleepMax.Seconds() {
		d = time.Duration(sec * float64(time.Second))
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.Node.Stopping():
	}
	c.Out.OK()
}

var configHelp = []string{
	"GET <pattern>", "    Return parameters matching the glob-like <pattern> and their values.",
	"SET <directive> <value>", "    Set the configuration <directive> to <value>.",
	"RESETSTAT", "    Reset statistics reported by the INFO command.",
	"REWRITE", "    Rewrite the configuration file.",
}

var memoryHelp = []string{
	"USAGE <key> [SAMPLES <count>]", "    Return memory in bytes used by <key> and its value. Nested values are",
	"    sampled up to <count> times (default: 5, 0 means sample all).",
}

var debugHelp = []string{
	"OBJECT <key>", "    Show low level info about `key` and associated value.",
	"SLEEP <seconds>", "    Answer after <seconds>. Decimals allowed. Only this connection waits.",
}

// upper is strings.ToUpper for the ASCII names of commands.
func upper(s string) string {
	b := []byte(s)
	for i, ch := range b {
		if 'a' <= ch && ch <= 'z' {
			b[i] = ch - 'a' + 'A'
		}
	}
	return string(b)
}
