package ring

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"
)

// checkTarget holds everything that Target promises of its result on a map, for the nodes that may hold slots.
func checkTarget(t interface{ Fatalf(string, ...any) }, m *Map, replicas int) {
	if err := m.Validate(); err != nil {
		t.Fatalf("%v", err)
	}
	weight, members, zones := 0, 0, make(map[string]bool)
	for _, n := range m.Members() {
		weight += n.Weight
		members++
		zones[n.Zone] = true
	}
	counts := m.Counts()
	for i, n := range m.Nodes {
		share := float64(n.Weight) / float64(max(weight, 1)) * Slots
		if weight == 0 {
			share = Slots / float64(members)
		}
		if n.Draining && members < len(m.Nodes) {
			share = 0
			if counts[i].Replicas > 0 {
				t.Fatalf("node %d drains and holds %d copies", i, counts[i].Replicas)
			}
		}
		if math.Abs(float64(counts[i].Primaries)-share) > 1 {
			t.Fatalf("node %d of weight %d has %d slots, its share is %.1f", i, n.Weight, counts[i].Primaries, share)
		}
	}
	for slot := range m.Slots {
		s := &m.Slots[slot]
		if int(s.ReplicaCount) != min(replicas, members-1) {
			t.Fatalf("slot %d has %d copies, want %d of %d nodes", slot, s.ReplicaCount, replicas, members)
		}
		apart := map[string]bool{m.Nodes[s.Primary].Zone: true}
		for _, r := range s.Copies() {
			apart[m.Nodes[r].Zone] = true
		}
		if len(apart) < min(len(zones), int(s.ReplicaCount)+1) {
			t.Fatalf("slot %d: %d holders in %d of %d zones", slot, s.ReplicaCount+1, len(apart), len(zones))
		}
	}
}

// least is the fewest slots that must change their primary so that all nodes have their share, rounded.
func least(cur, want *Map) int {
	before, after := cur.Counts(), want.Counts()
	n := 0
	for i := range before {
		n += max(0, before[i].Primaries-after[i].Primaries)
	}
	return n
}

// TestJoinAndLeave holds the figures that the page on placement gives, for 3 to 20 equal nodes with one copy.
func TestJoinAndLeave(t *testing.T) {
	for _, n := range sizes() {
		members := testMembers(uint64(n), n+1)
		goal := Goal{Replicas: 1}
		m := settledMap(t, members[:n], 1)
		checkTarget(t, m, 1)
		checkCopies(t, m, 1)
		checkSpread(t, m)

		joined := withNodes(t, m, members[n])
		want := must(Target(joined, goal))(t)
		checkTarget(t, want, 1)
		checkCopies(t, want, 1)
		checkSpread(t, want)
		plan := must(Plan(joined, want))(t)
		if fair := Slots / float64(n+1); float64(plan.Primaries) > 1.05*fair {
			t.Errorf("a node joins %d: %d slots move, the least is %.0f", n, plan.Primaries, fair)
		} else if float64(plan.Loads) > 1.15*2*fair {
			t.Errorf("a node joins %d: %d copies are sent, the least is %.0f", n, plan.Loads, 2*fair)
		}

		m = synced(want)
		if again := must(Plan(m, must(Target(m, goal))(t)))(t); len(again.Moves) > 0 {
			t.Errorf("%d nodes: %d moves when all is done", n+1, len(again.Moves))
		}
		drained := must(m.Apply(SetDraining{members[0].ID, true}))(t)
		want = must(Target(drained, goal))(t)
		checkTarget(t, want, 1)
		checkCopies(t, want, 1)
		checkSpread(t, want)
		plan = must(Plan(drained, want))(t)
		held := m.Counts()[m.IndexOf(members[0].ID)]
		if float64(plan.Primaries) > 1.05*float64(held.Primaries) {
			t.Errorf("a node leaves %d: %d slots move, the least is %d", n+1, plan.Primaries, held.Primaries)
		} else if need := held.Primaries + held.Replicas; float64(plan.Loads) > 1.15*float64(need) {
			t.Errorf("a node leaves %d: %d copies are sent, the least is %d", n+1, plan.Loads, need)
		}
	}
}

// checkCopies holds that equal nodes have equally many copies, within 5 %.
func checkCopies(t *testing.T, m *Map, replicas int) {
	t.Helper()
	members := len(m.Members())
	fair := float64(replicas*Slots) / float64(members)
	for i, c := range m.Counts() {
		if !m.Nodes[i].Draining && math.Abs(float64(c.Replicas)/fair-1) > 0.05 {
			t.Errorf("%d nodes: node %d has %d copies, its share is %.0f", members, i, c.Replicas, fair)
		}
	}
}

// checkSpread holds that the slots of a node that dies fall on all others within a quarter of an equal part.
func checkSpread(t *testing.T, m *Map) {
	t.Helper()
	members := len(m.Members())
	for i, row := range pairs(m) {
		all := 0
		for _, n := range row {
			all += n
		}
		fair := float64(all) / float64(members-1)
		for j, n := range row {
			if all > 0 && i != j && !m.Nodes[j].Draining && math.Abs(float64(n)/fair-1) > 0.25 {
				t.Errorf("%d nodes: of %d slots of node %d, %d fall on node %d, an equal part is %.0f", members, all, i, n, j, fair)
			}
		}
	}
}

// TestHeirsSpread is checkSpread for two copies, where the survivors of a dead node have a choice.
func TestHeirsSpread(t *testing.T) {
	for _, n := range []int{4, 7, 12, 20} {
		members := testMembers(uint64(n), n+1)
		m := settledMap(t, members[:n], 2)
		m = synced(must(Target(withNodes(t, m, members[n]), Goal{Replicas: 2}))(t))
		for dead := range m.Nodes {
			got := make([]int, len(m.Nodes))
			heirs := Heirs(m, func(i Index) bool { return int(i) == dead })
			for _, h := range heirs {
				if !m.Slots[h.Slot].IsInSync(h.Node) {
					t.Fatalf("slot %d: the heir is not in sync", h.Slot)
				}
				got[h.Node]++
			}
			fair := float64(len(heirs)) / float64(n)
			for i, k := range got {
				if i != dead && math.Abs(float64(k)/fair-1) > 0.25 {
					t.Errorf("%d nodes: node %d inherits %d of %d slots", n+1, i, k, len(heirs))
				}
			}
		}
	}
}

func TestHeirs(t *testing.T) {
	m, id := three(t)
	if heirs := Heirs(m, func(i Index) bool { return i < 2 }); len(heirs) != 0 {
		t.Errorf("%d slots have heirs that are gone", len(heirs))
	}
	m = must(m.Apply(SetSlots{Slots: []SlotRange{{0, 99}}, From: id[0], OutOfSync: id[1:2]}))(t)
	if heirs := Heirs(m, func(i Index) bool { return i == 0 }); len(heirs) != Slots-100 || heirs[0] != (Heir{100, 1}) {
		t.Errorf("%d heirs", len(heirs))
	}
	m = must(m.Apply(UpdateNode{ID: id[1], Addr: "h:1", Weight: 0},
		SetSlots{Slots: []SlotRange{{200, 200}}, From: id[0], Add: id[2:], InSync: id[2:]}))(t)
	for _, h := range Heirs(m, func(i Index) bool { return i == 0 }) {
		if want := map[bool]Index{true: 2, false: 1}[h.Slot == 200]; h.Node != want {
			t.Fatalf("slot %d falls to %d, the other is a standby", h.Slot, h.Node)
		}
	}
}

// TestTargetHoldsAlways walks through random lives of clusters: nodes join, drain, change weight, die and are replaced.
func TestTargetHoldsAlways(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		seed := rapid.Uint64().Draw(r, "seed")
		replicas := rapid.IntRange(0, 3).Draw(r, "replicas")
		zones := rapid.SampledFrom([][]string{{""}, {"a", "b"}, {"a", "b", "c"}}).Draw(r, "zones")
		made := 0
		node := func() Member {
			made++
			return Member{testID(seed, made), rapid.IntRange(0, 4).Draw(r, "weight"), rapid.SampledFrom(zones).Draw(r, "zone")}
		}
		m := withNodes(t, NewMap(), node())
		for range rapid.IntRange(1, 4).Draw(r, "steps") {
			some := m.Nodes[rapid.IntRange(0, len(m.Nodes)-1).Draw(r, "node")]
			switch rapid.IntRange(0, 3).Draw(r, "step") {
			case 0, 1:
				m = withNodes(t, m, node(), node())
			case 2:
				m = must(m.Apply(SetDraining{some.ID, !some.Draining}))(t)
			case 3:
				w := rapid.IntRange(0, 4).Draw(r, "weight")
				m = must(m.Apply(UpdateNode{some.ID, some.Addr, some.Bus, w, some.Zone, 0}))(t)
			}
			goal := Goal{Replicas: replicas}
			want := must(Target(m, goal))(t)
			checkTarget(r, want, replicas)
			plan := must(Plan(m, want))(t)
			if need := least(m, want); m.Slots[0].Primary != None && plan.Primaries != need {
				r.Fatalf("%d slots move, the least is %d", plan.Primaries, need)
			}
			m = synced(want)
			// With two copies or more over several zones, some copies may be placed once more: a known gap, see
			// docs/decisions/0002-placement-and-plans.md. Primaries never are.
			settles := replicas <= 1 || len(zones) == 1
			if again := must(Plan(m, must(Target(m, goal))(t)))(t); again.Primaries > 0 || settles && len(again.Moves) > 0 {
				r.Fatalf("%d more moves when all is done, %d of primaries", len(again.Moves), again.Primaries)
			}
		}
	})
}

// TestTargetFree holds that a cluster without keys goes where the ring has it, whatever it was before.
func TestTargetFree(t *testing.T) {
	members := testMembers(11, 5)
	m := settledMap(t, members[:1], 1)
	m = withNodes(t, m, members[1:]...)
	goal := Goal{Replicas: 1, Free: allSlots(), Pinned: true}
	want := must(Target(m, goal))(t)
	checkTarget(t, want, 1)
	p := must(Place(members, 1))(t)
	differ := 0
	for slot := range Slots {
		if want.ID(want.Slots[slot].Primary) != p.Members[p.Primary[slot]].ID {
			differ++
		}
	}
	if differ > Slots/100 {
		t.Errorf("%d slots are not where the ring prefers them", differ)
	}
	if again := must(Plan(want, must(Target(want, goal))(t)))(t); len(again.Moves) > 0 {
		t.Errorf("%d moves when all is done", len(again.Moves))
	}
}

// TestTargetPinned holds that slots with keys stay, that only copies come, and that free slots go to who has less.
func TestTargetPinned(t *testing.T) {
	members := testMembers(12, 3)
	m := settledMap(t, members[:1], 0)
	m = withNodes(t, m, members[1:]...)
	free := new(SlotSet)
	for slot := range uint16(Slots / 2) {
		free.Add(slot)
	}
	want := must(Target(m, Goal{Replicas: 1, Free: free, Pinned: true}))(t)
	home := m.IndexOf(members[0].ID)
	for slot := range Slots {
		if moved := want.Slots[slot].Primary != home; moved != (slot < Slots/2) {
			t.Fatalf("slot %d: moved is %v", slot, moved)
		}
		if want.Slots[slot].ReplicaCount != 1 {
			t.Fatalf("slot %d has no copy", slot)
		}
	}
	for _, member := range members[1:] {
		if n := want.Counts()[want.IndexOf(member.ID)].Primaries; n != Slots/4 {
			t.Errorf("a new node has %d slots", n)
		}
	}
}

func TestTargetExclude(t *testing.T) {
	m := settledMap(t, testMembers(13, 4), 1)
	dead := Index(2)
	want := must(Target(m, Goal{Replicas: 1, Exclude: func(i Index) bool { return i == dead }}))(t)
	if c := want.Counts()[dead]; c != (Count{}) {
		t.Errorf("a dead node keeps %+v", c)
	}
	plan := must(Plan(m, want))(t)
	for _, move := range plan.Moves {
		if move.From == dead && move.Moved() && len(move.Load) > 0 && move.Load[0] == move.To {
			t.Fatalf("slot %d goes to a node without its data", move.Slot)
		}
	}
	if _, err := Target(m, Goal{Exclude: func(Index) bool { return true }}); !errors.Is(err, ErrPlace) {
		t.Errorf("nobody left: %v", err)
	}
	if _, err := Target(NewMap(), Goal{}); !errors.Is(err, ErrPlace) {
		t.Errorf("no nodes: %v", err)
	}
}

// TestTargetCountsHandoffs holds that what is under way is not planned again.
func TestTargetCountsHandoffs(t *testing.T) {
	members := testMembers(14, 4)
	m := withNodes(t, settledMap(t, members[:3], 0), members[3])
	want := must(Target(m, Goal{}))(t)
	moving := m.clone()
	for slot := range m.Slots {
		if to := want.Slots[slot].Primary; to != m.Slots[slot].Primary {
			moving.Slots[slot].Next = to
		}
	}
	again := must(Target(moving, Goal{}))(t)
	for slot := range m.Slots {
		if again.Slots[slot].Primary != want.Slots[slot].Primary {
			t.Fatalf("slot %d: another target while it moves", slot)
		}
	}
}

func BenchmarkTarget(b *testing.B) {
	for _, n := range []int{3, 10, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			members := testMembers(1, n+1)
			m := withNodes(b, settledMap(b, members[:n], 1), members[n])
			for b.Loop() {
				Target(m, Goal{Replicas: 1})
			}
		})
	}
}
