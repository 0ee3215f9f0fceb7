package command

import (
	"math"

	"ringcache/server/resp"
	"ringcache/server/store"
)

// stringIncr is INCR: https://redis.io/docs/latest/commands/incr/
func stringIncr(c *Ctx) { c.add(1) }

// stringDecr is DECR: https://redis.io/docs/latest/commands/decr/
func stringDecr(c *Ctx) { c.add(-1) }

// stringIncrby is INCRBY: https://redis.io/docs/latest/commands/incrby/
func stringIncrby(c *Ctx) {
	if n, ok := c.intArg(2); ok {
		c.add(n)
	}
}

// stringDecrby is DECRBY: https://redis.io/docs/latest/commands/decrby/
func stringDecrby(c *Ctx) {
	n, ok := c.intArg(2)
	switch {
	case !ok:
	case n == math.MinInt64: // it has no opposite
		c.Out.Error("ERR decrement would overflow")
	default:
		c.add(-n)
	}
}

func (c *Ctx) add(delta int64) {
	r := c.ref(1)
	it := c.find(r)
	if c.wrongType(it, store.TypeString) {
		return
	}
	var n, at int64
	if it.Exists() {
		var ok bool
		if n, ok = it.Int(); !ok {
			c.Out.Error(resp.ErrNotInteger)
			return
		}
		at = it.ExpireAt()
	}
	if delta < 0 && n < math.MinInt64-delta || delta > 0 && n > math.MaxInt64-delta {
		c.Out.Error(resp.ErrOverflow)
		return
	}
	n += delta
	c.setInt(r, it, n, at)
	c.Out.Int(n)
}

// stringIncrbyfloat is INCRBYFLOAT: https://redis.io/docs/latest/commands/incrbyfloat/
//
// Its effect is the sum, so that every replica holds the same digits.
func stringIncrbyfloat(c *Ctx) {
	r := c.ref(1)
	it := c.find(r)
	if c.wrongType(it, store.TypeString) {
		return
	}
	var at int64
	value := []byte("0")
	if it.Exists() {
		value, at = it.Value(), it.ExpireAt()
	}
	sum, err := addFloats(value, c.Args[2])
	if err != "" {
		c.Out.Error(err)
		return
	}
	enc := store.EncEmbstr
	if len(sum) > store.EmbstrMax {
		enc = store.EncRaw
	}
	c.byValue()
	c.setAs(r, it, sum, enc, at)
	c.Out.Bulk(sum)
}
