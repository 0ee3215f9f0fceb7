package command

import (
	"testing"
	"time"

	redisoracle "ringcache/internal/oracle"
	"ringcache/server/store"
)

// TestHashesOracle runs random commands on hashes here and on redis-server: with its thresholds, and with such that hashes outgrow their
// small form all the time.
func TestHashesOracle(t *testing.T) {
	addr := redisoracle.StartRedis(t)
	for _, tc := range []struct {
		name         string
		nodes, proto int
		entries, max int
	}{
		{"RESP2", 1, 2, 512, 64},
		{"RESP3", 1, 3, 512, 64},
		{"few fields RESP2", 1, 2, 5, 20},
		{"few fields RESP3", 3, 3, 5, 20},
		{"no small ones", 1, 2, 0, 64},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cl := newCluster(tc.nodes)
			setHashThresholds(t, addr, cl, tc.entries, tc.max)
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			steps := 30_000
			if testing.Short() {
				steps = 3000
			}
			g := redisoracle.NewGen(seed, redisoracle.Options{
				Families: []redisoracle.Family{redisoracle.Hashes}, CrossSlot: tc.nodes == 1,
			})
			compareWithRedis(t, addr, cl, tc.proto, g, steps)
		})
	}
}

// setHashThresholds has redis-server and the nodes keep hashes small up to a number of fields, and strings up to a length in bytes.
func setHashThresholds(t *testing.T, addr string, cl *cluster, entries, length int) {
	t.Helper()
	redis, err := redisoracle.Dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer redis.Close()
	line := args("CONFIG", "SET", "hash-max-listpack-entries", entries, "hash-max-listpack-value", length)
	if reply, err := redis.Do(line...); err != nil || string(reply) != "+OK\r\n" {
		t.Fatalf("%q, %v", reply, err)
	}
	for _, c := range cl.nodes {
		th := store.DefaultThresholds
		th.HashEntries, th.HashValue = entries, length
		c.KS.SetThresholds(th)
	}
}
