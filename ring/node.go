package ring

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// NodeID names a node for ever: 40 lower-case hex digits, kept in the node's data directory.
type NodeID string

// nodeIDBytes is the length of a NodeID before it is written as hex.
const nodeIDBytes = 20

// NewNodeID is a new random id. It never fails: without a source of randomness the process ends.
func NewNodeID() NodeID {
	var raw [nodeIDBytes]byte
	rand.Read(raw[:]) // never returns an error, see crypto/rand
	return NodeID(hex.EncodeToString(raw[:]))
}

// Valid reports whether id has the form that NewNodeID gives.
func (id NodeID) Valid() bool {
	if len(id) != 2*nodeIDBytes {
		return false
	}
	for i := range len(id) {
		if c := id[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// Short is the first eight digits, for logs and tables.
func (id NodeID) Short() string { return string(id[:min(8, len(id))]) }

// Index is the place of a node in [Map.Nodes]. It means nothing without its map: the next map may have other places.
type Index int16

// None is the Index of no node.
const None Index = -1

// Node is a member of the cluster as the map knows it.
type Node struct {
	ID       NodeID
	Addr     string // where clients reach it, host:port
	Bus      string // where nodes reach it, host:port
	Weight   int    // its share of the primaries relative to others, 0..MaxWeight; 0 is a standby that holds replicas only
	Zone     string // nodes of one zone fail together; "" is a zone like any other
	Draining bool   // it is being emptied and gets no slots

	// Incarnation counts the starts of the node on its data directory. What a node holds is in memory alone, so the map's word on what it
	// holds is about the process of this incarnation. 0 = written before they were counted.
	Incarnation uint64
}

// ErrNode is what every error about a node's own fields wraps.
var ErrNode = errors.New("ring: bad node")

// Validate checks the fields of n alone.
func (n *Node) Validate() error {
	switch {
	case !n.ID.Valid():
		return fmt.Errorf("%w: id %.60q is not 40 lower-case hex digits", ErrNode, string(n.ID))
	case n.Addr == "":
		return fmt.Errorf("%w: %s has no address", ErrNode, n.ID.Short())
	case !printable(n.Addr, MaxAddr):
		return fmt.Errorf("%w: %s: bad address %.300q", ErrNode, n.ID.Short(), n.Addr)
	case !printable(n.Bus, MaxAddr):
		return fmt.Errorf("%w: %s: bad bus address %.300q", ErrNode, n.ID.Short(), n.Bus)
	case n.Weight < 0 || n.Weight > MaxWeight:
		return fmt.Errorf("%w: %s: weight %d is not in 0..%d", ErrNode, n.ID.Short(), n.Weight, MaxWeight)
	case !printable(n.Zone, MaxZone):
		return fmt.Errorf("%w: %s: bad zone %.100q", ErrNode, n.ID.Short(), n.Zone)
	}
	return nil
}

// printable reports whether s has at most limit bytes, all of them ASCII that shows: it goes into lines of text for clients,
// where a space or a line break would forge a field.
func printable(s string, limit int) bool {
	return len(s) <= limit && strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

// Member is a node as [Place] sees it.
type Member struct {
	ID     NodeID
	Weight int
	Zone   string
}
