package command

import (
	"math"
	"math/rand/v2"

	"ringcache/server/resp"
	"ringcache/server/store"
)

// Commands about whole databases. Each node answers for the slots it is primary of.

// dbsizePart is one node's part of DBSIZE: https://redis.io/docs/latest/commands/dbsize/
func dbsizePart(c *Ctx) { c.Out.Int(c.KS.CountOwned(c.DB, c.Owned)) }

// randomSlots is how many slots RANDOMKEY draws before it takes the first living key of any: only where nearly all keys have
// expired without having been deleted yet does it come to that.
const randomSlots = 100

// randomkeyPart answers [number of keys, one of them] of this node, or [0, null].
func randomkeyPart(c *Ctx) {
	total := c.KS.CountOwned(c.DB, c.Owned)
	var key []byte
	for range randomSlots {
		if total == 0 || key != nil {
			break
		}
		key = c.randomKey(c.slotOfNth(rand.Int64N(total)))
	}
	for slot := c.nextSlot(0); key == nil && slot < store.Slots; slot = c.nextSlot(slot + 1) {
		key = c.randomKey(slot)
	}
	c.Out.Array(2)
	if key == nil {
		c.Out.Int(0)
		c.Out.Null()
		return
	}
	c.Out.Int(max(1, total))
	c.Out.Bulk(key)
}

// slotOfNth answers the slot of the n-th key of this node and database, or store.Slots.
func (c *Ctx) slotOfNth(n int64) int {
	slot := c.nextSlot(0)
	for ; slot < store.Slots; slot = c.nextSlot(slot + 1) {
		if n -= int64(c.KS.SlotLen(uint16(slot), c.DB)); n < 0 {
			break
		}
	}
	return slot
}

// randomKey copies the name of a living key of a slot; nil if there is none.
func (c *Ctx) randomKey(slot int) (key []byte) {
	if slot == store.Slots {
		return nil
	}
	c.KS.LockSlot(uint16(slot))
	defer c.KS.UnlockSlot(uint16(slot))
	if it := c.KS.Random(uint16(slot), c.DB, c.Now); it.Exists() {
		key = append([]byte{}, it.Key()...)
	}
	return key
}

// randomkeyJoin picks a part by its number of keys: https://redis.io/docs/latest/commands/randomkey/
func randomkeyJoin(c *Ctx, parts [][]byte) {
	var pick []byte
	var total int64
	for _, part := range parts {
		keys, key, ok := randomkeyPartOf(part)
		if !ok || keys > math.MaxInt64-total {
			c.Out.Error(resp.ErrInternal)
			return
		}
		if total += keys; keys > 0 && rand.Int64N(total) < keys {
			pick = key
		}
	}
	if pick == nil {
		c.Out.Null()
		return
	}
	c.Out.Raw(pick)
}

// randomkeyPartOf takes a part's reply apart: the number of keys, and the raw reply that is one of them.
func randomkeyPartOf(part []byte) (keys int64, key []byte, ok bool) {
	elements, body, ok := resp.ParseArray(part)
	if !ok || elements != 2 {
		return 0, nil, false
	}
	n, ok, err := resp.ReplyLen(body)
	if !ok || err != nil {
		return 0, nil, false
	}
	keys, ok = resp.ParseInt(body[:n])
	if !ok || keys < 0 {
		return 0, nil, false
	}
	key = body[n:]
	n, ok, err = resp.ReplyLen(key)
	return keys, key, ok && err == nil && n == len(key)
}

var (
	flushallName = []byte("FLUSHALL")
	flushdbName  = []byte("FLUSHDB")
)

// flushOption replies the error where FLUSHALL or FLUSHDB has an argument that it does not know. ASYNC and SYNC are the same
// here: a slot is emptied in constant time.
func (c *Ctx) flushOption() bool {
	if len(c.Args) > 2 || len(c.Args) == 2 && !is(c.Args[1], "async") && !is(c.Args[1], "sync") {
		c.Out.Error(resp.ErrSyntax)
		return false
	}
	return true
}

// flushallPart is one node's part of FLUSHALL: https://redis.io/docs/latest/commands/flushall/
func flushallPart(c *Ctx) {
	if c.flushOption() {
		c.eachSlot(func(slot uint16) {
			if c.KS.FlushSlot(slot) > 0 {
				c.emit(slot, c.DB, flushallName)
			}
		})
	}
}

// flushdbPart is one node's part of FLUSHDB: https://redis.io/docs/latest/commands/flushdb/
func flushdbPart(c *Ctx) {
	if c.flushOption() {
		c.eachSlot(func(slot uint16) {
			if c.KS.FlushSlotDB(slot, c.DB) > 0 {
				c.emit(slot, c.DB, flushdbName)
			}
		})
	}
}

// eachSlot calls fn, under the slot's lock, for each slot of this node that has keys, and replies OK.
func (c *Ctx) eachSlot(fn func(slot uint16)) {
	for slot := c.KS.NextNonEmpty(0); slot < store.Slots; slot = c.KS.NextNonEmpty(slot + 1) {
		if c.owns(slot) {
			c.KS.LockSlot(uint16(slot))
			fn(uint16(slot))
			c.KS.UnlockSlot(uint16(slot))
		}
	}
	c.Out.OK()
}

func flushallApply(c *Ctx) { c.KS.FlushSlot(c.Slot) }

func flushdbApply(c *Ctx) { c.KS.FlushSlotDB(c.Slot, c.DB) }

// swapdbPart is one node's part of SWAPDB: https://redis.io/docs/latest/commands/swapdb/
func swapdbPart(c *Ctx) {
	a, b, ok := c.swapDBs()
	if !ok {
		return
	}
	c.eachSlot(func(slot uint16) {
		if a != b && (c.KS.SlotLen(slot, a) > 0 || c.KS.SlotLen(slot, b) > 0) {
			c.KS.SwapSlot(slot, a, b)
			c.emit(slot, c.DB, c.Args...)
		}
	})
}

func swapdbApply(c *Ctx) {
	if a, b, ok := c.swapDBs(); ok {
		c.KS.SwapSlot(c.Slot, a, b)
	}
}

func (c *Ctx) swapDBs() (a, b int, ok bool) {
	var db [2]int64
	for i, which := range [2]string{"first", "second"} {
		n, ok := store.ParseInt(c.Args[1+i])
		if !ok || int64(int32(n)) != n {
			c.Out.Error("ERR invalid " + which + " DB index")
			return 0, 0, false
		}
		db[i] = n
	}
	for _, n := range db {
		if n < 0 || n >= store.Databases {
			c.Out.Error(resp.ErrDBIndex)
			return 0, 0, false
		}
	}
	return int(db[0]), int(db[1]), true
}
