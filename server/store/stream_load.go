package store

import (
	"errors"
	"math"
	"slices"
)

// ErrStream says that what is read from elsewhere is no stream.
var ErrStream = errors.New("store: not a stream")

// StreamData is a stream as a payload has it. Nothing of it need be true before Check has said so.
type StreamData struct {
	Nodes      []StreamNodeData
	Length     uint64
	Last       StreamID
	MaxDeleted StreamID
	Added      uint64
	Uncounted  bool // it has no MaxDeleted, Added and Read: they are estimated
	Groups     []StreamGroupData

	counts []streamNode
	first  StreamID
}

// StreamNodeData is the id and the bytes of a node.
type StreamNodeData struct {
	ID   StreamID
	Data []byte
}

// StreamGroupData is a group.
type StreamGroupData struct {
	Name      []byte
	Last      StreamID
	Read      int64
	Pending   []PendingData // ascending
	Consumers []StreamConsumerData
}

// PendingData is a pending entry.
type PendingData struct {
	ID          StreamID
	Time, Count int64

	consumer int // the number of its consumer, from 1 on
}

// StreamConsumerData is a consumer.
type StreamConsumerData struct {
	Name    []byte
	Seen    int64
	Pending []StreamID // ascending
}

// Check finds out whether all of it makes one stream.
func (d *StreamData) Check() error {
	var last StreamID
	length := uint64(0)
	d.counts = make([]streamNode, 0, len(d.Nodes))
	for i := range d.Nodes {
		n := &d.Nodes[i]
		if i > 0 && (!last.Less(n.ID) || !d.Nodes[i-1].ID.Less(n.ID)) {
			return ErrStream
		}
		c, first, err := checkNode(n)
		if err != nil {
			return err
		}
		if c.live > 0 {
			last = c.id
		}
		if length == 0 && c.live > 0 {
			d.first = first
		}
		length += uint64(c.live)
		d.counts = append(d.counts, streamNode{id: n.ID, live: c.live, total: c.total})
	}
	if d.Uncounted {
		d.Added = d.Length
	}
	// XSETID may set the count of added entries to the greatest of 63 bits, and one more entry takes it beyond.
	if length != d.Length || len(d.Nodes) > 0 && d.Last.Less(last) || d.Added < d.Length {
		return ErrStream
	}
	for i := range d.Groups {
		if err := d.Groups[i].check(); err != nil {
			return err
		}
	}
	return distinct(d.Groups, func(g *StreamGroupData) []byte { return g.Name })
}

// checkNode checks a node. It answers its counts, with the last id that is not deleted in place of its own, and the first such. Deleted
// entries may have any ids behind the node's own: XSETID goes back as far as the last that is left, and what is added then comes later.
func checkNode(n *StreamNodeData) (c streamNode, first StreamID, err error) {
	p, err := Check(n.Data, math.MaxInt)
	if err != nil {
		return c, first, err
	}
	r := nodeReader{p: p, pos: p.First()}
	live, deleted, fields := r.int(), r.int(), r.int()
	if fields < 0 || fields > int64(len(p)) {
		return c, first, ErrStream
	}
	r.skip(int(fields))
	if r.int() != 0 || r.bad {
		return c, first, ErrStream
	}
	for !r.bad && !p.AtEnd(r.pos) {
		id, gone := r.entry(n.ID, int(fields))
		if id.Less(n.ID) {
			return c, first, ErrStream
		}
		c.total++
		if !gone {
			if c.live > 0 && !c.id.Less(id) {
				return c, first, ErrStream
			}
			c.id = id
			if c.live == 0 {
				first = id
			}
			c.live++
		}
	}
	if r.bad || c.total == 0 || int64(c.live) != live || int64(c.total)-int64(c.live) != deleted {
		return c, first, ErrStream
	}
	return c, first, nil
}

// nodeReader reads a node that may be wrong.
type nodeReader struct {
	p   Packed
	pos Pos
	bad bool // something was missing, or was no number
}

func (r *nodeReader) int() int64 {
	if r.bad = r.bad || r.p.AtEnd(r.pos); r.bad {
		return 0
	}
	e := r.p.At(r.pos)
	r.bad = !e.IsInt
	r.pos = r.p.after(r.pos)
	return e.Int
}

func (r *nodeReader) skip(n int) {
	for ; n > 0; n-- {
		if r.bad = r.bad || r.p.AtEnd(r.pos); r.bad {
			return
		}
		r.pos = r.p.after(r.pos)
	}
}

// entry reads an entry of a node with so many fields of its own.
func (r *nodeReader) entry(master StreamID, fields int) (id StreamID, deleted bool) {
	flags := r.int()
	id = StreamID{master.Ms + uint64(r.int()), master.Seq + uint64(r.int())} //nolint:gosec // differences wrap, as in Redis
	elements := int64(3 + fields)
	if flags&entrySame != 0 {
		r.skip(fields)
	} else {
		n := r.int()
		if n < 0 || n > int64(len(r.p)) {
			r.bad = true
			return id, false
		}
		r.skip(2 * int(n))
		elements = 4 + 2*n
	}
	if r.int() != elements || flags&^(entryDeleted|entrySame) != 0 {
		r.bad = true
	}
	return id, flags&entryDeleted != 0
}

// check checks that every pending entry has one consumer.
func (g *StreamGroupData) check() error {
	if g.Read < ReadUnknown || !ascending(g.Pending, func(p PendingData) StreamID { return p.ID }) {
		return ErrStream
	}
	had := 0
	for i := range g.Consumers {
		c := &g.Consumers[i]
		if !ascending(c.Pending, func(id StreamID) StreamID { return id }) {
			return ErrStream
		}
		for _, id := range c.Pending {
			at, found := slices.BinarySearchFunc(g.Pending, id, func(p PendingData, id StreamID) int { return p.ID.Compare(id) })
			if !found || g.Pending[at].consumer != 0 {
				return ErrStream
			}
			g.Pending[at].consumer = i + 1
			had++
		}
	}
	if had != len(g.Pending) {
		return ErrStream
	}
	return distinct(g.Consumers, func(c *StreamConsumerData) []byte { return c.Name })
}

func ascending[T any](list []T, id func(T) StreamID) bool {
	for i := 1; i < len(list); i++ {
		if !id(list[i-1]).Less(id(list[i])) {
			return false
		}
	}
	return true
}

func distinct[T any](list []T, name func(*T) []byte) error {
	seen := make(map[string]struct{}, len(list))
	for i := range list {
		seen[string(name(&list[i]))] = struct{}{}
	}
	if len(seen) != len(list) {
		return ErrStream
	}
	return nil
}

// LoadStream makes a stream of what has been checked, for a key of slot.
func (ks *Keyspace) LoadStream(slot uint16, d *StreamData) *Stream {
	s := ks.NewStream(slot)
	for i, n := range d.counts {
		n.data = newSpan(&s.parts, len(d.Nodes[i].Data), 0)
		copy(n.data.data(&s.parts), d.Nodes[i].Data)
		s.push(n)
	}
	s.length, s.last, s.first, s.maxDeleted, s.added = int(d.Length), d.Last, d.first, d.MaxDeleted, d.Added //nolint:gosec // counted
	for i := range d.Groups {
		g := &d.Groups[i]
		if d.Uncounted {
			g.Read = s.readUpTo(g.Last)
		}
		to := s.AddGroup(g.Name, g.Last, g.Read)
		consumers := make([]*StreamConsumer, len(g.Consumers))
		for j := range g.Consumers {
			consumers[j] = to.AddConsumer(g.Consumers[j].Name, g.Consumers[j].Seen)
		}
		for _, p := range g.Pending {
			to.Deliver(p.ID, consumers[p.consumer-1], p.Time, p.Count)
		}
	}
	return s
}
