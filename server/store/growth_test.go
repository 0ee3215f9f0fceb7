package store_test

import (
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ringcache/server/store"
)

// The bounds of what is measured here, with tens of millions of keys (docs/measuring.md).
const (
	maxSet     = 2 * time.Millisecond // CPU time of one SET
	maxGCShare = 0.01                 // of the processor time
	maxPause   = time.Millisecond     // the longest stop of the world
)

// sizeVariable names the variable of the environment that sets the number of keys, and has the bounds checked.
const sizeVariable = "RINGCACHE_KEYS"

// maxSize bounds it: 24 GB of keys and values.
const maxSize = 500_000_000

// plan is how large a measurement is.
type plan struct {
	keys    uint64
	window  time.Duration // of steady writes
	bounded bool          // the bounds are checked: the machine is said to be quiet, and the size worth it
}

// planned answers the plan: usual keys, short with -short, or the share of what sizeVariable says.
func planned(t *testing.T, usual, short, share uint64) plan {
	t.Helper()
	if text := os.Getenv(sizeVariable); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil || n < share || n > maxSize {
			t.Fatalf("%s is %q, not a number from %d to %d", sizeVariable, text, share, maxSize)
		}
		return plan{keys: n / share, window: 5 * time.Second, bounded: true}
	}
	if testing.Short() {
		return plan{keys: short, window: 50 * time.Millisecond}
	}
	return plan{keys: usual, window: 500 * time.Millisecond}
}

// TestGrowthLatency sets new keys one after the other, from none to all, then old ones at random, and times each SET inside
// the keyspace: lock, hash, look-up and set.
//
//	RINGCACHE_KEYS=20000000 go test ./server/store -run 'TestGrowthLatency$' -v -timeout 30m
func TestGrowthLatency(t *testing.T) {
	measureGrowth(t, planned(t, 1_000_000, 200_000, 1), anySlot)
}

// TestGrowthLatencyOneSlot is the same where all keys share a hash tag, with a quarter of them.
func TestGrowthLatencyOneSlot(t *testing.T) {
	measureGrowth(t, planned(t, 1_000_000, 200_000, 4), sameSlot)
}

func measureGrowth(t *testing.T, p plan, slotOf func(uint64) uint16) {
	ks := newEngine()
	defer release(ks)
	runtime.GC()
	before := readGC(t)
	growth := grow(ks, p.keys, slotOf)
	runtime.GC()
	after := readGC(t)
	growth.report(t, "growth")
	t.Logf("  %v a SET with the test's own part; GC %.2f%% of the processor time, longest stop %v",
		(after.at-before.at)/time.Duration(p.keys), 100*gcShare(before, after), longestPause(before, after))
	checkEngine(t, ks, p.keys, slotOf)

	var steady latencies
	gc := measureGC(t, p.window, func() (stop func()) { return overwrite(ks, p.keys, slotOf, &steady) })
	steady.report(t, "steady writes")
	t.Logf("  GC: %v", gc)
	checkEngine(t, ks, p.keys, slotOf)
	if steady.n == 0 {
		t.Error("no key was written in the steady state")
	}
	if growth.n != p.keys {
		t.Errorf("%d SETs were timed, want %d", growth.n, p.keys)
	}
	if !p.bounded {
		return
	}
	for what, l := range map[string]*latencies{"growth": growth, "steady writes": &steady} {
		if cpu := l.mostCPU(); cpu > maxSet {
			t.Errorf("%s: a SET took %v of CPU, want at most %v; %d took more", what, cpu, maxSet, l.over[len(limits)-1].cpu)
		}
	}
	if gc.share > maxGCShare {
		t.Errorf("steady writes: GC takes %.2f%% of the processor time, want at most %.0f%%", 100*gc.share, 100*maxGCShare)
	}
	if gc.pause > maxPause {
		t.Errorf("steady writes: the longest stop is %v, want at most %v", gc.pause, maxPause)
	}
}

// writer sets keys and measures, on one thread.
type writer struct {
	ks      *store.Keyspace
	slotOf  func(i uint64) uint16
	times   latencies
	key     []byte
	value   [maxValueSize]byte
	garbage [garbageKept][]byte
	written uint64
}

// Garbage like that of a server that allocates nothing per request but has connections, links and statistics: some 8 bytes an
// operation, of which half a megabyte lives for a while.
const (
	garbageEvery = 64 // operations
	garbageSize  = 512
	garbageKept  = 1024
)

// maxValueSize is the length in bytes of the few values that are longer than the rest, in steady writes.
const maxValueSize = 200

// set gives key i a value of n bytes.
func (w *writer) set(i uint64, n int, version uint64) {
	if w.written++; w.written%garbageEvery == 0 {
		w.garbage[w.written/garbageEvery%garbageKept] = make([]byte, garbageSize)
	}
	w.key = appendKey(w.key[:0], i)
	fillValue(w.value[:n], i, version)
	slot := w.slotOf(i)
	start := time.Now()
	put(w.ks, slot, w.key, w.value[:n])
	w.times.add(time.Since(start))
}

// grow sets n new keys.
func grow(ks *store.Keyspace, n uint64, slotOf func(uint64) uint16) *latencies {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	w := &writer{ks: ks, slotOf: slotOf}
	w.times.begin()
	for i := range n {
		w.set(i, valueSize, 0)
	}
	return &w.times
}

// longEvery is of how many steady writes one makes a value long, until another write of the same key makes it short again.
const longEvery = 16

// overwrite sets random ones of n keys, on as many threads as there are processors, until it is stopped; what they measured is
// then added to times.
func overwrite(ks *store.Keyspace, n uint64, slotOf func(uint64) uint16, times *latencies) (stop func()) {
	var (
		wg      sync.WaitGroup
		stopped atomic.Bool
		writers = make([]*writer, runtime.GOMAXPROCS(0))
	)
	for id := range writers {
		w := &writer{ks: ks, slotOf: slotOf}
		writers[id] = w
		wg.Go(func() {
			runtime.LockOSThread() // for good: the thread ends with the goroutine
			w.times.begin()
			for state := mix(uint64(id)); !stopped.Load(); {
				state = mix(state)
				size := valueSize
				if state%longEvery == 0 {
					size = maxValueSize
				}
				w.set(state/longEvery%n, size, state)
			}
		})
	}
	return func() {
		stopped.Store(true)
		wg.Wait()
		for _, w := range writers {
			times.merge(&w.times)
		}
	}
}
