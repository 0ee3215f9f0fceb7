package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// measurement is what one run of redis-benchmark showed.
type measurement struct {
	rps      float64 // requests per second
	p50Milli float64
	p99Milli float64
	cpuMicro float64 // CPU time of all the subject's processes, user and system, per request
}

// measure drives one subject with redis-benchmark and takes the CPU time of its processes before and after.
func measure(ctx context.Context, o *options, s *subject, test string, depth int) (measurement, error) {
	requests := o.requests
	if depth < 16 {
		requests = max(o.requests*depth/16, 100_000)
	}
	sc := scenarios[test]
	if strings.HasPrefix(test, "lrange") {
		requests = max(requests/rangeShare, 1)
	}
	if err := o.prepare(ctx, s, sc, requests); err != nil {
		return measurement{}, err
	}
	before, err := s.cpuMicros()
	if err != nil {
		return measurement{}, err
	}
	out, err := exec.CommandContext(ctx, "redis-benchmark", o.arguments(s, test, requests, depth, o.keys, sc.command)...).CombinedOutput()
	if err != nil {
		return measurement{}, fmt.Errorf("redis-benchmark: %w\n%s", err, out)
	}
	after, err := s.cpuMicros()
	if err != nil {
		return measurement{}, err
	}
	m, err := parseCSV(string(out))
	m.cpuMicro = float64(after-before) / float64(requests)
	return m, err
}

// rangeShare: an LRANGE is as much work as so many other requests, and there are the fewer of them.
const rangeShare = 10

// parseCSV reads redis-benchmark's table: a header, then "test","rps","avg","min","p50","p95","p99","max".
func parseCSV(text string) (measurement, error) {
	start := strings.Index(text, `"test"`)
	if start < 0 {
		return measurement{}, fmt.Errorf("redis-benchmark printed no table: %.300q", text)
	}
	rows, err := csv.NewReader(strings.NewReader(text[start:])).ReadAll()
	if err != nil || len(rows) < 2 || len(rows[1]) < 7 {
		return measurement{}, fmt.Errorf("redis-benchmark's table cannot be read: %.300q", text)
	}
	var m measurement
	for _, f := range []struct {
		column int
		to     *float64
	}{{1, &m.rps}, {4, &m.p50Milli}, {6, &m.p99Milli}} {
		if *f.to, err = strconv.ParseFloat(rows[1][f.column], 64); err != nil {
			return measurement{}, fmt.Errorf("redis-benchmark: %w", err)
		}
	}
	return m, nil
}

// cpuMicros is the CPU time that the subject's processes have used, in microseconds.
func (s *subject) cpuMicros() (int64, error) {
	total := int64(0)
	for _, p := range s.procs {
		us, err := cpuMicros(p.Process.Pid)
		if err != nil {
			return 0, err
		}
		total += us
	}
	return total, nil
}

// cpuMicros sums the run times of a process's threads from /proc/PID/task/*/schedstat (nanoseconds), which is finer than
// the clock ticks of /proc/PID/stat.
func cpuMicros(pid int) (int64, error) {
	dir := fmt.Sprintf("/proc/%d/task", pid)
	tasks, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	total := int64(0)
	for _, t := range tasks {
		text, err := os.ReadFile(dir + "/" + t.Name() + "/schedstat")
		if err != nil {
			continue // the thread has ended
		}
		first, _, _ := strings.Cut(string(text), " ")
		ns, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("schedstat of %d: %w", pid, err)
		}
		total += ns
	}
	return total / 1000, nil
}
