package command

import (
	"math"
	"strconv"

	"ringcache/server/resp"
	"ringcache/server/store"
)

// setScan is SSCAN: https://redis.io/docs/latest/commands/sscan/
//
// The cursor is a position in the order of hashes, as that of SCAN within a slot; a small set is the answer to one call.
func setScan(c *Ctx) {
	cursor, ok := parseCursor(c.Args[2])
	if !ok {
		c.Out.Error(resp.ErrInvalidCursor)
		return
	}
	m, ok := c.setToRead(1)
	if !ok {
		return
	}
	var o scanOptions
	if m.Len() > 0 { // Redis looks at them only then
		if o, ok = c.memberScanOptions(3); !ok {
			return
		}
	}
	members := c.Out
	members.B = nil
	next, found := uint64(0), 0
	if m.Len() > 0 && cursor>>scanHashBits == 0 {
		var digits [20]byte // the longest int64
		next, _ = m.Scan(cursor<<(64-scanHashBits), int(min(o.count, math.MaxInt32)), func(e store.Element) {
			text := e.Str
			if e.IsInt {
				text = strconv.AppendInt(digits[:0], e.Int, 10)
			}
			if o.pattern == nil || globMatch(o.pattern, text) {
				members.Bulk(text)
				found++
			}
		})
	}
	c.Out.Array(2)
	var digits [20]byte
	c.Out.Bulk(strconv.AppendUint(digits[:0], next>>(64-scanHashBits), 10))
	c.Out.Array(found)
	c.Out.Raw(members.B)
}

// memberScanOptions reads the options of SSCAN from position i on, or replies the error.
func (c *Ctx) memberScanOptions(i int) (o scanOptions, ok bool) {
	o.count = scanCount
	for ; i < len(c.Args); i += 2 {
		switch arg := c.Args[i]; {
		case i+1 == len(c.Args):
			c.Out.Error(resp.ErrSyntax)
			return o, false
		case is(arg, "count"):
			if o.count, ok = c.intArg(i + 1); !ok {
				return o, false
			}
			if o.count < 1 {
				c.Out.Error(resp.ErrSyntax)
				return o, false
			}
		case is(arg, "match"):
			o.pattern = c.Args[i+1]
			if string(o.pattern) == "*" {
				o.pattern = nil
			}
		default:
			c.Out.Error(resp.ErrSyntax)
			return o, false
		}
	}
	return o, true
}
