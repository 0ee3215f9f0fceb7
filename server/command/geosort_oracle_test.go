package command

import (
	"fmt"
	"testing"
	"time"

	redisoracle "ringcache/internal/oracle"
)

// TestGeoOracle and TestSortOracle run random commands here and on a real redis-server, and compare every reply.
func TestGeoOracle(t *testing.T)  { familyOracle(t, redisoracle.Geo) }
func TestSortOracle(t *testing.T) { familyOracle(t, redisoracle.Sort) }

func familyOracle(t *testing.T, family redisoracle.Family) {
	addr := redisoracle.StartRedis(t)
	for _, nodes := range []int{1, 3} {
		for _, proto := range []int{2, 3} {
			t.Run(fmt.Sprintf("%d nodes RESP%d", nodes, proto), func(t *testing.T) {
				seed := uint64(time.Now().UnixNano())
				steps := 20_000
				if testing.Short() {
					steps = 2_000
				}
				t.Logf("seed %d", seed)
				gen := redisoracle.NewGen(seed, redisoracle.Options{Families: []redisoracle.Family{family}})
				compareWithRedis(t, addr, newCluster(nodes), proto, gen, steps)
			})
		}
	}
}
