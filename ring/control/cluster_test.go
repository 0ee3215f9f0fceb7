package control

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"go.uber.org/goleak"

	"ringcache/internal/bus"
	"ringcache/ring"
)

// testTimeout is the NodeTimeout of clusters in tests, the default of real ones: figures measured here are those of the promise.
// The race detector makes everything several times slower, and so are its clusters.
const testTimeout = time.Second * raceFactor

// patience bounds every wait for a condition. It is far above what a healthy cluster needs, for loaded machines.
const patience = 15 * time.Second * raceFactor

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testNode is one control plane with its bus, and a stand-in for the server: which slots hold keys.
type testNode struct {
	t    *testing.T
	dir  string
	port int // client port; nothing listens there
	join []string
	tune func(*Config)

	node *Node
	bus  *bus.Listener

	mu   sync.Mutex
	keys map[uint16]bool
	held map[uint16]bool // released: not served until the map changes
}

// freePort finds a port that is free together with its bus port, and answers the client port.
func freePort(t *testing.T) int {
	t.Helper()
	for range 200 {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := ln.Addr().(*net.TCPAddr).Port
		_ = ln.Close()
		if port <= BusOffset+1024 {
			continue
		}
		udp, err := net.ListenPacket("udp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		_ = udp.Close()
		return port - BusOffset
	}
	t.Fatal("no free port")
	return 0
}

func addrOf(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func newTestNode(t *testing.T, join ...string) *testNode {
	return &testNode{
		t: t, dir: filepath.Join(t.TempDir(), "node"), port: freePort(t), join: join,
		keys: map[uint16]bool{}, held: map[uint16]bool{},
	}
}

func (x *testNode) addr() string { return addrOf(x.port) }

var testSecret = []byte("a secret of tests")

// start opens the directory, the bus and the control plane.
func (x *testNode) start() error {
	d, err := OpenDir(x.dir)
	if err != nil {
		return err
	}
	var log *slog.Logger
	if os.Getenv("CONTROL_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("port", x.port)
	}
	b, err := bus.Listen(addrOf(x.port+BusOffset), bus.Identity{
		ClusterID: d.ClusterID, NodeID: string(d.NodeID()), Secret: testSecret,
	}, log)
	if err != nil {
		_ = d.Close()
		return err
	}
	cfg := Config{
		Self: ring.Node{Addr: x.addr(), Bus: addrOf(x.port + BusOffset), Weight: 1},
		Dir:  d, Join: x.join, NodeTimeout: testTimeout, Bus: b, Logger: log, Report: x.report,
	}
	if x.tune != nil {
		x.tune(&cfg)
	}
	n, err := Start(cfg)
	if err != nil {
		b.Close()
		return err
	}
	x.node, x.bus = n, b
	n.Subscribe(x.follow)
	return nil
}

// follow is what a server does about handoffs.
func (x *testNode) follow(m *ring.Map) {
	self := m.IndexOf(x.node.Self())
	x.mu.Lock()
	defer x.mu.Unlock()
	clear(x.held)
	for i := range m.Slots {
		s := &m.Slots[i]
		if self == ring.None || s.Primary != self || s.Next == ring.None {
			continue
		}
		if x.keys[uint16(i)] {
			x.node.Refused(uint16(i), m.Epoch)
		} else {
			x.held[uint16(i)] = true
			x.node.Released(uint16(i), m.Epoch)
		}
	}
}

func (x *testNode) report() Report {
	x.mu.Lock()
	defer x.mu.Unlock()
	r := Report{PID: x.port, Keys: int64(len(x.keys))}
	for slot := range x.keys {
		r.NonEmpty.Add(slot)
	}
	return r
}

func (x *testNode) setKeys(slots ...uint16) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, s := range slots {
		x.keys[s] = true
	}
}

func (x *testNode) mustStart() *testNode {
	x.t.Helper()
	if err := x.start(); err != nil {
		x.t.Fatal(err)
	}
	x.t.Cleanup(x.stop)
	return x
}

// stop ends the node as its process would when told to.
func (x *testNode) stop() {
	if x.node == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := x.node.Stop(ctx); err != nil {
		x.t.Errorf("stopping: %v", err)
	}
	x.bus.Close()
	x.node = nil
}

// kill ends the node without a word to the others. The bus goes first.
func (x *testNode) kill() {
	x.bus.Close()
	if err := x.node.shutdown(false); err != nil {
		x.t.Errorf("stopping: %v", err)
	}
	x.node = nil
}

func (x *testNode) leased() bool { return x.node.LeaseUntil() > Mono() }

func (x *testNode) slots() int {
	m, n := x.node.Map(), 0
	self := m.IndexOf(x.node.Self())
	for i := range m.Slots {
		if self != ring.None && m.Slots[i].Primary == self {
			n++
		}
	}
	return n
}

// wait polls until the condition holds.
func wait(t *testing.T, what string, cond func() bool) time.Duration {
	t.Helper()
	return waitFor(t, patience, what, cond)
}

func waitFor(t *testing.T, limit time.Duration, what string, cond func() bool) time.Duration {
	t.Helper()
	begin := time.Now()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		if time.Since(begin) > limit {
			t.Fatalf("after %v still not: %s", limit, what)
		}
		<-tick.C
	}
	return time.Since(begin)
}

func ready(t *testing.T, nodes ...*testNode) {
	t.Helper()
	for i, x := range nodes {
		select {
		case <-x.node.Ready():
		case <-time.After(patience):
			t.Fatalf("node %d is not ready after %v", i, patience)
		}
	}
}

// form starts n nodes as one cluster and waits until all have leases and the voters are what they should be.
func form(t *testing.T, n int) []*testNode {
	t.Helper()
	nodes := []*testNode{newTestNode(t).mustStart()}
	for len(nodes) < n {
		nodes = append(nodes, newTestNode(t, nodes[0].addr()).mustStart())
	}
	ready(t, nodes...)
	settled(t, nodes...)
	return nodes
}

// settled waits until every node has the same map with all of them, a lease, and the voters the cluster should have.
func settled(t *testing.T, nodes ...*testNode) {
	t.Helper()
	wait(t, "one map, leases and voters everywhere", func() bool {
		m := nodes[0].node.Map()
		for _, x := range nodes {
			if x.node.Map().Epoch != m.Epoch || len(m.Nodes) != len(nodes) || !x.leased() {
				return false
			}
		}
		if leading(nodes...) == nil {
			return false
		}
		for _, x := range nodes { // each by its own log: the leader may know of voters that others do not know of yet
			voters := 0
			for _, srv := range x.node.cons.Load().GetConfiguration().Configuration().Servers {
				if srv.Suffrage == raft.Voter {
					voters++
				}
			}
			if voters != voterCount(len(nodes)) {
				return false
			}
		}
		return true
	})
}

// leading is the node that leads, or nil.
func leading(nodes ...*testNode) *testNode {
	for _, x := range nodes {
		if x.node != nil && x.node.lead.Load() != nil {
			return x
		}
	}
	return nil
}

func without(nodes []*testNode, gone *testNode) []*testNode {
	var out []*testNode
	for _, x := range nodes {
		if x != gone {
			out = append(out, x)
		}
	}
	return out
}

func TestFormSpreadsEmptySlots(t *testing.T) {
	first := newTestNode(t).mustStart()
	ready(t, first)
	if got := first.slots(); got != ring.Slots {
		t.Fatalf("a lone node is primary of %d slots", got)
	}
	began := time.Now()
	nodes := []*testNode{first}
	for range 2 {
		nodes = append(nodes, newTestNode(t, first.addr()).mustStart())
	}
	ready(t, nodes...)
	wait(t, "slots spread evenly", func() bool {
		for _, x := range nodes {
			if n := x.slots(); n < 5189 || n > 5734 { // 5461 and 5%
				return false
			}
		}
		return true
	})
	t.Logf("slots spread %v after two nodes began to join", time.Since(began))
	settled(t, nodes...)
	wait(t, "every node sees three and a leader", func() bool {
		for _, x := range nodes {
			if v := x.node.View(); len(v.Nodes) != 3 || v.Leader == "" {
				return false
			}
		}
		return true
	})
}

func TestSlotsWithKeysStay(t *testing.T) {
	first := newTestNode(t).mustStart()
	ready(t, first)
	var full []uint16
	for s := range uint16(1000) {
		full = append(full, s)
	}
	first.setKeys(full...)
	second := newTestNode(t, first.addr()).mustStart()
	ready(t, second)
	wait(t, "empty slots moved", func() bool { return second.slots() > 7000 })
	m := first.node.Map()
	self := m.IndexOf(first.node.Self())
	for _, s := range full {
		if m.Slots[s].Primary != self {
			t.Fatalf("slot %d holds keys and moved", s)
		}
	}
	wait(t, "handoffs over", func() bool {
		for i := range first.node.Map().Slots {
			if first.node.Map().Slots[i].Next != ring.None {
				return false
			}
		}
		return true
	})
}

func TestLeaderKilled(t *testing.T) {
	nodes := form(t, 3)
	old := leading(nodes...)
	rest := without(nodes, old)
	gap := watchLeases(rest)
	old.kill()
	took := wait(t, "a new leader", func() bool { return leading(rest...) != nil })
	leased := took + wait(t, "leases of the new leader", func() bool {
		l := leading(rest...)
		return l != nil && rest[0].node.View().Leader == l.node.Self() && rest[1].node.View().Leader == l.node.Self() && rest[0].leased() && rest[1].leased()
	})
	t.Logf("new leader after %v, leases of it after %v, longest time a survivor was without a lease %v", took, leased, gap())
	if took > 3*testTimeout {
		t.Errorf("a new leader took %v", took)
	}
	wait(t, "the dead node counts as down", func() bool {
		for id, v := range rest[0].node.View().Nodes {
			if id != rest[0].node.Self() && id != rest[1].node.Self() && v.State == StateDown {
				return true
			}
		}
		return false
	})
	if err := old.start(); err != nil {
		t.Fatal(err)
	}
	ready(t, old)
	settled(t, nodes...)
}

// watchLeases measures the longest time that any of the nodes is without a lease.
func watchLeases(nodes []*testNode) (longest func() time.Duration) {
	var worst atomic.Int64
	done := make(chan struct{})
	var wg sync.WaitGroup
	for _, x := range nodes {
		n := x.node
		wg.Add(1)
		go func() {
			defer wg.Done()
			tick := time.NewTicker(time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-done:
					return
				case <-tick.C:
					if gap := int64(Mono() - n.LeaseUntil()); gap > worst.Load() {
						worst.Store(gap)
					}
				}
			}
		}()
	}
	return func() time.Duration {
		close(done)
		wg.Wait()
		return time.Duration(worst.Load())
	}
}

func TestMinorityHasNoLease(t *testing.T) {
	nodes := form(t, 3)
	survivor := nodes[0]
	began := time.Now()
	nodes[1].kill()
	nodes[2].kill()
	lost := wait(t, "the last node loses its lease", func() bool { return !survivor.leased() })
	t.Logf("lease lost %v after the cut (from the first kill %v)", lost, time.Since(began))
	if lost > testTimeout+testTimeout/4 {
		t.Errorf("the lease ran for %v after the cut", lost)
	}
	never := time.After(2 * testTimeout)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for done := false; !done; {
		select {
		case <-never:
			done = true
		case <-tick.C:
			if survivor.leased() {
				t.Fatal("a minority has a lease")
			}
		}
	}
	if err := nodes[1].start(); err != nil {
		t.Fatal(err)
	}
	took := wait(t, "leases again with a majority", func() bool { return survivor.leased() && nodes[1].leased() })
	t.Logf("leases %v after the majority was back", took)
}

func TestRestartKeepsIdentity(t *testing.T) {
	nodes := form(t, 3)
	id := nodes[1].node.Self()
	nodes[1].stop()
	wait(t, "the stopped node counts as down", func() bool { return nodes[0].node.View().Nodes[id].State == StateDown })
	nodes[1].mustStart()
	ready(t, nodes[1])
	settled(t, nodes...)
	if got := nodes[1].node.Self(); got != id {
		t.Errorf("the node came back as %s, not %s", got, id)
	}
	wait(t, "a share of the slots", func() bool {
		n := nodes[1].slots()
		return n > 5189 && n < 5734 // 5461 and 5%
	})
}

func TestRestartAtAnotherAddress(t *testing.T) {
	nodes := form(t, 3)
	moved := nodes[2]
	id := moved.node.Self()
	moved.kill()
	moved.port = freePort(t)
	moved.mustStart()
	ready(t, moved)
	took := wait(t, "the map names the new address", func() bool {
		m := nodes[0].node.Map()
		return m.Node(m.IndexOf(id)).Addr == moved.addr()
	})
	t.Logf("new address in the map after %v", took)
	settled(t, nodes...)
}

func TestStopAllAndStart(t *testing.T) {
	nodes := form(t, 3)
	cluster, key := nodes[0].node.Map().ClusterID, nodes[0].node.Map().HashKey
	for _, x := range nodes {
		x.stop()
	}
	var mu sync.Mutex
	formed := map[*testNode][]ring.HashKey{} // what each node was told before it served
	for _, x := range nodes {
		x.join = nil // the peers file is enough
		x.tune = func(cfg *Config) {
			cfg.Formed = func(m *ring.Map) {
				mu.Lock()
				defer mu.Unlock()
				formed[x] = append(formed[x], m.HashKey)
			}
		}
		x.mustStart()
	}
	began := time.Now()
	ready(t, nodes...)
	settled(t, nodes...)
	t.Logf("formed again after %v", time.Since(began))
	if got := nodes[2].node.Map().ClusterID; got != cluster {
		t.Errorf("cluster %s became %s", cluster, got)
	}
	mu.Lock()
	defer mu.Unlock()
	for i, x := range nodes {
		if got := formed[x]; key.IsZero() || len(got) != 1 || got[0] != key || x.node.Map().HashKey != key {
			t.Errorf("node %d was told %d hash keys, or others than the cluster had", i, len(got))
		}
	}
}

func TestClustersNeverMerge(t *testing.T) {
	a, b := newTestNode(t).mustStart(), newTestNode(t).mustStart()
	ready(t, a, b)
	if a.node.Map().HashKey == b.node.Map().HashKey {
		t.Error("two clusters hash alike")
	}
	a.stop()
	a.join = []string{b.addr()}
	err := a.start()
	if err == nil {
		t.Fatal("a node of one cluster started with --join of another")
	}
	t.Log(err)
	if !isOtherCluster(err) {
		t.Fatalf("the error is %v", err)
	}
	a.join = nil
	a.mustStart()
	ready(t, a)
	// a seeks b in the background from now on, as if b had an address that once was a peer's.
	a.node.peers.Lock()
	a.node.peers.bus[b.node.Self()] = addrOf(b.port + BusOffset)
	a.node.peers.Unlock()
	settledAlone := func(x *testNode) bool {
		return len(x.node.Map().Nodes) == 1 && len(x.node.gossip.Load().Members()) == 1
	}
	stay := time.After(2 * testTimeout)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stay:
			return
		case <-tick.C:
			if !settledAlone(a) || !settledAlone(b) {
				t.Fatal("two clusters merged")
			}
		}
	}
}

func TestDirIsLocked(t *testing.T) {
	a := newTestNode(t).mustStart()
	if _, err := OpenDir(a.dir); err == nil || !bytes.Contains([]byte(err.Error()), []byte(a.dir)) {
		t.Fatalf("a second opening answers %v", err)
	}
}

func TestJoinWaitsForTheCluster(t *testing.T) {
	first := newTestNode(t)
	second := newTestNode(t, first.addr()).mustStart()
	select {
	case <-second.node.Ready():
		t.Fatal("a node that is to join founded a cluster")
	case <-time.After(testTimeout / 2):
	}
	first.mustStart()
	ready(t, first, second)
	settled(t, first, second)
}

func TestFiveNodes(t *testing.T) {
	nodes := form(t, 5)
	old := leading(nodes...)
	old.kill()
	rest := without(nodes, old)
	took := wait(t, "a new leader", func() bool { return leading(rest...) != nil })
	t.Logf("new leader of five after %v", took)
	wait(t, "leases", func() bool {
		for _, x := range rest {
			if !x.leased() {
				return false
			}
		}
		return true
	})
}

func isOtherCluster(err error) bool { return errors.Is(err, ErrOtherCluster) }
