package control

import (
	"testing"

	"ringcache/ring"
)

// TestFormedComesFirst: nobody can have seen a map of a cluster before Formed was told of it, and it is told once.
func TestFormedComesFirst(t *testing.T) {
	var told []uint64
	n := &Node{}
	n.cur.Store(ring.NewMap())
	n.pub.marks = map[uint16]bool{}
	n.cfg.Formed = func(m *ring.Map) {
		if seen := n.Map(); seen.ClusterID != "" {
			t.Errorf("the map of epoch %d is seen already", seen.Epoch)
		}
		if m.HashKey.IsZero() {
			t.Error("there is no hash key")
		}
		told = append(told, m.Epoch)
	}
	node := ring.Node{ID: ring.NewNodeID(), Addr: "127.0.0.1:7000", Bus: "127.0.0.1:17000", Weight: 1}
	m := ring.NewMap()
	for _, change := range []ring.Change{
		ring.AddNode{Node: node},
		ring.Form{ClusterID: "c", HashKey: ring.NewHashKey()},
		ring.SetDraining{ID: node.ID, Draining: true},
	} {
		next, err := m.Apply(change)
		if err != nil {
			t.Fatal(err)
		}
		m = next
		n.publish(m)
		n.publish(m) // it comes from Raft and with a lease
	}
	if len(told) != 1 || told[0] != 2 {
		t.Errorf("told of the maps %v, want only that of epoch 2", told)
	}
}
