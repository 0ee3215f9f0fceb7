package control

import (
	"log/slog"
	"slices"

	"ringcache/ring"
)

// wanted remembers where empty slots should go. Asking the ring takes milliseconds on few nodes and more on many, and the
// controller runs often; and the answer depends on which slots are empty just now, so that asking again and again would move
// them to and fro as keys come and go. So the ring is asked when something about the nodes has changed, and its answer stands
// until the next time, while slots move to it one after another.
type wanted struct {
	nodes   []wantedNode // what the answer was for
	primary []ring.NodeID
}

type wantedNode struct {
	member  ring.Member
	drains  bool
	serving bool // and it has reported which of its slots are empty
}

// of answers the wanted primary of each slot as places in s.Map.Nodes, or nil where the ring has none.
func (w *wanted) of(s *State, log *slog.Logger) []ring.Index {
	now := make([]wantedNode, len(s.Map.Nodes))
	for i := range s.Map.Nodes {
		n := &s.Map.Nodes[i]
		now[i] = wantedNode{
			member:  ring.Member{ID: n.ID, Weight: n.Weight, Zone: n.Zone},
			drains:  n.Draining,
			serving: s.StateOf(n).Serving() && s.Nodes[n.ID].Report != nil,
		}
	}
	if !slices.Equal(now, w.nodes) && s.allReported() {
		w.nodes, w.primary = now, nil
		to, err := ring.Target(s.Map, ring.Goal{Free: s.empty(), Pinned: true})
		if err != nil {
			log.Warn("no place for the slots", "err", err)
			return nil
		}
		w.primary = make([]ring.NodeID, ring.Slots)
		for i := range to.Slots {
			w.primary[i] = to.ID(to.Slots[i].Primary)
		}
	}
	if w.primary == nil {
		return nil
	}
	places := map[ring.NodeID]ring.Index{"": ring.None}
	for i := range s.Map.Nodes {
		places[s.Map.Nodes[i].ID] = ring.Index(i)
	}
	out := make([]ring.Index, ring.Slots)
	for i, id := range w.primary {
		out[i] = places[id]
	}
	return out
}

// allReported tells whether every node that is up has reported since it got the last of its slots. Before that, slots which
// are empty but not known to be would be taken for full, and stay where they are until something else changes.
func (s *State) allReported() bool {
	for i := range s.Map.Slots {
		slot := &s.Map.Slots[i]
		if n := s.Map.Node(slot.Primary); n != nil {
			if r := s.Nodes[n.ID].Report; (r == nil || r.Epoch < slot.Epoch) && s.StateOf(n).Serving() {
				return false
			}
		}
	}
	return true
}

// empty is the slots that their primaries report empty.
func (s *State) empty() *ring.SlotSet {
	var free ring.SlotSet
	for i := range s.Map.Slots {
		slot := &s.Map.Slots[i]
		if slot.Primary == ring.None {
			continue
		}
		n := &s.Map.Nodes[slot.Primary]
		if r := s.Nodes[n.ID].Report; r != nil && r.Epoch >= slot.Epoch && !r.NonEmpty.Has(uint16(i)) && s.StateOf(n).Serving() {
			free.Add(uint16(i))
		}
	}
	return &free
}
