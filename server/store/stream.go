package store

import (
	"encoding/binary"
	"slices"
	"unsafe"
)

// Stream is the one form that streams have: a directory of nodes by their first ids, each node some hundred entries in a span, and
// consumer groups. Appending works on the last node, an id is found by binary search, and trimming takes nodes off the front. When
// a node is full, when it goes, and that deleted entries stay in it, is as in Redis: DUMP shows it, and so does
// approximate trimming.
//
// Methods that change a stream are followed by Settle. Everything is under the lock of its shard.
type Stream struct {
	parts
	nodes  []streamNode
	length int

	last       StreamID // the greatest that ever was, or XSETID set
	first      StreamID // of the first entry; 0-0 where there is none
	maxDeleted StreamID // the greatest that XDEL deleted, or XSETID set
	added      uint64   // entries ever added, or XSETID set

	groups []*StreamGroup // by name
	heap   int            // bytes of the Go heap: directories, groups, consumers
}

const (
	streamHeader   = int(unsafe.Sizeof(Stream{})) + 16 // bytes; 16 for its place among the shard's Objects
	streamNodeSize = int(unsafe.Sizeof(streamNode{}))
)

// NewStream answers an empty stream for a key of slot.
func (ks *Keyspace) NewStream(slot uint16) *Stream {
	s := &Stream{parts: ks.partsOf(slot)}
	s.account(streamHeader)
	return s
}

// Settle charges the key r for what the stream has grown.
func (s *Stream) Settle(r Ref) { s.settle(r) }

// Adopted notes that the keyspace has the stream now.
func (s *Stream) Adopted() { s.adopted() }

// account counts bytes of the Go heap.
func (s *Stream) account(delta int) {
	s.heap += delta
	s.bytes += delta
}

// Type is TypeStream.
func (s *Stream) Type() Type { return TypeStream }

// Encoding is EncStream.
func (s *Stream) Encoding() Encoding { return EncStream }

// Len is the number of entries.
func (s *Stream) Len() int { return s.length }

// Nodes is the number of nodes.
func (s *Stream) Nodes() int { return len(s.nodes) }

// Node is the id and the bytes of a node, valid until the next change.
func (s *Stream) Node(i int) (StreamID, Packed) { return s.nodes[i].id, s.packed(i) }

// LastID is the greatest id that ever was, or that XSETID set.
func (s *Stream) LastID() StreamID { return s.last }

// FirstID is that of the first entry, or 0-0.
func (s *Stream) FirstID() StreamID { return s.first }

// MaxDeletedID is the greatest id that XDEL deleted, or that XSETID set.
func (s *Stream) MaxDeletedID() StreamID { return s.maxDeleted }

// Added is the number of entries ever added, or what XSETID set.
func (s *Stream) Added() uint64 { return s.added }

// SetID sets the last id and, where they are given (not -1, not 0-0), how many entries there ever were and the greatest deleted id.
func (s *Stream) SetID(last StreamID, added int64, maxDeleted StreamID) {
	s.last = last
	if added >= 0 {
		s.added = uint64(added)
	}
	if !maxDeleted.Zero() {
		s.maxDeleted = maxDeleted
	}
}

func (s *Stream) packed(i int) Packed { return Packed(s.nodes[i].data.data(&s.parts)) }

// Append adds an entry, whose id must be greater than LastID, and whose fields and values alternate. buf is room to work in; it is
// answered, maybe grown.
func (s *Stream) Append(id StreamID, pairs [][]byte, buf []byte) []byte {
	size := 0
	for _, p := range pairs {
		size += len(p)
	}
	limit := s.ks.Thresholds().StreamBytes
	if limit <= 0 || limit > PackedMax {
		limit = PackedMax
	}
	if s.full(size, limit) {
		buf = newNodeBytes(buf[:0], pairs)
		data := newSpan(&s.parts, len(buf), min(len(buf)/2, max(0, limit-len(buf))))
		copy(data.data(&s.parts), buf)
		s.push(streamNode{id: id, data: data, live: 1, total: 1})
	} else {
		buf = s.extend(&s.nodes[len(s.nodes)-1], id, pairs, buf[:0], limit)
	}
	s.length++
	s.added++
	s.last = id
	if s.length == 1 {
		s.first = id
	}
	return buf
}

// full reports whether the last node takes no entry of size bytes more.
func (s *Stream) full(size, limit int) bool {
	if len(s.nodes) == 0 {
		return true
	}
	n := &s.nodes[len(s.nodes)-1]
	entries := s.ks.Thresholds().StreamLength
	if int(n.data.n)+size < limit && (entries <= 0 || int(n.total) < entries) {
		return false
	}
	n.data.fit(&s.parts)
	return true
}

// extend adds an entry to a node.
func (s *Stream) extend(n *streamNode, id StreamID, pairs [][]byte, buf []byte, limit int) []byte {
	p := Packed(n.data.data(&s.parts))
	h := p.nodeHead()
	delta := StreamID{id.Ms - n.id.Ms, id.Seq - n.id.Seq}
	buf, elements := appendEntry(buf, delta, pairs, p.sameFields(&h, pairs))
	elements += p.count() // where it is not known, it stays so
	was := len(p)
	size := was + len(buf)
	p = Packed(n.data.resize(&s.parts, size, min(size/2, max(0, limit-size))))
	copy(p[was-1:], buf)
	p[size-1] = packedEnd
	p.seal(elements)
	n.live++
	n.total++
	s.setNodeInt(n, packedHeader, int64(n.live))
	return buf
}

// setNodeInt puts an integer in the place of that at pos, and answers by how much what follows it has moved.
func (s *Stream) setNodeInt(n *streamNode, pos Pos, v int64) (moved int) {
	p := Packed(n.data.data(&s.parts))
	e := packInt(v)
	next := int(p.after(pos))
	moved = int(pos) + e.total() - next
	if moved != 0 {
		was := len(p)
		if moved > 0 {
			p = Packed(n.data.resize(&s.parts, was+moved, 0))
		}
		copy(p[next+moved:], p[next:was])
		if moved < 0 {
			p = Packed(n.data.resize(&s.parts, was+moved, 0))
		}
		binary.LittleEndian.PutUint32(p, uint32(len(p))) //nolint:gosec // PackedMax
	}
	e.put(p[pos:])
	return moved
}

// setCounts writes the numbers of entries into a node's bytes.
func (s *Stream) setCounts(n *streamNode) {
	s.setNodeInt(n, packedHeader, int64(n.live))
	p := Packed(n.data.data(&s.parts))
	s.setNodeInt(n, p.after(packedHeader), int64(n.total-n.live))
}

func (s *Stream) push(n streamNode) {
	was := cap(s.nodes)
	s.nodes = append(s.nodes, n)
	s.account((cap(s.nodes) - was) * streamNodeSize)
}

// dropNodes removes the nodes from i to j.
func (s *Stream) dropNodes(i, j int) {
	for k := i; k < j; k++ {
		s.nodes[k].data.free(&s.parts)
	}
	was := cap(s.nodes)
	if i < len(s.nodes)-j { // the shorter side moves
		copy(s.nodes[j-i:j], s.nodes[:i])
		s.nodes = s.nodes[j-i:]
	} else {
		s.nodes = append(s.nodes[:i], s.nodes[j:]...)
	}
	if cap(s.nodes) > 4*len(s.nodes)+32 {
		s.nodes = append(make([]streamNode, 0, len(s.nodes)+len(s.nodes)/4), s.nodes...)
	}
	s.account((cap(s.nodes) - was) * streamNodeSize)
}

// nodeFor is the number of the node in which an id lies, if it is there at all: the last that does not begin after it, or -1.
func (s *Stream) nodeFor(id StreamID) int {
	if n := len(s.nodes); n > 0 && !id.Less(s.nodes[n-1].id) {
		return n - 1
	}
	i, found := slices.BinarySearchFunc(s.nodes, id, func(n streamNode, id StreamID) int { return n.id.Compare(id) })
	if found {
		return i
	}
	return i - 1
}

// Has reports whether there is an entry with the id.
func (s *Stream) Has(id StreamID) bool {
	it := s.Iter(id, id, false)
	return it.Next()
}

// Delete deletes the entry with an id, if there is one.
func (s *Stream) Delete(id StreamID) bool {
	it := s.Iter(id, id, false)
	if !it.Next() {
		return false
	}
	if n := &s.nodes[it.node]; n.live == 1 {
		s.dropNodes(it.node, it.node+1)
	} else {
		s.setNodeInt(n, it.flagsAt, it.entry.flags|entryDeleted)
		n.live--
		s.setCounts(n)
	}
	s.length--
	if s.maxDeleted.Less(id) {
		s.maxDeleted = id
	}
	if id == s.first {
		s.setFirst()
	}
	return true
}

// setFirst finds out which entry is the first.
func (s *Stream) setFirst() {
	s.first = StreamID{}
	if s.length > 0 {
		it := s.Iter(StreamID{}, MaxStreamID, false)
		it.Next()
		s.first = it.ID()
	}
}

// LastEntry is the id of the last entry; false where there is none.
func (s *Stream) LastEntry() (StreamID, bool) {
	if s.length == 0 {
		return StreamID{}, false
	}
	it := s.Iter(StreamID{}, MaxStreamID, true)
	it.Next()
	return it.ID(), true
}

// Release is that of an Object.
func (s *Stream) Release(budget int) (done bool) {
	const block = 4 // giving a block back takes about as long as so many members
	for ; budget > 0 && len(s.nodes) > 0; budget -= block {
		n := len(s.nodes) - 1
		s.nodes[n].data.free(&s.parts)
		s.nodes = s.nodes[:n]
	}
	for ; budget > 0 && len(s.groups) > 0; budget -= block {
		n := len(s.groups) - 1
		if s.groups[n].release(s) {
			s.groups[n] = nil
			s.groups = s.groups[:n]
		}
	}
	if len(s.nodes)+len(s.groups) > 0 {
		return false
	}
	s.nodes, s.groups = nil, nil
	s.account(-s.heap)
	return true
}

// Evacuate is that of an Object. Positions count the nodes, and then the chunks of the groups.
func (s *Stream) Evacuate(from uint64, budget int) (looked int, next uint64) {
	at := int(from) //nolint:gosec // a number of blocks
	for ; at < len(s.nodes); at++ {
		if looked >= budget {
			return looked, uint64(at) //nolint:gosec // not negative
		}
		s.nodes[at].data.evacuate(&s.parts)
		looked++
	}
	end := len(s.nodes)
	for _, g := range s.groups {
		for _, c := range g.chunkLists() {
			for i := max(0, at-end); i < c.chunks(); i++ {
				if looked >= budget {
					return looked, uint64(end + i) //nolint:gosec // not negative
				}
				c.evacuate(&s.parts, i)
				looked++
			}
			end += c.chunks()
			looked++
		}
	}
	return looked, 0
}

// Trim says what Stream.Trim is to remove.
type Trim struct {
	MinID  bool     // entries below ID, not those above MaxLen
	MaxLen int64    // entries to keep
	ID     StreamID // the least to keep
	Approx bool     // whole nodes only
	Nodes  bool     // what another copy has lost, whose first node is now that with ID, or without MinID that has nothing left
	AtMost int64    // entries to remove at most; 0 = any number
}

// Trim removes entries from the front. It answers how many, and whether anything has changed: a node may go that has none.
func (s *Stream) Trim(t *Trim) (removed int64, changed bool) {
	drop := 0
	for ; drop < len(s.nodes); drop++ {
		n := &s.nodes[drop]
		live := int64(n.live)
		if !t.Nodes && (!t.MinID && int64(s.length) <= t.MaxLen || t.AtMost > 0 && removed+live > t.AtMost) {
			break
		}
		var whole bool
		switch {
		case t.Nodes:
			whole = !t.MinID || n.id.Less(t.ID) && s.lastLive(drop).Less(t.ID)
		case t.MinID:
			whole = s.nodeLast(drop).Less(t.ID)
		default:
			whole = int64(s.length)-live >= t.MaxLen
		}
		if !whole {
			if !t.Approx || t.Nodes { // the copy's nodes may have other bounds
				removed += s.trimNode(n, t)
			}
			break
		}
		s.length -= int(live)
		removed += live
	}
	if drop > 0 {
		s.dropNodes(0, drop)
	}
	if removed > 0 {
		s.setFirst()
	}
	return removed, removed > 0 || drop > 0
}

// trimNode deletes entries from the front of a node, as many as are to go.
func (s *Stream) trimNode(n *streamNode, t *Trim) (removed int64) {
	p := Packed(n.data.data(&s.parts))
	h := p.nodeHead()
	for pos := h.entries; !p.AtEnd(pos); {
		e := p.entryAt(pos, &h, n.id)
		if t.MinID && !e.id.Less(t.ID) || !t.MinID && int64(s.length) <= t.MaxLen {
			break
		}
		next := p.behindEntry(&e)
		if e.flags&entryDeleted == 0 {
			next += Pos(s.setNodeInt(n, pos, e.flags|entryDeleted))
			p = Packed(n.data.data(&s.parts))
			removed++
			n.live--
			s.length--
		}
		pos = next
	}
	if removed > 0 {
		s.setCounts(n)
	}
	return removed
}

// nodeLast is the id of a node's last entry, deleted or not.
func (s *Stream) nodeLast(i int) StreamID {
	p := s.packed(i)
	h := p.nodeHead()
	e := p.entryAt(p.entryBefore(p.end()), &h, s.nodes[i].id)
	return e.id
}

// lastLive is the id of a node's last entry that is not deleted, or zero.
func (s *Stream) lastLive(i int) (last StreamID) {
	n := &s.nodes[i]
	p := s.packed(i)
	h := p.nodeHead()
	for pos, left := h.entries, n.live; left > 0 && !p.AtEnd(pos); {
		e := p.entryAt(pos, &h, n.id)
		if e.flags&entryDeleted == 0 {
			last = e.id
			left--
		}
		pos = p.behindEntry(&e)
	}
	return last
}

// Edge is the id that the first node goes by: see Trim.Nodes; false where there is none.
func (s *Stream) Edge() (StreamID, bool) {
	if len(s.nodes) == 0 {
		return StreamID{}, false
	}
	return s.nodes[0].id, true
}
