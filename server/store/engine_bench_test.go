package store_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"ringcache/server/store"
)

// Sizes of the keyspaces: one that stays in a processor's caches, one that does not fit its nearer ones, and one that is met
// in memory.
const (
	benchHot   = 1_000
	benchCold  = 100_000
	benchLarge = 2_000_000
)

// engine is a keyspace for n keys, and the names of twice as many.
type engine struct {
	ks    *store.Keyspace
	n     uint64
	names []byte // key i is the keySize bytes from i*keySize
	slots []uint16
	value []byte
	rnd   uint64

	cpu, cpuFrom time.Duration // of the thread: in the time that is measured; when that began
}

func prepare(b *testing.B, n uint64) *engine {
	e := &engine{ks: newEngine(), n: n, slots: make([]uint16, 2*n), value: make([]byte, valueSize), rnd: 88172645463325252}
	b.Cleanup(func() { release(e.ks) })
	for i := range 2 * n {
		e.names, e.slots[i] = appendKey(e.names, i), anySlot(i)
	}
	return e
}

// fill sets the keys 0 to n-1.
func (e *engine) fill() {
	for i := range e.n {
		fillValue(e.value, i, 0)
		put(e.ks, e.slots[i], e.key(i), e.value)
	}
}

func (e *engine) key(i uint64) []byte { return e.names[i*keySize : (i+1)*keySize : (i+1)*keySize] }

// random is the number of one of n keys. (Marsaglia, "Xorshift RNGs", 2003; the product's top half instead of a division.)
func (e *engine) random() uint64 {
	e.rnd ^= e.rnd << 13
	e.rnd ^= e.rnd >> 7
	e.rnd ^= e.rnd << 17
	return (e.rnd >> 32) * e.n >> 32
}

// start and stop say what part of a benchmark counts for its CPU time.
func (e *engine) start() { e.cpuFrom, _ = threadCPU() }

func (e *engine) stop() {
	now, _ := threadCPU()
	e.cpu += now - e.cpuFrom
}

// benchEngine runs a benchmark at each size, on a keyspace that is still empty; with -short, not at the largest. What run does
// before its b.Loop is not in the time. Beside that stands the CPU time of the thread, cpu-ns/op, which other programs on the
// machine change far less; what the garbage collector does on other threads is not in it.
func benchEngine(b *testing.B, run func(b *testing.B, e *engine)) {
	for _, n := range []uint64{benchHot, benchCold, benchLarge} {
		b.Run(fmt.Sprintf("keys=%d", n), func(b *testing.B) {
			if n == benchLarge && testing.Short() {
				b.Skip("large")
			}
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			e := prepare(b, n)
			b.ReportAllocs()
			run(b, e)
			e.stop()
			if _, known := threadCPU(); known {
				b.ReportMetric(float64(e.cpu.Nanoseconds())/float64(b.N), "cpu-ns/op")
			}
		})
	}
}

// BenchmarkLookup finds random keys.
func BenchmarkLookup(b *testing.B) {
	benchEngine(b, func(b *testing.B, e *engine) {
		e.fill()
		e.start()
		for b.Loop() {
			i := e.random()
			slot := e.slots[i]
			e.ks.LockSlot(slot)
			if !e.ks.Lookup(e.ks.Ref(slot, 0, e.key(i)), engineNow, store.Touch|store.Count).Exists() {
				b.Fatalf("key %d is not there", i)
			}
			e.ks.UnlockSlot(slot)
		}
	})
}

// BenchmarkSetOverwrite sets random keys that are there to values of the same length.
func BenchmarkSetOverwrite(b *testing.B) {
	benchEngine(b, func(b *testing.B, e *engine) {
		e.fill()
		e.start()
		for b.Loop() {
			i := e.random()
			put(e.ks, e.slots[i], e.key(i), e.value)
		}
		if got := e.ks.Keys(); got != int64(e.n) {
			b.Fatalf("%d keys, want %d", got, e.n)
		}
	})
}

// BenchmarkInsert sets new keys, from none to the size: growth is in the figure. A full keyspace is then changed for an empty
// one, outside the time.
func BenchmarkInsert(b *testing.B) {
	benchEngine(b, func(b *testing.B, e *engine) {
		next := uint64(0)
		e.start()
		for b.Loop() {
			if next == e.n {
				b.StopTimer()
				e.stop()
				release(e.ks)
				e.ks, next = newEngine(), 0
				e.start()
				b.StartTimer()
			}
			put(e.ks, e.slots[next], e.key(next), e.value)
			next++
		}
		if got := e.ks.Keys(); got != int64(next) {
			b.Fatalf("%d keys, want %d", got, next)
		}
	})
}

// BenchmarkDeleteInsert deletes a random key and sets one that is not there, in another slot: the size stays, and what is free
// moves about.
func BenchmarkDeleteInsert(b *testing.B) {
	benchEngine(b, func(b *testing.B, e *engine) {
		e.fill()
		second := make([]bool, e.n) // of keys i and n+i, the latter is there
		e.start()
		for b.Loop() {
			i := e.random()
			gone, made := i, i+e.n
			if second[i] {
				gone, made = made, gone
			}
			second[i] = !second[i]
			slot := e.slots[gone]
			e.ks.LockSlot(slot)
			r := e.ks.Ref(slot, 0, e.key(gone))
			it := e.ks.Lookup(r, engineNow, 0)
			if !it.Exists() {
				b.Fatalf("key %d is not there", gone)
			}
			e.ks.Delete(r, it)
			e.ks.UnlockSlot(slot)
			put(e.ks, e.slots[made], e.key(made), e.value)
		}
		if got := e.ks.Keys(); got != int64(e.n) {
			b.Fatalf("%d keys, want %d", got, e.n)
		}
	})
}

// walkStep is how many items a walk sees under one hold of the lock.
const walkStep = 64

// BenchmarkWalk walks the keyspace slot by slot; an op is one hold of the lock, and ns/key what counts.
func BenchmarkWalk(b *testing.B) {
	benchEngine(b, func(b *testing.B, e *engine) {
		e.fill()
		var seen, bytes int
		see := func(it store.Item) {
			seen++
			bytes += len(it.Key())
		}
		slot, from := e.ks.NextNonEmpty(0), uint64(0)
		e.start()
		for b.Loop() {
			e.ks.LockSlot(uint16(slot))
			next, done := e.ks.Walk(uint16(slot), 0, from, walkStep, engineNow, see)
			e.ks.UnlockSlot(uint16(slot))
			if from = next; !done {
				continue
			}
			if slot = e.ks.NextNonEmpty(slot + 1); slot == store.Slots {
				slot = e.ks.NextNonEmpty(0)
			}
		}
		if seen == 0 || bytes != seen*keySize {
			b.Fatalf("saw %d keys of %d bytes together", seen, bytes)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(seen), "ns/key")
	})
}
