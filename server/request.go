package server

import (
	"time"

	"ringcache/internal/bus"
	"ringcache/ring"
	"ringcache/server/command"
)

// completer takes the reply to a request that was not answered at once. tag is what the requester chose: a place in a
// session, a part of a gather, an id on an inbound link. reply is valid during the call only.
type completer interface {
	complete(tag uint32, reply []byte)
	// gone reports that nobody waits for the reply any more; the request need not be repeated.
	gone() bool
}

// maxHops is how often a request is forwarded between nodes by any map: once by the node that received it, once more by a node that it
// wrongly came to. After that only by a newer map than that by which it came.
const maxHops = 2

// request is one command on its way, apart from the fast path. args and raw alias the buffer the command was read from.
type request struct {
	row   *command.Row
	args  [][]byte
	raw   []byte
	db    uint8
	proto uint8
	hops  uint8
	part  bool   // run one node's own part of a cluster-wide command
	epoch uint64 // the requester's map, 0 for a client's own request
	to    completer
	tag   uint32

	id   command.RequestID // of a write that has been sent to a peer, or has come from one
	sent bool              // it is on its way, or others in its place: its id is settled there

	node     ring.NodeID   // whose part it is, where it is not this node's; "" = this one's
	deadline time.Duration // monotonic: until when it is held, set once it has been; 0 = it never was
}

// verdict is what became of a request.
type verdict uint8

const (
	finished verdict = iota // answered, or will be through its completer
	mustHold                // cannot be served now: try again when the map, a link or the lease has changed
	mustWait                // too much is in flight: try again when a link has drained
)

// held is a request that waits for the map, a link or the lease to change. It owns its bytes.
type held struct {
	raw      []byte
	db       uint8
	proto    uint8
	hops     uint8
	part     bool
	epoch    uint64
	to       completer
	tag      uint32
	id       command.RequestID
	node     ring.NodeID
	slots    []uint16      // of its keys: what comes later for one of them waits behind it
	deadline time.Duration // monotonic; then it is answered with CLUSTERDOWN
}

// maxFrame bounds a request or a reply between nodes, in bytes. A longer one is an error of its sender alone: the peer that got it
// would take the link for broken, with everybody's requests on it.
var maxFrame = bus.MaxPayload // a variable for tests

const (
	errTooLarge      = "ERR the request is too large to be forwarded to the node that owns its keys"
	errReplyTooLarge = "ERR the reply is too large to be forwarded"
)
