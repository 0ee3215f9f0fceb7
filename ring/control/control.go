// Package control keeps the one agreed Map of a cluster and says which nodes may serve by it.
//
// Raft holds the Map: each change is an entry, and nothing changes without a commit. The node that leads Raft is the cluster's
// leader; it alone proposes changes, as the pure controller decides (Decide). Every node serves only while it has a lease from
// the leader, which the leader grants only while a quorum follows it; so a minority serves nothing within one NodeTimeout.
//
// Leases, in full. A node asks the leader every quarter of NodeTimeout. The answer holds for three quarters, counted from the
// moment of asking, on the node's monotonic clock. It names an epoch: the node may use it only with a map at least as new, and
// when the node's map is older the answer carries the newer one. So whoever has a lease goes by every change that was
// committed when it was granted, even after a long absence. The leader grants when a quorum of voters followed it at some
// moment after the request had come (ackTransport). A new leader promotes nobody before one full lease has passed. And it grants
// only to the process that the Map speaks of: what a node holds is in memory, so when it has started anew (ring.Node.Incarnation) the
// Map must first say, in one step, that it holds nothing, and who has its slots.
//
// With each request comes a report (Report): which copies are complete, which handoffs are done. The leader goes by a report only while
// it is the node's last; Node.heardBy says what the node may conclude from an answer.
//
// Goroutines: lease (asks), watch (leads while Raft says so; beside it at most one change of voters and one question to the ring),
// dispatch (tells subscribers), peers (keeps the peers file), join (until accepted), observe (Raft's change of leader), and those of
// Raft, gossip and the bus. Locks: leadership.proposing before
// leadership.mu; all others are leaves.
package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"ringcache/internal/bus"
	"ringcache/ring"
	"ringcache/ring/gossip"
)

const (
	// BusOffset is added to a node's client port to get its bus port.
	BusOffset = 10000

	// DefaultNodeTimeout is how long a silent node is waited for.
	DefaultNodeTimeout = time.Second
	// MinNodeTimeout: below it, timers and elections are within the scheduler's noise.
	MinNodeTimeout = 100 * time.Millisecond
	// DefaultLostSlotsAfter is how long slots wait for the last node that may have their data.
	DefaultLostSlotsAfter = 30 * time.Second

	// joinCheckTimeout bounds the question to each --join address whether it is of the node's own cluster.
	joinCheckTimeout = time.Second
)

// leaseFor is how long a lease lasts from the moment of asking for it, and leaseEvery how often a node asks.
func leaseFor(nodeTimeout time.Duration) time.Duration   { return nodeTimeout * 3 / 4 }
func leaseEvery(nodeTimeout time.Duration) time.Duration { return nodeTimeout / 4 }

// ErrOtherCluster is for a node whose --join names a node of another cluster than the one it has state of.
var ErrOtherCluster = errors.New("control: the node to join belongs to another cluster")

// Config of one node's control plane.
type Config struct {
	Self        ring.Node     // Addr, Bus, Weight, Zone; ID is the data directory's when empty
	Dir         *Dir          // owned from Start on
	Join        []string      // client addresses of nodes of the cluster; empty and no state: a new cluster
	Replicas    int           // copies of a slot beside its primary, 0..ring.MaxReplicas
	NodeTimeout time.Duration // 0: DefaultNodeTimeout
	Bus         *bus.Listener // with the data directory's identity (Dir.NodeID, Dir.ClusterID); closed by its owner after Stop
	Logger      *slog.Logger
	Report      func() Report // called before each lease request; must be quick; nil reports nothing

	// LostSlotsAfter is how long slots wait for the last node that may have their data before they begin anew, empty, at another;
	// 0: DefaultLostSlotsAfter, below 0: for ever. The leader's counts.
	LostSlotsAfter time.Duration

	// Heard is called with each report that the leader has heard, when this node has a lease and a map by which no decision that
	// went by an older report of this node is still to come. It must be quick; nil does nothing.
	Heard func(Report)

	// Formed is called once, with the first map of a cluster that this process comes to know, before Map and the subscribers
	// show it. What all nodes must have in common before a key is stored (ring.Map.HashKey) is taken over here. It must be
	// quick, take no locks and ask the Node nothing; nil does nothing.
	Formed func(*ring.Map)
}

// Node is the running control plane of one node.
type Node struct {
	cfg   Config
	dir   *Dir
	bus   *bus.Listener
	log   *slog.Logger
	calls *calls
	ctx   context.Context // ends at Stop
	end   context.CancelFunc
	wg    sync.WaitGroup

	cur        atomic.Pointer[ring.Map]
	view       atomic.Pointer[View]
	leaseUntil atomic.Int64 // Mono in nanoseconds; 0 none
	cons       atomic.Pointer[consensus]
	gossip     atomic.Pointer[gossip.List]
	lead       atomic.Pointer[leadership] // nil while another node leads
	hint       atomic.Pointer[leaderHint] // who led when last heard, for a node that Raft tells nothing
	askCancel  atomic.Pointer[context.CancelFunc]
	fromRaft   atomic.Bool   // a map has come from Raft, so Raft has state
	complained time.Duration // Mono at the last warning about a lease; keepLease's own
	asked      uint64        // requests for a lease so far; keepLease's own

	ready     chan struct{}
	readyOnce sync.Once
	kick      chan struct{} // capacity 1: ask for a lease now
	changed   chan struct{} // capacity 1: the map has changed
	stale     chan struct{} // capacity 1: addresses may have changed
	stopOnce  sync.Once
	stopErr   error

	// pub serialises publications: cur is written under it, together with what must change with it.
	pub struct {
		sync.Mutex
		since [ring.Slots]uint64 // epoch of the map in which this node's current handoff of the slot began; 0 none
		marks map[uint16]bool    // slots of a handoff that this node has released (true) or refused (false)
	}

	// subs is the list of subscribers; dispatch calls them.
	subs struct {
		sync.Mutex
		list []*subscriber
	}

	// peers is where other nodes were when this one last knew, from the peers file.
	peers struct {
		sync.Mutex
		bus map[ring.NodeID]string
	}
}

// Start starts the control plane on an opened data directory and answers at once; Ready says when the node is a member with a
// lease.
//
// Without state and without Join the node founds a new cluster and is primary of every slot. Without state and with Join it
// asks the listed nodes, again and again, to be accepted, and never founds one. With state it goes back to its own cluster and
// Join is only a hint of where peers are; a listed node that answers for another cluster makes Start fail with ErrOtherCluster.
// On an error the data directory is closed.
func Start(cfg Config) (*Node, error) {
	n, err := newNode(cfg)
	if err != nil {
		_ = cfg.Dir.Close()
		return nil, err
	}
	if err := n.start(); err != nil {
		return nil, errors.Join(err, n.shutdown(false))
	}
	return n, nil
}

func newNode(cfg Config) (*Node, error) {
	if cfg.NodeTimeout == 0 {
		cfg.NodeTimeout = DefaultNodeTimeout
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Report == nil {
		cfg.Report = func() Report { return Report{} }
	}
	if cfg.LostSlotsAfter == 0 {
		cfg.LostSlotsAfter = DefaultLostSlotsAfter
	}
	cfg.Self.Incarnation = cfg.Dir.Incarnation()
	if cfg.Self.ID == "" {
		cfg.Self.ID = cfg.Dir.NodeID()
	}
	switch id := cfg.Bus.Identity(); {
	case cfg.Replicas < 0 || cfg.Replicas > ring.MaxReplicas:
		return nil, fmt.Errorf("control: %d replicas, at most %d", cfg.Replicas, ring.MaxReplicas)
	case cfg.NodeTimeout < MinNodeTimeout:
		return nil, fmt.Errorf("control: a node timeout of %v, at least %v", cfg.NodeTimeout, MinNodeTimeout)
	case cfg.Self.ID != cfg.Dir.NodeID(), id.NodeID != string(cfg.Self.ID), id.ClusterID() != cfg.Dir.ClusterID():
		return nil, errors.New("control: the node, its bus and its data directory have different identities")
	}
	if err := cfg.Self.Validate(); err != nil {
		return nil, err
	}
	for _, addr := range cfg.Join {
		if _, err := busOf(addr); err != nil {
			return nil, err
		}
	}
	n := &Node{
		cfg: cfg, dir: cfg.Dir, bus: cfg.Bus, log: cfg.Logger,
		ready:   make(chan struct{}),
		kick:    make(chan struct{}, 1),
		changed: make(chan struct{}, 1),
		stale:   make(chan struct{}, 1),
	}
	n.ctx, n.end = context.WithCancel(context.Background())
	n.calls = newCalls(n.ctx, cfg.Bus.Identity(), n.log)
	n.cur.Store(ring.NewMap())
	n.view.Store(&View{Nodes: map[ring.NodeID]NodeView{}})
	n.hint.Store(&leaderHint{})
	n.pub.marks = map[uint16]bool{}
	n.peers.bus = map[ring.NodeID]string{}
	return n, nil
}

// start goes on from wherever the data directory says the node is.
func (n *Node) start() error {
	if _, err := n.dir.read(peersFile, &n.peers.bus); err != nil {
		return err
	}
	state, whole, err := hasRaftState(n.dir.path)
	if err != nil {
		return err
	}
	n.calls.handle("lease", false, decoding(n.handleLease))
	n.calls.handle("join", true, decoding(n.handleJoin))
	n.calls.handle("failover", false, decoding(n.handleFailover))
	n.calls.handle("drain", false, decoding(n.handleDrain))
	n.bus.Handle(bus.KindControl, n.calls.serve)
	n.spawn(n.dispatch)

	switch p := n.dir.phase(); {
	case p == phaseNone && state:
		return fmt.Errorf("%w: %s has the state of a cluster, but %s is missing", ErrDirState, n.dir.path, clusterFile)
	case p == phaseMember && !whole, state && !whole:
		return fmt.Errorf("%w: %s is of a member of cluster %s, but the state in %s is missing", ErrDirState, n.dir.path,
			n.dir.ClusterID(), raftFile)
	case p == phaseNone && len(n.cfg.Join) > 0:
		n.spawn(n.join)
		return nil
	case p == phaseNone:
		id := newClusterID()
		n.log.Info("founding a new cluster", "cluster", id)
		if err := n.dir.enter(id, phaseBootstrapping); err != nil {
			return err
		}
	default:
		if err := n.checkJoin(); err != nil {
			return err
		}
	}
	return n.enterCluster()
}

// enterCluster starts Raft and gossip; the data directory has the cluster id.
func (n *Node) enterCluster() error {
	var first *raft.Configuration
	if n.dir.phase() == phaseBootstrapping {
		id := raft.ServerID(n.Self())
		first = &raft.Configuration{Servers: []raft.Server{{Suffrage: raft.Voter, ID: id, Address: raft.ServerAddress(id)}}}
	}
	f := &fsm{cur: ring.NewMap(), log: n.log, publish: func(m *ring.Map) {
		n.fromRaft.Store(true)
		n.publish(m)
	}}
	cons, err := openConsensus(n, f, first)
	if err != nil {
		return err
	}
	n.cons.Store(cons)
	self := n.cfg.Self
	list, err := gossip.Start(gossip.Config{
		Self: gossip.Member{
			ID: self.ID, Addr: self.Addr, Bus: self.Bus, Weight: self.Weight, Zone: self.Zone, Incarnation: n.dir.Incarnation(),
		},
		ClusterID:   n.dir.ClusterID(),
		Bus:         n.bus,
		NodeTimeout: n.cfg.NodeTimeout,
		Peers:       n.peerAddrs,
		Hint:        n.heard,
		Logger:      n.log,
	})
	if err != nil {
		return err
	}
	n.gossip.Store(list)
	n.spawn(n.observe)
	n.spawn(n.watch)
	n.spawn(n.keepPeers)
	n.spawn(n.keepLease)
	return nil
}

// spawn runs fn until Stop.
func (n *Node) spawn(fn func(context.Context)) {
	n.wg.Add(1)
	go func() {
		defer n.wg.Done()
		fn(n.ctx)
	}()
}

// Self is this node's id.
func (n *Node) Self() ring.NodeID { return n.cfg.Self.ID }

// Map is the newest committed map this node knows; never nil, epoch 0 before the node is a member. An atomic load.
func (n *Node) Map() *ring.Map { return n.cur.Load() }

// LeaseUntil is the time on Mono's clock until which this node may serve as primary by Map, 0 for not at all. It is one atomic
// load. A loop that has read its clock before calling this may serve while that clock is below.
func (n *Node) LeaseUntil() time.Duration { return time.Duration(n.leaseUntil.Load()) }

// View is the leader's last word on the cluster; never nil, without a leader before the first lease. An atomic load.
func (n *Node) View() *View { return n.view.Load() }

// Ready is closed once the node is a member and has had a lease.
func (n *Node) Ready() <-chan struct{} { return n.ready }

// Resign hands the leadership over where this node has it, to whoever is best fit, and waits until another leads, for NodeTimeout at
// most. A node that stops does so while it still follows as a replica: without a leader nobody can be taken out of sync.
func (n *Node) Resign(ctx context.Context) {
	c := n.cons.Load()
	if c == nil || c.State() != raft.Leader || len(n.Map().Nodes) < 2 || ctx.Err() != nil {
		return
	}
	if err := c.LeadershipTransfer().Error(); err != nil {
		n.log.Debug("handing the leadership over", "err", err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, n.cfg.NodeTimeout)
	defer cancel()
	tick := time.NewTicker(resignEvery)
	defer tick.Stop()
	for c.State() == raft.Leader || n.View().Leader == n.Self() {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			signal(n.kick)
		}
	}
}

// resignEvery is how often a node that resigns looks whether another leads.
const resignEvery = 5 * time.Millisecond

// Stop hands the leadership over where this node has it, says goodbye in the gossip, and ends everything; the node's lease
// ends first. It waits for all goroutines, but no longer than ctx for the courtesies. The bus listener stays open.
func (n *Node) Stop(ctx context.Context) error {
	n.stopOnce.Do(func() {
		n.Resign(ctx)
		n.leaseUntil.Store(0)
		n.stopErr = n.shutdown(ctx.Err() == nil)
	})
	return n.stopErr
}

// shutdown ends everything that has been started. Raft goes first: proposals that goroutines wait for end with it.
func (n *Node) shutdown(leave bool) error {
	n.end()
	n.bus.Handle(bus.KindControl, nil)
	if c := n.cons.Load(); c != nil {
		c.close()
	}
	n.calls.stop()
	n.wg.Wait()
	if c := n.cons.Load(); c != nil {
		c.close() // a joiner may have entered its cluster in the meantime
	}
	n.leaseUntil.Store(0)
	var errs []error
	if g := n.gossip.Load(); g != nil {
		errs = append(errs, g.Stop(leave))
	}
	errs = append(errs, n.dir.Close())
	return errors.Join(errs...)
}

// signal puts a token into a channel of capacity one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// busOf is the bus address of a node with that client address.
func busOf(client string) (string, error) {
	host, port, err := net.SplitHostPort(client)
	if err != nil {
		return "", fmt.Errorf("control: node address %q: %w", client, err)
	}
	p, err := strconv.Atoi(port)
	if err != nil || p < 1 || p+BusOffset > 65535 {
		return "", fmt.Errorf("control: node address %q: the port must be 1 to %d", client, 65535-BusOffset)
	}
	return net.JoinHostPort(host, strconv.Itoa(p+BusOffset)), nil
}
