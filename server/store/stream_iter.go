package store

// StreamIter goes through the entries of a stream, deleted ones left out. It is good until the stream changes.
type StreamIter struct {
	s      *Stream
	lo, hi StreamID
	rev    bool

	node int
	p    Packed // nil before the first node
	head nodeHead
	pos  Pos // where the next entry begins or, in reverse, what is behind it

	entry   streamEntry
	flagsAt Pos
	field   Pos // the next field that Pair answers, where it is one of the master entry's
	value   Pos // the next element of the entry that Pair has not answered
	left    int // elements from there to the end of the entry
}

// Iter answers an iterator over the ids from lo to hi, or in reverse from hi to lo, both included.
func (s *Stream) Iter(lo, hi StreamID, rev bool) StreamIter {
	it := StreamIter{s: s, lo: lo, hi: hi, rev: rev}
	if rev {
		it.node = s.nodeFor(hi) + 1
	} else {
		it.node = max(0, s.nodeFor(lo)) - 1
	}
	return it
}

// ID is the id of the entry that Next found.
func (it *StreamIter) ID() StreamID { return it.entry.id }

// Fields is the number of its fields.
func (it *StreamIter) Fields() int { return it.entry.fields }

// Next finds the next entry and reports whether there is one.
func (it *StreamIter) Next() bool {
	if it.rev {
		return it.prev()
	}
	for {
		if it.p == nil || it.skip() {
			if it.node++; it.node >= len(it.s.nodes) {
				return false
			}
			it.enter()
			it.pos = it.head.entries
			if it.p.AtEnd(it.pos) {
				continue
			}
		}
		it.read(it.pos)
		it.left = it.entry.elements + 1
		// An entry that is deleted ends nothing: XSETID may have gone back below its id, and what came after it have a lower one.
		if it.entry.flags&entryDeleted == 0 && !it.entry.id.Less(it.lo) {
			return !it.hi.Less(it.entry.id)
		}
	}
}

// skip goes over the rest of the entry, and reports whether the node is at its end.
func (it *StreamIter) skip() bool {
	it.pos = it.value
	for ; it.left > 0; it.left-- {
		it.pos = it.p.after(it.pos)
	}
	return it.p.AtEnd(it.pos)
}

func (it *StreamIter) prev() bool {
	for {
		if it.p == nil || it.pos == it.head.entries {
			if it.node--; it.node < 0 {
				return false
			}
			it.enter()
			if it.pos = it.p.end(); it.pos == it.head.entries {
				continue
			}
		}
		it.pos = it.p.entryBefore(it.pos)
		it.read(it.pos)
		if it.entry.flags&entryDeleted == 0 && !it.hi.Less(it.entry.id) {
			return !it.entry.id.Less(it.lo)
		}
	}
}

func (it *StreamIter) enter() {
	it.p = it.s.packed(it.node)
	it.head = it.p.nodeHead()
}

// read reads the entry at pos.
func (it *StreamIter) read(pos Pos) {
	it.flagsAt = pos
	it.entry = it.p.entryAt(pos, &it.head, it.s.nodes[it.node].id)
	it.value, it.field = it.entry.values, 0
	if it.entry.flags&entrySame != 0 {
		it.field = it.head.fieldAt
	}
}

// Pair answers the next field of the entry with its value. It is called at most Fields times.
func (it *StreamIter) Pair() (field, value Element) {
	if it.entry.flags&entrySame != 0 {
		field = it.p.At(it.field)
		it.field = it.p.after(it.field)
		it.left--
	} else {
		field = it.p.At(it.value)
		it.value = it.p.after(it.value)
		it.left -= 2
	}
	value = it.p.At(it.value)
	it.value = it.p.after(it.value)
	return field, value
}
