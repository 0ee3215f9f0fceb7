package ring

import (
	"cmp"
	"fmt"
	"slices"
)

// Move is what happens to one slot. Indices are places in the nodes of both maps, which are the same.
type Move struct {
	Slot uint16
	From Index   // the primary now; None when the slot has none
	To   Index   // the primary then; the same as From when only copies change
	Keep bool    // From stays as a replica; it has the data
	Add  []Index // other nodes that become replicas
	Drop []Index // replicas now that hold nothing then
	Load []Index // nodes that must be sent the whole slot: Add, and To when it has no copy in sync
}

// Moved reports whether the primary changes.
func (m *Move) Moved() bool { return m.From != m.To }

// NodePlan is what a plan means for one node.
type NodePlan struct {
	ID            NodeID
	Before, After Count
	In, Out       int // primaries that come and go
	Load          int // slots whose data the node must be sent
}

// MovePlan is the way from one map to another.
type MovePlan struct {
	Moves     []Move     // in the order in which to make them
	Nodes     []NodePlan // by place in the maps
	Primaries int        // moves that change a primary
	Loads     int        // whole slots that are sent from node to node
}

// Plan lists the moves that lead from cur to want, a map with the same nodes, such as [Target] gives. One move a slot
// that differs: nothing moves twice. The order of replicas within a slot is no difference, nor is who is in sync.
//
// First come the moves that send no data; they help at once. The others follow in an order that takes the receiving nodes in
// turn, so that running the first few side by side never makes all wait for one node.
// It fails with ErrPlace when the maps have different nodes.
func Plan(cur, want *Map) (*MovePlan, error) {
	if !slices.EqualFunc(cur.Nodes, want.Nodes, func(a, b Node) bool { return a.ID == b.ID }) {
		return nil, fmt.Errorf("%w: a plan between maps of different nodes", ErrPlace)
	}
	p := &MovePlan{Nodes: make([]NodePlan, len(cur.Nodes))}
	before, after := cur.Counts(), want.Counts()
	for i := range p.Nodes {
		p.Nodes[i] = NodePlan{ID: cur.Nodes[i].ID, Before: before[i], After: after[i]}
	}
	for slot := range cur.Slots {
		move, differs := difference(&cur.Slots[slot], &want.Slots[slot])
		if !differs {
			continue
		}
		move.Slot = uint16(slot)
		p.Moves = append(p.Moves, move)
		p.tally(&move)
	}
	p.order()
	return p, nil
}

// difference is the move from one state of a slot to another.
func difference(a, b *Slot) (Move, bool) {
	m := Move{From: a.Primary, To: b.Primary}
	if m.Moved() && m.To != None && m.From != None && !a.IsInSync(m.To) {
		m.Load = append(m.Load, m.To)
	}
	for _, r := range b.Copies() {
		if r == a.Primary {
			m.Keep = true
			continue
		}
		if a.ReplicaAt(r) >= 0 {
			continue
		}
		m.Add = append(m.Add, r)
		if a.Primary != None {
			m.Load = append(m.Load, r)
		}
	}
	for _, r := range a.Copies() {
		if b.ReplicaAt(r) < 0 && r != b.Primary {
			m.Drop = append(m.Drop, r)
		}
	}
	return m, m.Moved() || len(m.Add)+len(m.Drop) > 0
}

// tally adds a move to the sums.
func (p *MovePlan) tally(m *Move) {
	if m.Moved() {
		p.Primaries++
		if m.To != None {
			p.Nodes[m.To].In++
		}
		if m.From != None {
			p.Nodes[m.From].Out++
		}
	}
	p.Loads += len(m.Load)
	for _, i := range m.Load {
		p.Nodes[i].Load++
	}
}

// order sorts the moves.
func (p *MovePlan) order() {
	type key struct{ loads, turn, slot int }
	turns := make([]int, len(p.Nodes)) // of each receiver: its moves so far
	keys := make([]key, Slots)
	for i := range p.Moves {
		m := &p.Moves[i]
		k := key{slot: int(m.Slot)}
		if len(m.Load) > 0 {
			k.loads = 1
			k.turn = turns[m.Load[0]]
			turns[m.Load[0]]++
		}
		keys[m.Slot] = k
	}
	slices.SortFunc(p.Moves, func(a, b Move) int {
		x, y := keys[a.Slot], keys[b.Slot]
		return cmp.Or(cmp.Compare(x.loads, y.loads), cmp.Compare(x.turn, y.turn), cmp.Compare(x.slot, y.slot))
	})
}
