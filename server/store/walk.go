package store

import "math/rand/v2"

// Walk calls fn with the items of one slot and database whose hash is at least from, in the order of buckets (of hashes, but
// for those in one bucket), until it has seen limit of them and its bucket is through. It answers the hash from which to go on,
// or done. Items that have expired at now are left out but counted. Under the lock; fn must not change the slot.
//
// Each walk thus covers exactly the hashes [from, next), whatever size the table has. Walks that follow each other, with the
// lock given back in between, see every key that is present throughout exactly once, though the table grow or shrink.
// A next of a table with at most 2^48 buckets has its low 16 bits clear.
func (ks *Keyspace) Walk(slot uint16, db int, from uint64, limit int, now int64, fn func(Item)) (next uint64, done bool) {
	t := ks.tables[db][slot]
	if t == nil {
		return 0, true
	}
	for b := from >> (t.shift & 63); b < uint64(len(t.buckets)); b++ {
		for e := t.buckets[b]; e != nil; e = e.next {
			if e.hash < from {
				continue // the cursor comes from a larger table, and lies within this bucket
			}
			limit--
			if e.at == 0 || e.at >= now {
				fn(Item{e})
			}
		}
		if limit <= 0 && b+1 < uint64(len(t.buckets)) {
			return (b + 1) << (t.shift & 63), false
		}
	}
	return 0, true
}

// randomTries is how many random buckets Random looks into before it takes the next key in order of hash. Tables are kept at
// least an eighth full, so that 64 tries fail once in 5000 calls.
const randomTries = 64

// Random picks a key of a slot and database about uniformly: a random bucket that is not empty, then any of its items.
// It answers no item where none is alive at now. Under the lock.
func (ks *Keyspace) Random(slot uint16, db int, now int64) Item {
	t := ks.tables[db][slot]
	if t == nil {
		return Item{}
	}
	for range randomTries {
		var pick *entry
		n := 0
		for e := t.buckets[rand.IntN(len(t.buckets))]; e != nil; e = e.next {
			if e.at == 0 || e.at >= now {
				if n++; rand.IntN(n) == 0 {
					pick = e
				}
			}
		}
		if pick != nil {
			return Item{pick}
		}
	}
	var found Item
	take := func(it Item) { found = it }
	for from, done := rand.Uint64(), false; !done && !found.Exists(); {
		from, done = ks.Walk(slot, db, from, 1, now, take)
	}
	for from, done := uint64(0), false; !done && !found.Exists(); {
		from, done = ks.Walk(slot, db, from, 1, now, take)
	}
	return found
}

// FlushSlot removes all keys of a slot, in all databases, and answers how many there were. It emits no effect. Under the lock.
func (ks *Keyspace) FlushSlot(slot uint16) int {
	n := 0
	for db := range Databases {
		n += ks.FlushSlotDB(slot, db)
	}
	return n
}

// FlushSlotDB removes all keys of a slot in one database and answers how many there were. It emits no effect. Under the lock.
func (ks *Keyspace) FlushSlotDB(slot uint16, db int) int {
	t := ks.tables[db][slot]
	if t == nil {
		return 0
	}
	sh := ks.shardOf(slot)
	ks.tables[db][slot] = nil
	ks.account(sh, -t.size()-t.bytes)
	sh.volatile[db].Add(int32(-t.volatile))
	if t.n > 0 {
		ks.counted(slot, db, int32(-t.n))
	}
	ks.refreshDue(slot)
	return t.n
}

// SwapSlot exchanges what a slot holds in two databases. It emits no effect. Under the lock.
func (ks *Keyspace) SwapSlot(slot uint16, a, b int) {
	ta, tb := ks.tables[a][slot], ks.tables[b][slot]
	if a == b || ta == nil && tb == nil {
		return
	}
	ks.tables[a][slot], ks.tables[b][slot] = tb, ta
	na, va := ta.population()
	nb, vb := tb.population()
	if d := int32(nb - na); d != 0 {
		// The larger count goes up first: the slot is never seen empty in between.
		if d > 0 {
			ks.counted(slot, a, d)
			ks.counted(slot, b, -d)
		} else {
			ks.counted(slot, b, -d)
			ks.counted(slot, a, d)
		}
	}
	sh := ks.shardOf(slot)
	sh.volatile[a].Add(int32(vb - va))
	sh.volatile[b].Add(int32(va - vb))
}

func (t *table) population() (keys, volatile int) {
	if t == nil {
		return 0, 0
	}
	return t.n, t.volatile
}
