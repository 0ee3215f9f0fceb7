package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ringcache/internal/config"
)

// fakeNode in the environment makes this test binary a node: it knows CLUSTER STATUS, and counts the nodes that join it.
// Its value says how the node behaves: "good", "die" (the second ends at once), "deaf" (SIGTERM is not heard).
const fakeNode = "RINGCACHE_TEST_FAKE_NODE"

func TestMain(m *testing.M) {
	if how := os.Getenv(fakeNode); how != "" && len(os.Args) > 1 && strings.HasPrefix(os.Args[1], "--") && !strings.HasPrefix(os.Args[1], "--test") {
		os.Exit(serveFake(how))
	}
	goleak.VerifyTestMain(m)
}

func serveFake(how string) int {
	cfg, _, err := config.Parse(os.Args[1:], "", "", io.Discard)
	if err != nil {
		fmt.Println(err)
		return exitUsage
	}
	state := filepath.Join(cfg.Dir, "state")
	_, had := os.Stat(state)
	fmt.Printf("node %d, weight %d, join %q, state %v\n", cfg.Port, cfg.Weight, cfg.Join, had == nil)
	if how == "die" && len(cfg.Join) > 0 {
		fmt.Print("cannot go on")
		return exitFailed
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	if err := os.WriteFile(state, nil, 0o600); err != nil {
		fmt.Println(err)
		return exitFailed
	}
	l, err := net.Listen("tcp", cfg.ListenAddrs()[0])
	if err != nil {
		fmt.Println(err)
		return exitFailed
	}
	var nodes atomic.Int32
	nodes.Add(1)
	if had == nil {
		nodes.Store(3)
	}
	if len(cfg.Join) > 0 {
		c, err := net.Dial("tcp", cfg.Join[0])
		if err != nil {
			fmt.Println(err)
			return exitFailed
		}
		fmt.Fprint(c, "JOIN\n")
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go answerFake(c, &nodes)
		}
	}()
	for range term {
		if how != "deaf" {
			fmt.Println("bye")
			return exitDone
		}
	}
	return exitDone
}

func answerFake(c net.Conn, nodes *atomic.Int32) {
	lines := bufio.NewScanner(c)
	for lines.Scan() {
		switch lines.Text() {
		case "JOIN":
			nodes.Add(1)
		case "STATUS":
			list := strings.TrimSuffix(strings.Repeat(`{"state":"up"},`, int(nodes.Load())), ",")
			body := `{"epoch":1,"leader":"x","slots":{"assigned":16384},"nodes":[` + list + `]}`
			fmt.Fprintf(c, "$%d\r\n%s\r\n", len(body), body)
		}
	}
}

// output is a writer that can be read while it is written.
type output struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

// Write appends p.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

// String is what was written so far.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// wait waits until text has been written.
func (o *output) wait(t *testing.T, text string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !strings.Contains(o.String(), text) {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%q was not written; only:\n%s", text, o.String())
		}
	}
}

// freePorts is a port from which on n are free, and n that are 10000 above. All are below those that systems give to
// outgoing connections (from 32768), which could take one at any moment.
func freePorts(t *testing.T, n int) int {
	t.Helper()
	for base := 20000 + os.Getpid()%2000; base < 22700; base += n {
		free := true
		for p := range n {
			for _, port := range []int{base + p, base + p + config.BusPortOffset} {
				free = free && addrFree("127.0.0.1:"+strconv.Itoa(port))
			}
		}
		if free {
			return base
		}
	}
	t.Fatal("no free ports")
	return 0
}

// cluster is a run of `cached local` in a test.
type cluster struct {
	port           int
	stdout, stderr output
	interrupt      context.CancelFunc
	code           chan int
}

// startLocal runs `cached local` with fake nodes.
func startLocal(t *testing.T, how string, port int, args ...string) *cluster {
	t.Helper()
	t.Setenv(fakeNode, how)
	c := &cluster{port: port, code: make(chan int, 1)}
	cfg, done, err := parseLocal(append([]string{"--port", strconv.Itoa(port)}, args...), &c.stdout)
	if err != nil || done {
		t.Fatalf("%v, done %v", err, done)
	}
	if how == "deaf" {
		cfg.stopTime = 50 * time.Millisecond
	}
	var ctx context.Context
	ctx, c.interrupt = context.WithCancel(t.Context())
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		c.code <- runLocal(ctx, cfg, &c.stdout, &c.stderr)
	}()
	t.Cleanup(func() {
		c.interrupt()
		<-finished
	})
	return c
}

// ends waits for the end.
func (c *cluster) ends(t *testing.T, want int) {
	t.Helper()
	select {
	case code := <-c.code:
		if code != want {
			t.Errorf("exit %d, want %d:\n%s", code, want, c.stderr.String())
		}
	case <-time.After(20 * time.Second):
		t.Fatalf("it does not end:\n%s", c.stderr.String())
	}
}

func TestLocal(t *testing.T) {
	c := startLocal(t, "good", freePorts(t, 3), "--", "--weight", "7")
	c.stdout.wait(t, "ringcache is ready: 3 nodes")
	first := c.port
	for _, want := range []string{
		fmt.Sprintf("%d | node %d, weight 7, join \"\", state false", first, first),
		fmt.Sprintf("%d | node %d, weight 7, join \"127.0.0.1:%d\", state false", first+1, first+1, first),
		fmt.Sprintf("%d | node %d, weight 7, join \"127.0.0.1:%d\", state false", first+2, first+2, first),
	} {
		c.stderr.wait(t, want)
	}
	_, after, _ := strings.Cut(c.stdout.String(), "The nodes' data is in ")
	dir, _, _ := strings.Cut(after, ",")
	if _, err := os.Stat(filepath.Join(dir, fmt.Sprintf("node-%d", first), "state")); err != nil {
		t.Errorf("the data is not where it is said to be: %v", err)
	}
	c.interrupt()
	c.ends(t, exitDone)
	if n := strings.Count(c.stderr.String(), "| bye\n"); n != 3 {
		t.Errorf("%d nodes ended by themselves:\n%s", n, c.stderr.String())
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the temporary directory is left: %v", err)
	}
}

func TestLocalKeepsState(t *testing.T) {
	dir, port := t.TempDir(), freePorts(t, 4)
	c := startLocal(t, "good", port, "--dir", dir)
	c.stdout.wait(t, "kept in "+dir)
	c.interrupt()
	c.ends(t, exitDone)

	c = startLocal(t, "good", port, "--dir", dir, "--nodes", "4")
	c.stdout.wait(t, "ringcache is ready: 4 nodes")
	c.stderr.wait(t, fmt.Sprintf("node %d, weight 1, join \"127.0.0.1:%d 127.0.0.1:%d 127.0.0.1:%d\", state false", port+3, port, port+1, port+2))
	if n := strings.Count(c.stderr.String(), "join \"\", state true"); n != 3 {
		t.Errorf("%d nodes started with their state:\n%s", n, c.stderr.String())
	}
	c.interrupt()
	c.ends(t, exitDone)
}

func TestLocalNodeDiesAtStart(t *testing.T) {
	c := startLocal(t, "die", freePorts(t, 3))
	c.ends(t, exitFailed)
	want := "cached: node %d ended: exit status 1; its last lines: node %d, weight 1, join \"127.0.0.1:%d\", state false / cannot go on"
	text := c.stderr.String()
	if !strings.Contains(text, fmt.Sprintf(want, c.port+1, c.port+1, c.port)) && !strings.Contains(text, fmt.Sprintf(want, c.port+2, c.port+2, c.port)) {
		t.Errorf("the death is not reported:\n%s", text)
	}
}

func TestLocalNodeDiesLater(t *testing.T) {
	c := startLocal(t, "good", freePorts(t, 2), "--nodes", "2", "--", "--requirepass=")
	c.stdout.wait(t, "ringcache is ready: 2 nodes")
	stopFake(t, c.port+1)
	c.stderr.wait(t, fmt.Sprintf("local | node %d ended; its last lines:", c.port+1))
	if conn, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(c.port)); err != nil {
		t.Errorf("the other node is gone as well: %v", err)
	} else {
		conn.Close()
	}
	stopFake(t, c.port)
	c.ends(t, exitFailed)
	c.stderr.wait(t, "cached: no node is left")
}

// stopFake ends the child of this process that has the port on its command line.
func stopFake(t *testing.T, port int) {
	t.Helper()
	lists, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil || len(lists) == 0 {
		t.Skip("the system does not list processes in /proc")
	}
	for _, file := range lists {
		line, err := os.ReadFile(file)
		if err != nil || !slices.Contains(strings.Split(string(line), "\x00"), "--port="+strconv.Itoa(port)) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err == nil {
			err = syscall.Kill(pid, syscall.SIGTERM)
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatalf("no node with port %d runs", port)
}

func TestLocalKillsTheDeaf(t *testing.T) {
	c := startLocal(t, "deaf", freePorts(t, 2), "--nodes", "2")
	c.stdout.wait(t, "ringcache is ready")
	c.interrupt()
	c.ends(t, exitDone)
	if n := strings.Count(c.stderr.String(), "did not end in 50ms and was killed"); n != 2 {
		t.Errorf("%d nodes were killed:\n%s", n, c.stderr.String())
	}
}

func TestLocalPortTaken(t *testing.T) {
	port := freePorts(t, 3)
	for _, taken := range []int{port + 1, port + 2 + config.BusPortOffset} {
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(taken))
		if err != nil {
			t.Fatal(err)
		}
		c := startLocal(t, "good", port)
		c.ends(t, exitFailed)
		want := fmt.Sprintf("cached: in use: 127.0.0.1:%d; choose others with --port, or stop what listens there\n", taken)
		if got := c.stderr.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		l.Close()
	}
}

func TestUsage(t *testing.T) {
	for args, want := range map[string]string{
		"local --nodes 0":               "cached: --nodes: 1 to 100 (cached local -h shows how)\n",
		"local --nosuch":                "cached: unknown flag --nosuch (cached local -h shows how)\n",
		"local -- --nosuch":             "cached: node 7000: unknown flag --nosuch\n",
		"local -- --join a:1":           "cached: --join is not for nodes of a local cluster: they join each other\n",
		"local -- -h":                   "cached: flags after -- are for nodes: for their help, cached -h\n",
		"local --port 55535":            "cached: node 55536: --port: argument must be between 1 and 55535 inclusive\n",
		"--port x":                      "cached: --port: argument couldn't be parsed into an integer (cached -h shows how)\n",
		"--bind 0.0.0.0 --port=7000":    "cached: --bind 0.0.0.0 lets other machines reach this node: set --cluster-secret, or --protected-mode no (cached -h shows how)\n",
		"locale":                        "cached: unexpected argument locale (cached -h shows how)\n",
		"--config /no/such/file --port": "cached: --port: needs a value (cached -h shows how)\n",
	} {
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), strings.Fields(args), &stdout, &stderr); code != exitUsage || stderr.String() != want || stdout.Len() > 0 {
			t.Errorf("%s: exit %d, %q, want %q", args, code, stderr.String(), want)
		}
	}
	for args, want := range map[string]string{"-h": "cached local", "local -h": "--nodes", "--version": "cached dev"} {
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), strings.Fields(args), &stdout, &stderr); code != exitDone || !strings.Contains(stdout.String(), want) || stderr.Len() > 0 {
			t.Errorf("%s: exit %d, %q %q", args, code, stdout.String(), stderr.String())
		}
	}
}

func TestLogger(t *testing.T) {
	cfg := config.Default()
	var out bytes.Buffer
	newLogger(cfg, &out).Info("hello")
	cfg.LogFormat = "json"
	newLogger(cfg, &out).Info("hello")
	if s := out.String(); !strings.Contains(s, "msg=hello") || !strings.Contains(s, `"msg":"hello"`) {
		t.Error(s)
	}
}
