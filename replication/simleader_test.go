package replication

import (
	"slices"

	"ringcache/ring"
)

// The leader of the simulation.

func (s *sim) report() {
	n := s.any()
	if !n.up {
		return
	}
	r := &simReport{n.m.Epoch, map[ring.NodeID]*ring.SlotSet{}, map[ring.NodeID]*ring.SlotSet{}, map[*testLink]uint64{}, 0}
	for id, l := range n.out {
		synced, behind, number := l.s.Report()
		r.numbers[l] = number
		if synced != nil {
			r.synced[id] = synced
		}
		if behind != nil {
			r.behind[id] = behind
		}
	}
	if s.r.IntN(4) == 0 {
		return // it does not come to the leader
	}
	s.latest[n.id] = r
	r.replyEpoch = s.m.Epoch
	s.replies[n.id] = r
}

// hear has a node take the leader's answer to its report.
func (s *sim) hear() {
	n := s.any()
	r := s.replies[n.id]
	if r == nil || !n.up || n.m.Epoch < r.replyEpoch {
		return
	}
	delete(s.replies, n.id)
	for l, number := range r.numbers {
		if n.out[l.to.id] == l {
			l.s.Heard(number)
		}
	}
}

// decide has the leader act upon one slot, in one of so many ways of twenty: the last ones are failovers and handoffs.
func (s *sim) decide(ways int) {
	slot := s.slot()
	at := &s.m.Slots[slot]
	p := s.m.ID(at.Primary)
	set := ring.SetSlots{Slots: one(slot), From: p, Term: at.Epoch}
	r := s.latest[p]
	other := s.any().id
	switch k := s.r.IntN(ways); {
	case k < 14 && r != nil && r.epoch >= at.Epoch:
		for _, i := range at.Copies() {
			id := s.m.ID(i)
			switch {
			case at.IsInSync(i) && r.behind[id].Has(slot):
				set.OutOfSync = append(set.OutOfSync, id)
			case !at.IsInSync(i) && r.synced[id].Has(slot) && r.epoch >= s.started[id]: // else it speaks of a copy that is gone
				set.InSync = append(set.InSync, id)
			}
		}
		if set.OutOfSync == nil && set.InSync == nil {
			return
		}
	case k < 16 && other != p && at.ReplicaAt(s.m.IndexOf(other)) < 0:
		set.Add = []ring.NodeID{other}
	case k == 16 && at.ReplicaAt(s.m.IndexOf(other)) >= 0 && !at.IsInSync(s.m.IndexOf(other)):
		set.Drop = []ring.NodeID{other}
	case k == 17 && at.IsInSync(s.m.IndexOf(other)): // a failover: the old primary's lease has run out
		set.Primary = other
		if s.r.IntN(2) == 0 {
			set.Add = []ring.NodeID{p}
		}
	case k == 18 && at.IsInSync(s.m.IndexOf(other)) && s.quiet(slot): // a handoff
		set.Primary, set.Add, set.InSync = other, []ring.NodeID{p}, []ring.NodeID{p}
	default:
		return
	}
	s.commit(set)
	for _, id := range slices.Concat(set.Add, set.Drop) {
		s.started[id] = s.m.Epoch
	}
}

// quiet reports whether the slot's primary could hand it over: nothing of it is under way.
func (s *sim) quiet(slot uint16) bool {
	for _, n := range s.nodes {
		if s.serves(n, slot) {
			return released(n.waits(slot)) && s.allHave(slot, n)
		}
	}
	return false
}

func (s *sim) allHave(slot uint16, n *testNode) bool {
	for _, to := range s.nodes {
		if s.m.Slots[slot].IsInSync(s.m.IndexOf(to.id)) && !to.pos.Get(slot).same(n.pos.Get(slot)) {
			return false
		}
	}
	return true
}

// crash ends a node's process; the leader knows when the next one asks for a lease.
func (s *sim) crash() {
	n := s.any()
	s.stop(n)
	delete(s.latest, n.id)
	delete(s.replies, n.id)
	changes := []ring.Change{ring.UpdateNode{ID: n.id, Addr: "127.0.0.1:7000", Bus: "127.0.0.1:17000", Incarnation: n.incarnation + 1}}
	for _, slot := range s.slots {
		at := s.m.Slots[slot]
		self := s.m.IndexOf(n.id)
		set := ring.SetSlots{Slots: one(slot), From: s.m.ID(at.Primary), Term: at.Epoch}
		switch {
		case at.Primary == self && at.InSync != 0:
			for _, r := range at.Copies() {
				if at.IsInSync(r) {
					set.Primary = s.m.ID(r)
				}
			}
		case at.Primary == self: // lost, all of it
			set.Primary, set.Force = n.id, true
			s.acked[slot] = map[string]bool{}
		case at.IsInSync(self):
			set.OutOfSync = []ring.NodeID{n.id}
		default:
			continue
		}
		changes = append(changes, set)
	}
	s.commit(changes...)
	s.started[n.id] = s.m.Epoch
	s.start(n)
	for _, m := range s.nodes {
		s.hook(m)
	}
	s.adopt(n)
	for _, m := range s.nodes {
		if m != n {
			m.out[n.id].setMap(m.m)
		}
	}
}
