package front

import (
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestPostStorm(t *testing.T) {
	const posters, each = 8, 20_000
	g, addr := start(t, Options{Loops: 1, NewConn: always(&funcs{data: echo})})
	l := g.Loops()[0]
	var ran, refused atomic.Int64
	last := make([]int, posters) // owned by the loop
	var wg sync.WaitGroup
	for p := range posters {
		wg.Go(func() {
			for i := 1; i <= each; i++ {
				if !l.Post(func() {
					if last[p] >= i {
						t.Errorf("poster %d: %d ran after %d", p, i, last[p])
					}
					last[p] = i
					ran.Add(1)
				}) {
					refused.Add(1)
				}
			}
		})
	}
	// Connections are served all the while.
	nc := dial(t, addr)
	for range 100 {
		send(t, nc, "ping")
		expect(t, nc, "ping")
	}
	wg.Wait()
	eventually(t, "all run", func() bool { return ran.Load()+refused.Load() == posters*each })
}

func TestPostBoundAndOrder(t *testing.T) {
	g, _ := start(t, Options{Loops: 1})
	l := g.Loops()[0]
	entered, gate := make(chan struct{}), make(chan struct{})
	l.Post(func() { close(entered); <-gate })
	wait(t, entered)
	n := 0
	for l.Post(func() {}) {
		n++
	}
	if n != MaxPosted {
		t.Errorf("queue took %d functions, want %d", n, MaxPosted)
	}
	close(gate)
	// A function that posts itself on and on must not keep the loop from anything else.
	var again func()
	stop := false
	again = func() {
		if !stop {
			l.Post(again)
		}
	}
	eventually(t, "room in the queue", func() bool { return l.Post(again) })
	on(t, l, func() { stop = true })
}

func TestGroupClose(t *testing.T) {
	closed := make(chan error, 10)
	ticks := make(chan struct{}, 1000)
	h := &funcs{data: echo, close: func(_ *Conn, err error) { closed <- err }}
	accepted := make(chan *Conn, 10)
	g, addr := start(t, Options{
		NewConn: func(c *Conn) Handler { accepted <- c; return h },
		Tick:    func(*Loop) { ticks <- struct{}{} },
	})
	wait(t, ticks)
	nc := dial(t, addr)
	c := wait(t, accepted)
	last := make(chan bool, 1)
	c.Loop().Post(func() {
		c.Out = append(c.Out, "last words"...)
		c.Dirty()
		last <- true
	})
	g.Close()
	g.Close()
	wait(t, last)
	if got := expectEnd(t, nc); got != "last words" {
		t.Errorf("got %q", got)
	}
	if err := wait(t, closed); err != nil || len(closed) != 0 {
		t.Errorf("Close got %v, and %d more calls", err, len(closed))
	}
	if c.Loop().Post(func() {}) {
		t.Error("Post to a stopped loop returned true")
	}
	if _, err := g.ListenTCP("127.0.0.1:0"); err != ErrClosed {
		t.Errorf("ListenTCP after Close: %v", err)
	}
	if nc, err := net.Dial("tcp", addr); err == nil {
		nc.Close()
		t.Error("a closed listener accepts")
	}
	a, b := pipe(t)
	c.Loop().Adopt(a, func(*Conn) Handler { t.Error("adopted by a stopped loop"); return nil })
	expectEnd(t, b)
}

// pipe returns two ends of a TCP connection.
func pipe(t *testing.T) (a, b net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	b = dial(t, ln.Addr().String())
	if a, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	return a, b
}

func TestAdopt(t *testing.T) {
	g, _ := start(t, Options{})
	for _, l := range g.Loops() {
		a, b := pipe(t)
		remote, local := a.RemoteAddr().String(), a.LocalAddr().String()
		l.Adopt(a, func(c *Conn) Handler {
			if c.Loop() != l || c.RemoteAddr() != remote || c.LocalAddr() != local || c.IsUnix() {
				t.Errorf("adopted as %s, %s; want %s, %s", c.RemoteAddr(), c.LocalAddr(), remote, local)
			}
			c.Out = append(c.Out, "hello "...)
			c.Dirty()
			return &funcs{data: echo}
		})
		expect(t, b, "hello ")
		send(t, b, "world")
		expect(t, b, "world")
	}
	// What cannot be adopted is closed.
	a, b := net.Pipe()
	g.Loops()[0].Adopt(a, func(*Conn) Handler { t.Error("adopted a pipe"); return nil })
	expectEnd(t, b)
}

// TestDirtyOthers: output leaves in the batch in which it was appended, whichever callback appended it.
func TestDirtyOthers(t *testing.T) {
	var writer, reader *Conn // owned by the loop
	note := ""
	joined := make(chan struct{}, 2)
	tell := func(s string) {
		reader.Reserve(len(s))
		reader.Out = append(reader.Out, s...)
		reader.Dirty()
	}
	h := &funcs{
		data: func(c *Conn, p []byte) { tell("data,"); note = "end," },
		close: func(c *Conn, _ error) {
			if c == writer {
				tell("close,")
			}
		},
	}
	_, addr := start(t, Options{
		Loops: 1,
		NewConn: func(c *Conn) Handler {
			if reader == nil {
				reader = c
			} else {
				writer = c
			}
			joined <- struct{}{}
			return h
		},
		BatchEnd: func(*Loop) {
			if note != "" {
				tell(note)
				note = ""
			}
		},
	})
	r := dial(t, addr)
	wait(t, joined)
	w := dial(t, addr)
	wait(t, joined)
	send(t, w, "x")
	expect(t, r, "data,end,")
	w.Close()
	expect(t, r, "close,")
}

func TestClock(t *testing.T) {
	origin := time.Now().Add(-time.Hour)
	g, _ := start(t, Options{Loops: 1, Origin: origin})
	l := g.Loops()[0]
	on(t, l, func() {
		if d := time.Since(time.UnixMilli(l.Now())); d < -time.Second || d > patience {
			t.Errorf("Now is off by %v", d)
		}
		if d := time.Since(origin) - l.Mono(); d < 0 || d > patience {
			t.Errorf("Mono is off by %v", d)
		}
	})
}

func TestUnix(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "s")
	addrs := make(chan string, 10)
	opts := Options{Loops: 2, Logger: slog.New(slog.DiscardHandler), NewConn: func(c *Conn) Handler {
		if !c.IsUnix() {
			t.Error("not a unix connection")
		}
		addrs <- c.RemoteAddr()
		return &funcs{data: echo}
	}}
	g, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if err := g.ListenUnix(path, 0o620); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o620 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	nc, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(patience))
	send(t, nc, "ping")
	expect(t, nc, "ping")
	if a := wait(t, addrs); a != path+":0" {
		t.Errorf("remote address %q", a)
	}

	g2, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	defer g2.Close()
	if err := g2.ListenUnix(path, 0o600); err == nil {
		t.Error("took the socket of somebody who listens")
	}
	g.CloseListeners()
	if _, err := os.Stat(path); err == nil {
		t.Error("the socket file stays")
	}
	// A file left behind by a process that was killed is replaced; anything else is not.
	ul, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ul.(*net.UnixListener).SetUnlinkOnClose(false)
	ul.Close()
	if err := g2.ListenUnix(path, 0o600); err != nil {
		t.Errorf("stale socket: %v", err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := g2.ListenUnix(file, 0o600); err == nil {
		t.Error("listened in place of a file")
	}
	if b, _ := os.ReadFile(file); string(b) != "precious" {
		t.Error("the file is gone")
	}
}

func TestBufferPool(t *testing.T) {
	var p bufferPool
	for n := 0; n < 3<<20; n += 1 + n/20 {
		for range 4 {
			b := p.get(n)
			if len(b) != 0 || cap(b) < n {
				t.Fatalf("get(%d) has length %d and capacity %d", n, len(b), cap(b))
			}
			p.put(b)
			p.put(make([]byte, n)) // of odd capacities, too
		}
	}
	for i, class := range p.classes {
		total := 0
		for _, b := range class.free {
			if cap(b) < 1<<(poolMinShift+i) {
				t.Errorf("class %d has a buffer of %d bytes", i, cap(b))
			}
			total += cap(b)
		}
		if total != class.bytes || total > poolClassBytes {
			t.Errorf("class %d keeps %d bytes, counts %d", i, total, class.bytes)
		}
	}
	p.note(40 << 10)
	if b := p.lend(); cap(b) < 40<<10 {
		t.Errorf("lends %d bytes after an output of 40 KB", cap(b))
	}
	for range 100 {
		p.tick()
	}
	if b := p.lend(); cap(b) >= 16<<10 {
		t.Errorf("still lends %d bytes", cap(b))
	}
	for i, class := range p.classes {
		if len(class.free) > 0 || class.bytes != 0 {
			t.Errorf("class %d keeps %d buffers when idle", i, len(class.free))
		}
	}
}

// TestWakeAt: a batch begins when it was asked for, not at the next tick, and again no sooner than asked.
func TestWakeAt(t *testing.T) {
	const after = 5 * time.Millisecond
	woken := make(chan time.Duration, 1)
	var due time.Duration // owned by the loop
	g, _ := start(t, Options{Loops: 1, BatchEnd: func(l *Loop) {
		if due != 0 && l.Mono() >= due {
			woken <- l.Mono() - due
			due = 0
			l.WakeAt(0)
		}
	}})
	l := g.Loops()[0]
	best := time.Hour
	for range 20 { // the machine may be busy: one in time will do
		on(t, l, func() {
			due = time.Since(processStart) + after
			l.WakeAt(due)
		})
		late := wait(t, woken)
		if late < 0 {
			t.Fatalf("%v too early", -late)
		}
		best = min(best, late)
	}
	if best > TickInterval/4 {
		t.Errorf("late by %v at best", best)
	}
}

// TestShut: a paused peer that has sent its last byte is noticed though bytes of it are unread.
func TestShut(t *testing.T) {
	if portable {
		return // it cannot tell
	}
	h := &shutFuncs{shut: make(chan bool, 1)}
	paused := make(chan bool, 1)
	h.data = func(c *Conn, _ []byte) { c.Pause(); paused <- true }
	_, addr := start(t, Options{Loops: 1, NewConn: always(h)})
	nc := dial(t, addr)
	send(t, nc, "a")
	wait(t, paused)
	send(t, nc, "bc")
	nc.CloseWrite()
	wait(t, h.shut)
}

type shutFuncs struct {
	funcs
	shut chan bool
}

func (h *shutFuncs) Shut(*Conn) { h.shut <- true }
