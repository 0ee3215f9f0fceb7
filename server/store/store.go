// Package store is the keyspace of a node: 16384 slots of 16 databases, each a dictionary of its own, with expiry, access
// statistics and memory accounting.
//
// It knows no network and keeps no time: the time is an argument, in unix milliseconds. What it holds is reached through
// handles ([Item]) that are valid only under the lock of their slot, so that how values are kept is nobody's concern.
//
// # Locks
//
// Slots share 64 shards, each with one mutex that guards everything of its slots in all databases. A shard holds every 64th
// slot, so that slots which lie side by side on a node spread over all shards. Whoever needs several slots takes their
// shards' locks by [Keyspace.Lock], in ascending order; nobody takes a lock of this package while holding another except so.
//
// Counters and bitmaps are atomics, changed under the lock of their slot and read without any.
package store

import (
	"math/bits"
	"sync"
	"sync/atomic"
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
	Hash func(key []byte) uint64 // a hash of good quality in its top bits; required
	Sink Sink                    // may be nil: effects then cost nothing
}

// Keyspace holds all keys of a node. Methods say whether they want the slot's lock held.
type Keyspace struct {
	hash func([]byte) uint64
	sink Sink

	shards [Shards]shard
	tables [Databases][Slots]*table // guarded by the slot's shard; nil where never used or flushed

	counts   [Databases]atomic.Pointer[[Slots]atomic.Int32] // keys of each slot; allocated with a database's first key
	nonEmpty bitmap                                         // slots that hold a key in any database
	due      [Slots]atomic.Int64                            // lower bound of the slot's next expiry, unix ms; 0 = nothing expires
	dueSlots bitmap                                         // slots whose due is not 0

	coarseMem atomic.Int64 // memory in bytes, behind the shards' exact sum by at most Shards*memFlush either way
	trackLFU  atomic.Bool
	expireAt  atomic.Uint32 // slot at which ExpireSlice goes on
}

// memFlush is how many bytes a shard's memory may change before the common counter learns of it: large enough that writers on
// several cores rarely touch the common cache line, small against any sensible limit (64 shards: 256 KB).
const memFlush = 4 << 10

// shard is padded to two cache lines of 64 bytes beyond its fields, as processors prefetch lines in pairs.
type shard struct {
	mu struct {
		sync.Mutex
		flushedMem int64  // what coarseMem knows of mem
		hits       uint64 // reads that found their key
		misses     uint64 // reads that did not
		expired    uint64 // keys that expired
		effect     [2][]byte
	}
	mem      atomic.Int64            // bytes; changed under mu
	volatile [Databases]atomic.Int32 // keys with an expiry; changed under mu
	_        [128]byte
}

// New answers an empty keyspace.
func New(o Options) *Keyspace {
	if o.Hash == nil {
		panic("store: Options.Hash is nil")
	}
	return &Keyspace{hash: o.Hash, sink: o.Sink}
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
