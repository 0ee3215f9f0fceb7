package clustertest

import (
	"testing"
	"time"
)

// Repetitions of a scenario: with RINGCACHE_FAULTS=full, and otherwise.
const (
	fullRepetitions  = 20
	shortRepetitions = 2 // the leader, and another
	leaderEvery      = 3 // repetitions: as often as chance would have it
)

// How long a node is in trouble.
const (
	deadFor    = 3 * time.Second // longer than a failover takes
	stoppedFor = 5 * time.Second
	cutFor     = 3 * time.Second
)

func repetitions() int {
	if inFull() {
		return fullRepetitions
	}
	return shortRepetitions
}

// scenario has the leader, and another node, in turn, get into the same trouble.
func scenario(t *testing.T, what *fault, lasts time.Duration) {
	t.Helper()
	if testing.Short() {
		t.Skip("the random schedules have all of these, in less time")
	}
	f := startFaulty(t, what.cut, 1)
	for i := range repetitions() {
		f.begin()
		f.suffer(what, f.victim(i%leaderEvery == 0), lasts)
		f.judge()
		if t.Failed() {
			break // what follows says nothing new
		}
	}
	f.finish()
}

// TestFaultKill: a node's process ends without a word, and comes back with nothing.
func TestFaultKill(t *testing.T) { scenario(t, &kill, deadFor) }

// TestFaultStop: a node hangs for 5 s, and goes on by what it knew then.
func TestFaultStop(t *testing.T) { scenario(t, &stop, stoppedFor) }

// TestFaultCut: a node is cut from the others, both ways.
func TestFaultCut(t *testing.T) { scenario(t, &isolate, cutFor) }

// TestFaultMute: nothing that a node sends arrives.
func TestFaultMute(t *testing.T) { scenario(t, &mute, cutFor) }

// TestFaultDeaf: nothing arrives at a node.
func TestFaultDeaf(t *testing.T) { scenario(t, &deaf, cutFor) }

// TestFaultRollingRestart: each node is stopped with SIGTERM and started again, after its clients have left it.
func TestFaultRollingRestart(t *testing.T) {
	if testing.Short() {
		t.Skip("the random schedules have this too")
	}
	f := startFaulty(t, false, 1)
	rounds := 1
	if inFull() {
		rounds = fullRepetitions
	}
	for range rounds {
		f.begin()
		for _, n := range f.c.Nodes {
			f.suffer(&restart, n, 0)
		}
		f.judge()
		if t.Failed() {
			break
		}
	}
	f.finish()
}
