package store

import (
	"math/bits"
)

// How far groups are behind, and what else XINFO tells.

// deletedFrom reports whether an entry may be deleted among those from an id on.
func (s *Stream) deletedFrom(id StreamID) bool {
	return s.length > 0 && !s.maxDeleted.Zero() && !s.maxDeleted.Less(s.first) && !s.maxDeleted.Less(id)
}

// readUpTo is how many entries there ever were up to an id, or ReadUnknown.
func (s *Stream) readUpTo(id StreamID) int64 {
	switch {
	case s.added == 0:
		return 0
	case s.length == 0 && !s.last.Less(id), id == s.last:
		return int64(s.added)
	case s.last.Less(id):
		return ReadUnknown
	}
	if s.maxDeleted.Zero() || s.maxDeleted.Less(s.first) { // nothing is deleted among the entries that are there
		switch {
		case id.Less(s.first):
			return int64(s.added) - int64(s.length)
		case id == s.first:
			return int64(s.added) - int64(s.length) + 1
		}
	}
	return ReadUnknown
}

// Delivered notes that an entry beyond Last was delivered.
func (g *StreamGroup) Delivered(id StreamID) {
	s := g.s
	if g.Read != ReadUnknown && !s.deletedFrom(id) {
		g.Read++
	} else if s.added > 0 {
		g.Read = s.readUpTo(id)
	}
	g.Last = id
}

// Lag is how many entries are still to be delivered, or false where that is not known.
func (g *StreamGroup) Lag() (int64, bool) {
	s := g.s
	switch {
	case s.added == 0:
		return 0, true
	case g.Read != ReadUnknown && !s.deletedFrom(g.Last):
		return int64(s.added) - g.Read, true
	}
	if read := s.readUpTo(g.Last); read != ReadUnknown {
		return int64(s.added) - read, true
	}
	return 0, false
}

// RadixNodes is how many nodes Redis's radix tree would have for the ids of the stream's nodes: one for each id, for each
// place in which ids part, and for each run of bytes in between that several have in common, or one alone.
func (s *Stream) RadixNodes() int {
	const idBytes = 16
	if len(s.nodes) == 0 {
		return 1
	}
	count := 0
	var stack [idBytes + 1]int // the bytes, from the beginning, that the open places of parting have before them
	depth := 0
	edge := func(from, to int) { // the bytes from a place of parting, of which one is its own, to the next place
		if to > from+1 {
			count++
		}
	}
	for i := range s.nodes {
		count++ // its end
		common := -1
		if i+1 < len(s.nodes) {
			common = commonBytes(s.nodes[i].id, s.nodes[i+1].id)
		}
		child := idBytes
		for depth > 0 && stack[depth-1] > common {
			edge(stack[depth-1], child)
			child = stack[depth-1]
			depth--
		}
		switch {
		case common < 0:
			if child > 0 {
				count++ // the run at the root
			}
		case depth > 0 && stack[depth-1] == common:
			edge(common, child)
		default:
			count++ // a new place
			stack[depth] = common
			depth++
			edge(common, child)
		}
	}
	return count
}

// commonBytes is how many of their 16 bytes, big endian, two ids have in common.
func commonBytes(a, b StreamID) int {
	if a.Ms != b.Ms {
		return bits.LeadingZeros64(a.Ms^b.Ms) / 8
	}
	return 8 + bits.LeadingZeros64(a.Seq^b.Seq)/8
}
