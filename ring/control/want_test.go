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
