package control

import (
	"slices"
	"time"

	"ringcache/ring"
)

// copySet is a small set of nodes: places in State.Map, ring.None beyond the last. It is comparable.
type copySet [ring.MaxReplicas]ring.Index

// noCopies is the empty copySet.
var noCopies = func() (c copySet) {
	for k := range c {
		c[k] = ring.None
	}
	return c
}()

// add puts a node into the set. There is room: a slot has no more replicas than the set has places.
func (c *copySet) add(i ring.Index) {
	if k := slices.Index(c[:], ring.None); k >= 0 && !c.has(i) {
		c[k] = i
	}
}

func (c *copySet) has(i ring.Index) bool { return slices.Contains(c[:], i) }

func (c *copySet) len() int {
	n := slices.Index(c[:], ring.None)
	if n < 0 {
		return len(c)
	}
	return n
}

// slotStep is what one slot needs, as a ring.SetSlots that many slots may have in common.
type slotStep struct {
	from               ring.Index
	term               uint64
	primary, next      ring.Index
	force, clearNext   bool
	drop, add, out, in copySet
}

func newStep(s *ring.Slot) slotStep {
	return slotStep{
		from: s.Primary, term: s.Epoch, primary: ring.None, next: ring.None,
		drop: noCopies, add: noCopies, out: noCopies, in: noCopies,
	}
}

// nodeFacts is what a pass goes by for one node.
type nodeFacts struct {
	state     NodeState
	report    *Report       // its last, or nil
	heard     time.Duration // Mono when it was last heard; the start of the leader's term when it has not been
	restarted bool          // its process is another than the one that the map speaks of, whose memory is lost
	present   bool          // not down, and heard in this term
	fit       bool          // it serves, and has in its memory what the map says it has
	leaving   bool          // it is about to stop
	yields    bool          // what it is primary of should be others': it leaves, or is being drained
	failing   bool          // what it is primary of is to be given away: it can't serve that, neither now nor by a lease that still runs
	absent    bool          // silent for so long that its copies are made elsewhere
}

// pass is one look at all slots.
type pass struct {
	*State
	nodes     []nodeFacts
	counts    []ring.Count // of what the map has, with what this pass gives away
	able      int          // nodes that may get copies
	heirs     []ring.Index // by slot: who takes over from a primary that fails or yields; nil when none does
	calm      bool         // every node serves, stays, and has what the map says it has
	full      int          // copies of each slot when all nodes are well
	unsettled bool
	lacking   bool
}

func (s *State) newPass() *pass {
	p := &pass{State: s, nodes: make([]nodeFacts, len(s.Map.Nodes)), counts: s.Map.Counts(), calm: true}
	p.full = min(s.Replicas, len(p.nodes)-1)
	for i := range p.nodes {
		n, f := &s.Map.Nodes[i], &p.nodes[i]
		l := s.Nodes[n.ID]
		f.state, f.report = s.StateOf(n), l.Report
		f.heard = max(l.LastAsked, s.LeaderSince)
		f.restarted = s.restarted(n)
		f.present = f.state != StateDown && l.Report != nil && l.Describes != nil
		f.fit = f.present && f.state.Serving() && l.Describes.Incarnation == n.Incarnation
		f.leaving = f.present && l.Report.Leaving
		f.yields = f.present && (l.Report.Leaving || n.Draining)
		f.failing = f.restarted || f.state == StateDown && s.MayPromote(n.ID)
		f.absent = s.Now-f.heard > repairAfter*s.NodeTimeout
		if p.placeable(ring.Index(i)) {
			p.able++
		} else {
			p.calm = false
		}
	}
	p.chooseHeirs()
	return p
}

// placeable reports whether a node may get copies.
func (p *pass) placeable(i ring.Index) bool {
	return p.nodes[i].fit && !p.nodes[i].yields
}

// slots decides what the slots need.
func (p *pass) slots() []ring.Change {
	var steps stepGroups
	for i := range p.Map.Slots {
		slot := &p.Map.Slots[i]
		if slot.Primary == ring.None || p.calm && p.settled(i, slot) {
			continue
		}
		if step := p.step(i, slot); step != newStep(slot) {
			steps.add(step, uint16(i))
		}
	}
	return p.setSlots(&steps)
}

// settled is a quick answer for most slots at most times: nothing is to be done. All nodes are well.
func (p *pass) settled(i int, slot *ring.Slot) bool {
	if slot.Next != ring.None || int(slot.ReplicaCount) != p.full || slot.InSync != 1<<p.full-1 {
		return false
	}
	owner := p.nodes[slot.Primary].report
	if len(owner.Behind) > 0 {
		return false
	}
	if p.Want == nil || owner.Epoch < slot.Epoch || owner.NonEmpty.Has(uint16(i)) {
		return true
	}
	for _, r := range slot.Copies() {
		if !p.WantCopies[i].has(r) {
			return false
		}
	}
	return p.Want[i] == slot.Primary || p.Want[i] == ring.None
}

// step is what one slot needs; nothing is newStep.
func (p *pass) step(i int, slot *ring.Slot) slotStep {
	step := newStep(slot)
	owner := &p.nodes[slot.Primary]
	if owner.failing {
		p.succeed(i, slot, &step)
		return step
	}
	p.sync(i, slot, &step)
	switch {
	case slot.Next != ring.None:
		p.handoff(i, slot, &step)
	case p.begin(i, slot, &step):
	case owner.fit:
		p.repair(i, slot, &step)
	}
	return step
}

// stepGroups is steps, each with the slots that need it, in the order of their first slots.
type stepGroups struct {
	at    map[slotStep]int
	steps []slotStep
	slots [][]ring.SlotRange
}

// add adds a slot; they come in ascending order.
func (g *stepGroups) add(step slotStep, slot uint16) {
	at, known := g.at[step]
	if !known {
		if g.at == nil {
			g.at = map[slotStep]int{}
		}
		at = len(g.steps)
		g.at[step] = at
		g.steps, g.slots = append(g.steps, step), append(g.slots, nil)
	}
	g.slots[at] = appendSlot(g.slots[at], slot)
}

// setSlots writes the steps as changes.
func (p *pass) setSlots(g *stepGroups) []ring.Change {
	out := make([]ring.Change, 0, len(g.steps))
	for at := range g.steps {
		k := &g.steps[at]
		out = append(out, ring.SetSlots{
			Slots: g.slots[at], From: p.Map.ID(k.from), Term: k.term, Drop: p.ids(k.drop),
			Primary: p.Map.ID(k.primary), Force: k.force, Next: p.Map.ID(k.next), ClearNext: k.clearNext,
			Add: p.ids(k.add), OutOfSync: p.ids(k.out), InSync: p.ids(k.in),
		})
	}
	return out
}

func (p *pass) ids(c copySet) []ring.NodeID {
	if c.len() == 0 {
		return nil
	}
	ids := make([]ring.NodeID, c.len())
	for k := range ids {
		ids[k] = p.Map.ID(c[k])
	}
	return ids
}

// appendSlot adds a slot beyond the last range, or to it.
func appendSlot(r []ring.SlotRange, slot uint16) []ring.SlotRange {
	if len(r) > 0 && r[len(r)-1].End+1 == slot {
		r[len(r)-1].End = slot
		return r
	}
	return append(r, ring.SlotRange{Start: slot, End: slot})
}
