package server

import (
	"sync"
	"sync/atomic"
	"time"

	"ringcache/ring"
	"ringcache/server/command"
	"ringcache/server/store"
)

// rateEvery is how often the rates are taken, and rateWindow over how many takes they are averaged: Redis's 16 samples of
// 100 ms.
const (
	rateEvery  = 100 * time.Millisecond
	rateWindow = 16
)

// Background work on the keyspace, expiry, eviction and giving memory back, is done in slices of sliceBudget each. There is a round every
// rateEvery, and while there is more to do, after slicePause: a third of one core then, at most.
const (
	sliceBudget = time.Millisecond
	slicePause  = 4 * time.Millisecond
)

// rates measures how fast the node works.
type rates struct {
	peak atomic.Int64 // bytes, the most the keyspace has held

	mu struct {
		sync.Mutex // guards what follows
		at         [rateWindow]time.Time
		ops        [rateWindow]int64
		in, out    [rateWindow]int64
		n          int // samples taken
	}
}

func (r *rates) sample(now time.Time, ops, in, out int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := r.mu.n % rateWindow
	r.mu.at[i], r.mu.ops[i], r.mu.in[i], r.mu.out[i] = now, ops, in, out
	r.mu.n++
}

// now answers operations and kilobytes in and out, each per second.
func (r *rates) now() (ops int64, in, out float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mu.n < 2 {
		return 0, 0, 0
	}
	last := (r.mu.n - 1) % rateWindow
	first := max(0, r.mu.n-rateWindow) % rateWindow
	sec := r.mu.at[last].Sub(r.mu.at[first]).Seconds()
	if sec <= 0 {
		return 0, 0, 0
	}
	return int64(float64(r.mu.ops[last]-r.mu.ops[first]) / sec), float64(r.mu.in[last]-r.mu.in[first]) / 1024 / sec,
		float64(r.mu.out[last]-r.mu.out[first]) / 1024 / sec
}

// maintain runs beside the loops until the server closes: background work on the keyspace, rates, the highest memory.
func (s *Server) maintain() {
	tick := time.NewTicker(rateEvery)
	defer tick.Stop()
	again := time.NewTimer(rateEvery)
	defer again.Stop()
	slice := func() {
		pause := rateEvery
		if s.slice(time.Now().UnixMilli()) {
			pause = slicePause
		}
		again.Reset(pause)
	}
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-s.newLimit:
			slice()
		case now := <-tick.C:
			if used := s.opt.Keyspace.MemoryUsed(); used > s.rates.peak.Load() {
				s.rates.peak.Store(used)
			}
			s.rates.sample(now, s.sum(cCommands), s.sum(cBytesIn), s.sum(cBytesOut))
		case <-again.C:
			slice()
		}
	}
}

// slice does a slice of background work on the keyspace, and reports whether there is more to do at once. Memory returns under
// its limit here though no command writes, as after reads of what the last write had left, or when CONFIG SET lowers maxmemory.
func (s *Server) slice(now int64) (more bool) {
	ks := s.opt.Keyspace
	if s.leased() {
		owned := s.primaryNow()
		_, more = ks.ExpireSlice(now, sliceBudget, owned)
		if ks.Evict(now, s.settings.Load().MaxMemory, command.EvictBudget, owned) == store.EvictMore {
			more = true
		}
	}
	if s.waiters.Marked() { // somebody waits for a key that has gone
		s.loops[0].ev.Post(s.loops[0].nothing)
	}
	return ks.MaintainSlice(sliceBudget) || more
}

// primaryNow tells the slots that this node is primary of, by the newest map that its streams go by: what happens to others would have no effect.
func (s *Server) primaryNow() func(slot uint16) bool {
	o := s.copies.out.Load()
	if o == nil {
		return func(uint16) bool { return false }
	}
	m, self := o.m, o.self
	return func(slot uint16) bool { return self != ring.None && m.Slots[slot].Primary == self }
}

// Load is what a node reports of itself to the leader.
type Load struct {
	Keys, MemoryBytes, OpsPerSec int64
}

// Load answers the node's load now.
func (s *Server) Load() Load {
	owned := s.primaryNow()
	keys := int64(0)
	for db := range store.Databases {
		keys += s.opt.Keyspace.CountOwned(db, owned)
	}
	ops, _, _ := s.rates.now()
	return Load{Keys: keys, MemoryBytes: s.opt.Keyspace.MemoryUsed(), OpsPerSec: ops}
}

// NonEmpty answers the slots that hold keys here: slot s is bit s%8 of byte s/8.
func (s *Server) NonEmpty() []byte { return s.opt.Keyspace.NonEmpty()[:] }

// base is what CONFIG RESETSTAT subtracts from the counters from then on.
type base struct {
	mu     sync.Mutex // guards counts
	counts [numCounters]int64
}

func (b *base) reset(s *Server) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.counts {
		b.counts[i] = s.sum(i)
	}
	s.opt.Keyspace.ResetStats()
}

func (b *base) load() [numCounters]int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.counts
}
