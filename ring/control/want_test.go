package control

import (
	"log/slog"
	"testing"
	"time"

	"ringcache/ring"
)

// TestWantWaitsForReports: while an owner has not said which of its new slots are empty, the ring is not asked, since it would
// take them for full and spread only the others.
func TestWantWaitsForReports(t *testing.T) {
	s := newScript()
	do := func(args ...string) {
		t.Helper()
		if _, err := s.run(args); err != nil {
			t.Fatal(err)
		}
	}
	do("map", "a", "b", "c")
	do("apply", "begin", "0-8191", "a", "b")
	do("asks", "a")
	do("asks", "b")
	do("asks", "c")
	do("apply", "finish", "0-8191", "a", "b")
	w := newWanted()
	if askNow(&w, &s.State) {
		t.Fatal("the ring was asked before b had reported")
	}
	do("asks", "b")
	if !askNow(&w, &s.State) || s.Want == nil {
		t.Fatal("no answer")
	}
	count := map[ring.Index]int{}
	for _, i := range s.Want {
		count[i]++
	}
	for i, n := range count {
		if n < 5461 || n > 5462 {
			t.Errorf("node %d would get %d slots", i, n)
		}
	}
	// A node that is down is not waited for.
	s.Now = 10 * time.Second
	do("asks", "b")
	do("asks", "c")
	if !askNow(&w, &s.State) {
		t.Error("no question while a is down")
	}
	if askNow(&w, &s.State) {
		t.Error("asked again, and nothing has changed")
	}
}

// TestWantWaitsForSuspects: a node that is silent for a moment owns slots that may be empty; once it is heard again, they are spread.
func TestWantWaitsForSuspects(t *testing.T) {
	s := newScript()
	do := func(args ...string) {
		t.Helper()
		if _, err := s.run(args); err != nil {
			t.Fatal(err)
		}
	}
	do("map", "a", "b", "c")
	do("apply", "begin", "0-16383", "a", "b")
	do("asks", "a")
	do("apply", "finish", "0-16383", "a", "b")
	do("asks", "b")
	s.Now += s.NodeTimeout * (suspectAfter*2 + 1) / 16
	do("asks", "a")
	do("asks", "c")
	if got := s.StateOf(s.Map.Node(s.Map.IndexOf(s.Map.ID(s.Map.Slots[0].Primary)))); got != StateSuspect {
		t.Fatalf("the owner of all slots is %v", got)
	}
	w := newWanted()
	if askNow(&w, &s.State) {
		t.Fatal("the ring was asked while the owner of all slots was suspect")
	}
	do("asks", "b")
	if !askNow(&w, &s.State) {
		t.Fatal("the ring was not asked")
	}
	count := map[ring.Index]int{}
	for _, i := range s.Want {
		count[i]++
	}
	if len(count) != 3 {
		t.Errorf("wanted slots by node: %v", count)
	}
}

var discard = slog.New(slog.DiscardHandler)

// askNow does at once what the leader does beside its controller; it reports whether the ring was asked.
func askNow(w *wanted, s *State) bool {
	d := Decide(*s)
	q, asked := w.ask(s, &d)
	if asked {
		w.answer(q, discard)
	}
	w.fill(s)
	return asked
}
