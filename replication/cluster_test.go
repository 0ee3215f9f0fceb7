package replication

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ringcache/ring"
)

const testTimeout = time.Second

// testNode is what a server makes of the package, on one goroutine.
type testNode struct {
	id          ring.NodeID
	incarnation uint64
	up          bool
	buffer      int
	ks          *keyspace
	pos         *Positions
	req         *Requests
	recv        *Received
	m           *ring.Map
	out         map[ring.NodeID]*testLink // streams to others
}

// testLink is a Sender, and its connection: bytes under way in both directions, and what each end has left.
type testLink struct {
	s        *Sender
	to       *testNode
	r        *Receiver // nil: there is no connection
	down, up []byte
	restR    []byte
	restS    []byte
	sent     int // bytes of the stream that were taken
}

func nodeID(i int) ring.NodeID { return ring.NodeID(fmt.Sprintf("%040x", i+1)) }

// testCluster is nodes with one map, whose changes each node adopts when it is told to.
type testCluster struct {
	t     testing.TB
	now   time.Duration
	nodes []*testNode
	m     *ring.Map
}

func newCluster(t testing.TB, nodes int) *testCluster {
	c := &testCluster{t: t, now: time.Hour, m: ring.NewMap()}
	for i := range nodes {
		n := &testNode{id: nodeID(i), buffer: 1 << 20}
		c.nodes = append(c.nodes, n)
		c.commit(ring.AddNode{Node: ring.Node{ID: n.id, Addr: "127.0.0.1:7000", Bus: "127.0.0.1:17000", Incarnation: 1}})
		c.start(n)
	}
	return c
}

func (c *testCluster) commit(changes ...ring.Change) {
	c.t.Helper()
	m, err := c.m.Apply(changes...)
	if err != nil {
		c.t.Fatal(err)
	}
	c.m = m
}

// assign gives slots to the first node, with copies at the others, in sync.
func (c *testCluster) assign(slots ...uint16) {
	var others []ring.NodeID
	for _, n := range c.nodes[1:] {
		others = append(others, n.id)
	}
	for _, slot := range slots {
		c.commit(ring.SetSlots{Slots: one(slot), Primary: c.nodes[0].id, Add: others, InSync: others})
	}
}

func one(slot uint16) []ring.SlotRange { return []ring.SlotRange{{Start: slot, End: slot}} }

// start begins a node's life with an empty memory.
func (c *testCluster) start(n *testNode) {
	n.incarnation++
	n.up, n.m = true, nil
	n.ks, n.pos, n.req, n.recv = newKeyspace(c.t), new(Positions), new(Requests), new(Received)
	n.out = map[ring.NodeID]*testLink{}
	for _, to := range c.nodes {
		if to != n {
			c.sender(n, to)
			if l := to.out[n.id]; l != nil {
				c.cut(l, true)
			} else if to.up {
				c.sender(to, n)
			}
		}
	}
}

func (c *testCluster) sender(n, to *testNode) {
	n.out[to.id] = &testLink{to: to, s: NewSender(SenderOptions{
		Self: n.id, Peer: to.id, Incarnation: n.incarnation, Buffer: n.buffer, NodeTimeout: testTimeout,
		Source: n.ks, Positions: n.pos, Requests: n.req,
	})}
}

func (c *testCluster) stop(n *testNode) {
	n.up = false
	for _, l := range n.out {
		c.cut(l, true)
	}
	for _, from := range c.nodes {
		if l := from.out[n.id]; l != nil {
			c.cut(l, true)
		}
	}
}

// setMap does what a server does for each stream.
func (l *testLink) setMap(m *ring.Map) {
	l.s.SetPeer(m.Node(m.IndexOf(l.to.id)).Incarnation)
	l.s.SetMap(m)
}

// adopt has a node go by the newest map, in the order in which a server does.
func (c *testCluster) adopt(n *testNode) {
	n.m = c.m
	n.recv.SetMap(n.m, n.id)
	for _, l := range n.out {
		l.setMap(n.m)
	}
	self := n.m.IndexOf(n.id)
	for slot := range n.ks.slots {
		s := &n.m.Slots[slot]
		if n.ks.slots[slot] != nil && s.Primary != self && s.ReplicaAt(self) < 0 {
			n.ks.Lock(uint16(slot))
			n.ks.Clear(uint16(slot))
			n.pos.Clear(uint16(slot))
			n.req.Forget(uint16(slot))
			n.ks.Unlock(uint16(slot))
		}
	}
}

func (c *testCluster) adoptAll() {
	for _, n := range c.nodes {
		if n.up {
			c.adopt(n)
		}
	}
}

// dial makes a connection.
func (c *testCluster) dial(n *testNode, l *testLink) {
	if l.r != nil || !n.up {
		return
	}
	if !l.to.up {
		l.s.Closed(c.now, true)
		return
	}
	l.r = NewReceiver(ReceiverOptions{
		Self: l.to.id, Peer: n.id, Incarnation: l.to.incarnation, Target: l.to.ks, Positions: l.to.pos, Requests: l.to.req, Received: l.to.recv,
	})
	l.s.Open(c.now)
}

func (c *testCluster) cut(l *testLink, refused bool) {
	l.r, l.down, l.up, l.restR, l.restS = nil, nil, nil, nil, nil
	l.s.Closed(c.now, refused)
}

// take moves what the sender has onto the wire.
func (c *testCluster) take(l *testLink, limit int) {
	if l.r != nil {
		was := len(l.down)
		l.down = l.s.Take(l.down, limit)
		l.sent += len(l.down) - was
	}
}

// deliver gives the receiver n bytes of what is on the wire.
func (c *testCluster) deliver(l *testLink, n int) {
	if l.r == nil {
		return
	}
	n = min(n, len(l.down))
	p := slices.Concat(l.restR, l.down[:n])
	l.down = l.down[n:]
	rest, out, err := l.r.Receive(p, nil, c.now)
	l.restR = slices.Clone(rest)
	l.up = append(l.up, out...)
	c.closeOn(l, err)
}

// back gives the sender n bytes of what comes back.
func (c *testCluster) back(l *testLink, n int) {
	if l.r == nil {
		return
	}
	n = min(n, len(l.up))
	p := slices.Concat(l.restS, l.up[:n])
	l.up = l.up[n:]
	rest, err := l.s.Receive(p, c.now)
	l.restS = slices.Clone(rest)
	c.closeOn(l, err)
}

// closeOn closes a connection after an error. Only those that the package speaks of come from two honest ends.
func (c *testCluster) closeOn(l *testLink, err error) {
	c.t.Helper()
	if err == nil {
		return
	}
	if text := err.Error(); !strings.HasPrefix(text, ErrReplaced.Error()) && err != ErrOverflow && err != ErrSilent {
		c.t.Fatalf("a connection breaks: %v", err)
	}
	c.cut(l, false)
}

// settle runs everything until nothing is left to do.
func (c *testCluster) settle() {
	c.t.Helper()
	for range 10000 {
		idle := true
		for _, n := range c.nodes {
			for _, l := range n.out {
				if !n.up {
					continue
				}
				if l.s.Broken() != nil {
					c.cut(l, false)
				}
				c.dial(n, l)
				if l.s.NeedsSync() {
					l.s.Sync(c.now, 1<<14)
				}
				c.take(l, 1<<20)
				if len(l.down)+len(l.up) > 0 || l.r != nil && l.s.NeedsSync() {
					idle = false
				}
				c.deliver(l, len(l.down))
				c.back(l, len(l.up))
			}
		}
		if idle {
			return
		}
	}
	c.t.Fatal("it does not settle")
}

// pass has time pass, with ticks.
func (c *testCluster) pass(d time.Duration) {
	for ; d > 0; d -= testTimeout / 10 {
		c.now += testTimeout / 10
		for _, n := range c.nodes {
			for _, l := range n.out {
				if n.up {
					l.s.Tick(c.now)
				}
			}
		}
	}
}

// run executes a command at a node, and answers the links that its reply waits for, with their offsets.
func (n *testNode) run(slot uint16, db int, id RequestID, w ...string) map[*testLink]uint64 {
	n.ks.Lock(slot)
	defer n.ks.Unlock(slot)
	syncing := false
	for _, l := range n.out {
		syncing = syncing || l.s.Syncing(slot)
	}
	var run []byte
	effects := n.ks.effects(slot, db, syncing, w...)
	for i, e := range effects {
		n.pos.Next(slot, n.m.Slots[slot].Epoch)
		if i == len(effects)-1 {
			run = AppendEffect(run, slot, db, words(e...), id, []byte("+"+w[len(w)-1]))
		} else {
			run = AppendEffect(run, slot, db, words(e...), RequestID{}, nil)
		}
	}
	Chain(run)
	n.req.Done(id, slot, []byte("+"+w[len(w)-1]))
	for _, l := range n.out {
		l.s.Append(slot, run)
		if w[0] == "SWAPDB" {
			l.s.Restart(slot)
		}
	}
	return n.waits(slot)
}

func (n *testNode) waits(slot uint16) map[*testLink]uint64 {
	waits := map[*testLink]uint64{}
	for _, l := range n.out {
		if l.s.Waits(slot) {
			waits[l] = l.s.Last(slot)
		}
	}
	return waits
}

// released reports whether a reply may leave.
func released(waits map[*testLink]uint64) bool {
	for l, last := range waits {
		if l.s.Acked() < last {
			return false
		}
	}
	return true
}

// equal checks that a copy is that of the primary.
func (c *testCluster) equal(slot uint16, a, b *testNode) {
	c.t.Helper()
	if pa, pb := a.pos.Get(slot), b.pos.Get(slot); !pa.same(pb) {
		c.t.Fatalf("slot %d: positions %v and %v", slot, pa, pb)
	}
	if x, y := a.ks.text(slot), b.ks.text(slot); x != y {
		c.t.Fatalf("slot %d:\n%s\nis not\n%s", slot, x, y)
	}
}
