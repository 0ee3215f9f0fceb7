package store

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var evicting = []Policy{AllKeysLRU, AllKeysLFU, AllKeysRandom, VolatileLRU, VolatileLFU, VolatileRandom, VolatileTTL}

// long is a budget that does not end.
const long = time.Hour

// put stores a key in a slot of the test's choice and answers its name.
func put(ks *Keyspace, slot uint16, db int, key string, at int64) Ref {
	r := ks.Ref(slot, db, []byte(key))
	ks.LockSlot(slot)
	ks.Set(r, ks.Lookup(r, now, 0), []byte("a value of some length"), at, now)
	ks.UnlockSlot(slot)
	return r
}

func exists(ks *Keyspace, r Ref) bool {
	ks.LockSlot(r.Slot)
	defer ks.UnlockSlot(r.Slot)
	return ks.Lookup(r, now, Expired).Exists()
}

// spread is a slot for the i-th key.
func spread(i int) uint16 { return uint16(i * 7919 % Slots) }

// shed evicts until n bytes fewer are used.
func shed(ks *Keyspace, n, at int64) EvictResult { return ks.Evict(at, ks.MemoryUsed()-n, long, nil) }

func TestPolicyNames(t *testing.T) {
	for p := NoEviction; p <= VolatileTTL; p++ {
		if got, err := ParsePolicy(p.String()); got != p || err != nil {
			t.Errorf("%v is read as %v, %v", p, got, err)
		}
	}
	for _, name := range []string{"", "lru", "ALLKEYS-LRU", "Policy(8)"} {
		if p, err := ParsePolicy(name); err == nil {
			t.Errorf("%q is read as %v", name, p)
		}
	}
	if s := (VolatileTTL + 1).String(); s != "Policy(8)" {
		t.Errorf("an unknown policy is called %q", s)
	}
}

func TestSetEviction(t *testing.T) {
	ks := New(Options{Hash: hash})
	if p, n := ks.Eviction(); p != NoEviction || n != defaultSamples {
		t.Errorf("at first %v with %d samples", p, n)
	}
	for _, c := range []struct{ set, want int }{{-1, 1}, {0, 1}, {7, 7}, {math.MaxInt32, maxSamples}} {
		ks.SetEviction(VolatileLFU, c.set)
		if p, n := ks.Eviction(); p != VolatileLFU || n != c.want || !ks.TracksLFU() {
			t.Errorf("%d samples are taken as %d, of %v", c.set, n, p)
		}
	}
	if ks.SetEviction(AllKeysLRU, 1); ks.TracksLFU() {
		t.Error("LRU tracks frequencies")
	}
}

func TestPool(t *testing.T) {
	var p candidates
	rng := rand.New(rand.NewPCG(1, 2))
	ranks := map[uint64]int64{}
	for range 1000 {
		c := candidate{rank: rng.Int64N(100_000), hash: rng.Uint64N(60)}
		_, held := ranks[c.hash]
		if wants := p.wants(c.rank); !wants && !held {
			continue
		}
		if ranks[c.hash] = c.rank; len(ranks) > poolSize {
			worst := c.hash
			for h, rank := range ranks {
				if rank > ranks[worst] {
					worst = h
				}
			}
			delete(ranks, worst)
		}
		if p.put(c); p.n != len(ranks) {
			t.Fatalf("%d candidates, want %d", p.n, len(ranks))
		}
	}
	for last := int64(math.MinInt64); ; {
		c, ok := p.pop()
		if !ok {
			break
		}
		if c.rank < last || ranks[c.hash] != c.rank {
			t.Errorf("%d came after %d; it was put with %d", c.rank, last, ranks[c.hash])
		}
		last = c.rank
		delete(ranks, c.hash)
	}
	if len(ranks) > 0 {
		t.Errorf("lost: %v", ranks)
	}
}

// TestNothingToEvict: where no key may go, none does, and Evict says so.
func TestNothingToEvict(t *testing.T) {
	for p := NoEviction; p <= VolatileTTL; p++ {
		ks := New(Options{Hash: hash})
		ks.SetEviction(p, 5)
		if got := ks.Evict(now, 1, long, nil); got != EvictDone {
			t.Errorf("%v: an empty keyspace: %v", p, got)
		}
		for i := range 1000 {
			put(ks, spread(i), 0, fmt.Sprint("k", i), 0)
		}
		owned := func(uint16) bool { return true }
		if p != NoEviction && !p.Volatile() {
			owned = func(uint16) bool { return false }
		}
		for range 3 {
			if got := ks.Evict(now, 1, long, owned); got != EvictNothing || ks.Keys() != 1000 {
				t.Errorf("%v: result %v, %d keys left", p, got, ks.Keys())
			}
		}
		if s := ks.Stats(); s.Evicted != 0 || s.OverLimitNow == 0 || s.OverLimit < s.OverLimitNow {
			t.Errorf("%v: %+v", p, s)
		}
		for _, limit := range []int64{0, -1, ks.MemoryUsed()} {
			if got := ks.Evict(now, limit, long, nil); got != EvictDone || ks.Stats().OverLimitNow != 0 || ks.Stats().OverLimit == 0 {
				t.Errorf("%v: limit %d: %v, %+v", p, limit, got, ks.Stats())
			}
		}
		if ks.ResetStats(); ks.Stats() != (Stats{}) {
			t.Errorf("%v: %+v after a reset", p, ks.Stats())
		}
	}
}

// TestEvictAll: every policy evicts every key it may, in all databases, also the one that came late, and no other.
func TestEvictAll(t *testing.T) {
	for _, p := range evicting {
		var gone []string
		ks := New(Options{Hash: hash, Sink: sinkFunc(func(slot uint16, db int, args [][]byte) {
			gone = append(gone, fmt.Sprintf("%d/%d %s", slot, db, args))
		})})
		ks.SetEviction(p, 5)
		var want, stay []string
		for i := range 3000 {
			slot, db, at, key := spread(i), i%3*5, int64(0), fmt.Sprint("k", i)
			if i%10 == 0 {
				slot = 77 // one large slot among small ones
			}
			if i%2 == 0 {
				at = now + int64(i) + 1
			}
			put(ks, slot, db, key, at)
			if name := fmt.Sprintf("%d/%d [DEL %s]", slot, db, key); slot%4 != 3 && (at != 0 || !p.Volatile()) {
				want = append(want, name)
			} else {
				stay = append(stay, name)
			}
		}
		result := ks.Evict(now, 1, long, func(slot uint16) bool { return slot%4 != 3 })
		slices.Sort(gone)
		slices.Sort(want)
		evicted := int(ks.Stats().Evicted)
		if result != EvictNothing || !slices.Equal(gone, want) || ks.Keys() != int64(len(stay)) || evicted != len(want) {
			t.Errorf("%v: result %v; %d keys gone, want %d; %d left, want %d", p, result, len(gone), len(want), ks.Keys(), len(stay))
		}
		volatile := int64(0)
		for db := range Databases {
			volatile += ks.VolatileLen(db)
		}
		if p.Volatile() && volatile != int64(len(stay)-1500) {
			t.Errorf("%v: %d keys with an expiry are left of %d", p, volatile, len(stay))
		}
	}
}

// TestEvictOrder: what the policy would have go is gone first, about.
func TestEvictOrder(t *testing.T) {
	const n = 2000
	for _, p := range []Policy{AllKeysLRU, VolatileLRU, AllKeysLFU, VolatileLFU, VolatileTTL} {
		ks := New(Options{Hash: hash})
		ks.SetEviction(p, 10)
		ks.SetLFU(0, 0) // an exact counter, up to 255
		refs := make([]Ref, n)
		for i, place := range rand.Perm(n) {
			refs[i] = put(ks, spread(place), 0, fmt.Sprint("k", place), now+1e9+int64(i))
			ks.LockSlot(refs[i].Slot)
			it := ks.Lookup(refs[i], now, 0)
			if p.LFU() {
				for range i * 240 / n {
					ks.Touch(it, now)
				}
			} else {
				ks.Touch(it, now+int64(i)*1000)
			}
			ks.UnlockSlot(refs[i].Slot)
		}
		if got := ks.Evict(now+n*1000, ks.MemoryUsed()/2, long, nil); got != EvictDone {
			t.Fatalf("%v: %v", p, got)
		}
		gone, wrong := 0, 0
		evicted := int(ks.Stats().Evicted)
		for i := range refs {
			if !exists(ks, refs[i]) {
				if gone++; i > evicted*5/4 {
					wrong++
				}
			}
		}
		// Of uniformly random victims 3 of 8 would be so far from the front.
		if gone != evicted || gone == 0 || wrong*50 > gone {
			t.Errorf("%v: %d keys went (counted: %d), of which %d were far from the front", p, gone, evicted, wrong)
		}
	}
}

// TestUsedSinceSampled: a candidate that has been used since it was looked at stays.
func TestUsedSinceSampled(t *testing.T) {
	ks := New(Options{Hash: hash})
	ks.SetEviction(AllKeysLRU, 64)
	var refs []Ref
	for i := range 12 { // few enough that the pool knows them all
		refs = append(refs, put(ks, 5, 0, fmt.Sprint("k", i), 0))
	}
	touch := func(r Ref, at int64) {
		ks.LockSlot(5)
		ks.Touch(ks.Lookup(r, now, 0), at)
		ks.UnlockSlot(5)
	}
	for i, r := range refs {
		touch(r, now+int64(i)*1000)
	}
	shed(ks, 1, now+200_000)
	for _, i := range []int{1, 2, 3, 4} {
		touch(refs[i], now+100_000)
	}
	shed(ks, 1, now+200_000)
	for i, r := range refs {
		if want := i != 0 && i != 5; exists(ks, r) != want {
			t.Errorf("key %d: there %v, want %v", i, !want, want)
		}
	}
}

// TestExpiredGoFirst: keys that have expired go before any other, as expired ones.
func TestExpiredGoFirst(t *testing.T) {
	for _, p := range evicting {
		ks := New(Options{Hash: hash})
		ks.SetEviction(p, 64)
		for i := range 10 {
			put(ks, 5, 0, fmt.Sprint("k", i), now+1e6)
		}
		dead := put(ks, 5, 0, "dead", now-1)
		if shed(ks, 1, now); exists(ks, dead) || ks.Stats().Expired != 1 || ks.Stats().Evicted != 0 {
			t.Errorf("%v: %+v", p, ks.Stats())
		}
	}
}

// TestRareVolatile: the only keys with an expiry among very many are found, wherever they are, and only then is there
// nothing to evict.
func TestRareVolatile(t *testing.T) {
	n := 100_000
	if testing.Short() {
		n = 20_000
	}
	for _, p := range []Policy{VolatileLRU, VolatileTTL, VolatileRandom} {
		ks := New(Options{Hash: hash})
		ks.SetEviction(p, 5)
		for i := range n {
			put(ks, spread(i), i%2, fmt.Sprint("k", i), 0)
		}
		var rare []Ref
		add := func(slot uint16, db int) {
			rare = append(rare, put(ks, slot, db, fmt.Sprint("rare", len(rare)), now+1e6))
		}
		add(0, 0)
		add(16383, 1)
		add(9000, 15)
		for calls := 0; ; calls++ {
			got := ks.Evict(now, 1, 100*time.Microsecond, nil)
			if got == EvictNothing {
				break
			}
			if got == EvictDone || calls > n {
				t.Fatalf("%v: result %v after %d calls", p, got, calls)
			}
		}
		if ks.Keys() != int64(n) || ks.Stats().Evicted != uint64(len(rare)) {
			t.Errorf("%v: %d keys left of %d, %+v", p, ks.Keys(), n, ks.Stats())
		}
		add(1, 0) // behind the walker or before it
		for calls := 0; exists(ks, rare[3]); calls++ {
			if got := ks.Evict(now, 1, long, nil); got == EvictDone || calls > n {
				t.Fatalf("%v: a key that came later: result %v after %d calls", p, got, calls)
			}
		}
	}
}

// TestVolatileOfOthers: keys with an expiry that are copies of other nodes' are no reason to search at every call.
func TestVolatileOfOthers(t *testing.T) {
	ks := New(Options{Hash: hash})
	ks.SetEviction(VolatileLRU, 5)
	for i := range 50_000 {
		at := int64(0)
		if i%1000 == 0 {
			at = now + 1e6
		}
		put(ks, spread(i)&^1|uint16(min(i%1000, 1)), 0, fmt.Sprint("k", i), at)
	}
	odd := func(slot uint16) bool { return slot%2 == 1 }
	for calls := 0; ks.Evict(now, 1, long, odd) != EvictNothing; calls++ {
		if calls > 10 {
			t.Fatal("a whole round in vain is not enough")
		}
	}
	if ks.Stats().Evicted != 0 {
		t.Errorf("%d copies were evicted", ks.Stats().Evicted)
	}
	if ks.eviction.restUntil.Load() == 0 {
		t.Error("after a search in vain the next call searches at once")
	}
	ks.eviction.restUntil.Store(math.MaxInt64)
	if got := ks.Evict(now, 1, long, nil); got != EvictNothing || ks.Stats().Evicted != 0 {
		t.Errorf("while search rests: %v, %d evicted", got, ks.Stats().Evicted)
	}
	ks.SetEviction(VolatileLRU, 6) // new settings end the rest
	if ks.Evict(now, 1, long, nil); ks.Stats().Evicted != 50 {
		t.Errorf("%d keys were evicted, want 50", ks.Stats().Evicted)
	}
}

// TestEvictBudget: a call stops when its time is spent, and says that there is more.
func TestEvictBudget(t *testing.T) {
	ks := New(Options{Hash: hash})
	ks.SetEviction(AllKeysLRU, 5)
	for i := range 4000 {
		put(ks, spread(i), 0, fmt.Sprint("k", i), 0)
	}
	if got := ks.Evict(now, 1, 0, nil); got != EvictMore || ks.Stats().Evicted == 0 || ks.Stats().Evicted > sumEvery {
		t.Errorf("without time: %v, %+v", got, ks.Stats())
	}
	for i := range ks.eviction.parts {
		ks.eviction.parts[i].mu.Lock()
	}
	if got := ks.Evict(now, 1, long, nil); got != EvictMore {
		t.Errorf("while all evictors are taken: %v", got)
	}
	ks.eviction.parts[3].mu.Unlock()
	if got := ks.Evict(now, 1, long, nil); got != EvictDone && got != EvictNothing || ks.Keys() != 0 {
		t.Errorf("with one evictor: %v, %d keys", got, ks.Keys())
	}
}

func TestSetLFU(t *testing.T) {
	ks := New(Options{Hash: hash})
	ks.TrackLFU(true)
	r := put(ks, 1, 0, "k", 0)
	it := ks.Lookup(r, now, 0)
	ks.SetLFU(0, 3)
	for range 50 {
		ks.Touch(it, now)
	}
	if f := ks.Freq(it, now); f != lfuInit+50 {
		t.Errorf("with a factor of 0 the counter is %d after 50 accesses", f)
	}
	for minutes, want := range map[int64]int{2: 55, 3: 54, 30: 45, 1000: 0} {
		if f := ks.Freq(it, now+minutes*60_000); f != want {
			t.Errorf("after %d minutes with a decay of 3: %d, want %d", minutes, f, want)
		}
	}
	if ks.SetLFU(math.MaxInt32, 0); ks.Freq(it, now+1e12) != lfuInit+50 {
		t.Error("the counter decays though it must not")
	}
	for range 1000 {
		ks.Touch(it, now)
	}
	if f := ks.Freq(it, now); f > lfuInit+51 {
		t.Errorf("with the highest factor the counter is %d", f)
	}
}

// TestStaleCandidate: a remembered candidate that now ranks behind the next one goes back to the pool, and the next one goes.
func TestStaleCandidate(t *testing.T) {
	ks := New(Options{Hash: hash})
	used, idle := put(ks, 5, 0, "used", 0), put(ks, 5, 0, "idle", 0)
	e := &ks.eviction.parts[0]
	e.begin(ks, AllKeysLRU, 5, now, 0, long, nil)
	e.best.put(candidate{rank: now/1000 - 100, hash: used.Hash, slot: 5}) // it was idle for long when it was looked at
	e.best.put(candidate{rank: now/1000 - 50, hash: idle.Hash, slot: 5})
	ks.LockSlot(5)
	ks.Touch(ks.Lookup(idle, now, 0), now-50_000)
	ks.UnlockSlot(5)
	if freed := e.evictBest(); freed <= 0 || !exists(ks, used) || exists(ks, idle) {
		t.Errorf("%d bytes freed; the used key is there: %v, the idle one: %v", freed, exists(ks, used), exists(ks, idle))
	}
	if c, ok := e.best.pop(); !ok || c.hash != used.Hash || c.rank != now/1000 {
		t.Errorf("%+v, %v is left in the pool", c, ok)
	}
}
