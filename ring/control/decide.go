package control

import (
	"time"

	"ringcache/ring"
)

// The controller. The leader calls Decide on a tick and on events; everything it goes by is in State, everything it wants is
// in the Decision, and there is no clock, network or memory beside. What it wants is proposed through Raft, and a proposal
// that the Map has overtaken is refused there (compare-and-set in ring.SetSlots), so Decide may be called as often as one likes.
//
// It looks at each slot by itself, and a slot gets one step in a batch:
//
//	its primary is gone           failover.go   who is primary then, or how long it waits for one
//	its primary says of a copy    copies.go     that it is complete, or no more: the in-sync set changes
//	copies lack, or are too many  copies.go     one more, one less
//	it should be elsewhere        handoff.go    empty slots by the ring's wish; slots of nodes that leave

const (
	// suspectAfter eighths of NodeTimeout without a request for a lease a node is suspect: it asks every quarter, so it has
	// missed two.
	suspectAfter = 5
	// downAfter eighths it is down: what it was primary of is served elsewhere within NodeTimeout. It is more than a lease.
	downAfter = 7
	// repairAfter in multiples of NodeTimeout is how long a node must be silent before its copies are made elsewhere: a short cut must
	// not send whole copies through the cluster.
	repairAfter = 3
)

// Liveness is what the leader knows of one node.
type Liveness struct {
	LastAsked    time.Duration // Mono at its last request for a lease; the start of the leader's term when there was none
	GrantedUntil time.Duration // Mono until which it may hold a lease that this leader granted; 0 none
	GossipDead   bool          // gossip has given it up: a hint
	Unreached    bool          // since it last asked, no connection to its port could be made: another
	Describes    *ring.Node    // what it says of itself now: address, weight, zone; nil before it asked
	Report       *Report       // its last; nil before it asked

	number uint64 // of its last request
}

// State is all that a decision goes by.
type State struct {
	Now         time.Duration // Mono
	LeaderSince time.Duration // Mono when this leader's term began
	NodeTimeout time.Duration
	Replicas    int // copies that each slot should have beside its primary
	// HoldSyncs has copies that have become complete wait for more of them: each map costs every node milliseconds.
	HoldSyncs bool
	// LostSlotsAfter is how long a slot waits for the last node that may have its data; below 0: for ever.
	LostSlotsAfter time.Duration

	Self   ring.NodeID
	Map    *ring.Map
	Nodes  map[ring.NodeID]Liveness
	Voters map[ring.NodeID]bool // Raft's servers: true for voters

	// Want is the primary that each slot should have, as places in Map.Nodes, ring.None for no opinion; nil for none at all.
	Want []ring.Index
	// WantCopies is where the ring wants each slot's copies, ring.None for nowhere; nil for no opinion.
	WantCopies []copySet
	// HandoffSince is the epoch of the map in which each slot's handoff began, or a later one.
	HandoffSince func(slot int) uint64
	// CopiesSince is the epoch of the map in which a copy of each slot was last added or dropped, or a later one; nil = 0 for all.
	CopiesSince func(slot int) uint64
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

	unsettled bool // slots are without a primary that serves, and an heir is there: the ring is better asked afterwards
	lacking   bool // slots lack copies that Want has no place for, and other nodes do
}

// Decide is the controller. It is pure.
func Decide(s State) Decision {
	p := s.newPass()
	d := Decision{Changes: append(s.updates(), p.slots()...), Voter: s.voter()}
	d.unsettled, d.lacking = p.unsettled, p.lacking
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
	case silent > s.NodeTimeout*downAfter/8, (l.Unreached || l.GossipDead) && silent > leaseFor(s.NodeTimeout) && s.Now > l.GrantedUntil:
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
		if says == nil || says.Incarnation < n.Incarnation {
			continue
		}
		if n.Addr != says.Addr || n.Bus != says.Bus || n.Weight != says.Weight || n.Zone != says.Zone || s.restarted(n) {
			out = append(out, ring.UpdateNode{
				ID: n.ID, Addr: says.Addr, Bus: says.Bus, Weight: says.Weight, Zone: says.Zone, Incarnation: says.Incarnation,
			})
		}
	}
	return out
}

// restarted reports whether the node's process is another than the one that the map speaks of. The old one has ended for certain: the
// data directory has one user at a time.
func (s *State) restarted(n *ring.Node) bool {
	says := s.Nodes[n.ID].Describes
	return says != nil && says.Incarnation > n.Incarnation
}
