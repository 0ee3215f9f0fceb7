package replication

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ringcache/ring"
)

// Received is what a node knows of the streams that come to it: of each sender the stream that was followed last, how far, and how its
// slots stand there. So a stream goes on where its connection broke. All Receivers of a node share one. The zero value is ready.
//
// Locks: that of Received, that of one incoming stream, a slot's lock, in this order.
type Received struct {
	mu struct {
		sync.Mutex
		m    *ring.Map
		from map[ring.NodeID]*incoming
	}
	list atomic.Pointer[[]*incoming] // by number, from 1 on; grows under the lock
}

// incoming is what comes from one sender, over all its connections.
type incoming struct {
	peer   ring.NodeID
	number uint32 // names it in Positions; not 0

	confirmed atomic.Int64 // see Received.Confirmed

	mu struct {
		sync.Mutex
		m           *ring.Map // nil until there is one
		self, at    ring.Index
		generation  uint64 // of the connection that may apply: see join
		incarnation uint64 // the sender's
		conn        uint64 // the sender counts its connections
		stream      uint64 // 0 = none
		offset      uint64 // of the next byte
		slots       pages[followed]
		open        bool          // the connection that may apply stands
		heard       time.Duration // when something came last
	}
}

// followed is how one slot stands in the stream.
type followed struct {
	state followState
	term  uint64 // under which it is attached
}

type followState uint8

const (
	notFollowed followState = iota
	followLive              // the copy equals the primary's as of this place in the stream
	followSync              // the copy is being filled; effects are applied to what there is
	followNot               // attached, and lost or never had: effects are dropped
)

// SetMap has all incoming streams go by a map. It is called before any of the node's loops serves by that map: when it returns, no effect
// of a primary that the map has deposed will be applied any more. It waits for effects that are being applied.
func (r *Received) SetMap(m *ring.Map, self ring.NodeID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mu.m != nil && m.Epoch <= r.mu.m.Epoch {
		return
	}
	r.mu.m = m
	for _, in := range r.mu.from {
		in.mu.Lock()
		in.adopt(m, self)
		in.mu.Unlock()
	}
}

// adopt has the stream go by m. A sender that is no member any more loses its connection, and its state here.
func (in *incoming) adopt(m *ring.Map, self ring.NodeID) {
	in.mu.m, in.mu.self, in.mu.at = m, m.IndexOf(self), m.IndexOf(in.peer)
	if in.mu.at == ring.None {
		in.mu.generation++
		in.forget()
	}
}

// forget has the next connection begin a new stream.
func (in *incoming) forget() {
	in.mu.stream, in.mu.offset = 0, 0
	in.mu.slots.drop()
}

// join makes a connection the one that applies what comes from peer, in place of an earlier one. conn is the sender's count of its
// connections: their hellos may be read in another order.
func (r *Received) join(self, peer ring.NodeID, incarnation, conn uint64) (in *incoming, generation uint64, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	in = r.mu.from[peer]
	if in == nil {
		if r.mu.from == nil {
			r.mu.from = make(map[ring.NodeID]*incoming)
		}
		var list []*incoming
		if now := r.list.Load(); now != nil {
			list = slices.Clone(*now)
		}
		in = &incoming{peer: peer, number: uint32(len(list)) + 1}
		list = append(list, in)
		r.list.Store(&list)
		r.mu.from[peer] = in
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	switch {
	case incarnation < in.mu.incarnation:
		return nil, 0, fmt.Errorf("%w: it is of start %d of the peer, which has started %d times", ErrReplaced, incarnation, in.mu.incarnation)
	case incarnation > in.mu.incarnation:
		in.forget()
		in.mu.incarnation = incarnation
	case conn <= in.mu.conn:
		return nil, 0, ErrReplaced
	}
	in.mu.conn, in.mu.open = conn, true
	in.mu.generation++
	if r.mu.m != nil {
		in.adopt(r.mu.m, self)
	}
	return in, in.mu.generation, nil
}

// Confirmed is the sender of the stream of that number, and a time, of this node's clock, at which it stood: whatever the sender had sent
// by then has come. The sender has proved it by naming an acknowledgement that this node sent at that time; so a node that was
// stopped, and reads what was sent long ago, takes nothing of it for new. 0 = never. It takes no lock.
func (r *Received) Confirmed(number uint32) (sender ring.NodeID, at time.Duration) {
	list := r.list.Load()
	if number == 0 || list == nil || int(number) > len(*list) {
		return "", 0
	}
	in := (*list)[number-1]
	return in.peer, time.Duration(in.confirmed.Load())
}

// SourceState is how the stream of one sender is doing.
type SourceState struct {
	Sender  ring.NodeID
	Open    bool          // its connection stands
	Heard   time.Duration // when something came last; 0 = never
	Offset  uint64        // up to which the stream has been applied
	Slots   int           // that are attached
	Live    int           // of them: equal to the sender's, as of Offset
	Syncing int           // of them: being filled
}

// States is for those who watch. It waits for effects that are being applied.
func (r *Received) States() []SourceState {
	list := r.list.Load()
	if list == nil {
		return nil
	}
	out := make([]SourceState, len(*list))
	for i, in := range *list {
		in.mu.Lock()
		st := SourceState{Sender: in.peer, Open: in.mu.open, Heard: in.mu.heard, Offset: in.mu.offset}
		for _, f := range in.mu.slots.all() {
			switch f.state {
			case notFollowed:
				continue
			case followLive:
				st.Live++
			case followSync:
				st.Syncing++
			case followNot:
			}
			st.Slots++
		}
		in.mu.Unlock()
		out[i] = st
	}
	return out
}

// epoch is that of the map that the stream goes by.
func (in *incoming) epoch() uint64 {
	if in.mu.m == nil {
		return 0
	}
	return in.mu.m.Epoch
}

// leads reports whether by this node's map the sender is the slot's primary of that term, and this node a replica. A process of the
// sender that the map does not speak of has nothing of the slot, whatever an old map that it started with says.
func (in *incoming) leads(slot uint16, term uint64) bool {
	if in.mu.m == nil || in.mu.at == ring.None || in.mu.self == ring.None {
		return false
	}
	s := &in.mu.m.Slots[slot]
	return in.mu.m.Nodes[in.mu.at].Incarnation == in.mu.incarnation && s.Primary == in.mu.at && s.Epoch == term && s.ReplicaAt(in.mu.self) >= 0
}
