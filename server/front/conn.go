package front

import (
	"net"
	"net/netip"
	"time"
)

// A Conn is one connection. It belongs to its loop: unless said otherwise, its fields and methods may be used on the
// loop's goroutine only. An idle Conn owns no buffer. After Close was called all methods are harmless.
type Conn struct {
	// Out is the output. Append to it, then call Dirty; change nothing that is already in it. Inside Data it has some
	// capacity, lent by the loop; elsewhere call Reserve first if the output is not tiny.
	Out []byte

	// User is the server's own.
	User any

	handler Handler
	loop    *Loop
	err     error // for the Close callback
	sock    sock
	ln      *listener // that accepted it; nil if adopted
	remote  netip.AddrPort

	sent       int           // bytes at the front of Out that are written already
	base       int64         // offset of Out's first byte in all output
	heldFrom   int64         // offset from which on output must wait for Release, if held
	deadline   time.Duration // of CloseAfterFlush, on Loop.Mono
	slot       int32         // in Loop.conns
	generation uint32        // tells apart connections that had the same slot

	accepted bool // counted in Loop.load
	isUnix   bool
	dirty    bool // in Loop.dirty
	blocked  bool // the peer takes no more for now: waiting until it does
	held     bool // Hold was called, and Release of all since then was not
	paused   bool // Pause was called
	closing  bool // CloseAfterFlush was called
	eof      bool // the peer will send no more
	stays    bool // and the handler closes nevertheless when it is through (Ender)
	closed   bool // in Loop.dead, or past it
}

// Loop returns the loop that serves the connection. It may be called from any goroutine.
func (c *Conn) Loop() *Loop { return c.loop }

// Dirty has Out written at the end of the current batch. It costs next to nothing when already called.
func (c *Conn) Dirty() {
	if c.dirty {
		return
	}
	if c.closed {
		c.Out, c.sent = nil, 0
		return
	}
	c.dirty = true
	c.loop.dirty = append(c.loop.dirty, c)
}

// Reserve makes room for n more bytes in Out, from the loop's pool of buffers where possible. It may move Out: copies
// of the slice made before must not be used any more.
func (c *Conn) Reserve(n int) {
	if cap(c.Out)-len(c.Out) >= n {
		return
	}
	old := c.Out
	room := len(old) + n
	if room > 1<<(poolMinShift+poolClasses-1) {
		room += room / 4 // no size class rounds it up, and a long backlog must not be copied for each small reply
	}
	c.Out = append(c.loop.pool.get(room), old...)
	c.loop.pool.put(old)
}

// easeAt is the number of bytes of output from which on [Conn.Ease] writes: with a reply of as much behind them they fill the largest
// buffer that is lent.
const easeAt = 1 << (poolMinShift + maxLent - 1)

// Ease writes the output now if it is large. A handler calls it between the requests of a batch: large replies then leave from a few
// buffers that are in the processor's cache, and do not pile up, for all connections of the batch, in memory that must be found first.
func (c *Conn) Ease() {
	if c.free()-c.sent < easeAt || c.blocked || c.closing || c.eof || c.closed {
		return
	}
	c.flush()
	if cap(c.Out) == 0 && !c.closed {
		c.Out = c.loop.pool.lend()
	}
}

// Produced returns the offset after the last byte of output, counted from the first that the connection ever had.
func (c *Conn) Produced() int64 { return c.base + int64(len(c.Out)) }

// Hold keeps the output from an offset on from being written until Release. Where output is held already, that offset stands.
func (c *Conn) Hold(from int64) {
	if !c.held {
		c.held, c.heldFrom = true, from
	}
}

// Release lets output that was held be written up to an offset; what lies beyond stays held, if there is any.
func (c *Conn) Release(upTo int64) {
	if !c.held {
		return
	}
	c.held, c.heldFrom = upTo < c.Produced(), upTo
	c.Dirty()
}

// free is the length of the part of Out that may be written.
func (c *Conn) free() int {
	if c.held {
		return min(len(c.Out), int(max(0, c.heldFrom-c.base)))
	}
	return len(c.Out)
}

// Backlog returns the number of bytes of output that are not written yet.
func (c *Conn) Backlog() int { return len(c.Out) - c.sent + c.sock.inFlight() }

// Pause stops calls of Data until Resume; what the peer sends waits in the operating system, and the peer with it.
// A peer that goes away is noticed nevertheless, unless it left bytes unread.
func (c *Conn) Pause() { c.paused = true }

// Resume ends Pause. Data is called in a later batch.
func (c *Conn) Resume() {
	if c.paused {
		c.paused = false
		c.resumed()
	}
}

// Paused says whether Pause is in force.
func (c *Conn) Paused() bool { return c.paused }

// CloseAfterFlush stops reading and closes the connection once its output is written, or FlushTimeout has passed.
func (c *Conn) CloseAfterFlush() {
	if c.closed || c.closing {
		return
	}
	c.closing = true
	c.deadline = c.loop.mono + FlushTimeout
	c.loop.lingering = append(c.loop.lingering, c)
	c.Dirty()
}

// Close closes the connection without writing what is left of its output. The handler's Close gets err, later in
// the same batch. Only the first call counts.
func (c *Conn) Close(err error) {
	if c.closed {
		return
	}
	c.closed = true
	c.err = err
	c.loop.dead = append(c.loop.dead, c)
}

// Closed says whether the connection is closed, or about to be without more callbacks than Close.
func (c *Conn) Closed() bool { return c.closed }

// IsUnix says whether this is a unix socket. It may be called from any goroutine.
func (c *Conn) IsUnix() bool { return c.isUnix }

// RemoteAddr returns the peer's "host:port", and for a unix socket, whose peers have no address, the path that it
// connected to with ":0" appended, as Redis shows it. It may be called from any goroutine and costs an allocation.
func (c *Conn) RemoteAddr() string {
	if c.isUnix {
		return c.unixAddr()
	}
	return c.remote.String()
}

// LocalAddr returns this side's "host:port", or what RemoteAddr returns for a unix socket. After the handler's Close
// returned it is "".
func (c *Conn) LocalAddr() string {
	if c.isUnix {
		return c.unixAddr()
	}
	return c.sock.localAddr()
}

// FD returns the number of the descriptor, as shown to users; -1 where there is none.
func (c *Conn) FD() int { return c.sock.number() }

func (c *Conn) unixAddr() string {
	if c.ln != nil {
		return c.ln.path + ":0"
	}
	return "unix:0"
}

// reads says whether Data may be called.
func (c *Conn) reads() bool { return !c.paused && !c.closing && !c.eof && !c.closed }

// deliver hands bytes to the handler. Out is lent a buffer for the time, so that handlers need not care where the
// memory of a reply comes from.
func (c *Conn) deliver(p []byte) {
	pool := &c.loop.pool
	if cap(c.Out) == 0 {
		c.Out = pool.lend()
	}
	c.handler.Data(c, p)
	if len(c.Out) == 0 {
		pool.put(c.Out)
		c.Out = nil
	}
}

// written is called when the last byte of Out is: the buffer goes back to the pool.
func (c *Conn) written() {
	pool := &c.loop.pool
	pool.note(len(c.Out))
	pool.put(c.Out)
	c.base += int64(len(c.Out))
	c.Out, c.sent = nil, 0
}

// ended notes the end of the peer's bytes and reports whether the connection stays for what the handler still owes.
func (c *Conn) ended() bool {
	c.eof = true
	e, ok := c.handler.(Ender)
	c.stays = ok && e.Ended(c)
	return c.stays
}

// drained tells the handler that a backlog is gone.
func (c *Conn) drained() {
	if c.handler != nil && !c.closed && !c.closing && !c.eof {
		c.handler.Drained(c)
	}
}

// addrPortOf splits a net.Addr into what a Conn keeps of it.
func addrPortOf(a net.Addr) (addr netip.AddrPort, isUnix bool) {
	switch a := a.(type) {
	case *net.TCPAddr:
		ap := a.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), false
	case *net.UnixAddr:
		return netip.AddrPort{}, true
	}
	return netip.AddrPort{}, false
}

// addrString is a.String(), also where there is no address.
func addrString(a net.Addr) string {
	if a == nil {
		return ""
	}
	return a.String()
}
