package server

import (
	"sync"
	"sync/atomic"
	"time"

	"ringcache/replication"
	"ringcache/ring"
	"ringcache/ring/control"
	"ringcache/server/store"
)

// Copies is this node's part in copies of slots: it takes the effects of the keyspace to the streams of the slot's replicas, and applies
// those of the primaries that this node follows. It is the keyspace's sink, and so made before it and before the server; see [Options].
//
// What goes where follows the map: setMap is called with each, in order, off the loops. The streams themselves belong to loops, one
// each, which write and read them with everything else (stream.go, follow.go).
type Copies struct {
	opt       CopiesOptions
	srv       *Server // set by New, before the first map
	ks        *store.Keyspace
	positions replication.Positions
	requests  replication.Requests
	received  replication.Received

	out   atomic.Pointer[outgoing]
	epoch atomic.Uint64 // of the last map that setMap is through with

	mu struct {
		sync.Mutex // leaf
		streams    map[ring.NodeID]*stream
		ended      uint64 // offsets at which streams to nodes that have left ended, added up
	}
	encoded sync.Pool // *[]byte: effects on their way to streams

	stages  [store.Shards]*once // who holds back the effects of a shard's slots; guarded by its lock
	origins origins
}

// CopiesOptions are what a [Copies] is made of.
type CopiesOptions struct {
	Self        ring.NodeID
	Incarnation uint64
	NodeTimeout time.Duration
	Replicas    int    // copies that each slot should have: --replicas
	Buffer      int    // bytes that a replica may be behind: --replica-buffer
	Dial        Dialer // of streams; nil: none is ever made
}

// NewCopies is the sink of a keyspace. It drops effects until a server is made with it.
func NewCopies(opt CopiesOptions) *Copies {
	c := &Copies{opt: opt}
	c.mu.streams = map[ring.NodeID]*stream{}
	c.encoded.New = func() any { return new([]byte) }
	return c
}

// outgoing says where effects go by one map.
type outgoing struct {
	m    *ring.Map
	self ring.Index
	sets [][]*stream        // sets[0] is all streams, sets[1] none, then each combination of replicas that a slot of this node has
	of   [ring.Slots]uint16 // by slot: place in sets
}

// Effect implements store.Sink.
func (c *Copies) Effect(slot uint16, db int, args [][]byte) {
	o := c.out.Load()
	if o == nil {
		return
	}
	e := &o.m.Slots[slot]
	if e.Primary != o.self || o.self == ring.None {
		return
	}
	c.positions.Next(slot, e.Epoch)
	set := o.sets[o.of[slot]]
	for _, s := range set {
		if s.sender.Syncing(slot) {
			s.touch(slot, db, args)
		}
	}
	if by := c.stages[slot%store.Shards]; by != nil {
		st := by.of(slot)
		if len(set) > 0 {
			st.last = len(st.effects)
			st.effects = replication.AppendEffect(st.effects, slot, db, args, replication.RequestID{}, nil)
		}
		return
	}
	if len(set) == 0 {
		return
	}
	b := c.encoded.Get().(*[]byte)
	*b = replication.AppendEffect((*b)[:0], slot, db, args, replication.RequestID{}, nil)
	c.send(slot, *b)
	if cap(*b) > maxKeptEffect {
		*b = nil
	}
	c.encoded.Put(b)
}

// send gives effects of a slot to its streams. Under the slot's lock.
func (c *Copies) send(slot uint16, effects []byte) {
	o := c.out.Load()
	for _, s := range o.sets[o.of[slot]] {
		s.sender.Append(slot, effects)
	}
}

// maxKeptEffect is the size in bytes up to which the buffer of an effect is used again.
const maxKeptEffect = 64 << 10

// quiet reports whether the replicas that this node waits for in a slot have all its effects.
func (c *Copies) quiet(slot uint16) bool {
	o := c.out.Load()
	for _, s := range o.sets[o.of[slot]] {
		if s.sender.Waits(slot) && s.sender.Last(slot) > s.sender.Acked() {
			return false
		}
	}
	return true
}

// blank reports whether there is nothing of a slot here.
func (c *Copies) blank(slot uint16) bool {
	if c.ks.SlotKeys(slot) > 0 {
		return false
	}
	c.ks.LockSlot(slot)
	defer c.ks.UnlockSlot(slot)
	return c.positions.Get(slot) == replication.Position{}
}

// followers answers the streams to the nodes of a map, by place there.
func (c *Copies) followers(m *ring.Map) []follower {
	list := make([]follower, len(m.Nodes))
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range m.Nodes {
		if s := c.mu.streams[m.Nodes[i].ID]; s != nil {
			list[i] = s.sender
		}
	}
	return list
}

// each calls fn with every stream to a replica.
func (c *Copies) each(fn func(*stream)) {
	if o := c.out.Load(); o != nil {
		for _, s := range o.sets[0] {
			fn(s)
		}
	}
}

// setMap follows the map. When it returns, loops may serve the slots that this node has gained by m.
func (c *Copies) setMap(m *ring.Map) {
	c.received.SetMap(m, c.opt.Self)
	o := &outgoing{m: m, self: m.IndexOf(c.opt.Self)}
	if o.self != ring.None && m.Nodes[o.self].Incarnation != c.opt.Incarnation {
		// What the map says is of an earlier process. It may be old, and copies that it takes for incomplete be complete since: streams
		// would begin full syncs of nothing over them.
		o.self = ring.None
	}
	c.begin(o)
	all := c.connect(o)
	sets := map[[ring.MaxReplicas]ring.Index]uint16{}
	o.sets = [][]*stream{all}
	none := uint16(1)
	o.sets = append(o.sets, nil)
	for slot := range m.Slots {
		e := &m.Slots[slot]
		if e.Primary != o.self || e.ReplicaCount == 0 {
			o.of[slot] = none
			continue
		}
		at, known := sets[e.Replicas]
		if !known {
			at = uint16(len(o.sets))
			sets[e.Replicas] = at
			var set []*stream
			for _, r := range e.Copies() {
				set = append(set, c.stream(m.ID(r)))
			}
			o.sets = append(o.sets, set)
		}
		o.of[slot] = at
	}
	// Effects go by m before a stream attaches a slot by it: else one that comes between would be counted, and sent to nobody.
	c.out.Store(o)
	for _, s := range all {
		s.sender.SetPeer(m.Node(m.IndexOf(s.id)).Incarnation)
		s.sender.SetMap(m)
	}
	c.epoch.Store(m.Epoch)
	for _, s := range all {
		c.srv.post(s.l, s.pump)
	}
}

// begin empties the slots that this node has been given anew since their data were lost, whatever it has of them.
func (c *Copies) begin(o *outgoing) {
	for slot := range o.m.Slots {
		e := &o.m.Slots[slot]
		if !e.Fresh || e.Primary != o.self || o.self == ring.None || e.Epoch <= c.epoch.Load() {
			continue
		}
		c.ks.LockSlot(uint16(slot))
		c.ks.FlushSlot(uint16(slot))
		c.positions.Clear(uint16(slot))
		c.requests.Forget(uint16(slot))
		c.ks.UnlockSlot(uint16(slot))
	}
}

func (c *Copies) stream(id ring.NodeID) *stream {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.streams[id]
}

// connect makes the streams that a map needs, has every loop know them, and ends those to nodes that have left.
func (c *Copies) connect(o *outgoing) (all []*stream) {
	needed := map[ring.NodeID]bool{}
	for slot := range o.m.Slots {
		if e := &o.m.Slots[slot]; e.Primary == o.self && o.self != ring.None {
			for _, r := range e.Copies() {
				needed[o.m.ID(r)] = true
			}
		}
	}
	var made, ended []*stream
	c.mu.Lock()
	for id := range needed {
		if c.mu.streams[id] == nil {
			s := newStream(c, id)
			c.mu.streams[id] = s
			made = append(made, s)
		}
	}
	for id, s := range c.mu.streams {
		if o.m.IndexOf(id) == ring.None {
			delete(c.mu.streams, id)
			c.mu.ended += s.sender.End()
			ended = append(ended, s)
		} else {
			all = append(all, s)
		}
	}
	c.mu.Unlock()
	if len(made) > 0 {
		c.srv.refollow() // before a claim of theirs can be made: replies wait for them from then on
	}
	for _, s := range ended {
		s.end()
	}
	for _, s := range all {
		s.setAddr(o.m.Node(o.m.IndexOf(s.id)).Bus)
	}
	return all
}

// refollow has every loop look up the streams anew.
func (s *Server) refollow() {
	for _, l := range s.loops {
		s.post(l, func() { l.followers = s.copies.followers(l.m) })
	}
	s.barrier()
}

// Report adds to a node's report what it says of its replicas, and whether it is leaving.
func (s *Server) Report(r *control.Report) {
	r.Leaving = s.leaving.Load()
	s.copies.report(r)
}

// Heard follows a report that the leader has heard; see control.Config.
func (s *Server) Heard(r control.Report) { s.copies.heard(r) }

func (c *Copies) report(r *control.Report) {
	r.CopiesEpoch = c.epoch.Load() // before the streams are asked, which may have a newer map
	c.each(func(s *stream) {
		synced, behind, n := s.sender.Report()
		if r.Numbers == nil {
			r.Numbers = map[ring.NodeID]uint64{}
		}
		r.Numbers[s.id] = n
		if synced != nil {
			if r.Synced == nil {
				r.Synced = map[ring.NodeID]control.SlotSet{}
			}
			if r.Incarnations == nil {
				r.Incarnations = map[ring.NodeID]uint64{}
			}
			r.Synced[s.id] = slotSet(synced)
			r.Incarnations[s.id] = s.sender.State().Incarnation
		}
		if behind != nil {
			if r.Behind == nil {
				r.Behind = map[ring.NodeID]control.SlotSet{}
			}
			r.Behind[s.id] = slotSet(behind)
		}
	})
}

func (c *Copies) heard(r control.Report) {
	m := c.srv.opt.Cluster.Map()
	if c.epoch.Load() < m.Epoch {
		return // the streams do not know yet what that map says: a later report will do
	}
	c.each(func(s *stream) {
		if n := r.Numbers[s.id]; n > 0 {
			s.sender.Heard(n)
		}
	})
}

// slotSet is a set as reports have it.
func slotSet(set *ring.SlotSet) control.SlotSet {
	var out control.SlotSet
	for slot := range ring.Slots {
		if set.Has(uint16(slot)) {
			out.Add(uint16(slot))
		}
	}
	return out
}
