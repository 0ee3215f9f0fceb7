package control

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"ringcache/ring"
)

// BenchmarkDecide is a decision about a settled cluster with two copies of each slot: when nothing happens, when a node is down whose
// slots fall to the others, when one has started anew, and when every primary reports all its copies complete, once more.
func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{3, 100} {
		idle := benchState(b, n)
		down, anew, claims := idle, idle, idle
		down.Nodes, anew.Nodes, claims.Nodes = maps.Clone(idle.Nodes), maps.Clone(idle.Nodes), maps.Clone(idle.Nodes)
		first := idle.Map.Nodes[0]
		down.Nodes[first.ID] = Liveness{LastAsked: idle.Now - 1100*time.Millisecond, Describes: &first, Report: &Report{Epoch: idle.Map.Epoch}}
		again := first
		again.Incarnation++
		anew.Nodes[first.ID] = Liveness{LastAsked: idle.Now, Describes: &again, Report: &Report{Epoch: idle.Map.Epoch}}
		for i := range idle.Map.Nodes {
			node := idle.Map.Nodes[i]
			r := &Report{Epoch: idle.Map.Epoch, Synced: map[ring.NodeID]SlotSet{}, Incarnations: map[ring.NodeID]uint64{}}
			for k := range idle.Map.Slots {
				slot := &idle.Map.Slots[k]
				for _, c := range slot.Copies() {
					if id := idle.Map.Nodes[c].ID; slot.Primary == ring.Index(i) {
						set := r.Synced[id]
						set.Add(uint16(k))
						r.Synced[id], r.Incarnations[id] = set, idle.Map.Nodes[c].Incarnation
					}
				}
			}
			claims.Nodes[node.ID] = Liveness{LastAsked: idle.Now, Describes: &node, Report: r}
		}
		claims.Map = outOfSync(b, idle.Map)
		for name, s := range map[string]State{"idle": idle, "down": down, "anew": anew, "claims": claims} {
			b.Run(fmt.Sprintf("%d/%s", n, name), func(b *testing.B) {
				var d Decision
				for b.Loop() {
					d = Decide(s)
				}
				if (len(d.Changes) == 0) != (name == "idle") {
					b.Fatalf("%d changes", len(d.Changes))
				}
				b.ReportMetric(float64(len(d.Changes)), "changes")
				if len(d.Changes) > 0 {
					p, err := ring.EncodeChanges(d.Changes)
					if err != nil {
						b.Fatal(err)
					}
					b.ReportMetric(float64(len(p)), "bytes")
				}
			})
		}
	}
}

// outOfSync is m with nobody in sync.
func outOfSync(b *testing.B, m *ring.Map) *ring.Map {
	b.Helper()
	var changes []ring.Change
	for i := range m.Slots {
		slot := &m.Slots[i]
		c := ring.SetSlots{Slots: []ring.SlotRange{{Start: uint16(i), End: uint16(i)}}, From: m.ID(slot.Primary)}
		for _, r := range slot.Copies() {
			c.OutOfSync = append(c.OutOfSync, m.ID(r))
		}
		changes = append(changes, c)
	}
	next, err := m.Apply(changes...)
	if err != nil {
		b.Fatal(err)
	}
	return next
}

// benchState is a cluster of n nodes, all well, where all is as the ring wants it.
func benchState(b *testing.B, n int) State {
	b.Helper()
	m := ring.NewMap()
	var changes []ring.Change
	for range n {
		changes = append(changes, ring.AddNode{Node: ring.Node{ID: ring.NewNodeID(), Addr: "h:7000", Bus: "h:17000", Weight: 1, Incarnation: 1}})
	}
	m, err := m.Apply(changes...)
	if err != nil {
		b.Fatal(err)
	}
	want, err := ring.Target(m, ring.Goal{Replicas: 2})
	if err != nil {
		b.Fatal(err)
	}
	changes = nil
	for i := range want.Slots {
		slot := &want.Slots[i]
		c := ring.SetSlots{Slots: []ring.SlotRange{{Start: uint16(i), End: uint16(i)}}, Primary: want.ID(slot.Primary)}
		for _, r := range slot.Copies() {
			c.Add = append(c.Add, want.ID(r))
		}
		c.InSync = c.Add
		changes = append(changes, c)
	}
	if m, err = m.Apply(changes...); err != nil {
		b.Fatal(err)
	}
	s := State{
		Now: time.Minute, NodeTimeout: time.Second, Replicas: 2, LostSlotsAfter: DefaultLostSlotsAfter, Map: m, Self: m.Nodes[n-1].ID,
		Nodes: map[ring.NodeID]Liveness{}, Voters: map[ring.NodeID]bool{}, HandoffSince: func(int) uint64 { return 0 },
	}
	w := newWanted()
	w.to = want
	w.fill(&s)
	for i := range m.Nodes {
		node := m.Nodes[i]
		s.Nodes[node.ID] = Liveness{LastAsked: s.Now, GrantedUntil: s.Now, Describes: &node, Report: &Report{Epoch: m.Epoch}}
		s.Voters[node.ID] = i < voterCount(n)
	}
	return s
}
