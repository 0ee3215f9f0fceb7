package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
)

// TotalSlots is the number of slots of a cluster.
const TotalSlots = 16384

// Status is what CLUSTER STATUS answers: the cluster as its leader sees it.
type Status struct {
	Epoch  uint64       `json:"epoch"`  // of the map
	Leader string       `json:"leader"` // its node id; empty while there is none
	Slots  SlotCounts   `json:"slots"`
	Nodes  []NodeStatus `json:"nodes"`
	Raw    []byte       `json:"-"` // the JSON as it came, with fields that this type does not know
}

// SlotCounts says how many slots are in which state.
type SlotCounts struct {
	Assigned        int `json:"assigned"`         // have a primary
	Unserved        int `json:"unserved"`         // have none that serves
	UnderReplicated int `json:"under_replicated"` // have fewer copies in sync than they should
	Migrating       int `json:"migrating"`        // are on their way to another primary
}

// The states of a node.
const (
	StateUp       = "up"
	StateSuspect  = "suspect"
	StateDown     = "down"
	StateDraining = "draining"
	StateStandby  = "standby"
)

// NodeStatus is one node.
type NodeStatus struct {
	ID           string  `json:"id"`
	Addr         string  `json:"addr"` // client address, host:port
	State        string  `json:"state"`
	PID          int     `json:"pid"`
	Leader       bool    `json:"leader"`
	Weight       int     `json:"weight"`
	Zone         string  `json:"zone"`
	PrimarySlots int     `json:"primary_slots"`
	ReplicaSlots int     `json:"replica_slots"`
	Keys         int64   `json:"keys"` // in the slots that it is primary of
	MemoryBytes  int64   `json:"memory_bytes"`
	OpsPerSec    float64 `json:"ops_per_sec"`
}

// Alive says whether the node answers: neither suspect nor down.
func (n NodeStatus) Alive() bool {
	return n.State == StateUp || n.State == StateStandby || n.State == StateDraining
}

// Alive is the number of nodes that are.
func (s *Status) Alive() (n int) {
	for _, node := range s.Nodes {
		if node.Alive() {
			n++
		}
	}
	return n
}

// Settled says whether at least nodes nodes are alive (0: all that the map knows), every slot is served and fully
// replicated, and none is on its way.
func (s *Status) Settled(nodes int) bool {
	if nodes == 0 {
		nodes = max(len(s.Nodes), 1)
	}
	c := s.Slots
	return s.Alive() >= nodes && c.Assigned == TotalSlots && c.Unserved == 0 && c.UnderReplicated == 0 && c.Migrating == 0
}

// Status asks for the state of the whole cluster: any node answers for all.
func (c *Conn) Status(ctx context.Context) (*Status, error) {
	v, err := c.Do(ctx, "CLUSTER", "STATUS")
	if err != nil {
		return nil, err
	}
	text, err := v.Text()
	if err != nil {
		return nil, err
	}
	s := &Status{Raw: []byte(text)}
	if err := json.Unmarshal(s.Raw, s); err != nil {
		return nil, fmt.Errorf("CLUSTER STATUS: %w", err)
	}
	return s, nil
}

// Handover is what becomes of the slots that a node is primary of.
type Handover struct {
	Handed int // are handed over, or will be
	Stuck  int // stay, as no other node has them in sync
}

// Handover has a node, named by its id, hand over what it is primary of. It does not wait until that is done: Status shows it.
func (c *Conn) Handover(ctx context.Context, id string) (Handover, error) {
	return c.handover(ctx, "HANDOVER", id)
}

// Drain is Handover of a node that gets no slots until Undrain. Where a slot would be stuck it is refused.
func (c *Conn) Drain(ctx context.Context, id string) (Handover, error) {
	return c.handover(ctx, "DRAIN", id)
}

// Undrain lets a node get slots again.
func (c *Conn) Undrain(ctx context.Context, id string) error {
	_, err := c.Do(ctx, "CLUSTER", "UNDRAIN", id)
	return err
}

func (c *Conn) handover(ctx context.Context, how, id string) (h Handover, err error) {
	v, err := c.Do(ctx, "CLUSTER", how, id)
	if err != nil {
		return h, err
	}
	counts, err := v.Array()
	if err != nil || len(counts) != 2 {
		return h, fmt.Errorf("CLUSTER %s: not two numbers", how)
	}
	for i, to := range []*int{&h.Handed, &h.Stuck} {
		n, err := counts[i].Int64()
		if err != nil || n < 0 || n > TotalSlots {
			return h, fmt.Errorf("CLUSTER %s: not a number of slots", how)
		}
		*to = int(n)
	}
	return h, nil
}

// SlotRange is a run of slots with the same nodes.
type SlotRange struct {
	Start    int        `json:"start"` // first slot
	End      int        `json:"end"`   // last slot
	Primary  SlotNode   `json:"primary"`
	Replicas []SlotNode `json:"replicas"`
}

// SlotNode is a node that has a slot.
type SlotNode struct {
	ID   string `json:"id"`
	Addr string `json:"addr"` // client address, host:port
}

// Slots asks for the placement of all slots: CLUSTER SLOTS.
func (c *Conn) Slots(ctx context.Context) ([]SlotRange, error) {
	v, err := c.Do(ctx, "CLUSTER", "SLOTS")
	if err != nil {
		return nil, err
	}
	rows, err := v.Array()
	if err != nil {
		return nil, err
	}
	ranges := make([]SlotRange, len(rows))
	for i, row := range rows {
		if ranges[i], err = slotRange(row); err != nil {
			return nil, fmt.Errorf("CLUSTER SLOTS: %w", err)
		}
	}
	return ranges, nil
}

// slotRange reads one row of CLUSTER SLOTS: first slot, last slot, primary, replicas.
func slotRange(row Value) (SlotRange, error) {
	if len(row.Elems) < 3 {
		return SlotRange{}, errors.New("a row without a primary")
	}
	start, err := row.Elems[0].Int64()
	if err != nil {
		return SlotRange{}, err
	}
	end, err := row.Elems[1].Int64()
	if err != nil {
		return SlotRange{}, err
	}
	if start < 0 || start > end || end >= TotalSlots {
		return SlotRange{}, fmt.Errorf("a row of slots %d to %d", start, end)
	}
	r := SlotRange{Start: int(start), End: int(end), Replicas: []SlotNode{}}
	for i, e := range row.Elems[2:] {
		node, err := slotNode(e)
		if err != nil {
			return SlotRange{}, err
		}
		if i == 0 {
			r.Primary = node
		} else {
			r.Replicas = append(r.Replicas, node)
		}
	}
	return r, nil
}

// slotNode reads one node of a row: host, port, id, and more that newer versions add.
func slotNode(v Value) (SlotNode, error) {
	if len(v.Elems) < 3 {
		return SlotNode{}, errors.New("a node without host, port and id")
	}
	host, err := v.Elems[0].Text()
	if err != nil {
		return SlotNode{}, err
	}
	port, err := v.Elems[1].Int64()
	if err != nil {
		return SlotNode{}, err
	}
	id, err := v.Elems[2].Text()
	if err != nil {
		return SlotNode{}, err
	}
	return SlotNode{ID: id, Addr: net.JoinHostPort(host, strconv.FormatInt(port, 10))}, nil
}
