//go:build linux && !front_portable && !race

// The portable transport allocates for each write, and the race detector as it likes.

package server

import (
	"runtime"
	"testing"
)

// TestNoAllocationPerRequest: in a steady state a GET or SET allocates nothing on its way, local or proxied. What the nodes
// allocate beside it, ten times a second, is the slack.
func TestNoAllocationPerRequest(t *testing.T) {
	for _, test := range []struct {
		name    string
		nodes   int
		request func(string) (string, string)
	}{
		{"local GET", 1, get}, {"local SET", 1, set}, {"proxied GET", 2, get}, {"proxied SET", 2, set},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := steady(t, test.nodes, benchDepth, test.request)
			const rounds, slack = 5000, 100 // 80,000 requests
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range rounds {
				p.round(t)
			}
			runtime.ReadMemStats(&after)
			if n := after.Mallocs - before.Mallocs; n > slack {
				t.Errorf("%d allocations in %d requests", n, rounds*p.n)
			} else {
				t.Logf("%d allocations in %d requests", n, rounds*p.n)
			}
		})
	}
}
