package store

import (
	"container/heap"
	"container/list"
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"strings"
	"testing"
	"time"
)

// zipf draws from 0..n-1 with probabilities that fall by rank to the power of s, at any s. (rand.Zipf wants s > 1.)
type zipf struct {
	cdf []float64
	rng *rand.Rand
}

func newZipf(n int, s float64, rng *rand.Rand) *zipf {
	z := &zipf{make([]float64, n), rng}
	sum := 0.0
	for i := range z.cdf {
		sum += math.Pow(float64(i+1), -s)
		z.cdf[i] = sum
	}
	return z
}

func (z *zipf) next() int { return sort.SearchFloat64s(z.cdf, z.rng.Float64()*z.cdf[len(z.cdf)-1]) }

// cache is what a trace runs through: access reports whether the key was there, and puts it there if not.
type cache interface {
	access(key int, now int64) bool
}

// storeCache is a keyspace that evicts when it holds more than size keys.
type storeCache struct {
	ks   *Keyspace
	refs []Ref
	size int64
	keys int64 // that were ever put there
}

func newStoreCache(p Policy, decayMinutes, keys, size int) *storeCache {
	c := &storeCache{ks: New(Options{Hash: hash}), size: int64(size), refs: make([]Ref, keys)}
	c.ks.SetEviction(p, defaultSamples)
	c.ks.SetLFU(lfuLogFactor, decayMinutes)
	for i := range c.refs {
		key := fmt.Appendf(nil, "key:%d", i)
		c.refs[i] = c.ks.Ref(uint16(hash(append([]byte("s"), key...))%Slots), 0, key)
	}
	return c
}

func (c *storeCache) access(key int, now int64) bool {
	r := c.refs[key]
	if c.ks.Lookup(r, now, Touch).Exists() {
		return true
	}
	if c.keys-int64(c.ks.eviction.evicted.Load()) >= c.size {
		c.ks.Evict(now, c.ks.MemoryUsed()-1, time.Hour, nil) // one key
	}
	c.ks.Set(r, Item{}, r.Key, 0, now)
	c.keys++
	return false
}

// exactLRU is the textbook's: a list in the order of access.
type exactLRU struct {
	size  int
	order *list.List
	at    map[int]*list.Element
}

func newExactLRU(size int) *exactLRU {
	return &exactLRU{size, list.New(), map[int]*list.Element{}}
}

func (c *exactLRU) access(key int, _ int64) bool {
	if el := c.at[key]; el != nil {
		c.order.MoveToFront(el)
		return true
	}
	if c.order.Len() == c.size {
		delete(c.at, c.order.Remove(c.order.Back()).(int))
	}
	c.at[key] = c.order.PushFront(key)
	return false
}

// exactLFU evicts the least of a heap: by exact counts, or by the counter that the keyspace keeps, which decays.
type exactLFU struct {
	size  int
	decay bool
	at    map[int]*lfuKey
	heap  lfuHeap
}

// lfuKey is a key of exactLFU. All counters that decay do so at the same pace, so that the counter plus the minute of its
// access tells their order at any time.
type lfuKey struct{ key, count, minute, used, index int }

func (k *lfuKey) rank() int { return k.count + k.minute }

type lfuHeap []*lfuKey

func (h lfuHeap) Len() int { return len(h) }
func (h lfuHeap) Less(i, j int) bool {
	if a, b := h[i].rank(), h[j].rank(); a != b {
		return a < b
	}
	return h[i].used < h[j].used
}
func (h lfuHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i]; h[i].index, h[j].index = i, j }
func (h *lfuHeap) Push(x any)   { k := x.(*lfuKey); k.index = len(*h); *h = append(*h, k) }
func (h *lfuHeap) Pop() any     { k := (*h)[len(*h)-1]; *h = (*h)[:len(*h)-1]; return k }

func (c *exactLFU) access(key int, now int64) bool {
	k, minute := c.at[key], 0
	if c.decay {
		minute = int(now / 60_000)
	}
	if k == nil {
		if len(c.heap) == c.size {
			delete(c.at, heap.Pop(&c.heap).(*lfuKey).key)
		}
		k = &lfuKey{key: key, count: lfuInit, minute: minute, used: int(now)}
		c.at[key] = k
		heap.Push(&c.heap, k)
		return false
	}
	if c.decay {
		k.count = max(0, k.count-(minute-k.minute))
		if base := max(0, k.count-lfuInit); k.count < 255 && rand.IntN(base*lfuLogFactor+1) == 0 {
			k.count++
		}
	} else {
		k.count++
	}
	k.minute, k.used = minute, int(now)
	heap.Fix(&c.heap, k.index)
	return true
}

// hitRatio runs a trace and answers the percentage of hits once the cache is warm. msEach is the time between accesses.
func hitRatio(c cache, trace []int, msEach int64) float64 {
	hits := 0
	for i, key := range trace {
		if c.access(key, now+int64(i)*msEach) && i >= len(trace)/2 {
			hits++
		}
	}
	return 100 * float64(hits) / float64(len(trace)-len(trace)/2)
}

// TestHitRatios compares sampling with the exact algorithms on Zipf traces, and prints the table with -v.
func TestHitRatios(t *testing.T) {
	keys, exponents, sizes, accesses := 10_000, []float64{0.7, 0.9, 1.0, 1.2}, []int{1, 5, 10, 20}, 40_000
	if testing.Short() {
		keys, exponents, sizes, accesses = 4000, []float64{0.9}, []int{10}, 12_000
	}
	seed := uint64(time.Now().UnixNano())
	// The time between accesses decides how far LFU's decay goes: here a minute is 6000 accesses, for 10,000 keys.
	const lruMilli, lfuMilli = 1000, 10
	var table strings.Builder
	fmt.Fprintf(&table, "%% of hits; seed %d\n%5s %5s | %6s | %6s %6s | %6s %6s | %6s %6s\n", seed, "zipf", "cache", "random",
		"lru", "exact", "lfu", "exact", "nodecay", "exact")
	for _, s := range exponents {
		z := newZipf(keys, s, rand.New(rand.NewPCG(seed, 1)))
		order := rand.New(rand.NewPCG(seed, 2)).Perm(keys)
		trace := make([]int, accesses)
		for i := range trace {
			trace[i] = order[z.next()]
		}
		for _, percent := range sizes {
			size := keys * percent / 100
			random := hitRatio(newStoreCache(AllKeysRandom, 0, keys, size), trace, lruMilli)
			lru, exactLRU := hitRatio(newStoreCache(AllKeysLRU, 0, keys, size), trace, lruMilli), hitRatio(newExactLRU(size), trace, 1)
			lfu := hitRatio(newStoreCache(AllKeysLFU, 1, keys, size), trace, lfuMilli)
			exact := hitRatio(&exactLFU{size: size, decay: true, at: map[int]*lfuKey{}}, trace, lfuMilli)
			still := hitRatio(newStoreCache(AllKeysLFU, 0, keys, size), trace, lfuMilli)
			counts := hitRatio(&exactLFU{size: size, at: map[int]*lfuKey{}}, trace, lfuMilli)
			fmt.Fprintf(&table, "%5.1f %4d%% | %6.2f | %6.2f %6.2f | %6.2f %6.2f | %6.2f %6.2f\n", s, percent, random, lru, exactLRU,
				lfu, exact, still, counts)
			// In percentage points. Counters that grow by chance differ from run to run, most where a cache holds 100 keys.
			for _, check := range []struct {
				name      string
				got, want float64
			}{
				{"lru against exact", lru, exactLRU - 1},
				{"exact against lru", exactLRU, lru - 1},
				{"lru against random", lru, random + 0.2},
				{"lfu against exact", lfu, exact - 3},
				{"lfu without decay against exact", still, counts - 3},
				{"lfu against lru", lfu, lru - 0.5},
			} {
				if check.got < check.want {
					t.Errorf("zipf %.1f, cache of %d%%: %s: %.2f%%, want at least %.2f%%", s, percent, check.name, check.got, check.want)
				}
			}
		}
	}
	t.Log(table.String())
}
