//go:build !linux

package store

import (
	"errors"
	"time"
)

func residentPages([]byte) (int, error) { return 0, errors.ErrUnsupported }

var processStart = time.Now()

// cpuTime is the time, for want of a better one.
func cpuTime() time.Duration { return time.Since(processStart) }
