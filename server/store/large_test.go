package store

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"unsafe"
)

func newLarge() *large { return &large{maps: new(mappings), poison: true} }

// residentIn is what of all that an allocator reserved is resident, in bytes.
func (l *large) residentIn(t *testing.T) int {
	n := 0
	for _, m := range l.maps.mu.all {
		n += resident(t, m)
	}
	return n
}

// TestLargeBlocks: large blocks keep what is in them, growing and shrinking in place, and hold hardly more memory than they
// count; freed ones hold none once they are purged.
func TestLargeBlocks(t *testing.T) {
	type held struct {
		p      unsafe.Pointer
		n      int
		class  int
		random *rand.PCG
		seed   uint64
	}
	write := func(b *held) {
		b.random.Seed(b.seed, 0)
		mem := bytesAt(b.p, b.n)
		for i := 0; i < len(mem); i += 4096 {
			mem[i] = byte(b.random.Uint64())
		}
		mem[len(mem)-1] = byte(b.seed)
	}
	check := func(b *held) {
		b.random.Seed(b.seed, 0)
		mem := bytesAt(b.p, b.n)
		for i := 0; i < len(mem); i += 4096 {
			if want := byte(b.random.Uint64()); mem[i] != want && i != len(mem)-1 {
				t.Fatalf("byte %d of %d is %x, should be %x", i, b.n, mem[i], want)
			}
		}
		if mem[len(mem)-1] != byte(b.seed) {
			t.Fatalf("the last byte of %d is %x", b.n, mem[len(mem)-1])
		}
	}
	l := newLarge()
	l.poison = false // it would touch everything
	defer l.maps.close()
	rnd := rand.New(rand.NewPCG(1, 2))
	var blocks []*held
	for i := range 4000 {
		switch n := rnd.IntN(10); {
		case n < 4 && len(blocks) < 60 || len(blocks) == 0:
			b := &held{n: maxBlock + rnd.IntN(1<<(14+rnd.IntN(8))), random: new(rand.PCG), seed: rnd.Uint64()}
			b.p, b.class = l.alloc(b.n), largeClass(b.n)
			write(b)
			blocks = append(blocks, b)
		case n < 8: // another length in place, of the same class
			b := blocks[rnd.IntN(len(blocks))]
			check(b)
			m := 1<<(b.class-1) + 1 + rnd.IntN(1<<(b.class-1)-1)
			if rnd.IntN(2) == 0 {
				m = max(b.n-rnd.IntN(trimStep), 1<<(b.class-1)+1)
			}
			l.trim(b.p, m, b.n)
			b.n = m
			write(b)
		default:
			j := rnd.IntN(len(blocks))
			check(blocks[j])
			l.free(blocks[j].p, blocks[j].class, blocks[j].n)
			blocks[j] = blocks[len(blocks)-1]
			blocks = blocks[:len(blocks)-1]
		}
		if i%100 == 0 {
			most := l.mu.nDirty
			for _, b := range blocks {
				most += largeSize(b.n) + trimStep
			}
			for _, free := range l.mu.dirty {
				most += len(free) * trimStep
			}
			if n := l.residentIn(t); n > most {
				t.Fatalf("step %d: %d bytes resident, at most %d count", i, n, most)
			}
		}
		if rnd.IntN(50) == 0 {
			l.purge()
		}
	}
	for _, b := range blocks {
		check(b)
		l.free(b.p, b.class, b.n)
	}
	for l.purge() {
	}
	if n := l.residentIn(t); n != 0 || l.mu.nDirty != 0 {
		t.Errorf("%d bytes are resident, %d dirty, after all is purged", n, l.mu.nDirty)
	}
}

// TestLargePurgeInSteps: a long block is given back piece by piece, and what was freed last is used first.
func TestLargePurgeInSteps(t *testing.T) {
	l := newLarge()
	defer l.maps.close()
	const n = 10 * purgeBytes
	p := l.alloc(n)
	fill(bytesAt(p, n), 1)
	if got := l.residentIn(t); got != n {
		t.Fatalf("%d bytes resident of a block of %d", got, n)
	}
	l.free(p, largeClass(n), n)
	steps := 0
	for last := l.residentIn(t); l.purge(); steps++ {
		now := l.residentIn(t)
		if last-now > purgeBytes || now >= last {
			t.Fatalf("a step purged %d bytes", last-now)
		}
		last = now
	}
	if steps != n/purgeBytes-1 || l.residentIn(t) != 0 {
		t.Errorf("%d steps for %d bytes, %d are still resident", steps+1, n, l.residentIn(t))
	}
	if q := l.alloc(n - 1); q != p {
		t.Error("a clean block is not used again")
	} else {
		l.free(q, largeClass(n), n-1)
	}
	if q := l.alloc(n); q != p || l.mu.nDirty != 0 {
		t.Error("a dirty block is not used again")
	}
}

// TestLargeValueInPlace: a value that grows by little stays where it is, new bytes are zero, and memory follows.
func TestLargeValueInPlace(t *testing.T) {
	ks := New(Options{Hash: hash, Poison: true})
	defer ks.Close()
	r := ks.Ref(1, 0, []byte("k"))
	ks.Set(r, ks.Lookup(r, now, 0), bytes.Repeat([]byte{7}, 600_000), 0, now)
	moves := 0
	var last *byte
	for n := 600_000; n > 20_000; n -= 10_000 {
		val := ks.Lookup(r, now, 0).Value()
		if n%20_000 == 0 {
			_, val = ks.Resize(r, ks.Lookup(r, now, 0), n, now)
		} else {
			val = ks.Set(r, ks.Lookup(r, now, 0), val[:n], 0, now).Value()
		}
		if bytes.Count(val, []byte{7}) != n {
			t.Fatalf("shrunk to %d bytes: some are lost", n)
		}
		if &val[0] != last {
			last = &val[0]
			moves++
		}
		for ks.large.purge() { // of blocks that it left
		}
		used, there := int(ks.MemoryUsed()), residentOf(t, ks)
		if used < len(val) || used > len(val)+osPage+200 || there > used+trimStep+8*pageSize {
			t.Fatalf("%d bytes used, %d resident for a value of %d", used, there, len(val))
		}
	}
	for n := 20_000; n < 600_000; n += 10_000 {
		_, val := ks.Resize(r, ks.Lookup(r, now, 0), n, now)
		if zero := bytes.Count(val, []byte{0}); zero != 10_000 && n > 20_000 {
			t.Fatalf("grown to %d bytes: %d are zero", n, zero)
		}
		fill(val, 7)
		if &val[0] != last {
			last = &val[0]
			moves++
		}
	}
	if moves > 14 {
		t.Errorf("the value moved %d times", moves)
	}
	ks.Delete(r, ks.Lookup(r, now, 0))
	for ks.MaintainSlice(1 << 40) {
	}
	checkAllGone(t, ks)
	if n := residentOf(t, ks); n != 0 {
		t.Errorf("%d bytes are still resident", n)
	}
}
