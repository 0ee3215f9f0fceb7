package command

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	redisoracle "ringcache/internal/oracle"
	"ringcache/server/resp"
)

// TestStreamsOracle runs random commands of streams here and on redis-server, and compares every reply; nodes are small in most runs.
func TestStreamsOracle(t *testing.T) {
	for _, tc := range []struct {
		nodes, proto, entries, bytes int
	}{{1, 2, 3, 4096}, {1, 3, 0, 150}, {1, 2, 100, 4096}, {3, 3, 5, 0}} {
		t.Run(fmt.Sprintf("%+v", tc), func(t *testing.T) {
			redis := startRedis(t, "--stream-node-max-entries", strconv.Itoa(tc.entries), "--stream-node-max-bytes", strconv.Itoa(tc.bytes))
			redis.run(args("HELLO", tc.proto)...)
			cl := newCluster(tc.nodes)
			cl.proto = tc.proto
			for _, c := range cl.nodes {
				limits := *c.KS.Thresholds()
				limits.StreamLength, limits.StreamBytes = tc.entries, tc.bytes
				c.KS.SetThresholds(limits)
			}
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			g := redisoracle.NewGen(seed, redisoracle.Options{
				Families: []redisoracle.Family{redisoracle.Streams, redisoracle.StreamClock}, CrossSlot: tc.nodes == 1,
			})
			compareStreams(t, redis, cl, g)
		})
	}
}

func compareStreams(t *testing.T, redis *redisSession, cl *cluster, g *redisoracle.Gen) {
	steps := 30_000
	if testing.Short() {
		steps = 5000
	}
	var last []string
	errors := 0
	for step := range steps {
		line := g.Next()
		want := redis.run(line...)
		cl.now = time.Now().UnixMilli()
		if strings.EqualFold(string(line[0]), "xadd") && bytes.Contains(want, []byte("-")) {
			if id, ok := resp.ParseBulk(want); ok { // an id by the clock is one by Redis's clock
				ms, _, _ := strings.Cut(string(id), "-")
				if n, err := strconv.ParseInt(ms, 10, 64); err == nil && n > 1_000_000_000_000 {
					cl.now = n
				}
			}
		}
		last = append(last, redisoracle.Show(line))
		last = last[max(0, len(last)-60):]
		got := cl.do(line...)
		if diff := redisoracle.Compare(line, want, got); diff != "" {
			t.Fatalf("step %d: %s\nthe commands before:\n  %s", step, diff, strings.Join(last, "\n  "))
		}
		if want[0] == '-' {
			errors++
		}
	}
	if errors > steps*6/10 {
		t.Errorf("%d of %d commands were refused", errors, steps)
	}
}
