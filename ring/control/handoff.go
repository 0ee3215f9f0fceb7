package control

import (
	"context"
	"errors"
	"fmt"

	"ringcache/internal/bus"
	"ringcache/ring"
)

// Handoffs. A slot moves in two commits, so that no two nodes ever serve it:
//
//	leader                                 owner                                target
//	Next=target; it is in sync, or
//	the owner reported the slot empty ---> holds the slot's requests; reports
//	                                       it released, when the target has all
//	                                       of it; or refused, and serves on
//	Primary=target, Next=none <----------- released
//	  or Next=none            <----------- refused                       ------> serves
//
// A release counts only when the owner had seen the map in which the handoff began: an older release of the same slot to the
// same target may have been called off since, and the owner may have served again. A handoff whose owner or target is not up, or whose
// target has lost what it had, is called off, which is safe at any time.

// handoff goes on with a handoff.
func (p *pass) handoff(i int, slot *ring.Slot, step *slotStep) {
	number := uint16(i)
	owner, next := &p.nodes[slot.Primary], &p.nodes[slot.Next]
	fresh := owner.report != nil && owner.report.Epoch >= p.HandoffSince(i)
	switch {
	case !owner.state.Serving(), !next.state.Serving(), next.restarted, step.out.has(slot.Next):
		step.clearNext = true
	case fresh && owner.report.Refused.Has(number):
		step.clearNext = true
	case !fresh || !owner.report.Released.Has(number) || step.in.has(slot.Next):
		// Not yet; or in sync by the next map only.
	case slot.IsInSync(slot.Next):
		step.primary = slot.Next
		if !owner.leaving {
			step.add.add(slot.Primary) // it has what the target has
			step.in.add(slot.Primary)
		}
	case owner.report.NonEmpty.Has(number):
		step.clearNext = true // it was released to a complete copy, which it is no more
	default:
		// Empty: copies that were made of it before are as worthless as easily made.
		*step = newStep(slot)
		step.primary = slot.Next
		for _, r := range slot.Copies() {
			if r != slot.Next {
				step.drop.add(r)
			}
		}
	}
}

// begin begins a handoff: of any slot of a node that leaves or is drained, and of empty ones to where they should be. It reports whether it did.
func (p *pass) begin(i int, slot *ring.Slot, step *slotStep) bool {
	owner := &p.nodes[slot.Primary]
	// The report must be of this node as primary of the slot: one from before it became so says nothing.
	if !owner.fit || owner.report.Epoch < slot.Epoch {
		return false
	}
	to := ring.None
	switch {
	case owner.yields && p.heirs[i] != ring.None:
		to = p.heirs[i]
	case owner.leaving:
	case p.Want != nil && p.Want[i] != slot.Primary && !owner.report.NonEmpty.Has(uint16(i)):
		to = p.Want[i]
	}
	if to == ring.None || !p.nodes[to].fit || p.nodes[to].leaving || step.out.has(to) {
		return false
	}
	step.next = to
	return true
}

// toHandOver is how many slots each node that leaves, or is drained, is primary of and another could take over, by place in the map.
func (p *pass) toHandOver() []int {
	n := make([]int, len(p.nodes))
	for i := range p.Map.Slots {
		slot := &p.Map.Slots[i]
		if slot.Primary != ring.None && p.nodes[slot.Primary].yields && (slot.Next != ring.None || p.heirs[i] != ring.None) {
			n[slot.Primary]++
		}
	}
	return n
}

// errNotServing is for a node whose slots others take over anyhow, as soon as that is safe.
var errNotServing = errors.New("control: the node does not serve")

// Handover is what becomes of the slots that a node is primary of.
type Handover struct {
	Slots int `json:"slots"` // are handed over, or will be
	Stuck int `json:"stuck"` // stay, as no other node that serves has them in sync
}

// Failover has a node hand over every slot that it is primary of and another node that serves has in sync. It answers how many slots
// that is, with those whose handoff was under way already; the handoffs themselves take their time. It may be called on any node.
func (n *Node) Failover(ctx context.Context, id ring.NodeID) (Handover, error) {
	return CallLeader[Handover](ctx, n, "failover", handoverRequest{Node: id})
}

// Drain marks a node as one that is to be primary of nothing, or with on false takes the mark away. A node that is drained hands over what
// it is primary of, and gets no slots and no copies; those that it has it keeps, as others may have none. The mark stays in the map, whatever
// becomes of the node. Where the node has slots that nobody else has in sync, or nobody else could take them, nothing is marked. It may
// be called on any node.
func (n *Node) Drain(ctx context.Context, id ring.NodeID, on bool) (Handover, error) {
	return CallLeader[Handover](ctx, n, "drain", handoverRequest{Node: id, On: on})
}

// handoverRequest is about what a node is primary of.
type handoverRequest struct {
	Node ring.NodeID `json:"node"`
	On   bool        `json:"on"` // of drain
}

// handleFailover serves Failover on the leader.
func (n *Node) handleFailover(ctx context.Context, _ bus.Peer, req handoverRequest) (Handover, error) {
	return n.handOver(ctx, func(s *State) ([]ring.Change, Handover, error) { return s.failover(req.Node) })
}

// handleDrain serves Drain on the leader.
func (n *Node) handleDrain(ctx context.Context, _ bus.Peer, req handoverRequest) (Handover, error) {
	return n.handOver(ctx, func(s *State) ([]ring.Change, Handover, error) { return s.drain(req.Node, req.On) })
}

// handOver proposes what decide wants, on the leader.
func (n *Node) handOver(ctx context.Context, decide func(*State) ([]ring.Change, Handover, error)) (Handover, error) {
	l := n.lead.Load()
	if l == nil {
		return Handover{}, &notLeaderError{n.leader()}
	}
	l.proposing.Lock()
	defer l.proposing.Unlock()
	if err := ctx.Err(); err != nil {
		return Handover{}, err
	}
	s := l.survey()
	changes, h, err := decide(&s)
	if err != nil || len(changes) == 0 {
		return h, err
	}
	_, err = l.proposeLocked(changes)
	return h, err
}

// failover is the changes that begin the handoffs of Failover.
func (s *State) failover(id ring.NodeID) ([]ring.Change, Handover, error) {
	from := s.Map.IndexOf(id)
	if from == ring.None {
		return nil, Handover{}, fmt.Errorf("%w: %.60q", errNotMember, string(id))
	}
	p := s.newPass()
	if !p.nodes[from].fit {
		return nil, Handover{}, fmt.Errorf("%w: %s", errNotServing, id.Short())
	}
	steps, h := p.handovers(from)
	return p.setSlots(&steps), h, nil
}

// handovers begins the handoff of each slot that a node is primary of and another one may have.
func (p *pass) handovers(from ring.Index) (steps stepGroups, h Handover) {
	heirs := ring.Heirs(p.Map, func(i ring.Index) bool { return i == from || !p.nodes[i].fit || p.nodes[i].yields })
	for i := range p.Map.Slots {
		slot := &p.Map.Slots[i]
		for len(heirs) > 0 && int(heirs[0].Slot) < i {
			heirs = heirs[1:]
		}
		switch {
		case slot.Primary != from:
		case slot.Next != ring.None:
			h.Slots++
		case len(heirs) > 0 && int(heirs[0].Slot) == i:
			step := newStep(slot)
			step.next = heirs[0].Node
			steps.add(step, uint16(i))
			h.Slots++
		default:
			h.Stuck++
		}
	}
	return steps, h
}

// Why a node is not drained.
var (
	errStuck   = errors.New("control: nobody else has slots of this node in sync")
	errNowhere = errors.New("control: no other node could take over")
)

// drain is the change of Drain. The handoffs are the controller's to begin.
func (s *State) drain(id ring.NodeID, on bool) ([]ring.Change, Handover, error) {
	at := s.Map.IndexOf(id)
	if at == ring.None {
		return nil, Handover{}, fmt.Errorf("%w: %.60q", errNotMember, string(id))
	}
	change := []ring.Change{ring.SetDraining{ID: id, Draining: on}}
	if s.Map.Nodes[at].Draining == on {
		change = nil
	}
	if !on {
		return change, Handover{}, nil
	}
	p := s.newPass()
	others := 0
	for i := range p.nodes {
		if ring.Index(i) != at && p.placeable(ring.Index(i)) {
			others++
		}
	}
	_, h := p.handovers(at)
	switch {
	case change == nil:
	case others == 0:
		return nil, h, errNowhere
	case h.Stuck > 0:
		return nil, h, fmt.Errorf("%w: %d of them", errStuck, h.Stuck)
	}
	return change, h, nil
}
