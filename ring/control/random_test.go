package control

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestRandomLives lets clusters live through random events, and holds at every step what must never be: two nodes that may serve one
// slot, a primary that lacks acknowledged writes, a slot given up that might have come back. In the end, with all nodes up, every slot
// is served and has its copies.
func TestRandomLives(t *testing.T) {
	if testing.Short() {
		t.Skip("it is pure, and on one goroutine: nothing for a race detector to find")
	}
	rapid.Check(t, func(r *rapid.T) {
		zones := rapid.SampledFrom([][]string{{""}, {"x", "y"}}).Draw(r, "zones")
		var specs []string
		for i := range rapid.IntRange(1, 5).Draw(r, "nodes") {
			spec := string(rune('a'+i)) + ":zone=" + rapid.SampledFrom(zones).Draw(r, "zone")
			if i > 0 && rapid.IntRange(0, 5).Draw(r, "standby") == 0 {
				spec += ",weight=0"
			}
			specs = append(specs, spec)
		}
		s, err := newSim(rapid.IntRange(0, 2).Draw(r, "replicas"), specs...)
		if err != nil {
			r.Fatal(err)
		}
		s.LostSlotsAfter = rapid.SampledFrom([]time.Duration{-1, 0, 3 * time.Second, DefaultLostSlotsAfter}).Draw(r, "lost after")
		defer func() {
			if r.Failed() {
				r.Logf("%s", strings.Join(s.log, "\n"))
			}
		}()
		live := func(d time.Duration) {
			for end := s.Now + d; s.Now < end; {
				if err := s.step(); err != nil {
					r.Fatal(err)
				}
				if err := s.checkLeases(); err != nil {
					r.Fatal(err)
				}
			}
		}
		live(2 * time.Second)
		for range rapid.IntRange(1, 16).Draw(r, "events") {
			n := s.nodes[id(rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}[:len(specs)]).Draw(r, "node"))]
			what := rapid.SampledFrom(possible(s, n)).Draw(r, "event")
			s.log = append(s.log, s.Now.String()+": EVENT "+what+" "+name(n.id))
			switch what {
			case "lead":
				s.elect(n)
				continue
			case "slow leader":
				s.slow = rapid.IntRange(2, 6).Draw(r, "for")
				continue
			case "slow node":
				n.every = time.Duration(rapid.IntRange(1, 5).Draw(r, "every"))
				continue
			}
			if err := s.event(what, n); err != nil {
				r.Fatal(err)
			}
			live(time.Duration(rapid.IntRange(1, 16).Draw(r, "steps")) * simStep)
		}
		for _, n := range s.sorted() {
			n.stopped, n.cut, n.every = false, false, 2
			if n.leaving || !n.runs {
				n.start(s.Map)
			}
		}
		s.log = append(s.log, s.Now.String()+": all are up")
		for range 10 {
			live(2 * time.Second)
			if err = s.checkSettled(); err == nil {
				return
			}
		}
		r.Fatalf("not settled: %v", err)
	})
}

// possible is what may happen to a node now.
func possible(s *sim, n *simNode) []string {
	events := []string{"slow leader", "slow node", "cut"}
	if n.cut {
		events[2] = "heal"
	}
	switch {
	case !n.runs:
		events = append(events, "start")
	case n.stopped:
		events = append(events, "cont", "crash")
	default:
		events = append(events, "stop", "crash", "leave", "restart")
	}
	if n.on() && s.majority() && s.leader != n {
		events = append(events, "lead")
	}
	slices.Sort(events)
	return events
}
