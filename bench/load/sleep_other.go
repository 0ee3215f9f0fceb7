//go:build !linux

package load

import "time"

// ownThread is for systems whose sleep keeps its thread.
func ownThread() (release func()) { return func() {} }

func sleep(d time.Duration) { time.Sleep(d) }
