package store

import (
	"slices"
	"unsafe"
)

// A pool is the memory of one shard: address space of arenaSize bytes, of which pages of 16 KB are taken into use one after the
// other. A page holds blocks of one size class. What is known of a page stands beside the arena, not in it, so that a page of
// free blocks need not be touched.
//
// A reference names a block by its distance from the arena's beginning, in units of 8 bytes. Page 0 is never used: reference 0 is
// none.
//
// Blocks that are free hold, in their first two bytes, where in the page the next free one begins. That is a multiple of 8, so no
// free block looks like an entry (see entry.go: forms). Pages with free blocks are
// chained by class. A page whose last block is freed goes to the dirty pages, which are used first; [pool.purge] gives their
// memory back to the system and makes them clean.

const (
	refBits   = 29
	refMask   = 1<<refBits - 1
	arenaSize = unit << refBits // 4 GB
	maxPages  = arenaSize / pageSize
	noBlock   = 0xFFF8 // no block's place in a page; a multiple of 8, too

	commitMin   = 16 // pages made usable at a time: at least, and
	commitShare = 8  // a share of those in use
)

// ref is the reference of a block in its shard's pool. Its upper bits are free for others' use.
type ref uint32

func (r ref) page() uint32 { return uint32(r&refMask) / pageUnits }

type pageState uint8

const (
	pageFree   pageState = iota // dirty or clean
	pageUsed                    // holds blocks of its class
	pageMarked                  // the same, and compaction wants it empty: nothing is allocated there
	pageRun                     // part of a run, a block of several pages
)

// page is what is known of a page: 16 bytes.
type page struct {
	class      uint8
	state      pageState
	used       uint16 // blocks in use
	free       uint16 // place of the first free block that was in use before, in bytes from the page's beginning, or noBlock
	bump       uint16 // number of the block that is used next where free is noBlock: from there on, round the page, none ever was
	next, prev uint32 // in the chain of the class, or of free pages; 0 = none
}

// pool is guarded by its shard's lock.
type pool struct {
	base      unsafe.Pointer // the arena; nil until the first page
	pages     []page         // by number, those ever used
	arena     []byte
	maps      *mappings
	committed uint32 // pages made usable

	partial [numClasses]uint32 // first page of each class that has room
	dirty   uint32             // first free page whose memory is resident
	clean   uint32             // first free page whose memory was given back

	nUsed, nDirty, nClean int // pages
	live                  int // bytes of blocks in use
	limit                 int // pages that the arena may have
	poison                bool
	color                 uint32 // number of the shard
}

// Arenas begin alike, at multiples of the page. So that the first blocks of 64 shards do not all fall into the same few sets of a
// processor's caches, each arena begins with another page, and each page with another block.
const (
	colors      = 8  // pages: 128 KB, one way of a level-2 cache
	colorStride = 37 // blocks
)

// at is the address of a block.
func (p *pool) at(r ref) unsafe.Pointer { return unsafe.Add(p.base, uintptr(r&refMask)*unit) }

// classAt is the size class of the block r.
func (p *pool) classAt(r ref) uint8 { return p.pages[r.page()].class }

// alloc answers a block of class c. Its content is undefined.
func (p *pool) alloc(c uint8) ref {
	n := p.partial[c]
	if n == 0 {
		n = p.newPage(c)
	}
	pg := &p.pages[n]
	place := pg.free
	r := ref(n * pageUnits)
	if place != noBlock {
		r += ref(place / unit)
		pg.free = *(*uint16)(p.at(r))
		if p.poison {
			p.checkPoison(r, classSize(c))
		}
	} else {
		r += ref(pg.bump) * ref(classes.size[c]/unit)
		if pg.bump++; pg.bump == classes.blocks[c] {
			pg.bump = 0
		}
	}
	if pg.used++; pg.used == classes.blocks[c] {
		p.unlink(&p.partial[c], n)
	}
	p.live += classSize(c)
	if p.poison {
		fill(bytesAt(p.at(r), classSize(c)), poisonNew)
	}
	return r
}

// free gives a block back.
func (p *pool) free(r ref) {
	n := r.page()
	pg := &p.pages[n]
	c := pg.class
	at := p.at(r)
	if p.poison {
		if pg.state != pageUsed && pg.state != pageMarked || *(*byte)(unsafe.Add(at, 2)) == poisonFreed && p.poisoned(r, classSize(c)) {
			panic("store: a block is freed twice")
		}
		fill(bytesAt(at, classSize(c)), poisonFreed)
	}
	*(*uint16)(at) = pg.free
	pg.free = uint16(uint32(r&refMask) % pageUnits * unit)
	p.live -= classSize(c)
	full := pg.used == classes.blocks[c]
	switch pg.used--; {
	case pg.used == 0:
		if !full && pg.state == pageUsed {
			p.unlink(&p.partial[c], n)
		}
		p.release(n)
	case full && pg.state == pageUsed:
		p.link(&p.partial[c], n)
	}
}

func (p *pool) poisoned(r ref, size int) bool {
	return filled(bytesAt(p.at(r), size)[2:], poisonFreed)
}

func (p *pool) checkPoison(r ref, size int) {
	if !p.poisoned(r, size) {
		panic("store: freed memory was written to")
	}
}

// fullShare: a pool is full when less than one in so many of its pages is left. The rest is for what cannot be refused: renamed
// keys, effects of a primary.
const fullShare = 16

func (p *pool) full() bool { return p.nUsed > p.limit-p.limit/fullShare }

// newPage takes a page for blocks of class c and links it into the class's chain.
func (p *pool) newPage(c uint8) uint32 {
	n := p.dirty
	switch {
	case n != 0:
		p.unlink(&p.dirty, n)
		p.nDirty--
	case p.clean != 0:
		n = p.clean
		p.unlink(&p.clean, n)
		p.nClean--
	default:
		n = p.extend(1)
	}
	p.pages[n] = page{class: c, state: pageUsed, free: noBlock, bump: uint16((p.color + n) * colorStride % uint32(classes.blocks[c]))}
	p.nUsed++
	p.link(&p.partial[c], n)
	return n
}

// extend takes n pages into use that never were, one after the other, and answers the first.
func (p *pool) extend(n int) uint32 {
	if p.base == nil {
		p.arena = p.maps.reserve(arenaSize)
		p.base = unsafe.Pointer(&p.arena[0])
		p.pages = make([]page, 1+p.color%colors) // page 0 among them
	}
	first := len(p.pages)
	if first+n > p.limit {
		panic("store: a shard outgrew its arena") // Keyspace.Full tells of it in time
	}
	if first+n > int(p.committed) {
		upto := min(first+max(n, commitMin, p.nUsed/commitShare), p.limit)
		if err := commit(p.arena[int(p.committed)*pageSize : upto*pageSize]); err != nil {
			panic(err)
		}
		p.committed = uint32(upto)
	}
	p.pages = slices.Grow(p.pages, n)[:first+n]
	clear(p.pages[first:])
	return uint32(first)
}

// allocRun answers a block of n pages that lie side by side. It serves what is beyond any measure only, and takes pages that were
// never used: freed, they are pages like others.
func (p *pool) allocRun(n int) ref {
	first := p.extend(n)
	for i := range n {
		p.pages[int(first)+i] = page{state: pageRun}
	}
	p.nUsed += n
	p.live += n * pageSize
	return ref(first * pageUnits)
}

func (p *pool) freeRun(r ref, n int) {
	for i := range uint32(n) {
		p.release(r.page() + i)
	}
	p.live -= n * pageSize
}

// release makes a page free that has no blocks in use and is in no chain.
func (p *pool) release(n uint32) {
	p.pages[n] = page{state: pageFree}
	p.nUsed--
	p.link(&p.dirty, n)
	p.nDirty++
	if p.poison {
		fill(p.memory(n, 1), poisonFreed)
	}
}

// memory is that of n pages from the page numbered first on.
func (p *pool) memory(first uint32, n int) []byte {
	return p.arena[int(first)*pageSize : (int(first)+n)*pageSize]
}

func (p *pool) link(head *uint32, n uint32) {
	pg := &p.pages[n]
	pg.prev, pg.next = 0, *head
	if *head != 0 {
		p.pages[*head].prev = n
	}
	*head = n
}

func (p *pool) unlink(head *uint32, n uint32) {
	pg := &p.pages[n]
	if pg.prev != 0 {
		p.pages[pg.prev].next = pg.next
	} else {
		*head = pg.next
	}
	if pg.next != 0 {
		p.pages[pg.next].prev = pg.prev
	}
	pg.next, pg.prev = 0, 0
}

const (
	purgeBatch = 16 // pages given back under one hold of the lock: some tens of microseconds
	keepShare  = 64 // of the pages in use, so many dirty ones are kept for what comes next
)

// purge gives the memory of some free pages back to the system. It reports whether there are more.
func (p *pool) purge() (more bool) {
	keep := p.nUsed / keepShare
	n := min(p.nDirty-keep, purgeBatch)
	if n <= 0 {
		return false
	}
	var batch [purgeBatch]uint32
	for i := range n {
		batch[i] = p.dirty
		p.unlink(&p.dirty, p.dirty)
	}
	p.nDirty -= n
	p.nClean += n
	slices.Sort(batch[:n])
	for i := 0; i < n; { // pages that lie side by side in one call
		run := 1
		for i+run < n && batch[i+run] == batch[i]+uint32(run) {
			run++
		}
		decommit(p.memory(batch[i], run))
		i += run
	}
	for i := n - 1; i >= 0; i-- { // the lowest first in the chain: use stays dense
		p.link(&p.clean, batch[i])
	}
	return p.nDirty > keep
}
