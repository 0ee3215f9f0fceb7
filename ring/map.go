package ring

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Map says who holds what. It is a value: once published nobody alters it, and [Map.Apply] makes the next one.
// The zero Map is not useful; start with [NewMap].
type Map struct {
	Epoch     uint64      // the version; one more with each batch of changes. 0 = nothing has been agreed yet
	ClusterID string      // what tells two clusters apart; "" until a Form change
	HashKey   HashKey     // the cluster's secret for hashing keys; zero until a Form change, and in clusters older than it
	Nodes     []Node      // sorted by ID
	Slots     [Slots]Slot // indexed by slot: the way of a request is m.Slots[slot].Primary
	Rebalance *Rebalance  // under way, or the last; nil when there has been none
}

// Slot is one slot's replica set. Indices are places in [Map.Nodes].
type Slot struct {
	Primary      Index              // executes the slot's commands; None only before its first assignment
	Next         Index              // the node that a handoff is under way to, or None
	Replicas     [MaxReplicas]Index // holders of copies, in no order that matters (see Heirs); None beyond ReplicaCount
	ReplicaCount uint8              // how many of Replicas count, 0..MaxReplicas
	InSync       uint8              // bit i: Replicas[i] has every acknowledged write
	Fresh        bool               // the term began empty: whatever the primary had of the slot before Epoch is not to be served
	Epoch        uint64             // epoch of the map in which Primary last changed: the primary's term
}

// unassigned is a slot that nobody has been given yet.
var unassigned = Slot{Primary: None, Next: None, Replicas: [MaxReplicas]Index{None, None, None, None}}

// NewMap is the map before anything has been agreed: epoch 0, no nodes, no slot assigned.
func NewMap() *Map {
	m := new(Map)
	for i := range m.Slots {
		m.Slots[i] = unassigned
	}
	return m
}

// IndexOf is the place of the node with that id in m.Nodes, or None.
func (m *Map) IndexOf(id NodeID) Index {
	i, found := m.find(id)
	if !found {
		return None
	}
	return Index(i)
}

// find is the place of id in m.Nodes, or where it would be.
func (m *Map) find(id NodeID) (int, bool) {
	return slices.BinarySearchFunc(m.Nodes, id, func(n Node, id NodeID) int { return strings.Compare(string(n.ID), string(id)) })
}

// Node is the node at i, or nil for None and for places that m does not have.
func (m *Map) Node(i Index) *Node {
	if i < 0 || int(i) >= len(m.Nodes) {
		return nil
	}
	return &m.Nodes[i]
}

// ID is the id of the node at i, or "" for None and for places that m does not have.
func (m *Map) ID(i Index) NodeID {
	if n := m.Node(i); n != nil {
		return n.ID
	}
	return ""
}

// PrimaryOf is the node that executes commands on slot, or nil when it is unassigned.
func (m *Map) PrimaryOf(slot uint16) *Node { return m.Node(m.Slots[slot].Primary) }

// Members lists the nodes that should hold slots: all that do not drain, or all when every one drains.
func (m *Map) Members() []Member {
	members := make([]Member, 0, len(m.Nodes))
	for _, all := range []bool{false, true} {
		for i := range m.Nodes {
			if n := &m.Nodes[i]; all || !n.Draining {
				members = append(members, Member{n.ID, n.Weight, n.Zone})
			}
		}
		if len(members) > 0 {
			break
		}
	}
	return members
}

// Count is what one node holds.
type Count struct{ Primaries, Replicas, InSync int }

// Counts is what each node of m holds, by place in m.Nodes.
func (m *Map) Counts() []Count {
	counts := make([]Count, len(m.Nodes))
	for i := range m.Slots {
		s := &m.Slots[i]
		if s.Primary != None {
			counts[s.Primary].Primaries++
		}
		for k, r := range s.Copies() {
			counts[r].Replicas++
			counts[r].InSync += int(s.InSync >> k & 1)
		}
	}
	return counts
}

// Copies is the replicas of s, a view of its array.
func (s *Slot) Copies() []Index { return s.Replicas[:s.ReplicaCount] }

// ReplicaAt is the position of node i among the replicas of s, or -1.
func (s *Slot) ReplicaAt(i Index) int { return slices.Index(s.Copies(), i) }

// IsInSync reports whether node i is a replica of s that has every acknowledged write.
func (s *Slot) IsInSync(i Index) bool {
	at := s.ReplicaAt(i)
	return at >= 0 && s.InSync>>at&1 == 1
}

// addReplica appends node i to the replicas, out of sync. The caller has checked that there is room and that i is not one.
func (s *Slot) addReplica(i Index) {
	s.Replicas[s.ReplicaCount] = i
	s.ReplicaCount++
}

// dropReplica removes the replica at that position; the others keep their order.
func (s *Slot) dropReplica(at int) {
	copy(s.Replicas[at:], s.Replicas[at+1:])
	s.ReplicaCount--
	s.Replicas[s.ReplicaCount] = None
	below := s.InSync & (1<<at - 1)
	s.InSync = below | s.InSync>>(at+1)<<at
}

// clone is a copy of m that may be altered until it is published.
func (m *Map) clone() *Map {
	c := new(Map)
	*c = *m
	c.Nodes = slices.Clone(m.Nodes)
	return c
}

// ErrMap is what every error about a map that breaks its own rules wraps.
var ErrMap = errors.New("ring: bad map")

// Validate checks every rule that a map keeps. All maps that Apply and UnmarshalMap give are valid.
func (m *Map) Validate() error {
	if !printable(m.ClusterID, MaxClusterID) {
		return fmt.Errorf("%w: cluster id %.100q", ErrMap, m.ClusterID)
	}
	if len(m.Nodes) > MaxNodes {
		return fmt.Errorf("%w: %d nodes, at most %d", ErrMap, len(m.Nodes), MaxNodes)
	}
	for i := range m.Nodes {
		if err := m.Nodes[i].Validate(); err != nil {
			return fmt.Errorf("%w: %w", ErrMap, err)
		}
		if i > 0 && m.Nodes[i-1].ID >= m.Nodes[i].ID {
			return fmt.Errorf("%w: node %s is not in the order of ids", ErrMap, m.Nodes[i].ID.Short())
		}
	}
	for i := range m.Slots {
		if err := m.Slots[i].validate(len(m.Nodes), m.Epoch); err != nil {
			return fmt.Errorf("%w: slot %d: %w", ErrMap, i, err)
		}
	}
	if m.Rebalance != nil {
		if err := m.Rebalance.validate(m.Epoch); err != nil {
			return fmt.Errorf("%w: %w", ErrMap, err)
		}
	}
	return nil
}

// validate checks one slot of a map with that many nodes and that epoch.
func (s *Slot) validate(nodes int, epoch uint64) error {
	known := func(i Index) bool { return i >= 0 && int(i) < nodes }
	if s.Primary == None {
		if *s != unassigned {
			return errors.New("has no primary and yet a state")
		}
		return nil
	}
	switch {
	case !known(s.Primary):
		return fmt.Errorf("primary %d is no node", s.Primary)
	case s.Next != None && (!known(s.Next) || s.Next == s.Primary):
		return fmt.Errorf("handoff to %d from %d", s.Next, s.Primary)
	case s.ReplicaCount > MaxReplicas:
		return fmt.Errorf("%d replicas, at most %d", s.ReplicaCount, MaxReplicas)
	case s.InSync>>s.ReplicaCount != 0:
		return fmt.Errorf("in-sync set %#b of %d replicas", s.InSync, s.ReplicaCount)
	case s.Epoch == 0 || s.Epoch > epoch:
		return fmt.Errorf("term %d in epoch %d", s.Epoch, epoch)
	}
	for k, r := range s.Replicas {
		switch {
		case k >= int(s.ReplicaCount) && r != None:
			return fmt.Errorf("replica %d beyond the count %d", r, s.ReplicaCount)
		case k < int(s.ReplicaCount) && (!known(r) || r == s.Primary || slices.Contains(s.Replicas[:k], r)):
			return fmt.Errorf("replica %d is no node, the primary or there twice", r)
		}
	}
	return nil
}
