package command

import (
	"strings"
	"testing"
	"time"

	redisoracle "ringcache/internal/oracle"
	"ringcache/server/store"
)

// TestHLLOracle runs random commands on HyperLogLogs here and on redis-server, whose bytes are compared too.
func TestHLLOracle(t *testing.T) {
	addr := redisoracle.StartRedis(t)
	for _, tc := range []struct {
		name         string
		nodes, proto int
	}{{"RESP2", 1, 2}, {"RESP3", 1, 3}, {"three nodes", 3, 2}} {
		t.Run(tc.name, func(t *testing.T) {
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			steps := 20_000
			if testing.Short() {
				steps = 2000
			}
			g := redisoracle.NewGen(seed, redisoracle.Options{Families: []redisoracle.Family{redisoracle.HLLs}, CrossSlot: tc.nodes == 1})
			compareWithRedis(t, addr, newCluster(tc.nodes), tc.proto, g, steps)
		})
	}
}

// FuzzHLL: what begins like a HyperLogLog and is none is an error, and stays as it is.
func FuzzHLL(f *testing.F) {
	f.Add([]byte(newHLL()))
	f.Add([]byte("HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x80\x7f\xfe"))
	f.Add([]byte("HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff\x00"))
	f.Fuzz(func(t *testing.T, val []byte) {
		cl := newCluster(1)
		c := cl.nodes[0]
		do := func(words ...string) string {
			line := make([][]byte, len(words))
			for i, w := range words {
				line[i] = []byte(w)
			}
			return string(cl.do(line...))
		}
		for _, call := range [][]string{
			{"PFADD", "k", "a", "b", "c"},
			{"PFCOUNT", "k"},
			{"PFCOUNT", "k", "k"},
			{"PFMERGE", "k", "k"},
			{"PFDEBUG", "TODENSE", "k"},
			{"PFDEBUG", "DECODE", "k"},
			{"PFDEBUG", "GETREG", "k"},
		} {
			do("SET", "k", string(val))
			if reply := do(call...); strings.HasPrefix(reply, "-") {
				it := c.KS.Lookup(c.KS.Ref(testSlot([]byte("k")), 0, []byte("k")), testNow, store.Expired)
				if string(it.Value()) != string(val) {
					t.Errorf("%q changed what it refused: %q", call, reply)
				}
			}
		}
	})
}
