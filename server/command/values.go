package command

import (
	"slices"
	"strconv"

	"ringcache/server/rdb"
	"ringcache/server/resp"
	"ringcache/server/store"
)

// What is done to values of any type: they are checked, copied, moved, emitted.

// wrongType replies an error where there is a key, and it is not of type t.
func (c *Ctx) wrongType(it store.Item, t store.Type) bool {
	if !it.Exists() || it.Type() == t {
		return false
	}
	c.Out.Error(resp.ErrWrongType)
	return true
}

// touched notes that a value was changed in place: in a one-key row that is an effect itself.
func (c *Ctx) touched() { c.eff.changed = true }

// emitValue emits what a key is now, whatever it was: nothing (DEL), a string, or a collection. A one-key row that is an effect itself
// has it emitted instead.
func (c *Ctx) emitValue(r store.Ref, it store.Item) {
	switch {
	case !c.eff.values:
		c.eff.changed = true
	case !c.KS.HasSink() || c.eff.applying:
	case !it.Exists():
		c.emit(r.Slot, r.DB, delName, r.Key)
	default:
		payload := rdb.AppendFooter(appendExact(nil, it), 0)
		args := [][]byte{restoreName, r.Key, strconv.AppendInt(nil, it.ExpireAt(), 10), payload, replaceName, absttlName}
		if it.Object() != nil {
			args = append(args, largeName) // it may be small now, and have been large
		}
		c.emit(r.Slot, r.DB, args...)
	}
}

// copy gives the key `to`, at which old was found, the value of another and its expiry.
func (c *Ctx) copy(it store.Item, to store.Ref, old store.Item) {
	if it.Type() == store.TypeString {
		c.setAs(to, old, it.Value(), it.Encoding(), it.ExpireAt())
		return
	}
	at := it.ExpireAt()
	if it.Object() == nil {
		old = c.KS.SetPacked(to, old, it.Type(), it.Encoding(), slices.Clone(it.Value()), at, c.Now)
	} else {
		old = c.recreate(appendValue(nil, it), to, old, at)
	}
	c.emitValue(to, old)
}

// recreate makes a large collection from what appendValue wrote.
func (c *Ctx) recreate(value []byte, to store.Ref, old store.Item, at int64) store.Item {
	val, refusal := undump(rdb.AppendFooter(value, 0))
	if refusal != "" {
		panic("command: a value that was written cannot be read: " + refusal)
	}
	if old.Exists() {
		c.KS.Delete(to, old)
		old = c.find(to)
	}
	c.eff.large = true
	it := val.create(c, to, old, at)
	c.eff.large = false
	return it
}

// move gives the key `to`, at which old was found, the value and the expiry of from, which is no more. Within a slot's database that is
// one effect, and no copy of a large collection; nor is it one between slots of one shard.
func (c *Ctx) move(from store.Ref, it store.Item, to store.Ref, old store.Item) {
	if it.Type() == store.TypeString {
		c.copy(it, to, old)
		c.del(from, it)
		return
	}
	if it.Object() == nil || c.KS.SetOf(from.Slot) != c.KS.SetOf(to.Slot) {
		c.copy(it, to, old)
		c.del(from, c.KS.Lookup(from, c.Now, store.Expired))
		return
	}
	at := it.ExpireAt()
	c.ready(to) // it may be a stream that gets another one's entries and groups; and who waits for both keys has this one's turn first
	obj := c.KS.TakeObject(from, it)
	it = c.KS.SetObject(to, c.KS.Lookup(to, c.Now, store.Expired), obj, at, c.Now)
	if from.Slot == to.Slot && from.DB == to.DB && c.Row.keyed == keyMany {
		c.ReplicateAs(from.Slot, from.DB, renameName, from.Key, to.Key)
		return
	}
	c.emitValue(to, it)
	c.emit(from.Slot, from.DB, delName, from.Key)
}

var renameName = []byte("RENAME")
