package store

import "math/bits"

// Walk calls fn with the items of one slot and database whose hash is at least from, in the order of buckets (of hashes, but
// for those in one bucket), until it has seen limit of them and its bucket is through. It answers the hash from which to go on,
// or done. Items that have expired at now are left out but counted. Under the lock; fn must not change the slot.
//
// Each walk thus covers exactly the hashes [from, next), however the slot's segments lie. Walks that follow each other, with the
// lock given back in between, see every key that is present throughout exactly once, though the table grow or shrink.
// A next has its low 16 bits clear.
func (ks *Keyspace) Walk(slot uint16, db int, from uint64, limit int, now int64, fn func(Item)) (next uint64, done bool) {
	d := ks.dbs[db].Load()
	if d == nil || d.tables[slot].keys == 0 {
		return 0, true
	}
	return ks.walk(ks.shardOf(slot), &d.tables[slot], from, limit, now, fn)
}

// walk is Walk of a table with keys.
func (ks *Keyspace) walk(sh *shard, t *table, from uint64, limit int, now int64, fn func(Item)) (next uint64, done bool) {
	for {
		s := t.segment(from)
		begin := from >> 1 >> (63 - s.depth) << 1 << (63 - s.depth) // the segment's least hash; a shift by 64 is two
		for i := home(fragment(from, s.depth), s.n); i < s.n; i++ {
			limit -= ks.walkHome(sh, s, i, from, now, fn)
			next = s.homeEnd(begin, i)
			if limit <= 0 && next != 0 {
				return next, false
			}
			from = next
		}
		if next == 0 { // beyond the greatest hash
			return 0, true
		}
	}
}

// homeEnd is the least hash beyond the home bucket i of a segment whose least hash is begin; 0 = 2^64.
func (s *segment) homeEnd(begin uint64, i uint32) uint64 {
	frag := (uint64(i+1)<<fragBits + uint64(s.n) - 1) / uint64(s.n) // the least fragment of the next home
	return begin + frag<<(64-fragBits)>>s.depth + carry(frag, s.depth)
}

// carry is what frag<<(64-fragBits)>>depth loses when frag is 1<<fragBits, the end of the segment.
func carry(frag uint64, depth uint32) uint64 {
	if frag>>fragBits == 0 || depth == 0 {
		return 0 // 2^64 is 0
	}
	return 1 << (64 - depth)
}

// walkHome calls fn for the items whose home is bucket i and whose hash is at least from, and answers how many there are.
func (ks *Keyspace) walkHome(sh *shard, s *segment, i uint32, from uint64, now int64, fn func(Item)) (n int) {
	p := &sh.mu.pool
	least := fragment(from, s.depth)
	for at, left := i, s.n; left > 0; left-- {
		b := s.bucket(p, at)
		for u := b.used; u != 0; u &= u - 1 {
			j := bits.TrailingZeros16(u)
			frag := b.frag(j)
			if home(frag, s.n) != i || frag < least {
				continue
			}
			r := ref(b.refs[j] & refMask)
			e := entry{p.at(r)}
			if frag == least && ks.hash(e.key()) < from {
				continue // the position comes from another division of the hashes
			}
			n++
			if when := e.expiry(); when == 0 || when >= now {
				fn(Item{e: e, sh: sh, r: r})
			}
		}
		if b.over == 0 {
			break
		}
		if at++; at == s.n {
			at = 0
		}
	}
	return n
}

// randomTries is how many random places Random looks into before it takes the next key in order of hash. Two fifths of all
// places are in use at least, but for single buckets, so that 64 tries fail hardly ever.
const randomTries = 256

// Random picks a key of a slot and database uniformly. It answers no item where none is alive at now. Under the lock.
func (ks *Keyspace) Random(slot uint16, db int, now int64) Item {
	d := ks.dbs[db].Load()
	if d == nil || d.tables[slot].keys == 0 {
		return Item{}
	}
	return ks.random(ks.shardOf(slot), &d.tables[slot], now, chance{})
}

// random is Random of a table with keys. A segment is met as often as its prefix is short, and taken the less often, the fewer its
// buckets: so every bucket of the table has the same chance, and every place in it.
func (ks *Keyspace) random(sh *shard, t *table, now int64, by chance) Item {
	for range randomTries {
		s := t.segment(by.uint64())
		if most := maxSegment << (t.depth - s.depth); t.depth > 0 && int(s.n) < most && by.below(most) >= int(s.n) {
			continue
		}
		place := by.below(int(s.n) * bucketSlots)
		b := s.bucket(&sh.mu.pool, uint32(place/bucketSlots))
		j := place % bucketSlots
		if b.used>>j&1 == 0 {
			continue
		}
		r := ref(b.refs[j] & refMask)
		e := entry{sh.mu.pool.at(r)}
		if when := e.expiry(); when == 0 || when >= now {
			return Item{e: e, sh: sh, r: r}
		}
	}
	var found Item
	take := func(it Item) { found = it }
	for from, done := by.uint64(), false; !done && !found.Exists(); {
		from, done = ks.walk(sh, t, from, 1, now, take)
	}
	for from, done := uint64(0), false; !done && !found.Exists(); {
		from, done = ks.walk(sh, t, from, 1, now, take)
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

// FlushSlotDB removes all keys of a slot in one database and answers how many there were. It emits no effect. Many keys are out of
// sight at once, and out of MemoryUsed; MaintainSlice gives their memory back. Under the lock.
func (ks *Keyspace) FlushSlotDB(slot uint16, db int) int {
	d := ks.dbs[db].Load()
	if d == nil || d.tables[slot].keys == 0 {
		return 0
	}
	sh, t, info := ks.shardOf(slot), &d.tables[slot], &d.info[slot]
	n := int(t.keys)
	ks.detach(sh, t, info.bytes)
	ks.account(sh, -info.bytes)
	sh.volatile[db].Add(int32(-info.volatile))
	ks.counted(slot, db, int32(-n))
	*info = slotInfo{expiry: noExpiry}
	ks.refreshDue(slot)
	if sh.mu.watched {
		ks.watcher.SlotChanged(slot, db)
	}
	return n
}

// SwapSlot exchanges what a slot holds in two databases. It emits no effect. Under the lock.
func (ks *Keyspace) SwapSlot(slot uint16, a, b int) {
	if a == b || ks.SlotLen(slot, a) == 0 && ks.SlotLen(slot, b) == 0 {
		return
	}
	da, db := ks.database(a), ks.database(b)
	da.tables[slot], db.tables[slot] = db.tables[slot], da.tables[slot]
	da.info[slot], db.info[slot] = db.info[slot], da.info[slot]
	for _, d := range []*database{da, db} { // a pass of background expiry that is under way does not follow
		if info := &d.info[slot]; info.volatile > 0 {
			info.due = 1
		}
	}
	ks.refreshDue(slot)
	// The larger count goes up first: the slot is never seen empty in between.
	switch n := int32(da.tables[slot].keys) - int32(db.tables[slot].keys); {
	case n > 0:
		ks.counted(slot, a, n)
		ks.counted(slot, b, -n)
	case n < 0:
		ks.counted(slot, b, -n)
		ks.counted(slot, a, n)
	}
	sh := ks.shardOf(slot)
	if sh.mu.watched {
		ks.watcher.SlotChanged(slot, a)
		ks.watcher.SlotChanged(slot, b)
	}
	v := int32(da.info[slot].volatile - db.info[slot].volatile)
	sh.volatile[a].Add(v)
	sh.volatile[b].Add(-v)
}
