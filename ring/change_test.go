package ring

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// three is a formed cluster of three nodes; the first is primary of all slots with the second as replica in sync.
func three(t testing.TB) (*Map, [3]NodeID) {
	t.Helper()
	members := testMembers(1, 3)
	slices.SortFunc(members, func(a, b Member) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	ids := [3]NodeID{members[0].ID, members[1].ID, members[2].ID}
	m := withNodes(t, NewMap(), members...)
	m = must(m.Apply(Form{"c1", HashKey{7: 9}}, SetSlots{
		Slots: []SlotRange{{0, Slots - 1}}, Primary: ids[0], Add: []NodeID{ids[1]}, InSync: []NodeID{ids[1]},
	}))(t)
	return m, ids
}

func TestSetSlots(t *testing.T) {
	m, id := three(t)
	one := []SlotRange{{7, 7}}
	empty := [MaxReplicas]Index{None, None, None, None}
	with := func(list ...Index) [MaxReplicas]Index {
		r := empty
		copy(r[:], list)
		return r
	}
	for name, test := range map[string]struct {
		steps []Change
		want  Slot
		err   error
	}{
		"promote in sync": {
			[]Change{SetSlots{Slots: one, From: id[0], Primary: id[1]}},
			Slot{Primary: 1, Next: None, Replicas: empty, Epoch: 3},
			nil,
		},
		"swap roles": {
			[]Change{SetSlots{Slots: one, From: id[0], Term: 2, Primary: id[1], Add: id[:1], InSync: id[:1]}},
			Slot{Primary: 1, Next: None, Replicas: with(0), ReplicaCount: 1, InSync: 1, Epoch: 3},
			nil,
		},
		"handoff": {
			[]Change{SetSlots{Slots: one, From: id[0], Next: id[2]}},
			Slot{Primary: 0, Next: 2, Replicas: with(1), ReplicaCount: 1, InSync: 1, Epoch: 2},
			nil,
		},
		"handoff done": {
			[]Change{SetSlots{Slots: one, From: id[0], Next: id[2]}, SetSlots{Slots: one, From: id[0], Primary: id[2]}},
			Slot{Primary: 2, Next: None, Replicas: with(1), ReplicaCount: 1, Fresh: true, Epoch: 3},
			nil,
		},
		"handoff off": {
			[]Change{SetSlots{Slots: one, From: id[0], Next: id[2]}, SetSlots{Slots: one, From: id[0], ClearNext: true}},
			Slot{Primary: 0, Next: None, Replicas: with(1), ReplicaCount: 1, InSync: 1, Epoch: 2},
			nil,
		},
		"replace replica": {
			[]Change{SetSlots{Slots: one, From: id[0], Drop: id[1:2], Add: id[2:]}},
			Slot{Primary: 0, Next: None, Replicas: with(2), ReplicaCount: 1, Epoch: 2},
			nil,
		},
		"drop keeps the bits of others": {
			[]Change{
				SetSlots{Slots: one, From: id[0], Add: id[2:], InSync: id[2:]},
				SetSlots{Slots: one, From: id[0], Drop: id[1:2]},
			},
			Slot{Primary: 0, Next: None, Replicas: with(2), ReplicaCount: 1, InSync: 1, Epoch: 2},
			nil,
		},
		"again": {
			[]Change{SetSlots{Slots: one, From: id[0], Add: id[1:2], Drop: id[2:]}},
			Slot{Primary: 0, Next: None, Replicas: with(1), ReplicaCount: 1, InSync: 1, Epoch: 2},
			nil,
		},
		"out of sync": {
			[]Change{SetSlots{Slots: one, From: id[0], OutOfSync: id[1:2]}},
			Slot{Primary: 0, Next: None, Replicas: with(1), ReplicaCount: 1, Epoch: 2},
			nil,
		},
		"new term of the same": {
			[]Change{SetSlots{Slots: one, From: id[0], Primary: id[0]}},
			Slot{Primary: 0, Next: None, Replicas: with(1), ReplicaCount: 1, InSync: 1, Epoch: 3},
			nil,
		},
		"forced": {
			[]Change{SetSlots{Slots: one, From: id[0], Primary: id[2], Force: true}},
			Slot{Primary: 2, Next: None, Replicas: with(1), ReplicaCount: 1, Fresh: true, Epoch: 3},
			nil,
		},
		"given up where it is": {
			[]Change{SetSlots{Slots: one, From: id[0], Primary: id[0], Force: true}},
			Slot{Primary: 0, Next: None, Replicas: with(1), ReplicaCount: 1, Fresh: true, Epoch: 3},
			nil,
		},
		"fresh no more": {
			[]Change{
				SetSlots{Slots: one, From: id[0], Primary: id[0], Force: true, InSync: id[1:2]},
				SetSlots{Slots: one, From: id[0], Primary: id[1]},
			},
			Slot{Primary: 1, Next: None, Replicas: empty, Epoch: 3},
			nil,
		},
		"unsafe":           {[]Change{SetSlots{Slots: one, From: id[0], Primary: id[2]}}, Slot{}, ErrUnsafe},
		"stale primary":    {[]Change{SetSlots{Slots: one, From: id[1], Add: id[2:]}}, Slot{}, ErrStale},
		"stale unassigned": {[]Change{SetSlots{Slots: one, Primary: id[2]}}, Slot{}, ErrStale},
		"stale term":       {[]Change{SetSlots{Slots: one, From: id[0], Term: 1, Add: id[2:]}}, Slot{}, ErrStale},
		"drop and promote": {[]Change{SetSlots{Slots: one, From: id[0], Primary: id[1], Drop: id[1:2]}}, Slot{}, ErrChange},
		"handoff to self":  {[]Change{SetSlots{Slots: one, From: id[0], Next: id[0]}}, Slot{}, ErrChange},
		"own replica":      {[]Change{SetSlots{Slots: one, From: id[0], Add: id[:1]}}, Slot{}, ErrChange},
		"in sync, no copy": {[]Change{SetSlots{Slots: one, From: id[0], InSync: id[2:]}}, Slot{}, ErrChange},
		"unknown node":     {[]Change{SetSlots{Slots: one, From: id[0], Next: NewNodeID()}}, Slot{}, ErrChange},
		"no slots":         {[]Change{SetSlots{From: id[0]}}, Slot{}, ErrChange},
		"slot too large":   {[]Change{SetSlots{Slots: []SlotRange{{0, Slots}}, From: id[0]}}, Slot{}, ErrChange},
		"overlap":          {[]Change{SetSlots{Slots: []SlotRange{{0, 5}, {5, 6}}, From: id[0]}}, Slot{}, ErrChange},
		"empty batch":      {nil, Slot{}, ErrChange},
	} {
		t.Run(name, func(t *testing.T) {
			before := m.clone()
			next, err := m.Apply(test.steps...)
			if !errors.Is(err, test.err) || (err == nil) != (test.err == nil) {
				t.Fatalf("error %v, want %v", err, test.err)
			}
			if !same(before, m) {
				t.Fatal("the old map has changed")
			}
			if err != nil {
				return
			}
			if diff := cmp.Diff(test.want, next.Slots[7]); diff != "" {
				t.Error(diff)
			}
			if next.Slots[8] != m.Slots[8] || next.Epoch != m.Epoch+1 {
				t.Error("another slot or more than one epoch has changed")
			}
			if err := next.Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestReplicaLimit(t *testing.T) {
	members := testMembers(2, 6)
	m := withNodes(t, NewMap(), members...)
	var ids []NodeID
	for _, n := range m.Nodes {
		ids = append(ids, n.ID)
	}
	all := []SlotRange{{0, Slots - 1}}
	m = must(m.Apply(SetSlots{Slots: all, Primary: ids[0], Add: ids[1:5]}))(t)
	if _, err := m.Apply(SetSlots{Slots: all, From: ids[0], Add: ids[5:]}); !errors.Is(err, ErrChange) {
		t.Fatalf("a fifth replica: %v", err)
	}
}

func TestNodeChanges(t *testing.T) {
	m, id := three(t)
	if _, err := m.Apply(RemoveNode{id[0]}); !errors.Is(err, ErrInUse) {
		t.Errorf("removing a primary: %v", err)
	}
	if _, err := m.Apply(RemoveNode{id[1]}); !errors.Is(err, ErrInUse) {
		t.Errorf("removing a replica: %v", err)
	}
	handoff := SetSlots{Slots: []SlotRange{{1, 1}}, From: id[0], Next: id[2]}
	if _, err := m.Apply(handoff, RemoveNode{id[2]}); !errors.Is(err, ErrInUse) {
		t.Errorf("removing a handoff's target: %v", err)
	}
	if _, err := m.Apply(AddNode{m.Nodes[0]}); !errors.Is(err, ErrChange) {
		t.Errorf("adding a member: %v", err)
	}
	if _, err := m.Apply(AddNode{Node{ID: NewNodeID(), Addr: "a b:1"}}); !errors.Is(err, ErrNode) {
		t.Errorf("adding a bad node: %v", err)
	}
	if _, err := m.Apply(Form{ClusterID: "c2"}); !errors.Is(err, ErrForm) {
		t.Errorf("forming twice: %v", err)
	}
	for _, c := range []Change{RemoveNode{NewNodeID()}, SetDraining{ID: NewNodeID()}, UpdateNode{ID: NewNodeID()}} {
		if _, err := m.Apply(c); !errors.Is(err, ErrChange) {
			t.Errorf("%#v: %v", c, err)
		}
	}
	counted := must(m.Apply(UpdateNode{id[1], "h:1", "", 0, "", 7}, UpdateNode{id[1], "h:2", "", 0, "", 0}))(t)
	if n := counted.Nodes[1]; n.Incarnation != 7 || n.Addr != "h:2" {
		t.Errorf("an update without an incarnation makes it %+v", n)
	}
	if _, err := counted.Apply(UpdateNode{id[1], "h:1", "", 0, "", 6}); !errors.Is(err, ErrStale) {
		t.Errorf("an earlier incarnation: %v", err)
	}
	next := must(m.Apply(UpdateNode{id[1], "h:1", "h:2", 5, "z", 7}, SetDraining{id[1], true}, RemoveNode{id[2]}))(t)
	if diff := cmp.Diff(Node{id[1], "h:1", "h:2", 5, "z", true, 7}, next.Nodes[1]); diff != "" || len(next.Nodes) != 2 {
		t.Error(diff, len(next.Nodes))
	}
}

// TestNodesComeAndGo holds that a node's place in the list means nothing: slots follow their nodes by id.
func TestNodesComeAndGo(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		seed := rapid.Uint64().Draw(r, "seed")
		members := testMembers(seed, 6)
		m := withNodes(t, NewMap(), members[:4]...)
		for slot := range m.Slots {
			i := Index(slot % 4)
			m.Slots[slot] = Slot{i, None, [MaxReplicas]Index{(i + 1) % 4, (i + 3) % 4, None, None}, 2, uint8(slot % 3), slot%5 == 0, 1}
		}
		type names struct {
			primary  NodeID
			replicas [2]NodeID
		}
		read := func(m *Map, slot int) names {
			s := &m.Slots[slot]
			return names{m.ID(s.Primary), [2]NodeID{m.ID(s.Replicas[0]), m.ID(s.Replicas[1])}}
		}
		grown := withNodes(t, m, members[4:]...)
		shrunk := must(grown.Apply(RemoveNode{members[5].ID}, RemoveNode{members[4].ID}))(t)
		for slot := range Slots {
			if a, b := read(m, slot), read(grown, slot); a != b {
				r.Fatalf("slot %d: %v became %v", slot, a, b)
			}
		}
		if shrunk.Slots != m.Slots || grown.Validate() != nil {
			r.Fatal("adding and removing is not the same as nothing")
		}
	})
}
