package server

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// usage is what the operating system says of this process.
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
	var si syscall.Sysinfo_t
	if syscall.Sysinfo(&si) == nil {
		u.system = int64(si.Totalram) * int64(si.Unit)
	}
	if text, err := os.ReadFile("/proc/self/statm"); err == nil {
		if f := strings.Fields(string(text)); len(f) > 1 {
			pages, _ := strconv.ParseInt(f[1], 10, 64)
			u.rss = pages * int64(os.Getpagesize())
		}
	}
	return u
}
