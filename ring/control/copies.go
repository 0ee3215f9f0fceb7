package control

import (
	"slices"

	"ringcache/ring"
)

// sync changes the in-sync set of a slot whose primary stands. A process that has ended takes its copies with it; for the rest the primary's
// word counts, and nobody else's: it alone knows what has been acknowledged. Its word must be of its present term, and claims of the slot's
// present copies: one that was dropped and added again since has lost what the claim was about.
//
// That a copy is complete is said of the process that acknowledged the slot's effects. If the map speaks of another by now, the claim is
// about memory that is lost, however lately it was made: the primary may not have noticed yet that its connection is dead.
func (p *pass) sync(i int, slot *ring.Slot, step *slotStep) {
	p.forget(slot, step)
	owner := &p.nodes[slot.Primary]
	if !owner.fit || owner.report.Epoch < slot.Epoch || len(owner.report.Behind) == 0 && len(owner.report.Synced) == 0 {
		return
	}
	present := p.CopiesSince == nil || owner.report.CopiesEpoch >= p.CopiesSince(i)
	for _, r := range slot.Copies() {
		n := &p.Map.Nodes[r]
		switch {
		case slot.IsInSync(r):
			if owner.report.Behind[n.ID].Has(uint16(i)) {
				step.out.add(r)
			}
		case p.HoldSyncs && slot.Next != r, !present, p.nodes[r].restarted, p.nodes[r].absent: // later; lost; or about to be dropped
		case owner.report.Synced[n.ID].Has(uint16(i)) && owner.report.Incarnations[n.ID] == n.Incarnation:
			step.in.add(r)
		}
	}
}

// repair adds the copies that a slot lacks, and drops those that it has too many. Copies that stand are not moved, but for those of empty
// slots, which cost nothing: one more where the ring wants it, and once that is in sync one less where it does not.
//
// A copy counts until its node has been silent for repairAfter. No complete copy is dropped before there are as many others as there
// should be.
func (p *pass) repair(i int, slot *ring.Slot, step *slotStep) {
	have, complete, coming := 0, 0, false
	for _, r := range slot.Copies() {
		f := &p.nodes[r]
		inSync := slot.IsInSync(r) && !step.out.has(r)
		switch {
		case f.absent && !inSync:
			step.drop.add(r)
			continue
		case f.absent:
			continue // its primary will say that it is behind
		}
		have++
		if inSync && f.fit {
			complete++
		}
		coming = coming || !inSync && f.fit && p.wants(i, r)
	}
	switch {
	case p.WantCopies == nil:
	case p.complete(i, slot, step, have):
	case have > p.Replicas && complete >= p.Replicas && !coming:
		p.trim(i, slot, step)
	}
}

// wants reports whether the ring wants a copy of slot i at r.
func (p *pass) wants(i int, r ring.Index) bool { return p.WantCopies != nil && p.WantCopies[i].has(r) }

// complete adds copies where the ring wants them, and reports whether it did; have is how many count already.
func (p *pass) complete(i int, slot *ring.Slot, step *slotStep, have int) bool {
	owner := &p.nodes[slot.Primary]
	empty := owner.report.Epoch >= slot.Epoch && !owner.report.NonEmpty.Has(uint16(i))
	room := ring.MaxReplicas - int(slot.ReplicaCount) + step.drop.len()
	hopes := 0 // places that may be free soon
	for k := 0; k < len(p.WantCopies[i]) && room > 0; k++ {
		r := p.WantCopies[i][k]
		if r == ring.None || r == slot.Primary || slot.ReplicaAt(r) >= 0 || have >= p.Replicas && (!empty || k >= p.Replicas) {
			continue
		}
		if !p.placeable(r) {
			if p.nodes[r].present && !p.nodes[r].leaving {
				hopes++
			}
			continue
		}
		step.add.add(r)
		have++
		room--
	}
	if have+hopes < p.Replicas && p.others(slot, step) {
		p.lacking = true
	}
	return step.add.len() > 0
}

// others reports whether there is a node for one more copy of the slot.
func (p *pass) others(slot *ring.Slot, step *slotStep) bool {
	n := p.able - step.add.len()
	for _, r := range append(slices.Clone(slot.Copies()), slot.Primary) {
		if p.placeable(r) {
			n--
		}
	}
	return n > 0
}

// trim drops the copies beyond the number: those that are not complete, then those that the ring does not want, then those at the
// nodes that have most.
func (p *pass) trim(i int, slot *ring.Slot, step *slotStep) {
	better := func(a, b ring.Index) bool {
		if x, y := p.wants(i, a), p.wants(i, b); x != y {
			return x
		}
		return p.counts[a].Replicas < p.counts[b].Replicas
	}
	var keep []ring.Index
	for _, r := range slot.Copies() {
		if !slot.IsInSync(r) || step.out.has(r) || !p.nodes[r].fit {
			continue
		}
		at := slices.IndexFunc(keep, func(k ring.Index) bool { return better(r, k) })
		if at < 0 {
			at = len(keep)
		}
		keep = slices.Insert(keep, at, r)
	}
	keep = keep[:p.Replicas]
	for _, r := range slot.Copies() {
		if !slices.Contains(keep, r) {
			step.drop.add(r)
			p.counts[r].Replicas--
		}
	}
	step.in = noCopies // of copies that are dropped
}
