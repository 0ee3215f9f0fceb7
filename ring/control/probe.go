package control

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"

	"ringcache/ring"
)

// A node whose process has ended, or that the network has cut off, need not be waited for as long as one that may only be slow: no
// connection to its port comes about, which the system would make for a process that stands still. It is a hint, not a proof, as gossip's
// word is: leases decide. See State.StateOf.

// Parts of NodeTimeout.
const (
	probeAfter   = 3 // eighths: a node that is silent for so long is probed; it asks every two
	probeTimeout = 2 // eighths: how long a probe takes at most
	probeEvery   = 1 // eighths: between the beginnings of two
)

// probe looks, beside the controller, whether anybody listens where silent nodes should be. mu is not held.
func (l *leadership) probe(s *State, beside func(func())) {
	for i := range s.Map.Nodes {
		n := &s.Map.Nodes[i]
		known := s.Nodes[n.ID]
		heard := max(known.LastAsked, s.LeaderSince)
		if n.ID == s.Self || known.Unreached || s.Now-heard < s.NodeTimeout*probeAfter/8 || s.StateOf(n) == StateDown {
			continue
		}
		p := l.probes[n.ID]
		if p.under || s.Now-p.began < s.NodeTimeout*probeEvery/8 && p.began > 0 {
			continue
		}
		l.probes[n.ID] = nodeProbe{true, s.Now}
		id, addr, asked, timeout := n.ID, n.Bus, known.LastAsked, s.NodeTimeout*probeTimeout/8
		beside(func() {
			r := probeResult{id, asked, unreached(l.ctx, addr, timeout)}
			select {
			case l.probed <- r:
			case <-l.ctx.Done():
			}
		})
	}
}

// nodeProbe is the last probe of a node.
type nodeProbe struct {
	under bool // it is under way
	began time.Duration
}

// probeResult is what a probe of a node found, which had last asked at asked.
type probeResult struct {
	id        ring.NodeID
	asked     time.Duration
	unreached bool
}

// noteProbe takes a result in.
func (l *leadership) noteProbe(r probeResult) {
	l.probes[r.id] = nodeProbe{began: l.probes[r.id].began}
	if !r.unreached {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	v := l.mu.nodes[r.id]
	if v == nil {
		v = &Liveness{}
		l.mu.nodes[r.id] = v
	}
	v.Unreached = v.LastAsked == r.asked
}

// unreached reports whether nobody listens at addr, or nothing comes back from there. A probe that the end of the leadership cut short says nothing.
func unreached(ctx context.Context, addr string, timeout time.Duration) bool {
	d := net.Dialer{Timeout: timeout}
	nc, err := d.DialContext(ctx, "tcp", addr)
	if err == nil {
		_ = nc.Close()
		return false
	}
	var late net.Error
	return ctx.Err() == nil && (errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.EHOSTUNREACH) ||
		errors.As(err, &late) && late.Timeout())
}
