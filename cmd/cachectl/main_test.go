package main

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "write the golden files of testdata anew")

// node is a server that answers each command (its words joined by blanks) with a fixed reply, or with one reply after the
// other, the last for ever.
type node struct {
	addr    string
	mu      sync.Mutex // guards replies
	replies map[string][]string
}

func startNode(t *testing.T, replies map[string][]string) *node {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &node{addr: l.Addr().String(), replies: replies}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { n.serve(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		serving.Wait()
	})
	return n
}

func (n *node) serve(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	for {
		args, err := readRequest(r)
		if err != nil {
			return
		}
		if _, err := io.WriteString(c, n.reply(strings.Join(args, " "))); err != nil {
			return
		}
	}
}

func (n *node) reply(command string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := n.replies[command]
	switch len(list) {
	case 0:
		return "-ERR unknown command\r\n"
	case 1:
	default:
		n.replies[command] = list[1:]
	}
	return list[0]
}

func readRequest(r *bufio.Reader) (args []string, err error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	count, err := strconv.Atoi(strings.Trim(line, "*\r\n"))
	if err != nil {
		return nil, err
	}
	for range count {
		if line, err = r.ReadString('\n'); err != nil {
			return nil, err
		}
		size, err := strconv.Atoi(strings.Trim(line, "$\r\n"))
		if err != nil {
			return nil, err
		}
		body := make([]byte, size+2)
		if _, err := io.ReadFull(r, body); err != nil {
			return nil, err
		}
		args = append(args, string(body[:size]))
	}
	return args, nil
}

func bulk(s string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(s), s) }

var (
	idA, idB, idC = strings.Repeat("a", 40), strings.Repeat("b", 40), strings.Repeat("c", 40)

	statusReady = bulk(fmt.Sprintf(`{"epoch":7,"leader":"%s","slots":{"assigned":16384,"unserved":0,"under_replicated":0,"migrating":0},
"nodes":[{"id":"%s","addr":"127.0.0.1:7000","state":"up","pid":11,"leader":true,"weight":1,"zone":"","primary_slots":8190,"replica_slots":8194,
"keys":1000,"memory_bytes":1572864,"ops_per_sec":12.5,"later":1},
{"id":"%s","addr":"127.0.0.1:7001","state":"up","pid":12,"leader":false,"weight":2,"zone":"east","primary_slots":8194,"replica_slots":8190,
"keys":0,"memory_bytes":512,"ops_per_sec":0}]}`, idA, idA, idB))
	statusStarting = bulk(fmt.Sprintf(`{"epoch":3,"leader":"","slots":{"assigned":16384,"unserved":5,"under_replicated":9000,"migrating":3},
"nodes":[{"id":"%s","addr":"127.0.0.1:7000","state":"up"},{"id":"%s","addr":"127.0.0.1:7001","state":"down"}]}`, idA, idB))

	// primaryOf is the cluster while the second node is primary of n slots, and others are on their way.
	primaryOf = func(n, epoch, migrating int) string {
		return bulk(fmt.Sprintf(`{"epoch":%d,"leader":"%s","slots":{"assigned":16384,"migrating":%d},"nodes":[{"id":"%s","addr":"127.0.0.1:7000",
"state":"up","primary_slots":%d},{"id":"%s","addr":"127.0.0.1:7001","state":"draining","primary_slots":%d}]}`, epoch, idA, migrating, idA, 16384-n, idB, n))
	}

	slotNode = func(port int, id string) string {
		return fmt.Sprintf("*4\r\n%s:%d\r\n%s*0\r\n", bulk("127.0.0.1"), port, bulk(id))
	}
	slotsReply = "*2\r\n*4\r\n:0\r\n:99\r\n" + slotNode(7000, idA) + slotNode(7001, idB) + "*3\r\n:100\r\n:16383\r\n" + slotNode(7002, idC)
)

// call runs cachectl and answers all that it printed, and its exit code.
func call(t *testing.T, tty bool, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), args, &stdout, &stderr, tty)
	return fmt.Sprintf("%s--- stderr\n%s--- exit %d\n", stdout.String(), stderr.String(), code)
}

func TestGolden(t *testing.T) {
	good := startNode(t, map[string][]string{"CLUSTER STATUS": {statusReady}, "CLUSTER SLOTS": {slotsReply}})
	starting := startNode(t, map[string][]string{"CLUSTER STATUS": {statusStarting}})
	odd := startNode(t, map[string][]string{"CLUSTER STATUS": {bulk("{")}, "CLUSTER SLOTS": {":1\r\n"}})
	closed := startNode(t, nil)
	taking := func() *node { // slots of the second node go, in three steps
		return startNode(t, map[string][]string{
			"CLUSTER STATUS":          {statusReady, primaryOf(8194, 8, 8194), primaryOf(4000, 9, 4000), primaryOf(0, 10, 0)},
			"CLUSTER HANDOVER " + idB: {"*2\r\n:8194\r\n:0\r\n"},
			"CLUSTER DRAIN " + idB:    {"*2\r\n:8194\r\n:0\r\n"},
		})
	}
	keeping := startNode(t, map[string][]string{
		"CLUSTER STATUS":          {statusReady, primaryOf(4, 9, 0)},
		"CLUSTER HANDOVER " + idB: {"*2\r\n:8190\r\n:4\r\n"},
		"CLUSTER DRAIN " + idB:    {"-ERR nobody else has slots of this node in sync: 4 of them\r\n"},
		"CLUSTER UNDRAIN " + idB:  {"+OK\r\n"},
	})
	slow := startNode(t, map[string][]string{
		"CLUSTER STATUS": {statusReady, primaryOf(8000, 9, 8000)}, "CLUSTER DRAIN " + idB: {"*2\r\n:8194\r\n:0\r\n"},
		"CLUSTER HANDOVER " + idB: {"*1\r\n:1\r\n"},
	})
	locked := startNode(t, map[string][]string{"CLUSTER STATUS": {"-NOAUTH Authentication required.\r\n"}})
	for name, test := range map[string]struct {
		node *node
		tty  bool
		args string
	}{
		"status":        {node: good, args: "status"},
		"status-tty":    {node: good, args: "status", tty: true},
		"status-json":   {node: good, args: "status -o json"},
		"status-part":   {node: starting, args: "status"},
		"status-odd":    {node: odd, args: "status"},
		"status-none":   {node: closed, args: "status"},
		"nodes":         {node: good, args: "nodes"},
		"nodes-json":    {node: good, args: "nodes -o json"},
		"slots":         {node: good, args: "slots"},
		"slots-tty":     {node: good, args: "slots", tty: true},
		"slots-json":    {node: good, args: "slots -o json"},
		"slots-odd":     {node: odd, args: "slots"},
		"wait":          {node: good, args: "wait"},
		"wait-nodes":    {node: good, args: "wait --nodes 2"},
		"wait-json":     {node: good, args: "wait -o json"},
		"wait-more":     {node: good, args: "wait --nodes 3 --timeout 50ms"},
		"wait-timeout":  {node: starting, args: "wait --timeout 50ms"},
		"wait-locked":   {node: locked, args: "wait"},
		"wait-usage":    {node: good, args: "wait --nodes x"},
		"failover":      {node: taking(), args: "failover 127.0.0.1:7001"},
		"failover-tty":  {node: taking(), args: "failover " + idB, tty: true},
		"failover-some": {node: keeping, args: "failover bbbb -o json"},
		"failover-odd":  {node: slow, args: "failover b"},
		"failover-who":  {node: good, args: "failover 127.0.0.1:9"},
		"drain":         {node: taking(), args: "drain b -o json"},
		"drain-stuck":   {node: keeping, args: "drain b"},
		"drain-slow":    {node: slow, args: "drain b --timeout 150ms"},
		"drain-undo":    {node: keeping, args: "drain --undo b"},
		"drain-usage":   {node: good, args: "drain"},
		"help-drain":    {node: good, args: "drain -h"},
		"no-command":    {node: good, args: ""},
		"unknown":       {node: good, args: "frobnicate"},
		"bad-output":    {node: good, args: "status -o xml"},
		"help":          {node: good, args: "-h"},
		"help-wait":     {node: good, args: "wait -h"},
		"version":       {node: good, args: "--version"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("COLUMNS", "100")
			got := call(t, test.tty, append([]string{"-a", test.node.addr}, strings.Fields(test.args)...)...)
			got = strings.ReplaceAll(got, test.node.addr, "ADDR")
			file := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("go test ./cmd/cachectl -update writes it anew:\n%s", diff)
			}
		})
	}
}

func TestWaitUntilReady(t *testing.T) {
	n := startNode(t, map[string][]string{"CLUSTER STATUS": {"-LOADING not yet\r\n", statusStarting, statusStarting, statusReady}})
	if got := call(t, false, "-a", n.addr, "wait"); !strings.Contains(got, "ready: 2 of 2 nodes up, 16384 of 16384 slots served") {
		t.Error(got)
	}
}

func TestPassword(t *testing.T) {
	n := startNode(t, map[string][]string{"AUTH s3cret": {"+OK\r\n"}, "CLUSTER STATUS": {statusReady}, "AUTH wrong": {"-WRONGPASS invalid username-password pair or user is disabled.\r\n"}})
	t.Setenv("RINGCACHE_REQUIREPASS", "s3cret")
	if got := call(t, false, "-a", n.addr, "status"); !strings.HasSuffix(got, "exit 0\n") {
		t.Error(got)
	}
	if got := call(t, false, "-a", n.addr, "--pass", "wrong", "wait"); !strings.Contains(got, "WRONGPASS") || !strings.HasSuffix(got, "exit 1\n") {
		t.Error(got)
	}
}

func TestNoNode(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("RINGCACHE_ADDR", l.Addr().String())
	l.Close()
	for _, args := range []string{"status", "wait --timeout 30ms"} {
		got := call(t, false, strings.Fields(args)...)
		if !strings.Contains(got, "connection refused") || strings.Count(got, "\n") != 3 || !strings.HasSuffix(got, "exit 1\n") {
			t.Errorf("%s: %s", args, got)
		}
	}
}

func TestInterrupt(t *testing.T) {
	n := startNode(t, map[string][]string{"CLUSTER STATUS": {statusStarting}})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	var stdout, stderr bytes.Buffer
	if code := run(ctx, []string{"-a", n.addr, "wait"}, &stdout, &stderr, false); code != exitFailed || stderr.String() != "cachectl: interrupted\n" {
		t.Errorf("exit %d, %s", code, stderr.String())
	}
}

func TestAddress(t *testing.T) {
	t.Setenv("RINGCACHE_PORT", "")
	if got := address(""); got != "127.0.0.1:7000" {
		t.Error(got)
	}
	t.Setenv("RINGCACHE_PORT", "7005")
	if got := address(""); got != "127.0.0.1:7005" {
		t.Error(got)
	}
	if got := address("h:1"); got != "h:1" {
		t.Error(got)
	}
}

func TestBytesText(t *testing.T) {
	for n, want := range map[int64]string{0: "0b", 1023: "1023b", 1536: "1.5kb", 1 << 20: "1mb", 3 << 40: "3tb", 5 << 50: "5120tb"} {
		if got := bytesText(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
