package command

import (
	"math"

	"ringcache/server/resp"
	"ringcache/server/store"
)

// killFilter is what CLIENT KILL's options ask for; the zero value of a field asks for nothing.
type killFilter struct {
	id          uint64
	typ         string
	user        string
	addr, laddr string
	maxAgeSec   int64
	keepSelf    bool
}

func (f *killFilter) matches(i *ClientInfo, self uint64) bool {
	switch {
	case f.id != 0 && i.ID != f.id,
		f.typ != "" && i.Type != f.typ,
		f.user != "" && i.User != f.user,
		f.addr != "" && i.Addr != f.addr,
		f.laddr != "" && i.LAddr != f.laddr,
		f.maxAgeSec != 0 && i.AgeSec < f.maxAgeSec,
		f.keepSelf && i.ID == self:
		return false
	}
	return true
}

// clientKill is CLIENT KILL addr:port, or CLIENT KILL with options, each with its value.
func clientKill(c *Ctx) {
	var f killFilter
	old := len(c.Args) == 3
	if old {
		f.addr = string(c.Args[2])
	} else if f.keepSelf = true; !c.parseKill(&f) {
		return
	}
	var self uint64
	if c.Conn != nil {
		self = c.Conn.ID()
	}
	n := c.Node.KillClients(func(i *ClientInfo) bool { return f.matches(i, self) }, self)
	switch {
	case !old:
		c.Out.Int(int64(n))
	case n == 0:
		c.Out.Error(errNoSuchClient)
	default:
		c.Out.OK()
	}
}

// parseKill reads the options of CLIENT KILL, or writes the error.
func (c *Ctx) parseKill(f *killFilter) bool {
	args := c.Args[2:]
	for ; len(args) >= 2; args = args[2:] {
		opt, v := args[0], args[1]
		switch {
		case is(opt, "id"):
			id, ok := store.ParseInt(v)
			if !ok || id < 1 {
				c.Out.Error(errClientIDZero)
				return false
			}
			f.id = uint64(id)
		case is(opt, "type"):
			var ok bool
			if f.typ, ok = c.clientType(v); !ok {
				return false
			}
		case is(opt, "user"):
			if string(v) != DefaultUser {
				c.Out.Error("ERR No such user '" + string(v) + "'")
				return false
			}
			f.user = DefaultUser
		case is(opt, "addr"):
			f.addr = string(v)
		case is(opt, "laddr"):
			f.laddr = string(v)
		case is(opt, "skipme") && is(v, "yes"):
			f.keepSelf = true
		case is(opt, "skipme") && is(v, "no"):
			f.keepSelf = false
		case is(opt, "maxage"):
			age, ok := store.ParseInt(v)
			switch {
			case !ok || age > math.MaxInt32:
				c.Out.Error(errMaxAge)
				return false
			case age <= 0:
				c.Out.Error(errMaxAgeZero)
				return false
			}
			f.maxAgeSec = age
		default:
			c.Out.Error(resp.ErrSyntax)
			return false
		}
	}
	if len(args) != 0 {
		c.Out.Error(resp.ErrSyntax)
		return false
	}
	return true
}

var clientKillHistory = [][2]string{
	{"2.8.12", "Added new filter format."},
	{"2.8.12", "`ID` option."},
	{"3.2.0", "Added `master` type in for `TYPE` option."},
	{"5.0.0", "Replaced `slave` `TYPE` with `replica`. `slave` still supported for backward compatibility."},
	{"6.2.0", "`LADDR` option."},
}

func clientKillParams() []Param {
	old := strParam("ip:port")
	old.DeprecatedSince = "2.8.12"
	return []Param{oneOf("filter", old, Param{
		Name: "new-format", Type: TypeOneOf, Multiple: true, Sub: []Param{
			intParam("client-id").withToken("ID").since("2.8.12").optional(),
			{
				Name: "normal_master_slave_pubsub", Type: TypeOneOf, Token: "TYPE", Since: "2.8.12", Optional: true,
				Sub: []Param{
					tokenParam("normal", "NORMAL"), tokenParam("master", "MASTER").since("3.2.0"), tokenParam("slave", "SLAVE"),
					tokenParam("replica", "REPLICA").since("5.0.0"), tokenParam("pubsub", "PUBSUB"),
				},
			},
			strParam("username").withToken("USER").optional(),
			strParam("ip:port").withToken("ADDR").optional(),
			strParam("ip:port").withToken("LADDR").since("6.2.0").optional(),
			strParam("yes/no").withToken("SKIPME").optional(),
		},
	})}
}
