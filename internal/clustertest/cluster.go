// Package clustertest runs clusters of real cached processes inside a test: started on free loopback ports, killed, stopped,
// hung, restarted, and always gone when the test ends.
package clustertest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Bounds of every wait in this package.
const (
	readyTimeout = 60 * time.Second      // until a cluster serves; generous: a test machine may be busy
	stopTimeout  = 15 * time.Second      // until a process that was asked to stop is killed
	pollEvery    = 20 * time.Millisecond // between two looks at a condition
	hold         = "30s"                 // of every node: a machine that stalls for seconds makes no error of one
	keptLog      = 256 << 10             // bytes of a node's log kept for a failing test
)

// Options say what cluster to start.
type Options struct {
	Nodes int      // 3 if 0
	Args  []string // further flags of every node
}

// Cluster is a set of nodes of one cluster.
type Cluster struct {
	t     testing.TB
	Nodes []*Node
}

// Node is one cached process.
type Node struct {
	t      testing.TB
	Port   int
	Dir    string
	host   string
	launch []string // what runs the program: nothing, or a command that puts it into a network of its own
	args   []string

	mu   sync.Mutex // guards what follows
	cmd  *exec.Cmd
	done chan struct{} // closed once the process has been reaped
	log  tail
}

// Start starts a cluster and waits until every node is up, all slots are served and they are spread over the nodes.
func Start(t testing.TB, opt Options) *Cluster {
	t.Helper()
	if opt.Nodes == 0 {
		opt.Nodes = 3
	}
	c := &Cluster{t: t}
	for range opt.Nodes {
		c.Add(opt.Args...)
	}
	c.WaitReady()
	return c
}

// Add starts one more node, which joins the first one. It does not wait.
func (c *Cluster) Add(args ...string) *Node {
	c.t.Helper()
	if len(c.Nodes) > 0 {
		args = append([]string{"--join", c.Nodes[0].Addr()}, args...)
	}
	n := NewNode(c.t, args...)
	c.Nodes = append(c.Nodes, n)
	n.Start()
	return n
}

// NewNode prepares a node with a free port and a directory of its own; Start runs it. It is killed when the test ends.
func NewNode(t testing.TB, args ...string) *Node {
	t.Helper()
	return prepare(t, &Node{t: t, Port: FreePort(t), Dir: filepath.Join(t.TempDir(), "node"), host: "127.0.0.1", args: args})
}

func prepare(t testing.TB, n *Node) *Node {
	t.Helper()
	t.Cleanup(func() {
		n.Kill()
		if t.Failed() {
			t.Logf("log of the node at %s:\n%s", n.Addr(), n.Log())
		}
	})
	return n
}

// Addr is the node's client address.
func (n *Node) Addr() string { return net.JoinHostPort(n.host, strconv.Itoa(n.Port)) }

// SetArgs replaces the flags for the next start.
func (n *Node) SetArgs(args ...string) { n.args = args }

// Start runs the process; further flags count for this run only.
func (n *Node) Start(extra ...string) {
	n.t.Helper()
	args := slices.Concat(n.launch, []string{Binary(n.t), "--port", strconv.Itoa(n.Port), "--dir", n.Dir, "--hold", hold}, n.args, extra)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.SysProcAttr = sysProcAttr()
	cmd.Env = append(os.Environ(), "GORACE=halt_on_error=1")
	n.mu.Lock()
	defer n.mu.Unlock()
	cmd.Stdout, cmd.Stderr = &n.log, &n.log
	if err := cmd.Start(); err != nil {
		n.t.Fatalf("start a node: %v", err)
	}
	done := make(chan struct{})
	n.cmd, n.done = cmd, done
	go func() {
		defer close(done)
		err := cmd.Wait()
		fmt.Fprintf(&n.log, "-- the process has ended: %v\n", err)
	}()
}

// Log is the end of what the process has written.
func (n *Node) Log() string { return n.log.String() }

// PID is the process id of the last start.
func (n *Node) PID() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cmd.Process.Pid
}

// Signal sends a signal to the process, if it runs.
func (n *Node) Signal(sig os.Signal) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd == nil {
		return
	}
	if err := n.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		n.t.Errorf("signal %v: %v", sig, err)
	}
}

// Kill ends the process at once (SIGKILL) and waits for it.
func (n *Node) Kill() {
	n.Signal(syscall.SIGKILL)
	n.wait()
}

// Stop asks the process to stop (SIGTERM), once, and waits for it: a second signal would end it at once.
func (n *Node) Stop() {
	n.t.Helper()
	n.Signal(syscall.SIGTERM)
	n.awaitStop()
}

// StopAll asks all nodes at once, and waits for them.
func (c *Cluster) StopAll() {
	c.t.Helper()
	for _, n := range c.Nodes {
		n.Signal(syscall.SIGTERM)
	}
	for _, n := range c.Nodes {
		n.awaitStop()
	}
}

// awaitStop waits until the process has ended by itself, with status 0.
func (n *Node) awaitStop() {
	n.t.Helper()
	n.mu.Lock()
	cmd, done := n.cmd, n.done
	n.mu.Unlock()
	select {
	case <-done:
		if code := cmd.ProcessState.ExitCode(); code != 0 {
			n.t.Errorf("the node on port %d ended with status %d", n.Port, code)
		}
	case <-time.After(stopTimeout):
		n.t.Errorf("the node on port %d did not stop in %v", n.Port, stopTimeout)
		n.Kill()
	}
}

// running reports whether the process runs.
func (n *Node) running() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	select {
	case <-n.done:
		return false
	default:
		return n.cmd != nil
	}
}

func (n *Node) wait() {
	n.mu.Lock()
	done := n.done
	n.mu.Unlock()
	if done != nil {
		<-done
	}
}

// Client is a client of this node, closed when the test ends.
func (n *Node) Client(opt ...func(*redis.Options)) *redis.Client {
	o := &redis.Options{Addr: n.Addr(), MaxRetries: -1, ReadTimeout: 20 * time.Second}
	for _, f := range opt {
		f(o)
	}
	c := redis.NewClient(o)
	n.t.Cleanup(func() { c.Close() })
	return c
}

// Status is what CLUSTER STATUS answers.
type Status struct {
	Epoch  uint64
	Leader string
	Slots  struct {
		Assigned, Unserved, Migrating int
		UnderReplicated               int `json:"under_replicated"`
	}
	Nodes []NodeStatus
}

// NodeStatus is one node of a Status.
type NodeStatus struct {
	ID, Addr, State string
	PID             int
	Leader          bool
	PrimarySlots    int   `json:"primary_slots"`
	ReplicaSlots    int   `json:"replica_slots"`
	Keys            int64 `json:"keys"`
}

// Status asks the node for its view of the cluster.
func (n *Node) Status(ctx context.Context) (*Status, error) {
	c := redis.NewClient(&redis.Options{Addr: n.Addr(), MaxRetries: -1, DialTimeout: time.Second, ReadTimeout: 2 * time.Second, Password: n.password()})
	defer c.Close()
	text, err := c.Do(ctx, "CLUSTER", "STATUS").Text()
	if err != nil {
		return nil, err
	}
	st := new(Status)
	return st, json.Unmarshal([]byte(text), st)
}

// password finds the --requirepass among the node's flags.
func (n *Node) password() string {
	for i, a := range n.args {
		if a == "--requirepass" && i+1 < len(n.args) {
			return n.args[i+1]
		}
		if p, ok := strings.CutPrefix(a, "--requirepass="); ok {
			return p
		}
	}
	return ""
}

// WaitReady waits until every node sees all nodes up, all slots served, nothing moving and no node without its share.
func (c *Cluster) WaitReady() {
	c.t.Helper()
	for _, n := range c.Nodes {
		c.WaitStatus(n, "the cluster to be ready", func(st *Status) bool {
			if len(st.Nodes) != len(c.Nodes) || st.Slots.Assigned != 16384 || st.Slots.Unserved+st.Slots.Migrating+st.Slots.UnderReplicated > 0 {
				return false
			}
			for _, m := range st.Nodes {
				if m.State != "up" || m.PrimarySlots < 16384/len(c.Nodes)/2 {
					return false
				}
			}
			return true
		})
	}
}

// WaitWhole waits until every node is up, and every slot served and fully replicated, wherever.
func (c *Cluster) WaitWhole() {
	c.t.Helper()
	for _, n := range c.Nodes {
		c.WaitStatus(n, "the cluster to be whole", func(st *Status) bool { return whole(st, len(c.Nodes)) })
	}
}

// whole reports whether so many nodes are up, and every slot is served and fully replicated.
func whole(st *Status, nodes int) bool {
	if len(st.Nodes) != nodes || st.Slots.Assigned != 16384 || st.Slots.Unserved+st.Slots.Migrating+st.Slots.UnderReplicated > 0 {
		return false
	}
	return !slices.ContainsFunc(st.Nodes, func(m NodeStatus) bool { return m.State != "up" })
}

// WaitStatus waits until the node's status fits.
func (c *Cluster) WaitStatus(n *Node, what string, fits func(*Status) bool) *Status {
	c.t.Helper()
	var last *Status
	var lastErr error
	ok := poll(readyTimeout, func() bool {
		st, err := n.Status(context.Background())
		if err != nil {
			lastErr = err
			return false
		}
		last = st
		return fits(st)
	})
	if !ok {
		text, _ := json.Marshal(last)
		c.t.Fatalf("waited %v for %s at %s; last status %s, last error %v", readyTimeout, what, n.Addr(), text, lastErr)
	}
	return last
}

// Eventually waits until ok holds, and fails the test when that takes longer than timeout.
func Eventually(t testing.TB, timeout time.Duration, what string, ok func() bool) {
	t.Helper()
	if !poll(timeout, ok) {
		t.Fatalf("waited %v for %s", timeout, what)
	}
}

func poll(timeout time.Duration, ok func() bool) bool {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for end := time.Now().Add(timeout); ; <-tick.C {
		if ok() {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}

// tail keeps the end of what is written to it.
type tail struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

var _ io.Writer = (*tail)(nil)

func (w *tail) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if over := w.buf.Len() + len(p) - keptLog; over > 0 {
		w.buf.Next(over)
	}
	return w.buf.Write(p)
}

func (w *tail) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.String()
}
