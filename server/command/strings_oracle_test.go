package command

import (
	"strconv"
	"strings"
	"testing"
	"time"

	redisoracle "ringcache/internal/oracle"
	"ringcache/server/store"
)

// TestOracle runs random commands here and on a real redis-server, and compares every reply.
func TestOracle(t *testing.T) {
	addr := redisoracle.StartRedis(t)
	everything := []redisoracle.Family{
		redisoracle.Strings, redisoracle.Keys, redisoracle.Database, redisoracle.Hashes, redisoracle.Lists, redisoracle.Sets, redisoracle.Zsets,
		redisoracle.Bits, redisoracle.Geo, redisoracle.Streams, redisoracle.Sort, redisoracle.Select,
	}
	for _, tc := range []struct {
		name         string
		nodes, proto int
		opt          redisoracle.Options
	}{
		{"one node RESP2", 1, 2, redisoracle.Options{Families: everything, CrossSlot: true}},
		{"one node RESP3", 1, 3, redisoracle.Options{Families: everything, CrossSlot: true}},
		{"three nodes RESP2", 3, 2, redisoracle.Options{Families: everything}},
		{"three nodes RESP3", 3, 3, redisoracle.Options{Families: everything}},
		{"strings", 1, 2, redisoracle.Options{Families: []redisoracle.Family{redisoracle.Strings}, CrossSlot: true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			seed := uint64(time.Now().UnixNano())
			steps := 20000
			if testing.Short() {
				steps = 2000
			}
			t.Logf("seed %d", seed)
			cl := newCluster(tc.nodes)
			for _, c := range cl.nodes {
				th := store.DefaultThresholds
				th.SetEntries = 0 // as Redis 7.0
				c.KS.SetThresholds(th)
			}
			compareWithRedis(t, addr, cl, tc.proto, redisoracle.NewGen(seed, tc.opt), steps)
		})
	}
}

func compareWithRedis(t *testing.T, addr string, cl *cluster, proto int, g *redisoracle.Gen, steps int) {
	redis, err := redisoracle.Dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer redis.Close()
	for _, first := range [][]string{{"HELLO", strconv.Itoa(proto)}, {"FLUSHALL"}} {
		var args [][]byte
		for _, w := range first {
			args = append(args, []byte(w))
		}
		if _, err := redis.Do(args...); err != nil {
			t.Fatal(err)
		}
	}
	cl.proto = proto
	var last []string
	for step := range steps {
		args := g.Next()
		want, err := redis.Do(args...)
		if err != nil {
			t.Fatalf("step %d: %s: %v", step, redisoracle.Show(args), err)
		}
		if strings.EqualFold(string(args[0]), "select") { // the session's, not the table's here
			if len(args) == 2 && string(want) == "+OK\r\n" {
				cl.db, _ = strconv.Atoi(string(args[1]))
			}
			continue
		}
		cl.now = time.Now().UnixMilli()
		last = append(last, redisoracle.Show(args))
		last = last[max(0, len(last)-12):]
		if diff := redisoracle.Compare(args, want, cl.do(args...)); diff != "" {
			t.Fatalf("step %d: database %d: %s\nthe commands before:\n  %s", step, cl.db, diff, strings.Join(last, "\n  "))
		}
	}
}
