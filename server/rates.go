package server

import (
	"sync"
	"sync/atomic"
	"time"

	"ringcache/server/store"
)

// rateEvery is how often the rates are taken, and rateWindow over how many takes they are averaged: Redis's 16 samples of
// 100 ms.
const (
	rateEvery  = 100 * time.Millisecond
	rateWindow = 16
)

// expireBudget bounds the CPU time of one slice of background expiry; a slice runs every rateEvery, so at most 1% of one
// processor goes there while keys expire faster than that.
const expireBudget = time.Millisecond

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

// maintain runs beside the loops until the server closes: background expiry, rates, the highest memory.
func (s *Server) maintain() {
	tick := time.NewTicker(rateEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case now := <-tick.C:
			m := s.opt.Cluster.Map()
			self := m.IndexOf(s.opt.Self.ID)
			if s.leased() {
				s.opt.Keyspace.ExpireSlice(now.UnixMilli(), expireBudget, func(slot uint16) bool { return m.Slots[slot].Primary == self })
			}
			if used := s.opt.Keyspace.MemoryUsed(); used > s.rates.peak.Load() {
				s.rates.peak.Store(used)
			}
			s.rates.sample(now, s.sum(cCommands), s.sum(cBytesIn), s.sum(cBytesOut))
		}
	}
}

// Load is what a node reports of itself to the leader.
type Load struct {
	Keys, MemoryBytes, OpsPerSec int64
}

// Load answers the node's load now.
func (s *Server) Load() Load {
	m := s.opt.Cluster.Map()
	self := m.IndexOf(s.opt.Self.ID)
	owned := func(slot uint16) bool { return m.Slots[slot].Primary == self }
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
