package control

import (
	"errors"
	"fmt"
	"math/bits"
	"time"

	"ringcache/ring"
)

// processStart is the zero of Mono.
var processStart = time.Now()

// Mono is the monotonic time since this process started, the clock of leases. Its zero is when package control was
// initialised; whoever compares LeaseUntil to a clock of its own must read this one or add the difference of the zeros once.
// On Linux it counts CLOCK_MONOTONIC: it goes on while the process is stopped (SIGSTOP) and stands still while the machine
// is suspended, which a lease does not survive unnoticed only where other machines of the cluster run on.
func Mono() time.Duration { return time.Since(processStart) }

// SlotSet is a set of slots, one bit each, the lowest bit of the first byte for slot 0. In JSON it is base64.
type SlotSet []byte

// slotSetBytes is the length of a full SlotSet; a shorter one lacks the slots beyond its end.
const slotSetBytes = ring.Slots / 8

// Has tells whether the slot is in the set.
func (s SlotSet) Has(slot uint16) bool {
	return int(slot>>3) < len(s) && s[slot>>3]>>(slot&7)&1 == 1
}

// Add puts the slot into the set, which grows to its full length.
func (s *SlotSet) Add(slot uint16) {
	if len(*s) < slotSetBytes {
		*s = append(*s, make([]byte, slotSetBytes-len(*s))...)
	}
	(*s)[slot>>3] |= 1 << (slot & 7)
}

// Len is how many slots the set has.
func (s SlotSet) Len() int {
	n := 0
	for _, b := range s {
		n += bits.OnesCount8(b)
	}
	return n
}

// errReport is for a report that no node of this software sends.
var errReport = errors.New("control: malformed report")

// validate checks what came from another node: what does not fit a cluster is refused, whatever it says.
func (s SlotSet) validate() error {
	if len(s) > slotSetBytes {
		return fmt.Errorf("%w: a set of slots of %d bytes, at most %d", errReport, len(s), slotSetBytes)
	}
	return nil
}

// Report is what a node tells the leader with every request for a lease. The server fills it (Config.Report) but for the last three
// fields, which are the control plane's.
type Report struct {
	PID         int     `json:"pid"`
	Keys        int64   `json:"keys"`         // of the slots it is primary of
	MemoryBytes int64   `json:"memory_bytes"` // used by keys
	OpsPerSec   int64   `json:"ops_per_sec"`
	NonEmpty    SlotSet `json:"non_empty,omitempty"` // slots that hold at least one key here

	// Synced is, of slots that this node is primary of, which copies are complete; each slot's replies wait for these copies from the
	// moment of the report on, until Config.Heard is called with one that no longer says so. It counts for the process that had sent
	// the acknowledgements: Incarnations has that of each node in Synced, and a claim without it, or about another process than the
	// map's, is void. Behind is which copies that the map has in sync are not, or can't be waited for.
	Synced       map[ring.NodeID]SlotSet `json:"synced,omitempty"`
	Incarnations map[ring.NodeID]uint64  `json:"incarnations,omitempty"`
	Behind       map[ring.NodeID]SlotSet `json:"behind,omitempty"`

	Leaving bool `json:"leaving,omitempty"` // it is about to stop: what it is primary of should go to others, if they have it

	// Numbers is for the server alone, which gets it back with Config.Heard: its numbers for what the report says of each node.
	Numbers map[ring.NodeID]uint64 `json:"-"`

	// CopiesEpoch is of the map that Synced and Behind go by, or an older one. Where the server leaves it 0, that is Epoch.
	CopiesEpoch uint64 `json:"copies_epoch"`

	Epoch    uint64  `json:"epoch"`              // of the map this node goes by
	Released SlotSet `json:"released,omitempty"` // slots of a handoff that it serves no more, held until the map changes: the target has all of them
	Refused  SlotSet `json:"refused,omitempty"`  // slots whose handoff it refuses, since keys have come
}

// validate checks the bounds of a report.
func (r *Report) validate() error {
	if len(r.Synced) > ring.MaxNodes || len(r.Behind) > ring.MaxNodes || len(r.Incarnations) > ring.MaxNodes {
		return fmt.Errorf("%w: it speaks of more than %d nodes", errReport, ring.MaxNodes)
	}
	err := errors.Join(r.NonEmpty.validate(), r.Released.validate(), r.Refused.validate())
	for _, sets := range []map[ring.NodeID]SlotSet{r.Synced, r.Behind} {
		for _, s := range sets {
			err = errors.Join(err, s.validate())
		}
	}
	return err
}

// NodeState is what the leader makes of a node.
type NodeState string

// The states of a node.
const (
	StateUp       NodeState = "up"
	StateSuspect  NodeState = "suspect"  // it has missed its time to ask for a lease, or gossip counts it dead; its lease may still run
	StateDown     NodeState = "down"     // its lease has run out
	StateDraining NodeState = "draining" // up, and being emptied
	StateStandby  NodeState = "standby"  // up, with weight 0
)

// Serving tells whether a node in that state answers requests.
func (s NodeState) Serving() bool { return s == StateUp || s == StateDraining || s == StateStandby }

// NodeView is the leader's word on one node.
type NodeView struct {
	State        NodeState `json:"state"`
	PID          int       `json:"pid"`
	Keys         int64     `json:"keys"`
	MemoryBytes  int64     `json:"memory_bytes"`
	OpsPerSec    int64     `json:"ops_per_sec"`
	PrimarySlots int       `json:"primary_slots"`
	ReplicaSlots int       `json:"replica_slots"`

	// Leaving says that the leader knows the node to be leaving. It may stop once ToHandOver, the slots that it is primary of and that
	// another node could take over, is 0: what it has beyond them nobody else has.
	// ToHandOver is told of nodes that are being drained, too.
	Leaving    bool `json:"leaving,omitempty"`
	ToHandOver int  `json:"to_hand_over,omitempty"`
}

// View is the leader's word on the cluster, as of the last lease reply. It is immutable; Nodes has an entry for every node of
// the map with that epoch.
type View struct {
	Leader ring.NodeID              `json:"leader"`
	Term   uint64                   `json:"term"` // Raft's
	Epoch  uint64                   `json:"epoch"`
	Nodes  map[ring.NodeID]NodeView `json:"nodes"`
}
