package store

import (
	"math"
	"slices"
	"unsafe"
)

// StreamGroup is a consumer group of a stream. It is valid while the stream has it.
type StreamGroup struct {
	Name string
	Last StreamID // last delivered
	Read int64    // entries read, or ReadUnknown

	s       *Stream
	pending records[pending]
	all     []*StreamConsumer // by number; nil where a number is free
	sorted  []*StreamConsumer // by name
}

// ReadUnknown says that the number of entries that a group has read is not known.
const ReadUnknown = -1

// StreamConsumer is a consumer of a group.
type StreamConsumer struct {
	Name string
	Seen int64 // when it last asked for something, unix ms

	number uint32
	ids    records[StreamID] // of its pending entries
}

// Pending is the number of its pending entries.
func (c *StreamConsumer) Pending() int { return c.ids.n }

// PendingEntry is an entry that was delivered and is not acknowledged.
type PendingEntry struct {
	ID       StreamID
	Time     int64 // of its last delivery, unix ms
	Count    int64 // deliveries
	Consumer *StreamConsumer
}

// About what a group and a consumer take on the Go heap besides their names, in bytes.
const (
	groupBytes    = int(unsafe.Sizeof(StreamGroup{})) + 16
	consumerBytes = int(unsafe.Sizeof(StreamConsumer{})) + 4*8
)

// Groups are the groups by name. They must not be changed.
func (s *Stream) Groups() []*StreamGroup { return s.groups }

func (s *Stream) groupAt(name []byte) (int, bool) {
	return slices.BinarySearchFunc(s.groups, name, func(g *StreamGroup, name []byte) int { return compareName(g.Name, name) })
}

// compareName orders names. By operators, as a function for strings would have b copied to the heap.
func compareName(a string, b []byte) int {
	switch {
	case a < string(b):
		return -1
	case a > string(b):
		return 1
	}
	return 0
}

// Group finds a group, or nil.
func (s *Stream) Group(name []byte) *StreamGroup {
	if i, found := s.groupAt(name); found {
		return s.groups[i]
	}
	return nil
}

// AddGroup adds a group that is not there.
func (s *Stream) AddGroup(name []byte, last StreamID, read int64) *StreamGroup {
	i, _ := s.groupAt(name)
	g := &StreamGroup{Name: string(name), Last: last, Read: read, s: s}
	s.groups = slices.Insert(s.groups, i, g)
	s.account(groupBytes + len(name))
	return g
}

// DeleteGroup removes a group with all it has.
func (s *Stream) DeleteGroup(g *StreamGroup) {
	for !g.release(s) {
	}
	i, _ := s.groupAt([]byte(g.Name))
	s.groups = slices.Delete(s.groups, i, i+1)
}

// releaseChunks is how many chunks of a group are given back in one step.
const releaseChunks = 16

// release gives a part of a group's memory back, and reports whether nothing is left.
func (g *StreamGroup) release(s *Stream) (done bool) {
	if !g.pending.release(s, releaseChunks) {
		return false
	}
	if n := len(g.sorted); n > 0 {
		c := g.sorted[n-1]
		if c.ids.release(s, releaseChunks) {
			g.sorted = g.sorted[:n-1]
			s.account(-consumerBytes - len(c.Name))
		}
		return false
	}
	g.all = nil
	s.account(-groupBytes - len(g.Name))
	return true
}

// chunkList is a list of records, whatever they are.
type chunkList interface {
	chunks() int
	evacuate(m *parts, i int)
}

func (g *StreamGroup) chunkLists() []chunkList {
	lists := []chunkList{&g.pending}
	for _, c := range g.sorted {
		lists = append(lists, &c.ids)
	}
	return lists
}

// Consumers are the consumers by name. They must not be changed.
func (g *StreamGroup) Consumers() []*StreamConsumer { return g.sorted }

func (g *StreamGroup) consumerAt(name []byte) (int, bool) {
	return slices.BinarySearchFunc(g.sorted, name, func(c *StreamConsumer, name []byte) int { return compareName(c.Name, name) })
}

// Consumer finds a consumer, or nil.
func (g *StreamGroup) Consumer(name []byte) *StreamConsumer {
	if i, found := g.consumerAt(name); found {
		return g.sorted[i]
	}
	return nil
}

// AddConsumer adds a consumer that is not there.
func (g *StreamGroup) AddConsumer(name []byte, seen int64) *StreamConsumer {
	c := &StreamConsumer{Name: string(name), Seen: seen}
	if len(g.sorted) < len(g.all) {
		n := slices.Index(g.all, nil)
		g.all[n] = c
		c.number = uint32(n) //nolint:gosec // few
	} else {
		c.number = uint32(len(g.all)) //nolint:gosec // few
		g.all = append(g.all, c)
	}
	i, _ := g.consumerAt(name)
	g.sorted = slices.Insert(g.sorted, i, c)
	g.s.account(consumerBytes + len(name))
	return c
}

// DeleteConsumer removes a consumer with its pending entries.
func (g *StreamGroup) DeleteConsumer(c *StreamConsumer) {
	m := &g.s.parts
	for at := (recordAt{}); at.chunk < len(c.ids.dir); at = c.ids.next(m, at) {
		g.pending.remove(g.s, *c.ids.at(m, at))
	}
	for !c.ids.release(g.s, math.MaxInt) {
	}
	i, _ := g.consumerAt([]byte(c.Name))
	g.sorted = slices.Delete(g.sorted, i, i+1)
	g.all[c.number] = nil
	g.s.account(-consumerBytes - len(c.Name))
}

// Pending is the number of pending entries.
func (g *StreamGroup) Pending() int { return g.pending.n }

// PendingOf finds a pending entry.
func (g *StreamGroup) PendingOf(id StreamID) (PendingEntry, bool) {
	if p := g.pending.get(&g.s.parts, id); p != nil {
		return g.entry(p), true
	}
	return PendingEntry{}, false
}

func (g *StreamGroup) entry(p *pending) PendingEntry {
	return PendingEntry{p.id, p.time, p.count, g.all[p.consumer]}
}

// PendingEnds are the least and the greatest id that are pending. There must be one.
func (g *StreamGroup) PendingEnds() (first, last StreamID) {
	m := &g.s.parts
	return g.pending.at(m, recordAt{}).id, g.pending.last(m).id
}

// Deliver notes that an entry was delivered to a consumer, at a time and for so many times in all, whoever had it before.
func (g *StreamGroup) Deliver(id StreamID, c *StreamConsumer, time, count int64) {
	p := g.pending.get(&g.s.parts, id)
	if p == nil {
		g.pending.insert(g.s, pending{id, time, count, c.number})
		c.ids.insert(g.s, id)
		return
	}
	was := p.consumer
	p.time, p.count, p.consumer = time, count, c.number
	if was != c.number {
		g.all[was].ids.remove(g.s, id)
		c.ids.insert(g.s, id)
	}
}

// Ack removes a pending entry, and reports whether there was one.
func (g *StreamGroup) Ack(id StreamID) bool {
	at, found := g.pending.find(&g.s.parts, id)
	if !found {
		return false
	}
	g.all[g.pending.at(&g.s.parts, at).consumer].ids.remove(g.s, id)
	g.pending.cut(g.s, at)
	return true
}

// NextPending is the first pending entry with an id of at least from: of the consumer c or, where that is nil, of any.
func (g *StreamGroup) NextPending(from StreamID, c *StreamConsumer) (PendingEntry, bool) {
	m := &g.s.parts
	if c != nil {
		id := c.ids.at(m, c.ids.seek(m, from))
		if id == nil {
			return PendingEntry{}, false
		}
		return g.PendingOf(*id)
	}
	if p := g.pending.at(m, g.pending.seek(m, from)); p != nil {
		return g.entry(p), true
	}
	return PendingEntry{}, false
}
