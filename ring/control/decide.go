package control

import (
	"cmp"
	"slices"
	"time"

	"ringcache/ring"
)

// The controller. The leader calls Decide on a tick and on events; everything it goes by is in State, everything it wants is
// in the Decision, and there is no clock, network or memory beside. What it wants is proposed through Raft, and a proposal
// that the Map has overtaken is refused there (compare-and-set in ring.SetSlots), so Decide may be called as often as one likes.
//
// An empty slot moves in two commits, so that no two nodes ever serve it:
//
//	leader                                owner                              target
//	Next=target, if the owner reported
//	the slot empty             ---------> holds the slot's requests and
//	                                      reports it released; or keys have
//	                                      come: serves on, reports refused
//	Primary=target, Next=none <---------- released
//	  or Next=none            <---------- refused                    ------> serves
//
// A release counts only when the owner had seen the map in which the handoff began: an older release of the same slot to the
// same target may have been called off since, and the owner may have served again. A handoff whose owner or target is not up is called off,
// which is safe at any time.

// maxVoters is how many nodes vote in Raft: five survive the loss of two; more would slow every commit.
const maxVoters = 5

const (
	// suspectAfter eighths of NodeTimeout without a request for a lease a node is suspect: it asks every quarter, so it has
	// missed two.
	suspectAfter = 5
	// voterGrace in multiples of NodeTimeout is how long a voter must be silent before another takes its place: a restart or a
	// short cut must not shuffle the voters.
	voterGrace = 30
)

// Liveness is what the leader knows of one node.
type Liveness struct {
	LastAsked    time.Duration // Mono at its last request for a lease; the start of the leader's term when there was none
	GrantedUntil time.Duration // Mono until which it may hold a lease that this leader granted; 0 none
	GossipDead   bool          // gossip has given it up: a hint
	Describes    *ring.Node    // what it says of itself now: address, weight, zone; nil before it asked
	Report       *Report       // its last; nil before it asked
}

// State is all that a decision goes by.
type State struct {
	Now         time.Duration // Mono
	LeaderSince time.Duration // Mono when this leader's term began
	NodeTimeout time.Duration
	Self        ring.NodeID
	Map         *ring.Map
	Nodes       map[ring.NodeID]Liveness
	Voters      map[ring.NodeID]bool // Raft's servers: true for voters

	// Want is the primary that each slot should have, as places in Map.Nodes, ring.None for no opinion; nil for none at all.
	Want []ring.Index
	// HandoffSince is the epoch of the map in which each slot's handoff began, or a later one.
	HandoffSince func(slot int) uint64
}

// VoterOp is a step in Raft's configuration.
type VoterOp string

// The steps in Raft's configuration.
const (
	AddVoter     VoterOp = "add-voter"
	AddNonvoter  VoterOp = "add-nonvoter"
	DemoteVoter  VoterOp = "demote"
	RemoveServer VoterOp = "remove"
)

// VoterChange is one step in Raft's configuration, one at a time.
type VoterChange struct {
	Op   VoterOp
	Node ring.NodeID
}

// Decision is what the leader should do now; the zero Decision is nothing.
type Decision struct {
	Changes []ring.Change
	Voter   *VoterChange
}

// Decide is the controller. It is pure.
//
// This is also where promotion will stand once slots have replicas: for each slot whose primary is down, MayPromote(primary)
// says when its lease has surely run out, and an in-sync replica that is up becomes primary. Until then the slots of a dead
// node stay its own, unserved, and it serves them again, empty, when it returns. Likewise slots get replicas here, from
// ring.Target, as soon as there is a stream to fill them.
func Decide(s State) Decision {
	var d Decision
	d.Changes = append(d.Changes, s.updates()...)
	d.Changes = append(d.Changes, s.handoffs()...)
	d.Voter = s.voter()
	return d
}

// StateOf is the leader's word on a node of the map.
func (s *State) StateOf(n *ring.Node) NodeState {
	l, ok := s.Nodes[n.ID]
	silent := s.Now - s.LeaderSince
	if ok {
		silent = s.Now - max(l.LastAsked, s.LeaderSince)
	}
	switch {
	case silent > s.NodeTimeout:
		return StateDown
	case l.GossipDead && silent > s.NodeTimeout*3/8, silent > s.NodeTimeout*suspectAfter/8:
		return StateSuspect
	case n.Draining:
		return StateDraining
	case n.Weight == 0:
		return StateStandby
	}
	return StateUp
}

// MayPromote tells whether no lease of the node can still run, whoever granted it: the last one of this leader has run out,
// and this leader has waited out one full lease of its predecessors'.
func (s *State) MayPromote(primary ring.NodeID) bool {
	return s.Now-s.LeaderSince > leaseFor(s.NodeTimeout) && s.Now > s.Nodes[primary].GrantedUntil
}

// updates brings the map up to what nodes say of themselves.
func (s *State) updates() []ring.Change {
	var out []ring.Change
	for i := range s.Map.Nodes {
		n := &s.Map.Nodes[i]
		says := s.Nodes[n.ID].Describes
		if says == nil {
			continue
		}
		if n.Addr != says.Addr || n.Bus != says.Bus || n.Weight != says.Weight || n.Zone != says.Zone {
			out = append(out, ring.UpdateNode{ID: n.ID, Addr: says.Addr, Bus: says.Bus, Weight: says.Weight, Zone: says.Zone})
		}
	}
	return out
}

// slotStep is a step that many slots may have in common: one ring.SetSlots.
type slotStep struct {
	from, to ring.Index
	kind     stepKind
}

type stepKind uint8

const (
	stepBegin  stepKind = iota // Next = to
	stepFinish                 // Primary = to
	stepCancel                 // Next = none
)

// handoffs moves empty slots to where they should be.
func (s *State) handoffs() []ring.Change {
	states := make([]NodeState, len(s.Map.Nodes))
	reports := make([]*Report, len(s.Map.Nodes))
	for i := range s.Map.Nodes {
		states[i] = s.StateOf(&s.Map.Nodes[i])
		reports[i] = s.Nodes[s.Map.Nodes[i].ID].Report
	}
	steps := map[slotStep][]ring.SlotRange{}
	for i := range s.Map.Slots {
		slot := &s.Map.Slots[i]
		if slot.Primary == ring.None {
			continue
		}
		if step, ok := s.step(i, slot, states, reports[slot.Primary]); ok {
			steps[step] = appendSlot(steps[step], uint16(i))
		}
	}
	return s.setSlots(steps)
}

// step is what the handoff of one slot needs next.
func (s *State) step(i int, slot *ring.Slot, states []NodeState, owner *Report) (slotStep, bool) {
	number := uint16(i)
	if slot.Next != ring.None {
		end := slotStep{from: slot.Primary, to: slot.Next}
		fresh := owner != nil && owner.Epoch >= s.HandoffSince(i)
		switch {
		case !states[slot.Primary].Serving(), !states[slot.Next].Serving():
			end.kind = stepCancel
		case fresh && owner.Refused.Has(number):
			end.kind = stepCancel
		case fresh && owner.Released.Has(number):
			end.kind = stepFinish
		default:
			return slotStep{}, false
		}
		return end, true
	}
	if s.Want == nil || s.Want[i] == ring.None || s.Want[i] == slot.Primary || owner == nil {
		return slotStep{}, false
	}
	// The report must be of this node as primary of the slot: one from before it became so says nothing.
	if owner.Epoch < slot.Epoch || owner.NonEmpty.Has(number) || slot.ReplicaCount > 0 {
		return slotStep{}, false
	}
	if !states[slot.Primary].Serving() || !states[s.Want[i]].Serving() {
		return slotStep{}, false
	}
	return slotStep{from: slot.Primary, to: s.Want[i], kind: stepBegin}, true
}

// setSlots writes the steps as changes, in a fixed order.
func (s *State) setSlots(steps map[slotStep][]ring.SlotRange) []ring.Change {
	keys := make([]slotStep, 0, len(steps))
	for k := range steps {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b slotStep) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to))
	})
	var out []ring.Change
	for _, k := range keys {
		c := ring.SetSlots{Slots: steps[k], From: s.Map.ID(k.from)}
		switch k.kind {
		case stepBegin:
			c.Next = s.Map.ID(k.to)
		case stepFinish:
			c.Primary = s.Map.ID(k.to)
		case stepCancel:
			c.ClearNext = true
		}
		out = append(out, c)
	}
	return out
}

// appendSlot adds a slot beyond the last range, or to it.
func appendSlot(r []ring.SlotRange, slot uint16) []ring.SlotRange {
	if len(r) > 0 && r[len(r)-1].End+1 == slot {
		r[len(r)-1].End = slot
		return r
	}
	return append(r, ring.SlotRange{Start: slot, End: slot})
}

// voterCount is how many of n nodes should vote: an odd number, since an even one survives no more losses than one less and
// gives more nodes to lose. In particular of two nodes one votes: with two, the loss of either would stop the cluster.
func voterCount(n int) int {
	n = min(n, maxVoters)
	if n > 0 && n%2 == 0 {
		n--
	}
	return n
}

// voter is the next step from Raft's servers to what they should be. A step that takes a vote away waits until everything
// that gives one is done, and a voter that is merely silent keeps its vote until voterGrace is over and another node, up and
// heard of in this leader's own term, can take its place.
func (s *State) voter() *VoterChange {
	for i := range s.Map.Nodes {
		if _, in := s.Voters[s.Map.Nodes[i].ID]; !in {
			return &VoterChange{AddNonvoter, s.Map.Nodes[i].ID}
		}
	}
	for _, id := range sortedIDs(s.Voters) {
		if s.Map.IndexOf(id) == ring.None && id != s.Self {
			return &VoterChange{RemoveServer, id}
		}
	}

	stay := 0
	for i := range s.Map.Nodes {
		if !s.Map.Nodes[i].Draining {
			stay++
		}
	}
	want := max(voterCount(stay), 1)
	var voters, lost, spare []*ring.Node
	for i := range s.Map.Nodes {
		n := &s.Map.Nodes[i]
		switch {
		case s.Voters[n.ID] && s.longSilent(n.ID):
			lost = append(lost, n)
		case s.Voters[n.ID]:
			voters = append(voters, n)
		case s.StateOf(n).Serving() && s.Nodes[n.ID].Report != nil && !n.Draining:
			spare = append(spare, n)
		}
	}
	switch {
	case len(voters)+len(lost) < want, len(voters) < want && len(lost) > 0:
		if n := bestSpare(spare, voters); n != nil {
			return &VoterChange{AddVoter, n.ID}
		}
	case len(voters) >= want && len(lost) > 0:
		return &VoterChange{DemoteVoter, lost[0].ID}
	case len(voters) > want:
		if n := s.leastVoter(voters); n != nil {
			return &VoterChange{DemoteVoter, n.ID}
		}
	}
	return nil
}

// longSilent tells whether a voter has been silent for so long that another may take its place.
func (s *State) longSilent(id ring.NodeID) bool {
	return id != s.Self && s.Now-max(s.Nodes[id].LastAsked, s.LeaderSince) > voterGrace*s.NodeTimeout
}

// bestSpare is the node to get a vote: in the zone with the fewest voters, then by id.
func bestSpare(spare, voters []*ring.Node) *ring.Node {
	inZone := map[string]int{}
	for _, v := range voters {
		inZone[v.Zone]++
	}
	if len(spare) == 0 {
		return nil
	}
	return slices.MinFunc(spare, func(a, b *ring.Node) int {
		return cmp.Or(cmp.Compare(inZone[a.Zone], inZone[b.Zone]), cmp.Compare(a.ID, b.ID))
	})
}

// leastVoter is the voter to lose its vote when there are too many: one that is not well first, then a draining one, then one
// of the zone with the most voters, never the leader itself.
func (s *State) leastVoter(voters []*ring.Node) *ring.Node {
	inZone := map[string]int{}
	for _, v := range voters {
		inZone[v.Zone]++
	}
	rank := func(n *ring.Node) int {
		switch {
		case n.ID == s.Self:
			return 3
		case !s.StateOf(n).Serving():
			return 0
		case n.Draining:
			return 1
		}
		return 2
	}
	least := slices.MinFunc(voters, func(a, b *ring.Node) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(inZone[b.Zone], inZone[a.Zone]), cmp.Compare(a.ID, b.ID))
	})
	if least.ID == s.Self {
		return nil
	}
	return least
}

func sortedIDs[V any](m map[ring.NodeID]V) []ring.NodeID {
	out := make([]ring.NodeID, 0, len(m))
	for id := range m {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}
