package store

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
)

// degenerate are hashes that a table must survive, if not love.
var degenerate = map[string]func([]byte) uint64{
	"constant 0":        func([]byte) uint64 { return 0 },
	"constant, all set": func([]byte) uint64 { return ^uint64(0) },
	"constant, middle":  func([]byte) uint64 { return 0xA5A5A5A5A5A5A5A5 },
	"low 8 bits":        func(k []byte) uint64 { return 0x7777777777777700 | goodHash(k)&0xFF },
	"low 32 bits":       func(k []byte) uint64 { return goodHash(k) >> 32 },
	"top 8 bits":        func(k []byte) uint64 { return goodHash(k) &^ (1<<56 - 1) },
	"top 16 bits":       func(k []byte) uint64 { return goodHash(k) &^ (1<<48 - 1) },
	"one of two":        func(k []byte) uint64 { return -(goodHash(k) & 1) },
	"a bit in the last": func(k []byte) uint64 { return ^(goodHash(k) & 1) },
}

// TestDegenerateHashes: with hashes that are alike a table finds all keys, its directory stays small, it shrinks with deletes, and
// nothing is left of it in the end, be it deleted or flushed.
func TestDegenerateHashes(t *testing.T) {
	n := 5000
	if testing.Short() || raceEnabled {
		n = 500
	}
	for name, hash := range degenerate {
		t.Run(name, func(t *testing.T) {
			ks := New(Options{Hash: hash, Poison: true})
			defer ks.Close()
			ref := func(i int) Ref { return ks.Ref(9, 0, strconv.AppendInt([]byte("key"), int64(i), 10)) }
			audit := func() {
				t.Helper()
				if err := ks.audit(); err != nil {
					t.Fatal(err)
				}
			}
			fill := func() {
				for i := range n {
					if r := ref(i); ks.Lookup(r, now, 0).Exists() {
						t.Fatalf("key %d is there before it is set", i)
					} else {
						ks.Set(r, Item{sh: ks.shardOf(9)}, strconv.AppendInt(nil, int64(i), 10), 0, now)
					}
				}
			}
			fill()
			audit()
			table := &ks.dbs[0].Load().tables[9]
			if dir := 1 << table.depth; dir > 2*n/dirMinFill || ks.MemoryUsed() > int64(n*64) {
				t.Errorf("a directory of %d entries, %d bytes for %d keys", dir, ks.MemoryUsed(), n)
			}
			full := ks.MemoryUsed()
			seen := 0
			for from, done := uint64(0), false; !done; {
				from, done = ks.Walk(9, 0, from, 100, now, func(Item) { seen++ })
			}
			if seen != n {
				t.Errorf("a walk sees %d keys of %d", seen, n)
			}
			for i := range n * 19 / 20 {
				r := ref(i)
				it := ks.Lookup(r, now, 0)
				if got, ok := it.Int(); !ok || int(got) != i {
					t.Fatalf("key %d holds %d", i, got)
				}
				ks.Delete(r, it)
				if i%2500 == 1000 {
					audit()
				}
			}
			audit()
			if used := ks.MemoryUsed(); used > full/6 {
				t.Errorf("%d bytes for a twentieth of the keys, %d for all", used, full)
			}
			for i := n * 19 / 20; i < n; i++ {
				ks.Delete(ref(i), ks.Lookup(ref(i), now, 0))
			}
			audit()
			fill()
			ks.FlushSlot(9)
			for ks.MaintainSlice(1 << 40) {
			}
			audit()
			checkAllGone(t, ks)
		})
	}
}

// TestWalkIsExact: from anywhere, whatever the limit, a walk sees the keys from there to where it says that it stopped, all of
// them and no other, and not many more than the limit.
func TestWalkIsExact(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for _, n := range []int{1, 5, 12, 13, 40, 170, 1000, 20_000} {
		ks := New(Options{Hash: hash})
		hashes := make([]uint64, n)
		for i := range hashes {
			key := fmt.Appendf(nil, "key%d", i)
			hashes[i] = hash(key)
			ks.Set(ks.Ref(3, 1, key), Item{}, key, 0, now)
		}
		for i := range 2000 {
			if n > 1000 && i == 200 {
				break
			}
			from := rnd.Uint64() << rnd.IntN(64)
			if i%2 == 0 {
				from = hashes[rnd.IntN(n)] + uint64(i%3) - 1
			}
			limit := rnd.IntN(n+2) - 1
			seen := 0
			next, done := ks.Walk(3, 1, from, limit, now, func(it Item) {
				if ks.HashOf(it) < from {
					t.Fatalf("a walk from %x sees %x", from, ks.HashOf(it))
				}
				seen++
			})
			want := 0
			for _, h := range hashes {
				if h >= from && (done || h < next) {
					want++
				}
			}
			if seen != want || !done && (seen < limit || next <= from) || seen > max(limit, 0)+4*bucketSlots {
				t.Fatalf("%d keys, from %x to %x, limit %d: %d keys seen, should be %d", n, from, next, limit, seen, want)
			}
		}
		ks.Close()
	}
}

// TestDirectoryFollowsKeys: a slot of a hundred thousand keys has a directory in proportion, and none any more when they are gone,
// even if those of one half go first.
func TestDirectoryFollowsKeys(t *testing.T) {
	ks := New(Options{Hash: goodHash, Poison: true})
	defer ks.Close()
	const n = 100_000
	key := func(i int) []byte { return strconv.AppendInt(nil, int64(i), 36) }
	for i := range n {
		ks.Set(ks.Ref(9, 0, key(i)), Item{}, []byte("v"), 0, now)
	}
	tab := &ks.dbs[0].Load().tables[9]
	if perKey := float64(ks.MemoryUsed()-16*n) / n; tab.depth < 9 || tab.depth > 12 || perKey > 9 {
		t.Errorf("a directory of depth %d, %.1f bytes a key for the index", tab.depth, perKey)
	}
	for _, half := range []bool{true, false} {
		for i := range n {
			if r := ks.Ref(9, 0, key(i)); r.Hash>>63 == 1 == half {
				ks.Delete(r, ks.Lookup(r, now, 0))
			}
		}
		if err := ks.audit(); err != nil {
			t.Fatal(err)
		}
		if len := int64(ks.SlotLen(9, 0)); ks.MemoryUsed() > len*28 {
			t.Errorf("%d bytes for %d keys", ks.MemoryUsed(), len)
		}
	}
	if *tab != (table{}) {
		t.Errorf("the empty table is %+v", *tab)
	}
}
