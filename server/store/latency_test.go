package store_test

import (
	"fmt"
	"math/bits"
	"runtime"
	"slices"
	"testing"
	"time"
)

// latencies is a histogram of durations with the slowest ones singled out.
//
// On a machine that is shared, the slowest operations of many millions are those during which the thread did not run. So the
// CPU time of the thread tells them from those that had much to do. Reading it costs as much as an operation: it is read
// once in cpuEvery operations, and after each slow one. The time since the reading before bounds that one's own from above, and
// exceeds it by what fewer than cpuEvery quick ones took.
type latencies struct {
	buckets [64 * subBuckets]uint64
	n       uint64
	over    [len(limits)]struct{ wall, cpu uint64 }
	worst   []slowOp // by CPU time, at most worstKept
	longest slowOp   // by wall time
	mark    time.Duration
	known   bool   // mark is CPU time, and means something
	since   uint64 // operations since mark
}

const (
	subBuckets = 16 // for each power of two: values are known to one part in 16
	cpuEvery   = 32
	slow       = 200 * time.Microsecond // operations that take longer are looked at
	worstKept  = 5
)

// limits are those whose exceeding is counted.
var limits = [...]time.Duration{100 * time.Microsecond, time.Millisecond, 2 * time.Millisecond}

// slowOp is an operation that took more than slow.
type slowOp struct {
	wall, cpu time.Duration // cpu: at most
	at        uint64        // which operation it was
}

func (s slowOp) String() string {
	return fmt.Sprintf("%v (CPU at most %v) at operation %d", s.wall.Round(time.Microsecond), s.cpu.Round(time.Microsecond), s.at)
}

// begin is called on the thread whose operations follow, which must be locked to its goroutine.
func (l *latencies) begin() { l.readCPU() }

func (l *latencies) readCPU() (passed time.Duration) {
	was := l.mark
	l.mark, l.known = threadCPU()
	l.since = 0
	return l.mark - was
}

// add counts one operation. It is called on the thread that ran it, right after it.
func (l *latencies) add(wall time.Duration) {
	l.buckets[bucketOf(wall)]++
	l.n++
	l.since++
	if wall <= limits[0] {
		if l.since >= cpuEvery {
			l.readCPU()
		}
		return
	}
	op := slowOp{wall: wall, cpu: wall, at: l.n}
	if passed := l.readCPU(); l.known {
		op.cpu = min(wall, passed)
	}
	for i, limit := range limits {
		if op.wall > limit {
			l.over[i].wall++
		}
		if op.cpu > limit {
			l.over[i].cpu++
		}
	}
	if wall > slow {
		l.keep(op)
	}
}

func (l *latencies) keep(op slowOp) {
	if op.wall > l.longest.wall {
		l.longest = op
	}
	if slices.Contains(l.worst, op) {
		return // merge comes with the longest twice, where it is among those with most work
	}
	l.worst = append(l.worst, op)
	slices.SortFunc(l.worst, func(a, b slowOp) int { return int(b.cpu - a.cpu) })
	l.worst = l.worst[:min(len(l.worst), worstKept)]
}

// merge adds what another thread measured.
func (l *latencies) merge(o *latencies) {
	for i, n := range o.buckets {
		l.buckets[i] += n
	}
	l.n += o.n
	for i, n := range o.over {
		l.over[i].wall += n.wall
		l.over[i].cpu += n.cpu
	}
	for _, op := range o.worst {
		l.keep(op)
	}
	if o.longest.wall > 0 {
		l.keep(o.longest)
	}
	l.known = o.known
}

// mostCPU is the most CPU time that one operation took; at most slow where none was looked at.
func (l *latencies) mostCPU() time.Duration {
	if len(l.worst) > 0 {
		return l.worst[0].cpu
	}
	return min(slow, l.quantile(1))
}

// quantile is the duration that the share q of the operations did not exceed, rounded up by at most one part in subBuckets.
func (l *latencies) quantile(q float64) time.Duration {
	rank, seen := uint64(q*float64(l.n)), uint64(0)
	for i, n := range l.buckets {
		if seen += n; seen >= rank && seen > 0 {
			return bucketEnd(i)
		}
	}
	return 0
}

// report logs what was measured.
func (l *latencies) report(t *testing.T, what string) {
	t.Helper()
	t.Logf("%s: %d operations, p50 %v p99 %v p99.9 %v p99.99 %v, longest %v", what, l.n, l.quantile(.5), l.quantile(.99),
		l.quantile(.999), l.quantile(.9999), l.quantile(1))
	for i, limit := range limits {
		t.Logf("  over %v: %d by wall time, %d by CPU time", limit, l.over[i].wall, l.over[i].cpu)
	}
	if !l.known {
		t.Log("  CPU time of threads is not known here: wall time stands for it")
	}
	if l.longest.wall > 0 {
		t.Logf("  longest: %v", l.longest)
	}
	for _, op := range l.worst {
		t.Logf("  most work: %v", op)
	}
}

// bucketOf is the bucket of a duration: its power of two and the four bits that follow the first.
func bucketOf(d time.Duration) int {
	v := uint64(max(d, 0))
	if v < subBuckets {
		return int(v)
	}
	e := bits.Len64(v) - 5
	return (e+1)*subBuckets + int(v>>e)%subBuckets
}

// bucketEnd is the longest duration of a bucket.
func bucketEnd(i int) time.Duration {
	if i < subBuckets {
		return time.Duration(i)
	}
	e := i/subBuckets - 1
	return time.Duration((subBuckets+i%subBuckets+1)<<e - 1)
}

func TestLatencies(t *testing.T) {
	var l latencies
	for i := 1; i <= 1000; i++ {
		l.add(time.Duration(i) * 100) // to 100 us, of which none is slow
	}
	for q, want := range map[float64]time.Duration{.5: 50_000, .99: 99_000, 1: 100_000} {
		if got := l.quantile(q); got < want || got > want+want/subBuckets {
			t.Errorf("quantile %v is %v, want %v to one part in %d", q, got, want, subBuckets)
		}
	}
	if len(l.worst) != 0 || l.over[0].wall != 0 {
		t.Errorf("%d slow, %d over the first limit", len(l.worst), l.over[0].wall)
	}
	for _, d := range []time.Duration{0, 1, 15, 16, 17, 31, 32, 1000, time.Second, time.Hour} {
		if i := bucketOf(d); bucketEnd(i) < d || i > 0 && bucketEnd(i-1) >= d {
			t.Errorf("%v is in bucket %d, which ends at %v after %v", d, i, bucketEnd(i), bucketEnd(max(i-1, 0)))
		}
	}
}

// TestLatenciesCPU: an operation during which the thread did nothing is told from one that worked, and merging keeps both.
func TestLatenciesCPU(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if _, known := threadCPU(); !known {
		t.Skip("the CPU time of threads is not known here")
	}
	const wall = time.Minute // far longer than this test lasts: CPU time is what counts
	var idle, working, all latencies
	idle.begin()
	idle.add(wall)
	working.begin()
	for start, now := working.mark, working.mark; now-start <= limits[2]; {
		now, _ = threadCPU()
	}
	working.add(wall + 1)
	all.merge(&idle)
	all.merge(&working)
	if all.n != 2 || all.over[2].wall != 2 || all.over[2].cpu != 1 {
		t.Errorf("%d operations, %d over %v by wall time and %d by CPU time; want 2, 2 and 1", all.n, all.over[2].wall, limits[2],
			all.over[2].cpu)
	}
	if got := all.mostCPU(); got <= limits[2] || got >= wall {
		t.Errorf("most CPU time is %v", got)
	}
	if all.longest.wall != wall+1 || len(all.worst) != 2 || all.worst[0].wall != wall+1 {
		t.Errorf("longest %v, kept %v", all.longest, all.worst)
	}
}
