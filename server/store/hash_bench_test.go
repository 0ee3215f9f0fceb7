package store

import (
	"fmt"
	"testing"
)

// benchHash is a hash of n fields with values of 10 bytes.
func benchHash(n int) (*Keyspace, Ref, [][]byte) {
	ks := New(Options{Hash: goodHash})
	r := ks.Ref(1, 0, []byte("hash"))
	fields := make([][]byte, n)
	for i := range fields {
		fields[i] = fmt.Appendf(nil, "field:%06d", i)
		h := ks.Hash(r, ks.Lookup(r, now, 0), now, false)
		h.Set(fields[i], []byte("0123456789"), 0)
	}
	return ks, r, fields
}

func benchHashes(b *testing.B, each func(h *Hash, field []byte, i int)) {
	for _, n := range []int{12, 100, 10_000} {
		b.Run(fmt.Sprintf("fields=%d", n), func(b *testing.B) {
			ks, r, fields := benchHash(n)
			defer ks.Close()
			b.ReportAllocs()
			var h Hash
			for i := 0; b.Loop(); i++ {
				h = ks.Hash(r, ks.Lookup(r, now, Touch), now, false)
				each(&h, fields[i*7919%n], i)
			}
		})
	}
}

func BenchmarkHashGet(b *testing.B) {
	benchHashes(b, func(h *Hash, field []byte, _ int) { h.Get(field) })
}

func BenchmarkHashSet(b *testing.B) {
	val := []byte("9876543210")
	benchHashes(b, func(h *Hash, field []byte, _ int) { h.Set(field, val, 0) })
}

// BenchmarkHashResize sets values of changing lengths.
func BenchmarkHashResize(b *testing.B) {
	val := make([]byte, 60)
	benchHashes(b, func(h *Hash, field []byte, i int) { h.Set(field, val[:i%60], 0) })
}

// BenchmarkHashExpiry gives a field another expiry.
func BenchmarkHashExpiry(b *testing.B) {
	benchHashes(b, func(h *Hash, field []byte, i int) { h.SetExpiry(field, now+int64(i*7919%1_000_000)+1) })
}

// TestHashNoAllocations: fields of small and of large hashes are read, set, counted and given expiries without allocating.
func TestHashNoAllocations(t *testing.T) {
	for _, n := range []int{12, 2000} {
		ks, r, fields := benchHash(n)
		defer ks.Close()
		vals := [2][]byte{[]byte("short"), []byte("a value of thirty-two bytes, yes")}
		i := 0
		var h Hash
		for name, fn := range map[string]func(h *Hash){
			"Get":   func(h *Hash) { h.Get(fields[i%n]) },
			"Set":   func(h *Hash) { h.Set(fields[i%n], vals[i%2], 0) },
			"Len":   func(h *Hash) { h.Len() },
			"again": func(h *Hash) { h.Delete(fields[i%n]); h.Set(fields[i%n], vals[i%2], 0) },
		} {
			if got := testing.AllocsPerRun(500, func() {
				i++
				h = ks.Hash(r, ks.Lookup(r, now, Touch), now, false)
				fn(&h)
			}); got != 0 && !raceEnabled {
				t.Errorf("%s of %d fields: %v allocations", name, n, got)
			}
		}
		if n == 12 {
			continue
		}
		if got := testing.AllocsPerRun(500, func() {
			i++
			h := ks.Hash(r, ks.Lookup(r, now, Touch), now, false)
			h.SetExpiry(fields[i%n], now+int64(i))
		}); got != 0 && !raceEnabled {
			t.Errorf("SetExpiry: %v allocations", got)
		}
	}
}
