package ring

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPlanMoves(t *testing.T) {
	m, id := three(t)
	want := must(m.Apply(
		SetSlots{Slots: []SlotRange{{1, 1}}, From: id[0], Primary: id[2], Force: true, Drop: id[1:2], Add: id[:1]},
		SetSlots{Slots: []SlotRange{{2, 2}}, From: id[0], Primary: id[1], Add: id[2:]},
		SetSlots{Slots: []SlotRange{{3, 3}}, From: id[0], Drop: id[1:2]},
		SetSlots{Slots: []SlotRange{{4, 4}}, From: id[0], OutOfSync: id[1:2]},
		SetSlots{Slots: []SlotRange{{5, 5}}, From: id[0], Primary: id[1], Add: id[:1]},
	))(t)
	plan := must(Plan(m, want))(t)
	if diff := cmp.Diff([]Move{
		{Slot: 3, From: 0, To: 0, Drop: []Index{1}},
		{Slot: 5, From: 0, To: 1, Keep: true},
		{Slot: 1, From: 0, To: 2, Keep: true, Drop: []Index{1}, Load: []Index{2}},
		{Slot: 2, From: 0, To: 1, Add: []Index{2}, Load: []Index{2}},
	}, plan.Moves); diff != "" {
		t.Error(diff)
	}
	if plan.Primaries != 3 || plan.Loads != 2 || plan.Nodes[2].Load != 2 || plan.Nodes[0].Out != 3 || plan.Nodes[1].In != 2 {
		t.Errorf("sums: %+v", plan)
	}
	if b, a := plan.Nodes[0].Before.Primaries, plan.Nodes[0].After.Primaries; b != Slots || a != Slots-3 {
		t.Errorf("before %d, after %d", b, a)
	}
	if _, err := Plan(m, NewMap()); !errors.Is(err, ErrPlace) {
		t.Errorf("different nodes: %v", err)
	}
}

// TestPlanTakesTurns holds that the first moves of a plan load all receivers alike.
func TestPlanTakesTurns(t *testing.T) {
	members := testMembers(15, 5)
	m := withNodes(t, settledMap(t, members[:2], 0), members[2:]...)
	plan := must(Plan(m, must(Target(m, Goal{}))(t)))(t)
	first := make(map[Index]int)
	for _, move := range plan.Moves[:30] {
		first[move.To]++
	}
	for to, n := range first {
		if n != 10 {
			t.Errorf("node %d is the target of %d of the first 30 moves", to, n)
		}
	}
}

// planChanges is a plan carried out at one blow, as changes.
func planChanges(m *Map, plan *MovePlan) []Change {
	ids := func(list []Index) (names []NodeID) {
		for _, i := range list {
			names = append(names, m.ID(i))
		}
		return names
	}
	changes := make([]Change, 0, len(plan.Moves))
	for _, move := range plan.Moves {
		c := SetSlots{
			Slots: []SlotRange{{move.Slot, move.Slot}}, From: m.ID(move.From), Force: true,
			Drop: ids(move.Drop), Add: ids(move.Add),
		}
		if move.Moved() {
			c.Primary = m.ID(move.To)
		}
		if move.Keep {
			c.Add = append(c.Add, m.ID(move.From))
		}
		changes = append(changes, c)
	}
	return changes
}

// TestPlanLeadsThere carries plans out, through the encoding of changes, and holds that the map becomes the target.
func TestPlanLeadsThere(t *testing.T) {
	members := testMembers(16, 6)
	for replicas := range 3 {
		m := settledMap(t, members[:4], replicas)
		m = withNodes(t, m, members[4:]...)
		m = must(m.Apply(SetDraining{members[0].ID, true}))(t)
		want := must(Target(m, Goal{Replicas: replicas}))(t)
		plan := must(Plan(m, want))(t)
		changes := must(DecodeChanges(must(EncodeChanges(planChanges(m, plan)))(t)))(t)
		got := must(m.Apply(changes...))(t)
		if rest := must(Plan(got, want))(t); len(rest.Moves) > 0 {
			t.Errorf("%d copies: %d moves are left: %+v", replicas, len(rest.Moves), rest.Moves[0])
		}
		if _, err := got.Apply(RemoveNode{members[0].ID}); err != nil {
			t.Errorf("%d copies: the drained node can't go: %v", replicas, err)
		}
	}
}

func BenchmarkPlan(b *testing.B) {
	members := testMembers(1, 11)
	m := withNodes(b, settledMap(b, members[:10], 1), members[10])
	want := must(Target(m, Goal{Replicas: 1}))(b)
	b.ReportAllocs()
	for b.Loop() {
		Plan(m, want)
	}
}

// BenchmarkApply changes all slots of a cluster of ten nodes, each by a change of its own or all by one.
func BenchmarkApply(b *testing.B) {
	members := testMembers(1, 10)
	empty := withNodes(b, NewMap(), members...)
	plan := must(Plan(empty, settledMap(b, members, 1)))(b)
	each := planChanges(empty, plan)
	b.Run("16384 changes", func(b *testing.B) {
		for b.Loop() {
			empty.Apply(each...)
		}
	})
	b.Run("one change", func(b *testing.B) {
		all := SetSlots{Slots: []SlotRange{{0, Slots - 1}}, Primary: members[0].ID, Add: []NodeID{members[1].ID}}
		for b.Loop() {
			empty.Apply(all)
		}
	})
}
