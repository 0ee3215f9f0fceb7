// Package oracle compares a cache with a real redis-server: it starts one for a test, makes random sequences of commands, and
// knows which replies may differ and how.
//
// It knows nothing of ringcache, so the same sequences serve the command table by itself and whole clusters behind sockets.
package oracle

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Bounds of talking to the server, so that a test fails rather than hangs.
const (
	startTimeout   = 10 * time.Second
	requestTimeout = 30 * time.Second
)

// StartRedis starts a redis-server of its own for a test, without persistence, on a free port of the loopback, and stops it at
// the end. More arguments are more of the server's options. Without a redis-server the test is skipped, or fails where CI=true.
func StartRedis(t testing.TB, options ...string) (addr string) {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("redis-server is not installed")
		}
		t.Skip("redis-server is not installed")
	}
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	args := []string{"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir()}
	cmd := exec.Command(path, append(args, options...)...)
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-exited
	})
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(10 * time.Millisecond) {
		c, err := Dial(addr)
		if err == nil {
			reply, err := c.Do([]byte("PING"))
			c.Close()
			if err == nil && string(reply) == "+PONG\r\n" {
				return addr
			}
		}
		select {
		case <-exited:
			t.Fatalf("redis-server stopped: %s", log.String())
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("redis-server does not answer within %v: %v", startTimeout, err)
		}
	}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// Conn is a client connection that shows replies as the bytes they are. It is for one goroutine.
type Conn struct {
	nc net.Conn
	r  *bufio.Reader
}

// Dial connects to a server.
func Dial(addr string) (*Conn, error) {
	nc, err := net.DialTimeout("tcp", addr, startTimeout)
	if err != nil {
		return nil, err
	}
	return &Conn{nc: nc, r: bufio.NewReader(nc)}, nil
}

// Close closes the connection.
func (c *Conn) Close() { _ = c.nc.Close() }

// Do sends one command and answers its reply, raw.
func (c *Conn) Do(args ...[]byte) ([]byte, error) {
	if err := c.Send(args...); err != nil {
		return nil, err
	}
	return c.Receive()
}

// Send sends one command.
func (c *Conn) Send(args ...[]byte) error {
	if err := c.nc.SetWriteDeadline(time.Now().Add(requestTimeout)); err != nil {
		return err
	}
	p := fmt.Appendf(nil, "*%d\r\n", len(args))
	for _, a := range args {
		p = fmt.Appendf(p, "$%d\r\n%s\r\n", len(a), a)
	}
	_, err := c.nc.Write(p)
	return err
}

// Receive answers the next reply, raw.
func (c *Conn) Receive() ([]byte, error) {
	if err := c.nc.SetReadDeadline(time.Now().Add(requestTimeout)); err != nil {
		return nil, err
	}
	return ReadReply(c.r, nil)
}

// Readable reports whether a reply, or the end, comes within a time.
func (c *Conn) Readable(within time.Duration) bool {
	if err := c.nc.SetReadDeadline(time.Now().Add(within)); err != nil {
		return true
	}
	_, err := c.r.Peek(1)
	return !errors.Is(err, os.ErrDeadlineExceeded)
}

var errReply = errors.New("oracle: not a reply")

// ReadReply reads one whole reply, of RESP2 or RESP3, and appends its bytes to dst.
func ReadReply(r *bufio.Reader, dst []byte) ([]byte, error) {
	line, err := r.ReadBytes('\n')
	if err != nil {
		return dst, err
	}
	dst = append(dst, line...)
	if len(line) < 3 {
		return dst, errReply
	}
	kind, rest := line[0], string(line[1:len(line)-2])
	switch kind {
	case '+', '-', ':', ',', '#', '(', '_':
		return dst, nil
	}
	n, err := strconv.Atoi(rest)
	if err != nil {
		return dst, fmt.Errorf("%w: %q", errReply, line)
	}
	switch kind {
	case '$', '=', '!':
		if n < 0 {
			return dst, nil
		}
		body := make([]byte, n+2)
		_, err := io.ReadFull(r, body)
		return append(dst, body...), err
	case '*', '~', '>', '%', '|':
		if kind == '%' || kind == '|' {
			n *= 2
		}
		if kind == '|' {
			n++ // the reply that the attributes are of
		}
		for range n {
			if dst, err = ReadReply(r, dst); err != nil {
				return dst, err
			}
		}
		return dst, nil
	}
	return dst, fmt.Errorf("%w: %q", errReply, line)
}
