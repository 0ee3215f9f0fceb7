package command

import (
	"ringcache/server/resp"
	"ringcache/server/store"
)

// setOptions are the options of SET and GETEX. (SET: NX XX GET and one of EX PX EXAT PXAT KEEPTTL; GETEX: one of EX PX EXAT PXAT
// PERSIST.)
type setOptions struct {
	nx, xx, get, keepTTL, persist bool
	unit                          expiryUnit
	expiry                        int // position of the expiry's number; 0 = none
}

// options reads the arguments from position i on; it replies the error where they make no sense. What excludes what, and that an
// option may be given twice, is as in Redis.
func (c *Ctx) options(i int, getex bool) (o setOptions, ok bool) {
	for ; i < len(c.Args); i++ {
		arg := c.Args[i]
		last := i == len(c.Args)-1
		unit, isUnit := expiryOption(arg)
		switch {
		case !getex && is(arg, "nx") && !o.xx:
			o.nx = true
		case !getex && is(arg, "xx") && !o.nx:
			o.xx = true
		case !getex && is(arg, "get"):
			o.get = true
		case !getex && is(arg, "keepttl") && o.expiry == 0:
			o.keepTTL = true
		case getex && is(arg, "persist") && o.expiry == 0:
			o.persist = true
		case isUnit && !last && !o.keepTTL && !o.persist && (o.expiry == 0 || o.unit == unit):
			i++
			o.unit, o.expiry = unit, i
		default:
			c.Out.Error(resp.ErrSyntax)
			return o, false
		}
	}
	return o, true
}

func expiryOption(arg []byte) (expiryUnit, bool) {
	switch {
	case is(arg, "ex"):
		return afterSeconds, true
	case is(arg, "px"):
		return afterMillis, true
	case is(arg, "exat"):
		return atSeconds, true
	case is(arg, "pxat"):
		return atMillis, true
	}
	return 0, false
}

// stringSet is SET: https://redis.io/docs/latest/commands/set/
func stringSet(c *Ctx) {
	r := c.ref(1)
	if len(c.Args) == 3 {
		c.set(r, c.find(r), c.Args[2], 0)
		c.Out.OK()
		return
	}
	o, ok := c.options(3, false)
	if !ok {
		return
	}
	var at int64
	if o.expiry != 0 {
		if at, ok = c.expiryArg(o.expiry, o.unit); !ok {
			return
		}
	}
	var it store.Item
	if o.get {
		if it = c.read(r); !c.value(it) {
			return
		}
	} else {
		it = c.find(r)
	}
	if o.nx && it.Exists() || o.xx && !it.Exists() {
		if !o.get {
			c.Out.Null()
		}
		return
	}
	if o.keepTTL && it.Exists() {
		at = it.ExpireAt()
	}
	c.byValue()
	c.set(r, it, c.Args[2], at)
	if !o.get {
		c.Out.OK()
	}
}

// value replies the string that an item holds, or null; of another type it replies the error, and false.
func (c *Ctx) value(it store.Item) (ok bool) {
	switch {
	case c.wrongType(it, store.TypeString):
		return false
	case it.Exists():
		c.Out.Bulk(it.Value())
	default:
		c.Out.Null()
	}
	return true
}

// stringGet is GET: https://redis.io/docs/latest/commands/get/
func stringGet(c *Ctx) { c.value(c.read(c.ref(1))) }

// stringGetex is GETEX: https://redis.io/docs/latest/commands/getex/
func stringGetex(c *Ctx) {
	o, ok := c.options(2, true)
	if !ok {
		return
	}
	r := c.ref(1)
	it := c.read(r)
	if !it.Exists() {
		c.Out.Null()
		return
	}
	if c.wrongType(it, store.TypeString) {
		return
	}
	var at int64
	if o.expiry != 0 {
		if at, ok = c.expiryArg(o.expiry, o.unit); !ok {
			return
		}
	}
	c.Out.Bulk(it.Value())
	c.byValue()
	switch {
	case o.expiry != 0 && !o.unit.relative() && c.passed(at):
		c.del(r, it)
	case o.expiry != 0 || o.persist && it.ExpireAt() != 0:
		c.expireAt(r, it, at)
	}
}

// stringGetdel is GETDEL: https://redis.io/docs/latest/commands/getdel/
func stringGetdel(c *Ctx) {
	r := c.ref(1)
	it := c.read(r)
	if c.value(it) && it.Exists() {
		c.del(r, it)
	}
}

// stringGetset is GETSET: https://redis.io/docs/latest/commands/getset/
func stringGetset(c *Ctx) {
	r := c.ref(1)
	it := c.read(r)
	if c.value(it) {
		c.set(r, it, c.Args[2], 0)
	}
}

// stringSetnx is SETNX: https://redis.io/docs/latest/commands/setnx/
func stringSetnx(c *Ctx) {
	r := c.ref(1)
	it := c.find(r)
	if it.Exists() {
		c.Out.Int(0)
		return
	}
	c.set(r, it, c.Args[2], 0)
	c.Out.Int(1)
}

// stringSetex is SETEX: https://redis.io/docs/latest/commands/setex/
func stringSetex(c *Ctx) { c.setWithExpiry(afterSeconds) }

// stringPsetex is PSETEX: https://redis.io/docs/latest/commands/psetex/
func stringPsetex(c *Ctx) { c.setWithExpiry(afterMillis) }

func (c *Ctx) setWithExpiry(unit expiryUnit) {
	at, ok := c.expiryArg(2, unit)
	if !ok {
		return
	}
	r := c.ref(1)
	c.byValue()
	c.set(r, c.find(r), c.Args[3], at)
	c.Out.OK()
}

// stringMget is MGET: https://redis.io/docs/latest/commands/mget/
func stringMget(c *Ctx) {
	c.Out.Array(len(c.Args) - 1)
	for i := 1; i < len(c.Args); i++ {
		if it := c.read(c.ref(i)); it.Exists() && it.Type() == store.TypeString {
			c.Out.Bulk(it.Value())
		} else {
			c.Out.Null()
		}
	}
}

// stringMset is MSET: https://redis.io/docs/latest/commands/mset/
func stringMset(c *Ctx) {
	c.setPairs()
	c.Out.OK()
}

// stringMsetnx is MSETNX: https://redis.io/docs/latest/commands/msetnx/
func stringMsetnx(c *Ctx) {
	for i := 1; i < len(c.Args); i += 2 {
		if c.find(c.ref(i)).Exists() {
			c.Out.Int(0)
			return
		}
	}
	c.setPairs()
	c.Out.Int(1)
}

func (c *Ctx) setPairs() {
	for i := 1; i < len(c.Args); i += 2 {
		r := c.ref(i)
		c.set(r, c.find(r), c.Args[i+1], 0)
	}
}

// setKeyFlags is what one SET does to its key: with GET it also tells of the value.
func setKeyFlags(args [][]byte) KeyFlag {
	for _, a := range args[3:] {
		if is(a, "get") {
			return KeyRW | KeyAccess | KeyUpdate
		}
	}
	return KeyOW | KeyUpdate
}
