package command

import (
	"math"
	"strconv"

	"ringcache/server/resp"
	"ringcache/server/store"
)

// SCAN over a cluster.
//
// All keys lie on one line: first by slot, then by the top 48 bits of their hash. A cursor is a position on it, slot<<48 | hash.
// So it means the same on every node, however tables grow or slots move, and there is nothing to remember between two calls.
//
// A call sends the cursor to every primary. Each goes through its own slots in order, from the cursor on, until it has about its
// share of COUNT, and answers the keys with their positions and how far it got: its frontier. What lies below the least
// frontier F of all has been seen whole. The keys below F are the reply, F is the next cursor; keys beyond F are dropped and will
// come again. A key present throughout is thus returned exactly once, but for slots that change their primary meanwhile, of
// which keys may come twice.

const (
	scanHashBits = 48
	scanEnd      = store.Slots << scanHashBits // the frontier of a part that is through

	scanCount   = 10    // COUNT where it is not given
	scanSlow    = 1000  // COUNT above which a call is not for a loop: 100 us
	scanStep    = 256   // keys looked at under one hold of a lock
	scanSamples = 128   // slots asked to guess which share of all this node has
	scanStride  = 10127 // from one such slot to the next, round the ring: no divisor of it, and near the golden section
)

type scanOptions struct {
	cursor   uint64
	count    int64
	pattern  []byte // nil = any
	typeName []byte // nil = any
}

// scanOptions reads the arguments, or replies the error.
func (c *Ctx) scanOptions() (o scanOptions, ok bool) {
	o.count = scanCount
	if o.cursor, ok = parseCursor(c.Args[1]); !ok {
		c.Out.Error(resp.ErrInvalidCursor)
		return o, false
	}
	for i := 2; i < len(c.Args); i += 2 {
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
		case is(arg, "type"):
			o.typeName = c.Args[i+1]
		default:
			c.Out.Error(resp.ErrSyntax)
			return o, false
		}
	}
	return o, true
}

// parseCursor reads a number as C's strtoul does, which Redis uses: '+' and '-' count, and so does what stands before a NUL.
func parseCursor(b []byte) (uint64, bool) {
	s := cstring(b)
	if s == "" {
		return 0, true
	}
	neg := s[0] == '-'
	if neg || s[0] == '+' {
		s = s[1:]
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if neg {
		n = -n
	}
	return n, err == nil
}

func (o *scanOptions) wants(it store.Item) bool {
	return (o.pattern == nil || globMatch(o.pattern, it.Key())) && (o.typeName == nil || is(o.typeName, it.Type().String()))
}

// owns reports whether this node is the primary of slot.
func (c *Ctx) owns(slot int) bool { return c.Owned == nil || c.Owned(uint16(slot)) }

// nextSlot answers the first slot from `from` on that is this node's and has keys in the database, or store.Slots.
func (c *Ctx) nextSlot(from int) int {
	for slot := c.KS.NextNonEmpty(from); slot < store.Slots; slot = c.KS.NextNonEmpty(slot + 1) {
		if c.KS.SlotLen(uint16(slot), c.DB) > 0 && c.owns(slot) {
			return slot
		}
	}
	return store.Slots
}

// share is this node's part of n, by a sample of all slots: at least 1. Every node comes to its part without knowing the others.
func (c *Ctx) share(n int64) int {
	owned := int64(0)
	for i := range scanSamples {
		if c.owns(i * scanStride % store.Slots) {
			owned++
		}
	}
	n = min(n, math.MaxInt32)
	return int(max(1, (n*owned+scanSamples-1)/scanSamples))
}

// scanPart answers [frontier, position, key, position, key ...] of this node.
func scanPart(c *Ctx) {
	o, ok := c.scanOptions()
	if !ok {
		return
	}
	elements := 1
	frontier := uint64(scanEnd)
	body := c.Out
	body.B = nil
	if o.cursor < scanEnd {
		want := c.share(o.count)
		slot, from := c.nextSlot(int(o.cursor>>scanHashBits)), uint64(0)
		if slot == int(o.cursor>>scanHashBits) {
			from = o.cursor << (64 - scanHashBits)
		}
		for ; slot < store.Slots && want > 0; slot, from = c.nextSlot(slot+1), 0 {
			frontier = uint64(slot+1) << scanHashBits
			next, seen, done := c.scanSlot(uint16(slot), from, want, func(it store.Item) {
				if o.wants(it) {
					body.Int(int64(position(slot, c.KS.HashOf(it))))
					body.Bulk(it.Key())
					elements += 2
				}
			})
			if want -= seen; !done {
				frontier = position(slot, next)
				break
			}
		}
		if slot == store.Slots {
			frontier = scanEnd
		}
	}
	c.Out.Array(elements)
	c.Out.Int(int64(frontier))
	c.Out.Raw(body.B)
}

func position(slot int, hash uint64) uint64 {
	return uint64(slot)<<scanHashBits | hash>>(64-scanHashBits)
}

// scanSlot walks one slot from a hash on until it has seen about `want` keys, in small steps. Where it is not done, next is the
// hash to go on from.
func (c *Ctx) scanSlot(slot uint16, from uint64, want int, fn func(store.Item)) (next uint64, seen int, done bool) {
	for seen < want && !done {
		step := min(scanStep, want-seen)
		c.KS.LockSlot(slot)
		from, done = c.KS.Walk(slot, c.DB, from, step, c.Now, func(it store.Item) {
			fn(it)
			seen++
		})
		c.KS.UnlockSlot(slot)
	}
	return from, seen, done
}

// scanJoin joins the parts of SCAN: https://redis.io/docs/latest/commands/scan/
func scanJoin(c *Ctx, parts [][]byte) {
	least := uint64(scanEnd)
	for _, part := range parts {
		frontier, _, ok := scanHead(part)
		if !ok {
			c.Out.Error(resp.ErrInternal)
			return
		}
		least = min(least, frontier)
	}
	var keys [][]byte
	for _, part := range parts {
		_, body, _ := scanHead(part)
		for len(body) > 0 {
			n, ok, err := resp.ReplyLen(body)
			pos, isInt := resp.ParseInt(body[:n])
			if !ok || err != nil || !isInt {
				c.Out.Error(resp.ErrInternal)
				return
			}
			body = body[n:]
			n, ok, err = resp.ReplyLen(body)
			key, isBulk := resp.ParseBulk(body[:n])
			if !ok || err != nil || !isBulk {
				c.Out.Error(resp.ErrInternal)
				return
			}
			body = body[n:]
			if uint64(pos) < least {
				keys = append(keys, key)
			}
		}
	}
	c.Out.Array(2)
	if least == scanEnd {
		c.Out.BulkString("0")
	} else {
		c.Out.Bulk(strconv.AppendUint(nil, least, 10))
	}
	c.Out.Array(len(keys))
	for _, key := range keys {
		c.Out.Bulk(key)
	}
}

// scanHead takes a part's frontier off.
func scanHead(part []byte) (frontier uint64, body []byte, ok bool) {
	elements, body, ok := resp.ParseArray(part)
	if !ok || elements < 1 {
		return 0, nil, false
	}
	n, ok, err := resp.ReplyLen(body)
	if !ok || err != nil {
		return 0, nil, false
	}
	f, ok := resp.ParseInt(body[:n])
	return uint64(f), body[n:], ok
}

// scanIsSlow reports whether a call's COUNT is too large for a loop.
func scanIsSlow(args [][]byte) bool {
	for i := 2; i+1 < len(args); i += 2 {
		if is(args[i], "count") {
			n, ok := store.ParseInt(args[i+1])
			return ok && n > scanSlow
		}
	}
	return false
}

// keysPart is one node's part of KEYS: https://redis.io/docs/latest/commands/keys/
func keysPart(c *Ctx) {
	o := scanOptions{pattern: c.Args[1]}
	if string(o.pattern) == "*" {
		o.pattern = nil
	}
	body, n := c.Out, 0
	body.B = nil
	for slot := c.nextSlot(0); slot < store.Slots; slot = c.nextSlot(slot + 1) {
		c.scanSlot(uint16(slot), 0, math.MaxInt, func(it store.Item) {
			if o.wants(it) {
				body.Bulk(it.Key())
				n++
			}
		})
	}
	c.Out.Array(n)
	c.Out.Raw(body.B)
}
