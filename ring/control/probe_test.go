package control

import (
	"net"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// TestUnreached: a port where nobody listens is not reached; one where nobody accepts, as at a process that hangs, is.
func TestUnreached(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	if unreached(t.Context(), addr, time.Minute) {
		t.Error("a port that is listened at is not reached")
	}
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	if !unreached(t.Context(), addr, time.Minute) {
		t.Error("a port that nobody listens at is reached")
	}
}

// TestUnreachedWithoutAnswer: a node that the network has cut off neither accepts nor refuses. Here the system itself drops what comes for
// a port whose queue is full.
func TestUnreachedWithoutAnswer(t *testing.T) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(name.(*syscall.SockaddrInet4).Port))
	const tries = 16 // the queue holds one or two; systems differ
	for range tries {
		d := net.Dialer{Timeout: 100 * time.Millisecond}
		nc, err := d.Dial("tcp", addr)
		if err != nil {
			if !unreached(t.Context(), addr, 100*time.Millisecond) {
				t.Error("a port that does not answer is reached")
			}
			return
		}
		defer nc.Close()
	}
	t.Skip("this system queues more connections than a port wants")
}
