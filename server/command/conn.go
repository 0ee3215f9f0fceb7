package command

import (
	"ringcache/server/resp"
	"ringcache/server/store"
)

// serverMode is what HELLO and INFO call this node: Redis's word for a node of a cluster. docs/decisions/0010 says why.
const serverMode = "cluster"

// DefaultUser is the only user there is: the one that --requirepass gives a password.
const DefaultUser = "default"

// Replies of the connection family, as Redis words them.
const (
	errNoPassSet = "ERR AUTH <password> called without any password configured for the default user. " +
		"Are you sure your configuration is correct?"
	errHelloProto = "ERR Protocol version is not an integer or out of range"
	errHelloAuth  = "NOAUTH HELLO must be called with the client already authenticated, otherwise the " +
		"HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol " +
		"version at the same time"
	errClientName = "ERR Client names cannot contain spaces, newlines or special characters."
	errNoSession  = "ERR this command needs a client connection"
)

// beforeLogin are the flags of the commands that make a session: they work at any time, even before login.
const beforeLogin = NoScript | Loading | Stale | Fast | NoAuth | AllowBusy

// connRows are the commands about the session itself, group "connection", and those of the cluster group that set a state
// of the session.
func connRows() []*Row {
	conn := []string{"connection"}
	return []*Row{
		{
			Name: "ping", Arity: -1, Flags: Fast, ACL: conn,
			Tips:  []string{"request_policy:all_shards", "response_policy:all_succeeded"},
			Group: "connection", Since: "1.0.0", Complexity: "O(1)", Summary: "Ping the server",
			Params: []Param{strParam("message").optional()}, Route: Here, Fn: ping,
		},
		{
			Name: "echo", Arity: 2, Flags: Loading | Stale | Fast, ACL: conn,
			Group: "connection", Since: "1.0.0", Complexity: "O(1)", Summary: "Echo the given string",
			Params: []Param{strParam("message")}, Route: Here, Fn: func(c *Ctx) { c.Out.Bulk(c.Args[1]) },
		},
		{
			Name: "hello", Arity: -1, Flags: beforeLogin, ACL: conn,
			Group: "connection", Since: "6.0.0", Complexity: "O(1)", Summary: "Handshake with Redis",
			History: [][2]string{{"6.2.0", "`protover` made optional; when called without arguments the command reports " +
				"the current connection's context."}},
			Params: []Param{{
				Name: "arguments", Type: TypeBlock, Optional: true, Sub: []Param{
					intParam("protover"),
					{
						Name: "username_password", Type: TypeBlock, Token: "AUTH", Optional: true,
						Sub: []Param{strParam("username"), strParam("password")},
					},
					strParam("clientname").withToken("SETNAME").optional(),
				},
			}},
			Route: Here, Fn: hello,
		},
		{
			Name: "auth", Arity: -2, Flags: beforeLogin, ACL: conn,
			Group: "connection", Since: "1.0.0", Complexity: "O(N) where N is the number of passwords defined for the user",
			Summary: "Authenticate to the server", History: [][2]string{{"6.0.0", "Added ACL style (username and password)."}},
			Params: []Param{strParam("username").since("6.0.0").optional(), strParam("password")},
			Note:   "The only user is default.",
			Route:  Here, Fn: auth,
		},
		{
			Name: "select", Arity: 2, Flags: Loading | Stale | Fast, ACL: conn,
			Group: "connection", Since: "1.0.0", Complexity: "O(1)",
			Summary: "Change the selected database for the current connection", Params: []Param{intParam("index")},
			Note:  "All 16 databases work in a cluster too.",
			Route: Here, Fn: selectDB,
		},
		{
			Name: "quit", Arity: -1, Flags: beforeLogin, ACL: conn,
			Group: "connection", Since: "1.0.0", Complexity: "O(1)", Summary: "Close the connection",
			Route: Here, Fn: session(func(c *Ctx) { c.Out.OK(); c.Conn.CloseAfterReply() }),
		},
		{
			Name: "reset", Arity: 1, Flags: beforeLogin, ACL: conn,
			Group: "connection", Since: "6.2.0", Complexity: "O(1)", Summary: "Reset the connection",
			Route: Here, Fn: session(func(c *Ctx) {
				c.Conn.Reset()
				c.Out.Proto = 2
				c.Out.Simple("RESET")
			}),
		},
		clientRow(),
		{
			Name: "readonly", Arity: 1, Flags: Loading | Stale | Fast, ACL: conn,
			Group: "cluster", Since: "3.0.0", Complexity: "O(1)",
			Summary: "Enables read queries for a connection to a cluster replica node",
			Note: "Reads of one key, or of several that this node all has, are answered from its copies where they are live: at most " +
				"three quarters of --node-timeout older than what the primary has. All else goes to the primary.",
			Route: Here, Fn: session(func(c *Ctx) { c.Conn.SetReadOnly(true); c.Out.OK() }),
		},
		{
			Name: "readwrite", Arity: 1, Flags: Loading | Stale | Fast, ACL: conn,
			Group: "cluster", Since: "3.0.0", Complexity: "O(1)",
			Summary: "Disables read queries for a connection to a cluster replica node",
			Route:   Here, Fn: session(func(c *Ctx) { c.Conn.SetReadOnly(false); c.Out.OK() }),
		},
		{
			Name: "asking", Arity: 1, Flags: Fast, ACL: conn,
			Group: "cluster", Since: "3.0.0", Complexity: "O(1)", Summary: "Sent by cluster clients after an -ASK redirect",
			Note:  "Accepted and without effect that shows: no node answers -ASK.",
			Route: Here, Fn: session(func(c *Ctx) { c.Conn.SetAsking(); c.Out.OK() }),
		},
	}
}

// session wraps a handler that needs c.Conn: a command that came over the bus has none, and is refused.
func session(fn Func) Func {
	return func(c *Ctx) {
		if c.Conn == nil {
			c.Out.Error(errNoSession)
			return
		}
		fn(c)
	}
}

func ping(c *Ctx) {
	switch len(c.Args) {
	case 1:
		c.Out.Simple("PONG")
	case 2:
		c.Out.Bulk(c.Args[1])
	default:
		c.Out.Error("ERR wrong number of arguments for 'ping' command")
	}
}

func selectDB(c *Ctx) {
	db, ok := c.int32Arg(1)
	switch {
	case !ok:
	case db < 0 || db >= store.Databases:
		c.Out.Error(resp.ErrDBIndex)
	default:
		if c.Conn != nil {
			c.Conn.SetDB(db)
		}
		c.Out.OK()
	}
}

func auth(c *Ctx) {
	var user, pass string
	switch len(c.Args) {
	case 2:
		if !c.Node.PasswordSet() {
			c.Out.Error(errNoPassSet)
			return
		}
		user, pass = DefaultUser, string(c.Args[1])
	case 3:
		user, pass = string(c.Args[1]), string(c.Args[2])
	default:
		c.Out.Error(resp.ErrSyntax)
		return
	}
	if c.login(user, pass) {
		c.Out.OK()
	}
}

// login authenticates the session, or writes the error and reports false.
func (c *Ctx) login(user, pass string) bool {
	if user != DefaultUser || c.Node.PasswordSet() && !c.Node.CheckPassword(user, pass) {
		c.Out.Error(resp.ErrWrongPass)
		return false
	}
	if c.Conn != nil {
		c.Conn.SetAuthenticated(user)
	}
	return true
}

// hello is HELLO [proto [AUTH user password] [SETNAME name]]: https://redis.io/docs/latest/commands/hello/. Nothing of the
// session changes when any part of it is refused, except that AUTH, once right, holds.
var hello = session(func(c *Ctx) {
	var proto int64
	if len(c.Args) > 1 {
		var ok bool
		if proto, ok = store.ParseInt(c.Args[1]); !ok {
			c.Out.Error(errHelloProto)
			return
		}
		if proto != 2 && proto != 3 {
			c.Out.Error(resp.ErrNoProto)
			return
		}
	}
	var name []byte
	var user, pass string
	withAuth, withName := false, false
	for i := 2; i < len(c.Args); i++ {
		left := len(c.Args) - 1 - i
		switch {
		case is(c.Args[i], "auth") && left >= 2:
			user, pass, withAuth = string(c.Args[i+1]), string(c.Args[i+2]), true
			i += 2
		case is(c.Args[i], "setname") && left >= 1:
			name, withName = c.Args[i+1], true
			if !validName(name) {
				c.Out.Error(errClientName)
				return
			}
			i++
		default:
			c.Out.Error("ERR Syntax error in HELLO option '" + string(c.Args[i]) + "'")
			return
		}
	}
	if withAuth && !c.login(user, pass) {
		return
	}
	if !c.Conn.Authenticated() {
		c.Out.Error(errHelloAuth)
		return
	}
	if withName {
		c.Conn.SetName(string(name))
	}
	if proto != 0 {
		c.Conn.SetProto(int(proto))
		c.Out.Proto = int(proto)
	}
	c.writeHello()
})

// writeHello writes the map of HELLO. Server and version are what clients compare with Redis's.
func (c *Ctx) writeHello() {
	w := &c.Out
	w.Map(7)
	w.BulkString("server")
	w.BulkString("redis")
	w.BulkString("version")
	w.BulkString(CompatVersion)
	w.BulkString("proto")
	w.Int(int64(max(w.Proto, 2)))
	w.BulkString("id")
	w.Int(int64(c.Conn.ID()))
	w.BulkString("mode")
	w.BulkString(serverMode)
	w.BulkString("role")
	w.BulkString("master")
	w.BulkString("modules")
	w.Array(0)
}

// validName reports whether b may name a session or a library: printable ASCII without the space, so that the lines of
// CLIENT LIST can be cut at spaces.
func validName(b []byte) bool {
	for _, ch := range b {
		if ch < '!' || ch > '~' {
			return false
		}
	}
	return true
}
