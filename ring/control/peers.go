package control

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/hashicorp/raft"

	"ringcache/ring"
	"ringcache/ring/gossip"
)

// Where nodes are. The best source is gossip, which hears it from the node itself; then the map, which the leader corrects; then
// the peers file, which lets a cluster that stopped as a whole find itself again.

// busAddr is where a node's bus is to be reached.
func (n *Node) busAddr(id ring.NodeID) (string, error) {
	if id == n.Self() {
		return n.cfg.Self.Bus, nil
	}
	var heard gossip.Member
	if g := n.gossip.Load(); g != nil {
		heard, _ = g.Lookup(id)
	}
	if heard.Bus != "" && heard.State != gossip.Dead {
		return heard.Bus, nil
	}
	if m := n.Map(); m.IndexOf(id) != ring.None {
		if addr := m.Node(m.IndexOf(id)).Bus; addr != "" {
			return addr, nil
		}
	}
	n.peers.Lock()
	addr := n.peers.bus[id]
	n.peers.Unlock()
	if addr == "" {
		return "", fmt.Errorf("%w %s", errNoAddress, id.Short())
	}
	return addr, nil
}

// peerAddrs lists where other nodes of the cluster may be: by the map, the peers file and --join.
func (n *Node) peerAddrs() []string {
	var out []string
	m := n.Map()
	for i := range m.Nodes {
		if m.Nodes[i].ID != n.Self() {
			out = append(out, m.Nodes[i].Bus)
		}
	}
	n.peers.Lock()
	for _, addr := range n.peers.bus {
		out = append(out, addr)
	}
	n.peers.Unlock()
	for _, client := range n.cfg.Join {
		if addr, err := busOf(client); err == nil && addr != n.cfg.Self.Bus {
			out = append(out, addr)
		}
	}
	return out
}

// heard takes a hint of gossip.
func (n *Node) heard(e gossip.Event) {
	signal(n.stale)
	if l := n.lead.Load(); l != nil {
		signal(l.events)
	}
	if e.Member.State == gossip.Alive && e.Member.ID != n.Self() && n.lead.Load() == nil && n.leader().ID == "" {
		signal(n.kick) // perhaps it knows who leads
	}
}

// ReportFailure tells that a bus connection to a node broke: a hint for the leader.
func (n *Node) ReportFailure(id ring.NodeID) {
	if g := n.gossip.Load(); g != nil {
		g.ReportFailure(id)
	}
}

// keepPeers writes the peers file when addresses have changed, at most once every NodeTimeout, and a last time at the end.
func (n *Node) keepPeers(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			n.savePeers()
			return
		case <-n.stale:
		}
		n.savePeers()
		select {
		case <-ctx.Done():
		case <-time.After(n.cfg.NodeTimeout):
		}
	}
}

func (n *Node) savePeers() {
	m := n.Map()
	if m.Epoch == 0 {
		return // not a member yet: the file keeps what it knew
	}
	now := map[ring.NodeID]string{}
	for i := range m.Nodes {
		if id := m.Nodes[i].ID; id != n.Self() {
			if addr, err := n.busAddr(id); err == nil {
				now[id] = addr
			}
		}
	}
	n.peers.Lock()
	if n.LeaseUntil() < Mono() {
		// Out of touch, the map may be an old one, as after a start: it adds to what the file knows and takes nothing away.
		for id, addr := range n.peers.bus {
			if now[id] == "" {
				now[id] = addr
			}
		}
	}
	same := maps.Equal(now, n.peers.bus)
	n.peers.bus = now
	n.peers.Unlock()
	if same {
		return
	}
	if err := n.dir.write(peersFile, now); err != nil {
		n.log.Error("writing the peers file", "err", err)
	}
}

// leader is who leads, as far as this node knows: by Raft, or as it last heard; zero when it does not know.
func (n *Node) leader() leaderHint {
	if c := n.cons.Load(); c != nil {
		if _, id := c.LeaderWithID(); id != "" {
			addr, _ := n.busAddr(ring.NodeID(id))
			return leaderHint{ID: ring.NodeID(id), Bus: addr}
		}
	}
	return *n.hint.Load()
}

// observe asks for a lease at once when Raft names a new leader, instead of waiting for an old one that may be gone.
func (n *Node) observe(ctx context.Context) {
	c := n.cons.Load()
	seen := make(chan raft.Observation, 16) // changes of leader; Raft drops what does not fit
	o := raft.NewObserver(seen, false, func(o *raft.Observation) bool {
		_, ok := o.Data.(raft.LeaderObservation)
		return ok
	})
	c.RegisterObserver(o)
	defer c.DeregisterObserver(o)
	for {
		select {
		case <-ctx.Done():
			return
		case ob := <-seen:
			if ob.Data.(raft.LeaderObservation).LeaderID == "" {
				continue
			}
			if cancel := n.askCancel.Load(); cancel != nil {
				(*cancel)()
			}
			signal(n.kick)
		}
	}
}
