package control

import (
	"fmt"
	"slices"

	"ringcache/ring"
)

// look makes the View of a state.
func (l *leadership) look(s *State) *View {
	v := &View{Leader: s.Self, Term: l.term, Epoch: s.Map.Epoch, Nodes: make(map[ring.NodeID]NodeView, len(s.Map.Nodes))}
	p := s.newPass()
	counts := p.counts
	var toHandOver []int
	if slices.ContainsFunc(p.nodes, func(f nodeFacts) bool { return f.yields }) {
		toHandOver = p.toHandOver()
	}
	for i := range s.Map.Nodes {
		n := &s.Map.Nodes[i]
		nv := NodeView{State: p.nodes[i].state, Leaving: p.nodes[i].leaving, PrimarySlots: counts[i].Primaries, ReplicaSlots: counts[i].Replicas}
		if r := s.Nodes[n.ID].Report; r != nil {
			nv.PID, nv.Keys, nv.MemoryBytes, nv.OpsPerSec = r.PID, r.Keys, r.MemoryBytes, r.OpsPerSec
		}
		if toHandOver != nil {
			nv.ToHandOver = toHandOver[i]
		}
		v.Nodes[n.ID] = nv
	}
	return v
}

// tell logs what people should know of changes that have been made: nodes that came back without their memory, slots that have
// another primary since theirs is gone, and slots whose data is lost.
func (l *leadership) tell(s *State, changes []ring.Change) {
	taken := map[[2]ring.NodeID]int{}
	for _, c := range changes {
		switch c := c.(type) {
		case ring.UpdateNode:
			if n := s.Map.Node(s.Map.IndexOf(c.ID)); c.Incarnation > n.Incarnation {
				l.n.log.Info("a node has started anew", "node", c.ID, "incarnation", c.Incarnation)
			}
		case ring.SetSlots:
			from := s.Map.Node(s.Map.IndexOf(c.From))
			switch {
			case c.Force:
				slots, n := rangesText(c.Slots)
				l.n.log.Error("slots are given up and begin anew, empty: nobody who may have their data is left", "slots", slots, "count", n,
					"from", c.From, "to", c.Primary)
			case c.Primary != "" && !s.StateOf(from).Serving(), c.Primary != "" && s.restarted(from):
				_, n := rangesText(c.Slots)
				taken[[2]ring.NodeID{c.From, c.Primary}] += n
			}
		}
	}
	for who, n := range taken {
		l.n.log.Warn("a replica takes over slots", "count", n, "from", who[0], "to", who[1])
	}
}

// rangesText is ranges of slots for a line of a log, which shows the first of them, and how many slots they are.
func rangesText(ranges []ring.SlotRange) (text string, slots int) {
	const shown = 64 // ranges
	for k, r := range ranges {
		slots += int(r.End) - int(r.Start) + 1
		switch {
		case k == shown:
			text += ",..."
		case k > shown:
		case k > 0:
			text += ","
			fallthrough
		default:
			text += fmt.Sprintf("%d-%d", r.Start, r.End)
		}
	}
	return text, slots
}
