package load

import (
	"runtime"
	"syscall"
	"time"
)

// ownThread keeps the goroutine on a thread of its own, until release.
func ownThread() (release func()) {
	runtime.LockOSThread()
	return runtime.UnlockOSThread
}

// sleep sleeps about 50 µs longer than told, where the runtime's timers are up to a millisecond late.
func sleep(d time.Duration) {
	ts := syscall.NsecToTimespec(int64(d))
	_ = syscall.Nanosleep(&ts, nil) // a signal makes it shorter: who calls it looks at the clock
}
