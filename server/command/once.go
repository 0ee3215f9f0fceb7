package command

import "ringcache/server/resp"

// Requests that may come twice.
//
// A write that came from another node has an id. Where the reply to it is lost with the connection, or with the node, the request is
// sent again, under the same id, and must be applied once. Who knows what has been applied is the [Once] of the run: it is asked
// under the locks of the request's slots, and told under them what was answered, so that its knowledge is the slots' own.

// RequestID names a request that may come twice. The zero value is none.
type RequestID struct {
	Origin uint64 // who sent it; 0 = no id
	Number uint64 // the origin counts its requests
	Low    uint64 // the lowest number to which the origin has no reply yet
	Repeat bool   // it may have been applied already
}

// Once keeps requests from being applied twice.
type Once interface {
	// Before is called under the locks of slots, each of which stands there once, before c.Request runs. True: it has been applied, or must
	// not be, and the reply is written. It may take keys from c.Args that have been seen to, where the row is split by its keys.
	Before(c *Ctx, slots []uint16) bool
	// After is called under the same locks, after the run: reply is what it answered, and is valid during the call.
	After(c *Ctx, reply []byte)
}

// perform runs the row's handler under the locks of its keys, once for each request.
func (c *Ctx) perform(row *Row) {
	if c.Request.Origin == 0 || c.Once == nil {
		c.handle(row)
		return
	}
	start := len(c.Out.B)
	if c.Once.Before(c, c.keySlots()) {
		return
	}
	if c.Request.Repeat && !c.waited() && !c.mayWrite(row) {
		c.Out.Error(resp.ErrNoReplicas)
	} else {
		c.handle(row)
	}
	c.Once.After(c, c.Out.B[start:])
}

func (c *Ctx) handle(row *Row) {
	row.Fn(c)
	if row.keyed == keyOne {
		c.end()
	}
}

// keySlots answers the slots of the run's keys, each once.
func (c *Ctx) keySlots() []uint16 {
	c.slots = c.slots[:0]
	if c.Row.keyed == keyOne {
		c.slots = append(c.slots, c.Slot)
		return c.slots
	}
	pos, _ := c.Row.KeyPositions(c.Args, c.pos[:0]) // their locks are held: they can be told
	for _, i := range pos {
		c.slots = appendOnce(c.slots, c.SlotOf(c.Args[i]))
	}
	if cap(pos) <= keepPositions {
		c.pos = pos[:0]
	}
	return c.slots
}

// appendOnce appends a slot unless it is there.
func appendOnce(slots []uint16, slot uint16) []uint16 {
	for _, s := range slots {
		if s == slot {
			return slots
		}
	}
	return append(slots, slot)
}
