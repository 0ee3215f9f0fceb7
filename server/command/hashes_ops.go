package command

import (
	"math"
	"strconv"

	"ringcache/server/resp"
	"ringcache/server/store"
)

// readHash finds the hash whose fields are read, or replies that the key holds something else. Of no key it answers an empty one.
func (c *Ctx) readHash() (h store.Hash, ok bool) {
	r := c.ref(1)
	it := c.read(r)
	if c.wrongType(it, store.TypeHash) {
		return h, false
	}
	return c.KS.Hash(r, it, c.Now, c.eff.applying), true
}

// findHash finds the hash that is about to be changed, as readHash does.
func (c *Ctx) findHash() (r store.Ref, h store.Hash, ok bool) {
	r = c.ref(1)
	it := c.find(r)
	if c.wrongType(it, store.TypeHash) {
		return r, h, false
	}
	h = c.KS.Hash(r, it, c.Now, c.eff.applying)
	h.Reap()
	return r, h, true
}

// part replies a field or a value.
func (c *Ctx) part(e store.Element) {
	if e.IsInt {
		c.Out.BulkInt(e.Int)
		return
	}
	c.Out.Bulk(e.Str)
}

// fieldValue replies the value of a field, or null.
func (c *Ctx) fieldValue(h *store.Hash, field []byte) {
	if val, ok := h.Get(field); ok {
		c.part(val)
	} else {
		c.Out.Null()
	}
}

// hashHset is HSET: https://redis.io/docs/latest/commands/hset/
func hashHset(c *Ctx) {
	if n, ok := c.setFields(); ok {
		c.Out.Int(n)
	}
}

// hashHmset is HMSET: https://redis.io/docs/latest/commands/hmset/
func hashHmset(c *Ctx) {
	if _, ok := c.setFields(); ok {
		c.Out.OK()
	}
}

// setFields sets the pairs from position 2 on and counts the new fields, or replies the error.
func (c *Ctx) setFields() (created int64, ok bool) {
	if len(c.Args)%2 != 0 {
		c.wrongArity()
		return 0, false
	}
	_, h, ok := c.findHash()
	if !ok {
		return 0, false
	}
	longest := 0
	for _, arg := range c.Args[2:] {
		longest = max(longest, len(arg))
	}
	h.Widen(longest) // before any is set, as in Redis: one too long makes all of a new hash's fields large
	for i := 2; i < len(c.Args); i += 2 {
		if h.Set(c.Args[i], c.Args[i+1], 0) {
			created++
		}
	}
	c.touched()
	return created, true
}

func (c *Ctx) wrongArity() {
	c.Out.Error("ERR wrong number of arguments for '" + c.Row.FullName() + "' command")
}

// hashHsetnx is HSETNX: https://redis.io/docs/latest/commands/hsetnx/
func hashHsetnx(c *Ctx) {
	_, h, ok := c.findHash()
	if !ok {
		return
	}
	field := c.Args[2]
	h.Bury(field)
	if _, there := h.Get(field); there {
		c.Out.Int(0)
		return
	}
	h.Set(field, c.Args[3], 0)
	c.touched()
	c.Out.Int(1)
}

// hashHget is HGET: https://redis.io/docs/latest/commands/hget/
func hashHget(c *Ctx) {
	if h, ok := c.readHash(); ok {
		c.fieldValue(&h, c.Args[2])
	}
}

// hashHmget is HMGET: https://redis.io/docs/latest/commands/hmget/
func hashHmget(c *Ctx) {
	h, ok := c.readHash()
	if !ok {
		return
	}
	c.Out.Array(len(c.Args) - 2)
	for _, field := range c.Args[2:] {
		c.fieldValue(&h, field)
	}
}

// hashHgetall is HGETALL: https://redis.io/docs/latest/commands/hgetall/
func hashHgetall(c *Ctx) {
	h, ok := c.readHash()
	if !ok {
		return
	}
	c.Out.Map(h.Len())
	h.Each(func(field, val store.Element) {
		c.part(field)
		c.part(val)
	})
}

// hashHkeys is HKEYS: https://redis.io/docs/latest/commands/hkeys/
func hashHkeys(c *Ctx) {
	h, ok := c.readHash()
	if !ok {
		return
	}
	c.Out.Array(h.Len())
	h.Each(func(field, _ store.Element) { c.part(field) })
}

// hashHvals is HVALS: https://redis.io/docs/latest/commands/hvals/
func hashHvals(c *Ctx) {
	h, ok := c.readHash()
	if !ok {
		return
	}
	c.Out.Array(h.Len())
	h.Each(func(_, val store.Element) { c.part(val) })
}

// hashHlen is HLEN: https://redis.io/docs/latest/commands/hlen/
func hashHlen(c *Ctx) {
	if h, ok := c.readHash(); ok {
		c.Out.Int(int64(h.Len()))
	}
}

// hashHstrlen is HSTRLEN: https://redis.io/docs/latest/commands/hstrlen/
func hashHstrlen(c *Ctx) {
	h, ok := c.readHash()
	if !ok {
		return
	}
	val, _ := h.Get(c.Args[2])
	n := len(val.Str)
	if val.IsInt {
		n = len(strconv.AppendInt(c.eff.num[:0], val.Int, 10))
	}
	c.Out.Int(int64(n))
}

// hashHexists is HEXISTS: https://redis.io/docs/latest/commands/hexists/
func hashHexists(c *Ctx) {
	h, ok := c.readHash()
	if !ok {
		return
	}
	if _, there := h.Get(c.Args[2]); there {
		c.Out.Int(1)
	} else {
		c.Out.Int(0)
	}
}

// hashHdel is HDEL: https://redis.io/docs/latest/commands/hdel/
func hashHdel(c *Ctx) {
	r, h, ok := c.findHash()
	if !ok {
		return
	}
	n := int64(0)
	for _, field := range c.Args[2:] {
		if h.Delete(field) {
			n++
			c.touched()
		}
	}
	c.delEmptied(r, &h)
	c.Out.Int(n)
}

// delEmptied deletes the key of a hash that has no field left, and reports whether it had to.
func (c *Ctx) delEmptied(r store.Ref, h *store.Hash) bool {
	if !h.Exists() || h.Stored() > 0 {
		return false
	}
	c.del(r, h.Item())
	return true
}

// hashHincrby is HINCRBY: https://redis.io/docs/latest/commands/hincrby/
func hashHincrby(c *Ctx) {
	delta, ok := c.intArg(3)
	if !ok {
		return
	}
	_, h, ok := c.findHash()
	if !ok {
		return
	}
	field := c.Args[2]
	h.Bury(field)
	val, there := h.Get(field)
	n := val.Int
	if there && !val.IsInt {
		if n, ok = store.ParseInt(val.Str); !ok {
			c.Out.Error("ERR hash value is not an integer")
			return
		}
	}
	if delta < 0 && n < math.MinInt64-delta || delta > 0 && n > math.MaxInt64-delta {
		c.Out.Error(resp.ErrOverflow)
		return
	}
	n += delta
	h.Set(field, strconv.AppendInt(c.eff.num[:0], n, 10), store.KeepExpiry)
	c.touched()
	c.Out.Int(n)
}

// hashHincrbyfloat is HINCRBYFLOAT: https://redis.io/docs/latest/commands/hincrbyfloat/
//
// Its effect is the sum, so that every replica holds the same digits.
func hashHincrbyfloat(c *Ctx) {
	delta, ok := parseLongDouble(c.Args[3])
	switch {
	case !ok:
		c.Out.Error(resp.ErrNotFloat)
		return
	case delta.IsInf():
		c.Out.Error("ERR value is NaN or Infinity")
		return
	}
	r, h, ok := c.findHash()
	if !ok {
		return
	}
	field := c.Args[2]
	h.Bury(field)
	if val, there := h.Get(field); there {
		n, ok := parseLongDouble(val.Append(nil))
		switch {
		case !ok:
			c.Out.Error("ERR hash value is not a float")
			return
		case n.IsInf():
			c.Out.Error(resp.ErrNaN)
			return
		}
		delta.Add(n, delta)
	}
	if delta.MantExp(nil) > maxExponent {
		c.Out.Error(resp.ErrNaN)
		return
	}
	sum := formatLongDouble(delta)
	h.Set(field, sum, store.KeepExpiry)
	if at, _ := h.Expiry(field); at != 0 {
		c.ReplicateAs(r.Slot, r.DB, hsetexName, r.Key, keepttlName, fieldsName, one, field, sum)
	} else {
		c.ReplicateAs(r.Slot, r.DB, hsetName, r.Key, field, sum)
	}
	c.Out.Bulk(sum)
}

var (
	hsetName    = []byte("HSET")
	hsetexName  = []byte("HSETEX")
	hdelName    = []byte("HDEL")
	keepttlName = []byte("KEEPTTL")
	fieldsName  = []byte("FIELDS")
	one         = []byte("1")
)
