package command

import (
	"ringcache/server/resp"
	"ringcache/server/store"
)

// streamLen is XLEN: https://redis.io/docs/latest/commands/xlen/
func streamLen(c *Ctx) {
	it := c.read(c.ref(1))
	if c.wrongType(it, store.TypeStream) {
		return
	}
	n := 0
	if s := asStream(it); s != nil {
		n = s.Len()
	}
	c.Out.Int(int64(n))
}

// streamRange is XRANGE: https://redis.io/docs/latest/commands/xrange/
func streamRange(c *Ctx) { c.interval(2, 3, false) }

// streamRevrange is XREVRANGE: https://redis.io/docs/latest/commands/xrevrange/
func streamRevrange(c *Ctx) { c.interval(3, 2, true) }

// interval replies the entries between the ids at two positions.
func (c *Ctx) interval(loAt, hiAt int, rev bool) {
	lo, ok := c.from(loAt)
	if !ok {
		return
	}
	hi, ok := c.upTo(hiAt)
	if !ok {
		return
	}
	count := int64(-1)
	for i := 4; i < len(c.Args); i += 2 {
		if !is(c.Args[i], "count") || i == len(c.Args)-1 {
			c.Out.Error(resp.ErrSyntax)
			return
		}
		if count, ok = c.intArg(i + 1); !ok {
			return
		}
		count = max(count, 0)
	}
	it := c.read(c.ref(1))
	if c.wrongType(it, store.TypeStream) {
		return
	}
	s := asStream(it)
	switch {
	case s == nil:
		c.Out.Array(0)
	case count == 0:
		c.Out.NullArray()
	default:
		c.streamEntries(s, lo, hi, max(count, 0), rev)
	}
}
