package store

import (
	"math/bits"
	"unsafe"
)

// A segment is a small hash table: n buckets side by side, each a cache line. It holds the entries whose hashes begin with the
// segment's prefix of depth bits. The next fragBits bits of a hash are the entry's fragment. Its home is bucket fragment*n >>
// fragBits, so that buckets are in the order of hashes for any n, and a segment grows by a bucket or two at a time. An entry
// whose home is full goes to the next bucket that has room, round the segment.
//
// A bucket says of each of its 12 entries its reference (29 bits) and its fragment (the low 8 bits as a tag, the upper 3
// beside the reference). So a segment is rebuilt with another number of buckets, and merged with its neighbour, without a look at
// the entries; and of the keys that a lookup does not want it compares hardly any.
//
// `over` counts the entries that passed this bucket on their way to a later one: where it is 0, a search ends. (F14's hash
// tables count the same: https://engineering.fb.com/2019/04/25/developer-tools/f14/.)

const (
	bucketSlots = 12
	bucketSize  = 64 // bytes

	tagBits  = 8
	fragBits = tagBits + 32 - refBits // 11
)

// bucket is one cache line; it lies in a pool.
type bucket struct {
	tags [bucketSlots]uint8
	used uint16 // a bit for each slot in use
	over uint8  // maxOver sticks
	_    uint8
	refs [bucketSlots]uint32 // upper bits of the fragment, reference
}

const (
	allUsed = 1<<bucketSlots - 1
	maxOver = 255
)

// segment describes a segment. In a directory it is repeated for every prefix that leads to it; only the first counts its entries.
type segment struct {
	at    ref    // of the first bucket; 0 = there is none
	used  uint32 // entries
	n     uint32 // buckets
	depth uint32 // bits of prefix
}

// segmentSteps are the sizes of a segment in buckets; all of them are size classes of the pools.
var segmentSteps = [...]uint32{1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16}

const maxSegment = 16 // buckets; a larger segment is split, if that helps

// capacity is how many entries n buckets hold before there are to be more of them: seven eighths, and all of a single one.
func capacity(n uint32) uint32 {
	if n == 1 {
		return bucketSlots
	}
	return n * bucketSlots * 7 / 8
}

// bucketsFor is the least size of a segment that holds n entries.
func bucketsFor(n uint32) uint32 {
	for _, s := range segmentSteps {
		if n <= capacity(s) {
			return s
		}
	}
	// Beyond all measure: many hashes that begin alike. Sizes are those of blocks, then of whole pages.
	bytes := int(n) * bucketSize * 8 / (7 * bucketSlots)
	if bytes+bucketSize <= maxBlock {
		return uint32(classSize(classOf(bytes+bucketSize)) / bucketSize)
	}
	pages := (bytes+bucketSize)/pageSize + 1
	return uint32(pages * pageSize / bucketSize)
}

func (p *pool) allocSegment(n uint32) ref {
	var r ref
	if bytes := int(n) * bucketSize; bytes <= maxBlock {
		r = p.alloc(classOf(bytes))
	} else {
		r = p.allocRun(bytes / pageSize)
	}
	clear(bytesAt(p.at(r), int(n)*bucketSize))
	return r
}

func (p *pool) freeSegment(r ref, n uint32) {
	if bytes := int(n) * bucketSize; bytes <= maxBlock {
		p.free(r)
	} else {
		p.freeRun(r, bytes/pageSize)
	}
}

// segmentBytes is what a segment of n buckets takes.
func segmentBytes(n uint32) int {
	if bytes := int(n) * bucketSize; bytes <= maxBlock {
		return classSize(classOf(bytes))
	}
	return int(n) * bucketSize
}

func (s *segment) bucket(p *pool, i uint32) *bucket {
	return (*bucket)(unsafe.Add(p.at(s.at), uintptr(i)*bucketSize))
}

// fragment is that of a hash in a segment of the given depth.
func fragment(hash uint64, depth uint32) uint32 {
	return uint32(hash << (depth & 63) >> (64 - fragBits))
}

// home is the bucket of a fragment among n.
func home(frag, n uint32) uint32 { return uint32(uint64(frag) * uint64(n) >> fragBits) }

func (b *bucket) frag(i int) uint32 { return b.refs[i]>>refBits<<tagBits | uint32(b.tags[i]) }

func (b *bucket) put(i int, frag uint32, r ref) {
	b.tags[i] = uint8(frag)
	b.refs[i] = uint32(r) | frag>>tagBits<<refBits
	b.used |= 1 << i
}

// locate answers where the entry r stands, whose hash is given: it is there.
func (s *segment) locate(p *pool, hash uint64, r ref) (bucket uint32, slot int) {
	i := home(fragment(hash, s.depth), s.n)
	for range s.n {
		b := s.bucket(p, i)
		for u := b.used; u != 0; u &= u - 1 {
			if j := bits.TrailingZeros16(u); ref(b.refs[j]&refMask) == r {
				return i, j
			}
		}
		if i++; i == s.n {
			i = 0
		}
	}
	panic("store: an entry is not in its segment")
}

// insert adds an entry; there is room.
func (s *segment) insert(p *pool, frag uint32, r ref) {
	i := home(frag, s.n)
	for {
		b := s.bucket(p, i)
		if b.used != allUsed {
			b.put(bits.TrailingZeros16(^b.used), frag, r)
			return
		}
		if b.over < maxOver {
			b.over++
		}
		if i++; i == s.n {
			i = 0
		}
	}
}

// remove takes the entry in a slot out.
func (s *segment) remove(p *pool, hash uint64, at uint32, slot int) {
	b := s.bucket(p, at)
	b.used &^= 1 << slot
	b.tags[slot], b.refs[slot] = 0, 0
	for i := home(fragment(hash, s.depth), s.n); i != at; {
		if b := s.bucket(p, i); b.over < maxOver {
			b.over--
		}
		if i++; i == s.n {
			i = 0
		}
	}
}

// each calls fn with every entry and its fragment.
func (s *segment) each(p *pool, fn func(frag uint32, r ref)) {
	for i := range s.n {
		b := s.bucket(p, i)
		for u := b.used; u != 0; u &= u - 1 {
			j := bits.TrailingZeros16(u)
			fn(b.frag(j), ref(b.refs[j]&refMask))
		}
	}
}

// moveTo puts all entries of s into another, empty segment of the same depth.
func (s *segment) moveTo(p *pool, to *segment) {
	for i := range s.n {
		b := s.bucket(p, i)
		for u := b.used; u != 0; u &= u - 1 {
			j := bits.TrailingZeros16(u)
			to.insert(p, b.frag(j), ref(b.refs[j]&refMask))
		}
	}
	to.used = s.used
}
