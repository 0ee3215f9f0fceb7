package store

import (
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var hashSeed = maphash.MakeSeed()

func hash(key []byte) uint64 { return maphash.Bytes(hashSeed, key) }

const now = 1_750_000_000_000

type modelKey struct {
	slot uint16
	db   int
	key  string
}

type modelValue struct {
	val string
	at  int64
}

// machine drives a keyspace and a map beside it, which must agree.
type machine struct {
	ks    *Keyspace
	model map[modelKey]modelValue
	now   int64
}

func (m *machine) key(t *rapid.T) (Ref, modelKey) {
	k := modelKey{
		rapid.SampledFrom([]uint16{0, 1, 64, 16383}).Draw(t, "slot"), rapid.SampledFrom([]int{0, 1, 15}).Draw(t, "db"),
		"key:" + strconv.Itoa(rapid.IntRange(0, 200).Draw(t, "key")),
	}
	return m.ks.Ref(k.slot, k.db, []byte(k.key)), k
}

// find looks a key up, as the model then has it.
func (m *machine) find(t *rapid.T, r Ref, k modelKey) (Item, modelValue, bool) {
	want, ok := m.model[k]
	if ok && want.at != 0 && want.at < m.now {
		delete(m.model, k)
		want, ok = modelValue{}, false
	}
	it := m.ks.Lookup(r, m.now, Touch|Count)
	if it.Exists() != ok {
		t.Fatalf("%v: there %v, in the model %v", k, it.Exists(), ok)
	}
	if ok && (string(it.Value()) != want.val || it.ExpireAt() != want.at || string(it.Key()) != k.key ||
		it.Len() != len(want.val)) {
		t.Fatalf("%v: %q until %d, in the model %v", k, it.Value(), it.ExpireAt(), want)
	}
	return it, want, ok
}

func (m *machine) at(t *rapid.T) int64 {
	if rapid.Bool().Draw(t, "forever") {
		return 0
	}
	return m.now + rapid.Int64Range(-5, 1000).Draw(t, "ttl")
}

func (m *machine) Set(t *rapid.T) {
	r, k := m.key(t)
	m.ks.LockSlot(r.Slot)
	defer m.ks.UnlockSlot(r.Slot)
	it, _, _ := m.find(t, r, k)
	v := modelValue{rapid.StringN(0, 80, 300).Draw(t, "value"), m.at(t)}
	m.ks.Set(r, it, []byte(v.val), v.at, m.now)
	m.model[k] = v
}

func (m *machine) Resize(t *rapid.T) {
	r, k := m.key(t)
	m.ks.LockSlot(r.Slot)
	defer m.ks.UnlockSlot(r.Slot)
	it, v, ok := m.find(t, r, k)
	if !ok {
		return
	}
	n := rapid.IntRange(0, 200).Draw(t, "size")
	_, buf := m.ks.Resize(r, it, n, m.now)
	want := make([]byte, n)
	copy(want, v.val)
	if string(buf) != string(want) {
		t.Fatalf("%v: resized to %q, want %q", k, buf, want)
	}
	for i := range buf {
		buf[i] = byte('a' + i%26)
	}
	m.model[k] = modelValue{string(buf), v.at}
}

func (m *machine) Delete(t *rapid.T) {
	r, k := m.key(t)
	m.ks.LockSlot(r.Slot)
	defer m.ks.UnlockSlot(r.Slot)
	if it, _, ok := m.find(t, r, k); ok {
		m.ks.Delete(r, it)
		delete(m.model, k)
	}
}

func (m *machine) Expire(t *rapid.T) {
	r, k := m.key(t)
	m.ks.LockSlot(r.Slot)
	defer m.ks.UnlockSlot(r.Slot)
	if it, v, ok := m.find(t, r, k); ok {
		v.at = m.at(t)
		m.ks.SetExpire(r, it, v.at)
		m.model[k] = v
	}
}

func (m *machine) Time(t *rapid.T) { m.now += rapid.Int64Range(0, 300).Draw(t, "ms") }

func (m *machine) ExpireSlice(*rapid.T) {
	m.ks.ExpireSlice(m.now, time.Second, nil)
	for k, v := range m.model {
		if v.at != 0 && v.at < m.now {
			delete(m.model, k)
		}
	}
}

func (m *machine) Maintain(*rapid.T) { m.ks.MaintainSlice(time.Millisecond) }

func (m *machine) Flush(t *rapid.T) {
	slot := rapid.SampledFrom([]uint16{0, 1, 64, 16383}).Draw(t, "slot")
	m.ks.LockSlot(slot)
	defer m.ks.UnlockSlot(slot)
	db := rapid.SampledFrom([]int{-1, 0, 1}).Draw(t, "db")
	if db < 0 {
		m.ks.FlushSlot(slot)
	} else {
		m.ks.FlushSlotDB(slot, db)
	}
	for k := range m.model {
		if k.slot == slot && (db < 0 || k.db == db) {
			delete(m.model, k)
		}
	}
}

func (m *machine) Swap(t *rapid.T) {
	slot := rapid.SampledFrom([]uint16{0, 1, 64, 16383}).Draw(t, "slot")
	m.ks.LockSlot(slot)
	defer m.ks.UnlockSlot(slot)
	m.ks.SwapSlot(slot, 0, 1)
	swapped := map[modelKey]modelValue{}
	for k, v := range m.model {
		if k.slot == slot && k.db < 2 {
			k.db = 1 - k.db
		}
		swapped[k] = v
	}
	m.model = swapped
}

// Check compares everything that can be counted.
func (m *machine) Check(t *rapid.T) {
	got, volatile, want := map[modelKey]modelValue{}, map[int]int64{}, map[int]int64{}
	nonEmpty := m.ks.NonEmpty()
	for slot := range uint16(Slots) {
		n := 0
		for db := range Databases {
			if _, done := m.ks.Walk(slot, db, 0, 1<<30, 0, func(it Item) {
				got[modelKey{slot, db, string(it.Key())}] = modelValue{string(it.Value()), it.ExpireAt()}
				n++
			}); !done {
				t.Fatal("an unlimited walk is not done")
			}
		}
		if m.ks.SlotKeys(slot) != n {
			t.Fatalf("slot %d: %d keys counted, %d there", slot, m.ks.SlotKeys(slot), n)
		}
		if has := nonEmpty[slot/8]>>(slot%8)&1 == 1; n > 0 && !has || n == 0 && has {
			t.Fatalf("slot %d: %d keys, bit in the map %v", slot, n, has)
		}
	}
	if diff := cmp.Diff(m.model, got, cmp.AllowUnexported(modelKey{}, modelValue{})); diff != "" {
		t.Fatalf("keys differ (-model +keyspace):\n%s", diff)
	}
	for k, v := range m.model {
		want[k.db]++
		if v.at != 0 {
			volatile[k.db]++
		}
	}
	for db := range Databases {
		if m.ks.DBLen(db) != want[db] || m.ks.VolatileLen(db) != volatile[db] {
			t.Fatalf("database %d: %d keys, %d volatile; want %d, %d",
				db, m.ks.DBLen(db), m.ks.VolatileLen(db), want[db], volatile[db])
		}
	}
	if m.ks.Keys() != int64(len(m.model)) {
		t.Fatalf("%d keys; want %d", m.ks.Keys(), len(m.model))
	}
	if err := m.ks.audit(); err != nil {
		t.Fatal(err)
	}
}

func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ks := New(Options{Hash: hash, Poison: true})
		defer ks.Close()
		m := &machine{ks: ks, model: map[modelKey]modelValue{}, now: now}
		actions := map[string]func(*rapid.T){
			"set": m.Set, "set again": m.Set, "set more": m.Set, "resize": m.Resize, "delete": m.Delete, "expire": m.Expire,
			"time": m.Time, "slice": m.ExpireSlice, "maintain": m.Maintain, "flush": m.Flush, "swap": m.Swap,
		}
		for range 3 { // the checks are dear: one in some steps
			for range 60 {
				names := []string{
					"set", "set again", "set more", "resize", "delete", "expire", "time", "slice", "flush", "maintain",
					"swap",
				}
				actions[rapid.SampledFrom(names).Draw(t, "action")](t)
			}
			m.Check(t)
		}
	})
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
