package replication

import (
	"iter"
	"math"
	"sync/atomic"

	"ringcache/ring"
)

// Position is how far a slot's copy has come: the term under which its last effect was made, and a count of effects. Within a
// term there is one primary, so copies at equal positions have equal contents. An empty, never used or cleared slot is at {0, 0}.
type Position struct{ Term, Seq uint64 }

// partial is the position of a copy that is being filled, or was until its stream broke: it holds what no primary ever had.
var partial = Position{math.MaxUint64, math.MaxUint64}

// Partial reports whether p is of a copy that is not whole. Such a copy equals no other.
func (p Position) Partial() bool { return p == partial }

// same reports whether copies at p and q have equal contents.
func (p Position) same(q Position) bool { return p == q && !p.Partial() }

// Positions are those of all slots of a node. Each is guarded by its slot's lock, which the callers hold. The zero value is that of
// a node without keys.
type Positions struct {
	slots [ring.Slots]struct {
		at       Position
		follower uint32 // number of the incoming stream that the copy follows; 0 = none
	}
}

// Get is the position of a slot's copy.
func (p *Positions) Get(slot uint16) Position { return p.slots[slot].at }

// Set says where a slot's copy is now, by other means than a stream: a stream that it followed applies to it no more.
func (p *Positions) Set(slot uint16, at Position) {
	p.slots[slot].at, p.slots[slot].follower = at, 0
}

// Clear says that a slot's copy has been emptied on the node's own account: it is no replica any more. A stream that it followed
// applies to it no more.
func (p *Positions) Clear(slot uint16) { p.Set(slot, Position{}) }

// Next notes one effect that this node, as the slot's primary of that term, has made. It comes before the effect's [Sender.Append].
func (p *Positions) Next(slot uint16, term uint64) Position {
	s := &p.slots[slot]
	s.follower = 0
	if s.at.Partial() { // made primary by force, of whatever it had
		s.at = Position{Term: term, Seq: 1}
		return s.at
	}
	s.at.Term = max(s.at.Term, term) // a loop may go by an older map for one batch
	s.at.Seq++
	return s.at
}

// follow says that the copy is at that position and that the stream of that number applies to it, and no other.
func (p *Positions) follow(slot uint16, at Position, stream uint32) {
	p.slots[slot].at, p.slots[slot].follower = at, stream
}

func (p *Positions) follows(slot uint16, stream uint32) bool { return p.slots[slot].follower == stream }

// Following is the number of the stream that applies to a whole copy of a slot, for [Received.Confirmed]; 0 = none does.
func (p *Positions) Following(slot uint16) uint32 {
	s := &p.slots[slot]
	if s.at.Partial() {
		return 0
	}
	return s.follower
}

// leave says that the stream of that number applies no more.
func (p *Positions) leave(slot uint16, stream uint32) {
	if p.follows(slot, stream) {
		p.slots[slot].follower = 0
	}
}

// applied moves the copy on by one effect of a stream.
func (p *Positions) applied(slot uint16, term uint64) {
	if s := &p.slots[slot]; !s.at.Partial() {
		s.at.Term = term
		s.at.Seq++
	}
}

// pageSlots is how many slots share a page. In a cluster of a hundred nodes a pair of them has two slots in common, in one of three
// all; pages keep a stream's memory with the slots that it has.
const pageSlots = 128

// pages holds a value for each of some slots. Reading needs no lock; make does.
type pages[T any] struct {
	page [ring.Slots / pageSlots]atomic.Pointer[[pageSlots]T]
}

// at is the value of a slot, or nil where its page was never made.
func (p *pages[T]) at(slot uint16) *T {
	if page := p.page[slot/pageSlots].Load(); page != nil {
		return &page[slot%pageSlots]
	}
	return nil
}

// make is the value of a slot, whose page is there afterwards.
func (p *pages[T]) make(slot uint16) *T {
	if v := p.at(slot); v != nil {
		return v
	}
	page := new([pageSlots]T)
	p.page[slot/pageSlots].Store(page)
	return &page[slot%pageSlots]
}

// all visits the slots of the pages that are there.
func (p *pages[T]) all() iter.Seq2[uint16, *T] {
	return func(yield func(uint16, *T) bool) {
		for i := range p.page {
			page := p.page[i].Load()
			if page == nil {
				continue
			}
			for k := range page {
				if !yield(uint16(i*pageSlots+k), &page[k]) {
					return
				}
			}
		}
	}
}

// drop gives all pages back.
func (p *pages[T]) drop() {
	for i := range p.page {
		p.page[i].Store(nil)
	}
}
