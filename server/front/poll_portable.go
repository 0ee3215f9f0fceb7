//go:build !linux || front_portable

package front

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// Systems without epoll: a goroutine per connection reads and hands what it got to the loop, and a goroutine per write
// takes the output away. Everything comes to the loop as a posted function; those of connections are not bounded by
// MaxPosted, as each connection has at most one read and one write under way.

const (
	// portableBuffer is the read buffer of one connection, in bytes; here every connection owns one. A larger write also counts
	// as one that the peer makes wait.
	portableBuffer = 16 << 10

	// acceptPause is how long a listener rests after accepting failed, as it does for lack of descriptors.
	acceptPause = TickInterval

	// lastWriteTime is how long Group.Close lets last writes take: they need a moment to start, but a peer that does
	// not read must not hold up the end.
	lastWriteTime = TickInterval
)

type poller struct {
	woken chan struct{}
	timer *time.Timer
}

func (p *poller) open() error {
	p.woken = make(chan struct{}, 1)
	p.timer = time.NewTimer(0)
	return nil
}

func (p *poller) close()                           { p.timer.Stop() }
func (p *poller) start() func()                    { return func() {} }
func (p *poller) idle() bool                       { return true }
func (p *poller) dispatch(*Loop)                   {}
func (p *poller) tick(*Loop)                       {}
func (s *sock) inFlight() int                      { return s.flying }
func (s *sock) number() int                        { return -1 }
func (s *sock) discard()                           { s.nc.Close() }
func (s *listenSock) close()                       { s.nl.Close() }
func (c *Conn) resumed()                           { c.loop.postAlways(c.arrived) }
func limitMode(syscall.RawConn, os.FileMode) error { return nil }

// lastWrites waits, for lastWriteTime at most, until the writes under way are done.
func (p *poller) lastWrites(l *Loop) {
	deadline := time.Now().Add(lastWriteTime)
	l.Each(func(c *Conn) { c.sock.nc.SetWriteDeadline(deadline) })
	l.Each(func(c *Conn) {
		if c.sock.flying > 0 {
			<-c.sock.landed
		}
	})
}

func (p *poller) wake() {
	select {
	case p.woken <- struct{}{}:
	default:
	}
}

func (p *poller) wait(l *Loop, patience time.Duration) {
	if patience == 0 {
		return
	}
	l.asleep.Store(true)
	if l.posted.Load() == 0 { // looked at after saying that we sleep: a post from here on wakes us
		p.timer.Reset(patience)
		select {
		case <-p.woken:
		case <-p.timer.C:
		}
	}
	l.asleep.Store(false)
}

// sock is the connection under a Conn, and what is on its way from and to it.
type sock struct {
	nc     net.Conn
	next   chan struct{} // tells the reader that its buffer is free again; closed when the connection is
	got    []byte        // what the reader has read and the handler not yet seen
	err    error         // that the reader ended with
	flying int           // bytes of the write under way
	landed chan struct{} // closed when that is done
}

func detach(nc net.Conn) (sock, error) {
	switch nc.(type) {
	case *net.TCPConn, *net.UnixConn:
		return sock{nc: nc}, nil
	}
	return sock{}, errors.New("neither a TCP nor a unix connection")
}

func (s *sock) localAddr() string {
	addr, ok := addrPortOf(s.nc.LocalAddr())
	if ok || addr == (netip.AddrPort{}) {
		return ""
	}
	return addr.String()
}

// register starts the reader.
func (c *Conn) register() error {
	c.sock.next = make(chan struct{}, 1)
	nc, next := c.sock.nc, c.sock.next
	c.loop.group.wg.Go(func() {
		buf := make([]byte, portableBuffer)
		for {
			n, err := nc.Read(buf)
			ok := c.loop.postAlways(func() {
				c.sock.got, c.sock.err = buf[:n], err
				c.arrived()
			})
			if _, open := <-next; !open || !ok || err != nil {
				return
			}
		}
	})
	return nil
}

// release closes the connection, by which its goroutines end.
func (c *Conn) release() {
	c.sock.nc.Close()
	if c.sock.next != nil {
		close(c.sock.next)
	}
}

// arrived looks at what the reader has got, now or when reading goes on.
func (c *Conn) arrived() {
	s := &c.sock
	if c.closed || c.closing || c.eof {
		return
	}
	if len(s.got) > 0 && !c.paused {
		p := s.got
		s.got = nil
		c.deliver(p)
		if s.err == nil && !c.closed {
			s.next <- struct{}{}
		}
	}
	switch {
	case len(s.got) > 0 || s.err == nil || c.closed:
	case errors.Is(s.err, io.EOF):
		// The output of this batch is written, if the peer takes it within the time of CloseAfterFlush.
		if !c.ended() {
			c.CloseAfterFlush()
		}
	default:
		c.Close(s.err)
	}
}

// flush hands the output to a goroutine, unless the one before is still at work.
func (c *Conn) flush() {
	switch {
	case c.sock.flying > 0:
		c.blocked = true
	case c.free() > 0:
		buf := c.takeFree()
		landed := make(chan struct{})
		c.sock.flying, c.sock.landed = len(buf), landed
		c.loop.group.wg.Go(func() {
			_, err := c.sock.nc.Write(buf)
			close(landed)
			c.loop.postAlways(func() { c.wrote(buf, err) })
		})
	case c.closing && len(c.Out) == 0:
		c.finish()
	}
}

// takeFree takes what may be written out of Out.
func (c *Conn) takeFree() []byte {
	end := c.free()
	buf, rest := c.Out[:end], c.Out[end:]
	c.base += int64(end)
	c.Out = nil
	if len(rest) > 0 {
		c.Out = append(c.loop.pool.get(len(rest)), rest...)
	}
	return buf
}

// wrote is called on the loop when a write is done.
func (c *Conn) wrote(buf []byte, err error) {
	c.sock.flying = 0
	// Every write is waited for here. Drained is told of those that a handler may have seen as a backlog.
	waited := c.blocked || len(buf) > portableBuffer
	c.loop.pool.note(len(buf))
	c.loop.pool.put(buf)
	switch {
	case c.closed:
	case err != nil:
		c.Close(err)
	case c.free() > 0:
		c.blocked = waited
		c.flush()
	case c.closing && len(c.Out) == 0:
		c.finish()
	default:
		c.blocked = false
		if waited {
			c.drained()
		}
	}
}

// finish closes a connection whose last byte is written.
func (c *Conn) finish() {
	if c.eof {
		c.Close(io.EOF)
	} else {
		c.Close(nil)
	}
}

// listenSock is the socket of a listener.
type listenSock struct{ nl net.Listener }

func (s *listenSock) open(nl net.Listener) error {
	s.nl = nl
	return nil
}

// accept starts the listener's goroutine.
func (g *Group) accept(ln *listener, _ int) error {
	nl := ln.mu.sock.nl
	g.wg.Go(func() {
		for {
			nc, err := nl.Accept()
			switch {
			case err == nil:
				g.accepted(ln, nc)
			case errors.Is(err, net.ErrClosed):
				return
			default:
				g.acceptFailed(ln, err)
				time.Sleep(acceptPause)
			}
		}
	})
	return nil
}

func (g *Group) accepted(ln *listener, nc net.Conn) {
	l := g.pick()
	c := &Conn{loop: l, ln: ln, accepted: true, sock: sock{nc: nc}}
	c.remote, c.isUnix = addrPortOf(nc.RemoteAddr())
	if tcp, ok := nc.(*net.TCPConn); ok {
		if d := time.Duration(g.keepAlive.Load()); d > 0 {
			tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: d, Interval: max(time.Second, d/3), Count: 3})
		}
	}
	if !l.postAlways(func() { l.open(c, g.opts.NewConn) }) {
		l.load.Add(-1)
		nc.Close()
	}
}
