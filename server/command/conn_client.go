package command

import (
	"slices"
	"strconv"

	"ringcache/server/resp"
	"ringcache/server/store"
)

// Replies of CLIENT, as Redis words them.
const (
	errClientID     = "ERR Invalid client ID"
	errClientIDZero = "ERR client-id should be greater than 0"
	errNoSuchClient = "ERR No such client"
	errMaxAge       = "ERR maxage is not an integer or out of range"
	errMaxAgeZero   = "ERR maxage should be greater than 0"
)

// clientTypes are the kinds of connections that CLIENT LIST and CLIENT KILL can pick. Sessions here are all normal: nodes talk
// to each other over the bus, not over the client port.
var clientTypes = []string{"normal", "master", "replica", "slave", "pubsub"}

// clientRow is the container CLIENT: https://redis.io/docs/latest/commands/client/
func clientRow() *Row {
	const plain, admin = NoScript | Loading | Stale, Admin | NoScript | Loading | Stale
	onOff := []Param{oneOf("enabled", tokenParam("on", "ON"), tokenParam("off", "OFF"))}
	return container(&Row{
		Name: "client", Arity: -2, Group: "connection", Since: "2.4.0", Complexity: "Depends on subcommand.",
		Summary: "A container for client connection commands",
		Note:    "About the sessions of the node that answers.",
	}, []string{"connection"}, clientHelp, []*Row{
		{
			Name: "id", Arity: 2, Flags: plain, Since: "5.0.0", Complexity: "O(1)",
			Summary: "Returns the client ID for the current connection",
			Fn:      session(func(c *Ctx) { c.Out.Int(int64(c.Conn.ID())) }),
		},
		{
			Name: "info", Arity: 2, Flags: plain, Since: "6.2.0", Complexity: "O(1)",
			Tips:    []string{"nondeterministic_output"},
			Summary: "Returns information about the current client connection.",
			Fn: session(func(c *Ctx) {
				info := c.Conn.Info()
				c.Out.Verbatim("txt", string(appendClient(nil, &info)))
			}),
		},
		{
			Name: "list", Arity: -2, Flags: admin | Slow, Since: "2.4.0",
			Complexity: "O(N) where N is the number of client connections", Tips: []string{"nondeterministic_output"},
			Summary: "Get the list of client connections", History: clientListHistory,
			Params: []Param{
				{
					Name: "normal_master_replica_pubsub", Type: TypeOneOf, Token: "TYPE", Since: "5.0.0", Optional: true,
					Sub: []Param{
						tokenParam("normal", "NORMAL"), tokenParam("master", "MASTER"), tokenParam("replica", "REPLICA"),
						tokenParam("pubsub", "PUBSUB"),
					},
				},
				{
					Name: "id", Type: TypeBlock, Token: "ID", Since: "6.2.0", Optional: true,
					Sub: []Param{intParam("client-id").multiple()},
				},
			},
			Fn: clientList,
		},
		{
			Name: "getname", Arity: 2, Flags: plain, Since: "2.6.9", Complexity: "O(1)", Summary: "Get the current connection name",
			Fn: session(func(c *Ctx) {
				if name := c.Conn.Name(); name != "" {
					c.Out.BulkString(name)
				} else {
					c.Out.Null()
				}
			}),
		},
		{
			Name: "setname", Arity: 3, Flags: plain, Since: "2.6.9", Complexity: "O(1)", Summary: "Set the current connection name",
			Params: []Param{strParam("connection-name")},
			Fn: session(func(c *Ctx) {
				if !validName(c.Args[2]) {
					c.Out.Error(errClientName)
					return
				}
				c.Conn.SetName(string(c.Args[2]))
				c.Out.OK()
			}),
		},
		{
			Name: "setinfo", Arity: 4, Flags: plain, Since: "7.2.0", Complexity: "O(1)",
			Tips:    []string{"request_policy:all_nodes", "response_policy:all_succeeded"},
			Summary: "Sets information specific to the client or connection.",
			Params: []Param{oneOf("attr", strParam("libname").withToken("LIB-NAME"),
				strParam("libver").withToken("LIB-VER"))},
			Fn: session(clientSetInfo),
		},
		{
			Name: "kill", Arity: -3, Flags: admin | Slow, Since: "2.4.0",
			Complexity: "O(N) where N is the number of client connections", Summary: "Kill the connection of a client",
			History: clientKillHistory, Params: clientKillParams(), Fn: clientKill,
		},
		{
			Name: "reply", Arity: 3, Flags: plain, Since: "3.2.0", Complexity: "O(1)",
			Summary: "Instruct the server whether to reply to commands",
			Params: []Param{oneOf("on_off_skip", tokenParam("on", "ON"), tokenParam("off", "OFF"),
				tokenParam("skip", "SKIP"))},
			Fn: session(clientReply),
		},
		unblockRow(admin),
		{
			Name: "no-evict", Arity: 3, Flags: admin, Since: "7.0.0", Complexity: "O(1)", Params: onOff,
			Summary: "Set client eviction mode for the current connection",
			Fn:      session(func(c *Ctx) { c.onOff(c.Conn.SetNoEvict) }),
		},
		{
			Name: "no-touch", Arity: 3, Flags: plain, Since: "7.2.0", Complexity: "O(1)", Params: onOff,
			Summary: "Controls whether commands sent by the client affect the LRU/LFU of accessed keys.",
			Fn:      session(func(c *Ctx) { c.onOff(c.Conn.SetNoTouch) }),
		},
	})
}

// onOff calls set as the argument ON or OFF says.
func (c *Ctx) onOff(set func(bool)) {
	switch {
	case is(c.Args[2], "on"):
		set(true)
	case is(c.Args[2], "off"):
		set(false)
	default:
		c.Out.Error(resp.ErrSyntax)
		return
	}
	c.Out.OK()
}

// clientReply is CLIENT REPLY ON|OFF|SKIP. Only ON is answered.
func clientReply(c *Ctx) {
	switch {
	case is(c.Args[2], "on"):
		c.Conn.SetReplyMode(ReplyOn)
		c.Out.OK()
	case is(c.Args[2], "off"):
		c.Conn.SetReplyMode(ReplyOff)
	case is(c.Args[2], "skip"):
		c.Conn.SetReplyMode(ReplySkip)
	default:
		c.Out.Error(resp.ErrSyntax)
	}
}

func clientSetInfo(c *Ctx) {
	attr, value := c.Args[2], c.Args[3]
	isName := is(attr, "lib-name")
	if !isName && !is(attr, "lib-ver") {
		c.Out.Error("ERR Unrecognized option '" + string(attr) + "'")
		return
	}
	if !validName(value) {
		c.Out.Error("ERR " + string(attr) + " cannot contain spaces, newlines or special characters.")
		return
	}
	info := c.Conn.Info()
	if isName {
		c.Conn.SetLib(string(value), info.LibVer)
	} else {
		c.Conn.SetLib(info.LibName, string(value))
	}
	c.Out.OK()
}

// clientType resolves the argument of TYPE, or writes the error.
func (c *Ctx) clientType(arg []byte) (string, bool) {
	for _, t := range clientTypes {
		if is(arg, t) {
			if t == "slave" {
				t = "replica"
			}
			return t, true
		}
	}
	c.Out.Error("ERR Unknown client type '" + string(arg) + "'")
	return "", false
}

// clientList is CLIENT LIST [TYPE type] | [ID id ...].
func clientList(c *Ctx) {
	var clients []ClientInfo
	switch args := c.Args[2:]; {
	case len(args) == 0:
		clients = c.Node.Clients()
	case is(args[0], "type") && len(args) == 2:
		want, ok := c.clientType(args[1])
		if !ok {
			return
		}
		clients = slices.DeleteFunc(c.Node.Clients(), func(i ClientInfo) bool { return i.Type != want })
	case is(args[0], "id") && len(args) > 1:
		ids := make([]int64, 0, len(args)-1)
		for _, a := range args[1:] {
			id, ok := store.ParseInt(a)
			if !ok {
				c.Out.Error(errClientID)
				return
			}
			ids = append(ids, id)
		}
		for _, id := range ids {
			if i, ok := c.Node.Client(uint64(max(id, 0))); ok {
				clients = append(clients, i)
			}
		}
	default:
		c.Out.Error(resp.ErrSyntax)
		return
	}
	text := make([]byte, 0, len(clients)*clientLine)
	for i := range clients {
		text = appendClient(text, &clients[i])
	}
	c.Out.Verbatim("txt", string(text))
}

// clientLine is about how many bytes a line of CLIENT LIST has.
const clientLine = 320

// appendClient appends one line of CLIENT LIST: the fields of Redis 7.2, in its order. Those of features that this node does
// not have show what a session of Redis that uses none of them shows.
func appendClient(b []byte, i *ClientInfo) []byte {
	num := func(name string, v int64) {
		b = strconv.AppendInt(append(append(b, ' '), name...), v, 10)
	}
	str := func(name, v string) {
		b = append(append(append(b, ' '), name...), v...)
	}
	b = strconv.AppendUint(append(b, "id="...), i.ID, 10)
	str("addr=", i.Addr)
	str("laddr=", i.LAddr)
	num("fd=", int64(i.FD))
	str("name=", i.Name)
	num("age=", i.AgeSec)
	num("idle=", i.IdleSec)
	str("flags=", clientFlags(i))
	num("db=", int64(i.DB))
	str("sub=0 psub=0 ssub=0 multi=-1", "")
	num("qbuf=", int64(i.QBuf))
	num("qbuf-free=", int64(i.QBufFree))
	str("argv-mem=0 multi-mem=0 rbs=0 rbp=0", "")
	num("obl=", int64(i.OBL))
	num("oll=", int64(i.OLL))
	num("omem=", int64(i.OMem))
	num("tot-mem=", int64(i.TotMem))
	str("events=", i.Events)
	cmd := i.Cmd
	if cmd == "" {
		cmd = "NULL"
	}
	str("cmd=", cmd)
	str("user=", i.User)
	num("redir=", -1)
	num("resp=", int64(i.Proto))
	str("lib-name=", i.LibName)
	str("lib-ver=", i.LibVer)
	return append(b, '\n')
}

// clientFlags is the flags field: N stands for none.
func clientFlags(i *ClientInfo) string {
	f := i.Flags
	if f == "N" {
		f = ""
	}
	if i.NoEvict {
		f += "e"
	}
	if i.NoTouch {
		f += "T"
	}
	if f == "" {
		return "N"
	}
	return f
}

var clientListHistory = [][2]string{
	{"2.8.12", "Added unique client `id` field."},
	{"5.0.0", "Added optional `TYPE` filter."},
	{"6.0.0", "Added `user` field."},
	{"6.2.0", "Added `argv-mem`, `tot-mem`, `laddr` and `redir` fields and the optional `ID` filter."},
	{"7.0.0", "Added `resp`, `multi-mem`, `rbs` and `rbp` fields."},
	{"7.0.3", "Added `ssub` field."},
}

var clientHelp = []string{
	"GETNAME", "    Return the name of the current connection.",
	"ID", "    Return the ID of the current connection.",
	"INFO", "    Return information about the current client connection.",
	"KILL <ip:port>", "    Kill connection made from <ip:port>.",
	"KILL <option> <value> [<option> <value> [...]]", "    Kill connections. Options are:",
	"    * ADDR (<ip:port>|<unixsocket>:0)", "      Kill connections made from the specified address",
	"    * LADDR (<ip:port>|<unixsocket>:0)", "      Kill connections made to specified local address",
	"    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)", "      Kill connections by type.",
	"    * USER <username>", "      Kill connections authenticated by <username>.",
	"    * SKIPME (YES|NO)", "      Skip killing current connection (default: yes).",
	"    * ID <client-id>", "      Kill the connection with this id.",
	"    * MAXAGE <seconds>", "      Kill connections at least so many seconds old.",
	"LIST [options ...]", "    Return information about client connections. Options:",
	"    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)", "      Return clients of specified type.",
	"    * ID <client-id> [<client-id> ...]", "      Return the clients with these ids.",
	"REPLY (ON|OFF|SKIP)", "    Control the replies sent to the current connection.",
	"SETINFO (LIB-NAME|LIB-VER) <value>", "    Set the name or the version of the client library of the current connection.",
	"SETNAME <name>", "    Assign the name <name> to the current connection.",
	"UNBLOCK <clientid> [TIMEOUT|ERROR]", "    Unblock the specified blocked client.",
	"NO-EVICT (ON|OFF)", "    Protect current client connection from eviction.",
	"NO-TOUCH (ON|OFF)", "    Keep the current connection's reads from counting as use of the keys.",
}
