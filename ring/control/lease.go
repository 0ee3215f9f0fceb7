package control

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"ringcache/internal/bus"
	"ringcache/ring"
)

const (
	// askGather is how long a request that an event asked for waits for more events of its kind: the server releases slots one
	// by one, thousands in a row.
	askGather = 2 * time.Millisecond
	// askRetry is the wait after a request that was answered but not granted: an election, or a map on its way.
	askRetry = 20 * time.Millisecond
	// complainEvery is the least time between two warnings that the leader gives no lease.
	complainEvery = 5 * time.Second
)

// leaseRequest is a node's request for a lease, and its report.
type leaseRequest struct {
	Node    ring.Node     `json:"node"`
	Timeout time.Duration `json:"timeout"` // the asker's NodeTimeout
	Report  Report        `json:"report"`

	// Number grows with each request of a process, so that one that was long on its way is known to be overtaken; Term is Raft's, of the
	// last leader that has answered. See Node.heardBy.
	Number uint64 `json:"number"`
	Term   uint64 `json:"term"`
}

// leaseReply answers it.
type leaseReply struct {
	Granted bool   `json:"granted"`
	Epoch   uint64 `json:"epoch"`         // the lease may be used only with a map at least as new
	Map     []byte `json:"map,omitempty"` // the leader's, where the asker's is older
	View    *View  `json:"view,omitempty"`
}

// keepLease asks the leader for a lease every quarter of NodeTimeout, and at once when there is something to say.
func (n *Node) keepLease(ctx context.Context) {
	every := leaseEvery(n.cfg.NodeTimeout)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-n.kick:
			select {
			case <-ctx.Done():
				return
			case <-time.After(askGather):
			}
		}
		if n.ask(ctx) {
			timer.Reset(every)
		} else {
			timer.Reset(min(every, askRetry))
		}
	}
}

// ask asks once; true when the node now has a new lease.
func (n *Node) ask(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, n.cfg.NodeTimeout/2)
	defer cancel()
	n.askCancel.Store(&cancel)
	n.asked++
	term := n.View().Term
	req := leaseRequest{Node: n.cfg.Self, Timeout: n.cfg.NodeTimeout, Report: n.report(), Number: n.asked, Term: term}
	asked := Mono()
	reply, err := n.askLeader(ctx, req)
	if err != nil {
		n.complain(err)
		return false
	}
	if reply.View != nil && reply.View.Term != term && len(req.Report.Synced) > 0 {
		signal(n.kick) // another leader than the report was for: what it claims did not count
	}
	if !n.take(asked, reply) {
		return false
	}
	n.heardBy(req.Report)
	return true
}

// heardBy tells the server that the leader has heard a report. The server needs it to stop waiting for a replica: no decision to have
// that replica in sync, by a report that said so earlier, may come after. None does:
//
//   - The leader that granted had noted this report before it did, and ignores those with lower numbers from then on. A decision by an
//     older one it had made before; the epoch that the decision's batch was to make has been the floor of leases since, under the same
//     lock, so the map here has that batch, or the batch has failed for good, or it was there before.
//   - A leader before it had its batches committed or overwritten when this one began, which the barrier at its beginning tells; they
//     are in every map that this one answers with. It can't propose any more: a quorum has followed the granter since the request.
//   - A leader after it has none of the older reports that count: claims count only in requests that name its own term, which a node
//     learns from its first answer. That answer came after this report had been sent, or a quorum would not have followed the granter.
//
// The claims of an earlier process of this node do not count either: it is not the one that the map speaks of.
func (n *Node) heardBy(r Report) {
	if n.cfg.Heard != nil {
		n.cfg.Heard(r)
	}
}

// complain logs why a request failed: what the leader said against it as a warning, but not at every try; the rest is elections
// and nodes that are down, which others report.
func (n *Node) complain(err error) {
	var remote *RemoteError
	if now := Mono(); errors.As(err, &remote) && now-n.complained > complainEvery {
		n.complained = now
		n.log.Warn("the leader gives no lease", "err", err)
		return
	}
	n.log.Debug("asking for a lease", "err", err)
}

// take uses the leader's answer.
func (n *Node) take(asked time.Duration, reply leaseReply) bool {
	if len(reply.Map) > 0 {
		m, err := ring.UnmarshalMap(reply.Map)
		if err != nil || m.ClusterID != n.dir.ClusterID() {
			n.log.Error("the leader sent a map that cannot be used", "err", err)
			return false
		}
		n.publish(m)
	}
	if reply.View != nil {
		n.view.Store(reply.View)
	}
	m := n.Map()
	if !reply.Granted || m.Epoch < reply.Epoch || m.IndexOf(n.Self()) == ring.None || n.ctx.Err() != nil {
		return false
	}
	n.leaseUntil.Store(int64(asked + leaseFor(n.cfg.NodeTimeout)))
	n.readyOnce.Do(func() { close(n.ready) })
	return true
}

// report is the server's report with what the control plane knows.
func (n *Node) report() Report {
	// The epoch is read before the server looks at its slots: what it reports holds for a map at least as new.
	n.pub.Lock()
	epoch := n.cur.Load().Epoch
	var released, refused SlotSet
	for slot, free := range n.pub.marks {
		if free {
			released.Add(slot)
		} else {
			refused.Add(slot)
		}
	}
	n.pub.Unlock()
	r := n.cfg.Report()
	r.Epoch, r.Released, r.Refused = epoch, released, refused
	if r.CopiesEpoch == 0 {
		r.CopiesEpoch = epoch
	}
	return r
}

// askLeader asks whom this node takes for the leader, and failing that, others: one of them may know better.
func (n *Node) askLeader(ctx context.Context, req leaseRequest) (leaseReply, error) {
	reply, err := CallLeader[leaseReply](ctx, n, "lease", req)
	var remote *RemoteError
	if err == nil || errors.As(err, &remote) || ctx.Err() != nil {
		return reply, err
	}
	peers := n.peerAddrs()
	if len(peers) == 0 {
		return reply, err
	}
	addr := peers[rand.IntN(len(peers))]
	var not *notLeaderError
	err = n.calls.call(ctx, addr, "", "lease", req, &reply)
	switch {
	case err == nil:
		return reply, nil
	case errors.As(err, &not) && not.hint.ID != "":
		n.hint.Store(&not.hint)
		err = n.calls.call(ctx, not.hint.Bus, not.hint.ID, "lease", req, &reply)
	}
	return reply, err
}

// handleLease answers a request for a lease on the leader.
func (n *Node) handleLease(ctx context.Context, from bus.Peer, req leaseRequest) (leaseReply, error) {
	l := n.lead.Load()
	if l == nil {
		return leaseReply{}, &notLeaderError{n.leader()}
	}
	if from.NodeID != string(req.Node.ID) {
		return leaseReply{}, errors.New("control: a node asks for a lease for another")
	}
	if err := errors.Join(req.Node.Validate(), n.sameTimeout(req.Timeout), req.Report.validate()); err != nil {
		return leaseReply{}, err
	}
	return l.lease(ctx, req)
}

// sameTimeout refuses a node with another NodeTimeout: its lease might outlast what this leader waits for.
func (n *Node) sameTimeout(theirs time.Duration) error {
	if theirs != n.cfg.NodeTimeout {
		return fmt.Errorf("control: the node timeout must be the same on all nodes: %v there, %v on the leader", theirs, n.cfg.NodeTimeout)
	}
	return nil
}
