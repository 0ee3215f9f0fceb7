package command

import (
	"bytes"

	"ringcache/server/resp"
	"ringcache/server/store"
)

// keyDel is DEL and UNLINK: https://redis.io/docs/latest/commands/del/
func keyDel(c *Ctx) {
	n := int64(0)
	for i := 1; i < len(c.Args); i++ {
		r := c.ref(i)
		if it := c.find(r); it.Exists() {
			c.del(r, it)
			n++
		}
	}
	c.Out.Int(n)
}

// keyExists is EXISTS: https://redis.io/docs/latest/commands/exists/
func keyExists(c *Ctx) { c.countKeys(c.peek) }

// keyTouch is TOUCH: https://redis.io/docs/latest/commands/touch/
func keyTouch(c *Ctx) {
	c.countKeys(func(r store.Ref) store.Item {
		it := c.peek(r)
		if it.Exists() {
			c.KS.Touch(it, c.Now) // CLIENT NO-TOUCH does not mean this
		}
		return it
	})
}

func (c *Ctx) countKeys(look func(store.Ref) store.Item) {
	n := int64(0)
	for i := 1; i < len(c.Args); i++ {
		if look(c.ref(i)).Exists() {
			n++
		}
	}
	c.Out.Int(n)
}

// keyType is TYPE: https://redis.io/docs/latest/commands/type/
func keyType(c *Ctx) {
	if it := c.peek(c.ref(1)); it.Exists() {
		c.Out.Simple(it.Type().String())
	} else {
		c.Out.Simple("none")
	}
}

// keyRename is RENAME: https://redis.io/docs/latest/commands/rename/
func keyRename(c *Ctx) {
	if c.rename(false) {
		c.Out.OK()
	}
}

// keyRenamenx is RENAMENX: https://redis.io/docs/latest/commands/renamenx/
func keyRenamenx(c *Ctx) {
	if c.rename(true) {
		c.Out.Int(1)
	}
}

// rename reports whether the reply to a renaming is still to be given.
func (c *Ctx) rename(ifNone bool) bool {
	from, to := c.ref(1), c.ref(2)
	it := c.find(from)
	if !it.Exists() {
		c.Out.Error(resp.ErrNoSuchKey)
		return false
	}
	if bytes.Equal(from.Key, to.Key) {
		if ifNone {
			c.Out.Int(0)
		}
		return !ifNone
	}
	old := c.find(to)
	if old.Exists() && ifNone {
		c.Out.Int(0)
		return false
	}
	c.move(from, it, to, old)
	return true
}

// keyCopy is COPY: https://redis.io/docs/latest/commands/copy/
func keyCopy(c *Ctx) {
	db, replace := c.DB, false
	for i := 3; i < len(c.Args); i++ {
		switch {
		case is(c.Args[i], "replace"):
			replace = true
		case is(c.Args[i], "db") && i+1 < len(c.Args):
			i++
			n, ok := c.int32Arg(i)
			if !ok {
				return
			}
			if n < 0 || n >= store.Databases {
				c.Out.Error(resp.ErrDBIndex)
				return
			}
			db = n
		default:
			c.Out.Error(resp.ErrSyntax)
			return
		}
	}
	from, to := c.ref(1), c.ref(2)
	to.DB = db
	if db == c.DB && bytes.Equal(from.Key, to.Key) {
		c.Out.Error(resp.ErrSameObject)
		return
	}
	it := c.read(from)
	if !it.Exists() {
		c.Out.Int(0)
		return
	}
	old := c.find(to)
	if old.Exists() && !replace {
		c.Out.Int(0)
		return
	}
	c.copy(it, to, old)
	c.Out.Int(1)
}

// keyMove is MOVE: https://redis.io/docs/latest/commands/move/
func keyMove(c *Ctx) {
	db, ok := c.int32Arg(2)
	if !ok {
		return
	}
	if db < 0 || db >= store.Databases {
		c.Out.Error(resp.ErrDBIndex)
		return
	}
	if db == c.DB {
		c.Out.Error(resp.ErrSameObject)
		return
	}
	from := c.ref(1)
	to := from
	to.DB = db
	it := c.find(from)
	if !it.Exists() {
		c.Out.Int(0)
		return
	}
	old := c.find(to)
	if old.Exists() {
		c.Out.Int(0)
		return
	}
	c.byValue() // two databases change, and a replica that is being filled may have only one of the keys
	c.move(from, it, to, old)
	c.Out.Int(1)
}
