package clustertest

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

func TestLoneNode(t *testing.T) {
	n := NewNode(t)
	n.Start()
	ctx := context.Background()
	c := n.Client()
	Eventually(t, readyTimeout, "a lone node to serve", func() bool { return c.Set(ctx, "a", "1", 0).Err() == nil })
	id := c.Do(ctx, "CLUSTER", "MYID").Val()
	n.Stop()
	n.Start()
	Eventually(t, readyTimeout, "it to serve again", func() bool { return c.Set(ctx, "a", "1", 0).Err() == nil })
	if again := c.Do(ctx, "CLUSTER", "MYID").Val(); again != id {
		t.Fatalf("id %v after a restart, %v before", again, id)
	}
}

// TestRestart: a node comes back with its id, also on another address, and serves its slots again; then all stop and start.
func TestRestart(t *testing.T) {
	c := Start(t, Options{})
	ctx := context.Background()
	before := ids(t, c)

	c.Nodes[2].Stop()
	c.WaitStatus(c.Nodes[0], "the stopped node to be seen", func(st *Status) bool { return stateOf(st, c.Nodes[2]) == "down" })
	c.Nodes[2].Port = FreePort(t)
	c.Nodes[2].Start()
	c.WaitReady()
	if after := ids(t, c); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Fatalf("ids %v after a restart on another address, %v before", after, before)
	}
	writeThroughAll(ctx, t, c, "moved")

	c.StopAll()
	for _, n := range c.Nodes {
		n.Start()
	}
	c.WaitReady()
	if after := ids(t, c); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Fatalf("ids %v after all restarted, %v before", after, before)
	}
	writeThroughAll(ctx, t, c, "again")
}

func ids(t *testing.T, c *Cluster) (out []string) {
	t.Helper()
	for _, n := range c.Nodes {
		id, err := n.Client().Do(context.Background(), "CLUSTER", "MYID").Text()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, id)
	}
	return out
}

// writeThroughAll writes through each node and reads through the next.
func writeThroughAll(ctx context.Context, t *testing.T, c *Cluster, prefix string) {
	t.Helper()
	clients := make([]*redis.Client, len(c.Nodes))
	for i, n := range c.Nodes {
		clients[i] = n.Client()
	}
	for i := range 60 {
		key := prefix + strconv.Itoa(i)
		if err := clients[i%len(clients)].Set(ctx, key, i, 0).Err(); err != nil {
			t.Fatal(err)
		}
		if got, err := clients[(i+1)%len(clients)].Get(ctx, key).Int(); got != i || err != nil {
			t.Fatalf("%s: %d, %v", key, got, err)
		}
	}
}

// TestMinority: of three nodes two are gone; the third serves nothing and says so.
func TestMinority(t *testing.T) {
	c := Start(t, Options{})
	ctx := context.Background()
	cl := c.Nodes[0].Client()
	hold := cl.ConfigGet(ctx, "hold").Val()["hold"]
	if err := cl.ConfigSet(ctx, "hold", "500ms").Err(); err != nil {
		t.Fatal(err)
	}
	c.Nodes[1].Kill()
	c.Nodes[2].Kill()
	Eventually(t, readyTimeout, "CLUSTERDOWN for every key", func() bool {
		var failures atomic.Int32
		var wg sync.WaitGroup
		for i := range 30 {
			wg.Go(func() {
				if err := cl.Get(ctx, "k"+strconv.Itoa(i)).Err(); err != nil && strings.HasPrefix(err.Error(), "CLUSTERDOWN") {
					failures.Add(1)
				}
			})
		}
		wg.Wait()
		return failures.Load() == 30
	})
	if err := cl.Set(ctx, "x", 1, 0).Err(); err == nil || !strings.HasPrefix(err.Error(), "CLUSTERDOWN") {
		t.Fatalf("a write on the minority side: %v", err)
	}
	if info, err := cl.ClusterInfo(ctx).Result(); !strings.Contains(info, "cluster_state:fail") {
		t.Fatalf("CLUSTER INFO says %q, %v", info, err)
	}
	if err := cl.Ping(ctx).Err(); err != nil {
		t.Fatalf("PING: %v", err)
	}
	if err := cl.ConfigSet(ctx, "hold", hold).Err(); err != nil {
		t.Fatal(err)
	}
	c.Nodes[1].Start()
	c.Nodes[2].Start()
	c.WaitReady()
	writeThroughAll(ctx, t, c, "back")
}

// stateOf is what a status says of a node.
func stateOf(st *Status, n *Node) string {
	for _, m := range st.Nodes {
		if m.Addr == n.Addr() {
			return m.State
		}
	}
	return ""
}

// TestReplicaTakesOver: a node hangs, and then dies, while requests are on their way to it. What was acknowledged is there; requests that wait are
// answered by the replicas; the node comes back as a replica, with everything.
func TestReplicaTakesOver(t *testing.T) {
	c := Start(t, Options{})
	ctx := context.Background()
	cl := c.Nodes[0].Client(func(o *redis.Options) { o.ReadTimeout = time.Minute })
	victim := c.Nodes[2]
	key := ownedBy(t, c, victim)
	if err := cl.Set(ctx, key, "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		if err := cl.Set(ctx, "other:"+strconv.Itoa(i), i, 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	victim.Signal(syscall.SIGSTOP)
	Eventually(t, readyTimeout, "the node to be stopped", func() bool { return isStopped(victim.PID()) })
	began := time.Now()
	if got, err := cl.Get(ctx, key).Result(); got != "v" || err != nil {
		t.Fatalf("the read in flight: %q, %v", got, err)
	}
	t.Logf("answered after %v", time.Since(began))
	if err := cl.Set(ctx, key, "w", 0).Err(); err != nil {
		t.Fatal(err)
	}
	check := func(through *Node) {
		t.Helper()
		cl := through.Client()
		if got, err := cl.Get(ctx, key).Result(); got != "w" || err != nil {
			t.Fatalf("%q, %v", got, err)
		}
		for i := range 300 {
			if got, err := cl.Get(ctx, "other:"+strconv.Itoa(i)).Int(); got != i || err != nil {
				t.Fatalf("other:%d is %d, %v", i, got, err)
			}
		}
	}
	check(c.Nodes[1])
	victim.Signal(syscall.SIGCONT) // it was deposed meanwhile, and must not answer by what it has
	check(victim)
	c.WaitWhole()
	victim.Kill()
	check(c.Nodes[1])
	victim.Start()
	c.WaitWhole()
	check(victim)
	// Now the others die, one after the other: each slot's copies move on.
	for _, n := range c.Nodes[:2] {
		n.Kill()
		check(victim)
		n.Start()
		c.WaitWhole()
	}
}

// TestPeerDies: a node without replicas dies while requests are on their way to it. They are held and answered when it is back, with nothing of
// what it had.
func TestPeerDies(t *testing.T) {
	c := Start(t, Options{Args: []string{"--hold", "20s", "--replicas", "0"}})
	ctx := context.Background()
	cl := c.Nodes[0].Client(func(o *redis.Options) { o.ReadTimeout = time.Minute })
	victim := c.Nodes[2]
	key := ownedBy(t, c, victim)
	if err := cl.Set(ctx, key, "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	victim.Signal(syscall.SIGSTOP) // what is sent now stays in flight
	Eventually(t, readyTimeout, "the node to be stopped", func() bool { return isStopped(victim.PID()) })
	read, write := make(chan error, 1), make(chan error, 1)
	go func() {
		got, err := cl.Get(ctx, key).Result()
		if err == nil && got != "w" { // the write may have come before
			err = fmt.Errorf("it read %q", got)
		}
		read <- err
	}()
	go func() { write <- cl.Set(ctx, key, "w", 0).Err() }()
	victim.Kill()
	victim.Start()
	if err := <-write; err != nil {
		t.Fatalf("the write in flight: %v", err)
	}
	if err := <-read; err != redis.Nil && err != nil {
		t.Fatalf("the read in flight: %v; it should have been answered by the node that came back empty", err)
	}
	// A request that comes while the node is away is held as well.
	victim.Kill()
	c.WaitStatus(c.Nodes[0], "the node to be down", func(st *Status) bool { return st.Slots.Unserved > 0 })
	go func() { write <- cl.Set(ctx, key, "x", 0).Err() }()
	info := c.Nodes[0].Client(func(*redis.Options) {})
	Eventually(t, readyTimeout, "the write to be held", func() bool {
		return strings.Contains(info.Info(ctx, "clients").Val(), "held_requests:1")
	})
	victim.Start()
	if err := <-write; err != nil {
		t.Fatalf("a write sent while the owner was away: %v", err)
	}
}

// isStopped reports whether a process has been stopped by a signal, which takes effect a moment after it was sent. Where the
// system does not tell, it says yes.
func isStopped(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(stat), ") T ")
}

// ownedBy finds a key whose primary is n.
func ownedBy(t *testing.T, c *Cluster, n *Node) string {
	t.Helper()
	ctx := context.Background()
	cl := c.Nodes[0].Client()
	slots, err := cl.ClusterSlots(ctx).Result() //nolint:staticcheck // what older clients ask is what is tested
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10_000 {
		key := "owned:" + strconv.Itoa(i)
		slot := int(cl.ClusterKeySlot(ctx, key).Val())
		for _, s := range slots {
			if slot >= s.Start && slot <= s.End && s.Nodes[0].Addr == n.Addr() {
				return key
			}
		}
	}
	t.Fatalf("no key for %s", n.Addr())
	return ""
}

// TestTwoClustersNeverMerge: a node with the state of one cluster refuses to join another.
func TestTwoClustersNeverMerge(t *testing.T) {
	a := Start(t, Options{Nodes: 1})
	b := Start(t, Options{Nodes: 1})
	n := b.Nodes[0]
	n.Stop()
	n.SetArgs("--join", a.Nodes[0].Addr())
	n.Start()
	Eventually(t, readyTimeout, "a clear refusal", func() bool { return strings.Contains(n.Log(), "the process has ended") })
	if !strings.Contains(n.Log(), "cluster") {
		t.Fatalf("no clear refusal in its log:\n%s", n.Log())
	}
	a.WaitReady() // still one node
}

// TestStranger: who does not know the secret, or talks nonsense, is refused on the bus, with a line in the log.
func TestStranger(t *testing.T) {
	c := Start(t, Options{Nodes: 2, Args: []string{"--cluster-secret", "the right one"}})
	stranger := NewNode(t, "--join", c.Nodes[0].Addr(), "--cluster-secret", "another")
	stranger.Start()
	Eventually(t, readyTimeout, "the refusal in the member's log", func() bool { return strings.Contains(c.Nodes[0].Log(), "refused") })
	stranger.Kill()

	nc, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(c.Nodes[1].Port+10000)))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	fmt.Fprint(nc, "GET / HTTP/1.1\r\n\r\n")
	nc.SetReadDeadline(time.Now().Add(readyTimeout))
	buf := make([]byte, 1024)
	for {
		if _, err = nc.Read(buf); err != nil {
			break
		}
	}
	if ne, ok := err.(net.Error); ok && ne.Timeout() {
		t.Fatal("the bus keeps a connection that talks nonsense")
	}
	Eventually(t, readyTimeout, "a log line about it", func() bool { return strings.Contains(c.Nodes[1].Log(), "refused") })
	c.WaitReady()
}
