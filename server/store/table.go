package store

import "unsafe"

// table is the dictionary of one slot in one database: one segment, or a directory of them by the first bits of the hash
// (extendible hashing: Fagin, Nievergelt, Pippenger, Strong, 1979). A segment grows until it has maxSegment buckets and then splits;
// where two neighbours have become small they merge. So an insert never costs more than the entries of one segment, and memory
// follows the number of keys closely at any size.
//
// It is 32 bytes, and what a lookup needs is all of them.
type table struct {
	root  segment  // the one segment while there is no directory; with one, root.used counts the segments of its depth
	dir   *segment // 1<<depth segments, in the order of hashes; nil at depth 0
	keys  uint32
	depth uint32
}

// Bounds of a directory.
const (
	dirEntry   = 16 // bytes
	dirMinFill = 8  // keys for each entry without which a directory does not double: hashes that begin alike do not blow it up
	dirKeep    = 32 // keys for each entry from which on it is not halved, lest it double again at once
	maxDepth   = 28 // bits
)

func (t *table) entryAt(i uint64) *segment {
	return (*segment)(unsafe.Add(unsafe.Pointer(t.dir), i*dirEntry))
}

// segment is the one for a hash: any of its copies.
func (t *table) segment(hash uint64) *segment {
	if t.depth == 0 {
		return &t.root
	}
	return t.entryAt(hash >> ((64 - t.depth) & 63))
}

// copies answers the index of the first copy in the directory of the segment for a hash, and how many there are.
func (t *table) copies(hash uint64) (first, n uint64) {
	if t.depth == 0 {
		return 0, 1
	}
	i := hash >> (64 - t.depth)
	n = 1 << (t.depth - t.entryAt(i).depth)
	return i &^ (n - 1), n
}

// counting is the copy that counts the entries of the segment for a hash.
func (t *table) counting(hash uint64) *segment {
	if t.depth == 0 {
		return &t.root
	}
	first, _ := t.copies(hash)
	return t.entryAt(first)
}

// put replaces all copies of the segment for a hash.
func (t *table) put(hash uint64, s segment) {
	if t.depth == 0 {
		t.root = s
		return
	}
	first, n := t.copies(hash)
	for i := range n {
		*t.entryAt(first + i) = s
	}
}

// insert adds an entry whose key is not there.
func (t *table) insert(ks *Keyspace, p *pool, hash uint64, r ref) (bytes int) {
	s := t.counting(hash)
	for s.used >= capacity(s.n) || s.n == 0 {
		bytes += t.grow(ks, p, hash)
		s = t.counting(hash)
	}
	s.insert(p, fragment(hash, s.depth), r)
	s.used++
	t.keys++
	return bytes
}

// grow makes room in the segment for a hash and answers how many bytes that took.
func (t *table) grow(ks *Keyspace, p *pool, hash uint64) (bytes int) {
	s := *t.counting(hash)
	if s.n >= maxSegment && s.depth < maxDepth &&
		(s.depth < t.depth || t.keys >= dirMinFill<<t.depth) {
		return t.split(ks, p, hash)
	}
	return t.resize(p, hash, bucketsFor(s.used+1))
}

// resize gives the segment for a hash n buckets.
func (t *table) resize(p *pool, hash uint64, n uint32) (bytes int) {
	s := *t.counting(hash)
	to := segment{at: p.allocSegment(n), n: n, depth: s.depth}
	bytes = segmentBytes(n)
	if s.n > 0 {
		s.moveTo(p, &to)
		p.freeSegment(s.at, s.n)
		bytes -= segmentBytes(s.n)
	}
	t.put(hash, to)
	return bytes
}

// split makes two segments of one, by the next bit of the hash. The entries' hashes are worked out anew: their fragments lack the
// bit that the longer prefix uncovers.
func (t *table) split(ks *Keyspace, p *pool, hash uint64) (bytes int) {
	if t.counting(hash).depth == t.depth {
		bytes += t.double()
	}
	s := *t.counting(hash)
	first, copies := t.copies(hash)
	var n [2]uint32
	s.each(p, func(frag uint32, _ ref) { n[frag>>(fragBits-1)]++ })
	var half [2]segment
	for i := range half {
		buckets := bucketsFor(n[i])
		half[i] = segment{at: p.allocSegment(buckets), n: buckets, depth: s.depth + 1}
		bytes += segmentBytes(buckets)
	}
	s.each(p, func(frag uint32, r ref) {
		to := &half[frag>>(fragBits-1)]
		to.insert(p, fragment(ks.hash(entry{p.at(r)}.key()), to.depth), r)
		to.used++
	})
	p.freeSegment(s.at, s.n)
	bytes -= segmentBytes(s.n)
	for i := range copies {
		*t.entryAt(first + i) = half[i/(copies/2)]
	}
	if copies == 2 {
		t.root.used += 2
	}
	return bytes
}

// double makes the directory twice as long.
func (t *table) double() (bytes int) {
	if t.depth == 0 {
		dir := make([]segment, 2)
		dir[0], dir[1] = t.root, t.root
		t.dir, t.depth, t.root = &dir[0], 1, segment{}
		return 2 * dirEntry
	}
	old := unsafe.Slice(t.dir, 1<<t.depth)
	dir := make([]segment, 2*len(old))
	for i := range old {
		dir[2*i], dir[2*i+1] = old[i], old[i]
	}
	t.dir, t.root.used = &dir[0], 0
	t.depth++
	return len(old) * dirEntry
}

// replace has the index lead to the entry `to` instead of from, which is there.
func (t *table) replace(p *pool, hash uint64, from, to ref) {
	s := t.segment(hash)
	i, slot := s.locate(p, hash, from)
	b := s.bucket(p, i)
	b.refs[slot] = b.refs[slot]&^refMask | uint32(to)
}

// remove takes an entry out that is there, and answers by how many bytes the table changed.
func (t *table) remove(p *pool, hash uint64, r ref) (bytes int) {
	s := t.counting(hash)
	at, slot := s.locate(p, hash, r)
	s.remove(p, hash, at, slot)
	s.used--
	t.keys--
	switch {
	case t.keys == 0:
		return t.clear(p)
	case s.depth > 0 && s.used <= mergeAt:
		if bytes, merged := t.merge(p, hash); merged {
			return bytes
		}
	}
	if t.depth > 0 {
		bytes = t.halve()
		s = t.counting(hash)
	}
	if s.n > 1 && s.used*shrinkAt < capacity(s.n) {
		bytes += t.resize(p, hash, bucketsFor(s.used+s.used/shrinkRoom+1))
	}
	return bytes
}

// A segment shrinks when less than half of its capacity is used, to a fourth more than it needs; neighbours merge when together
// they are below half of what splits. So a key that comes and goes does not have a segment rebuilt each time.
const (
	shrinkAt   = 2
	shrinkRoom = 4
	mergeAt    = maxSegment * bucketSlots * 7 / 8 / 4 // entries of each
)

// merge joins the segment for a hash with its neighbour of the same prefix but for the last bit, where both are small.
func (t *table) merge(p *pool, hash uint64) (bytes int, merged bool) {
	s := *t.counting(hash)
	bit := uint64(1) << (64 - s.depth)
	other := *t.counting(hash ^ bit)
	if other.depth != s.depth || other.used > mergeAt {
		return 0, false
	}
	lo, hi := s, other
	if hash&bit != 0 {
		lo, hi = other, s
	}
	n := bucketsFor(lo.used + hi.used + (lo.used+hi.used)/shrinkRoom + 1)
	to := segment{at: p.allocSegment(n), n: n, depth: s.depth - 1, used: lo.used + hi.used}
	bytes = segmentBytes(n) - segmentBytes(lo.n) - segmentBytes(hi.n)
	lo.each(p, func(frag uint32, r ref) { to.insert(p, frag>>1, r) })
	hi.each(p, func(frag uint32, r ref) { to.insert(p, frag>>1|1<<(fragBits-1), r) })
	p.freeSegment(lo.at, lo.n)
	p.freeSegment(hi.at, hi.n)
	first, n1 := t.copies(hash &^ bit)
	for i := range 2 * n1 {
		*t.entryAt(first + i) = to
	}
	if n1 == 1 {
		t.root.used -= 2
	}
	return bytes + t.halve(), true
}

// halve shortens the directory while no segment needs its length.
func (t *table) halve() (bytes int) {
	for t.depth > 0 && t.root.used == 0 && t.keys < dirKeep<<t.depth {
		old := unsafe.Slice(t.dir, 1<<t.depth)
		bytes -= len(old) / 2 * dirEntry
		if t.depth--; t.depth == 0 {
			t.root, t.dir = old[0], nil
			return bytes - dirEntry
		}
		dir := make([]segment, len(old)/2)
		for i := range dir {
			dir[i] = old[2*i]
			if dir[i].depth == t.depth {
				t.root.used++
			}
		}
		t.dir = &dir[0]
	}
	return bytes
}

// clear frees the segments of a table without keys.
func (t *table) clear(p *pool) (bytes int) {
	for i, n := uint64(0), uint64(1)<<t.depth; i < n; {
		s := &t.root
		if t.depth > 0 {
			s = t.entryAt(i)
		}
		if s.n > 0 {
			p.freeSegment(s.at, s.n)
			bytes -= segmentBytes(s.n)
		}
		i += 1 << (t.depth - s.depth)
	}
	if t.depth > 0 {
		bytes -= dirEntry << t.depth
	}
	*t = table{}
	return bytes
}
