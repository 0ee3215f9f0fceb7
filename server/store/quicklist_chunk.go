package store

import (
	"encoding/binary"
	"math"
)

// listLimit is how much a chunk may hold, by list-max-listpack-size.
type listLimit struct {
	count   int  // elements
	bytes   int  // of the Packed
	counted bool // it is the number of elements that was set
}

// Limits of chunks, by Redis's configuration: https://redis.io/docs/latest/operate/oss_and_stack/management/config-file/
const (
	listSafety    = 8 << 10   // bytes of a chunk that is bounded by its count
	listCountMax  = 1<<15 - 1 // elements of one
	listLeastSize = 4 << 10   // bytes for -1; each further step doubles it
	listSteps     = 5
)

// listLimit is the limit in force.
func (ks *Keyspace) listLimit() listLimit {
	size := ks.Thresholds().ListSize
	if size < 0 {
		return listLimit{count: math.MaxInt, bytes: listLeastSize << (min(-size, listSteps) - 1)}
	}
	return listLimit{count: min(max(size, 1), listCountMax), bytes: listSafety, counted: true}
}

func (l listLimit) allows(count, bytes int) bool { return count <= l.count && bytes <= l.bytes }

// half is the limit below which a large list becomes small again.
func (l listLimit) half() listLimit {
	if l.counted {
		l.count /= 2
	} else {
		l.bytes /= 2
	}
	return l
}

// putPackedHeader writes the header of a Packed of n elements over the first bytes of b, which is all of it.
func putPackedHeader(b []byte, n int) {
	binary.LittleEndian.PutUint32(b, uint32(len(b))) //nolint:gosec // PackedMax
	binary.LittleEndian.PutUint16(b[4:], uint16(min(n, packedUncounted)))
}

// chunkSpare is which part of a chunk that grows is left free, beside what its size class leaves.
const chunkSpare = 8

// packedFrame is the bytes of a Packed that has no elements.
const packedFrame = packedHeader + 1

// bytes is the length of the chunk's Packed.
func (c *chunk) bytes() int { return int(c.n - c.before) }

// elementBytes is the length of its elements.
func (c *chunk) elementBytes() int { return max(0, c.bytes()-packedFrame) }

func (c *chunk) packed(m *parts) Packed { return c.data(m)[c.before:] }

// pooled reports whether the chunk, were it n bytes long, could stay in a block of the pool.
func (c *chunk) pooled(n int) bool { return c.large == 0 && n <= maxBlock }

// front makes room for size bytes more before the first element, which begins so much further on in the Packed then. most is how
// long it will get.
func (c *chunk) front(m *parts, size, most int) Packed {
	n := c.bytes()
	if !c.pooled(n + size) {
		p := c.back(m, size, most)[:n+size]
		copy(p[packedHeader+size:], p[packedHeader:n])
		return p
	}
	if int(c.before) < size {
		if room := m.room(ref(c.at)); n+size <= room {
			block := bytesAt(m.at(ref(c.at)), room)
			copy(block[room-n:], block[c.before:c.n])
			c.before, c.n = uint32(room-n), uint32(room)
		} else {
			c.move(m, max(n+size, min(n+n/chunkSpare, most)), true)
		}
	}
	c.before -= uint32(size)
	return c.packed(m)
}

// back makes room for size bytes more behind the Packed, which is answered with that as its capacity. The chunk's length has
// grown; most is how long it will get.
func (c *chunk) back(m *parts, size, most int) Packed {
	n := c.bytes()
	if !c.pooled(n + size) {
		c.align(m)
		return Packed(c.resize(m, n+size, 0)[: n : n+size])
	}
	if room := m.room(ref(c.at)); int(c.n)+size > room {
		if n+size <= room {
			c.align(m)
		} else {
			c.move(m, max(n+size, min(n+n/chunkSpare, most)), false)
		}
	}
	c.n += uint32(size)
	return c.packed(m)[: n : n+size]
}

// align has the Packed begin at the beginning of its block.
func (c *chunk) align(m *parts) {
	if c.before > 0 {
		c.n = uint32(copy(c.data(m), c.packed(m)))
		c.before = 0
	}
}

// move gives the chunk another block, of the pool, with its Packed at the block's end or at its beginning.
func (c *chunk) move(m *parts, room int, atEnd bool) {
	n := c.bytes()
	to := chunk{span: newSpan(m, min(room, maxBlock), 0), count: c.count}
	if atEnd {
		to.n = uint32(m.room(ref(to.at)))
		to.before = to.n - uint32(n)
	} else {
		to.n = uint32(n)
	}
	copy(to.packed(m), c.packed(m))
	c.free(m)
	*c = to
}

// shrunk notes that the Packed has become p, which begins where it did, and gives back what room is too much.
func (c *chunk) shrunk(m *parts, p Packed) {
	if c.large != 0 {
		c.resize(m, len(p), 0)
		return
	}
	c.n = c.before + uint32(len(p))
	c.spare(m)
}

// spare gives back the block where most of it is free.
func (c *chunk) spare(m *parts) {
	if n := c.bytes(); c.large == 0 && m.room(ref(c.at)) > 2*n+wasteMin {
		c.move(m, n, false)
	}
}

// fit gives back all room for growth, where that makes a difference.
func (c *chunk) fit(m *parts) {
	if n := c.bytes(); c.large == 0 && m.room(ref(c.at)) > classSize(classOf(n)) {
		c.move(m, n, false)
	}
}

// fill makes an empty chunk one of the elements that a Packed has between two positions, count of them.
func (c *chunk) fill(m *parts, elements []byte, count int) {
	c.span = newSpan(m, packedFrame+len(elements), 0)
	p := c.data(m)
	copy(p[packedHeader:], elements)
	p[len(p)-1] = packedEnd
	putPackedHeader(p, count)
}
