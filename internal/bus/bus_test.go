package bus

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait in tests.
const patience = 10 * time.Second

func identity(node, cluster, secret string) Identity {
	return Identity{ClusterID: func() string { return cluster }, NodeID: node, Secret: []byte(secret)}
}

// safeLog is a log that tests read while others write it.
type safeLog struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *safeLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *safeLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func listen(t *testing.T, id Identity) (*Listener, *safeLog) {
	t.Helper()
	log := &safeLog{}
	l, err := Listen("127.0.0.1:0", id, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l, log
}

// echo answers every byte and tells who came.
func echo(peers chan<- Peer) func(net.Conn, Peer) {
	return func(nc net.Conn, p Peer) {
		defer nc.Close()
		peers <- p
		_, _ = io.Copy(nc, nc)
	}
}

func dial(t *testing.T, l *Listener, k Kind, id Identity, want string) (net.Conn, Peer, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	nc, p, err := Dial(ctx, l.Addr().String(), k, id, want)
	if nc != nil {
		t.Cleanup(func() { _ = nc.Close() })
	}
	return nc, p, err
}

func TestDial(t *testing.T) {
	tests := []struct {
		name             string
		listener, dialer Identity
		kind             Kind
		want             string
		err              error
	}{
		{"no secret", identity("a", "c", ""), identity("b", "c", ""), KindProxy, "", nil},
		{"one secret", identity("a", "c", "s"), identity("b", "c", "s"), KindProxy, "a", nil},
		{"other secret", identity("a", "c", "s"), identity("b", "c", "x"), KindProxy, "", ErrSecret},
		{"secret here only", identity("a", "c", "s"), identity("b", "c", ""), KindProxy, "", ErrSecret},
		{"secret there only", identity("a", "c", ""), identity("b", "c", "s"), KindProxy, "", ErrSecret},
		{"other cluster", identity("a", "c", "s"), identity("b", "d", "s"), KindProxy, "", ErrCluster},
		{"joining", identity("a", "c", "s"), identity("b", "", "s"), KindControl, "", nil},
		{"joining by another kind", identity("a", "c", "s"), identity("b", "", "s"), KindProxy, "", ErrCluster},
		{"joining without the secret", identity("a", "c", "s"), identity("b", "", "t"), KindControl, "", ErrSecret},
		{"nobody serves the kind", identity("a", "c", ""), identity("b", "c", ""), KindRaft, "", ErrKind},
		{"another node answers", identity("a", "c", ""), identity("b", "c", ""), KindProxy, "z", ErrNode},
		{"itself", identity("a", "c", "s"), identity("a", "c", "s"), KindProxy, "", ErrSelf},
		{"both without a cluster", identity("a", "", ""), identity("b", "", ""), KindProxy, "", ErrCluster},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, log := listen(t, tt.listener)
			peers := make(chan Peer, 1)
			l.Handle(KindProxy, echo(peers))
			l.Handle(KindControl, echo(peers))
			nc, p, err := dial(t, l, tt.kind, tt.dialer, tt.want)
			if !errors.Is(err, tt.err) {
				t.Fatalf("the error is %v, not %v", err, tt.err)
			}
			if err != nil {
				if !errors.Is(err, ErrNode) {
					waitLog(t, log, "refused")
				}
				return
			}
			if p.NodeID != tt.listener.NodeID || p.ClusterID != tt.listener.ClusterID() {
				t.Errorf("the dialler sees %+v", p)
			}
			if from := <-peers; from.NodeID != tt.dialer.NodeID || from.ClusterID != tt.dialer.ClusterID() {
				t.Errorf("the listener sees %+v", from)
			}
			if _, ok := nc.(*net.TCPConn); !ok {
				t.Errorf("the connection is a %T", nc)
			}
			// The first byte after the handshake is the caller's.
			if _, err := nc.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
			var b [1]byte
			if _, err := io.ReadFull(nc, b[:]); err != nil || b[0] != 'x' {
				t.Fatalf("echo %q, %v", b, err)
			}
		})
	}
}

func waitLog(t *testing.T, log *safeLog, what string) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !strings.Contains(log.String(), what) {
		select {
		case <-deadline:
			t.Fatalf("the log never says %q: %s", what, log)
		case <-tick.C:
		}
	}
}

func TestStrangers(t *testing.T) {
	l, log := listen(t, identity("a", "c", "s"))
	for _, say := range []string{"GET / HTTP/1.1\r\n\r\n", "*1\r\n$4\r\nPING\r\n", "RCBS\x02PPPPPPPP", "RCBS\x01P\x01\xff\xff" + strings.Repeat("n", 600)} {
		nc, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(nc, say); err != nil {
			t.Fatal(err)
		}
		_ = nc.SetDeadline(time.Now().Add(patience))
		if _, err := io.ReadAll(nc); errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%.10q keeps its connection", say)
		}
		_ = nc.Close()
	}
	waitLog(t, log, "does not speak")
	if n := strings.Count(log.String(), "\n"); n > 2 {
		t.Errorf("%d lines for strangers within a second", n)
	}
}

// TestSilentStranger: who says nothing loses its connection when the handshake's time is over.
func TestSilentStranger(t *testing.T) {
	l, _ := listen(t, identity("a", "c", "s"))
	l.mu.Lock()
	l.mu.handshake = 50 * time.Millisecond
	l.mu.Unlock()
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(patience))
	if _, err := nc.Read(make([]byte, 1)); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("reading answers %v", err)
	}
}

// TestPendingIsBounded: past the bound, strangers are closed at once, and members get in again when some have gone.
func TestPendingIsBounded(t *testing.T) {
	l, _ := listen(t, identity("a", "c", "s"))
	l.Handle(KindProxy, func(nc net.Conn, _ Peer) { _ = nc.Close() })
	var held []net.Conn
	defer func() {
		for _, nc := range held {
			_ = nc.Close()
		}
	}()
	for range maxPending {
		nc, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, nc)
	}
	deadline := time.Now().Add(patience)
	for len(l.slot) < maxPending && time.Now().Before(deadline) {
		nc, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = nc.Close()
	}
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(time.Second))
	if _, err := nc.Read(make([]byte, 1)); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("one more answers %v", err)
	}
	for _, nc := range held {
		_ = nc.Close()
	}
	for err = ErrBusy; err != nil && time.Now().Before(deadline); {
		_, _, err = dial(t, l, KindProxy, identity("b", "c", "s"), "")
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestReflection: a listener that does not know the secret cannot pass by giving the dialler its own proof back.
func TestReflection(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		nc, err := ln.Accept()
		if err != nil {
			return
		}
		defer nc.Close()
		h, _, err := readHello(nc)
		if err != nil {
			return
		}
		c := challenge{Auth: true, Nonce: h.Nonce}
		_, _ = nc.Write(c.bytes())
		var theirs [proofSize]byte
		_, _ = io.ReadFull(nc, theirs[:])
		w := welcome{Cluster: h.Cluster, Node: "x"}
		_, _ = nc.Write(append(w.append(nil), theirs[:]...))
		_, _ = io.Copy(io.Discard, nc)
	}()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, _, err := Dial(ctx, ln.Addr().String(), KindProxy, identity("b", "c", "s"), ""); !errors.Is(err, ErrSecret) {
		t.Fatalf("the error is %v", err)
	}
}

func TestDialIsBounded(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close() // accepts by the kernel's queue and never speaks
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := Dial(ctx, ln.Addr().String(), KindProxy, identity("b", "c", "s"), ""); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("the error is %v", err)
	}
}

// loopConn lets the handshake's readers run on bytes alone.
type loopConn struct {
	net.Conn
	io.Reader
	wrote int
}

func (c *loopConn) Read(p []byte) (int, error)  { return c.Reader.Read(p) }
func (c *loopConn) Write(p []byte) (int, error) { c.wrote += len(p); return len(p), nil }

func FuzzReceive(f *testing.F) {
	good := hello{Kind: KindRaft, Cluster: "c", Node: "b"}
	f.Add(good.bytes(), false)
	good.Auth = true
	f.Add(append(good.bytes(), make([]byte, proofSize)...), true)
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), false)
	f.Fuzz(func(t *testing.T, p []byte, secret bool) {
		id := identity("a", "c", "")
		if secret {
			id.Secret = []byte("s")
		}
		c := &loopConn{Reader: bytes.NewReader(p)}
		h, err := receive(c, id, func(hello) error { return nil })
		if err == nil {
			if secret {
				t.Fatal("a proof was guessed")
			}
			if !bytes.HasPrefix(p, h.bytes()) {
				t.Fatalf("%+v was read from %q", h, p)
			}
		}
		if c.wrote > 1024 {
			t.Fatalf("%d bytes were written to a stranger", c.wrote)
		}
	})
}

func FuzzGreet(f *testing.F) {
	c, w := challenge{}, welcome{Cluster: "c", Node: "a"}
	f.Add(w.append(c.bytes()), false)
	c.Auth = true
	f.Add(append(w.append(c.bytes()), make([]byte, proofSize)...), true)
	f.Fuzz(func(t *testing.T, p []byte, secret bool) {
		id := identity("b", "c", "")
		if secret {
			id.Secret = []byte("s")
		}
		_, err := greet(&dialConn{loopConn{Reader: bytes.NewReader(p)}}, KindRaft, id)
		if err == nil && secret {
			t.Fatal("a proof was guessed")
		}
	})
}

// dialConn has an address, as a dialler asks for it.
type dialConn struct{ loopConn }

func (*dialConn) RemoteAddr() net.Addr { return &net.TCPAddr{} }

func FuzzParseHeader(f *testing.F) {
	f.Add(AppendHeader(nil, Header{Type: FrameRequest, Bytes: 5, Slot: 7}))
	f.Add(AppendHeader(nil, Header{Type: FrameReply, ID: 9, Flags: FlagMoved}))
	f.Add(AppendHeader(nil, Header{Type: FrameCancel, ID: 9, Flags: FlagTimedOut}))
	f.Add(AppendHeader(nil, Header{Type: FrameCancel, Bytes: 1}))
	f.Fuzz(func(t *testing.T, p []byte) {
		h, ok, err := ParseHeader(p)
		if err != nil || !ok {
			return
		}
		again, ok, err := ParseHeader(AppendHeader(nil, h))
		if err != nil || !ok || again != h {
			t.Fatalf("%+v became %+v (%v, %v)", h, again, ok, err)
		}
	})
}

func TestCancelHasNoPayload(t *testing.T) {
	if _, ok, err := ParseHeader(AppendHeader(nil, Header{Type: FrameCancel, ID: 1})); !ok || err != nil {
		t.Errorf("a cancel: %v, %v", ok, err)
	}
	if _, _, err := ParseHeader(AppendHeader(nil, Header{Type: FrameCancel, ID: 1, Bytes: 1})); !errors.Is(err, ErrFrame) {
		t.Errorf("a cancel with a payload: %v", err)
	}
	for _, typ := range []FrameType{0, 4, 255} {
		if _, _, err := ParseHeader(AppendHeader(nil, Header{Type: typ})); !errors.Is(err, ErrFrame) {
			t.Errorf("type %d: %v", typ, err)
		}
	}
}
