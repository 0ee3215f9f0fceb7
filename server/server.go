// Package server is a node as clients see it: sessions, routing by the current map, and proxying to the owners.
//
// One epoll batch of package front is the unit of work. Every loop has its own [loop] state: its sessions, its links to the
// other nodes, its scratch buffers; nothing of it is shared with another loop, so the way of a request takes no lock but
// the one of its slot's shard. What does cross loops (the map, the lease, settings, counters) is read through atomics.
package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"ringcache/internal/bus"
	"ringcache/ring"
	"ringcache/ring/control"
	"ringcache/server/command"
	"ringcache/server/front"
	"ringcache/server/store"
)

// Cluster is what a node needs to know of the cluster it is part of. *control.Node is one.
type Cluster interface {
	Map() *ring.Map                     // never nil; epoch 0 while the node is no member
	LeaseUntil() time.Duration          // on the clock of control.Mono; 0 = no lease
	View() *control.View                // the leader's last word on all nodes; never nil
	Subscribe(func(*ring.Map))          // called with the present map and after changes, in order, never on a loop
	Kick()                              // there is something to report
	Released(slot uint16, epoch uint64) // this node serves the slot no more, by the handoff in the map of that epoch
	Refused(slot uint16, epoch uint64)  // it does not take part in that handoff: the slot holds keys

	// Failover and Drain are of control.Node, on whichever node.
	Failover(ctx context.Context, id ring.NodeID) (control.Handover, error)
	Drain(ctx context.Context, id ring.NodeID, on bool) (control.Handover, error)
}

// Dialer opens a proxy link to a peer's bus address; the handshake is done when it returns.
type Dialer func(ctx context.Context, addr string, id ring.NodeID) (net.Conn, error)

// Settings are the run-time settings of the client side. A new value replaces the whole.
type Settings struct {
	RequirePass   string
	MaxClients    int
	Timeout       time.Duration // an idle client is closed after it; 0 = never
	KeepAlive     time.Duration // TCP keepalive of clients; 0 = off
	Hold          time.Duration // how long a request waits for its slot to be served
	QueryBuffer   int           // bytes a client may have sent without a whole command in them
	MaxBulk       int           // bytes of one argument
	OutputHard    int           // bytes of replies a client may leave unread before it is closed; 0 = no limit
	OutputSoft    int           // the same, tolerated for OutputSoftFor
	OutputSoftFor time.Duration
	AcksPrimary   bool   // replies do not wait for replicas: --acks primary
	MinReplicas   int    // writes to slots with fewer replicas in sync are refused
	MaxMemory     int64  // bytes; 0 = no limit
	Policy        string // maxmemory-policy, to be shown: the keyspace goes by its SetEviction
}

// Config gives and takes settings by Redis's names, for CONFIG GET and SET.
type Config interface {
	Get(pattern string) [][2]string
	Set(pairs [][2]string) error
}

// Options are what a [Server] is made of. All but Logger must be set.
type Options struct {
	Self     ring.Node
	Loops    int // event loops; at least 1
	Table    *command.Table
	Keyspace *store.Keyspace
	Copies   *Copies // the keyspace's sink; nil where slots never have replicas
	Cluster  Cluster
	Dial     Dialer
	Settings Settings
	Config   Config
	Stop     func() // asks the process to stop in order (SHUTDOWN)
	Logger   *slog.Logger
	Info     Info
}

// Info is what INFO tells of the process and never changes.
type Info struct {
	Version    string
	ConfigFile string
	Executable string
	Port       int
	Dir        string
}

// Server serves clients and peers of one node.
type Server struct {
	opt      Options
	log      *slog.Logger
	group    *front.Group
	loops    []*loop
	settings atomic.Pointer[Settings]

	nextID    atomic.Uint64 // client ids
	nextLoop  atomic.Uint32 // round robin for inbound links
	clients   atomic.Int64
	slowTasks atomic.Int64
	handoff   handoffs
	peers     peers
	copies    *Copies
	leaving   atomic.Bool // the node is about to stop
	rates     rates
	newLimit  chan struct{} // the settings changed: memory may be over its limit now
	base      base
	waiters   *command.Waiters

	statsGroup *command.StatsGroup
	get        *command.Row // GET, for the parts of commands that fetch keys
	wait       *command.Row // WAIT, for questions about replicas
	runID      string       // 40 hex, new at each start
	started    time.Time

	ctx    context.Context // ends when the server closes
	cancel context.CancelFunc
	wg     sync.WaitGroup // dials, slow tasks, the expiry goroutine
}

// New makes a server and starts its loops; it accepts nobody before [Server.ListenTCP] or [Server.ListenUnix].
func New(opt Options) (*Server, error) {
	if opt.Loops < 1 || opt.Table == nil || opt.Keyspace == nil || opt.Cluster == nil || opt.Dial == nil || opt.Config == nil {
		return nil, errors.New("server: incomplete options")
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		opt: opt, log: opt.Logger, started: time.Now(), statsGroup: command.NewStatsGroup(opt.Table),
		newLimit: make(chan struct{}, 1), get: opt.Table.Lookup([][]byte{nameGet}), runID: string(ring.NewNodeID()),
	}
	if s.wait = opt.Table.Lookup([][]byte{awaitName}); s.get == nil || s.wait == nil {
		return nil, errors.New("server: the command table has no GET or no WAIT")
	}
	if s.copies = opt.Copies; s.copies == nil {
		s.copies = NewCopies(CopiesOptions{Self: opt.Self.ID, NodeTimeout: control.DefaultNodeTimeout})
	}
	s.copies.srv, s.copies.ks = s, opt.Keyspace
	s.waiters = command.NewWaiters(opt.Keyspace, command.DefaultWaitLimits)
	s.settings.Store(&opt.Settings)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	group, err := front.New(front.Options{
		Loops:      opt.Loops,
		NewConn:    s.newConn,
		BatchStart: func(l *front.Loop) { l.User.(*loop).batchStart() },
		BatchEnd:   func(l *front.Loop) { l.User.(*loop).batchEnd() },
		Tick:       func(l *front.Loop) { l.User.(*loop).tick() },
		Init:       func(l *front.Loop) { s.addLoop(l) },
		KeepAlive:  opt.Settings.KeepAlive,
		Origin:     control.Origin(),
		Logger:     opt.Logger,
	})
	if err != nil {
		s.cancel()
		return nil, fmt.Errorf("server: %w", err)
	}
	s.group = group
	opt.Cluster.Subscribe(s.mapChanged)
	s.wg.Go(s.maintain)
	return s, nil
}

// addLoop makes the state of one loop; front calls it before the loop runs.
func (s *Server) addLoop(ev *front.Loop) {
	l := newLoop(s, ev)
	ev.User = l
	s.loops = append(s.loops, l)
}

// ListenTCP accepts clients on addr (host:port; port 0 picks a free one) and answers the address it got.
func (s *Server) ListenTCP(addr string) (net.Addr, error) { return s.group.ListenTCP(addr) }

// ListenUnix accepts clients on a unix socket at path.
func (s *Server) ListenUnix(path string, perm fs.FileMode) error {
	return s.group.ListenUnix(path, perm)
}

// AcceptLink takes over a proxy link that a peer opened (bus kind 'P', handshake done).
func (s *Server) AcceptLink(nc net.Conn, from bus.Peer) {
	l := s.loops[int(s.nextLoop.Add(1))%len(s.loops)]
	l.ev.Adopt(nc, func(c *front.Conn) front.Handler { return newInbound(l, c, from.NodeID) })
}

// Apply replaces the run-time settings.
func (s *Server) Apply(set Settings) {
	s.settings.Store(&set)
	s.group.SetKeepAlive(set.KeepAlive)
	select {
	case s.newLimit <- struct{}{}:
	default: // it has not seen the last change yet
	}
}

// Close stops accepting, closes every session and link, and waits for all goroutines of the server.
func (s *Server) Close() {
	s.group.CloseListeners()
	s.cancel()
	s.group.Close()
	s.wg.Wait()
}

// wakeAll makes every loop look again at what it holds.
func (s *Server) wakeAll() {
	for _, l := range s.loops {
		l.ev.Post(l.wakeNow)
	}
}
