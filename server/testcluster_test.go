package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"sync"
	"testing"
	"time"

	"ringcache/internal/bus"
	"ringcache/ring"
	"ringcache/ring/control"
	"ringcache/server/command"
	"ringcache/server/store"
)

// testNode is a server with a map that the test gives it: no Raft, no gossip, a lease that the test holds.
type testNode struct {
	*Server
	id   ring.NodeID
	addr string
	ks   *store.Keyspace
	bus  *bus.Listener
	dial Dialer // nil = bus.Dial

	mu    sync.Mutex // guards what follows
	m     *ring.Map
	lease time.Duration
	view  *control.View
	subs  []func(*ring.Map)

	released, refused map[uint16]bool
}

func (n *testNode) Map() *ring.Map {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.m
}

func (n *testNode) LeaseUntil() time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.lease
}

func (n *testNode) View() *control.View {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.view
}

func (n *testNode) Subscribe(fn func(*ring.Map)) {
	n.mu.Lock()
	n.subs = append(n.subs, fn)
	n.mu.Unlock()
}

func (n *testNode) Kick() {}

func (n *testNode) Released(slot uint16, _ uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.released[slot] = true
}

func (n *testNode) Refused(slot uint16, _ uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.refused[slot] = true
}

func (n *testNode) Failover(_ context.Context, id ring.NodeID) (control.Handover, error) {
	return n.handover(id)
}

func (n *testNode) Drain(_ context.Context, id ring.NodeID, _ bool) (control.Handover, error) {
	return n.handover(id)
}

// handover hands over what is there of a node that the map has.
func (n *testNode) handover(id ring.NodeID) (h control.Handover, err error) {
	at := n.Map().IndexOf(id)
	if at == ring.None {
		return h, errors.New("control: the node is not in the map")
	}
	return control.Handover{Slots: n.Map().Counts()[at].Primaries, Stuck: 1}, nil
}

// setMap publishes m as the cluster would.
func (n *testNode) setMap(m *ring.Map) {
	n.mu.Lock()
	n.m = m
	subs := n.subs
	n.mu.Unlock()
	for _, fn := range subs {
		fn(m)
	}
}

func (n *testNode) setLease(until time.Duration) {
	n.mu.Lock()
	n.lease = until
	n.mu.Unlock()
	n.wakeAll()
}

// setView publishes the view that edit makes of the present one.
func (n *testNode) setView(edit func(*control.View)) {
	n.mu.Lock()
	v := *n.view
	v.Nodes = maps.Clone(v.Nodes)
	edit(&v)
	n.view = &v
	n.mu.Unlock()
	n.wakeAll()
}

type noConfig struct{}

func (noConfig) Get(string) [][2]string { return nil }
func (noConfig) Set([][2]string) error  { return nil }

// testNodeTimeout is that of nodes that are started from now on.
var testNodeTimeout = control.DefaultNodeTimeout

// testSettings hold requests for longer than any wait of a test: a machine that stalls for seconds makes no error of one, and a
// wake-up that is lost shows as a wait that did not end. Tests of what happens after --hold set their own.
var testSettings = Settings{
	MaxClients: 10_000, Hold: 2 * patience, QueryBuffer: 1 << 30, MaxBulk: 512 << 20, OutputHard: 1 << 30,
}

// startNodes starts n servers joined by real links, with slots dealt out in turn: slot s belongs to node s%n.
func startNodes(tb testing.TB, n, loops int) []*testNode {
	tb.Helper()
	return startSome(tb, n, n, loops, testSettings)
}

// startSome is startNodes for a cluster of n nodes of which only the first `real` run: of the others there is a bus listener, with
// which a test plays the node by itself.
func startSome(tb testing.TB, n, real, loops int, settings Settings) []*testNode {
	tb.Helper()
	return startSomeWith(tb, n, real, loops, settings, func([]*testNode) {})
}

// startSomeWith calls ready before any of the nodes runs.
func startSomeWith(tb testing.TB, n, real, loops int, settings Settings, ready func([]*testNode)) []*testNode {
	tb.Helper()
	nodes := make([]*testNode, n)
	m := ring.NewMap()
	m.Epoch, m.ClusterID, m.HashKey = 1, "test", ring.NewHashKey()
	view := &control.View{Nodes: map[ring.NodeID]control.NodeView{}}
	for i := range nodes {
		id := ring.NodeID(fmt.Sprintf("%040x", i+1))
		who := bus.Identity{ClusterID: func() string { return "test" }, NodeID: string(id)}
		ln, err := bus.Listen("127.0.0.1:0", who, slog.New(slog.DiscardHandler))
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(ln.Close)
		nodes[i] = &testNode{id: id, bus: ln, released: map[uint16]bool{}, refused: map[uint16]bool{}, m: m, lease: 1 << 62, view: view}
		m.Nodes = append(m.Nodes, ring.Node{ID: id, Addr: "127.0.0.1:1", Bus: ln.Addr().String(), Weight: 1})
		view.Nodes[id] = control.NodeView{State: control.StateUp}
	}
	for s := range m.Slots {
		m.Slots[s].Primary = ring.Index(s % n)
		m.Slots[s].Epoch = 1
	}
	ready(nodes)
	for _, nd := range nodes[:real] {
		nd.serve(tb, loops, settings)
	}
	for _, nd := range nodes[:real] {
		nd.waitLinks(tb, real)
	}
	return nodes
}

// serve starts the server of a node.
func (n *testNode) serve(tb testing.TB, loops int, settings Settings) {
	tb.Helper()
	copies := NewCopies(CopiesOptions{Self: n.id, NodeTimeout: testNodeTimeout})
	n.ks = store.New(store.Options{Hash: n.Map().HashKey.Func(), Sink: copies})
	dial := n.dial
	if dial == nil {
		dial = func(ctx context.Context, addr string, id ring.NodeID) (net.Conn, error) {
			nc, _, err := bus.Dial(ctx, addr, bus.KindProxy, n.bus.Identity(), string(id))
			return nc, err
		}
	}
	srv, err := New(Options{
		Self: ring.Node{ID: n.id, Addr: "127.0.0.1:1"}, Loops: loops, Table: command.NewTable(testRows()...), Keyspace: n.ks, Copies: copies, Cluster: n,
		Config: noConfig{}, Settings: settings, Stop: func() {},
		Dial: dial,
	})
	if err != nil {
		tb.Fatal(err)
	}
	n.Server = srv
	tb.Cleanup(srv.Close)
	srv.mapChanged(n.Map()) // as subscribing promises
	n.bus.Handle(bus.KindProxy, srv.AcceptLink)
	addr, err := srv.ListenTCP("127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	n.addr = addr.String()
}

// waitLinks returns once all loops have their links to the first `real` nodes of the map.
func (n *testNode) waitLinks(tb testing.TB, real int) {
	tb.Helper()
	for _, other := range n.Map().Nodes[:real] {
		if other.ID != n.id {
			p := n.peer(other.ID)
			waitFor(tb, "the links to stand", func() bool { return p.links.Load() == int64(len(n.loops)) })
		}
	}
}
