package store

import (
	"math/bits"
	"sync"
	"unsafe"
)

// Large blocks hold what is beyond the pools: strings above some 16 KB.
//
// They lie in address space, not in memory: each block has a power of two of address space, of which only what was written is
// resident. A value grows in place up to that power. Addresses are reserved by the region, never given back and never split: they
// are 2^47, and all blocks of one power together never need more than twice what the machine has.
//
// A freed block keeps its memory until purge takes it: a value that is written again and again costs no system call.

const (
	minLarge    = 15       // log2 of the least address space of a large block, 32 KB
	maxLarge    = 42       // log2 of the most
	largeRegion = 64 << 20 // bytes of address space reserved at a time, at least
)

// block is a piece of address space.
type block struct {
	p       unsafe.Pointer
	touched int // bytes that may be resident, from its beginning; a multiple of osPage
}

// large is the allocator of large blocks of a keyspace.
type large struct {
	maps *mappings
	mu   struct { // taken while a shard's lock is held; no lock but that of maps is taken under it
		sync.Mutex
		dirty, clean [maxLarge + 1][]block // free, by log2 of their address space
		nDirty       int                   // bytes
	}
	poison bool
}

// largeClass is the log2 of the address space for n bytes.
func largeClass(n int) int { return max(minLarge, bits.Len(uint(n-1))) }

// largeSize is what n bytes of a large block take, in bytes.
func largeSize(n int) int { return roundUp(n) }

// alloc answers room for n bytes; more of the block of that class may be used, up to 1<<class. Its content is undefined.
func (l *large) alloc(n int) unsafe.Pointer {
	c := largeClass(n)
	if c > maxLarge {
		panic("store: a value beyond all bounds")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if free := &l.mu.dirty[c]; len(*free) > 0 {
		b := (*free)[len(*free)-1]
		*free = (*free)[:len(*free)-1]
		l.mu.nDirty -= b.touched
		l.trim(b.p, n, b.touched)
		if l.poison {
			fill(bytesAt(b.p, n), poisonNew)
		}
		return b.p
	}
	free := &l.mu.clean[c]
	if len(*free) == 0 {
		l.carve(c)
	}
	b := (*free)[len(*free)-1]
	*free = (*free)[:len(*free)-1]
	return b.p
}

// carve reserves a region and makes blocks of it.
func (l *large) carve(c int) {
	region := l.maps.reserve(max(largeRegion, 1<<c))
	if err := commit(region); err != nil {
		panic(err)
	}
	for at := len(region) - 1<<c; at >= 0; at -= 1 << c { // the lowest comes out first
		l.mu.clean[c] = append(l.mu.clean[c], block{p: unsafe.Pointer(&region[at])})
	}
}

// trimStep is how finely the memory behind a value is given back: less is not worth a system call. What is resident of a block
// never goes beyond the multiple of it that the value reaches into, however it came to be so long.
const trimStep = 64 << 10

// trim gives back what lies behind the n bytes used of a block of which was bytes were.
func (l *large) trim(p unsafe.Pointer, n, was int) {
	n, was = (n+trimStep-1)&^(trimStep-1), (was+trimStep-1)&^(trimStep-1)
	if was > n {
		decommit(bytesAt(unsafe.Add(p, n), was-n))
	}
}

// free gives a block of the class of address space c back, of which n bytes were used at most.
func (l *large) free(p unsafe.Pointer, c, n int) {
	if l.poison {
		fill(bytesAt(p, n), poisonFreed)
	}
	touched := roundUp(n)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.dirty[c] = append(l.mu.dirty[c], block{p, touched})
	l.mu.nDirty += touched
}

// purgeBytes is how much memory of large blocks one call of purge gives back, at most, and at least one block's.
const purgeBytes = 4 << 20

// purge gives memory of free blocks back to the system. It reports whether there is more. No lock may be held.
func (l *large) purge() (more bool) {
	l.mu.Lock()
	if l.mu.nDirty == 0 {
		l.mu.Unlock()
		return false
	}
	var (
		taken block
		class int
	)
	for c := maxLarge; c >= minLarge; c-- {
		if n := len(l.mu.dirty[c]); n > 0 {
			b := &l.mu.dirty[c][n-1]
			// A long block is given back from its end, a piece at a time. What a longer value once left behind goes too.
			piece := min(b.touched, purgeBytes)
			b.touched -= piece
			l.mu.nDirty -= piece
			taken, class = block{unsafe.Add(b.p, b.touched), min(piece+trimStep, 1<<c-b.touched)}, c
			if b.touched > 0 {
				decommit(bytesAt(taken.p, taken.touched))
				taken.p = nil
			} else {
				l.mu.dirty[c] = l.mu.dirty[c][:n-1]
			}
			break
		}
	}
	more = l.mu.nDirty > 0
	l.mu.Unlock()
	if taken.p == nil {
		return more
	}
	decommit(bytesAt(taken.p, taken.touched)) // nobody else knows of the block now
	l.mu.Lock()
	taken.touched = 0
	l.mu.clean[class] = append(l.mu.clean[class], taken)
	l.mu.Unlock()
	return more
}

// dirty is how much memory free blocks still hold, in bytes.
func (l *large) dirty() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int64(l.mu.nDirty)
}
