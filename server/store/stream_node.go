package store

import "encoding/binary"

// A node of a stream is a Packed, in Redis's format of it. It begins with what its entries share, and ids in it are differences to
// the node's own, that of its first entry:
//
//	count | deleted | number of fields | field ... field | 0     the master entry
//	flags | ms | seq | [number of fields] | ... | elements      an entry, and the next, in the order of ids
//
// count and deleted are how many entries are there, and how many are deleted but keep their place. An entry with the flag
// "same fields" has values only; the others have their number of fields, and then fields and values by turns. The last element of
// an entry is how many elements it has before that, for who comes from the right.

const (
	entryDeleted = 1 // flags of an entry
	entrySame    = 2
)

// streamNode is a node in a stream's directory: 40 bytes, without pointers.
type streamNode struct {
	id    StreamID // that of the first entry, deleted or not: no entry's is less
	data  span
	live  uint32 // entries
	total uint32 // entries and deleted ones
}

// nodeHead is where in a node what begins.
type nodeHead struct {
	fields  int // of the master entry
	fieldAt Pos
	entries Pos // the first entry
}

// intAt is the integer at pos.
func (p Packed) intAt(pos Pos) int64 {
	if c := p[pos]; c < packedStr6 {
		return int64(c)
	}
	return p.At(pos).Int
}

// nodeHead reads the master entry.
func (p Packed) nodeHead() (h nodeHead) {
	pos := p.after(p.after(packedHeader))
	h.fields = int(p.intAt(pos))
	h.fieldAt = p.after(pos)
	pos = h.fieldAt
	for range h.fields {
		pos = p.after(pos)
	}
	h.entries = p.after(pos)
	return h
}

// streamEntry is an entry of a node.
type streamEntry struct {
	id       StreamID
	flags    int64
	fields   int
	values   Pos // the first value or, without the flag "same", the first field
	elements int // from there on, but for the last
}

// entryAt reads the beginning of the entry at pos of a node with the id master.
func (p Packed) entryAt(pos Pos, h *nodeHead, master StreamID) (e streamEntry) {
	e.flags = p.intAt(pos)
	pos = p.after(pos)
	e.id.Ms = master.Ms + uint64(p.intAt(pos)) //nolint:gosec // differences wrap, as in Redis
	pos = p.after(pos)
	e.id.Seq = master.Seq + uint64(p.intAt(pos)) //nolint:gosec // differences wrap, as in Redis
	pos = p.after(pos)
	if e.flags&entrySame != 0 {
		e.fields, e.elements = h.fields, h.fields
	} else {
		e.fields = int(p.intAt(pos))
		e.elements = 2 * e.fields
		pos = p.after(pos)
	}
	e.values = pos
	return e
}

// behindEntry is the position behind an entry.
func (p Packed) behindEntry(e *streamEntry) Pos {
	pos := e.values
	for range e.elements {
		pos = p.after(pos)
	}
	return p.after(pos)
}

// entryBefore is the position of the entry before that at pos.
func (p Packed) entryBefore(pos Pos) Pos {
	pos, _ = p.Prev(pos)
	for n := p.intAt(pos); n > 0; n-- {
		pos, _ = p.Prev(pos)
	}
	return pos
}

// append appends an element to bytes that will be a Packed.
func (e packedElement) append(dst []byte) []byte {
	n := len(dst)
	size := e.total()
	if cap(dst)-n < size {
		dst = append(dst, make([]byte, size)...)
	} else {
		dst = dst[:n+size]
	}
	e.put(dst[n:])
	return dst
}

// appendEntry appends an entry, and answers the number of its elements too.
func appendEntry(dst []byte, delta StreamID, pairs [][]byte, same bool) ([]byte, int) {
	flags, fields := int64(0), len(pairs)/2
	elements := 3 + 2*fields + 1
	if same {
		flags, elements = entrySame, 3+fields
	}
	dst = packInt(flags).append(dst)
	dst = packInt(int64(delta.Ms)).append(dst)  //nolint:gosec // differences wrap, as in Redis
	dst = packInt(int64(delta.Seq)).append(dst) //nolint:gosec // differences wrap, as in Redis
	if same {
		for i := 1; i < len(pairs); i += 2 {
			dst = packText(pairs[i]).append(dst)
		}
	} else {
		dst = packInt(int64(fields)).append(dst)
		for _, s := range pairs {
			dst = packText(s).append(dst)
		}
	}
	return packInt(int64(elements)).append(dst), elements + 1
}

// newNodeBytes appends a node of one entry.
func newNodeBytes(dst []byte, pairs [][]byte) []byte {
	fields := len(pairs) / 2
	dst = append(dst, 0, 0, 0, 0, 0, 0)
	dst = packInt(1).append(dst)
	dst = packInt(0).append(dst)
	dst = packInt(int64(fields)).append(dst)
	for i := 0; i < len(pairs); i += 2 {
		dst = packText(pairs[i]).append(dst)
	}
	dst = packInt(0).append(dst)
	dst, n := appendEntry(dst, StreamID{}, pairs, true)
	dst = append(dst, packedEnd)
	Packed(dst).seal(4 + fields + n)
	return dst
}

// seal writes the header of a Packed that has so many elements.
func (p Packed) seal(elements int) {
	binary.LittleEndian.PutUint32(p, uint32(len(p)))                             //nolint:gosec // PackedMax
	binary.LittleEndian.PutUint16(p[4:], uint16(min(elements, packedUncounted))) //nolint:gosec // bounded
}

// sameFields reports whether the fields of pairs are those of the master entry.
func (p Packed) sameFields(h *nodeHead, pairs [][]byte) bool {
	if h.fields != len(pairs)/2 {
		return false
	}
	pos := h.fieldAt
	for i := 0; i < len(pairs); i += 2 {
		if !p.At(pos).Is(pairs[i]) {
			return false
		}
		pos = p.after(pos)
	}
	return true
}

// fit moves the span into the least block that has room for it.
func (s *span) fit(m *parts) {
	if s.at == 0 || s.large != 0 || m.sh.mu.pool.classAt(ref(s.at)) == classOf(int(s.n)) {
		return
	}
	to := newSpan(m, int(s.n), 0)
	copy(to.data(m), s.data(m))
	s.free(m)
	*s = to
}
