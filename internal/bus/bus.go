// Package bus is how nodes of one cluster reach each other: one TCP listener a node, and connections whose first exchange says
// what they are for, proves the cluster secret on both sides, and refuses strangers and nodes of other clusters. What follows
// the handshake belongs to the room that registered the kind. The frames of proxy links are here too (Header).
package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"
)

// Kind says what a connection is for.
type Kind byte

// The kinds of connections.
const (
	KindProxy       Kind = 'P' // requests forwarded to their owner, in frames (Header)
	KindRaft        Kind = 'R' // Raft's calls
	KindGossip      Kind = 'G' // gossip's full state exchanges and its fallback pings
	KindControl     Kind = 'C' // control calls; the only kind open to a node that has no cluster yet
	KindReplication Kind = 'S' // streams of effects
)

// String names the kind for log lines.
func (k Kind) String() string {
	switch k {
	case KindProxy:
		return "proxy"
	case KindRaft:
		return "raft"
	case KindGossip:
		return "gossip"
	case KindControl:
		return "control"
	case KindReplication:
		return "replication"
	}
	return fmt.Sprintf("kind %#x", byte(k))
}

const (
	// handshakeTimeout bounds a whole handshake: it costs two round trips, so only a hung or hostile peer takes longer.
	handshakeTimeout = 3 * time.Second
	// maxPending bounds the accepted connections that have not finished their handshake: each costs a goroutine and a
	// descriptor. A cluster of 1000 nodes that starts at once stays below it, as a handshake takes about a millisecond.
	maxPending = 256
	// acceptPause is how long the listener waits after a failed accept (no descriptors left) before it tries again.
	acceptPause = 50 * time.Millisecond
	// keepAlivePeriod is the TCP keepalive of bus connections: it ends those whose peer vanished without a word.
	keepAlivePeriod = 5 * time.Second
	// logEvery is the least time between two log lines about refused connections: a scanner must not fill the disk.
	logEvery = time.Second
)

// Identity is what a node says of itself in a handshake.
type Identity struct {
	ClusterID func() string // "" while the node has no cluster
	NodeID    string
	Secret    []byte // the cluster secret; empty: no proof is asked for or given
}

// Peer is the other side of a connection whose handshake is through.
type Peer struct {
	NodeID    string
	ClusterID string // "" when the peer has no cluster yet (KindControl only)
	Addr      string // host:port of its end of the connection
}

// Listener accepts the connections of other nodes on one TCP port and hands each to the handler of its kind.
type Listener struct {
	ln   net.Listener
	id   Identity
	log  *slog.Logger
	slot chan struct{} // one token for each connection in its handshake; capacity maxPending
	done chan struct{}
	wg   sync.WaitGroup // the accept loop and the handshakes

	mu struct {
		sync.Mutex
		handlers  map[Kind]func(net.Conn, Peer)
		pending   map[net.Conn]struct{} // in their handshake, so that Close can end them
		closed    bool
		lastLog   time.Time // of the last line about a refusal
		unlogged  int       // refusals since then
		handshake time.Duration
	}
}

// Listen opens the bus port. Connections are accepted at once; a kind without a handler is refused with ErrKind.
func Listen(addr string, id Identity, log *slog.Logger) (*Listener, error) {
	if id.ClusterID == nil || id.NodeID == "" || len(id.NodeID) > MaxID {
		return nil, fmt.Errorf("bus: an identity needs a node id of 1 to %d bytes and a cluster id function", MaxID)
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	lc := net.ListenConfig{KeepAlive: keepAlivePeriod}
	ln, err := lc.Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("bus: %w", err)
	}
	l := &Listener{ln: ln, id: id, log: log, slot: make(chan struct{}, maxPending), done: make(chan struct{})}
	l.mu.handlers = map[Kind]func(net.Conn, Peer){}
	l.mu.pending = map[net.Conn]struct{}{}
	l.mu.handshake = handshakeTimeout
	l.wg.Add(1)
	go l.accept()
	return l, nil
}

// Addr is the address the listener is bound to.
func (l *Listener) Addr() net.Addr { return l.ln.Addr() }

// Identity is what the listener says of itself: diallers of the same node use it too.
func (l *Listener) Identity() Identity { return l.id }

// Handle sets what becomes of connections of kind k; nil refuses them from now on. fn owns the connection (a *net.TCPConn, no
// deadline set) and is called on a goroutine of its own after the handshake.
func (l *Listener) Handle(k Kind, fn func(nc net.Conn, from Peer)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if fn == nil {
		delete(l.mu.handlers, k)
		return
	}
	l.mu.handlers[k] = fn
}

// Close stops accepting, ends the handshakes under way, and waits for them. Connections already handed over stay as they are.
func (l *Listener) Close() {
	l.mu.Lock()
	if l.mu.closed {
		l.mu.Unlock()
		return
	}
	l.mu.closed = true
	close(l.done)
	_ = l.ln.Close()
	for nc := range l.mu.pending {
		_ = nc.Close()
	}
	l.mu.Unlock()
	l.wg.Wait()
}

func (l *Listener) accept() {
	defer l.wg.Done()
	for {
		nc, err := l.ln.Accept()
		if err != nil {
			select {
			case <-l.done:
				return
			case <-time.After(acceptPause):
				l.refused("", fmt.Errorf("accepting: %w", err))
				continue
			}
		}
		select {
		case l.slot <- struct{}{}:
		default:
			l.refused(nc.RemoteAddr().String(), ErrBusy)
			_ = nc.Close()
			continue
		}
		if !l.track(nc) {
			_ = nc.Close()
			return
		}
		l.wg.Add(1)
		go l.shake(nc)
	}
}

// track notes a connection as pending; false once the listener is closed.
func (l *Listener) track(nc net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.closed {
		return false
	}
	l.mu.pending[nc] = struct{}{}
	_ = nc.SetDeadline(time.Now().Add(l.mu.handshake))
	return true
}

// shake takes one connection through the handshake and hands it over.
func (l *Listener) shake(nc net.Conn) {
	var fn func(net.Conn, Peer)
	h, err := receive(nc, l.id, func(h hello) error {
		var err error
		fn, err = l.admit(h)
		return err
	})

	l.mu.Lock()
	delete(l.mu.pending, nc)
	closed := l.mu.closed
	l.mu.Unlock()
	<-l.slot
	defer l.wg.Done()
	if err == nil && !closed {
		err = nc.SetDeadline(time.Time{})
	}
	if err != nil || closed {
		_ = nc.Close()
		if !closed {
			l.refused(nc.RemoteAddr().String(), err)
		}
		return
	}
	go fn(nc, Peer{NodeID: h.Node, ClusterID: h.Cluster, Addr: nc.RemoteAddr().String()})
}

// admit decides about a dialler that has proved the secret.
func (l *Listener) admit(h hello) (func(net.Conn, Peer), error) {
	mine := l.id.ClusterID()
	switch {
	case h.Node == l.id.NodeID:
		return nil, ErrSelf
	case h.Kind == KindControl && h.Cluster == "":
		// A node that asks to join has no cluster yet.
	case h.Cluster == "":
		return nil, fmt.Errorf("%w: the dialling node has no cluster yet", ErrCluster)
	case mine == "":
		return nil, fmt.Errorf("%w: this node has no cluster yet", ErrKind)
	case h.Cluster != mine:
		return nil, fmt.Errorf("%w: cluster %s, not %s", ErrCluster, mine, h.Cluster)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	fn := l.mu.handlers[h.Kind]
	if fn == nil {
		return nil, fmt.Errorf("%w: %s", ErrKind, h.Kind)
	}
	return fn, nil
}

// refused logs a connection that was turned away, at most one line every logEvery.
func (l *Listener) refused(from string, err error) {
	l.mu.Lock()
	now := time.Now()
	if now.Sub(l.mu.lastLog) < logEvery {
		l.mu.unlogged++
		l.mu.Unlock()
		return
	}
	unlogged := l.mu.unlogged
	l.mu.lastLog, l.mu.unlogged = now, 0
	l.mu.Unlock()
	l.log.Warn("bus connection refused", "from", from, "err", err, "unlogged_before", unlogged)
}

// Dial connects to a node's bus address and goes through the handshake: when it answers without an error, both sides are of
// one cluster and proved the secret. want is the node id that must answer, or "" for any. The connection is a *net.TCPConn
// with no deadline set. Errors wrap ErrSecret, ErrCluster, ErrNode, ErrKind ... where the other side answered, and the
// network's or the context's error where it did not.
func Dial(ctx context.Context, addr string, k Kind, id Identity, want string) (net.Conn, Peer, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	d := net.Dialer{KeepAlive: keepAlivePeriod}
	nc, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, Peer{}, fmt.Errorf("bus: %w", err)
	}
	// The context ends the handshake by closing the connection under it.
	stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
	p, err := greet(nc, k, id)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	switch {
	case err != nil && ctx.Err() != nil:
		err = errors.Join(ctx.Err(), err)
	case err != nil:
	case p.NodeID == id.NodeID:
		err = ErrSelf
	case want != "" && p.NodeID != want:
		err = fmt.Errorf("%w: %s, not %s", ErrNode, p.NodeID, want)
	case k != KindControl && p.ClusterID != id.ClusterID():
		err = fmt.Errorf("%w: %s", ErrCluster, p.ClusterID)
	}
	if err != nil {
		_ = nc.Close()
		return nil, Peer{}, fmt.Errorf("bus: %s connection to %s: %w", k, addr, err)
	}
	return nc, p, nil
}
