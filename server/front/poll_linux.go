//go:build linux && !front_portable

package front

import (
	"encoding/binary"
	"io"
	"os"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Linux: one epoll set per loop, level-triggered. Level rather than edge, because a batch reads a connection once and
// leaves the rest for the next one: with edges the loop would have to remember who is not finished.
//
// The hot calls (recv, send, epoll_wait without waiting) are raw: they never block, so there is no reason to tell the
// Go scheduler, which costs time on the way in and out and lets it give the loop's processor to another thread. A
// wait that may block does tell it, so that an idle loop holds no processor. Before blocking, a loop asks once without
// waiting; under load there is nearly always something, and the scheduler never hears of it.

const (
	wakeEvent = -1 // EpollEvent.Fd of the eventfd; smaller values name listeners, the others are Conn.slot

	writableEvents = unix.EPOLLOUT | unix.EPOLLERR | unix.EPOLLHUP
	goneEvents     = unix.EPOLLERR | unix.EPOLLHUP

	// discardReads bounds what is thrown away of a peer's unread bytes before a polite close, in reads of
	// readBufferSize. With unread bytes the kernel would send a reset, and on some systems a reset overtakes the last
	// reply, commonly the error that says why the connection is closed.
	discardReads = 4
)

// poller is a loop's epoll set and what it has to say.
type poller struct {
	epoll int
	event int // eventfd; edge-triggered, so it is written and never read

	ready  int // events[:ready] are to be dispatched
	events [eventsPerBatch]unix.EpollEvent
	buf    []byte // the shared read buffer

	throttled []int // listeners out of the set until the next tick, as accepting from them failed
}

func (p *poller) open() (err error) {
	if p.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	if p.event, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		unix.Close(p.epoll)
		return os.NewSyscallError("eventfd", err)
	}
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: wakeEvent}
	if err = unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, p.event, &ev); err != nil {
		p.close()
		return os.NewSyscallError("epoll_ctl", err)
	}
	p.buf = make([]byte, readBufferSize)
	return nil
}

// lastWrites has nothing to wait for: what the peers take is written when flush returns.
func (p *poller) lastWrites(*Loop) {}

func (p *poller) close() {
	unix.Close(p.event)
	unix.Close(p.epoll)
}

// start prepares the loop's goroutine and returns what ends it.
func (p *poller) start() (release func()) {
	runtime.LockOSThread()
	return runtime.UnlockOSThread
}

// wake ends the wait of another thread. The eventfd's counter never overflows: it counts to 2^64.
func (p *poller) wake() {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	_, _ = unix.Write(p.event, one[:])
}

// wait collects events, for at most the given time.
func (p *poller) wait(l *Loop, patience time.Duration) {
	p.ready = rawEpollWait(p.epoll, p.events[:])
	if p.ready > 0 || patience == 0 {
		return
	}
	l.asleep.Store(true)
	if l.posted.Load() == 0 { // looked at after saying that we sleep: a post from here on wakes us
		ms := int((patience + time.Millisecond - 1) / time.Millisecond)
		n, err := unix.EpollWait(p.epoll, p.events[:], ms)
		if err == nil {
			p.ready = n
		}
	}
	l.asleep.Store(false)
}

// idle says whether wait found no events.
func (p *poller) idle() bool { return p.ready == 0 }

// dispatch works through the events of a batch.
func (p *poller) dispatch(l *Loop) {
	for i := range p.events[:p.ready] {
		ev := &p.events[i]
		switch {
		case ev.Fd == wakeEvent:
		case ev.Fd < wakeEvent:
			p.acceptable(l, int(wakeEvent-1-ev.Fd))
		case int(ev.Fd) < len(l.conns):
			// A descriptor is closed only after a batch's events were looked at, and taken out of the set before, so
			// the generation always fits. It is checked nevertheless: the price of a stranger's bytes is too high.
			if c := l.conns[ev.Fd]; c != nil && c.generation == uint32(ev.Pad) && !c.closed {
				c.ready(ev.Events)
			}
		}
	}
	p.ready = 0
}

// tick listens again where accepting had failed.
func (p *poller) tick(l *Loop) {
	still := p.throttled[:0]
	for _, index := range p.throttled {
		ln := (*l.group.listeners.Load())[index]
		if err := p.listen(ln, index); err != nil {
			l.group.acceptFailed(ln, err)
			still = append(still, index)
		}
	}
	p.throttled = still
}

// sock is the descriptor of a Conn.
type sock struct {
	fd       int32
	interest uint32 // events asked for; 0 = not in the set
	halfShut bool   // EPOLLRDHUP has been seen, and is not worth seeing again
	gone     bool   // fd is closed
}

func (s *sock) inFlight() int { return 0 }
func (s *sock) number() int   { return int(s.fd) }
func (s *sock) discard()      { unix.Close(int(s.fd)) }

func (s *sock) localAddr() string {
	if s.gone {
		return ""
	}
	sa, err := unix.Getsockname(int(s.fd))
	if err != nil {
		return ""
	}
	return addrPortOfSockaddr(sa).String()
}

// register puts the connection into its loop's epoll set.
func (c *Conn) register() error {
	return c.control(unix.EPOLL_CTL_ADD, unix.EPOLLIN)
}

// release takes the descriptor out of the set and closes it. Closing alone would do for the set too, were it not for
// copies of the descriptor: one that a child has between fork and exec would go on delivering events.
func (c *Conn) release() {
	if c.sock.interest != 0 {
		_ = unix.EpollCtl(c.loop.poll.epoll, unix.EPOLL_CTL_DEL, int(c.sock.fd), nil) // it is in the set: this cannot fail
	}
	c.sock.gone = true
	unix.Close(int(c.sock.fd))
}

// want brings the events asked for up to date with the connection's state.
func (c *Conn) want() {
	var events uint32
	switch {
	case c.reads():
		events = unix.EPOLLIN
	case !c.sock.halfShut && !c.closing && !c.eof:
		events = unix.EPOLLRDHUP
	}
	if c.blocked {
		events |= unix.EPOLLOUT
	}
	if events == 0 {
		events = goneEvents // always reported; here so that interest is never 0
	}
	if !c.closed && events != c.sock.interest {
		if err := c.control(unix.EPOLL_CTL_MOD, events); err != nil {
			c.Close(err)
		}
	}
}

func (c *Conn) control(op int, events uint32) error {
	ev := unix.EpollEvent{Events: events, Fd: c.slot, Pad: int32(c.generation)}
	if err := unix.EpollCtl(c.loop.poll.epoll, op, int(c.sock.fd), &ev); err != nil {
		return os.NewSyscallError("epoll_ctl", err)
	}
	c.sock.interest = events
	return nil
}

// resumed is the rest of Resume. Pause itself asks for nothing: only if the peer sends something meanwhile does the
// event show that it is unwanted, so a pause shorter than that costs no system call.
func (c *Conn) resumed() { c.want() }

// ready handles one event.
func (c *Conn) ready(events uint32) {
	if c.blocked && events&writableEvents != 0 {
		c.blocked = false
		c.flush()
		if !c.blocked && !c.closed {
			c.drained()
		}
		c.want()
	}
	switch {
	case c.closed:
	case c.reads():
		// A hang-up is met by reading, too: what the peer sent before it is still to be read.
		if events&^unix.EPOLLOUT != 0 {
			c.read()
		}
	case events&goneEvents != 0:
		c.Close(c.failure())
	default:
		if events&unix.EPOLLRDHUP != 0 {
			c.peerShut()
		}
		c.want() // an unwanted EPOLLIN is what brought us here
	}
}

// read reads once.
func (c *Conn) read() {
	buf := c.loop.poll.buf
	n, errno := rawRecv(c.sock.fd, buf)
	switch {
	case n > 0:
		c.deliver(buf[:n])
	case errno == unix.EAGAIN || errno == unix.EINTR:
	case errno != 0:
		c.Close(os.NewSyscallError("read", errno))
	default:
		c.shut()
	}
}

// shut handles the end of the peer's bytes: where the connection does not stay, the output of this batch is tried once and then it
// is closed.
func (c *Conn) shut() {
	if c.ended() {
		c.want()
	}
	c.Dirty()
}

// peerShut handles the end of the bytes of a peer that is not being read. If it left none unread it is gone, which
// matters to whoever waits on its behalf; else that is found out again once the bytes were read.
func (c *Conn) peerShut() {
	var b [1]byte
	n, _, err := unix.Recvfrom(int(c.sock.fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	if n == 0 && err == nil {
		c.shut()
		return
	}
	c.sock.halfShut = true
	if h, ok := c.handler.(ShutWatcher); ok {
		h.Shut(c)
	}
}

// failure is why the connection broke.
func (c *Conn) failure() error {
	errno, err := unix.GetsockoptInt(int(c.sock.fd), unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && errno != 0 {
		return os.NewSyscallError("read", syscall.Errno(errno))
	}
	return io.EOF
}

// flush writes once what there is of output and not held, and looks after the connection if the peer does not take it all.
func (c *Conn) flush() {
	end := c.free()
	if !c.blocked && c.sent < end {
		n, errno := rawSend(c.sock.fd, c.Out[c.sent:end])
		switch {
		case n > 0:
			c.sent += n
		case errno != 0 && errno != unix.EAGAIN && errno != unix.EINTR && errno != unix.ENOBUFS:
			c.Close(os.NewSyscallError("write", errno))
			return
		}
		// Less than all means that the socket's buffer is full: trying again now would only say so.
		c.blocked = c.sent < end
	}
	switch {
	case c.sent == len(c.Out):
		c.written()
		if c.closing {
			c.discardInput()
			c.Close(nil)
			return
		}
	case c.sent >= readBufferSize && c.sent >= len(c.Out)-c.sent:
		// Moving the rest to the front only once it is the smaller half keeps the cost of all moves together below
		// the cost of the writes.
		c.base += int64(c.sent)
		c.Out = c.Out[:copy(c.Out, c.Out[c.sent:])]
		c.sent = 0
	}
	switch {
	case c.eof && !c.stays:
		c.Close(io.EOF)
	case c.blocked:
		c.want()
	}
}

func (c *Conn) discardInput() {
	for range discardReads {
		if n, _ := rawRecv(c.sock.fd, c.loop.poll.buf); n < readBufferSize {
			return
		}
	}
}
