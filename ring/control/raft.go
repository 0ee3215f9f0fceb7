package control

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"go.etcd.io/bbolt"

	"ringcache/internal/bus"
	"ringcache/ring"
)

const (
	// acceptQueue bounds the Raft connections that came over the bus and that Raft has not yet taken.
	acceptQueue = 64
	// raftPool is how many idle connections Raft keeps to one peer: heartbeats, entries and votes go beside each other.
	raftPool = 3
	// snapshotsKept on disk: the newest, and one before it in case the newest cannot be read.
	snapshotsKept = 2
	// snapshotEvery entries Raft writes a snapshot, if snapshotInterval has passed (up to twice that: Raft draws it). A Map is at most a few
	// hundred KB. A node that starts makes all changes since the snapshot anew, each of which takes a millisecond or two.
	snapshotEvery    = 16
	snapshotInterval = 2 * time.Second
	// trailingEntries stay in the log after a snapshot, for followers a little behind.
	trailingEntries = 512
	// boltTimeout bounds the wait for the database's own lock. The directory's lock is held, so nobody else should have it.
	boltTimeout = time.Second
)

// raftTiming derives Raft's timeouts from NodeTimeout, so that a new leader stands within about NodeTimeout of a leader's
// death. A follower waits one to two heartbeat timeouts (0.25 to 0.5) and refuses its vote while it still believes in the old
// leader, so an election is through when a quorum has waited; a split vote costs as much again. Heartbeats come every 0.025
// to 0.05, so several must be lost before a leader is doubted.
func raftTiming(c *raft.Config, nodeTimeout time.Duration) {
	c.HeartbeatTimeout = max(nodeTimeout/4, 20*time.Millisecond)
	c.ElectionTimeout = c.HeartbeatTimeout // Raft wants it no shorter
	c.LeaderLeaseTimeout = c.HeartbeatTimeout
	c.CommitTimeout = max(nodeTimeout/20, 5*time.Millisecond)
}

// consensus is Raft with what it stands on.
type consensus struct {
	*raft.Raft
	trans *ackTransport
	layer *streamLayer
	store *raftboltdb.BoltStore
	once  sync.Once // of close

	// asking is held while Raft is asked whether it leads.
	asking struct {
		sync.Mutex
		over bool // Raft is about to be shut down, or has been
	}
}

// verify is VerifyLeader, but never without an answer: Raft drops a question that it has taken and not looked at when it is
// shut down, and whoever waits for it waits for ever. So close lets the last question have its answer first, which takes no
// longer than Raft's leader lease, and there is no other after it.
func (c *consensus) verify() error {
	c.asking.Lock()
	defer c.asking.Unlock()
	if c.asking.over {
		return raft.ErrRaftShutdown
	}
	return c.VerifyLeader().Error()
}

// openConsensus opens the stores in the data directory and starts Raft. first, when not nil, is the configuration of a new
// cluster; it is written only where there is no state, never beside any.
func openConsensus(n *Node, f raft.FSM, first *raft.Configuration) (*consensus, error) {
	log := &raftLog{log: n.log}
	store, err := openStore(n.dir.path)
	if err != nil {
		return nil, err
	}
	snaps, err := raft.NewFileSnapshotStoreWithLogger(filepath.Join(n.dir.path, snapDir), snapshotsKept, log)
	if err != nil {
		_ = store.Close()
		return nil, fmt.Errorf("control: snapshots: %w", err)
	}
	layer := newStreamLayer(n.bus)
	c := raft.DefaultConfig()
	c.LocalID = raft.ServerID(n.Self())
	c.Logger = log
	c.SnapshotThreshold, c.SnapshotInterval, c.TrailingLogs = snapshotEvery, snapshotInterval, trailingEntries
	c.NoLegacyTelemetry = true
	raftTiming(c, n.cfg.NodeTimeout)
	trans := &ackTransport{
		NetworkTransport: raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
			ServerAddressProvider: (*addressProvider)(n),
			Logger:                log,
			Stream:                layer,
			MaxPool:               raftPool,
			Timeout:               n.cfg.NodeTimeout / 2,
		}),
	}
	trans.mu.acks = map[raft.ServerID]ack{}
	trans.mu.silent = map[raft.ServerID]chan struct{}{}
	cons := &consensus{trans: trans, layer: layer, store: store}

	exists, err := raft.HasExistingState(store, store, snaps)
	if err == nil && !exists && first != nil {
		err = raft.BootstrapCluster(c, store, store, snaps, trans, *first)
	}
	if err == nil {
		cons.Raft, err = raft.NewRaft(c, f, store, store, snaps, trans)
	}
	if err != nil {
		cons.close()
		return nil, fmt.Errorf("control: starting raft: %w", err)
	}
	return cons, nil
}

func openStore(dir string) (*raftboltdb.BoltStore, error) {
	opt := *bbolt.DefaultOptions
	opt.NoFreelistSync = true // the list of free pages is rebuilt at the start instead of written with every commit
	opt.Timeout = boltTimeout
	store, err := raftboltdb.New(raftboltdb.Options{Path: filepath.Join(dir, raftFile), BoltOptions: &opt})
	if err != nil {
		return nil, fmt.Errorf("control: opening %s: %w", filepath.Join(dir, raftFile), err)
	}
	return store, nil
}

// hasRaftState tells whether Raft has written anything into the directory, and whether its log and its votes are there (whole).
// Snapshots alone are not enough: who has forgotten its vote could give it twice.
func hasRaftState(dir string) (found, whole bool, err error) {
	store, err := openStore(dir)
	if err != nil {
		return false, false, err
	}
	defer store.Close()
	if whole, err = raft.HasExistingState(store, store, raft.NewInmemSnapshotStore()); whole || err != nil {
		return whole, whole, err
	}
	snaps, err := raft.NewFileSnapshotStoreWithLogger(filepath.Join(dir, snapDir), snapshotsKept, nil)
	if err != nil {
		return false, false, fmt.Errorf("control: snapshots: %w", err)
	}
	found, err = raft.HasExistingState(store, store, snaps)
	return found, false, err
}

func (c *consensus) close() {
	c.once.Do(func() {
		c.trans.stopWaiting()
		c.asking.Lock()
		c.asking.over = true
		c.asking.Unlock()
		if c.Raft != nil {
			_ = c.Raft.Snapshot().Error() // so that the next start has nothing to make anew; there may be nothing new, or no room
			_ = c.Raft.Shutdown().Error()
		}
		c.trans.beats.Lock()
		c.trans.beats.over = true
		c.trans.beats.Unlock()
		_ = c.trans.Close()
		_ = c.layer.Close()
		_ = c.store.Close()
	})
}

// ack is the last sign that a peer follows this leader.
type ack struct {
	term uint64
	sent time.Duration // Mono when the acknowledged call was sent: the peer followed at some moment after it
}

// ackTransport is Raft's transport with two additions.
//
// It notes when each acknowledged heartbeat was *sent*. A lease may be granted only when a quorum followed this leader at some
// moment after the request for it had come. Raft's own VerifyLeader does not promise that: it takes the answer to a heartbeat
// which was already under way, and a leader that was stopped for a while finds such answers, old ones, when it wakes up.
//
// And it makes the replication to a silent peer wait for the peer's next acknowledged heartbeat. Raft backs off to ten seconds
// between tries, and a node that returned would be without new entries for that long.
type ackTransport struct {
	*raft.NetworkTransport

	// beats is held for reading while a heartbeat is handled, outside Raft's own goroutines.
	beats struct {
		sync.RWMutex
		over bool // the store is about to be closed
	}

	mu struct {
		sync.Mutex
		acks   map[raft.ServerID]ack
		silent map[raft.ServerID]chan struct{} // closed when the peer answers a heartbeat, or by wake
		leads  bool                            // nothing waits for a silent peer on a node that leads no more
		closed bool                            // for good
	}
}

// AppendEntries sends entries or, with none and no previous one, a heartbeat.
func (t *ackTransport) AppendEntries(id raft.ServerID, at raft.ServerAddress, args *raft.AppendEntriesRequest,
	resp *raft.AppendEntriesResponse,
) error {
	heartbeat := len(args.Entries) == 0 && args.PrevLogEntry == 0 && args.PrevLogTerm == 0 && args.LeaderCommitIndex == 0
	if !heartbeat {
		t.awaitHeard(id)
	}
	sent := Mono()
	err := t.NetworkTransport.AppendEntries(id, at, args, resp)
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case err == nil && resp.Success && resp.Term <= args.Term:
		t.mu.acks[id] = ack{term: args.Term, sent: sent}
		fallthrough
	case err == nil:
		if heard := t.mu.silent[id]; heard != nil {
			close(heard)
			delete(t.mu.silent, id)
		}
	case t.mu.silent[id] == nil:
		t.mu.silent[id] = make(chan struct{})
	}
	return err
}

// SetHeartbeatHandler keeps heartbeats from a store that is closed: Raft looks whether it has been shut down before it handles
// one, not after, and its shutdown does not wait for those under way.
func (t *ackTransport) SetHeartbeatHandler(fn func(raft.RPC)) {
	t.NetworkTransport.SetHeartbeatHandler(func(rpc raft.RPC) {
		t.beats.RLock()
		defer t.beats.RUnlock()
		if t.beats.over {
			rpc.Respond(nil, raft.ErrRaftShutdown)
			return
		}
		fn(rpc)
	})
}

func (t *ackTransport) awaitHeard(id raft.ServerID) {
	t.mu.Lock()
	heard, leads := t.mu.silent[id], t.mu.leads
	t.mu.Unlock()
	if heard != nil && leads {
		<-heard
	}
}

// wake lets go what waits for a silent peer that was removed, or with "" for any: this node leads no more, or stops.
func (t *ackTransport) wake(id raft.ServerID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if id == "" {
		t.mu.leads = false
	}
	for silent, heard := range t.mu.silent {
		if id == "" || id == silent {
			close(heard)
			delete(t.mu.silent, silent)
		}
	}
}

// begin marks the start of this node's leading.
func (t *ackTransport) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.leads = !t.mu.closed
}

// stopWaiting is wake for good: Raft's shutdown waits for what waits here, and a term may begin while it does.
func (t *ackTransport) stopWaiting() {
	t.mu.Lock()
	t.mu.closed = true
	t.mu.Unlock()
	t.wake("")
}

// quorumSince answers the latest time at or after which a quorum of the voters is known to have followed self in term: the
// sending time of the acknowledgement that completes the quorum. A lone voter is its own quorum at any time.
func (t *ackTransport) quorumSince(term uint64, self raft.ServerID, voters []raft.ServerID) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	var sent []time.Duration
	for _, id := range voters {
		switch a := t.mu.acks[id]; {
		case id == self:
			sent = append(sent, Mono())
		case a.term == term:
			sent = append(sent, a.sent)
		}
	}
	need := len(voters)/2 + 1
	if len(sent) < need {
		return -1
	}
	slices.Sort(sent)
	return sent[len(sent)-need]
}

// streamLayer gives Raft its connections over the bus.
type streamLayer struct {
	bus    *bus.Listener
	queue  chan net.Conn
	done   chan struct{}
	once   sync.Once
	ctx    context.Context
	cancel context.CancelFunc

	mu struct {
		sync.Mutex
		accepted map[net.Conn]struct{} // Raft does not close these when it stops
		closed   bool
	}
}

func newStreamLayer(l *bus.Listener) *streamLayer {
	s := &streamLayer{bus: l, queue: make(chan net.Conn, acceptQueue), done: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.mu.accepted = map[net.Conn]struct{}{}
	l.Handle(bus.KindRaft, s.take)
	return s
}

func (s *streamLayer) take(nc net.Conn, _ bus.Peer) {
	tracked := &trackedConn{Conn: nc, layer: s}
	s.mu.Lock()
	closed := s.mu.closed
	if !closed {
		s.mu.accepted[tracked] = struct{}{}
	}
	s.mu.Unlock()
	if closed {
		_ = nc.Close()
		return
	}
	select {
	case s.queue <- tracked:
	default:
		_ = tracked.Close()
	}
}

func (s *streamLayer) Accept() (net.Conn, error) {
	select {
	case nc := <-s.queue:
		return nc, nil
	case <-s.done:
		return nil, net.ErrClosed
	}
}

func (s *streamLayer) Dial(address raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(s.ctx, timeout)
	defer cancel()
	id, addr := splitAddress(address)
	nc, _, err := bus.Dial(ctx, addr, bus.KindRaft, s.bus.Identity(), string(id))
	return nc, err
}

func (s *streamLayer) Addr() net.Addr { return s.bus.Addr() }

func (s *streamLayer) Close() error {
	s.once.Do(func() {
		s.bus.Handle(bus.KindRaft, nil)
		s.cancel()
		close(s.done)
		s.mu.Lock()
		s.mu.closed = true
		open := make([]net.Conn, 0, len(s.mu.accepted))
		for nc := range s.mu.accepted {
			open = append(open, nc)
		}
		s.mu.Unlock()
		for _, nc := range open {
			_ = nc.Close()
		}
	})
	return nil
}

// trackedConn leaves its layer's set when it is closed.
type trackedConn struct {
	net.Conn
	layer *streamLayer
}

func (c *trackedConn) Close() error {
	c.layer.mu.Lock()
	delete(c.layer.mu.accepted, c)
	c.layer.mu.Unlock()
	return c.Conn.Close()
}

// addressProvider tells Raft where a server is now. What Raft's configuration says of addresses is never used: the address
// there is the node id. The answer carries the id too, so that the dialler can insist on it.
type addressProvider Node

func (p *addressProvider) ServerAddr(id raft.ServerID) (raft.ServerAddress, error) {
	addr, err := (*Node)(p).busAddr(ring.NodeID(id))
	if err != nil {
		return "", err
	}
	return joinAddress(ring.NodeID(id), addr), nil
}

func joinAddress(id ring.NodeID, addr string) raft.ServerAddress {
	return raft.ServerAddress(string(id) + "@" + addr)
}

func splitAddress(a raft.ServerAddress) (id ring.NodeID, addr string) {
	s := string(a)
	if len(s) > idLen && s[idLen] == '@' {
		return ring.NodeID(s[:idLen]), s[idLen+1:]
	}
	return "", s
}

const idLen = 40 // hex digits of a NodeID

// errNoAddress is for a node that neither gossip, nor the map, nor the peers file knows.
var errNoAddress = errors.New("control: no address is known for the node")
