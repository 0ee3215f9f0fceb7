package store

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// floodSink replays effects on a copy, slot by slot in their order.
type floodSink struct{ copy *Keyspace }

func (f *floodSink) Effect(slot uint16, db int, args [][]byte) {
	r := f.copy.Ref(slot, db, args[1])
	f.copy.LockSlot(slot)
	defer f.copy.UnlockSlot(slot)
	it := f.copy.Lookup(r, now, Expired)
	if string(args[0]) == "SET" {
		f.copy.Set(r, it, args[2], 0, now)
	} else if it.Exists() {
		f.copy.Delete(r, it)
	}
}

// contents is everything that a keyspace holds.
func contents(ks *Keyspace) map[modelKey]int {
	all := map[modelKey]int{}
	for slot := range uint16(Slots) {
		for db := range Databases {
			ks.LockSlot(slot)
			ks.Walk(slot, db, 0, 1<<30, 0, func(it Item) { all[modelKey{slot, db, string(it.Key())}] = it.Len() })
			ks.UnlockSlot(slot)
		}
	}
	return all
}

// flood writes random keys and values from several goroutines, as commands would: evict, and if that is of use write.
type flood struct {
	ks      *Keyspace
	limit   int64
	highest atomic.Int64
	refused atomic.Int64
}

const (
	floodWriters = 4
	floodValue   = 4000 // bytes at most
	floodSample  = 4    // a writer's writes between two looks at the memory used
)

func (f *flood) run(writes int, at func(i int) int64) {
	var wg sync.WaitGroup
	for w := range floodWriters {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 7))
			val := make([]byte, floodValue)
			for i := range writes {
				if f.ks.OverMemory(f.limit) && f.ks.Evict(now+int64(i), f.limit, 500*time.Microsecond, nil) == EvictNothing {
					f.refused.Add(1)
					continue
				}
				key := fmt.Appendf(nil, "%d:%d", w, rng.IntN(writes))
				r := f.ks.Ref(uint16(hash(key)>>20%Slots), i%7%2, key)
				v := val[:rng.IntN(floodValue)]
				f.ks.LockSlot(r.Slot)
				f.ks.Set(r, f.ks.Lookup(r, now, Touch), v, at(i), now+int64(i))
				f.ks.Effect(r.Slot, r.DB, [][]byte{[]byte("SET"), key, v})
				f.ks.UnlockSlot(r.Slot)
				if i%floodSample != 0 {
					continue
				}
				// The sum over the shards of one moment: without the locks, who is interrupted halfway through it adds up two moments.
				f.ks.Lock(^LockSet(0))
				used := f.ks.MemoryUsed()
				f.ks.Unlock(^LockSet(0))
				for high := f.highest.Load(); used > high && !f.highest.CompareAndSwap(high, used); {
					high = f.highest.Load()
				}
			}
		})
	}
	wg.Wait()
}

// TestFlood: under a flood of writes memory stays within 2% of the limit at every moment, and the effects make the same
// keyspace.
func TestFlood(t *testing.T) {
	limit, writes := int64(16<<20), 20_000
	if testing.Short() {
		limit, writes = 2<<20, 800
	}
	for _, p := range evicting {
		sink := &floodSink{copy: New(Options{Hash: hash})}
		f := &flood{ks: New(Options{Hash: hash, Sink: sink}), limit: limit}
		f.ks.SetEviction(p, 5)
		f.run(writes, func(i int) int64 {
			if p.Volatile() && i%100 != 0 {
				return now + 1e9 + int64(i)
			}
			return 0
		})
		used := f.ks.MemoryUsed()
		if f.highest.Load() > limit*102/100 || used < limit*98/100 || f.refused.Load() > 0 {
			t.Errorf("%v: %d bytes used, %d at most, limit %d; %d writes refused", p, used, f.highest.Load(), limit, f.refused.Load())
		}
		t.Logf("%v: at most %.3f of the limit, %d evicted", p, float64(f.highest.Load())/float64(limit), f.ks.Stats().Evicted)
		if f.ks.Stats().Evicted == 0 {
			t.Errorf("%v: nothing was evicted", p)
		}
		got, want := contents(sink.copy), contents(f.ks)
		if len(got) != len(want) || len(want) != int(f.ks.Keys()) {
			t.Fatalf("%v: the copy has %d keys, the original %d", p, len(got), len(want))
		}
		for k, n := range want {
			if got[k] != n {
				t.Fatalf("%v: %v has %d bytes, in the copy %d", p, k, n, got[k])
			}
		}
	}
}

// TestFloodRefused: where nothing may go, writes are refused and nothing is lost.
func TestFloodRefused(t *testing.T) {
	for _, p := range []Policy{NoEviction, VolatileLRU, VolatileTTL} {
		f := &flood{ks: New(Options{Hash: hash}), limit: 4 << 20}
		f.ks.SetEviction(p, 5)
		f.run(2000, func(int) int64 { return 0 })
		if f.highest.Load() > f.limit*102/100 || f.refused.Load() == 0 || f.ks.Stats().Evicted != 0 {
			t.Errorf("%v: %d bytes used at most, limit %d; %d writes refused, %d keys evicted", p, f.highest.Load(), f.limit,
				f.refused.Load(), f.ks.Stats().Evicted)
		}
	}
}

// TestFairness: keys of slots of any size have about the same chance to be looked at.
func TestFairness(t *testing.T) {
	rounds, perRound := 400, 100
	if testing.Short() {
		rounds = 60
	}
	ks := New(Options{Hash: hash})
	ks.SetEviction(AllKeysRandom, 5)
	type group struct {
		name       string
		keys, gone int
	}
	groups := []group{{name: "alone"}, {name: "in threes"}, {name: "in forties"}, {name: "all in one"}, {name: "another database"}}
	var refs []Ref
	in := map[modelKey]int{}
	add := func(g int, slot uint16, db int) {
		r := put(ks, slot, db, fmt.Sprint("k", len(refs)), 0)
		refs = append(refs, r)
		in[modelKey{slot, db, string(r.Key)}] = g
		groups[g].keys++
	}
	for i := range 1200 {
		add(0, uint16(i), 0)
		add(1, 2000+uint16(i/3), 0)
		add(2, 4000+uint16(i/40), 0)
		add(3, 9000, 0)
		add(4, uint16(i), 3)
	}
	per := map[modelKey]int{}
	for range rounds {
		for range perRound {
			shed(ks, 1, now)
		}
		for _, r := range refs {
			if k := (modelKey{r.Slot, r.DB, string(r.Key)}); !exists(ks, r) {
				groups[in[k]].gone++
				per[k]++
				put(ks, r.Slot, r.DB, k.key, 0)
			}
		}
	}
	total := 0
	for _, g := range groups {
		total += g.gone
	}
	mean := float64(total) / float64(len(refs))
	for _, g := range groups {
		ratio := float64(g.gone) / float64(g.keys) / mean
		t.Logf("%s: %.3f of the mean", g.name, ratio)
		if ratio < 0.85 || ratio > 1.15 {
			t.Errorf("keys %s are evicted %.2f times as often as the mean", g.name, ratio)
		}
	}
	never := 0
	for _, r := range refs {
		if per[modelKey{r.Slot, r.DB, string(r.Key)}] == 0 {
			never++
		}
	}
	if mean > 5 && never > len(refs)/100 { // of independent draws with this mean, one in 3000
		t.Errorf("%d of %d keys were never evicted, in the mean a key was %.1f times", never, len(refs), mean)
	}
}

// BenchmarkEvict is a write of a new key at the limit, its eviction included.
func BenchmarkEvict(b *testing.B) {
	for _, p := range append([]Policy{NoEviction}, evicting...) {
		b.Run(p.String(), func(b *testing.B) {
			ks := New(Options{Hash: hash})
			ks.SetEviction(p, 5)
			const n = 200_000
			val := make([]byte, 32)
			set := func(i int) {
				var key [24]byte
				name := fmt.Appendf(key[:0], "key:%d", i)
				r := ks.Ref(uint16(hash(name)>>20%Slots), 0, name)
				ks.LockSlot(r.Slot)
				ks.Set(r, ks.Lookup(r, now, Touch), val, now+1e9, now)
				ks.UnlockSlot(r.Slot)
			}
			for i := range n {
				set(i)
			}
			limit := ks.MemoryUsed()
			b.ReportAllocs()
			for i := n; b.Loop(); i++ {
				if p == NoEviction {
					ks.Evict(now, limit*2, time.Millisecond, nil)
					continue
				}
				set(i)
				ks.Evict(now, limit, time.Millisecond, nil)
			}
		})
	}
}
