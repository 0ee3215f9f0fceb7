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
	var w wanted
	if w.of(&s.State, slog.New(slog.DiscardHandler)) != nil {
		t.Fatal("the ring was asked before b had reported")
	}
	do("asks", "b")
	want := w.of(&s.State, slog.New(slog.DiscardHandler))
	if want == nil {
		t.Fatal("no answer")
	}
	count := map[ring.Index]int{}
	for _, i := range want {
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
	if w.of(&s.State, slog.New(slog.DiscardHandler)) == nil {
		t.Error("no answer while a is down")
	}
}
