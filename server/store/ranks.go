package store

import (
	"bytes"
	"math"
	"unsafe"
)

// ranks is the order of a large sorted set: a B+ tree of its members by score and, where scores are equal, by their names, which
// knows how many members lie below each node. So a member's rank, the member of a rank, and where a range of scores or of names
// begins, are each found on one way down.
//
//	                 +------+----------+----------+--
//	inner node       | used | entry 20 | entry 20 | ...   up to 50, in 1 KB
//	                 +------+----------+----------+--
//	                            | score and member of the first below, child, members below it
//	                            v
//	                 +------+----------+----------+--
//	leaf             | used | entry 12 | entry 12 | ...   up to 42, in 512 bytes
//	                 +------+----------+----------+--
//	                           score, member
//
// A member is the reference of its entry in the set's dictionary, which holds its name. Names are looked at where scores are equal
// only. Nodes are blocks of the shard's pool. Nothing leads from a node to another but its parent: whoever goes from leaf to
// leaf does so over a way from the root.
//
// A node that is full gives a part of what it has to a neighbour, or makes three of two: so leaves are four fifths full after
// inserts at random. One that has become emptier than rankSparse evens out with its neighbours, or makes fewer of them. New members
// beyond all others begin a new leaf: what comes in order, as copies do, fills leaves to the last place.
//
// Source: D. Comer, The Ubiquitous B-Tree, ACM Computing Surveys 11 (2), 1979; sharing with neighbours is that of B* trees there.
type ranks struct {
	root   ref // 0 = empty
	height int // levels above the leaves
	n      int // members
}

// Nodes, in bytes.
const (
	rankHead  = 8
	leafEntry = 12
	leafNode  = 512
	leafMost  = (leafNode - rankHead) / leafEntry // entries: 42
	forkEntry = 20
	forkNode  = 1024
	forkMost  = (forkNode - rankHead) / forkEntry // entries: 50

	rankSparse = 60 // percent of a node in use, below which it is evened out with neighbours
	rankDense  = 96 // percent to which nodes are filled by that
	rankLevels = 10 // a tree of all that a shard's pool can hold has 8
)

// rankNode is a node where it lies.
type rankNode struct {
	p      unsafe.Pointer
	stride int
}

func strideOf(level int) int {
	if level == 0 {
		return leafEntry
	}
	return forkEntry
}

func mostOf(level int) int {
	if level == 0 {
		return leafMost
	}
	return forkMost
}

func (n rankNode) used() int     { return int(*(*uint32)(n.p)) }
func (n rankNode) setUsed(u int) { *(*uint32)(n.p) = uint32(u) } //nolint:gosec // at most forkMost

func (n rankNode) entry(i int) unsafe.Pointer { return unsafe.Add(n.p, rankHead+i*n.stride) }

func (n rankNode) score(i int) float64 {
	return math.Float64frombits(uint64(*(*uint32)(n.entry(i))) | uint64(*(*uint32)(unsafe.Add(n.entry(i), 4)))<<32)
}

func (n rankNode) setScore(i int, f float64) {
	b := math.Float64bits(f)
	*(*uint32)(n.entry(i)), *(*uint32)(unsafe.Add(n.entry(i), 4)) = uint32(b), uint32(b>>32) //nolint:gosec // halves
}

func (n rankNode) member(i int) ref       { return *(*ref)(unsafe.Add(n.entry(i), 8)) }
func (n rankNode) setMember(i int, r ref) { *(*ref)(unsafe.Add(n.entry(i), 8)) = r }
func (n rankNode) child(i int) ref        { return *(*ref)(unsafe.Add(n.entry(i), 12)) }
func (n rankNode) setChild(i int, r ref)  { *(*ref)(unsafe.Add(n.entry(i), 12)) = r }
func (n rankNode) below(i int) int        { return int(*(*uint32)(unsafe.Add(n.entry(i), 16))) }
func (n rankNode) setBelow(i, count int)  { *(*uint32)(unsafe.Add(n.entry(i), 16)) = uint32(count) } //nolint:gosec // 2^29
func (n rankNode) bytes(i, k int) []byte  { return bytesAt(n.entry(i), k*n.stride) }
func (n rankNode) open(i, k int) {
	copy(n.bytes(i+k, n.used()-i), n.bytes(i, n.used()-i))
	n.setUsed(n.used() + k)
}

func (n rankNode) close(i, k int) {
	copy(n.bytes(i, n.used()-i-k), n.bytes(i+k, n.used()-i-k))
	n.setUsed(n.used() - k)
}
func (n rankNode) first() (float64, ref) { return n.score(0), n.member(0) }

// total is how many members lie in and below a node.
func (n rankNode) total() int {
	if n.stride == leafEntry {
		return n.used()
	}
	sum := 0
	for i := range n.used() {
		sum += n.below(i)
	}
	return sum
}

// rankStep is a node on a way down, and the entry at which the way goes on: in a leaf possibly behind the last one.
type rankStep struct {
	at ref
	i  int
}

// rankPath is a way from the root, by level: 0 is the leaf.
type rankPath [rankLevels]rankStep

// bound is a place in the order, between two members: all for which before is true lie before it.
type bound struct {
	kind  boundKind
	score float64
	name  []byte
	self  ref // of boundMember: the member's own reference, where its entry is not to be looked at; else 0
}

type boundKind uint8

const (
	boundMember     boundKind = iota // before the member of that score and name, or where it would be
	boundScore                       // before the scores from score on
	boundAfterScore                  // behind them
	boundName                        // before the names from name on: all scores are equal
	boundAfterName
	boundEnd // behind all
)

// compare orders a member against that of a bound of kind boundMember.
func (z *ranked) compare(f float64, r ref, b *bound) int {
	switch {
	case f < b.score:
		return -1
	case f > b.score:
		return 1
	case r == b.self:
		return 0
	}
	return bytes.Compare(entry{z.at(r)}.key(), b.name)
}

// before reports whether a member lies before a bound.
func (z *ranked) before(f float64, r ref, b *bound) bool {
	switch b.kind {
	case boundScore:
		return f < b.score
	case boundAfterScore:
		return f <= b.score
	case boundName:
		return bytes.Compare(entry{z.at(r)}.key(), b.name) < 0
	case boundAfterName:
		return bytes.Compare(entry{z.at(r)}.key(), b.name) <= 0
	case boundEnd:
		return true
	}
	return z.compare(f, r, b) < 0
}

// node is that of a reference.
func (z *ranked) node(r ref, level int) rankNode { return rankNode{z.at(r), strideOf(level)} }

// seek goes down to a bound, and answers how many members lie before it. There must be members. The way ends in the leaf of the last
// member before the bound; to a member that is there, in its own.
func (z *ranked) seek(b *bound, path *rankPath) (rank int) {
	at := z.ranks.root
	for level := z.ranks.height; level > 0; level-- {
		n := z.node(at, level)
		low, high := 1, n.used() // of entry 0 it does not matter
		for low < high {
			mid := int(uint(low+high) >> 1)
			var goes bool
			if b.kind == boundMember {
				goes = z.compare(n.score(mid), n.member(mid), b) <= 0
			} else {
				goes = z.before(n.score(mid), n.member(mid), b)
			}
			if goes {
				low = mid + 1
			} else {
				high = mid
			}
		}
		for i := range low - 1 {
			rank += n.below(i)
		}
		path[level] = rankStep{at, low - 1}
		at = n.child(low - 1)
	}
	n := z.node(at, 0)
	low, high := 0, n.used()
	for low < high {
		mid := int(uint(low+high) >> 1)
		if z.before(n.score(mid), n.member(mid), b) {
			low = mid + 1
		} else {
			high = mid
		}
	}
	path[0] = rankStep{at, low}
	return rank + low
}

// seekRank goes down to the member of a rank that is there.
func (z *ranked) seekRank(rank int, path *rankPath) {
	at := z.ranks.root
	for level := z.ranks.height; level > 0; level-- {
		n, i := z.node(at, level), 0
		for below := n.below(0); rank >= below; below = n.below(i) {
			rank -= below
			i++
		}
		path[level] = rankStep{at, i}
		at = n.child(i)
	}
	path[0] = rankStep{at, rank}
}

// advance goes on to the next leaf, or with a step of -1 to the one before, and reports whether there is one.
func (z *ranked) advance(path *rankPath, step int) bool {
	level := 1
	for ; ; level++ {
		if level > z.ranks.height {
			return false
		}
		s := &path[level]
		if i := s.i + step; i >= 0 && i < z.node(s.at, level).used() {
			s.i = i
			break
		}
	}
	for ; level > 0; level-- {
		s := path[level]
		at, i := z.node(s.at, level).child(s.i), 0
		if step < 0 {
			i = z.node(at, level-1).used() - 1
		}
		path[level-1] = rankStep{at, i}
	}
	return true
}

// count is how many members lie before a bound.
func (z *ranked) count(b *bound) int {
	if z.ranks.n == 0 {
		return 0
	}
	var path rankPath
	return z.seek(b, &path)
}
