//go:build linux

package clustertest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

func startLone(t *testing.T, args ...string) (*Node, *redis.Client) {
	t.Helper()
	n := NewNode(t, args...)
	n.Start()
	c := n.Client()
	Eventually(t, readyTimeout, "a node to serve", func() bool { return c.Set(context.Background(), "ready", 1, 0).Err() == nil })
	return n, c
}

// rss is the resident memory of a process in bytes.
func rss(t *testing.T, pid int) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		t.Skipf("no /proc here: %v", err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// idleConns is the number of idle connections whose cost is measured, and idleBytes what each may cost.
const (
	idleConns = 10_000
	idleBytes = 4 << 10
)

// TestIdleConnections: 10,000 connections that have each been used once cost less than 4 KB each.
func TestIdleConnections(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector's shadow memory is not what is measured")
	}
	raiseFileLimit(t, idleConns+1000)
	n, c := startLone(t, "--maxclients", "20000")
	before := rss(t, n.PID())
	conns := make([]net.Conn, 0, idleConns)
	defer func() {
		for _, nc := range conns {
			nc.Close()
		}
	}()
	buf := make([]byte, 64)
	for range idleConns {
		nc, err := net.Dial("tcp", n.Addr())
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, nc)
		fmt.Fprint(nc, "*2\r\n$3\r\nGET\r\n$5\r\nready\r\n")
		if _, err := io.ReadFull(nc, buf[:7]); err != nil || string(buf[:7]) != "$1\r\n1\r\n" {
			t.Fatalf("%q, %v", buf[:7], err)
		}
	}
	each := (rss(t, n.PID()) - before) / idleConns
	t.Logf("%d idle connections cost %d bytes each", idleConns, each)
	if each > idleBytes {
		t.Fatalf("an idle connection costs %d bytes, more than %d", each, idleBytes)
	}
	if got := c.Info(context.Background(), "clients").Val(); !strings.Contains(got, "connected_clients:10001") {
		t.Fatalf("INFO clients: %q", got)
	}
}

func TestMaxClients(t *testing.T) {
	n, _ := startLone(t, "--maxclients", "3") // one is the client of startLone
	for range 2 {
		nc := dial(t, n)
		fmt.Fprint(nc, "PING\r\n")
		expectLine(t, nc, "+PONG")
	}
	expectLine(t, dial(t, n), "-ERR max number of clients reached")
}

func TestIdleTimeout(t *testing.T) {
	n, _ := startLone(t, "--timeout", "1")
	nc := dial(t, n)
	fmt.Fprint(nc, "PING\r\n")
	expectLine(t, nc, "+PONG")
	half := dial(t, n)
	fmt.Fprint(half, "*2\r\n$3\r\nGE") // a request that never ends
	for _, c := range []net.Conn{nc, half} {
		c.SetReadDeadline(time.Now().Add(readyTimeout))
		if _, err := c.Read(make([]byte, 1)); err != io.EOF {
			t.Fatalf("an idle client was not closed: %v", err)
		}
	}
}

// TestOutputLimit: a client that asks and never reads is cut off; others do not notice.
func TestOutputLimit(t *testing.T) {
	n, c := startLone(t)
	ctx := context.Background()
	if err := c.ConfigSet(ctx, "client-output-buffer-limit", "normal 8mb 0 0").Err(); err != nil {
		t.Fatal(err)
	}
	if err := c.Set(ctx, "big", strings.Repeat("x", 1<<20), 0).Err(); err != nil {
		t.Fatal(err)
	}
	nc := dial(t, n)
	go func() {
		for range 1000 { // 1 GB of replies
			if _, err := fmt.Fprint(nc, "*2\r\n$3\r\nGET\r\n$3\r\nbig\r\n"); err != nil {
				return
			}
		}
	}()
	Eventually(t, readyTimeout, "the log line", func() bool { return strings.Contains(n.Log(), "output buffer") })
	if err := c.Ping(ctx).Err(); err != nil {
		t.Fatal(err)
	}
}

// TestVanishedClients: connections cut in the middle of a request leave nothing behind.
func TestVanishedClients(t *testing.T) {
	n, c := startLone(t)
	for i := range 200 {
		nc := dial(t, n)
		fmt.Fprint(nc, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000000\r\n", strings.Repeat("y", i*100))
		if i%2 == 0 {
			nc.(*net.TCPConn).SetLinger(0) // a reset
		}
		nc.Close()
	}
	Eventually(t, readyTimeout, "one client to be left", func() bool {
		return strings.Contains(c.Info(context.Background(), "clients").Val(), "connected_clients:1\r\n")
	})
	if !strings.Contains(n.Log(), "in the middle of a request") {
		t.Error("no log line about a client that went away")
	}
}

func TestProtocolErrors(t *testing.T) {
	n, c := startLone(t)
	for in, want := range map[string]string{
		"*1\r\n$9223372036854775807\r\n": "-ERR Protocol error: invalid bulk length",
		"*9223372036854775807\r\n":       "-ERR Protocol error: invalid multibulk length",
		"*2\r\nGET\r\n":                  "-ERR Protocol error: expected '$', got 'G'",
		"SET \"a\r\n":                    "-ERR Protocol error: unbalanced quotes in request",
		strings.Repeat("a", 70_000):      "-ERR Protocol error: too big inline request",
	} {
		nc := dial(t, n)
		fmt.Fprint(nc, in)
		expectLine(t, nc, want)
		nc.SetReadDeadline(time.Now().Add(readyTimeout))
		if _, err := io.Copy(io.Discard, nc); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("%.30q: the connection was not closed: %v", in, err)
		}
	}
	if !strings.Contains(n.Log(), "protocol error") {
		t.Error("no log line about a protocol error")
	}
	if err := c.Ping(context.Background()).Err(); err != nil {
		t.Fatal(err)
	}
}

// TestBeforeLogin: a stranger without the password gets small limits.
func TestBeforeLogin(t *testing.T) {
	n := NewNode(t, "--requirepass", "secret")
	n.Start()
	c := n.Client(func(o *redis.Options) { o.Password = "secret" })
	Eventually(t, readyTimeout, "a node to serve", func() bool { return c.Set(context.Background(), "k", "v", 0).Err() == nil })
	for in, want := range map[string]string{
		"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n":    "-NOAUTH Authentication required.",
		"*11\r\n":                           "-ERR Protocol error: unauthenticated multibulk length",
		"*2\r\n$4\r\nAUTH\r\n$20000\r\n":    "-ERR Protocol error: unauthenticated bulk length",
		"*2\r\n$4\r\nAUTH\r\n$3\r\nbad\r\n": "-WRONGPASS invalid username-password pair or user is disabled.",
	} {
		nc := dial(t, n)
		fmt.Fprint(nc, in)
		expectLine(t, nc, want)
	}
}

func dial(t *testing.T, n *Node) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", n.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	return nc
}

func expectLine(t *testing.T, nc net.Conn, want string) {
	t.Helper()
	nc.SetReadDeadline(time.Now().Add(readyTimeout))
	got, err := bufio.NewReader(nc).ReadString('\n')
	if strings.TrimRight(got, "\r\n") != want {
		t.Fatalf("got %q (%v), want %q", got, err, want)
	}
}
