package control

import (
	"slices"

	"ringcache/ring"
)

// What becomes of a slot whose primary is gone. Gone is a node whose process has ended, which its successor tells by a higher incarnation,
// and one that is silent and whose last lease has run out, which may come back with its memory.
//
// A copy has every acknowledged write while the map has it in sync and its process lives. So:
//
//	a complete copy is at a node that serves        that node becomes primary at once; the others stay in sync, each
//	                                                has every acknowledged write
//	complete copies are only at nodes that are not  the primary's own counts, if it is only silent. The slot waits for
//	heard of just now                               whichever comes back first; if the primary's process has ended, one of
//	                                                the others is made primary meanwhile, so that it serves when it is back
//	nobody has been heard of for LostSlotsAfter,    the slot is given up: it begins anew, empty, at a node that serves
//	or all their processes have ended
//
// The old primary is no replica afterwards: what it has may end in writes that nobody else has. Repair makes it one again, from nothing.

// chooseHeirs fills heirs. Who takes over is chosen for all slots of a kind at once, so that they spread.
func (p *pass) chooseHeirs() {
	failing := slices.ContainsFunc(p.nodes, func(f nodeFacts) bool { return f.failing })
	yielding := slices.ContainsFunc(p.nodes, func(f nodeFacts) bool { return f.yields })
	unfit := slices.ContainsFunc(p.nodes, func(f nodeFacts) bool { return !f.fit })
	if !failing && !yielding && !unfit {
		return
	}
	p.heirs = slices.Repeat([]ring.Index{ring.None}, ring.Slots)
	p.choose(func(f *nodeFacts) bool { return true }, func(f *nodeFacts) bool { return f.fit && !f.yields })
	if yielding {
		p.choose(func(f *nodeFacts) bool { return f.failing || f.leaving }, func(f *nodeFacts) bool { return f.fit && !f.leaving })
		p.choose(func(f *nodeFacts) bool { return f.failing }, func(f *nodeFacts) bool { return f.fit })
	}
	if failing {
		// Copies of whom it is not known just now whether they can be served.
		restarted := func(f *nodeFacts) bool { return f.restarted }
		p.choose(restarted, func(f *nodeFacts) bool { return !f.restarted && f.state != StateDown })
		p.choose(restarted, func(f *nodeFacts) bool { return !f.restarted })
	}
}

// choose gives the slots of some primaries, of those that have no heir yet, to in-sync replicas of some kind.
func (p *pass) choose(from, may func(*nodeFacts) bool) {
	for _, h := range ring.Heirs(p.Map, func(i ring.Index) bool { return !may(&p.nodes[i]) }) {
		owner := &p.nodes[p.Map.Slots[h.Slot].Primary]
		if p.heirs[h.Slot] != ring.None || !from(owner) {
			continue
		}
		p.heirs[h.Slot] = h.Node
		p.unsettled = p.unsettled || !owner.fit
	}
}

// succeed gives a slot whose primary is gone to whoever can have it.
func (p *pass) succeed(i int, slot *ring.Slot, step *slotStep) {
	owner := &p.nodes[slot.Primary]
	p.forget(slot, step)
	if heir := p.heirs[i]; heir != ring.None {
		step.primary = heir
		return
	}
	if !owner.restarted {
		last := owner.heard
		for _, r := range slot.Copies() {
			if f := &p.nodes[r]; slot.IsInSync(r) && !f.restarted {
				last = max(last, f.heard)
			}
		}
		if p.LostSlotsAfter < 0 || p.Now-last <= p.LostSlotsAfter {
			return
		}
	}
	to := p.taker()
	if owner.restarted && owner.state.Serving() {
		to = slot.Primary // there already, as empty as anybody
	}
	if to == ring.None {
		return // the next pass may find somebody
	}
	p.counts[to].Primaries++
	*step = newStep(slot)
	step.primary, step.force = to, true
	for _, r := range slot.Copies() {
		if r != to {
			step.drop.add(r)
		}
	}
}

// forget takes nodes whose memory is lost out of the in-sync set and out of a handoff.
func (p *pass) forget(slot *ring.Slot, step *slotStep) {
	for _, r := range slot.Copies() {
		if p.nodes[r].restarted && slot.IsInSync(r) {
			step.out.add(r)
		}
	}
	if slot.Next != ring.None && p.nodes[slot.Next].restarted {
		step.clearNext = true
	}
}

// taker is the node that serves and has least for its weight; standbys, and nodes that are about to go, only where there is nobody else.
func (p *pass) taker() ring.Index {
	best := ring.None
	for k := range p.nodes {
		if i := ring.Index(k); p.nodes[k].fit && (best == ring.None || p.lighter(i, best)) {
			best = i
		}
	}
	return best
}

func (p *pass) lighter(a, b ring.Index) bool {
	x, y := &p.Map.Nodes[a], &p.Map.Nodes[b]
	if stays, other := x.Weight > 0 && p.placeable(a), y.Weight > 0 && p.placeable(b); stays != other {
		return stays
	}
	return p.counts[a].Primaries*max(1, y.Weight) < p.counts[b].Primaries*max(1, x.Weight)
}
