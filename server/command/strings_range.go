package command

import (
	"ringcache/server/resp"
	"ringcache/server/store"
)

// stringStrlen is STRLEN: https://redis.io/docs/latest/commands/strlen/
func stringStrlen(c *Ctx) {
	switch it := c.read(c.ref(1)); {
	case c.wrongType(it, store.TypeString):
	case it.Exists():
		c.Out.Int(int64(it.Len()))
	default:
		c.Out.Int(0)
	}
}

// stringAppend is APPEND: https://redis.io/docs/latest/commands/append/
func stringAppend(c *Ctx) {
	r := c.ref(1)
	it := c.find(r)
	if c.wrongType(it, store.TypeString) {
		return
	}
	if !it.Exists() {
		c.set(r, it, c.Args[2], 0)
		c.Out.Int(int64(len(c.Args[2])))
		return
	}
	size := it.Len()
	if !c.stringFits(int64(size), int64(len(c.Args[2]))) {
		return
	}
	_, value := c.resize(r, it, size+len(c.Args[2]))
	copy(value[size:], c.Args[2])
	c.Out.Int(int64(len(value)))
}

// stringGetrange is GETRANGE, and SUBSTR: https://redis.io/docs/latest/commands/getrange/
func stringGetrange(c *Ctx) {
	start, ok := c.intArg(2)
	if !ok {
		return
	}
	end, ok := c.intArg(3)
	if !ok {
		return
	}
	it := c.read(c.ref(1))
	if c.wrongType(it, store.TypeString) {
		return
	}
	if !it.Exists() || start < 0 && end < 0 && start > end {
		c.Out.Bulk(nil)
		return
	}
	value := it.Value()
	size := int64(len(value))
	start, end = fromStart(start, size), min(fromStart(end, size), size-1)
	if start > end {
		c.Out.Bulk(nil)
		return
	}
	c.Out.Bulk(value[start : end+1])
}

// fromStart makes an index that may count from the end one that counts from the start, at least 0.
func fromStart(i, size int64) int64 {
	if i < 0 {
		i += size
	}
	return max(i, 0)
}

// stringSetrange is SETRANGE: https://redis.io/docs/latest/commands/setrange/
func stringSetrange(c *Ctx) {
	offset, ok := c.intArg(2)
	if !ok {
		return
	}
	if offset < 0 {
		c.Out.Error(resp.ErrOffsetRange)
		return
	}
	r, part := c.ref(1), c.Args[3]
	it := c.find(r)
	if c.wrongType(it, store.TypeString) {
		return
	}
	size := 0
	if it.Exists() {
		size = it.Len()
	}
	if len(part) == 0 {
		c.Out.Int(int64(size))
		return
	}
	if !c.stringFits(offset, int64(len(part))) {
		return
	}
	if !it.Exists() {
		it = c.setAs(r, it, nil, store.EncRaw, 0)
	}
	_, value := c.resize(r, it, max(size, int(offset)+len(part)))
	copy(value[offset:], part)
	c.Out.Int(int64(len(value)))
}
