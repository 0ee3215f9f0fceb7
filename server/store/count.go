package store

import (
	"encoding/binary"
	"math/bits"
	"sync/atomic"
	"time"
)

// bitmap has one bit a slot. Bits are changed under the slot's lock and read without.
type bitmap [Slots / 64]atomic.Uint64

func (b *bitmap) set(slot uint16)   { b[slot/64].Or(1 << (slot % 64)) }
func (b *bitmap) clear(slot uint16) { b[slot/64].And(^(uint64(1) << (slot % 64))) }

// next answers the first slot from `from` on whose bit is set, or Slots.
func (b *bitmap) next(from int) int {
	for from < Slots {
		if w := b[from/64].Load() >> (from % 64); w != 0 {
			return from + bits.TrailingZeros64(w)
		}
		from = (from/64 + 1) * 64
	}
	return Slots
}

// Stats are counts since the keyspace was made, or since [Keyspace.ResetStats].
type Stats struct {
	Hits, Misses uint64 // reads that found their key, and that did not
	Expired      uint64 // keys that expired
	Fields       uint64 // fields of hashes that expired
	Evicted      uint64 // keys that gave way to others

	OverLimit    time.Duration // time that memory was over its limit, as calls of Evict found it, OverLimitNow included
	OverLimitNow time.Duration // for how long it has been now; 0 = it is not
}

// Stats takes every shard's lock for a moment: none may be held.
func (ks *Keyspace) Stats() Stats {
	var s Stats
	for i := range ks.shards {
		sh := &ks.shards[i]
		sh.mu.Lock()
		s.Hits += sh.mu.hits
		s.Misses += sh.mu.misses
		s.Expired += sh.mu.expired
		s.Fields += sh.mu.dueHashes.removed
		sh.mu.Unlock()
	}
	x := &ks.eviction
	s.Evicted = x.evicted.Load()
	if since := x.overSince.Load(); since != 0 {
		s.OverLimitNow = x.clock() - time.Duration(since)
	}
	s.OverLimit = time.Duration(x.overFor.Load()) + s.OverLimitNow
	return s
}

// ResetStats sets the counts of [Keyspace.Stats] to zero. No lock may be held.
func (ks *Keyspace) ResetStats() {
	for i := range ks.shards {
		sh := &ks.shards[i]
		sh.mu.Lock()
		sh.mu.hits, sh.mu.misses, sh.mu.expired, sh.mu.dueHashes.removed = 0, 0, 0, 0
		sh.mu.Unlock()
	}
	x := &ks.eviction
	x.evicted.Store(0)
	x.overFor.Store(0)
	x.overSince.Store(0)
}

// SlotLen counts the keys of a slot in one database, those that have expired but are still there included. No lock is needed.
func (ks *Keyspace) SlotLen(slot uint16, db int) int {
	if d := ks.dbs[db].Load(); d != nil {
		return int(d.counts[slot].Load())
	}
	return 0
}

// SlotKeys counts the keys of a slot in all databases. No lock is needed.
func (ks *Keyspace) SlotKeys(slot uint16) int {
	n := 0
	for db := range ks.dbs {
		n += ks.SlotLen(slot, db)
	}
	return n
}

// DBLen counts the keys of one database, replicas' copies included. No lock is needed.
func (ks *Keyspace) DBLen(db int) int64 { return ks.CountOwned(db, nil) }

// CountOwned counts the keys of one database in the slots that owned picks (nil: all). No lock is needed.
func (ks *Keyspace) CountOwned(db int, owned func(slot uint16) bool) int64 {
	d := ks.dbs[db].Load()
	if d == nil {
		return 0
	}
	var n int64
	for slot := ks.nonEmpty.next(0); slot < Slots; slot = ks.nonEmpty.next(slot + 1) {
		if owned == nil || owned(uint16(slot)) {
			n += int64(d.counts[slot].Load())
		}
	}
	return n
}

// Keys counts the keys of all databases, replicas' copies included. No lock is needed.
func (ks *Keyspace) Keys() int64 {
	var n int64
	for db := range ks.dbs {
		n += ks.DBLen(db)
	}
	return n
}

// VolatileLen counts the keys of one database that have an expiry, replicas' copies included. No lock is needed.
func (ks *Keyspace) VolatileLen(db int) int64 {
	var n int64
	for i := range ks.shards {
		n += int64(ks.shards[i].volatile[db].Load())
	}
	return n
}

// NonEmpty answers a bitmap of the slots that hold keys in any database: slot s is bit s%8 of byte s/8. No lock is needed.
func (ks *Keyspace) NonEmpty() *[Slots / 8]byte {
	var b [Slots / 8]byte
	for i := range ks.nonEmpty {
		binary.LittleEndian.PutUint64(b[i*8:], ks.nonEmpty[i].Load())
	}
	return &b
}

// NextNonEmpty answers the first slot from `from` on that holds keys in any database, or Slots. No lock is needed.
func (ks *Keyspace) NextNonEmpty(from int) int { return ks.nonEmpty.next(from) }

// MemoryUsed is the memory of all keys in bytes: the blocks of their entries, their index and their structures. What is free in
// the pools, and not given back to the system yet, does not count. No lock is needed.
func (ks *Keyspace) MemoryUsed() int64 {
	var n int64
	for i := range ks.shards {
		n += ks.shards[i].mem.Load()
	}
	return n
}

// OverMemory reports whether MemoryUsed exceeds limit. It is cheap enough for every write: the exact sum is taken only near
// the limit.
func (ks *Keyspace) OverMemory(limit int64) bool {
	if ks.coarseMem.Load()+Shards*memFlush <= limit {
		return false
	}
	return ks.MemoryUsed() > limit
}

// Full reports whether a shard of the set has used up its 4 GB of blocks, but for a reserve: tens of millions of small keys with
// one hash tag do that. Whoever may refuse to write must then. Under the locks of the set.
func (ks *Keyspace) Full(set LockSet) bool {
	for s := uint64(set); s != 0; s &= s - 1 {
		if ks.shards[bits.TrailingZeros64(s)].mu.pool.full() {
			return true
		}
	}
	return false
}

// account notes that the memory of a shard grew by delta bytes. Under its lock.
func (ks *Keyspace) account(sh *shard, delta int) {
	if delta == 0 {
		return
	}
	m := sh.mem.Add(int64(delta))
	if d := m - sh.mu.flushedMem; d >= memFlush || d <= -memFlush {
		ks.coarseMem.Add(d)
		sh.mu.flushedMem = m
	}
}

// grew notes that a slot's memory in one database changed by delta bytes. Under its lock.
func (ks *Keyspace) grew(sh *shard, slot uint16, db int, delta int) {
	if delta != 0 {
		ks.dbs[db].Load().info[slot].bytes += delta
		ks.account(sh, delta)
	}
}

// counted notes that a slot's number of keys in one database changed by delta. Under its lock.
func (ks *Keyspace) counted(slot uint16, db int, delta int32) {
	switch n := ks.dbs[db].Load().counts[slot].Add(delta); {
	case n == delta && delta > 0:
		ks.nonEmpty.set(slot)
	case n == 0 && ks.SlotKeys(slot) == 0:
		ks.nonEmpty.clear(slot)
	}
}

// Memory is what a keyspace has of the system's memory.
type Memory struct {
	Used     int64  // bytes of keys: MemoryUsed
	Active   int64  // bytes of pages with blocks in use, large blocks and structures
	Resident int64  // bytes: Active, and what is free and not given back yet
	Pending  int    // flushed tables and large collections that wait for their release
	Released uint64 // those that have been released
	Moving   int    // shards in which compaction is under way
}

// Memory takes every shard's lock for a moment: none may be held.
func (ks *Keyspace) Memory() Memory {
	var m Memory
	live, pending := 0, 0
	for i := range ks.shards {
		sh := &ks.shards[i]
		sh.mu.Lock()
		p := &sh.mu.pool
		live += p.live
		m.Active += int64(p.nUsed) * pageSize
		m.Resident += int64(p.nUsed+p.nDirty) * pageSize
		pending += sh.mu.graves.bytes
		m.Released += sh.mu.graves.released
		m.Pending += len(sh.mu.graves.objects) + len(sh.mu.graves.tables)
		if sh.mu.compaction.running {
			m.Moving++
		}
		sh.mu.Unlock()
	}
	m.Used = ks.MemoryUsed()
	beside := max(0, m.Used+int64(pending-live)) // what lies in no pool
	m.Active += beside
	m.Resident += beside + ks.large.dirty()
	return m
}
