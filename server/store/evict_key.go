package store

import (
	"math"
	"math/rand/v2"
)

// visit looks at a run of items from a random place of a slot on.
func (e *evictor) visit(slot uint16, db int) {
	e.slot, e.db = slot, db
	e.ks.LockSlot(slot)
	e.ks.sample(slot, db, rand.Uint64(), e.picks.run, e.lookFn)
	e.ks.UnlockSlot(slot)
}

// look puts an item of the slot that is visited into the pool, if it is good enough. Under the slot's lock.
func (e *evictor) look(it Item) {
	rank, ok := e.rank(it)
	if !ok {
		return
	}
	e.seen++
	if e.best.wants(rank) {
		e.best.put(candidate{rank: rank, hash: e.ks.hash(it.Key()), slot: e.slot, db: uint8(e.db)})
	}
}

// rank says how soon an item gives way, lowest first; not ok if it must not. Under its slot's lock.
func (e *evictor) rank(it Item) (rank int64, ok bool) {
	at := it.ExpireAt()
	switch {
	case at != 0 && at < e.now:
		return math.MinInt64, true // it is gone anyway
	case at == 0 && e.policy.Volatile():
		return 0, false
	case e.policy == VolatileTTL:
		return at, true
	case e.policy.random():
		return rand.Int64(), true
	}
	used := e.ks.lastUse(it, e.now)
	if e.policy.LFU() {
		// Most keys of a large keyspace share the lowest few counts. Among equals the one unused for longest goes.
		return int64(e.ks.Freq(it, e.now))<<48 | used&(1<<48-1), true
	}
	return used, true
}

// evictBest evicts the best candidate that still is one, and answers about how many bytes that freed; 0 = the pool ran empty.
func (e *evictor) evictBest() int64 {
	for try := 0; ; try++ {
		c, ok := e.best.pop()
		if !ok {
			return 0
		}
		if e.owned != nil && !e.owned(c.slot) {
			continue
		}
		// Each candidate goes back once at most: then the best is the best, unless it is being used this very moment.
		if freed := e.evict(&c, try < poolSize); freed > 0 {
			return freed
		}
	}
}

// evict deletes a candidate and answers about how many bytes that freed: 0 if it is gone, or no longer one, or, where that is
// allowed, went back to the pool.
func (e *evictor) evict(c *candidate, mayReturn bool) int64 {
	ks, db := e.ks, int(c.db)
	ks.LockSlot(c.slot)
	defer ks.UnlockSlot(c.slot)
	e.hash, e.found = c.hash, Item{}
	ks.Walk(c.slot, db, c.hash, 1, 0, e.matchFn) // every item with that hash is in the first bucket it goes through
	it := e.found
	if e.found = (Item{}); !it.Exists() {
		return 0
	}
	rank, ok := e.rank(it)
	if !ok {
		return 0
	}
	if mayReturn && rank > c.rank && e.best.n > 0 && rank > e.best.held[e.best.n-1].rank && !e.policy.random() {
		c.rank = rank
		e.best.put(*c)
		return 0
	}
	size := int64(it.Size())
	e.key = append(e.key[:0], it.Key()...) // the item's own goes with it
	r := Ref{Slot: c.slot, DB: db, Hash: c.hash, Key: e.key}
	if at := it.ExpireAt(); at != 0 && at < e.now {
		ks.Lookup(r, e.now, 0) // expires it
	} else {
		ks.eviction.evicted.Add(1)
		ks.deleteWithEffect(c.slot, db, c.hash, it)
	}
	if cap(e.key) > maxKeptKey {
		e.key = nil
	}
	return max(size, 1)
}

// match finds the item with the candidate's hash.
func (e *evictor) match(it Item) {
	if !e.found.Exists() && e.ks.hash(it.Key()) == e.hash {
		e.found = it
	}
}
