package store

import (
	"math/rand/v2"
	"testing"
)

func TestClassesFit(t *testing.T) {
	for n := 1; n <= maxBlock; n++ {
		c := classOf(n)
		size := classSize(c)
		if size < n || c > 0 && classSize(c-1) >= n {
			t.Fatalf("%d bytes go into blocks of %d, which is not the least that fits", n, size)
		}
		waste := size - n
		if n <= smallStep && waste >= unit || n > smallStep && n <= stepsUntil && waste*perDouble > n {
			t.Fatalf("%d bytes waste %d in a block of %d", n, waste, size)
		}
		if int(classes.blocks[c]) != pageSize/size || size%unit != 0 {
			t.Fatalf("a page holds %d blocks of %d", classes.blocks[c], size)
		}
		if n > stepsUntil && pageSize-size*int(classes.blocks[c]) >= unit*int(classes.blocks[c]) {
			t.Fatalf("blocks of %d leave %d bytes of a page", size, pageSize%size)
		}
	}
	for _, n := range segmentSteps { // a segment of so many buckets wastes nothing, or hardly anything
		if bytes := int(n) * bucketSize; classSize(classOf(bytes)) != bytes {
			t.Errorf("a segment of %d buckets, %d bytes, lies in a block of %d", n, bytes, classSize(classOf(bytes)))
		}
	}
}

func newPool(color uint32) *pool {
	return &pool{maps: new(mappings), poison: true, color: color, limit: maxPages}
}

// TestPoolBlocks: blocks that are allocated and freed at random keep what is in them, so they do not overlap; the pool's counts
// are right, and in the end every page is free.
func TestPoolBlocks(t *testing.T) {
	type held struct {
		r    ref
		c    uint8
		mark byte
	}
	type heldRun struct {
		r ref
		n int
	}
	for seed := range uint64(4) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		p := newPool(uint32(seed * 13))
		defer p.maps.close()
		var blocks []held
		var runs []heldRun
		live := 0
		check := func(b held) {
			mem := bytesAt(p.at(b.r), classSize(b.c))
			for i, v := range mem {
				if v != b.mark {
					t.Fatalf("seed %d: byte %d of a block of %d is %x, should be %x", seed, i, len(mem), v, b.mark)
				}
			}
			if p.classAt(b.r) != b.c {
				t.Fatalf("seed %d: a block of class %d is said to be of %d", seed, b.c, p.classAt(b.r))
			}
		}
		free := func(i int) {
			check(blocks[i])
			p.free(blocks[i].r)
			live -= classSize(blocks[i].c)
			blocks[i] = blocks[len(blocks)-1]
			blocks = blocks[:len(blocks)-1]
		}
		freeRun := func() {
			b := runs[len(runs)-1]
			runs = runs[:len(runs)-1]
			p.freeRun(b.r, b.n)
			live -= b.n * pageSize
		}
		for i := range 30_000 {
			grow := i/3000%2 == 0
			switch n := rnd.IntN(100); {
			case n == 0:
				b := heldRun{n: 2 + rnd.IntN(5)}
				b.r = p.allocRun(b.n)
				live += b.n * pageSize
				fill(bytesAt(p.at(b.r), b.n*pageSize), 0x11)
				runs = append(runs, b)
			case n == 1 && len(runs) > 0:
				freeRun()
			case n == 2:
				p.purge()
			case (n < 60) == grow || len(blocks) == 0:
				b := held{c: uint8(rnd.IntN(numClasses)), mark: byte(1 + rnd.IntN(150))} // not what freed memory is filled with
				if rnd.IntN(2) == 0 {
					b.c %= 8 // small ones, of which a page holds many
				}
				b.r = p.alloc(b.c)
				live += classSize(b.c)
				fill(bytesAt(p.at(b.r), classSize(b.c)), b.mark)
				blocks = append(blocks, b)
			default:
				free(rnd.IntN(len(blocks)))
			}
			if i%500 == 0 {
				if err := p.audit(); err != nil || p.live != live {
					t.Fatalf("seed %d: %d bytes live, should be %d: %v", seed, p.live, live, err)
				}
			}
		}
		most := p.nUsed + p.nDirty + p.nClean
		for len(blocks) > 0 {
			free(len(blocks) - 1)
		}
		for len(runs) > 0 {
			freeRun()
		}
		if err := p.audit(); err != nil || p.live != 0 || p.nUsed != 0 || p.nDirty+p.nClean != most {
			t.Fatalf("seed %d: %d bytes live in %d pages, %d of %d are free: %v", seed, p.live, p.nUsed, p.nDirty+p.nClean, most, err)
		}
		for p.purge() {
		}
		if n := resident(t, p.arena[:int(p.committed)*pageSize]); n != 0 || p.nClean != most {
			t.Errorf("seed %d: %d bytes of an empty pool are resident, %d of %d pages clean", seed, n, p.nClean, most)
		}
	}
}

// TestPoolUsesPagesAgain: what is freed is taken before new pages are.
func TestPoolUsesPagesAgain(t *testing.T) {
	p := newPool(0)
	defer p.maps.close()
	var high int
	for round := range 20 {
		var refs []ref
		for range 3000 {
			refs = append(refs, p.alloc(classOf(100+round*50)))
		}
		if high == 0 {
			high = len(p.pages) * 13 // blocks of the last rounds are so much larger
		}
		for _, r := range refs {
			p.free(r)
		}
		if round%3 == 0 {
			for p.purge() {
			}
		}
	}
	if len(p.pages) > high {
		t.Errorf("%d pages for what fits into %d", len(p.pages), high)
	}
}

func panicOf(fn func()) (what any) {
	defer func() { what = recover() }()
	fn()
	return nil
}

func TestPoolPoison(t *testing.T) {
	for _, size := range []int{8, 56, 1000, 5000} {
		p := newPool(3)
		c := classOf(size)
		keep, r := p.alloc(c), p.alloc(c) // keep has the page stay
		p.free(r)
		if size > unit { // in the least blocks there is hardly room to tell
			if got := panicOf(func() { p.free(r) }); got != "store: a block is freed twice" {
				t.Errorf("a block of %d freed twice: %v", size, got)
			}
		}
		bytesAt(p.at(r), size)[size-1] = 1
		if got := panicOf(func() { p.alloc(c) }); got != "store: freed memory was written to" {
			t.Errorf("a freed block of %d written to: %v", size, got)
		}
		p.maps.close()
		_ = keep
	}
	p := newPool(3)
	defer p.maps.close()
	r := p.alloc(0)
	p.free(r) // the page is free with it
	if got := panicOf(func() { p.free(r) }); got != "store: a block is freed twice" {
		t.Errorf("a block of a free page freed: %v", got)
	}
}

// TestPoolFull: a pool says that it is full before it is.
func TestPoolFull(t *testing.T) {
	p := newPool(0)
	p.poison = false
	p.limit = 64
	defer p.maps.close()
	for i := 1; i < p.limit; i++ {
		if full := p.full(); full != (i-1 > 60) {
			t.Fatalf("with %d pages of %d: full %v", i-1, p.limit, full)
		}
		p.alloc(numClasses - 1)
	}
	if got := panicOf(func() { p.alloc(numClasses - 1) }); got == nil {
		t.Error("a pool is larger than its limit")
	}
}

// resident is how much of some memory is resident, in bytes.
func resident(t testing.TB, m []byte) int {
	t.Helper()
	if len(m) == 0 {
		return 0
	}
	n, err := residentPages(m)
	if err != nil {
		t.Skipf("the system does not tell what is resident: %v", err)
	}
	return n * osPage
}

// residentOf is what of a keyspace's reserved memory is resident, in bytes.
func residentOf(t testing.TB, ks *Keyspace) int {
	t.Helper()
	n := 0
	for _, m := range ks.maps.mu.all {
		n += resident(t, m)
	}
	return n
}
