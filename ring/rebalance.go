package ring

import (
	"errors"
	"fmt"
	"slices"
)

// RebalanceState is how a rebalance stands.
type RebalanceState uint8

// The states of a rebalance.
const (
	RebalanceRunning RebalanceState = iota
	RebalanceDone
	RebalanceCancelled
)

// String is the state's name.
func (s RebalanceState) String() string {
	switch s {
	case RebalanceRunning:
		return "running"
	case RebalanceDone:
		return "done"
	case RebalanceCancelled:
		return "cancelled"
	}
	return "unknown"
}

// MaxRate bounds the rate of a rebalance in bytes per second: 1 TB, more than any network has.
const MaxRate = 1 << 40

// Rebalance is a plan that the cluster has agreed on, or the last one that it had: where slots are to be. It is in the map, so that the next
// leader goes on with it and every node can tell how far it is. It is a value: maps share it, and nobody alters it.
type Rebalance struct {
	ID    uint64 // the epoch in which it began
	State RebalanceState
	Rate  int64 // the most bytes per second that each node should send for it; 0 = no bound
	Began int64 // unix ms, by the clock of the leader
	Ended int64 // unix ms; 0 while it runs

	// What it was about when it began, and when it has ended what of that was reached.
	Slots, SlotsDone int
	Bytes, BytesDone int64 // to be sent from node to node

	Nodes []NodeID   // that Goals speak of, ascending
	Goals []SlotGoal // ascending by slot; none once it has ended
}

// SlotGoal is where one slot is to be. Indices are places in [Rebalance].Nodes.
type SlotGoal struct {
	Slot         uint16
	ReplicaCount uint8
	Primary      Index
	Replicas     [MaxReplicas]Index // in no order that matters; None beyond ReplicaCount
	Bytes        int64              // that reaching it sends
}

// Copies is the replicas of g, a view of its array.
func (g *SlotGoal) Copies() []Index { return g.Replicas[:g.ReplicaCount] }

// Running reports whether r is under way; nil is not.
func (r *Rebalance) Running() bool { return r != nil && r.State == RebalanceRunning }

// StartRebalance begins a rebalance: ID, State and the sums of the Rebalance are the map's to set. It is refused with ErrRebalance
// while one runs.
type StartRebalance struct{ Rebalance }

// EndRebalance ends the rebalance of that id: cancelled, or done. Slots stay where they have come to.
type EndRebalance struct {
	ID        uint64
	Cancelled bool
	At        int64 // unix ms
}

// ErrRebalance is why a rebalance is not begun, or ended: another one runs, or that one does not.
var ErrRebalance = errors.New("ring: rebalance")

func (c StartRebalance) apply(m *Map) error {
	if m.Rebalance.Running() {
		return fmt.Errorf("%w: one is under way", ErrRebalance)
	}
	r := c.Rebalance
	r.ID, r.State, r.Ended = m.Epoch, RebalanceRunning, 0
	r.Slots, r.SlotsDone, r.Bytes, r.BytesDone = len(r.Goals), 0, 0, 0
	for i := range r.Goals {
		r.Bytes += r.Goals[i].Bytes
	}
	if err := r.validate(m.Epoch); err != nil {
		return fmt.Errorf("%w: %w", ErrChange, err)
	}
	if len(r.Goals) == 0 {
		return fmt.Errorf("%w: a rebalance that moves nothing", ErrChange)
	}
	for _, id := range r.Nodes {
		if m.IndexOf(id) == None {
			return unknown(id)
		}
	}
	m.Rebalance = &r
	return nil
}

func (c EndRebalance) apply(m *Map) error {
	if !m.Rebalance.Running() || m.Rebalance.ID != c.ID {
		return fmt.Errorf("%w: none of that id is under way", ErrRebalance)
	}
	r := *m.Rebalance
	p := m.Progress()
	r.SlotsDone, r.BytesDone = p.Slots, p.Bytes
	r.State, r.Ended, r.Nodes, r.Goals = RebalanceDone, max(c.At, r.Began), nil, nil
	if c.Cancelled {
		r.State = RebalanceCancelled
	}
	m.Rebalance = &r
	return r.validate(m.Epoch)
}

// validate checks the rules that a rebalance keeps by itself.
func (r *Rebalance) validate(epoch uint64) error {
	switch {
	case r.ID == 0 || r.ID > epoch:
		return fmt.Errorf("rebalance %d in epoch %d", r.ID, epoch)
	case r.State > RebalanceCancelled:
		return fmt.Errorf("rebalance in state %d", r.State)
	case r.Rate < 0 || r.Rate > MaxRate:
		return fmt.Errorf("rebalance at a rate of %d bytes per second, at most %d", r.Rate, int64(MaxRate))
	case r.Began < 0 || r.Ended < 0 || r.Running() && r.Ended != 0 || !r.Running() && r.Ended < r.Began:
		return fmt.Errorf("rebalance from %d to %d", r.Began, r.Ended)
	case r.Slots < 0 || r.Slots > Slots || r.SlotsDone < 0 || r.SlotsDone > r.Slots:
		return fmt.Errorf("rebalance of %d slots, %d of them done", r.Slots, r.SlotsDone)
	case r.Bytes < 0 || r.BytesDone < 0 || r.BytesDone > r.Bytes:
		return fmt.Errorf("rebalance of %d bytes, %d of them done", r.Bytes, r.BytesDone)
	case r.Running() && len(r.Goals) != r.Slots, !r.Running() && len(r.Goals)+len(r.Nodes) > 0:
		return fmt.Errorf("rebalance of %d slots with %d goals, %v", r.Slots, len(r.Goals), r.State)
	case len(r.Nodes) > MaxNodes:
		return fmt.Errorf("rebalance among %d nodes, at most %d", len(r.Nodes), MaxNodes)
	}
	for i, id := range r.Nodes {
		if !id.Valid() || i > 0 && id <= r.Nodes[i-1] {
			return fmt.Errorf("rebalance with a node %.60q, or out of the order of ids", string(id))
		}
	}
	bytes := int64(0)
	for i := range r.Goals {
		g := &r.Goals[i]
		if i > 0 && g.Slot <= r.Goals[i-1].Slot || g.Slot >= Slots {
			return fmt.Errorf("goal of slot %d is out of order", g.Slot)
		}
		if g.Bytes < 0 || g.Bytes > maxCost {
			return fmt.Errorf("goal of slot %d of %d bytes", g.Slot, g.Bytes)
		}
		bytes += g.Bytes
		if err := g.validate(len(r.Nodes)); err != nil {
			return fmt.Errorf("goal of slot %d: %w", g.Slot, err)
		}
	}
	if r.Running() && bytes != r.Bytes {
		return fmt.Errorf("rebalance of %d bytes, by its goals %d", r.Bytes, bytes)
	}
	return nil
}

// maxCost bounds the bytes of one goal, so that sums cannot overflow: 16384 of them are 2^62.
const maxCost = 1 << 48

func (g *SlotGoal) validate(nodes int) error {
	known := func(i Index) bool { return i >= 0 && int(i) < nodes }
	if !known(g.Primary) {
		return fmt.Errorf("primary %d is no node", g.Primary)
	}
	if g.ReplicaCount > MaxReplicas {
		return fmt.Errorf("%d replicas, at most %d", g.ReplicaCount, MaxReplicas)
	}
	for k, i := range g.Replicas {
		switch {
		case k >= int(g.ReplicaCount) && i != None:
			return fmt.Errorf("replica %d beyond the count %d", i, g.ReplicaCount)
		case k < int(g.ReplicaCount) && (!known(i) || i == g.Primary || slices.Contains(g.Replicas[:k], i)):
			return fmt.Errorf("replica %d is no node, the primary or there twice", i)
		}
	}
	return nil
}

// NewRebalance is the goals of a plan to lead from cur to want, two maps with the same nodes, for [StartRebalance]. bytes is what sending a slot
// once costs.
func NewRebalance(want *Map, moves []Move, bytes func(slot uint16) int64, rate, began int64) Rebalance {
	r := Rebalance{Rate: rate, Began: began}
	for i := range want.Nodes {
		r.Nodes = append(r.Nodes, want.Nodes[i].ID)
	}
	for i := range moves {
		m := &moves[i]
		s := &want.Slots[m.Slot]
		r.Goals = append(r.Goals, SlotGoal{
			Slot: m.Slot, Primary: s.Primary, Replicas: s.Replicas, ReplicaCount: s.ReplicaCount,
			Bytes: min(max(bytes(m.Slot), 0), maxCost/(MaxReplicas+1)) * int64(len(m.Load)),
		})
	}
	slices.SortFunc(r.Goals, func(a, b SlotGoal) int { return int(a.Slot) - int(b.Slot) })
	return r
}

// Places is where each of r.Nodes is in m.Nodes, or None.
func (r *Rebalance) Places(m *Map) []Index {
	place := make([]Index, len(r.Nodes))
	for i, id := range r.Nodes {
		place[i] = m.IndexOf(id)
	}
	return place
}

// Met reports whether a slot is as the goal has it, with all copies in sync and no handoff under way. place is [Rebalance.Places].
func (g *SlotGoal) Met(s *Slot, place []Index) bool {
	if s.Primary != place[g.Primary] || s.Next != None || s.ReplicaCount != g.ReplicaCount {
		return false
	}
	for _, r := range g.Copies() {
		if !s.IsInSync(place[r]) {
			return false
		}
	}
	return true
}

// Progress is how far a rebalance is.
type Progress struct {
	Slots int   // that are where they are to be
	Bytes int64 // that reaching them has sent, by the plan
}

// Progress is how far the map's rebalance is; zero when there has been none.
func (m *Map) Progress() (p Progress) {
	r := m.Rebalance
	switch {
	case r == nil:
		return p
	case !r.Running():
		return Progress{r.SlotsDone, r.BytesDone}
	}
	place := r.Places(m)
	for i := range r.Goals {
		if g := &r.Goals[i]; g.Met(&m.Slots[g.Slot], place) {
			p.Slots++
			p.Bytes += g.Bytes
		}
	}
	return p
}
