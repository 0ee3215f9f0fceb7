package control

import (
	"testing"
	"time"

	"ringcache/ring"
)

// TestClaimsOfEarlierCopies: a claim that was made before a copy was dropped and added again says nothing of the copy that is there now.
func TestClaimsOfEarlierCopies(t *testing.T) {
	a, b := ring.NewNodeID(), ring.NewNodeID()
	m := ring.NewMap()
	for _, changes := range [][]ring.Change{
		{ring.Form{ClusterID: "c"}, ring.AddNode{Node: ring.Node{ID: a, Addr: "a:1", Bus: "a:2", Weight: 1, Incarnation: 1}}},
		{ring.AddNode{Node: ring.Node{ID: b, Addr: "b:1", Bus: "b:2", Weight: 1, Incarnation: 1}}},
		{ring.SetSlots{Slots: []ring.SlotRange{{Start: 0, End: ring.Slots - 1}}, Primary: a}},
		{ring.SetSlots{Slots: []ring.SlotRange{{Start: 0, End: ring.Slots - 1}}, From: a, Add: []ring.NodeID{b}}},
	} {
		var err error
		if m, err = m.Apply(changes...); err != nil {
			t.Fatal(err)
		}
	}
	var all SlotSet
	for slot := range ring.Slots {
		all.Add(uint16(slot))
	}
	for _, tc := range []struct {
		reported, since uint64
		taken           bool
	}{{m.Epoch, m.Epoch, true}, {m.Epoch - 1, m.Epoch, false}, {m.Epoch, 0, true}} {
		report := &Report{
			Epoch: m.Epoch, CopiesEpoch: tc.reported, NonEmpty: all, Synced: map[ring.NodeID]SlotSet{b: all}, Incarnations: map[ring.NodeID]uint64{b: 1},
		}
		now := 10 * time.Second
		s := State{
			Now: now, NodeTimeout: time.Second, Self: a, Map: m, Replicas: 1, Voters: map[ring.NodeID]bool{a: true, b: false},
			Nodes: map[ring.NodeID]Liveness{
				a: {LastAsked: now, Report: report, Describes: m.Node(m.IndexOf(a))},
				b: {LastAsked: now, Report: &Report{Epoch: m.Epoch}, Describes: m.Node(m.IndexOf(b))},
			},
			HandoffSince: func(int) uint64 { return 0 },
			CopiesSince:  func(int) uint64 { return tc.since },
		}
		next := m
		if changes := Decide(s).Changes; len(changes) > 0 {
			var err error
			if next, err = m.Apply(changes...); err != nil {
				t.Fatal(err)
			}
		}
		if got := next.Slots[7].IsInSync(next.IndexOf(b)); got != tc.taken {
			t.Errorf("reported at epoch %d, copies since %d: in sync %v", tc.reported, tc.since, got)
		}
	}
}
