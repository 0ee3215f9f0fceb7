//go:build linux && !front_portable

package front

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// All loops watch all listeners, exclusively: of those asleep the kernel wakes one. Whoever gets to it accepts, and
// hands the connection to the loop that Group.pick names, so a busy loop neither delays nor skews the others.

// maxKeepIdle is the most that the kernel takes for TCP_KEEPIDLE, in seconds.
const maxKeepIdle = 32767

// listenSock is the descriptor of a listener.
type listenSock struct{ fd int }

func (s *listenSock) open(nl net.Listener) (err error) {
	s.fd, err = dupSocket(nl)
	nl.Close()
	return err
}

func (s *listenSock) close() { unix.Close(s.fd) }

// limitMode keeps the file of a unix socket that is about to be bound from ever having more permissions than perm.
func limitMode(raw syscall.RawConn, perm os.FileMode) error {
	var err error
	if cerr := raw.Control(func(fd uintptr) { err = unix.Fchmod(int(fd), uint32(perm)) }); cerr != nil {
		return cerr
	}
	return os.NewSyscallError("fchmod", err)
}

// accept has all loops watch a listener.
func (g *Group) accept(ln *listener, index int) error {
	for _, l := range g.loops {
		if err := l.poll.listen(ln, index); err != nil {
			return err
		}
	}
	return nil
}

// listen puts a listener into the loop's epoll set.
func (p *poller) listen(ln *listener, index int) error {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	if ln.mu.closed {
		return nil
	}
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLEXCLUSIVE, Fd: int32(wakeEvent - 1 - index)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, ln.mu.sock.fd, &ev))
}

// throttle takes a listener out of the loop's set until the next tick. Level-triggered, it would otherwise report the
// connection that cannot be accepted for as long as it cannot.
func (p *poller) throttle(ln *listener, index int) {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	if !ln.mu.closed {
		_ = unix.EpollCtl(p.epoll, unix.EPOLL_CTL_DEL, ln.mu.sock.fd, nil) // it is in the set: this cannot fail
		p.throttled = append(p.throttled, index)
	}
}

// acceptable accepts connections, up to acceptsPerBatch.
func (p *poller) acceptable(l *Loop, index int) {
	g := l.group
	ln := (*g.listeners.Load())[index]
	for range acceptsPerBatch {
		fd, sa, err := ln.acceptOne()
		switch {
		case err == nil:
			g.accepted(l, ln, fd, sa)
		case errors.Is(err, unix.EAGAIN), errors.Is(err, net.ErrClosed):
			return
		case errors.Is(err, unix.ECONNABORTED), errors.Is(err, unix.EINTR), errors.Is(err, unix.EPERM),
			errors.Is(err, unix.EPROTO):
			// this one is gone, or a firewall forbids it: on to the next
		default:
			// EMFILE, ENFILE, ENOBUFS, ENOMEM, and whatever else would not be better at once. Who waits to be accepted
			// goes on waiting in the backlog.
			g.acceptFailed(ln, os.NewSyscallError("accept4", err))
			p.throttle(ln, index)
			return
		}
	}
}

func (ln *listener) acceptOne() (fd int, sa unix.Sockaddr, err error) {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	if ln.mu.closed {
		return -1, nil, net.ErrClosed
	}
	return unix.Accept4(ln.mu.sock.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
}

// accepted hands a new connection to its loop; l is the calling one.
func (g *Group) accepted(l *Loop, ln *listener, fd int, sa unix.Sockaddr) {
	target := g.pick()
	c := &Conn{loop: target, ln: ln, accepted: true, isUnix: ln.path != "", sock: sock{fd: int32(fd)}}
	if !c.isUnix {
		c.remote = addrPortOfSockaddr(sa)
		setTCPOptions(fd, time.Duration(g.keepAlive.Load()))
	}
	switch {
	case target == l:
		l.open(c, g.opts.NewConn)
	case !target.postAlways(func() { target.open(c, g.opts.NewConn) }):
		target.load.Add(-1)
		c.sock.discard()
	}
}

// setTCPOptions turns off Nagle's algorithm, which a server that writes whole batches can only lose by, and turns on
// probes of silent peers: after the keepalive time, then three at a third of it, as Redis does. It can fail only for
// a peer that is gone already, which reading will tell.
func setTCPOptions(fd int, keepAlive time.Duration) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if keepAlive <= 0 {
		return
	}
	seconds := int(min(max(1, keepAlive/time.Second), maxKeepIdle))
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, seconds)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, max(1, seconds/3))
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 3)
}
