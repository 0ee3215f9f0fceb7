package ring

import (
	"errors"
	"fmt"
	"slices"
)

// A Change is one step from a map to the next. The set of changes is closed: [Form], [AddNode], [UpdateNode], [RemoveNode],
// [SetDraining] and [SetSlots]. Changes name nodes by id, because an Index dies with its map, and say what must change rather
// than what the result is, so that two decisions about different things do not undo each other.
type Change interface {
	// apply makes the change in m, which is nobody else's yet and has its new epoch already. After an error m is useless.
	apply(m *Map) error
	// encode appends the change without its tag.
	encode(e *encoder)
	// tag tells the changes apart in their encoding.
	tag() tag
}

// Why a change is refused. Every error of Map.Apply wraps one of them or [ErrNode].
var (
	ErrStale  = errors.New("ring: the slot has changed meanwhile")       // another primary or term than the change expects
	ErrInUse  = errors.New("ring: the node still holds slots")           // RemoveNode
	ErrUnsafe = errors.New("ring: the new primary may lack writes")      // SetSlots without Force
	ErrChange = errors.New("ring: change does not fit the map")          // unknown or known node, bad slots, no room
	ErrForm   = errors.New("ring: this map belongs to a cluster by now") // Form
)

// Form gives a new cluster its id and its hash key, once.
type Form struct {
	ClusterID string
	HashKey   HashKey // drawn by who founds the cluster; zero in what was written before clusters had one
}

// AddNode adds a node, which then holds nothing. A node of that id must not be there.
type AddNode struct{ Node Node }

// UpdateNode replaces what a node says of itself when it starts: everything but its id and whether it drains. An incarnation of 0
// leaves the one that is known, and a lower one is refused with ErrStale: an earlier process is dead for good. A batch that raises it
// must take from the node, in the same step, all that the map has it hold: the memory is gone.
type UpdateNode struct {
	ID     NodeID
	Addr   string
	Bus    string
	Weight int
	Zone   string

	Incarnation uint64
}

// RemoveNode forgets a node. It is refused while a slot names the node as primary, replica or handoff target.
type RemoveNode struct{ ID NodeID }

// SetDraining marks a node as being emptied, or takes the mark away.
type SetDraining struct {
	ID       NodeID
	Draining bool
}

// SlotRange is the slots Start to End, both included.
type SlotRange struct{ Start, End uint16 }

// SetSlots alters the replica sets of some slots, all in the same way.
//
// From and Term are a compare-and-set: every slot must have that primary, and when Term is not 0 that term
// ([Slot].Epoch), or the whole batch is refused with ErrStale. So a decision about what no longer is does no harm.
//
// The parts take effect in the order of the fields. Adding a replica that is there, or dropping one that is not, changes
// nothing, so that a repeated request is safe.
type SetSlots struct {
	Slots []SlotRange // ascending, not overlapping
	From  NodeID      // the primary now; "" for slots never assigned
	Term  uint64      // the term now; 0 = any

	Drop []NodeID // these stop being replicas

	// Primary becomes the primary, and stops being a replica; the old primary holds the slot no more, unless Add names it.
	// It starts a term and ends a handoff. "" keeps the primary; From again starts a new term of the same primary.
	// It must be in sync, or the target of the handoff, or the slot unassigned; else ErrUnsafe, unless Force is set.
	Primary NodeID
	// The new term begins empty ([Slot].Fresh), with nobody in sync, where Force is set, and where the new primary was not in sync:
	// what it has of the slot may be any part of what was there once. So a handoff to a node not in sync is of empty slots only.
	Force bool // lose what the others had

	Next      NodeID // a handoff to this node begins; "" = no new one
	ClearNext bool   // the handoff is called off

	Add       []NodeID // these become replicas, out of sync
	OutOfSync []NodeID // these leave the in-sync set and stay replicas
	InSync    []NodeID // these enter the in-sync set; they must be replicas
}

// Apply is m with the changes made one after another, as one step: the epoch grows by one. An error means that nothing
// happened. m itself never changes. Pure and deterministic.
func (m *Map) Apply(changes ...Change) (*Map, error) {
	if len(changes) == 0 {
		return nil, fmt.Errorf("%w: empty batch", ErrChange)
	}
	next := m.clone()
	next.Epoch++
	for _, c := range changes {
		if err := c.apply(next); err != nil {
			return nil, err
		}
	}
	return next, nil
}

func (c Form) apply(m *Map) error {
	if m.ClusterID != "" {
		return fmt.Errorf("%w: %s", ErrForm, m.ClusterID)
	}
	if c.ClusterID == "" || !printable(c.ClusterID, MaxClusterID) {
		return fmt.Errorf("%w: cluster id %.100q", ErrChange, c.ClusterID)
	}
	m.ClusterID, m.HashKey = c.ClusterID, c.HashKey
	return nil
}

func (c AddNode) apply(m *Map) error {
	if err := c.Node.Validate(); err != nil {
		return err
	}
	at, found := m.find(c.Node.ID)
	if found {
		return fmt.Errorf("%w: node %s is a member already", ErrChange, c.Node.ID.Short())
	}
	if len(m.Nodes) == MaxNodes {
		return fmt.Errorf("%w: the cluster has its %d nodes", ErrChange, MaxNodes)
	}
	m.Nodes = slices.Insert(m.Nodes, at, c.Node)
	m.renumber(func(i Index) Index {
		if i >= Index(at) {
			return i + 1
		}
		return i
	})
	return nil
}

func (c UpdateNode) apply(m *Map) error {
	n := m.Node(m.IndexOf(c.ID))
	if n == nil {
		return unknown(c.ID)
	}
	if c.Incarnation != 0 {
		if c.Incarnation < n.Incarnation {
			return fmt.Errorf("%w: node %s is of incarnation %d, not %d", ErrStale, c.ID.Short(), n.Incarnation, c.Incarnation)
		}
		n.Incarnation = c.Incarnation
	}
	n.Addr, n.Bus, n.Weight, n.Zone = c.Addr, c.Bus, c.Weight, c.Zone
	return n.Validate()
}

func (c RemoveNode) apply(m *Map) error {
	at := m.IndexOf(c.ID)
	if at == None {
		return unknown(c.ID)
	}
	for i := range m.Slots {
		if s := &m.Slots[i]; s.Primary == at || s.Next == at || s.ReplicaAt(at) >= 0 {
			return fmt.Errorf("%w: %s, slot %d", ErrInUse, c.ID.Short(), i)
		}
	}
	m.Nodes = slices.Delete(m.Nodes, int(at), int(at)+1)
	m.renumber(func(i Index) Index {
		if i > at {
			return i - 1
		}
		return i
	})
	return nil
}

func (c SetDraining) apply(m *Map) error {
	n := m.Node(m.IndexOf(c.ID))
	if n == nil {
		return unknown(c.ID)
	}
	n.Draining = c.Draining
	return nil
}

// renumber rewrites every Index after the places of nodes have changed. None stays None: to must keep negatives.
func (m *Map) renumber(to func(Index) Index) {
	for i := range m.Slots {
		s := &m.Slots[i]
		s.Primary, s.Next = to(s.Primary), to(s.Next)
		for k := range s.Copies() {
			s.Replicas[k] = to(s.Replicas[k])
		}
	}
}

func unknown(id NodeID) error { return fmt.Errorf("%w: no node %.60q", ErrChange, string(id)) }
