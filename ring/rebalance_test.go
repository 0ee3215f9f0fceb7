package ring

import (
	"errors"
	"testing"
)

// joined is a settled cluster of four nodes of which the last has just come, and where slots are to be.
func joined(t testing.TB) (cur, want *Map, plan *MovePlan) {
	t.Helper()
	cur = withNodes(t, settledMap(t, testMembers(3, 3), 1), testMembers(3, 4)[3])
	want = must(Target(cur, Goal{Replicas: 1}))(t)
	return cur, want, must(Plan(cur, want))(t)
}

// TestRebalance leads a cluster from one map to the other, goal by goal, and looks at the progress.
func TestRebalance(t *testing.T) {
	cur, want, plan := joined(t)
	r := NewRebalance(want, plan.Moves, func(slot uint16) int64 { return int64(slot) + 1 }, 5<<20, 1000)
	m := must(cur.Apply(StartRebalance{r}))(t)
	if !m.Rebalance.Running() || m.Rebalance.ID != m.Epoch || m.Rebalance.Slots != len(plan.Moves) {
		t.Fatalf("it begins as %v %d of %d slots", m.Rebalance.State, m.Rebalance.ID, m.Rebalance.Slots)
	}
	if p := m.Progress(); p != (Progress{}) {
		t.Errorf("progress at the beginning: %+v", p)
	}
	if _, err := m.Apply(StartRebalance{r}); !errors.Is(err, ErrRebalance) {
		t.Errorf("a second one: %v", err)
	}
	bytes := int64(0)
	for i, mv := range plan.Moves {
		if i == len(plan.Moves)/2 {
			if p := m.Progress(); p.Slots != i || p.Bytes != bytes {
				t.Fatalf("progress after %d slots and %d bytes: %+v", i, bytes, p)
			}
		}
		s, w := &m.Slots[mv.Slot], &want.Slots[mv.Slot]
		set := SetSlots{Slots: []SlotRange{{mv.Slot, mv.Slot}}, From: m.ID(s.Primary)}
		for _, c := range w.Copies() {
			set.Add, set.InSync = append(set.Add, m.ID(c)), append(set.InSync, m.ID(c))
		}
		for _, c := range s.Copies() {
			if w.ReplicaAt(c) < 0 && c != w.Primary {
				set.Drop = append(set.Drop, m.ID(c))
			}
		}
		if mv.Moved() {
			set.Primary, set.Force = m.ID(w.Primary), true
		}
		m = must(m.Apply(set))(t)
		bytes += (int64(mv.Slot) + 1) * int64(len(mv.Load))
	}
	if p := m.Progress(); p.Slots != len(plan.Moves) || p.Bytes != bytes || bytes != m.Rebalance.Bytes {
		t.Errorf("progress at the end: %+v of %d slots and %d bytes", p, len(plan.Moves), bytes)
	}
	id := m.Rebalance.ID
	if _, err := m.Apply(EndRebalance{ID: id + 1}); !errors.Is(err, ErrRebalance) {
		t.Errorf("the end of another: %v", err)
	}
	m = must(m.Apply(EndRebalance{ID: id, At: 3000}))(t)
	if r := m.Rebalance; r.State != RebalanceDone || r.Ended != 3000 || r.SlotsDone != r.Slots || r.BytesDone != bytes || r.Goals != nil {
		t.Errorf("it has ended as %+v", r)
	}
	if _, err := m.Apply(EndRebalance{ID: id}); !errors.Is(err, ErrRebalance) {
		t.Errorf("its end a second time: %v", err)
	}
	if err := m.Validate(); err != nil {
		t.Error(err)
	}
}

// TestGoalOfNodeThatLeft: nodes may leave while a rebalance runs. What was to go to them is never reached, and does no harm.
func TestGoalOfNodeThatLeft(t *testing.T) {
	cur, want, plan := joined(t)
	m := must(cur.Apply(StartRebalance{NewRebalance(want, plan.Moves, func(uint16) int64 { return 1 }, 0, 0)}))(t)
	m = must(m.Apply(RemoveNode{testMembers(3, 4)[3].ID}))(t)
	if err := m.Validate(); err != nil {
		t.Error(err)
	}
	for i := range m.Rebalance.Goals {
		g := &m.Rebalance.Goals[i]
		if place := m.Rebalance.Places(m); place[g.Primary] == None && g.Met(&m.Slots[g.Slot], place) {
			t.Fatalf("slot %d is with a node that has left", g.Slot)
		}
	}
	if p := m.Progress(); p.Slots == m.Rebalance.Slots {
		t.Errorf("all is done: %+v", p)
	}
}

func TestRefusedRebalances(t *testing.T) {
	cur, want, plan := joined(t)
	whole := func() Rebalance { return NewRebalance(want, plan.Moves, func(uint16) int64 { return 1 }, 0, 0) }
	for name, alter := range map[string]func(*Rebalance){
		"nothing to do":      func(r *Rebalance) { r.Goals = nil },
		"a node not there":   func(r *Rebalance) { r.Nodes[3] = "ffffffffffffffffffffffffffffffffffffffff" },
		"nodes out of order": func(r *Rebalance) { r.Nodes[0], r.Nodes[1] = r.Nodes[1], r.Nodes[0] },
		"slots out of order": func(r *Rebalance) { r.Goals[0], r.Goals[1] = r.Goals[1], r.Goals[0] },
		"slot out of range":  func(r *Rebalance) { r.Goals[len(r.Goals)-1].Slot = Slots },
		"its own copy":       func(r *Rebalance) { r.Goals[0].Replicas[0] = r.Goals[0].Primary },
		"copy beyond count":  func(r *Rebalance) { r.Goals[0].ReplicaCount = 0 },
		"negative bytes":     func(r *Rebalance) { r.Goals[0].Bytes = -1 },
		"rate":               func(r *Rebalance) { r.Rate = MaxRate + 1 },
	} {
		r := whole()
		alter(&r)
		if _, err := cur.Apply(StartRebalance{r}); !errors.Is(err, ErrChange) {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(cur.Apply(StartRebalance{whole()}))(t)
}
