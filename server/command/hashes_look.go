package command

import (
	"math"
	"strconv"

	"ringcache/server/resp"
	"ringcache/server/store"
)

// hashHrandfield is HRANDFIELD: https://redis.io/docs/latest/commands/hrandfield/
func hashHrandfield(c *Ctx) {
	if len(c.Args) == 2 {
		h, ok := c.readHash()
		if !ok {
			return
		}
		if field, _, ok := h.Random(); ok {
			c.part(field)
		} else {
			c.Out.Null()
		}
		return
	}
	n, withValues, ok := c.randomOptions()
	if !ok {
		return
	}
	h, ok := c.readHash()
	if !ok {
		return
	}
	size := h.Len()
	if n == 0 || size == 0 {
		c.Out.Array(0)
		return
	}
	reply := func(field, val store.Element) {
		if withValues && c.Out.Proto == 3 {
			c.Out.Array(2)
		}
		c.part(field)
		if withValues {
			c.part(val)
		}
	}
	many := int(min(max(n, -n), randomMost))
	if n > 0 {
		many = min(int(min(n, math.MaxInt32)), size)
	}
	if withValues && c.Out.Proto != 3 {
		c.Out.Array(2 * many)
	} else {
		c.Out.Array(many)
	}
	switch {
	case n < 0:
		h.Draw(many, reply)
	case many == size:
		h.Each(reply)
	default:
		h.Sample(many, reply)
	}
}

// randomOptions reads the arguments of HRANDFIELD from position 2 on, or replies the error.
func (c *Ctx) randomOptions() (n int64, withValues, ok bool) {
	n, ok = c.intArg(2)
	switch {
	case !ok:
		return 0, false, false
	case n == math.MinInt64:
		c.Out.Error("ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807")
		return 0, false, false
	case len(c.Args) > 4 || len(c.Args) == 4 && !is(c.Args[3], "withvalues"):
		c.Out.Error(resp.ErrSyntax)
		return 0, false, false
	}
	withValues = len(c.Args) == 4
	if withValues && (n < -math.MaxInt64/2 || n > math.MaxInt64/2) || n < -randomMost {
		c.Out.Error(resp.ErrOutOfRange)
		return 0, false, false
	}
	return n, withValues, true
}

// hashHscan is HSCAN: https://redis.io/docs/latest/commands/hscan/
//
// A cursor is the top 48 bits of the hash at which to go on.
func hashHscan(c *Ctx) {
	cursor, ok := parseCursor(c.Args[2])
	if !ok {
		c.Out.Error(resp.ErrInvalidCursor)
		return
	}
	h, ok := c.readHash()
	if !ok {
		return
	}
	if !h.Exists() {
		c.Out.Array(2)
		c.Out.BulkString("0")
		c.Out.Array(0)
		return
	}
	o, ok := c.hscanOptions()
	if !ok {
		return
	}
	c.Out.Array(2)
	at, n, next := len(c.Out.B), 0, uint64(0)
	if cursor < 1<<scanHashBits || h.Item().Object() == nil {
		next = h.Scan(cursor<<(64-scanHashBits), int(min(o.count, math.MaxInt32)), func(field, val store.Element) {
			if o.pattern != nil && !globMatch(o.pattern, c.text(field)) {
				return
			}
			c.part(field)
			n++
			if !o.noValues {
				c.part(val)
				n++
			}
		})
	}
	c.Out.InsertArray(at, n)
	end := len(c.Out.B)
	c.Out.Bulk(strconv.AppendUint(c.eff.num[:0], next>>(64-scanHashBits), 10))
	c.turn(at, end)
}

// turn exchanges what stands in the reply from offset at and from offset mid on: for what is known only after what it stands before. What
// comes second is short.
func (c *Ctx) turn(at, mid int) {
	var short [32]byte
	n := copy(short[:], c.Out.B[mid:])
	copy(c.Out.B[at+n:], c.Out.B[at:mid])
	copy(c.Out.B[at:], short[:n])
}

// text is a field or a value as bytes, valid until the next call.
func (c *Ctx) text(e store.Element) []byte {
	if e.IsInt {
		return strconv.AppendInt(c.eff.num[:0], e.Int, 10)
	}
	return e.Str
}

// hscanOptions are the options of HSCAN.
type hscanOptions struct {
	count    int64
	pattern  []byte // nil = any
	noValues bool
}

// hscanOptions reads the arguments from position 3 on, or replies the error.
func (c *Ctx) hscanOptions() (o hscanOptions, ok bool) {
	o.count = scanCount
	for i := 3; i < len(c.Args); i++ {
		arg, last := c.Args[i], i == len(c.Args)-1
		switch {
		case is(arg, "count") && !last:
			i++
			if o.count, ok = c.intArg(i); !ok {
				return o, false
			}
			if o.count < 1 {
				c.Out.Error(resp.ErrSyntax)
				return o, false
			}
		case is(arg, "match") && !last:
			i++
			o.pattern = c.Args[i]
			if string(o.pattern) == "*" {
				o.pattern = nil
			}
		case is(arg, "novalues"):
			o.noValues = true
		default:
			c.Out.Error(resp.ErrSyntax)
			return o, false
		}
	}
	return o, true
}
