package ring

import (
	"fmt"
	"slices"
)

// # Targets
//
// The map holds what is, the ring says what is preferred. Going straight from the one to the other would be simple, and
// would move too much: the ring keeps its bounds by letting slots overflow to the next member, so one more member changes
// up to 18 % more preferences than slots must move (20 nodes), and after some failovers the map has little to do with the ring.
//
// So the number of moves is fixed first and the ring chooses among them. Each node has a quota: its share by weight, rounded.
// Who holds more sheds just the excess; who holds less receives just what it lacks; a node that may hold nothing sheds all. No
// plan with these quotas moves fewer. Which slots move, and where to, is decided by what is cheapest, then by the ring:
//
//	1. to an in-sync replica that the ring prefers     (nothing is copied: the two swap roles)
//	2. to another in-sync replica
//	3. to the node that the ring prefers
//	4. to the node that the ring prefers next, taking slots first that the ring wants elsewhere anyhow
//
// Slots without keys cost nothing to move. They are placed last, as the ring has it, into the room that the others leave.

// Goal says what Target should reach.
type Goal struct {
	Replicas int              // copies that each slot should have beside its primary, 0..MaxReplicas
	Exclude  func(Index) bool // nodes of the map that may hold nothing, beside those that drain; nil = none
	Free     *SlotSet         // slots without keys, which cost nothing to move; nil = none
	Pinned   bool             // slots with keys stay where they are: only free slots move, and lacking copies are added
}

// Target is the map that cur should become: the same nodes, and the slots where they should be. Primaries are within one slot
// of their share by weight, with the fewest moves; copies within 2 % of theirs (or one slot), spread for each primary over all
// others, in different zones while there are such. A handoff that is under way counts as done. Calling Target on its own
// result changes nothing.
//
// In-sync bits are kept for those copies that stay, and a primary that becomes a replica is in sync.
// It fails with ErrPlace when no node may hold slots or the goal is out of range.
func Target(cur *Map, g Goal) (*Map, error) {
	if len(cur.Nodes) == 0 {
		return nil, fmt.Errorf("%w: the map has no nodes", ErrPlace)
	}
	t := &target{cur: cur, goal: g, primary: make([]Index, Slots), holders: make([][]Index, Slots)}
	members := t.chooseMembers()
	if len(members) == 0 {
		return nil, fmt.Errorf("%w: no node may hold slots", ErrPlace)
	}
	var err error
	if t.ring, err = Place(members, g.Replicas); err != nil {
		return nil, err
	}
	t.fleet = newFleet(len(cur.Nodes), members, func(i int) int { return int(t.node[i]) })
	t.placeOutsiders()
	t.chooseHeirs()
	t.choosePrimaries()
	t.chooseCopies()
	return t.result(), nil
}

// target is one run of Target. Indices are those of the map.
type target struct {
	cur     *Map
	goal    Goal
	ring    *Placement
	node    []Index // of each member of ring
	usable  []bool  // by node: it may hold slots
	heir    []Index // by slot: who inherits it from an excluded node, or None
	fleet   *fleet
	primary []Index   // the answer
	holders [][]Index // the answer: the copies of each slot
}

// chooseMembers lists the nodes that may hold slots, and remembers where each stands.
func (t *target) chooseMembers() []Member {
	t.usable = make([]bool, len(t.cur.Nodes))
	var members []Member
	for _, drained := range []bool{false, true} { // a cluster that drains entirely stays as it is
		for i := range t.cur.Nodes {
			n := &t.cur.Nodes[i]
			if n.Draining != drained || t.goal.Exclude != nil && t.goal.Exclude(Index(i)) {
				continue
			}
			t.usable[i] = true
			t.node = append(t.node, Index(i))
			members = append(members, Member{n.ID, n.Weight, n.Zone})
		}
		if len(members) > 0 {
			break
		}
	}
	return members
}

// placeOutsiders gives the nodes that may hold nothing the zone that they are in: what they hold still fails with it.
func (t *target) placeOutsiders() {
	for i, usable := range t.usable {
		if usable {
			continue
		}
		for k, m := range t.ring.Members {
			if m.Zone == t.cur.Nodes[i].Zone {
				t.fleet.zone[i] = t.fleet.zone[t.node[k]]
				break
			}
		}
	}
}

// chooseHeirs fills t.heir. The slots of a node that is excluded can't be fetched from it: they go to who has a copy.
func (t *target) chooseHeirs() {
	t.heir = slices.Repeat([]Index{None}, Slots)
	if t.goal.Exclude == nil || t.goal.Pinned {
		return
	}
	for _, h := range Heirs(t.cur, func(i Index) bool { return !t.usable[i] && t.goal.Exclude(i) }) {
		t.heir[h.Slot] = h.Node
	}
}

// now is who is the primary of slot, or is about to be.
func (t *target) now(slot int) Index {
	s := &t.cur.Slots[slot]
	if h := t.heir[slot]; h != None {
		return h
	}
	if s.Next != None {
		return s.Next
	}
	return s.Primary
}

// prefers is the primary that the ring prefers.
func (t *target) prefers(slot int) Index { return t.node[t.ring.Primary[slot]] }

// choosePrimaries fills t.primary.
func (t *target) choosePrimaries() {
	held := make([]int, len(t.cur.Nodes))
	for slot := range t.primary {
		t.primary[slot] = None
		if now := t.now(slot); now != None && !t.goal.Free.Has(uint16(slot)) && (t.goal.Pinned || t.fleet.primary[now] > 0) {
			t.primary[slot] = now
			held[now]++
		}
	}
	room := t.fleet.quotas(held, t.goal.Pinned)
	for i := range room {
		room[i] -= held[i]
	}
	t.moveKeyed(room)
	t.placeFree(room)
}

// moveKeyed gives each slot with keys that has no primary one, and takes from the nodes that hold too many.
func (t *target) moveKeyed(room []int) {
	rounds := []func(slot int) Index{
		func(slot int) Index {
			if to := t.prefers(slot); t.cur.Slots[slot].IsInSync(to) {
				return to
			}
			return None
		},
		func(slot int) Index {
			s := &t.cur.Slots[slot]
			for _, to := range s.Copies() {
				if s.IsInSync(to) && room[to] > 0 {
					return to
				}
			}
			return None
		},
		t.prefers,
		func(slot int) Index {
			if t.primary[slot] == t.prefers(slot) {
				return None
			}
			return t.roomiest(slot, room)
		},
		func(slot int) Index { return t.roomiest(slot, room) },
	}
	for _, receiver := range rounds {
		for slot := range t.primary {
			from := t.primary[slot]
			if t.goal.Free.Has(uint16(slot)) || from != None && (t.goal.Pinned || room[from] >= 0 || t.heir[slot] != None) {
				continue
			}
			to := receiver(slot)
			if to == None || room[to] <= 0 {
				continue
			}
			if from != None {
				room[from]++
			}
			t.primary[slot] = to
			room[to]--
		}
	}
}

// placeFree gives the slots without keys their primaries: the preferred one, else the present one, else who has room.
func (t *target) placeFree(room []int) {
	rounds := []func(slot int) Index{t.prefers, t.now, func(slot int) Index { return t.roomiest(slot, room) }}
	for _, receiver := range rounds {
		for slot := range t.primary {
			if t.primary[slot] != None {
				continue
			}
			if to := receiver(slot); to != None && room[to] > 0 {
				t.primary[slot] = to
				room[to]--
			}
		}
	}
}

// roomiest is the preferred successor that has room, else the node with the most.
func (t *target) roomiest(slot int, room []int) Index {
	for _, r := range t.ring.Replicas[slot] {
		if to := t.node[r]; room[to] > 0 {
			return to
		}
	}
	best := Index(0)
	for i := range room {
		if room[i] > room[best] {
			best = Index(i)
		}
	}
	return best
}

// result is the answer as a map, which would be the next one.
func (t *target) result() *Map {
	want := t.cur.clone()
	want.Epoch++
	for slot := range want.Slots {
		old, s := &t.cur.Slots[slot], &want.Slots[slot]
		*s = unassigned
		s.Primary, s.Epoch, s.Fresh = t.primary[slot], old.Epoch, old.Fresh
		if s.Primary != old.Primary {
			s.Epoch, s.Fresh = want.Epoch, false
		}
		for _, r := range t.holders[slot] {
			if r == old.Primary || old.IsInSync(r) {
				s.InSync |= 1 << s.ReplicaCount
			}
			s.addReplica(r)
		}
	}
	return want
}

// chooseCopies fills t.holders.
func (t *target) chooseCopies() {
	copies := min(t.goal.Replicas, len(t.node)-1)
	c := newCopies(t.fleet, t.primary, t.holders, copies)
	c.prefer = func(slot int) []Index { return t.ring.Replicas[slot] }
	c.node = t.node
	c.fixed = func(slot int) bool { return t.goal.Pinned && !t.goal.Free.Has(uint16(slot)) }
	for slot := range t.holders {
		t.holders[slot] = t.keep(slot)
	}
	c.settle()
}

// keep lists who has a copy of slot and may go on having one: the replicas now, and a primary that has given it up.
func (t *target) keep(slot int) []Index {
	s := &t.cur.Slots[slot]
	kept := make([]Index, 0, MaxReplicas+1)
	for _, r := range append(slices.Clone(s.Copies()), s.Primary) {
		if r == None || r == t.primary[slot] || t.goal.Replicas == 0 {
			continue
		}
		drains := t.goal.Pinned && t.cur.Nodes[r].Draining && (t.goal.Exclude == nil || !t.goal.Exclude(r))
		if t.usable[r] || drains && !t.goal.Free.Has(uint16(slot)) {
			kept = append(kept, r)
		}
	}
	return kept
}
