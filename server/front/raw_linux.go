//go:build linux && !front_portable

package front

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rawEpollWait collects what events there are, without waiting. Nothing is reported for a call that failed: with
// arguments as given here only EINTR can be, and the next call makes up for it.
func rawEpollWait(epoll int, events []unix.EpollEvent) int {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epoll), uintptr(unsafe.Pointer(unsafe.SliceData(events))),
		uintptr(len(events)), 0, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// rawRecv is recv(2) without a word to the scheduler. n is 0 if errno is not.
func rawRecv(fd int32, p []byte) (n int, errno syscall.Errno) {
	r, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))),
		uintptr(len(p)), unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(r), 0
}

// rawSend is send(2) without a word to the scheduler, and without the signal that a closed peer would cost. n is 0 if
// errno is not.
func rawSend(fd int32, p []byte) (n int, errno syscall.Errno) {
	r, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))),
		uintptr(len(p)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(r), 0
}

// dupSocket returns a copy of the descriptor under a net.Conn or net.Listener, which the runtime's own poller does not
// know. It stays non-blocking: that is a property of the socket, not of the descriptor.
func dupSocket(from any) (fd int, err error) {
	sc, ok := from.(syscall.Conn)
	if !ok {
		return -1, errors.New("not a plain socket")
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return -1, err
	}
	cerr := raw.Control(func(old uintptr) { fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0) })
	if cerr != nil {
		return -1, cerr
	}
	if err != nil {
		return -1, os.NewSyscallError("fcntl", err)
	}
	return fd, nil
}

// detach takes the descriptor out of nc, and closes nc.
func detach(nc net.Conn) (sock, error) {
	switch nc.(type) {
	case *net.TCPConn, *net.UnixConn:
	default:
		return sock{}, errors.New("neither a TCP nor a unix connection")
	}
	fd, err := dupSocket(nc)
	if err != nil {
		return sock{}, err
	}
	nc.Close()
	return sock{fd: int32(fd)}, nil
}

// addrPortOfSockaddr converts an internet address; of any other it gives the zero value.
func addrPortOfSockaddr(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		ip := netip.AddrFrom16(sa.Addr).Unmap()
		if sa.ZoneId != 0 && ip.Is6() {
			ip = ip.WithZone(strconv.Itoa(int(sa.ZoneId)))
		}
		return netip.AddrPortFrom(ip, uint16(sa.Port))
	}
	return netip.AddrPort{}
}
