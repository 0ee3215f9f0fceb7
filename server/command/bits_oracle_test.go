package command

import (
	"testing"
	"time"

	redisoracle "ringcache/internal/oracle"
)

// TestBitsOracle runs random commands on bits here and on redis-server.
func TestBitsOracle(t *testing.T) {
	addr := redisoracle.StartRedis(t)
	for _, tc := range []struct {
		name         string
		nodes, proto int
	}{{"RESP2", 1, 2}, {"RESP3", 1, 3}, {"three nodes", 3, 2}} {
		t.Run(tc.name, func(t *testing.T) {
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			steps := 30_000
			if testing.Short() {
				steps = 3000
			}
			g := redisoracle.NewGen(seed, redisoracle.Options{
				Families: []redisoracle.Family{redisoracle.Bits}, CrossSlot: tc.nodes == 1,
			})
			compareWithRedis(t, addr, newCluster(tc.nodes), tc.proto, g, steps)
		})
	}
}
