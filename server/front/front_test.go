package front

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestEcho has a thousand and more clients send random bytes in random pieces and compare what comes back.
func TestEcho(t *testing.T) {
	clients, size := 2000, 20_000
	if testing.Short() {
		clients = 200
	}
	var open atomic.Int64
	h := &funcs{data: echo, close: func(*Conn, error) { open.Add(-1) }}
	g, addr := start(t, Options{NewConn: func(*Conn) Handler { open.Add(1); return h }})
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var wg sync.WaitGroup
	limit := make(chan struct{}, 64) // clients at work at once; the others stay connected
	conns := make([]net.Conn, clients)
	for i := range conns {
		conns[i] = dial(t, addr)
	}
	for i, nc := range conns {
		wg.Go(func() {
			limit <- struct{}{}
			defer func() { <-limit }()
			r := rand.New(rand.NewPCG(seed, uint64(i)))
			want := make([]byte, r.IntN(size))
			for k := range want {
				want[k] = byte(r.Uint32())
			}
			go func() {
				for rest := want; len(rest) > 0; {
					n := min(len(rest), 1+r.IntN(3000))
					nc.Write(rest[:n])
					rest = rest[n:]
				}
			}()
			got := make([]byte, len(want))
			if n, err := io.ReadFull(nc, got); err != nil || !bytes.Equal(got, want) {
				t.Errorf("client %d: %d of %d bytes came back, or others: %v", i, n, len(want), err)
			}
		})
	}
	wg.Wait()
	if n := open.Load(); n != int64(clients) {
		t.Errorf("%d connections open, want %d", n, clients)
	}
	for _, l := range g.Loops() {
		on(t, l, func() {
			if n := l.Conns(); n != clients/2 {
				t.Errorf("loop %d serves %d connections, want %d", l.Index, n, clients/2)
			}
		})
	}
	for _, nc := range conns {
		nc.Close()
	}
	eventually(t, "all closed", func() bool { return open.Load() == 0 })
}

// TestSpread: even two clients must not share a loop, whoever accepts them.
func TestSpread(t *testing.T) {
	used := make(chan int, 8)
	_, addr := start(t, Options{Loops: 4, NewConn: func(c *Conn) Handler {
		used <- c.Loop().Index
		return &funcs{data: echo}
	}})
	seen := map[int]int{}
	for range 8 {
		dial(t, addr)
		seen[wait(t, used)]++
	}
	for i := range 4 {
		if seen[i] != 2 {
			t.Errorf("8 connections spread as %v over 4 loops, want 2 each", seen)
			break
		}
	}
}

// TestSlowReader: output that the peer does not read waits, and its end is told once.
func TestSlowReader(t *testing.T) {
	const size = 48 << 20
	var drained atomic.Int32
	conns := make(chan *Conn, 1)
	h := &funcs{
		data: func(c *Conn, p []byte) {
			for i := range size / 4096 {
				c.Out = append(c.Out, bytes.Repeat([]byte{byte(i)}, 4096)...)
			}
			c.Dirty()
		},
		drained: func(c *Conn) {
			drained.Add(1)
			c.Out = append(c.Out, "done"...)
			c.Dirty()
		},
	}
	_, addr := start(t, Options{NewConn: func(c *Conn) Handler { conns <- c; return h }})
	nc := dial(t, addr)
	send(t, nc, "x")
	c := wait(t, conns)
	backlog := 0
	eventually(t, "a backlog", func() bool {
		on(t, c.Loop(), func() { backlog = c.Backlog() })
		return backlog > size/2
	})
	// Appending to a backlog must not disturb it.
	on(t, c.Loop(), func() { c.Out = append(c.Out, "tail"...); c.Dirty() })
	got := make([]byte, size)
	if _, err := io.ReadFull(nc, got); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < size; i += 4096 {
		if got[i] != byte(i/4096) || got[i+4095] != byte(i/4096) {
			t.Fatalf("wrong byte in block %d", i/4096)
		}
	}
	expect(t, nc, "taildone")
	eventually(t, "no backlog", func() bool {
		on(t, c.Loop(), func() { backlog = c.Backlog() + len(c.Out) })
		return backlog == 0
	})
	if n := drained.Load(); n != 1 {
		t.Errorf("Drained called %d times, want once", n)
	}
}

func TestPauseResume(t *testing.T) {
	conns := make(chan *Conn, 1)
	got := make(chan string, 100)
	h := &funcs{data: func(c *Conn, p []byte) {
		got <- string(p)
		c.Pause()
		c.Resume() // cancels out
		c.Pause()
	}}
	_, addr := start(t, Options{NewConn: func(c *Conn) Handler { conns <- c; return h }})
	nc := dial(t, addr)
	c := wait(t, conns)
	for i := range 20 {
		msg := fmt.Sprint("message ", i)
		send(t, nc, msg)
		if g := wait(t, got); g != msg {
			t.Fatalf("got %q, want %q", g, msg)
		}
		send(t, nc, "more")
		// Several batches must go by in silence: each post is one at least.
		for range 5 {
			on(t, c.Loop(), func() {})
		}
		if len(got) > 0 {
			t.Fatal("Data called while paused")
		}
		on(t, c.Loop(), c.Resume)
		if g := wait(t, got); g != "more" {
			t.Fatalf("got %q after Resume", g)
		}
		on(t, c.Loop(), c.Resume)
	}
}

// TestPausedPeerGone: whoever waits for a blocked client must learn that it is gone, though nothing is read.
func TestPausedPeerGone(t *testing.T) {
	for name, leave := range map[string]func(*net.TCPConn){
		"close":     func(nc *net.TCPConn) { nc.Close() },
		"half":      func(nc *net.TCPConn) { nc.CloseWrite() },
		"reset":     func(nc *net.TCPConn) { nc.SetLinger(0); nc.Close() },
		"unread":    func(nc *net.TCPConn) { nc.Write([]byte("x")); nc.SetLinger(0); nc.Close() },
		"half-data": func(nc *net.TCPConn) { nc.Write([]byte("rest")); nc.CloseWrite() },
	} {
		t.Run(name, func(t *testing.T) {
			if portable && (name == "unread" || name == "half-data") {
				t.Skip("noticed only when reading goes on")
			}
			conns, closed := make(chan *Conn, 1), make(chan error, 1)
			h := &funcs{data: echo, close: func(_ *Conn, err error) { closed <- err }}
			_, addr := start(t, Options{NewConn: func(c *Conn) Handler { c.Pause(); conns <- c; return h }})
			nc := dial(t, addr)
			c := wait(t, conns)
			leave(nc)
			if name == "half-data" { // the peer still reads: it must get its answer
				for range 5 {
					on(t, c.Loop(), func() {})
				}
				on(t, c.Loop(), c.Resume)
				expect(t, nc, "rest")
			}
			if err := wait(t, closed); err == nil {
				t.Error("closed without an error")
			}
		})
	}
}

func TestHalfClosedPeerGetsItsReplies(t *testing.T) {
	closed := make(chan error, 1)
	h := &funcs{data: echo, close: func(_ *Conn, err error) { closed <- err }}
	_, addr := start(t, Options{NewConn: always(h)})
	nc := dial(t, addr)
	send(t, nc, "ping")
	nc.CloseWrite()
	if got := expectEnd(t, nc); got != "ping" {
		t.Errorf("got %q", got)
	}
	if err := wait(t, closed); err != io.EOF {
		t.Errorf("Close got %v, want io.EOF", err)
	}
}

func TestCloseAfterFlush(t *testing.T) {
	closed := make(chan error, 1)
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<19)
	h := &funcs{
		data: func(c *Conn, p []byte) {
			c.Out = append(c.Out, big...)
			c.CloseAfterFlush()
			c.CloseAfterFlush()
		},
		close: func(_ *Conn, err error) { closed <- err },
	}
	_, addr := start(t, Options{NewConn: always(h)})
	nc := dial(t, addr)
	send(t, nc, "go")
	if got := expectEnd(t, nc); got != string(big) {
		t.Errorf("got %d bytes, want %d", len(got), len(big))
	}
	if err := wait(t, closed); err != nil {
		t.Errorf("Close got %v, want nil", err)
	}

	// A peer that does not read is waited for no longer than FlushTimeout.
	conns := make(chan *Conn, 1)
	h2 := &funcs{data: h.data, close: h.close}
	_, addr = start(t, Options{NewConn: func(c *Conn) Handler { conns <- c; return h2 }})
	nc = dial(t, addr)
	send(t, nc, "go")
	c := wait(t, conns)
	eventually(t, "closing", func() (yes bool) {
		on(t, c.Loop(), func() {
			if yes = c.closing; yes {
				if c.deadline < c.Loop().Mono()+FlushTimeout/2 {
					t.Error("deadline too early")
				}
				c.deadline = c.Loop().Mono()
			}
		})
		return yes
	})
	if err := wait(t, closed); err != ErrFlushTimeout {
		t.Errorf("Close got %v, want ErrFlushTimeout", err)
	}
}

// TestRefused: a nil Handler refuses a connection, with a word if it likes.
func TestRefused(t *testing.T) {
	_, addr := start(t, Options{NewConn: func(c *Conn) Handler {
		c.Out = append(c.Out, "-ERR max number of clients reached\r\n"...)
		return nil
	}})
	nc := dial(t, addr)
	if got := expectEnd(t, nc); got != "-ERR max number of clients reached\r\n" {
		t.Errorf("got %q", got)
	}
}

// TestCloseEverywhere closes a connection, and others of its loop, from every callback there is. Each must get
// exactly one Close and nothing after it.
func TestCloseEverywhere(t *testing.T) {
	boom := errors.New("boom")
	var mode atomic.Int32 // which callback closes
	var opened, closed atomic.Int64
	type state struct{ dead bool }
	use := func(t *testing.T, c *Conn) {
		if c.User.(*state).dead {
			t.Error("callback after Close")
		}
	}
	closeAll := func(l *Loop) { l.Each(func(c *Conn) { c.Close(boom); c.Close(nil); c.Dirty(); c.Pause(); c.Resume() }) }
	h := &funcs{
		data: func(c *Conn, p []byte) {
			use(t, c)
			echo(c, p)
			if mode.Load() == 0 {
				closeAll(c.Loop())
				c.Out = append(c.Out, "late"...)
				c.Dirty()
				c.CloseAfterFlush()
			}
			if mode.Load() == 1 {
				c.Loop().Post(func() { closeAll(c.Loop()) })
			}
		},
		close: func(c *Conn, err error) {
			use(t, c)
			c.User.(*state).dead = true
			closed.Add(1)
			c.Loop().Each(func(o *Conn) { o.Out = append(o.Out, "bye"...); o.Dirty() })
			if mode.Load() == 4 {
				closeAll(c.Loop())
			}
			if c.LocalAddr() == "" {
				t.Error("no local address inside Close")
			}
		},
	}
	g, addr := start(t, Options{
		NewConn: func(c *Conn) Handler {
			opened.Add(1)
			c.User = &state{}
			if mode.Load() == 5 {
				c.Close(boom)
			}
			return h
		},
		BatchStart: func(l *Loop) {
			if mode.Load() == 2 {
				closeAll(l)
			}
		},
		BatchEnd: func(l *Loop) {
			if mode.Load() == 3 {
				closeAll(l)
			}
		},
		Tick: func(l *Loop) {
			if mode.Load() == 6 {
				closeAll(l)
			}
		},
	})
	round := int64(0) // of mode 4
	for m := range int32(7) {
		mode.Store(m)
		for range 5 {
			eventually(t, "idle loops", func() bool { return g.loops[0].load.Load() == 0 && g.loops[1].load.Load() == 0 })
			conns := make([]*net.TCPConn, 20)
			for i := range conns {
				conns[i] = dial(t, addr)
				conns[i].Write([]byte("hello"))
			}
			if m == 4 {
				round++
				eventually(t, "all served", func() bool { return opened.Load() == (4*5+round)*20 })
				conns[0].Close()
				conns[1].Close() // one per loop, as both loops were idle
			}
			for i, nc := range conns {
				if m == 4 && i < 2 {
					continue
				}
				expectEnd(t, nc)
			}
		}
	}
	eventually(t, "each opened connection closed once", func() bool { return opened.Load() == closed.Load() })
	if opened.Load() != 7*5*20 {
		t.Errorf("%d opened", opened.Load())
	}
}

// TestReuse churns through descriptors: bytes for one connection must never reach the next one with its number.
func TestReuse(t *testing.T) {
	var wrong atomic.Int64
	h := &funcs{data: func(c *Conn, p []byte) {
		if c.User == nil {
			c.User = string(p)
		}
		for i := 0; i+8 <= len(p); i += 8 {
			if string(p[i:i+8]) != c.User.(string)[:8] {
				wrong.Add(1)
			}
		}
		echo(c, p)
		if rand.IntN(3) == 0 {
			c.Close(nil)
		}
	}}
	_, addr := start(t, Options{NewConn: always(h)})
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 200 {
				nc, err := net.Dial("tcp", addr)
				if err != nil {
					t.Error(err)
					return
				}
				nc.SetDeadline(time.Now().Add(patience))
				msg := fmt.Sprintf("%02d-%05d", w, i)
				buf := make([]byte, 8)
				for range 4 {
					nc.Write([]byte(msg))
					if n, err := io.ReadFull(nc, buf); err != nil {
						break
					} else if string(buf[:n]) != msg {
						t.Errorf("client %s got %q", msg, buf[:n])
					}
				}
				nc.Close()
			}
		})
	}
	wg.Wait()
	if wrong.Load() > 0 {
		t.Errorf("%d messages of strangers", wrong.Load())
	}
}
