package store

import (
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var hashSeed = maphash.MakeSeed()

func hash(key []byte) uint64 { return maphash.Bytes(hashSeed, key) }

const now = 1_750_000_000_000

// modelKey is where a key is, in maps beside a keyspace.
type modelKey struct {
	slot uint16
	db   int
	key  string
}

// TestWalkGuarantee walks a slot in steps while others come and go and the table grows and shrinks: every key that is present
// throughout is seen exactly once.
func TestWalkGuarantee(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ks := New(Options{Hash: hash, Poison: true})
		lock, unlock := func() { ks.LockSlot(5) }, func() { ks.UnlockSlot(5) }
		put := func(name string) {
			r := ks.Ref(5, 0, []byte(name))
			ks.Set(r, ks.Lookup(r, now, 0), []byte("v"), 0, now)
		}
		drop := func(name string) {
			r := ks.Ref(5, 0, []byte(name))
			if it := ks.Lookup(r, now, 0); it.Exists() {
				ks.Delete(r, it)
			}
		}
		stay := rapid.IntRange(0, 200).Draw(t, "stay")
		for i := range stay {
			put(fmt.Sprint("stay", i))
		}
		seen := map[string]int{}
		var from uint64
		for done := false; !done; {
			lock()
			for range rapid.IntRange(0, 3).Draw(t, "changes") {
				many := rapid.IntRange(1, 600).Draw(t, "many")
				change := put
				if rapid.Bool().Draw(t, "drop") {
					change = drop
				}
				for i := range many {
					change(fmt.Sprint("come and go", i))
				}
			}
			last := from
			from, done = ks.Walk(5, 0, from, rapid.IntRange(1, 50).Draw(t, "limit"), now, func(it Item) {
				if h := ks.HashOf(it); h < last {
					t.Fatalf("hash %x before the cursor %x", h, last)
				}
				seen[string(it.Key())]++
			})
			if !done && (from <= last || from&0xFFFF != 0) {
				t.Fatalf("cursor %x after %x", from, last)
			}
			unlock()
		}
		for i := range stay {
			if n := seen[fmt.Sprint("stay", i)]; n != 1 {
				t.Fatalf("stay%d was seen %d times", i, n)
			}
		}
		for name, n := range seen {
			if n > 1 {
				t.Fatalf("%s was seen %d times", name, n)
			}
		}
	})
}

func TestTableShrinks(t *testing.T) {
	ks := New(Options{Hash: hash, Poison: true})
	const n = 10000
	for i := range n {
		ks.Set(ks.Ref(9, 0, []byte(strconv.Itoa(i))), Item{}, []byte("v"), 0, now)
	}
	grown := ks.MemoryUsed()
	if err := ks.audit(); err != nil {
		t.Fatal(err)
	}
	for i := range n - 1 {
		r := ks.Ref(9, 0, []byte(strconv.Itoa(i)))
		ks.Delete(r, ks.Lookup(r, now, 0))
		if i%1000 == 0 {
			if err := ks.audit(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if shrunk := ks.MemoryUsed(); grown < n*16 || shrunk > bucketSize+unit*2 {
		t.Errorf("%d bytes for %d keys, %d for one", grown, n, shrunk)
	}
	r := ks.Ref(9, 0, []byte(strconv.Itoa(n-1)))
	ks.Delete(r, ks.Lookup(r, now, 0))
	if ks.dbs[0].Load().tables[9] != (table{}) || ks.MemoryUsed() != 0 || ks.NextNonEmpty(0) != Slots {
		t.Errorf("the empty slot keeps a table %v, %d bytes", ks.dbs[0].Load().tables[9], ks.MemoryUsed())
	}
}

func TestRandomIsUniform(t *testing.T) {
	ks := New(Options{Hash: hash, Poison: true})
	const keys, draws = 20, 40000
	for i := range keys {
		ks.Set(ks.Ref(9, 0, []byte(strconv.Itoa(i))), Item{}, []byte("v"), 0, now)
	}
	ks.Set(ks.Ref(9, 0, []byte("dead")), Item{}, []byte("v"), now-1, now)
	count := map[string]int{}
	for range draws {
		count[string(ks.Random(9, 0, now).Key())]++
	}
	for i := range keys {
		// A key that shares its bucket with three others is drawn a quarter as often.
		if n := count[strconv.Itoa(i)]; n < draws/keys/6 || n > draws/keys*4 {
			t.Errorf("key %d was drawn %d times of %d", i, n, draws)
		}
	}
	if count["dead"] != 0 {
		t.Error("an expired key was drawn")
	}
	if ks.Random(9, 1, now).Exists() {
		t.Error("a key of an empty database")
	}
}

func TestEncodingOf(t *testing.T) {
	for v, want := range map[string]Encoding{
		"": EncEmbstr, "0": EncInt, "-0": EncEmbstr, "-1": EncInt, "01": EncEmbstr, "+1": EncEmbstr, " 1": EncEmbstr,
		"-":                   EncEmbstr,
		"9223372036854775807": EncInt, "9223372036854775808": EncEmbstr, "-9223372036854775808": EncInt,
		"-9223372036854775809": EncEmbstr, "18446744073709551616": EncEmbstr, "99999999999999999999": EncEmbstr,
		"1x": EncEmbstr,
		"12345678901234567890123456789012345678901234": EncEmbstr, "123456789012345678901234567890123456789012345": EncRaw,
	} {
		if got := EncodingOf([]byte(v)); got != want {
			t.Errorf("%q: %v, want %v", v, got, want)
		}
	}
}

func FuzzParseInt(f *testing.F) {
	for _, s := range []string{
		"", "-", "0", "-0", "00", "9223372036854775807", "9223372036854775808",
		"-9223372036854775808", "1e3",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n, ok := ParseInt(b)
		want, err := strconv.ParseInt(string(b), 10, 64)
		canonical := err == nil && strconv.FormatInt(want, 10) == string(b)
		if ok != canonical || ok && n != want {
			t.Errorf("%q: %d %v, want %d %v", b, n, ok, want, canonical)
		}
	})
}

func TestAccess(t *testing.T) {
	ks := New(Options{Hash: hash, Poison: true})
	r := ks.Ref(1, 0, []byte("k"))
	ks.Set(r, Item{}, []byte("v"), 0, now)
	it := ks.Lookup(r, now+90_000, Count)
	if it.Idle(now+90_000) != 90 {
		t.Errorf("idle for %d s, want 90", it.Idle(now+90_000))
	}
	if it = ks.Lookup(r, now+90_000, Touch); it.Idle(now+91_500) != 1 {
		t.Errorf("idle for %d s, want 1", it.Idle(now+91_500))
	}
	ks.TrackLFU(true)
	for range 1000 {
		ks.Touch(it, now+90_000)
	}
	if f := ks.Freq(it, now+90_000); f < 10 || f > 30 {
		t.Errorf("frequency %d after 1000 accesses, want about 18", f)
	}
	if f, later := ks.Freq(it, now+90_000), ks.Freq(it, now+90_000+5*60_000); later != f-5 {
		t.Errorf("frequency %d five minutes after %d", later, f)
	}
	if s := ks.Stats(); s.Hits != 1 || s.Misses != 0 {
		t.Errorf("%+v, want one hit", s)
	}
	ks.Lookup(ks.Ref(1, 0, []byte("none")), now, Count)
	if s := ks.Stats(); s.Misses != 1 {
		t.Errorf("%+v, want one miss", s)
	}
	ks.ResetStats()
	if s := ks.Stats(); s != (Stats{}) {
		t.Errorf("%+v after a reset", s)
	}
}

func TestOverMemory(t *testing.T) {
	ks := New(Options{Hash: hash, Poison: true})
	for i := range 100_000 {
		key := []byte(strconv.Itoa(i))
		ks.Set(ks.Ref(uint16(hash(key)%Slots), 0, key), Item{}, key, 0, now)
	}
	used := ks.MemoryUsed()
	if !ks.OverMemory(used-1) || ks.OverMemory(used) || ks.OverMemory(used*2) || !ks.OverMemory(1) {
		t.Errorf("OverMemory disagrees with %d bytes used", used)
	}
}

func TestNoAllocations(t *testing.T) {
	ks := New(Options{Hash: hash, Poison: true})
	key, short, long := []byte("some key"), []byte("value"), []byte("a longer value")
	r := ks.Ref(7, 0, key)
	ks.Set(r, Item{}, long, 0, now)
	if n := testing.AllocsPerRun(100, func() {
		r := ks.Ref(7, 0, key)
		ks.LockSlot(7)
		it := ks.Lookup(r, now, Touch|Count)
		it = ks.Set(r, it, short, 0, now)
		it = ks.Set(r, it, long, now+1000, now)
		ks.SetExpire(r, it, 0)
		ks.UnlockSlot(7)
	}); n != 0 {
		t.Errorf("%v allocations to overwrite a key", n)
	}
}

// TestLockSets has many goroutines move one unit between two slots' keys under sets of locks, while others walk, count and
// expire: the sum never changes.
func TestLockSets(t *testing.T) {
	ks := New(Options{Hash: hash, Poison: true})
	slots := []uint16{3, 67, 4, 131, 9000, 16383} // 3, 67 and 131 share a shard
	for _, s := range slots {
		ks.Set(ks.Ref(s, 0, []byte("n")), Item{}, []byte("1000"), 0, now)
	}
	read := func(s uint16) (Ref, Item, int) {
		r := ks.Ref(s, 0, []byte("n"))
		it := ks.Lookup(r, now, Touch|Count)
		n, _ := strconv.Atoi(string(it.Value()))
		return r, it, n
	}
	var all LockSet
	for _, s := range slots {
		all |= ks.SetOf(s)
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(g), 1))
			for range 2000 {
				a, b := slots[rnd.IntN(len(slots))], slots[rnd.IntN(len(slots))]
				if a == b {
					continue
				}
				set := ks.SetOf(a) | ks.SetOf(b)
				ks.Lock(set)
				ra, ia, na := read(a)
				rb, ib, nb := read(b)
				ks.Set(ra, ia, []byte(strconv.Itoa(na-1)), 0, now)
				ks.Set(rb, ib, []byte(strconv.Itoa(nb+1)), 0, now)
				ks.Unlock(set)
			}
		})
	}
	for range 2 {
		wg.Go(func() {
			for i := range 300 {
				key := []byte(fmt.Sprint("temporary", i))
				s := slots[i%len(slots)]
				ks.LockSlot(s)
				r := ks.Ref(s, 0, key)
				ks.Set(r, ks.Lookup(r, now, 0), key, now-1, now)
				ks.UnlockSlot(s)
				ks.ExpireSlice(now, time.Millisecond, nil)
				_ = ks.DBLen(0) + ks.VolatileLen(0) + ks.MemoryUsed() + int64(ks.SlotKeys(s)) + int64(len(ks.NonEmpty()))
				sum := 0
				ks.Lock(all)
				for _, s := range slots {
					_, _, n := read(s)
					sum += n
				}
				ks.Unlock(all)
				if sum != 1000*len(slots) {
					t.Errorf("the sum is %d", sum)
				}
			}
		})
	}
	wg.Wait()
}
