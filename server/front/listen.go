package front

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// unixProbeTimeout bounds the attempt to find out whether somebody listens on a socket file. The answer comes from
// this machine's kernel; only a peer with a full backlog makes it wait.
const unixProbeTimeout = time.Second

// A listener is one listening socket, shared by all loops of a group.
type listener struct {
	addr net.Addr
	path string      // of a unix socket; "" for TCP
	file os.FileInfo // of the socket file that was made; nil if none was

	// mu guards the socket against being closed (and its descriptor reused) while a loop accepts from it. It is
	// held for one system call and innermost.
	mu struct {
		sync.Mutex
		sock   listenSock
		closed bool
	}
}

// ListenTCP accepts connections to addr ("host:port"; port 0 chooses one) and returns the address listened on. It may
// be called for several addresses.
func (g *Group) ListenTCP(addr string) (net.Addr, error) {
	// Multipath TCP, the default of package net, makes every read and write dearer and gives a cache nothing.
	lc := net.ListenConfig{KeepAlive: -1}
	lc.SetMultipathTCP(false)
	nl, err := lc.Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("front: %w", err)
	}
	ln := &listener{addr: nl.Addr()}
	if err := g.serve(ln, nl); err != nil {
		return nil, err
	}
	return ln.addr, nil
}

// ListenUnix accepts connections to a unix socket at path whose file has the permissions perm. The file of a process
// that is gone is replaced; a file that is no socket, or that somebody listens on, is an error. CloseListeners
// removes the file.
func (g *Group) ListenUnix(path string, perm fs.FileMode) error {
	perm = perm.Perm()
	if err := removeStaleSocket(path); err != nil {
		return fmt.Errorf("front: %w", err)
	}
	lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error { return limitMode(raw, perm) }}
	nl, err := lc.Listen(context.Background(), "unix", path)
	if err != nil {
		return fmt.Errorf("front: %w", err)
	}
	nl.(*net.UnixListener).SetUnlinkOnClose(false) // the socket outlives nl; see unlink
	ln := &listener{addr: nl.Addr(), path: path}
	if err = os.Chmod(path, perm); err == nil {
		ln.file, err = os.Lstat(path)
	}
	if err != nil {
		nl.Close()
		os.Remove(path)
		return fmt.Errorf("front: %w", err)
	}
	return g.serve(ln, nl)
}

// serve hands a listening socket to the loops. It owns nl.
func (g *Group) serve(ln *listener, nl net.Listener) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mu.closed {
		nl.Close()
		ln.unlink()
		return ErrClosed
	}
	old := *g.listeners.Load()
	index := len(old)
	if err := ln.mu.sock.open(nl); err != nil {
		ln.unlink()
		return fmt.Errorf("front: %w", err)
	}
	list := append(old[:index:index], ln)
	g.listeners.Store(&list) // before the first event can name its index
	if err := g.accept(ln, index); err != nil {
		ln.close()
		return fmt.Errorf("front: %w", err)
	}
	return nil
}

// CloseListeners stops accepting connections, on all addresses. Those accepted stay.
func (g *Group) CloseListeners() {
	for _, ln := range *g.listeners.Load() {
		ln.close()
	}
}

func (ln *listener) close() {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	if !ln.mu.closed {
		ln.mu.closed = true
		ln.mu.sock.close()
		ln.unlink()
	}
}

// unlink removes the socket file, unless another process has put its own there since.
func (ln *listener) unlink() {
	if ln.file == nil {
		return
	}
	if now, err := os.Lstat(ln.path); err == nil && os.SameFile(now, ln.file) {
		os.Remove(ln.path)
	}
}

// removeStaleSocket removes a socket file that nobody listens on.
func removeStaleSocket(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("listen unix %s: a file that is no socket is in the way", path)
	}
	nc, err := net.DialTimeout("unix", path, unixProbeTimeout)
	if err == nil {
		nc.Close()
		return fmt.Errorf("listen unix %s: somebody listens there already", path)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("listen unix %s: cannot tell whether somebody listens there: %w", path, err)
	}
	return os.Remove(path)
}
