package store

import (
	"slices"
	"unsafe"
)

// quicklist is the large form of a list: chunks of elements, each a [Packed] in a block of its own, bounded by list-max-listpack-size; an
// element beyond that has a chunk to itself.
//
//	 Go heap: groups           pool: up to 64 chunks each            pool, or large blocks
//	+-------------------+     +---------------------------+
//	| block, 64, 51_200 |---->| block, room before, count |---->  | free |  Packed of 800 elements  | free |
//	| block,  3,  2_400 |--+  | block, room before, count |-->
//	+-------------------+  |  | ...                       |
//	                       |  +---------------------------+
//	                       +->| ...
//
// Both ends are at hand. An index is found by the counts of groups, from the nearer end, then of a group's chunks, then in the
// chunk: among ten million elements of 100 bytes that are some 1000 groups, 64 chunks and 40 elements. A chunk comes or goes in
// the middle at the price of moving some of its group's descriptions.
//
// A Packed grows at its end. So that elements also come and go at the beginning without moving all others, a chunk may have free
// room before its Packed as well: what is pushed there is written before the first element, with the header anew before it. That is for
// blocks of the pool; in a large block the Packed begins at the beginning.
//
// How the elements are cut into chunks follows from what happened to the list, and nothing else does: the same elements in other
// chunks are the same list, on a replica for instance.
type quicklist struct {
	parts
	groups []group // none is empty
	n      int     // elements
	size   int     // bytes of the elements, as a Packed has them

	releasing bool // nobody sees it any more, and only the chunks are right
}

// group is a run of chunks: 16 bytes of the Go heap.
type group struct {
	at     ref    // a block of descriptions
	chunks uint32 // in use
	n      int    // elements in them
}

// chunk describes a Packed of some elements, at least one: 24 bytes.
type chunk struct {
	span          // the free room before the Packed counts
	before uint32 // bytes of that
	count  uint32 // elements
}

// chunkPos is where a chunk stands: the numbers of its group, and in the group. Behind the last one there is none.
type chunkPos struct{ group, chunk int }

const (
	groupMax        = 64 // chunks of a group
	groupMin        = 2  // that a group has room for, at least
	chunkGroupBytes = int(unsafe.Sizeof(group{}))
	chunkBytes      = int(unsafe.Sizeof(chunk{}))
)

func (q *quicklist) Type() Type { return TypeList }

func (q *quicklist) Encoding() Encoding { return EncQuicklist }

// chunk answers a description: valid until chunks come or go.
func (q *quicklist) chunk(at chunkPos) *chunk { return q.chunkOf(&q.groups[at.group], at.chunk) }

func (q *quicklist) chunkOf(g *group, i int) *chunk {
	return (*chunk)(unsafe.Add(q.at(g.at), i*chunkBytes))
}

// chunksOf are the descriptions of a group.
func (q *quicklist) chunksOf(g *group) []chunk {
	return unsafe.Slice((*chunk)(q.at(g.at)), int(g.chunks))
}

func (q *quicklist) packed(at chunkPos) Packed { return q.chunk(at).packed(&q.parts) }

// last is the place of the last chunk. There must be one.
func (q *quicklist) last() chunkPos {
	g := len(q.groups) - 1
	return chunkPos{g, int(q.groups[g].chunks) - 1}
}

// end is the place of the chunk at an end. There must be one.
func (q *quicklist) end(left bool) chunkPos {
	if left {
		return chunkPos{}
	}
	return q.last()
}

// there is a place, or that which follows where a group ends with it, and whether a chunk stands there.
func (q *quicklist) there(at chunkPos) (chunkPos, bool) {
	if at.group < len(q.groups) && at.chunk >= int(q.groups[at.group].chunks) {
		at = chunkPos{at.group + 1, 0}
	}
	return at, at.group < len(q.groups)
}

func (q *quicklist) next(at chunkPos) (chunkPos, bool) {
	return q.there(chunkPos{at.group, at.chunk + 1})
}

func (q *quicklist) prev(at chunkPos) (chunkPos, bool) {
	switch {
	case at.chunk > 0:
		at.chunk--
	case at.group > 0:
		at.group--
		at.chunk = int(q.groups[at.group].chunks) - 1
	default:
		return at, false
	}
	return at, true
}

// seek answers the chunk that has element index, which is there, and the index in it.
func (q *quicklist) seek(index int) (at chunkPos, rest int) {
	if index < q.n/2 {
		for ; index >= q.groups[at.group].n; at.group++ {
			index -= q.groups[at.group].n
		}
	} else {
		from := q.n
		at.group = len(q.groups)
		for from > index {
			at.group--
			from -= q.groups[at.group].n
		}
		index -= from
	}
	for _, c := range q.chunksOf(&q.groups[at.group]) {
		if index < int(c.count) {
			break
		}
		index -= int(c.count)
		at.chunk++
	}
	return at, index
}

// counted notes that a chunk has more elements, and more bytes of them, or fewer.
func (q *quicklist) counted(at chunkPos, elements, bytes int) {
	c := q.chunk(at)
	c.count = uint32(int(c.count) + elements)
	q.groups[at.group].n += elements
	q.n += elements
	q.size += bytes
}

// insertChunk puts a chunk without elements before the one at a place, or behind the last of its group, and answers its place.
func (q *quicklist) insertChunk(at chunkPos) chunkPos {
	at = q.makeRoom(at)
	g := &q.groups[at.group]
	g.chunks++
	all := q.chunksOf(g)
	copy(all[at.chunk+1:], all[at.chunk:])
	all[at.chunk] = chunk{}
	return at
}

// makeRoom makes room for one more chunk in a group, and answers the place anew.
func (q *quicklist) makeRoom(at chunkPos) chunkPos {
	if len(q.groups) == 0 {
		q.insertGroup(0, groupMin)
	}
	g := &q.groups[at.group]
	used := int(g.chunks)
	switch {
	case used < q.room(g.at)/chunkBytes:
	case used < groupMax:
		q.resizeGroup(g, min(used+used/2+1, groupMax))
	case at.chunk == used:
		at = chunkPos{at.group + 1, 0}
		q.insertGroup(at.group, groupMin)
	case at.chunk == 0:
		q.insertGroup(at.group, groupMin)
	default:
		q.splitGroup(at.group)
		if at.chunk > groupMax/2 {
			at = chunkPos{at.group + 1, at.chunk - groupMax/2}
		}
	}
	return at
}

// insertGroup puts an empty group with room for some chunks before group i, or behind the last.
func (q *quicklist) insertGroup(i, room int) {
	q.groups = slices.Insert(q.groups, i, group{at: q.alloc(room * chunkBytes)})
	q.bytes += chunkGroupBytes
}

// splitGroup moves half of a full group's chunks to a new one behind it.
func (q *quicklist) splitGroup(i int) {
	q.insertGroup(i+1, groupMax)
	from, to := &q.groups[i], &q.groups[i+1]
	to.chunks = groupMax / 2
	copy(q.chunksOf(to), q.chunksOf(from)[groupMax/2:])
	from.chunks = groupMax / 2
	for _, c := range q.chunksOf(to) {
		to.n += int(c.count)
	}
	from.n -= to.n
}

// resizeGroup gives a group room for so many chunks.
func (q *quicklist) resizeGroup(g *group, room int) {
	to := group{at: q.alloc(room * chunkBytes), chunks: g.chunks, n: g.n}
	copy(q.chunksOf(&to), q.chunksOf(g))
	q.free(g.at)
	*g = to
}

// removeChunk removes a chunk with what elements it has. Then the next one stands at its place (see there).
func (q *quicklist) removeChunk(at chunkPos) {
	c := q.chunk(at)
	q.counted(at, -int(c.count), -c.elementBytes())
	c.free(&q.parts)
	g := &q.groups[at.group]
	all := q.chunksOf(g)
	copy(all[at.chunk:], all[at.chunk+1:])
	g.chunks--
	room := q.room(g.at) / chunkBytes
	switch used := int(g.chunks); {
	case used == 0:
		q.removeGroup(at.group)
	case used <= room/4:
		q.resizeGroup(g, max(room/2, groupMin))
	}
}

// removeGroup removes a group that has no chunks any more.
func (q *quicklist) removeGroup(i int) {
	q.free(q.groups[i].at)
	q.bytes -= chunkGroupBytes
	if i == 0 {
		q.groups = q.groups[1:] // its room goes when there is no more behind the last
	} else {
		q.groups = slices.Delete(q.groups, i, i+1)
	}
}

// releaseChunk is what freeing a chunk counts in the budget of Release.
const releaseChunk = 2

// Release implements Object.
func (q *quicklist) Release(budget int) (done bool) {
	q.releasing = true
	for len(q.groups) > 0 && budget > 0 {
		i := len(q.groups) - 1
		g := &q.groups[i]
		for ; g.chunks > 0 && budget > 0; budget -= releaseChunk {
			g.chunks--
			c := q.chunkOf(g, int(g.chunks))
			c.free(&q.parts)
		}
		if g.chunks == 0 {
			q.removeGroup(i)
		}
	}
	return len(q.groups) == 0
}

// evacuateUnit is how many bytes of a chunk count as much as an element elsewhere in the budget of Evacuate.
const evacuateUnit = 256

// Evacuate implements Object. Its position is the number of a group and, in the lowest bits, of a chunk.
func (q *quicklist) Evacuate(from uint64, budget int) (looked int, next uint64) {
	const shift = 8
	at := chunkPos{int(from >> shift), int(from & (1<<shift - 1))}
	for at.group < len(q.groups) {
		g := &q.groups[at.group]
		if at.chunk == 0 {
			g.at = q.evacuate(g.at)
		}
		for ; at.chunk < int(g.chunks); at.chunk++ {
			if looked >= budget {
				return looked, uint64(at.group)<<shift | uint64(at.chunk)
			}
			c := q.chunkOf(g, at.chunk)
			was := c.at
			if c.evacuate(&q.parts); c.at != was {
				looked += int(c.n) / evacuateUnit
			}
			looked++
		}
		at = chunkPos{at.group + 1, 0}
	}
	return looked, 0
}
