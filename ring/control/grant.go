package control

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"

	"ringcache/ring"
)

const (
	// askQueue bounds the requests for leases that wait to be verified: two for each of ring.MaxNodes nodes.
	askQueue = 2 * ring.MaxNodes
	// verifyRounds is how often a batch of requests is verified before it is given up: the first round may have been answered
	// by heartbeats older than the requests.
	verifyRounds = 3
)

var (
	errNoQuorum  = errors.New("control: the leader has no quorum")
	errNotMember = errors.New("control: the node is not in the map")
	errOvertaken = errors.New("control: a later request of the node has come already")
)

// leaseAsk is a request for a lease that waits until a quorum is known to have followed this leader after it came.
type leaseAsk struct {
	came time.Duration
	done chan error // capacity 1
}

// lease answers a request for a lease.
func (l *leadership) lease(ctx context.Context, req leaseRequest) (leaseReply, error) {
	came := Mono()
	m := l.n.Map()
	switch n := m.Node(m.IndexOf(req.Node.ID)); {
	case n == nil:
		return leaseReply{}, errNotMember
	case req.Node.Incarnation < n.Incarnation:
		return leaseReply{}, fmt.Errorf("control: node %s has been started %d times on its data directory, and %d times as far as the cluster "+
			"knows: the directory is an old copy", n.ID.Short(), req.Node.Incarnation, n.Incarnation)
	}
	if !l.note(came, req) {
		return leaseReply{}, errOvertaken
	}
	ask := &leaseAsk{came: came, done: make(chan error, 1)}
	select {
	case l.asks <- ask:
	default:
		return leaseReply{}, errNoQuorum
	}
	select {
	case err := <-ask.done:
		if err != nil {
			return leaseReply{}, err
		}
	case <-ctx.Done():
		return leaseReply{}, ctx.Err()
	case <-l.ctx.Done():
		return leaseReply{}, &notLeaderError{}
	}
	return l.grant(req)
}

// grant gives the lease that a quorum has allowed.
func (l *leadership) grant(req leaseRequest) (leaseReply, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := l.n.Map()
	if m.IndexOf(req.Node.ID) == ring.None {
		return leaseReply{}, errNotMember
	}
	v := l.mu.nodes[req.Node.ID]
	if v == nil {
		return leaseReply{}, errNotMember // removed and added again in the meantime
	}
	// By a map that speaks of an earlier process, the node would serve what that process had: the controller sees to that first.
	same := m.Node(m.IndexOf(req.Node.ID)).Incarnation == req.Node.Incarnation
	reply := leaseReply{Granted: same, Epoch: max(l.mu.floor, m.Epoch), View: l.view.Load()}
	if req.Report.Epoch < m.Epoch {
		if l.mu.of != m.Epoch {
			b, err := m.MarshalBinary()
			if err != nil {
				return leaseReply{}, err
			}
			l.mu.wire, l.mu.of = b, m.Epoch
		}
		reply.Map = l.mu.wire
	}
	if same {
		v.GrantedUntil = Mono() + leaseFor(l.n.cfg.NodeTimeout)
	}
	return reply, nil
}

// note records what a request says, and wakes the controller where it says something new. It reports false for a request that a later one
// of the node has overtaken: what that says holds no more.
func (l *leadership) note(came time.Duration, req leaseRequest) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := l.mu.nodes[req.Node.ID]
	if v == nil {
		v = &Liveness{}
		l.mu.nodes[req.Node.ID] = v
	}
	if d := v.Describes; d != nil && (req.Node.Incarnation < d.Incarnation || req.Node.Incarnation == d.Incarnation && req.Number < v.number) {
		return false
	}
	r := &req.Report
	if req.Term != l.term {
		r.Synced = nil // it may have been long on its way, see Node.heardBy
	}
	news := v.Report == nil || *v.Describes != req.Node || came-v.LastAsked > l.n.cfg.NodeTimeout/2 || r.Leaving != v.Report.Leaving ||
		len(r.Released) > 0 || len(r.Refused) > 0 || len(r.Synced) > 0 || len(r.Behind) > 0
	v.LastAsked, v.Describes, v.Report, v.number, v.Unreached = came, &req.Node, r, req.Number, false
	if news {
		signal(l.events)
	}
	return true
}

// verify settles requests for leases in batches: each round makes Raft send heartbeats, and grants the requests that had come
// before a quorum's answered heartbeats were sent.
func (l *leadership) verify() {
	for {
		var batch []*leaseAsk
		select {
		case <-l.ctx.Done():
			return
		case a := <-l.asks:
			batch = append(batch, a)
		}
		for len(l.asks) > 0 {
			batch = append(batch, <-l.asks)
		}
		err := error(nil)
		for round := 0; round < verifyRounds && len(batch) > 0 && err == nil; round++ {
			if err = l.cons.verify(); err == nil {
				batch = l.settleAsks(batch)
			}
		}
		for _, a := range batch {
			a.done <- errNoQuorum
		}
	}
}

// settleAsks grants what a quorum covers and answers the rest.
func (l *leadership) settleAsks(batch []*leaseAsk) (rest []*leaseAsk) {
	var voters []raft.ServerID
	for id, votes := range l.servers() {
		if votes {
			voters = append(voters, raft.ServerID(id))
		}
	}
	at := l.cons.trans.quorumSince(l.term, raft.ServerID(l.n.Self()), voters)
	for _, a := range batch {
		if a.came <= at {
			a.done <- nil
		} else {
			rest = append(rest, a)
		}
	}
	return rest
}
