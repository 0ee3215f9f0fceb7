package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// When resident memory counts as steady: servers give memory back to the system some time after they have freed it.
const (
	settleEvery   = 250 * time.Millisecond
	settleSamples = 25               // of about six seconds: a little more than the steps in which allocators give memory back
	settleShare   = 500              // they may differ by one part in so many,
	settleFloor   = 512 << 10        // or by so many bytes
	settleTimeout = 60 * time.Second // then the last sample counts, steady or not
)

// steadiness judges a series of samples.
type steadiness struct{ last []int64 }

// add takes one more sample in bytes, and reports whether the last settleSamples are alike.
func (s *steadiness) add(bytes int64) bool {
	if len(s.last) == settleSamples {
		s.last = slices.Delete(s.last, 0, 1)
	}
	s.last = append(s.last, bytes)
	high := slices.Max(s.last)
	return len(s.last) == settleSamples && high-slices.Min(s.last) <= max(high/settleShare, settleFloor)
}

// settled is resident memory that was waited for.
type settled struct {
	bytes  int64
	took   time.Duration // until it was steady
	steady bool          // false: it still changed when the time was up
}

// String is how long it took, for a table.
func (s settled) String() string {
	if !s.steady {
		return fmt.Sprintf("not in %.0f s", s.took.Seconds())
	}
	return fmt.Sprintf("%.0f s", s.took.Seconds())
}

// settle waits until the resident memory of the subject's process is steady, for at most settleTimeout.
func (s *subject) settle(ctx context.Context) (r settled, err error) {
	start := time.Now()
	tick := time.NewTicker(settleEvery)
	defer tick.Stop()
	for samples := new(steadiness); ; {
		if r.bytes, err = s.residentMemory(); err != nil {
			return r, err
		}
		r.took, r.steady = time.Since(start), samples.add(r.bytes)
		if r.steady || r.took >= settleTimeout {
			return r, nil
		}
		select {
		case <-ctx.Done():
			return r, ctx.Err()
		case <-tick.C:
		}
	}
}

// residentMemory is the resident memory of the subject's process in bytes.
func (s *subject) residentMemory() (int64, error) {
	if len(s.procs) != 1 {
		return 0, fmt.Errorf("%s has %d processes, not one", s.name, len(s.procs))
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.procs[0].Process.Pid))
	if errors.Is(err, os.ErrNotExist) {
		return 0, fmt.Errorf("resident memory is read from /proc of Linux: %w", err)
	}
	if err != nil {
		return 0, err
	}
	return parseResident(string(text))
}

// parseResident finds VmRSS in the text of /proc/PID/status, and answers it in bytes.
func parseResident(text string) (int64, error) {
	for line := range strings.SplitSeq(text, "\n") {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			if err != nil {
				return 0, fmt.Errorf("VmRSS: %w", err)
			}
			return kb << 10, nil
		}
	}
	return 0, errors.New("no VmRSS: the process has ended")
}
