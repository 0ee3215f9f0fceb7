package control

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ringcache/internal/bus"
	"ringcache/ring"
)

const (
	// joinRetryMin and joinRetryMax bound the wait between two rounds over the --join addresses; it doubles in between.
	joinRetryMin = 50 * time.Millisecond
	joinRetryMax = 2 * time.Second
	// joinWarnEvery rounds without success are worth a line in the log.
	joinWarnEvery = 5
	// joinCallTimeout bounds one request to join.
	joinCallTimeout = 3 * time.Second
)

// joinRequest asks that a node be accepted.
type joinRequest struct {
	Node      ring.Node     `json:"node"`
	Timeout   time.Duration `json:"timeout"`             // the asker's NodeTimeout
	Forwarded bool          `json:"forwarded,omitempty"` // by the node it was sent to, to the leader
}

// joinReply says that it is.
type joinReply struct {
	ClusterID string                 `json:"cluster_id"`
	Leader    leaderHint             `json:"leader"`
	Peers     map[ring.NodeID]string `json:"peers"` // bus addresses
}

// join asks the listed nodes in turn until one of them has the node accepted, and enters the cluster. It never gives up and
// never founds a cluster instead: a second one beside the one that was meant would take writes that nobody finds again.
func (n *Node) join(ctx context.Context) {
	wait := joinRetryMin
	for round := 1; ; round++ {
		for _, client := range n.cfg.Join {
			err := n.joinBy(ctx, client)
			switch {
			case ctx.Err() != nil:
				return
			case err == nil:
				return
			case errors.Is(err, bus.ErrSelf):
				continue
			case round%joinWarnEvery == 1 && round > 1:
				n.log.Warn("joining goes on", "via", client, "err", err)
			default:
				n.log.Debug("joining", "via", client, "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = min(2*wait, joinRetryMax)
	}
}

// joinBy asks one node.
func (n *Node) joinBy(ctx context.Context, client string) error {
	addr, err := busOf(client)
	if err != nil {
		return err
	}
	callCtx, cancel := context.WithTimeout(ctx, joinCallTimeout)
	defer cancel()
	var reply joinReply
	if err := n.calls.call(callCtx, addr, "", "join", joinRequest{Node: n.cfg.Self, Timeout: n.cfg.NodeTimeout}, &reply); err != nil {
		return err
	}
	if !isID(reply.ClusterID) {
		return fmt.Errorf("control: the cluster's id %.50q is none", reply.ClusterID)
	}
	n.peers.Lock()
	for id, at := range reply.Peers {
		if id != n.Self() {
			n.peers.bus[id] = at
		}
	}
	peers := n.peers.bus
	err = n.dir.write(peersFile, peers)
	n.peers.Unlock()
	if err != nil {
		return err
	}
	if err := n.dir.enter(reply.ClusterID, phaseJoining); err != nil {
		return err
	}
	n.log.Info("accepted into a cluster", "cluster", reply.ClusterID, "via", client)
	n.calls.dropIdle() // connections made without a cluster id may only ask to join
	n.hint.Store(&reply.Leader)
	if err := n.enterCluster(); err != nil {
		// Nothing but a restart with a repaired directory or port helps; the node stays without a lease and says why.
		n.log.Error("entering the cluster", "err", err)
	}
	return nil
}

// handleJoin accepts a node: on the leader by committing it into the map, elsewhere by asking the leader to.
func (n *Node) handleJoin(ctx context.Context, from bus.Peer, req joinRequest) (joinReply, error) {
	if !req.Forwarded && from.NodeID != string(req.Node.ID) {
		return joinReply{}, errors.New("control: a node asks to join for another")
	}
	if req.Forwarded && from.ClusterID == "" {
		return joinReply{}, errors.New("control: only a member forwards a request to join")
	}
	if err := req.Node.Validate(); err != nil {
		return joinReply{}, err
	}
	l := n.lead.Load()
	if l == nil {
		if req.Forwarded || n.dir.ClusterID() == "" {
			return joinReply{}, &notLeaderError{n.leader()}
		}
		req.Forwarded = true
		return CallLeader[joinReply](ctx, n, "join", req)
	}
	if err := n.sameTimeout(req.Timeout); err != nil {
		return joinReply{}, err
	}
	m, err := l.admit(ctx, req.Node)
	if err != nil {
		return joinReply{}, err
	}
	reply := joinReply{ClusterID: n.dir.ClusterID(), Leader: leaderHint{n.Self(), n.cfg.Self.Bus}, Peers: map[ring.NodeID]string{}}
	for i := range m.Nodes {
		if addr, err := n.busAddr(m.Nodes[i].ID); err == nil {
			reply.Peers[m.Nodes[i].ID] = addr
		}
	}
	return reply, nil
}

// checkJoin asks the --join addresses of a node that has a cluster whether they are of the same one. Silence is no objection.
func (n *Node) checkJoin() error {
	type answer struct {
		client string
		err    error
	}
	answers := make(chan answer, len(n.cfg.Join))
	for _, client := range n.cfg.Join {
		go func() {
			addr, err := busOf(client)
			if err == nil {
				ctx, cancel := context.WithTimeout(n.ctx, joinCheckTimeout)
				defer cancel()
				nc, p, dialErr := bus.Dial(ctx, addr, bus.KindControl, n.bus.Identity(), "")
				if err = dialErr; err == nil {
					_ = nc.Close()
					if p.ClusterID != "" && p.ClusterID != n.dir.ClusterID() {
						err = bus.ErrCluster
					}
				}
			}
			answers <- answer{client, err}
		}()
	}
	var bad error
	for range n.cfg.Join {
		a := <-answers
		switch {
		case errors.Is(a.err, bus.ErrCluster):
			bad = fmt.Errorf("%w: %s is not of cluster %s, whose state is in %s", ErrOtherCluster, a.client, n.dir.ClusterID(), n.dir.path)
		case a.err != nil:
			n.log.Debug("a node to join does not answer", "addr", a.client, "err", a.err)
		}
	}
	return bad
}
