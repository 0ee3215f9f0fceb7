package store

// Dict is a dictionary inside an Object: the members of a set, the fields of a hash. It is made of what slots are made of, a table and
// entries in the pool of its shard: a member is an entry, its value what belongs to it, its expiry that of a hash field. So a
// member costs what a key costs, SSCAN is Walk, SPOP is Random, and a dictionary is released, compacted and audited like a slot.
//
// Items of a Dict are valid until its next change. Everything is under the lock of its shard.
type Dict struct {
	parts
	t         table
	volatile  int  // members with an expiry
	releasing bool // nobody sees the members any more
}

// newDict answers an empty dictionary for a key of slot.
func (ks *Keyspace) newDict(slot uint16) Dict { return Dict{parts: ks.partsOf(slot)} }

// Len is the number of members.
func (d *Dict) Len() int { return int(d.t.keys) }

// Volatile is the number of members with an expiry.
func (d *Dict) Volatile() int { return d.volatile }

// Hash is the hash of a member's name, for the methods that want one.
func (d *Dict) Hash(key []byte) uint64 { return d.ks.hash(key) }

// Find finds a member; where there is none, the item's Exists is false.
func (d *Dict) Find(hash uint64, key []byte) Item {
	p := &d.sh.mu.pool
	r := d.t.find(p, hash, key)
	if r == 0 {
		return Item{}
	}
	return Item{e: entry{p.at(r)}, sh: d.sh, r: r}
}

// Put gives the member key the value val and an expiry (unix ms, 0 = none). it is what Find answered. val may be the value of another
// item.
func (d *Dict) Put(hash uint64, it Item, key, val []byte, at int64) Item {
	v := value{layout: layoutOf(len(key), len(val), 0, expiryFlag(at)), bytes: val, at: at}
	if it.r == 0 {
		it = d.ks.newEntry(d.sh, key, &v)
		it.e.setAccess(0)
		d.bytes += d.sh.entryBytes(it.r) + d.t.insert(d.ks, &d.sh.mu.pool, hash, it.r)
		d.counted1(0, at)
		return it
	}
	was := it.e.expiry()
	if it.fits(&v.layout) {
		d.bytes += d.ks.overwrite(it, &v)
	} else {
		old := it
		it = d.ks.newEntry(d.sh, key, &v)
		it.e.setAccess(0)
		d.t.replace(&d.sh.mu.pool, hash, old.r, it.r)
		d.bytes += d.sh.entryBytes(it.r) - d.ks.freeBlocks(old)
	}
	d.counted1(was, at)
	return it
}

// counted1 notes that a member's expiry changed.
func (d *Dict) counted1(was, at int64) {
	if was != 0 {
		d.volatile--
	}
	if at != 0 {
		d.volatile++
	}
}

// Delete removes a member that Find answered.
func (d *Dict) Delete(hash uint64, it Item) {
	d.counted1(it.e.expiry(), 0)
	d.bytes += d.t.remove(&d.sh.mu.pool, hash, it.r)
	d.bytes -= d.ks.freeBlocks(it)
}

// SetExpire sets or, with at 0, removes the expiry of a member that Find answered, and answers it anew.
func (d *Dict) SetExpire(hash uint64, it Item, at int64) Item {
	if it.e.flags()&flagExpiry == 0 {
		if at == 0 {
			return it
		}
		return d.Put(hash, it, it.Key(), it.e.stored(), at)
	}
	d.counted1(it.e.expiry(), at)
	it.e.putExpiry(at)
	return it
}

// Walk calls fn with the members whose hash is at least from, as [Keyspace.Walk] does; those that have expired at now are left out. fn
// must not change the dictionary.
func (d *Dict) Walk(from uint64, limit int, now int64, fn func(Item)) (next uint64, done bool) {
	if d.t.keys == 0 {
		return 0, true
	}
	return d.ks.walk(d.sh, &d.t, from, limit, now, fn)
}

// Random picks a member uniformly, or none where none is alive at now.
func (d *Dict) Random(now int64) Item {
	if d.t.keys == 0 {
		return Item{}
	}
	return d.ks.random(d.sh, &d.t, now, d.ks.chance)
}

// Release is that of an Object that has no memory beside its dictionary.
func (d *Dict) Release(budget int) (done bool) {
	if !d.releasing {
		d.releasing = true
		if d.t.depth > 0 {
			d.bytes -= dirEntry << d.t.depth
			d.t.root.n = 1 << d.t.depth
		}
	}
	d.bytes -= d.ks.releaseTable(d.sh, &d.t, budget)
	return d.t.released()
}

// Evacuate is that of an Object to which nothing leads to its members but the dictionary.
func (d *Dict) Evacuate(from uint64, budget int) (looked int, next uint64) {
	return d.evacuateMembers(from, budget, nil)
}

// evacuateMembers is Evacuate of the dictionary; moved, if there is one, is told of each member that has moved.
func (d *Dict) evacuateMembers(from uint64, budget int, moved func(from, to ref)) (looked int, next uint64) {
	if d.t.keys == 0 {
		return 0, 0
	}
	for {
		n, next := d.t.evacuate(&d.sh.mu.pool, from, moved)
		looked += n + 1
		if from = next; next == 0 || looked >= budget {
			return looked, next
		}
	}
}
