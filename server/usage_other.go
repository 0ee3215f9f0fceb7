//go:build !linux

package server

import (
	"os"
	"syscall"
)

// usage is what the operating system says of this process; what this system does not tell is 0.
type usage struct {
	pid         int
	user, sys   float64 // seconds of CPU time
	rss, system int64   // bytes resident; bytes of the machine
}

func processUsage() usage {
	u := usage{pid: os.Getpid()}
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) == nil {
		u.user = float64(r.Utime.Sec) + float64(r.Utime.Usec)/1e6
		u.sys = float64(r.Stime.Sec) + float64(r.Stime.Usec)/1e6
	}
	return u
}
