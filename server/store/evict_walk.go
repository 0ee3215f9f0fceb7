package store

import "sync"

// walker finds keys that have an expiry where they are so few that drawing finds none. It goes through all slots in order, a
// step under the lock at a time, and on from where it stopped when next it is needed: each such key is met once a round. All
// evictors share one walker.
//
// Until a round has been in vain there may be something to evict, and callers are told to call again. After it there is
// nothing: the keys with an expiry that are counted belong to other nodes. Search goes on now and then, in case that changes.
type walker struct {
	mu     sync.Mutex // guards what follows; held by an evictor, before a shard's lock
	slot   int
	db     int
	hash   uint64 // from which to go on in that slot and database
	wanted uint16 // the databases that hold a key with an expiry, a bit each
	barren int    // slots gone through since a key was found
	dry    bool   // a whole round found none, and none has been found since
}

// barrenRound is a whole round, the slot in which it began counted twice as it began within.
const barrenRound = Slots + 1

// enough is how many items a search that has found something goes on for, in order to have a choice.
const enough = 2048

// begin has the next search make a round before it says that there is nothing.
func (w *walker) begin() {
	if w.mu.TryLock() {
		w.barren, w.dry = 0, false
		w.mu.Unlock()
	}
}

// walk searches for keys that may give way. It answers EvictDone if the pool holds one.
func (e *evictor) walk() EvictResult {
	w := &e.ks.eviction.walker
	if !w.mu.TryLock() {
		if e.best.n > 0 {
			return EvictDone
		}
		return EvictMore
	}
	defer w.mu.Unlock()
	w.wanted = 0
	for db := range Databases {
		if e.ks.VolatileLen(db) > 0 {
			w.wanted |= 1 << db
		}
	}
	e.seen = 0
	for steps := 0; e.seen < e.samples; steps++ {
		if e.best.n > 0 && steps >= enough/maxRun {
			break
		}
		before := e.seen
		w.step(e)
		if e.seen > before {
			w.barren, w.dry = 0, false
		} else if w.barren >= barrenRound {
			w.barren, w.dry = 0, true
			break
		}
		if e.spent() {
			break
		}
	}
	switch {
	case e.best.n > 0:
		return EvictDone
	case w.dry:
		return EvictNothing
	}
	return EvictMore
}

// step looks at the next few items of the slots that are owned.
func (w *walker) step(e *evictor) {
	if e.owned == nil || e.owned(uint16(w.slot)) {
		for ; w.db < Databases; w.db, w.hash = w.db+1, 0 {
			if w.wanted>>w.db&1 == 0 || e.ks.SlotLen(uint16(w.slot), w.db) == 0 {
				continue
			}
			e.slot, e.db = uint16(w.slot), w.db
			e.ks.LockSlot(e.slot)
			next, done := e.ks.Walk(e.slot, e.db, w.hash, maxRun, 0, e.lookFn)
			e.ks.UnlockSlot(e.slot)
			if w.hash = next; !done {
				return
			}
		}
	}
	from := w.slot
	w.slot, w.db, w.hash = e.ks.NextNonEmpty(from+1), 0, 0
	w.barren += w.slot - from
	if w.slot == Slots {
		w.slot = e.ks.NextNonEmpty(0)
		w.barren += w.slot
	}
	if w.slot == Slots { // all is gone
		w.slot, w.barren = 0, barrenRound
	}
}
