package store

import (
	"time"
)

// Expiry of fields.
//
// A field that has expired is removed by HDEL, which is an effect as if a client had sent it; where no field is left, by DEL of the key.
// That happens when somebody is about to change the hash (Reap), and in the background: each shard keeps the hashes that have fields with
// an expiry in a heap, by the time from which on it pays to look at them. That is never later than a field's expiry, and may be
// earlier, when that field went meanwhile: then the look finds the right time. So a hash costs nothing before its time, and a field
// is removed soon after it expired though nobody asks.
//
// Copies of other nodes' slots are left alone: their primaries say what goes. Background work looks at them again after reapAgain.

// Bounds of removing fields.
const (
	reapStep  = 64   // fields that are removed under one hold of a lock, and by one effect
	reapLook  = 64   // hashes that are looked at under one hold, and have nothing to remove
	reapAgain = 1000 // ms after which another node's hash is looked at again: it may be ours by then
	reapShare = 2    // which part of ExpireSlice's time fields may take: one in so many
)

// dueHashes are the hashes of a shard that have fields with an expiry.
type dueHashes struct {
	heap    []dueHash // a binary heap by at
	args    [][]byte  // scratch
	removed uint64    // fields that were removed because they had expired
}

// dueHash is one of them.
type dueHash struct {
	at     int64  // unix ms from which on to look at it
	object uint32 // among the shard's Objects
}

var hdelName = []byte("HDEL")

// Reap removes fields that have expired, reapStep of them at most. Where no other is left, the key goes.
func (h *Hash) Reap() {
	if h.t != nil && h.t.soonest() < h.asOf {
		gone := h.ks.reap(h.r.Slot, h.r.DB, h.r.Hash, h.it, h.t, h.asOf)
		if t := h.t; !gone && t.due.n == t.Len() && t.due.allBefore(&t.parts, h.asOf) {
			h.ks.reapAll(h.r.Slot, h.r.DB, h.r.Hash, h.it, t)
			gone = true
		}
		if gone {
			h.found(Item{sh: h.it.sh})
		}
	}
}

// reap removes up to reapStep fields of the hash t, at the key it, that have expired, and reports whether the key is gone. Under the
// lock.
func (ks *Keyspace) reap(slot uint16, db int, hash uint64, it Item, t *hashTable, now int64) (gone bool) {
	if t.due.n == t.Len() && t.latest < now {
		ks.reapAll(slot, db, hash, it, t)
		return true
	}
	var doomed [reapStep]Item
	n := 0
	p := &t.sh.mu.pool
	for n < reapStep && t.soonest() < now {
		r := t.due.all(&t.parts)[0].entry
		t.due.remove(&t.parts, 0)
		doomed[n] = Item{e: entry{p.at(r)}, sh: t.sh, r: r}
		n++
	}
	if n == t.Len() {
		t.settle(Ref{Slot: slot, DB: db})
		ks.reapAll(slot, db, hash, it, t)
		return true
	}
	ks.reaped(slot, db, it, doomed[:n]...)
	for _, f := range doomed[:n] {
		t.Delete(ks.hash(f.Key()), f)
	}
	t.settle(Ref{Slot: slot, DB: db})
	t.index()
	return false
}

// reapAll removes a hash of which all fields have expired.
func (ks *Keyspace) reapAll(slot uint16, db int, hash uint64, it Item, t *hashTable) {
	t.sh.mu.dueHashes.removed += uint64(t.Len()) //nolint:gosec // not negative
	ks.deleteWithEffect(slot, db, hash, it)
}

// reaped says to the sink that fields of the key it go. Under the lock, before they do.
func (ks *Keyspace) reaped(slot uint16, db int, it Item, fields ...Item) {
	x := &it.sh.mu.dueHashes
	x.removed += uint64(len(fields))
	if ks.sink == nil {
		return
	}
	x.args = append(x.args[:0], hdelName, it.Key())
	for _, f := range fields {
		x.args = append(x.args, f.Key())
	}
	ks.sink.Effect(slot, db, x.args)
	clear(x.args)
}

// CountExpiredFields counts fields that were removed because somebody gave them an expiry that had passed. Under the lock of their slot.
func (ks *Keyspace) CountExpiredFields(slot uint16, n int) {
	ks.shardOf(slot).mu.dueHashes.removed += uint64(n) //nolint:gosec // not negative
}

// enter notes that a hash is the value of r, as the Object of a number. Under the lock.
func (t *hashTable) enter(r Ref, object uint32) {
	t.slot, t.db, t.hash, t.object = r.Slot, uint8(r.DB), r.Hash, object //nolint:gosec // 0..15
	t.place = 0
	t.index()
}

// leave notes that a hash is no key's value any more.
func (t *hashTable) leave() {
	if t.place != 0 {
		t.sh.mu.dueHashes.remove(t.sh, int(t.place)-1)
		t.place = 0
	}
}

// index notes that the expiries of a hash's fields changed.
func (t *hashTable) index() {
	x := &t.sh.mu.dueHashes
	switch at := t.soonest(); {
	case at == never:
		t.leave()
	case t.place == 0:
		x.heap = append(x.heap, dueHash{})
		x.settle(t.sh, len(x.heap)-1, dueHash{at, t.object})
	case at < x.heap[t.place-1].at:
		x.settle(t.sh, int(t.place)-1, dueHash{at, t.object})
	}
}

func (x *dueHashes) remove(sh *shard, pos int) {
	last := x.heap[len(x.heap)-1]
	x.heap = x.heap[:len(x.heap)-1]
	if pos < len(x.heap) {
		x.settle(sh, pos, last)
		return
	}
	x.publish(sh)
}

// settle finds the place for f, from the free one at pos on, up or down.
func (x *dueHashes) settle(sh *shard, pos int, f dueHash) {
	put := func(pos int, f dueHash) {
		x.heap[pos] = f
		sh.mu.objects.get(f.object).(*hashTable).place = int32(pos + 1) //nolint:gosec,forcetypeassert // no shard has as many; hashes alone are here
	}
	for pos > 0 && x.heap[(pos-1)/2].at > f.at {
		put(pos, x.heap[(pos-1)/2])
		pos = (pos - 1) / 2
	}
	for down := 2*pos + 1; down < len(x.heap); down = 2*pos + 1 {
		if down+1 < len(x.heap) && x.heap[down+1].at < x.heap[down].at {
			down++
		}
		if x.heap[down].at >= f.at {
			break
		}
		put(pos, x.heap[down])
		pos = down
	}
	put(pos, f)
	x.publish(sh)
}

// publish says when there is something to do next, for those who have no lock.
func (x *dueHashes) publish(sh *shard) {
	if len(x.heap) == 0 {
		sh.fieldsDue.Store(never)
		return
	}
	sh.fieldsDue.Store(x.heap[0].at)
}

// reapSlice removes fields that have expired at now, in slots that owned picks (nil: all), for about as long as budget, and reports
// whether there is more to do at once. No lock may be held but the expirer's.
func (ks *Keyspace) reapSlice(now int64, budget time.Duration, owned func(slot uint16) bool) (more bool) {
	x := &ks.expirer
	start := time.Now()
	for range Shards {
		sh := &ks.shards[x.fields]
		for sh.fieldsDue.Load() < now {
			sh.mu.Lock()
			ks.reapShard(sh, now, owned)
			sh.mu.Unlock()
			if time.Since(start) >= budget {
				x.fields = (x.fields + 1) % Shards // each has its turn
				return true
			}
		}
		x.fields = (x.fields + 1) % Shards
	}
	return false
}

// reapShard goes a step further in a shard. Under its lock.
func (ks *Keyspace) reapShard(sh *shard, now int64, owned func(slot uint16) bool) {
	x := &sh.mu.dueHashes
	for look := 0; look < reapLook && len(x.heap) > 0 && x.heap[0].at < now; look++ {
		t := sh.mu.objects.get(x.heap[0].object).(*hashTable) //nolint:forcetypeassert // hashes alone are here
		if soonest := t.soonest(); soonest >= now {
			x.settle(sh, 0, dueHash{soonest, t.object})
			continue
		}
		if owned != nil && !owned(t.slot) {
			x.settle(sh, 0, dueHash{now + reapAgain, t.object})
			continue
		}
		it, db := ks.holder(t)
		if it.r == 0 { // its slot was flushed, and it waits for its release
			t.leave()
			continue
		}
		ks.reap(t.slot, db, t.hash, it, t, now)
		return
	}
}

// holder finds the key whose value a hash is, and its database. Whoever exchanges or flushes databases does not tell it.
func (ks *Keyspace) holder(t *hashTable) (it Item, db int) {
	for i := range Databases {
		db = (int(t.db) + i) % Databases
		d := ks.dbs[db].Load()
		if d == nil || d.tables[t.slot].keys == 0 {
			continue
		}
		ks.walk(t.sh, &d.tables[t.slot], t.hash, 1, 0, func(other Item) {
			if o, ok := other.Object().(*hashTable); ok && o == t {
				it = other
			}
		})
		if it.r != 0 {
			t.db = uint8(db) //nolint:gosec // 0..15
			return it, db
		}
	}
	return Item{}, 0
}
