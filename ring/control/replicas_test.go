package control

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ringcache/ring"
)

// syncing makes a test node say that every copy of its slots is complete, and keep what it was told to have been heard.
type syncing struct {
	node    atomic.Pointer[Node] // nil until it has started
	mu      sync.Mutex
	reports []Report
	leaving bool
	n       uint64
}

// with has a node report so.
func (y *syncing) with(x *testNode) *testNode {
	x.tune = func(cfg *Config) {
		cfg.Replicas = 1
		cfg.Heard = func(r Report) {
			y.mu.Lock()
			defer y.mu.Unlock()
			y.reports = append(y.reports, r)
		}
		cfg.Report = func() Report { return y.report(x) }
	}
	return x
}

// start starts the node, for the first time or again.
func (y *syncing) start(x *testNode) {
	y.node.Store(nil)
	x.mustStart()
	y.node.Store(x.node)
}

func (y *syncing) report(x *testNode) Report {
	r := x.report()
	y.mu.Lock()
	defer y.mu.Unlock()
	y.n++
	r.Leaving = y.leaving
	node := y.node.Load()
	if node == nil {
		return r
	}
	r.Numbers = map[ring.NodeID]uint64{node.Self(): y.n}
	r.Synced, r.Incarnations = map[ring.NodeID]SlotSet{}, map[ring.NodeID]uint64{}
	m := node.Map()
	self := m.IndexOf(node.Self())
	for i := range m.Slots {
		slot := &m.Slots[i]
		if self == ring.None || slot.Primary != self {
			continue
		}
		for _, c := range slot.Copies() {
			if !slot.IsInSync(c) {
				addTo(r.Synced, m.ID(c), uint16(i))
				r.Incarnations[m.ID(c)] = m.Nodes[c].Incarnation
			}
		}
	}
	return r
}

func addTo(sets map[ring.NodeID]SlotSet, id ring.NodeID, slot uint16) {
	set := sets[id]
	set.Add(slot)
	sets[id] = set
}

// formSyncing is a cluster with a complete copy of each slot.
func formSyncing(t *testing.T, n int) ([]*testNode, []*syncing) {
	t.Helper()
	var nodes []*testNode
	var says []*syncing
	for len(nodes) < n {
		x := newTestNode(t)
		if len(nodes) > 0 {
			x.join = []string{nodes[0].addr()}
		}
		y := &syncing{}
		nodes, says = append(nodes, y.with(x)), append(says, y)
		y.start(x)
	}
	ready(t, nodes...)
	settled(t, nodes...)
	wait(t, "a complete copy of every slot", func() bool { return complete(nodes[0].node.Map()) })
	return nodes, says
}

func complete(m *ring.Map) bool {
	for i := range m.Slots {
		if s := &m.Slots[i]; s.Next != ring.None || s.ReplicaCount != 1 || s.InSync != 1 {
			return false
		}
	}
	return true
}

// TestFailover: the slots of a node that dies have another primary within about a NodeTimeout, and those of a node that starts anew at
// once; both have complete copies again afterwards.
func TestFailover(t *testing.T) {
	nodes, says := formSyncing(t, 3)
	dead := without(nodes, leading(nodes...))[0]
	rest, deads := without(nodes, dead), says[slices.Index(nodes, dead)]
	id := dead.node.Self()
	before := dead.node.Map()
	took := func(what string) {
		t.Logf("%s after %v", what, wait(t, what, func() bool {
			m := rest[0].node.Map()
			for i := range m.Slots {
				if m.ID(m.Slots[i].Primary) == id {
					return false
				}
			}
			return true
		}))
	}
	dead.kill()
	took("other primaries than a dead node")
	after := rest[0].node.Map()
	for i := range after.Slots {
		old, now := &before.Slots[i], &after.Slots[i]
		if before.ID(old.Primary) == id && after.ID(now.Primary) != before.ID(old.Replicas[0]) && now.Fresh {
			t.Fatalf("slot %d begins anew, and %s had a complete copy", i, before.ID(old.Replicas[0]).Short())
		}
	}
	deads.start(dead)
	ready(t, dead)
	wait(t, "complete copies", func() bool { return complete(rest[0].node.Map()) })
	if got := rest[0].node.Map(); got.Nodes[got.IndexOf(id)].Incarnation != 2 {
		t.Errorf("the map has incarnation %d", got.Nodes[got.IndexOf(id)].Incarnation)
	}

	// Now its process ends, and the next one is there before anybody has missed it.
	had := dead.node.Map().Epoch
	dead.kill()
	deads.start(dead)
	ready(t, dead)
	m := rest[0].node.Map()
	if m.Nodes[m.IndexOf(id)].Incarnation != 3 {
		t.Errorf("the node has a lease, and the map has incarnation %d", m.Nodes[m.IndexOf(id)].Incarnation)
	}
	for i := range m.Slots {
		if s := &m.Slots[i]; m.ID(s.Primary) == id && s.Epoch <= had && !s.Fresh {
			t.Fatalf("slot %d is still served by the node, which has lost it", i)
		}
	}
	wait(t, "complete copies again", func() bool { return complete(rest[0].node.Map()) })
}

// TestHeard: a node is told of its reports, in order, once each, and only with a lease.
func TestHeard(t *testing.T) {
	_, says := formSyncing(t, 2)
	for _, y := range says {
		wait(t, "several reports heard", func() bool {
			y.mu.Lock()
			defer y.mu.Unlock()
			return len(y.reports) > 5
		})
		y.mu.Lock()
		last := uint64(0)
		for _, r := range y.reports {
			for _, n := range r.Numbers {
				if n <= last {
					t.Errorf("report %d is heard after report %d", n, last)
				}
				last = n
			}
		}
		y.mu.Unlock()
	}
}

// TestLeaving: a node that says so hands over what others have, and the view tells it when nothing is left; Failover does the same for
// a node that stays.
func TestLeaving(t *testing.T) {
	nodes, says := formSyncing(t, 3)
	for _, x := range nodes {
		x.mu.Lock()
		clear(x.keys)
		x.mu.Unlock()
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	id := nodes[1].node.Self()
	if n, err := nodes[2].node.Failover(ctx, id); err != nil || n.Slots < 5000 || n.Stuck != 0 {
		t.Errorf("a failover of %d slots, %v", n, err)
	}
	if n, err := nodes[0].node.Failover(ctx, ring.NewNodeID()); err == nil {
		t.Errorf("a failover of no node: %d slots", n)
	}
	says[1].mu.Lock()
	says[1].leaving = true
	says[1].mu.Unlock()
	nodes[1].node.Kick()
	took := wait(t, "nothing left to hand over", func() bool {
		v := nodes[1].node.View().Nodes[id]
		return v.Leaving && v.ToHandOver == 0
	})
	t.Logf("handed over after %v", took)
	wait(t, "all slots elsewhere", func() bool { return nodes[1].slots() == 0 })
}

// TestDrain: a node that is drained hands over all that it is primary of, keys or none, and stays so until the mark is taken away.
func TestDrain(t *testing.T) {
	nodes, _ := formSyncing(t, 3)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	id := nodes[1].node.Self()
	h, err := nodes[2].node.Drain(ctx, id, true)
	if err != nil || h.Slots < 5000 || h.Stuck != 0 {
		t.Fatalf("a drain of %+v, %v", h, err)
	}
	done := func() bool {
		v := nodes[0].node.View().Nodes[id]
		return v.State == StateDraining && v.ToHandOver == 0 && nodes[1].slots() == 0 && complete(nodes[0].node.Map())
	}
	wait(t, "all slots elsewhere, each with a copy", done)
	if h, err = nodes[1].node.Drain(ctx, id, true); err != nil || h != (Handover{}) {
		t.Errorf("again: %+v, %v", h, err)
	}
	if _, err := nodes[0].node.Drain(ctx, ring.NewNodeID(), true); err == nil {
		t.Error("a drain of no node")
	}
	wait(t, "it to stay so", done)
	for _, x := range nodes {
		x.mu.Lock()
		clear(x.keys)
		x.mu.Unlock()
	}
	if _, err := nodes[2].node.Drain(ctx, id, false); err != nil {
		t.Fatal(err)
	}
	wait(t, "empty slots to come back", func() bool {
		return nodes[2].node.View().Nodes[id].State == StateUp && nodes[1].slots() > 5000
	})
}

// TestDrainWithoutCopies: where nobody else has a node's slots in sync nothing is changed.
func TestDrainWithoutCopies(t *testing.T) {
	s := State{Map: ring.NewMap(), Nodes: map[ring.NodeID]Liveness{}, NodeTimeout: time.Second, Now: time.Hour}
	s.Map.Epoch, s.Map.ClusterID = 3, "x"
	for i := range 2 {
		n := ring.Node{ID: ring.NodeID(fmt.Sprintf("%040x", i+1)), Addr: "a:1", Bus: "a:2", Weight: 1}
		s.Map.Nodes = append(s.Map.Nodes, n)
		s.Nodes[n.ID] = Liveness{LastAsked: s.Now, Describes: &n, Report: &Report{Epoch: 3}}
	}
	for i := range s.Map.Slots {
		e := &s.Map.Slots[i]
		e.Primary, e.Epoch = ring.Index(i%2), 1
		if i%4 < 2 {
			e.Replicas[0], e.ReplicaCount, e.InSync = ring.Index(1-i%2), 1, 1
		}
	}
	id := s.Map.Nodes[0].ID
	changes, h, err := s.drain(id, true)
	if changes != nil || h != (Handover{Slots: 4096, Stuck: 4096}) || !errors.Is(err, errStuck) {
		t.Errorf("%d changes, %+v, %v", len(changes), h, err)
	}
	changes, h, err = s.failover(id)
	if len(changes) == 0 || h != (Handover{Slots: 4096, Stuck: 4096}) || err != nil {
		t.Errorf("a failover: %d changes, %+v, %v", len(changes), h, err)
	}
	s.Map.Nodes[1].Draining = true
	if changes, _, err := s.drain(id, true); changes != nil || !errors.Is(err, errNowhere) {
		t.Errorf("with nobody to take over: %v, %v", changes, err)
	}
	if changes, _, err := s.drain(id, false); changes != nil || err != nil {
		t.Errorf("taking away a mark that is not there: %v, %v", changes, err)
	}
}

// TestOldCopyOfADirectory: a node whose directory was put back from a copy gets no lease, and is told why.
func TestOldCopyOfADirectory(t *testing.T) {
	l := &leadership{n: &Node{}}
	m, err := ring.NewMap().Apply(ring.AddNode{Node: ring.Node{ID: id("a"), Addr: "h:7000", Bus: "h:17000", Weight: 1, Incarnation: 7}})
	if err != nil {
		t.Fatal(err)
	}
	l.n.cur.Store(m)
	node := m.Nodes[0]
	node.Incarnation = 6
	_, err = l.lease(context.Background(), leaseRequest{Node: node})
	if err == nil || errors.Is(err, errNotMember) {
		t.Errorf("it is answered %v", err)
	}
}

// TestOvertakenReports: what a request says that was long on its way counts for nothing once a later one has come, nor do claims that
// were made to another leader.
func TestOvertakenReports(t *testing.T) {
	l := &leadership{n: &Node{}, term: 4, events: make(chan struct{}, 1)}
	l.n.cfg.NodeTimeout = time.Second
	l.mu.nodes = map[ring.NodeID]*Liveness{}
	claim := func(inc, number, term uint64) bool {
		return l.note(0, leaseRequest{
			Node: ring.Node{ID: id("a"), Incarnation: inc}, Number: number, Term: term,
			Report: Report{PID: int(number), Synced: map[ring.NodeID]SlotSet{id("b"): {1}}},
		})
	}
	for _, step := range []struct {
		inc, number, term uint64
		noted, counts     bool
	}{
		{1, 1, 0, true, false},
		{1, 2, 4, true, true},
		{1, 2, 4, true, true}, // the same once more, over another connection
		{1, 1, 4, false, true},
		{1, 4, 3, true, false},
		{1, 3, 4, false, false},
		{2, 1, 4, true, true},
		{1, 9, 4, false, true},
	} {
		before := l.mu.nodes[id("a")]
		var was *Report
		if before != nil {
			was = before.Report
		}
		noted := claim(step.inc, step.number, step.term)
		now := l.mu.nodes[id("a")].Report
		if noted != step.noted || (len(now.Synced) > 0) != step.counts || !noted && now != was {
			t.Errorf("request %d of process %d in term %d: noted %v, claims %v", step.number, step.inc, step.term, noted, now.Synced)
		}
	}
}
