package store_test

import (
	"fmt"
	"math"
	"runtime"
	"runtime/metrics"
	"testing"
	"time"
)

// gcReading is what the runtime has counted up to now.
//
// Its processor time is that of the scheduler's processors, by the clock: on a busy machine, which lets threads wait, more of
// it passes than they get of CPU time. So it is compared with itself alone, never with the CPU time that the system counts.
type gcReading struct {
	gc, busy           float64 // seconds of processor time, as of the last cycle's end: of the collector; of everything but idling
	cycles             float64
	allocs, live, goal float64 // bytes: allocated ever; live after the last cycle; heap size at which the next is due
	pauses             *metrics.Float64Histogram
	at                 time.Duration // since testStart
}

var testStart = time.Now()

// gcNames are the metrics that readGC reads.
var gcNames = [...]string{
	"/cpu/classes/gc/total:cpu-seconds", "/cpu/classes/total:cpu-seconds", "/cpu/classes/idle:cpu-seconds",
	"/gc/cycles/total:gc-cycles", "/gc/heap/allocs:bytes", "/gc/heap/live:bytes", "/gc/heap/goal:bytes",
	"/sched/pauses/total/gc:seconds",
}

// readGC reads the counters.
func readGC(t *testing.T) gcReading {
	t.Helper()
	var samples [len(gcNames)]metrics.Sample
	for i, name := range gcNames {
		samples[i].Name = name
	}
	metrics.Read(samples[:])
	var (
		numbers [len(gcNames)]float64
		pauses  *metrics.Float64Histogram
	)
	for i, s := range samples {
		switch s.Value.Kind() {
		case metrics.KindUint64:
			numbers[i] = float64(s.Value.Uint64())
		case metrics.KindFloat64:
			numbers[i] = s.Value.Float64()
		case metrics.KindFloat64Histogram:
			pauses = s.Value.Float64Histogram()
		default:
			t.Fatalf("the runtime has no %s", s.Name)
		}
	}
	return gcReading{
		gc: numbers[0], busy: numbers[1] - numbers[2], cycles: numbers[3], allocs: numbers[4], live: numbers[5], goal: numbers[6],
		pauses: pauses, at: time.Since(testStart),
	}
}

// gcShare is the collector's share of the processor time between two readings, each right after a cycle.
func gcShare(from, to gcReading) float64 { return (to.gc - from.gc) / (to.busy - from.busy) }

// longestPause is the upper bound of the longest stop of the world between two readings; 0 if there was none.
func longestPause(from, to gcReading) time.Duration {
	for i := len(to.pauses.Counts) - 1; i >= 0; i-- {
		if to.pauses.Counts[i] > from.pauses.Counts[i] {
			end := to.pauses.Buckets[i+1]
			if math.IsInf(end, 1) {
				end = to.pauses.Buckets[i]
			}
			return time.Duration(end * float64(time.Second))
		}
	}
	return 0
}

// gcCost is what the garbage collector costs while the keyspace is in use.
type gcCost struct {
	share    float64       // of the processor time
	cycle    time.Duration // processor time of one cycle
	interval time.Duration // between two cycles
	pause    time.Duration // the longest stop
}

func (c gcCost) String() string {
	return fmt.Sprintf("%.2f%% of the processor time, longest stop %v; a cycle takes %v of it, every %v", 100*c.share, c.pause,
		c.cycle.Round(time.Microsecond), c.interval.Round(time.Millisecond))
}

// forcedEvery is how long the runtime waits at most between two cycles.
const forcedEvery = 2 * time.Minute

// measureGC answers what garbage collection costs while load runs, for about the time window; load must go on until the
// function that it answered is called, and make the garbage that the program would.
//
// A large heap is seldom collected: perhaps not once in the window, which would then show nothing. So a cycle is run at its
// end, under the same load; how often cycles come follows from the garbage made in the window, the room that the
// heap has, and the runtime's rule of one in two minutes.
func measureGC(t *testing.T, window time.Duration, load func() (stop func())) gcCost {
	t.Helper()
	runtime.GC() // brings the counters up to date
	stop := load()
	before := readGC(t)
	<-time.After(window)
	after := readGC(t)
	runtime.GC()
	last := readGC(t)
	stop()

	wall := after.at - before.at
	c := gcCost{pause: longestPause(before, last)}
	c.cycle = time.Duration((last.gc - before.gc) / (last.cycles - before.cycles) * float64(time.Second))
	perSecond := (after.allocs - before.allocs) / wall.Seconds()
	c.interval = forcedEvery
	if room := after.goal - after.live; perSecond > 0 {
		c.interval = time.Duration(min(room/perSecond, forcedEvery.Seconds()) * float64(time.Second))
	}
	if natural := after.cycles - before.cycles; natural > 0 {
		c.interval = min(c.interval, time.Duration(float64(wall)/natural))
	}
	busy := (last.busy - before.busy) / (last.at - before.at).Seconds() // processors
	c.share = c.cycle.Seconds() / (c.interval.Seconds() * busy)
	return c
}
