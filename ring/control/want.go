package control

import (
	"log/slog"
	"slices"

	"ringcache/ring"
)

// wanted remembers where empty slots and copies should go. Asking the ring takes 20 ms at three nodes and over a second at a hundred,
// while the controller runs often and a failover must not wait; and the answer depends on which slots are empty just now, so that asking
// again and again would move them to and fro as keys come and go. So the ring is asked beside the controller, and only when something
// about the nodes has changed, or when the answer has no place for copies that slots lack since their primaries changed. The answer
// stands until the next one, while slots and copies go where it says.
type wanted struct {
	nodes    []wantedNode // what the last question was about
	replicas int
	epoch    uint64 // of its map

	to    *ring.Map // the last answer, or nil
	busy  bool      // a question is being answered
	reply chan *ring.Map

	// The answer in terms of a map with these nodes, which change seldom.
	ids     []ring.NodeID
	primary []ring.Index
	copies  []copySet
}

type wantedNode struct {
	member  ring.Member
	drains  bool
	present bool // it may have slots; what it has it reports
}

func newWanted() wanted { return wanted{reply: make(chan *ring.Map, 1)} }

// question is what the ring should be asked now.
type question struct {
	cur  *ring.Map
	goal ring.Goal
}

// ask says what to ask the ring, if it should be asked now. Whoever gets a question answers it.
func (w *wanted) ask(s *State, d *Decision) (question, bool) {
	if w.busy || d.unsettled {
		return question{}, false
	}
	now := make([]wantedNode, len(s.Map.Nodes))
	p := s.newPass()
	for i := range now {
		n := &s.Map.Nodes[i]
		now[i] = wantedNode{ring.Member{ID: n.ID, Weight: n.Weight, Zone: n.Zone}, n.Draining, p.nodes[i].present && !p.nodes[i].leaving}
	}
	news := !slices.Equal(now, w.nodes) || s.Replicas != w.replicas || d.lacking && s.Map.Epoch != w.epoch
	if !news || !p.allReported() {
		return question{}, false
	}
	w.nodes, w.replicas, w.epoch, w.busy = now, s.Replicas, s.Map.Epoch, true
	goal := ring.Goal{Free: p.empty(), Pinned: true, Replicas: s.Replicas}
	if slices.ContainsFunc(now, func(n wantedNode) bool { return !n.present }) {
		goal.Exclude = func(i ring.Index) bool { return !now[i].present }
	}
	return question{s.Map, goal}, true
}

// answer asks the ring.
func (w *wanted) answer(q question, log *slog.Logger) {
	to, err := ring.Target(q.cur, q.goal)
	if err != nil {
		log.Warn("no place for the slots", "err", err)
	}
	w.reply <- to
}

// fill has s say what the ring wants, as places in its map.
func (w *wanted) fill(s *State) {
	select {
	case w.to = <-w.reply:
		w.busy, w.ids = false, nil
	default:
	}
	s.Want, s.WantCopies = nil, nil
	if w.to == nil {
		return
	}
	if !slices.EqualFunc(w.ids, s.Map.Nodes, func(id ring.NodeID, n ring.Node) bool { return id == n.ID }) {
		w.translate(s.Map)
	}
	s.Want, s.WantCopies = w.primary, w.copies
}

// translate writes the answer in terms of m. Nodes that m does not have any more are nowhere.
func (w *wanted) translate(m *ring.Map) {
	w.ids = make([]ring.NodeID, len(m.Nodes))
	for i := range m.Nodes {
		w.ids[i] = m.Nodes[i].ID
	}
	place := make([]ring.Index, len(w.to.Nodes))
	for i := range w.to.Nodes {
		place[i] = m.IndexOf(w.to.Nodes[i].ID)
	}
	// New ones: states that were made with the old ones may still be looked at.
	w.primary, w.copies = make([]ring.Index, ring.Slots), make([]copySet, ring.Slots)
	for i := range w.to.Slots {
		slot := &w.to.Slots[i]
		w.primary[i], w.copies[i] = ring.None, noCopies
		if slot.Primary != ring.None {
			w.primary[i] = place[slot.Primary]
		}
		for _, r := range slot.Copies() {
			w.copies[i].add(place[r])
		}
	}
}

// allReported tells whether every node that is up has reported since it got the last of its slots, and none is in between: suspect, or
// started again and not yet in the map as such. Else slots which are empty but not known to be would be taken for full, and stay where
// they are until something else changes.
func (p *pass) allReported() bool {
	for i := range p.Map.Slots {
		slot := &p.Map.Slots[i]
		if slot.Primary == ring.None {
			continue
		}
		owner := &p.nodes[slot.Primary]
		if owner.present && !owner.fit || owner.state.Serving() && (owner.report == nil || owner.report.Epoch < slot.Epoch) {
			return false
		}
	}
	return true
}

// empty is the slots that their primaries report empty.
func (p *pass) empty() *ring.SlotSet {
	var free ring.SlotSet
	for i := range p.Map.Slots {
		slot := &p.Map.Slots[i]
		if slot.Primary == ring.None {
			continue
		}
		owner := &p.nodes[slot.Primary]
		if owner.fit && owner.report.Epoch >= slot.Epoch && !owner.report.NonEmpty.Has(uint16(i)) {
			free.Add(uint16(i))
		}
	}
	return &free
}
