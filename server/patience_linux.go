package server

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// limitPatience has the system give a connection up when what was sent has not been acknowledged by the other system for d. TCP alone repeats
// at ever longer intervals, for minutes, and after a cut that has healed what was sent meanwhile would still wait for the next of them.
func limitPatience(nc net.Conn, d time.Duration) error {
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return err
	}
	var set error
	err = raw.Control(func(fd uintptr) {
		set = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(d.Milliseconds()))
	})
	if err != nil {
		return err
	}
	return set
}
