package command

import (
	"strconv"

	"ringcache/server/store"
)

// Effects.
//
// A handler changes the keyspace only through the methods below, which note the change. What they emit lets a replica follow:
//
//   - A row with one key that changed something is an effect itself, verbatim, after it ran: INCR k, APPEND k v.
//   - byValue says that repeating the row would not do: it depends on the time (SET k v EX 10), on how numbers are rounded
//     (INCRBYFLOAT), or it reaches beyond one key. Then each change is emitted as it happens, as what the key is now:
//     SET k v [PXAT t], PEXPIREAT k t, PERSIST k, DEL k. Rows with several keys always are by value, as each slot has its own
//     stream. A collection is RESTORE k t payload REPLACE ABSTTL, and LARGE where it has its large form.
//   - ReplicateAs emits anything else instead.
//
// An unchanged keyspace has no effect, whatever the row.
//
// Encodings are part of the state: clients ask for them, and nodes must not answer differently after a failover. SET gives a
// value the encoding of a new one. Where it is another, because the value was copied from a key that had been changed in place
// or is a sum of INCRBYFLOAT, a second effect follows that changes nothing else: APPEND k "" or INCRBYFLOAT k 0.

// effectState is what a [Ctx] knows of the effects of the run under way.
type effectState struct {
	changed  bool     // a one-key row changed its key, and is to be emitted verbatim
	values   bool     // changes are emitted one by one, by value
	large    bool     // what RESTORE makes takes its large form: see emitValue
	applying bool     // effects of a primary are applied: nothing expires by this node's clock, nothing is emitted
	args     [][]byte // scratch: what is emitted, so that the sink's argument need not be allocated each time
	num      [24]byte
}

var (
	setName       = []byte("SET")
	delName       = []byte("DEL")
	pxatName      = []byte("PXAT")
	pexpireatName = []byte("PEXPIREAT")
	persistName   = []byte("PERSIST")
	restoreName   = []byte("RESTORE")
	replaceName   = []byte("REPLACE")
	absttlName    = []byte("ABSTTL")
	largeName     = []byte("LARGE")

	appendName      = []byte("APPEND")
	incrbyfloatName = []byte("INCRBYFLOAT")
	zero            = []byte("0")
)

// begin readies the effects of one run of row.
func (c *Ctx) begin(row *Row) {
	c.eff.changed = false
	c.eff.values = row.keyed != keyOne
}

// end emits a one-key row that changed its key. Under the key's lock.
func (c *Ctx) end() {
	if c.eff.changed && !c.eff.applying {
		c.KS.Effect(c.Slot, c.DB, c.Args)
	}
}

// byValue has this run's changes emitted as values, not as the command that was sent. Handlers call it before any change.
func (c *Ctx) byValue() { c.eff.values = true }

// ReplicateAs emits args as the effect on slot and db in place of the command itself. Under the slot's lock.
func (c *Ctx) ReplicateAs(slot uint16, db int, args ...[]byte) {
	c.eff.changed, c.eff.values = false, true
	c.emit(slot, db, args...)
}

func (c *Ctx) emit(slot uint16, db int, args ...[]byte) {
	if c.KS.HasSink() && !c.eff.applying {
		c.eff.args = append(c.eff.args[:0], args...)
		c.KS.Effect(slot, db, c.eff.args)
		if cap(c.eff.args) > keepPositions {
			c.eff.args = nil
		}
		clear(c.eff.args) // what a client sent is not kept
	}
}

// ref names the key at position i of the arguments.
func (c *Ctx) ref(i int) store.Ref {
	if c.Row.keyed == keyOne {
		return c.KS.Ref(c.Slot, c.DB, c.Args[i])
	}
	return c.KS.Ref(c.SlotOf(c.Args[i]), c.DB, c.Args[i])
}

// mode adds to a lookup's mode what this run asks for.
func (c *Ctx) mode(m store.Mode) store.Mode {
	if c.NoTouch {
		m &^= store.Touch
	}
	if c.onCopies {
		m |= store.Hide
	}
	if c.eff.applying {
		m = m&^store.Count | store.Expired
	}
	return m
}

// read finds a key whose value is read: it counts as accessed.
func (c *Ctx) read(r store.Ref) store.Item {
	return c.KS.Lookup(r, c.Now, c.mode(store.Touch|store.Count))
}

// peek finds a key that is only asked about.
func (c *Ctx) peek(r store.Ref) store.Item { return c.KS.Lookup(r, c.Now, c.mode(store.Count)) }

// find finds a key that is about to be changed.
func (c *Ctx) find(r store.Ref) store.Item { return c.KS.Lookup(r, c.Now, c.mode(store.Touch)) }

// set gives a key a string and an expiry (unix ms, 0 = none).
func (c *Ctx) set(r store.Ref, it store.Item, val []byte, at int64) {
	c.setEncoded(r, it, val, store.EncodingOf(val), at)
}

// setAs is set where the encoding is known, and need not be that of a new value.
func (c *Ctx) setAs(r store.Ref, it store.Item, val []byte, enc store.Encoding, at int64) store.Item {
	it = c.setEncoded(r, it, val, enc, at)
	switch {
	case !c.eff.values, enc == store.EncodingOf(val):
	case enc == store.EncRaw:
		c.emit(r.Slot, r.DB, appendName, r.Key, nil)
	case enc == store.EncEmbstr: // of a value that reads as an integer: a float of INCRBYFLOAT holds it exactly
		c.emit(r.Slot, r.DB, incrbyfloatName, r.Key, zero)
	}
	return it
}

// setEncoded does what set says, and emits it but for the encoding.
func (c *Ctx) setEncoded(r store.Ref, it store.Item, val []byte, enc store.Encoding, at int64) store.Item {
	it = c.KS.SetAs(r, it, val, enc, at, c.Now)
	switch {
	case !c.eff.values:
		c.eff.changed = true
	case at == 0:
		c.emit(r.Slot, r.DB, setName, r.Key, val)
	default:
		c.emit(r.Slot, r.DB, setName, r.Key, val, pxatName, strconv.AppendInt(c.eff.num[:0], at, 10))
	}
	return it
}

// setInt gives a key an integer, in a one-key row that is an effect itself.
func (c *Ctx) setInt(r store.Ref, it store.Item, n, at int64) {
	c.KS.SetInt(r, it, n, at, c.Now)
	c.eff.changed = true
}

// resize makes a value n bytes long and answers it for changing in place. For one-key rows that are effects themselves.
func (c *Ctx) resize(r store.Ref, it store.Item, n int) (store.Item, []byte) {
	c.eff.changed = true
	return c.KS.Resize(r, it, n, c.Now)
}

// del removes a key.
func (c *Ctx) del(r store.Ref, it store.Item) {
	c.KS.Delete(r, it)
	if c.eff.values {
		c.emit(r.Slot, r.DB, delName, r.Key)
	} else {
		c.eff.changed = true
	}
}

// expireAt sets (or, with at 0, removes) a key's expiry. A time that has passed deletes the key: the same here and on replicas.
func (c *Ctx) expireAt(r store.Ref, it store.Item, at int64) {
	c.KS.SetExpire(r, it, at)
	switch {
	case !c.eff.values:
		c.eff.changed = true
	case at == 0:
		c.emit(r.Slot, r.DB, persistName, r.Key)
	default:
		c.emit(r.Slot, r.DB, pexpireatName, r.Key, strconv.AppendInt(c.eff.num[:0], at, 10))
	}
}

// Apply applies one effect on slot and db: what a [store.Sink] was handed on the slot's primary. Nothing expires meanwhile by
// this node's clock, memory limits do not count, and no effect is emitted. The reply, in Out, tells nothing. An effect that
// this node does not know answers false, and nothing has happened.
func (c *Ctx) Apply(slot uint16, db int, args [][]byte) bool {
	c.KS.LockSlot(slot)
	defer c.KS.UnlockSlot(slot)
	return c.ApplyLocked(slot, db, args)
}

// ApplyLocked is Apply under the slot's lock.
func (c *Ctx) ApplyLocked(slot uint16, db int, args [][]byte) bool {
	row := c.Table.Lookup(args)
	if row == nil || !row.Has(Write) || row.Has(SelfLock) || !row.ArityOK(len(args)) || !c.within(row, args, slot) {
		return false
	}
	c.Args, c.DB, c.Slot, c.Row = args, db, slot, row
	c.eff.applying = true
	c.begin(row)
	if row.ApplyFn != nil {
		row.ApplyFn(c)
	} else {
		row.Fn(c)
	}
	c.eff.applying = false
	return true
}

// within reports whether an effect stays within slot: whether all its keys do, or it is meant for whole slots.
func (c *Ctx) within(row *Row, args [][]byte, slot uint16) bool {
	if row.ApplyFn != nil {
		return true
	}
	pos, err := row.KeyPositions(args, c.pos[:0])
	c.pos = pos[:0]
	for _, i := range pos {
		if c.SlotOf(args[i]) != slot {
			return false
		}
	}
	return err == nil && len(pos) > 0
}
