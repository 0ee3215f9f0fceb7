// Package gossip says who seems to be alive and where each node is to be reached. It runs memberlist over the bus: packets by
// UDP on the bus port, streams through the bus listener (so every stream has proved the cluster secret), all encrypted with a
// key derived from the secret when there is one. The cluster id is memberlist's label, so two clusters never merge.
//
// Its word is a hint. Decisions (who owns a slot, who votes) are the control plane's, which has leases and Raft to go by.
package gossip

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"

	"ringcache/internal/bus"
	"ringcache/ring"
)

const (
	// eventQueue bounds the hints that wait for the callback. Hints are about states, not deliveries: when the queue is full
	// the hint is dropped, and the table that Members reads is right all the same.
	eventQueue = 1024
	// tableMax bounds the remembered nodes, the dead included; the dead go first.
	tableMax = 2 * ring.MaxNodes
	// rejoinFanout is how many unheard-of addresses one rejoin tries: it costs each a connection.
	rejoinFanout = 3
	// keyInfo binds the derived key to its use.
	keyInfo = "ringcache gossip key 1"
	// keySize in bytes selects AES-256.
	keySize = 32
)

// State is what gossip believes of a node.
type State uint8

// The states of a node. Suspect comes from ReportFailure alone: memberlist keeps its own suspicions to itself until they have
// run out.
const (
	Alive State = iota
	Suspect
	Dead
)

// String names the state.
func (s State) String() string { return [...]string{"alive", "suspect", "dead"}[s] }

// Member is one node as it describes itself, and what gossip believes of it.
type Member struct {
	ID          ring.NodeID
	Addr        string // client host:port
	Bus         string // bus host:port
	Weight      int
	Zone        string
	Incarnation uint64 // grows with every start of the node's process: of two descriptions the higher is the newer
	State       State
}

// Event is a hint: Member's state is new, or its description is.
type Event struct{ Member Member }

// Config of one node's gossip.
type Config struct {
	Self        Member
	ClusterID   string
	Bus         *bus.Listener   // for streams; its address is where packets are received
	NodeTimeout time.Duration   // a death is noticed in about this time
	Peers       func() []string // bus addresses of nodes that should be in the cluster; asked at every rejoin
	Hint        func(Event)     // called on gossip's own goroutine, one at a time; must not block for long; may be nil
	Logger      *slog.Logger
}

// List is the running gossip of one node.
type List struct {
	cfg    Config
	log    *slog.Logger
	tr     *transport
	ml     *memberlist.Memberlist
	events chan Event
	cancel context.CancelFunc
	wg     sync.WaitGroup

	// mu is a leaf: memberlist calls us under its own lock, so nothing that calls memberlist may hold it.
	mu struct {
		sync.Mutex
		table map[ring.NodeID]Member
		meta  []byte
	}
}

// Start binds the bus port for UDP and begins to gossip. It does not wait for anyone: peers are tried in the background, again
// and again, since memberlist never seeks a node that it has once given up.
func Start(cfg Config) (*List, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Hint == nil {
		cfg.Hint = func(Event) {}
	}
	meta, err := encodeMeta(cfg.Self)
	if err != nil {
		return nil, err
	}
	tr, err := newTransport(cfg.Bus, cfg.Self.Bus)
	if err != nil {
		return nil, err
	}
	l := &List{cfg: cfg, log: cfg.Logger, tr: tr, events: make(chan Event, eventQueue)}
	l.mu.table = map[ring.NodeID]Member{}
	l.mu.meta = meta

	mc, err := l.tuning()
	if err == nil {
		l.ml, err = memberlist.Create(mc)
	}
	if err != nil {
		_ = tr.Shutdown()
		return nil, fmt.Errorf("gossip: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	l.wg.Add(2)
	go l.deliver(ctx)
	go l.rejoin(ctx)
	return l, nil
}

// tuning is memberlist's configuration. A death is noticed in at most: one round of probes (a random order, so up to two
// intervals on three nodes), one interval until the probe has failed by every way, and the suspicion. With an interval of a
// fifth of NodeTimeout and a suspicion of two intervals that is about one NodeTimeout; memberlist's own defaults need 5 to 7 s.
func (l *List) tuning() (*memberlist.Config, error) {
	t := l.cfg.NodeTimeout
	mc := memberlist.DefaultLANConfig()
	mc.Name = string(l.cfg.Self.ID)
	mc.Label = l.cfg.ClusterID
	mc.Transport = l.tr
	mc.TCPTimeout = t
	mc.ProbeInterval = t / 5
	mc.ProbeTimeout = t / 10
	mc.IndirectChecks = 2
	mc.SuspicionMult = 2
	mc.SuspicionMaxTimeoutMult = 2
	mc.AwarenessMaxMultiplier = 3
	mc.GossipInterval = t / 20
	mc.GossipNodes = 3
	mc.GossipToTheDeadTime = 20 * t
	// Whole states are exchanged often: that is how a node gets through that came back at another address while its old one
	// still counted as alive, so that nobody would listen to it.
	mc.PushPullInterval = 2 * t
	mc.DeadNodeReclaimTime = time.Nanosecond // a node may come back at another address as soon as it counts as dead
	mc.EnableCompression = false             // packets are small; the time is better spent elsewhere
	mc.Delegate = (*delegate)(l)
	mc.Events = (*delegate)(l)
	mc.Conflict = (*delegate)(l)
	mc.Logger = stdLogger(l.log)
	mc.LogOutput = nil
	if secret := l.cfg.Bus.Identity().Secret; len(secret) > 0 {
		key, err := hkdf.Key(sha256.New, secret, []byte(l.cfg.ClusterID), keyInfo, keySize)
		if err != nil {
			return nil, fmt.Errorf("deriving the key: %w", err)
		}
		mc.SecretKey = key
	}
	return mc, nil
}

// Members answers every node that gossip knows of, this one included, the dead too, in no order.
func (l *List) Members() []Member {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]Member, 0, len(l.mu.table))
	for _, m := range l.mu.table {
		out = append(out, m)
	}
	return out
}

// Lookup answers what gossip knows of one node. The address of a dead one is where it was last seen.
func (l *List) Lookup(id ring.NodeID) (Member, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m, ok := l.mu.table[id]
	return m, ok
}

// ReportFailure tells that a connection to the node broke: the fastest hint there is. It raises a Suspect event and changes
// nothing else; if the node is well, the next thing heard of it says so.
func (l *List) ReportFailure(id ring.NodeID) {
	if m, ok := l.Lookup(id); ok && m.State == Alive {
		m.State = Suspect
		l.push(Event{m})
	}
}

// Stop ends the gossip. With leave it first tells the others (for at most a quarter of NodeTimeout), so that they need not
// notice; without, it ends as a crash would.
func (l *List) Stop(leave bool) error {
	var errs []error
	l.cancel()
	if leave {
		// A lone node has nobody to tell, and memberlist would wait out the time for it.
		if l.othersAlive() {
			if err := l.ml.Leave(l.cfg.NodeTimeout / 4); err != nil {
				l.log.Debug("leaving the gossip", "err", err)
			}
		}
	}
	errs = append(errs, l.ml.Shutdown())
	l.wg.Wait()
	return errors.Join(errs...)
}

func (l *List) othersAlive() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, m := range l.mu.table {
		if id != l.cfg.Self.ID && m.State == Alive {
			return true
		}
	}
	return false
}

// push queues a hint; it never blocks, as memberlist's callbacks run under memberlist's lock.
func (l *List) push(e Event) {
	select {
	case l.events <- e:
	default:
	}
}

func (l *List) deliver(ctx context.Context) {
	defer l.wg.Done()
	for {
		select {
		case e := <-l.events:
			l.cfg.Hint(e)
		case <-ctx.Done():
			return
		}
	}
}

// rejoin seeks the peers that gossip does not count as alive: those it never met, and those on the other side of a cut that
// has healed. The first tries come quickly, so that a cluster that starts as a whole finds itself at once.
func (l *List) rejoin(ctx context.Context) {
	defer l.wg.Done()
	wait := l.cfg.NodeTimeout / 10
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		l.seek(ctx)
		timer.Reset(wait)
		wait = min(2*wait, 2*l.cfg.NodeTimeout)
	}
}

func (l *List) seek(ctx context.Context) {
	if l.cfg.Peers == nil {
		return
	}
	known := map[string]bool{l.cfg.Self.Bus: true, "": true}
	for _, m := range l.Members() {
		if m.State == Alive {
			known[m.Bus] = true
		}
	}
	var missing []string
	for _, addr := range l.cfg.Peers() {
		if !known[addr] {
			known[addr] = true
			missing = append(missing, addr)
		}
	}
	rand.Shuffle(len(missing), func(i, j int) { missing[i], missing[j] = missing[j], missing[i] })
	for _, addr := range missing[:min(rejoinFanout, len(missing))] {
		ip, err := resolve(ctx, addr, l.cfg.NodeTimeout)
		if err != nil {
			l.log.Debug("seeking a peer", "bus", addr, "err", err)
			continue
		}
		if ctx.Err() != nil {
			return
		}
		if _, err := l.ml.Join([]string{ip}); err != nil {
			l.log.Debug("seeking a peer", "bus", addr, "err", err)
		}
	}
}

// resolve turns host:port into ip:port by the system's resolver; memberlist's own asks DNS over TCP first and slowly.
func resolve(ctx context.Context, addr string, timeout time.Duration) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", fmt.Errorf("gossip: address %q: %w", addr, err)
	}
	if net.ParseIP(host) != nil {
		return addr, nil
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	ips, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		return "", fmt.Errorf("gossip: %w", err)
	}
	return net.JoinHostPort(ips[0], port), nil
}
