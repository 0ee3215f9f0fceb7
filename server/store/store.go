package store

import (
	"math/bits"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Sizes of the keyspace.
const (
	Slots     = 16384 // as the Redis Cluster specification
	Databases = 16    // 0..15
	Shards    = 64    // mutexes; one bit each in a LockSet
)

// Sink receives the effects of what happens to a keyspace: the commands whose replay leads to the same state.
type Sink interface {
	// Effect is called under the lock of slot, in the order of the changes. args is valid during the call only.
	Effect(slot uint16, db int, args [][]byte)
}

// Options configure a [Keyspace].
type Options struct {
	Hash func(key []byte) uint64 // a hash of good quality in its top bits; required. See SetHash
	Sink Sink                    // may be nil: effects then cost nothing

	// Poison has freed memory filled with a pattern that no reader takes for an entry, and looks for changes of it when it is
	// used again. For tests; the race detector turns it on.
	Poison bool

	// Random has what is drawn from sets repeat. For tests: it is used under any lock. nil = the runtime's numbers.
	Random *rand.Rand
}

// Keyspace holds all keys of a node. Methods say whether they want the slot's lock held.
type Keyspace struct {
	hash func([]byte) uint64
	sink Sink

	watcher Watcher // see SetWatcher

	shards [Shards]shard
	dbs    [Databases]atomic.Pointer[database] // nil until a database's first key
	maps   *mappings
	large  large

	nonEmpty bitmap              // slots that hold a key in any database
	due      [Slots]atomic.Int64 // lower bound of the slot's next expiry, unix ms; 0 = nothing expires
	dueSlots bitmap              // slots whose due is not 0

	coarseMem  atomic.Int64 // memory in bytes, behind the shards' exact sum by at most Shards*memFlush either way
	trackLFU   atomic.Bool
	lfuFactor  atomic.Int64 // see SetLFU
	lfuDecay   atomic.Int64 // minutes; 0 = never
	thresholds atomic.Pointer[Thresholds]
	eviction   eviction
	expirer    expirer
	maintainer maintainer
	chance     chance
}

// database is one of the 16: what is known of each slot in it. What a lookup needs lies close together.
type database struct {
	tables [Slots]table        // guarded by the slot's shard
	info   [Slots]slotInfo     // guarded by the slot's shard
	counts [Slots]atomic.Int32 // keys; changed under the lock of the slot's shard
}

// slotInfo is what is known of a slot in one database besides its keys.
type slotInfo struct {
	bytes int // memory of the slot's entries and their index
	expiry
}

// memFlush is how many bytes a shard's memory may change before the common counter learns of it: large enough that writers on
// several cores rarely touch the common cache line, small against any sensible limit (64 shards: 256 KB).
const memFlush = 4 << 10

// shard is padded to two cache lines of 64 bytes beyond its fields, as processors prefetch lines in pairs.
type shard struct {
	mu struct {
		sync.Mutex        // with what follows up to pool.base in one cache line
		hits       uint64 // reads that found their key
		misses     uint64 // reads that did not
		pool       pool
		flushedMem int64  // what coarseMem knows of mem
		expired    uint64 // keys that expired
		watched    bool   // see Watch
		effect     [2][]byte
		objects    objects
		graves     graves
		dueHashes  dueHashes
		compaction compaction
		number     [maxIntLen]byte // the decimal form of the last integer that an Item's Value answered
	}
	mem      atomic.Int64            // bytes; changed under mu
	volatile [Databases]atomic.Int32 // keys with an expiry; changed under mu

	fieldsDue atomic.Int64 // unix ms from which on to look for expired fields of hashes; changed under mu
	_         [128]byte
}

// New answers an empty keyspace.
func New(o Options) *Keyspace {
	if o.Hash == nil {
		panic("store: Options.Hash is nil")
	}
	ks := &Keyspace{hash: o.Hash, sink: o.Sink, maps: new(mappings), chance: chance{o.Random}}
	poison := o.Poison || raceEnabled
	ks.large.maps, ks.large.poison = ks.maps, poison
	for i := range ks.shards {
		pool := &ks.shards[i].mu.pool
		ks.shards[i].fieldsDue.Store(never)
		pool.maps, pool.poison, pool.color, pool.limit = ks.maps, poison, uint32(i), maxPages
	}
	ks.SetThresholds(DefaultThresholds)
	ks.SetLFU(lfuLogFactor, lfuDecayMinutes)
	ks.eviction.start = time.Now()
	ks.SetEviction(NoEviction, defaultSamples)
	runtime.AddCleanup(ks, (*mappings).close, ks.maps)
	return ks
}

// Close gives all memory back to the system. The keyspace, its items and their values must not be used any more. A keyspace that
// the program forgets is closed by the garbage collector.
func (ks *Keyspace) Close() { ks.maps.close() }

// database answers a database, made if it has never been used.
func (ks *Keyspace) database(db int) *database {
	d := ks.dbs[db].Load()
	if d == nil {
		d = new(database)
		if !ks.dbs[db].CompareAndSwap(nil, d) {
			d = ks.dbs[db].Load() // another shard was first
		}
	}
	return d
}

// SetHash replaces Options.Hash: nodes of a cluster hash by a secret that they learn when they become members. It must happen
// before any [Keyspace.Ref], which carries the hash, and before any write: the hash is read without a lock. It panics where
// there are keys already.
func (ks *Keyspace) SetHash(hash func(key []byte) uint64) {
	if hash == nil || ks.NextNonEmpty(0) < Slots {
		panic("store: SetHash of nil, or with keys")
	}
	ks.hash = hash
}

// LockSet is a set of shards: one bit each.
type LockSet uint64

// SetOf is the set of the one shard that holds slot.
func (ks *Keyspace) SetOf(slot uint16) LockSet { return 1 << (slot % Shards) }

// Lock takes the locks of a set, in ascending order.
func (ks *Keyspace) Lock(set LockSet) {
	for s := uint64(set); s != 0; s &= s - 1 {
		ks.shards[bits.TrailingZeros64(s)].mu.Lock()
	}
}

// Unlock gives the locks of a set back.
func (ks *Keyspace) Unlock(set LockSet) {
	for s := uint64(set); s != 0; s &= s - 1 {
		ks.shards[bits.TrailingZeros64(s)].mu.Unlock()
	}
}

// LockSlot takes the lock of one slot's shard.
func (ks *Keyspace) LockSlot(slot uint16) { ks.shards[slot%Shards].mu.Lock() }

// UnlockSlot gives the lock of one slot's shard back.
func (ks *Keyspace) UnlockSlot(slot uint16) { ks.shards[slot%Shards].mu.Unlock() }

// HasSink reports whether effects go anywhere.
func (ks *Keyspace) HasSink() bool { return ks.sink != nil }

// Effect hands an effect to the sink, if there is one. Under the lock of slot.
func (ks *Keyspace) Effect(slot uint16, db int, args [][]byte) {
	if ks.sink != nil {
		ks.sink.Effect(slot, db, args)
	}
}

func (ks *Keyspace) shardOf(slot uint16) *shard { return &ks.shards[slot%Shards] }
