package front

import (
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience bounds every wait of these tests; it is never what they wait for.
const patience = 20 * time.Second

func TestMain(m *testing.M) {
	if childMain() {
		return
	}
	goleak.VerifyTestMain(m)
}

// funcs is a Handler made of functions; nil ones do nothing.
type funcs struct {
	data    func(c *Conn, p []byte)
	close   func(c *Conn, err error)
	drained func(c *Conn)
}

func (f *funcs) Data(c *Conn, p []byte) {
	if f.data != nil {
		f.data(c, p)
	}
}

func (f *funcs) Close(c *Conn, err error) {
	if f.close != nil {
		f.close(c, err)
	}
}

func (f *funcs) Drained(c *Conn) {
	if f.drained != nil {
		f.drained(c)
	}
}

func echo(c *Conn, p []byte) {
	c.Out = append(c.Out, p...)
	c.Dirty()
}

func always(h Handler) func(*Conn) Handler { return func(*Conn) Handler { return h } }

// start returns a group that listens, and its address.
func start(t testing.TB, opts Options) (*Group, string) {
	t.Helper()
	if opts.Loops == 0 {
		opts.Loops = 2
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	g, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	addr, err := g.ListenTCP("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return g, addr.String()
}

func dial(t testing.TB, addr string) *net.TCPConn {
	t.Helper()
	nc, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(patience))
	return nc.(*net.TCPConn)
}

func send(t testing.TB, nc net.Conn, s string) {
	t.Helper()
	if _, err := io.WriteString(nc, s); err != nil {
		t.Fatal(err)
	}
}

func expect(t testing.TB, nc net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(nc, got); err != nil || string(got) != want {
		t.Fatalf("read %q, %v; want %q", got[:n], err, want)
	}
}

// expectEnd reads to the end of nc and returns what came before. A reset is an end, too.
func expectEnd(t testing.TB, nc net.Conn) string {
	t.Helper()
	rest, err := io.ReadAll(nc)
	if ne, ok := err.(net.Error); ok && ne.Timeout() {
		t.Fatal("connection stays open")
	}
	return string(rest)
}

func wait[T any](t testing.TB, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatal("waited in vain")
		panic("unreachable")
	}
}

// on runs fn on the loop and waits for it.
func on(t testing.TB, l *Loop, fn func()) {
	t.Helper()
	done := make(chan struct{})
	if !l.Post(func() { fn(); close(done) }) {
		t.Fatal("post refused")
	}
	wait(t, done)
}

func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !cond(); {
		if time.Now().After(deadline) {
			t.Fatal("not in time:", what)
		}
		time.Sleep(time.Millisecond)
	}
}
