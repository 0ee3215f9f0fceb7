package store

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const residentPiece = 1 << 30 // bytes asked about at a time: arenas are long

// residentPages is how many of the system's pages of some memory are resident.
func residentPages(m []byte) (n int, err error) {
	vec := make([]byte, residentPiece/osPage)
	for len(m) > 0 {
		piece := m[:min(len(m), residentPiece)]
		m = m[len(piece):]
		// The call is not in the unix package.
		if _, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&piece[0])), uintptr(len(piece)),
			uintptr(unsafe.Pointer(&vec[0]))); errno != 0 {
			return 0, errno
		}
		for _, v := range vec[:(len(piece)+osPage-1)/osPage] {
			n += int(v & 1)
		}
	}
	return n, nil
}

// cpuTime is what the present thread has run; what others do to a busy machine is not in it. A test that uses it locks its
// goroutine to the thread.
func cpuTime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		panic(err)
	}
	return time.Duration(ts.Nano())
}
