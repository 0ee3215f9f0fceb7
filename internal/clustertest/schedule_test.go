package clustertest

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"testing"
	"time"
)

// Random schedules.
const (
	scheduleFor      = 45 * time.Second // unless RINGCACHE_FAULTS_FOR says otherwise
	scheduleForShort = 15 * time.Second // with -short
	scheduleLoad     = 20 * time.Second // after which the next load begins
	scheduleLongest  = 4 * time.Second  // of one trouble
)

// TestFaultSchedule has one node after the other get into trouble at random, for random times: many about as long as a lease, since what is
// decided then is decided at the last moment. RINGCACHE_SEED repeats the choices of a run, though not what the clients and the machine do;
// RINGCACHE_FAULTS_FOR goes on for longer.
func TestFaultSchedule(t *testing.T) {
	faults := []*fault{&kill, &stop, &restart}
	why := noNetworks(t)
	if why == "" {
		faults = append(faults, &isolate, &mute, &deaf)
	} else {
		t.Logf("without cuts: %s", why)
	}
	seed := scheduleSeed(t)
	f := startFaulty(t, why == "", seed)
	f.schedule(faults, seed, randomLasting)
}

// TestFaultBusy has nodes end and come back at once, on a machine where other processes want all processors: whatever is done in the
// wrong order then shows, since threads stand still anywhere. Only pauses do not count.
func TestFaultBusy(t *testing.T) {
	if testing.Short() {
		t.Skip("under the race detector the machine is busy without it")
	}
	seed := scheduleSeed(t)
	f := startFaulty(t, false, seed)
	f.busy = true
	for range runtime.NumCPU() {
		keepBusy(t)
	}
	f.schedule([]*fault{&kill}, seed, func(rng *rand.Rand) time.Duration { return time.Duration(rng.Int64N(int64(shortAway))) })
}

// shortAway is how long a node is away that comes back at once: mostly less than it takes the others to notice.
const shortAway = 400 * time.Millisecond

// keepBusy starts a process that wants a processor.
func keepBusy(t *testing.T) {
	t.Helper()
	cmd := exec.Command("sh", "-c", "while :; do :; done")
	cmd.SysProcAttr = sysProcAttr()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
}

func scheduleSeed(t *testing.T) uint64 {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("RINGCACHE_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("RINGCACHE_SEED: %v", err)
		}
	}
	t.Logf("RINGCACHE_SEED=%d", seed)
	return seed
}

func scheduleLasts(t *testing.T) time.Duration {
	t.Helper()
	if text := os.Getenv("RINGCACHE_FAULTS_FOR"); text != "" {
		lasts, err := time.ParseDuration(text)
		if err != nil {
			t.Fatalf("RINGCACHE_FAULTS_FOR: %v", err)
		}
		return lasts
	}
	if testing.Short() {
		return scheduleForShort
	}
	return scheduleFor
}

// schedule has nodes get into trouble until the time is over, or something is wrong.
func (f *faulty) schedule(faults []*fault, seed uint64, lasting func(*rand.Rand) time.Duration) {
	f.t.Helper()
	rng := rand.New(rand.NewPCG(seed, 0))
	for end := time.Now().Add(scheduleLasts(f.t)); time.Now().Before(end) && !f.t.Failed(); {
		f.begin()
		for over := time.Now().Add(min(scheduleLoad, time.Until(end))); time.Now().Before(over); {
			what, lasts := faults[rng.IntN(len(faults))], lasting(rng)
			victim := f.c.Nodes[rng.IntN(len(f.c.Nodes))]
			if rng.IntN(leaderEvery) == 0 {
				victim = f.victim(true)
			}
			f.suffer(what, victim, lasts)
		}
		f.judge()
	}
	f.finish()
}

// randomLasting is how long a trouble lasts: a moment, about as long as a lease, or anything.
func randomLasting(rng *rand.Rand) time.Duration {
	switch rng.IntN(3) {
	case 0:
		return time.Duration(rng.Int64N(int64(300 * time.Millisecond)))
	case 1:
		return 700*time.Millisecond + time.Duration(rng.Int64N(int64(600*time.Millisecond)))
	default:
		return time.Duration(rng.Int64N(int64(scheduleLongest)))
	}
}
