package store

// sample calls fn with n items of a slot and database, or all where there are fewer: those that lie side by side from a place on
// that the random number r says, round the segment there, and on in the next ones. Those that have expired are among them. Under
// the lock; fn must not change the slot.
//
// It takes entries as they lie, not as Walk does by whole buckets: a key's chance must not depend on how many others its bucket
// holds.
func (ks *Keyspace) sample(slot uint16, db int, r uint64, n int, fn func(Item)) {
	d := ks.dbs[db].Load()
	if d == nil {
		return
	}
	t, sh := &d.tables[slot], ks.shardOf(slot)
	n = min(n, int(t.keys))
	for hash := r; n > 0; {
		s := t.segment(hash)
		places := s.n * bucketSlots
		at := home(fragment(hash, s.depth), s.n)*bucketSlots + uint32(r%bucketSlots)
		for range places {
			b := s.bucket(&sh.mu.pool, at/bucketSlots)
			if j := at % bucketSlots; b.used>>j&1 == 1 {
				e := ref(b.refs[j] & refMask)
				fn(Item{e: entry{sh.mu.pool.at(e)}, sh: sh, r: e})
				if n--; n == 0 {
					return
				}
			}
			if at++; at == places {
				at = 0
			}
		}
		if s.depth > 0 {
			hash = (hash>>(64-s.depth) + 1) << (64 - s.depth)
		}
	}
}
