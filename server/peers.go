package server

import (
	"crypto/sha256"
	"crypto/subtle"
	"sync"
	"sync/atomic"
	"time"

	"ringcache/ring"
)

// peer is what CLUSTER LINKS and NODES show of this node's links to another, over all loops.
type peer struct {
	links    atomic.Int64 // standing
	since    atomic.Int64 // unix ms since when at least one stands; 0 = none
	buffered atomic.Int64 // bytes waiting, as of the last tick
}

// peers finds the peer of a node. Entries are few and only grow.
type peers struct{ m sync.Map }

func (s *Server) peer(id ring.NodeID) *peer {
	if p, ok := s.peers.m.Load(id); ok {
		return p.(*peer)
	}
	p, _ := s.peers.m.LoadOrStore(id, &peer{})
	return p.(*peer)
}

// linkChanged counts a link of one loop that has come up (+1) or gone down (-1).
func (s *Server) linkChanged(id ring.NodeID, by int64) {
	p := s.peer(id)
	switch n := p.links.Add(by); {
	case n == 1 && by > 0:
		p.since.Store(time.Now().UnixMilli())
	case n == 0:
		p.since.Store(0)
	}
}

// constantTimeEqual compares two secrets without telling by its time where they differ, or their lengths.
func constantTimeEqual(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
