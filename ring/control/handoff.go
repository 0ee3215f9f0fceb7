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

// begin begins a handoff: of any slot of a node that leaves, and of empty ones to where they should be. It reports whether it did.
func (p *pass) begin(i int, slot *ring.Slot, step *slotStep) bool {
	owner := &p.nodes[slot.Primary]
	// The report must be of this node as primary of the slot: one from before it became so says nothing.
	if !owner.fit || owner.report.Epoch < slot.Epoch {
		return false
	}
	to := ring.None
	switch {
	case owner.leaving:
		to = p.heirs[i]
	case p.Want != nil && p.Want[i] != slot.Primary && !owner.report.NonEmpty.Has(uint16(i)):
		to = p.Want[i]
	}
	if to == ring.None || !p.nodes[to].fit || p.nodes[to].leaving || step.out.has(to) {
		return false
	}
	step.next = to
	return true
}

// toHandOver is how many slots each node that leaves is primary of and another could take over, by place in the map.
func (p *pass) toHandOver() []int {
	n := make([]int, len(p.nodes))
	for i := range p.Map.Slots {
		slot := &p.Map.Slots[i]
		if slot.Primary != ring.None && p.nodes[slot.Primary].leaving && (slot.Next != ring.None || p.heirs[i] != ring.None) {
			n[slot.Primary]++
		}
	}
	return n
}

// errNotServing is for a node whose slots others take over anyhow, as soon as that is safe.
var errNotServing = errors.New("control: the node does not serve")

// failoverRequest asks that a node hands over what it is primary of.
type failoverRequest struct {
	Node ring.NodeID `json:"node"`
}

// Failover has a node hand over every slot that it is primary of and another node that serves has in sync. It answers how many slots
// that is, with those whose handoff was under way already; the handoffs themselves take their time. It may be called on any node.
func (n *Node) Failover(ctx context.Context, id ring.NodeID) (int, error) {
	return CallLeader[int](ctx, n, "failover", failoverRequest{id})
}

// handleFailover serves Failover on the leader.
func (n *Node) handleFailover(ctx context.Context, _ bus.Peer, req failoverRequest) (int, error) {
	l := n.lead.Load()
	if l == nil {
		return 0, &notLeaderError{n.leader()}
	}
	l.proposing.Lock()
	defer l.proposing.Unlock()
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	s := l.survey()
	changes, slots, err := s.failover(req.Node)
	if err != nil || len(changes) == 0 {
		return slots, err
	}
	_, err = l.proposeLocked(changes)
	return slots, err
}

// failover is the changes that begin the handoffs of Failover, and how many slots are handed over then.
func (s *State) failover(id ring.NodeID) (changes []ring.Change, slots int, err error) {
	from := s.Map.IndexOf(id)
	if from == ring.None {
		return nil, 0, fmt.Errorf("%w: %.60q", errNotMember, string(id))
	}
	p := s.newPass()
	if !p.nodes[from].fit {
		return nil, 0, fmt.Errorf("%w: %s", errNotServing, id.Short())
	}
	heirs := ring.Heirs(s.Map, func(i ring.Index) bool { return i == from || !p.nodes[i].fit || p.nodes[i].leaving })
	var steps stepGroups
	for _, h := range heirs {
		slot := &s.Map.Slots[h.Slot]
		if slot.Primary == from && slot.Next == ring.None {
			step := newStep(slot)
			step.next = h.Node
			steps.add(step, h.Slot)
			slots++
		}
	}
	for i := range s.Map.Slots {
		if slot := &s.Map.Slots[i]; slot.Primary == from && slot.Next != ring.None {
			slots++
		}
	}
	return p.setSlots(&steps), slots, nil
}
