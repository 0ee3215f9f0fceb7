package store

import (
	"sync"
	"sync/atomic"
	"time"
)

// Eviction.
//
// When memory is over its limit, keys give way until it is not, in an order that the policy chooses. An exact order would cost
// a list or a heap through all keys, and its upkeep at each access. Instead, as Redis does: look at a few random keys, keep
// the best candidates in a small pool, evict the best of the pool, and repeat. What was good but not the best stays in the
// pool for the next eviction, so that the samples of many evictions add up, and the order comes close to the exact one.
// https://redis.io/docs/latest/develop/reference/eviction/#approximated-lru-algorithm
//
// A candidate may have been used, changed or deleted since it was looked at. It is found and ranked again under its lock before
// it goes; one that now ranks behind the next of the pool goes back. Ranks do not age by themselves: the time of the last
// access rather than how long ago it was, the time of expiry rather than what is left.
//
// Random policies evict the best of random ranks: choosing among several keys evens out that a run of neighbours in the order
// of hashes favours keys that have a wide gap before them.
//
// Who writes evicts, for its own writes: each caller of Evict takes one of a few evictors, which have their own pools and work
// side by side. Had all to wait for one, a thread that the system takes off its processor while it evicts would either stop
// all others or let them write on without a limit.
//
// Where few keys have an expiry and the policy wants one, drawing finds none: see walker.

// EvictResult is how a call of [Keyspace.Evict] ended.
type EvictResult uint8

// The results.
const (
	EvictDone    EvictResult = iota // memory is within the limit
	EvictMore                       // it is not yet, but the time is spent or others are at it: call again
	EvictNothing                    // it is not, and no key may give way
)

// Bounds of eviction.
const (
	evictors   = 8    // callers that evict at the same time; further ones are told EvictMore at once
	maxSamples = 1024 // keys looked at for one eviction; pools make more of them pointless long before
	maxRun     = 64   // keys looked at under one hold of a lock: some microseconds
	maxLook    = 512  // keys looked at by drawing for one eviction, where few of them have an expiry
	sumEvery   = 8    // evictions between two looks at the clock and the sum of memory
	restFactor = 10   // after a search in vain none is made for so many times its duration: a tenth of a processor at most
	maxKeptKey = 64 << 10
)

// defaultSamples is Redis's maxmemory-samples.
const defaultSamples = 5

// eviction is the part of a [Keyspace] that evicts.
type eviction struct {
	start     time.Time     // times below are since then, monotonic, in nanoseconds
	setting   atomic.Uint64 // the policy in the upper 32 bits, samples in the lower
	evicted   atomic.Uint64 // keys
	restUntil atomic.Int64  // searches have been in vain: nothing to evict until then
	overSince atomic.Int64  // 0 = within the limit, by the last call of Evict
	overFor   atomic.Int64  // nanoseconds over the limit, all times before overSince
	walker    walker
	parts     [evictors]evictor
}

func (x *eviction) clock() time.Duration { return time.Since(x.start) }

// SetEviction chooses what gives way, and how many keys are looked at for each that does (at least 1; more than 1024 count as
// 1024). It also chooses, as TrackLFU does, what accesses leave behind. No lock is needed.
func (ks *Keyspace) SetEviction(p Policy, samples int) {
	samples = max(1, min(samples, maxSamples))
	ks.TrackLFU(p.LFU())
	ks.eviction.setting.Store(uint64(p)<<32 | uint64(samples))
	ks.eviction.restUntil.Store(0)
}

// Eviction answers what SetEviction chose; at first that is NoEviction.
func (ks *Keyspace) Eviction() (p Policy, samples int) {
	v := ks.eviction.setting.Load()
	return Policy(v >> 32), int(v & (1<<32 - 1))
}

// Evict has keys give way, by the policy, until MemoryUsed is at most limit (bytes; 0 = no limit) or about budget is spent.
// Only keys of slots that owned picks (nil: all) are touched: copies follow their primary's effects, each eviction being one
// (DEL key). now is in unix milliseconds; keys that have expired go first. It holds a lock for some microseconds at a time. Any
// number of goroutines may call it at once; no lock may be held. Within the limit it costs an atomic load or two.
func (ks *Keyspace) Evict(now, limit int64, budget time.Duration, owned func(slot uint16) bool) EvictResult {
	x := &ks.eviction
	if limit <= 0 || !ks.OverMemory(limit) {
		if since := x.overSince.Load(); since != 0 && x.overSince.CompareAndSwap(since, 0) {
			x.overFor.Add(int64(x.clock()) - since)
		}
		return EvictDone
	}
	at := x.clock()
	result := ks.evict(now, limit, at, at+budget, owned)
	if result != EvictDone {
		x.overSince.CompareAndSwap(0, int64(at))
	} else if since := x.overSince.Load(); since != 0 && x.overSince.CompareAndSwap(since, 0) {
		x.overFor.Add(int64(x.clock()) - since)
	}
	return result
}

// evict finds an evictor that is free and lets it work.
func (ks *Keyspace) evict(now, limit int64, at, until time.Duration, owned func(slot uint16) bool) EvictResult {
	x := &ks.eviction
	p, samples := ks.Eviction()
	switch {
	case p == NoEviction:
		return EvictNothing
	case p.Volatile() && !ks.anyVolatile():
		x.walker.begin() // once there is one, it may be anywhere
		return EvictNothing
	case int64(at) < x.restUntil.Load():
		return EvictNothing
	}
	for i := range x.parts {
		e := &x.parts[i]
		if !e.mu.TryLock() {
			continue
		}
		e.begin(ks, p, samples, now, at, until, owned)
		result := e.run(limit)
		e.owned = nil
		e.mu.Unlock()
		if result == EvictNothing {
			end := x.clock()
			x.restUntil.Store(int64(end + restFactor*(end-at)))
		}
		return result
	}
	return EvictMore
}

func (ks *Keyspace) anyVolatile() bool {
	for db := range Databases {
		if ks.VolatileLen(db) > 0 {
			return true
		}
	}
	return false
}

// evictor evicts for one caller at a time. Candidates and sizes serve the next caller too.
type evictor struct {
	mu sync.Mutex // guards what follows; a shard's lock may be taken while it is held, never the other way round

	best  candidates
	picks picks

	// Of the call under way.
	ks      *Keyspace
	policy  Policy
	samples int
	now     int64
	at      time.Duration
	until   time.Duration
	owned   func(slot uint16) bool

	// Of the visit of a slot under way.
	slot uint16
	db   int
	seen int // items that may give way

	// Of the candidate that is about to go.
	hash  uint64
	found Item

	lookFn, matchFn func(Item) // bound once, so that passing them allocates nothing
	key             []byte     // scratch: the name of the key that goes
	_               [128]byte  // see shard
}

// begin readies e for a call. What was remembered under another policy, or another number of samples, is worth nothing.
func (e *evictor) begin(ks *Keyspace, p Policy, samples int, now int64, at, until time.Duration, owned func(slot uint16) bool) {
	if e.ks == nil {
		e.ks, e.lookFn, e.matchFn = ks, e.look, e.match
	}
	if p != e.policy || samples != e.samples {
		e.policy, e.samples = p, samples
		e.best.n, e.picks.left = 0, 0
	}
	e.now, e.at, e.until, e.owned = now, at, until, owned
}

// run evicts until memory is within limit.
func (e *evictor) run(limit int64) EvictResult {
	for {
		over := e.ks.MemoryUsed() - limit
		if over <= 0 {
			return EvictDone
		}
		// What a key frees is an estimate, which saves most of the sums over all shards. It leaves out what goes with the last
		// key of a slot, so that the sum must have its say before long.
		for tries := 0; over > 0 && tries < sumEvery; tries++ {
			if result := e.gather(); result != EvictDone {
				return result
			}
			over -= e.evictBest()
		}
		if e.spent() {
			return EvictMore
		}
	}
}

func (e *evictor) spent() bool { return e.ks.eviction.clock() >= e.until }

// gather looks at some more keys for one eviction. It answers EvictDone if the pool may hold something.
func (e *evictor) gather() EvictResult {
	if !e.picks.fresh(e.at) {
		e.picks.count(e.ks, e.policy.Volatile(), e.samples, e.owned, e.at)
		if e.picks.total() == 0 {
			e.picks.left, e.best.n = 0, 0
			return EvictNothing // no key is ours
		}
	}
	if e.picks.rare {
		if e.best.n > poolSize/2 {
			return EvictDone
		}
		return e.walk()
	}
	e.seen = 0
	visits := 2*e.samples + 1 // small slots hold less than a run, and some may be empty by now
	if e.policy.Volatile() {
		visits = min(visits, maxLook/e.picks.run)
	}
	for ; e.seen < e.samples && visits > 0 && e.picks.left > 0; visits-- {
		slot, db, ok := e.picks.draw(e.ks)
		if !ok || e.owned != nil && !e.owned(slot) {
			e.picks.missed()
			continue
		}
		e.visit(slot, db)
	}
	if e.best.n == 0 && e.policy.Volatile() {
		return e.walk()
	}
	return EvictDone
}
