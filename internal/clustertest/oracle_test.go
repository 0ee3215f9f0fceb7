package clustertest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"ringcache/internal/oracle"
)

// oracleSteps is how many random commands each connection of the comparison sends.
const oracleSteps = 10_000

// TestOracleOneNode and TestOracleCluster send the same random commands to ringcache and to a real redis-server, in RESP2 and
// RESP3, and compare the replies byte for byte. What may differ (the order of KEYS and SCAN, the time that has gone by) is
// in oracle.Compare; what is meant to differ is in docs/differences.md.
func TestOracleOneNode(t *testing.T) {
	redis := oracle.StartRedis(t)
	c := Start(t, Options{Nodes: 1})
	asRedis70(t, c)
	compareThrough(t, redis, c.Nodes[0].Addr(), true)
}

func TestOracleCluster(t *testing.T) {
	redis := oracle.StartRedis(t)
	c := Start(t, Options{})
	asRedis70(t, c)
	for i, n := range c.Nodes {
		t.Run(fmt.Sprintf("node-%d", i), func(t *testing.T) { compareThrough(t, redis, n.Addr(), false) })
	}
}

// asRedis70 has the nodes keep small sets as Redis 7.0 does: it has no packed ones but of integers.
func asRedis70(t *testing.T, c *Cluster) {
	t.Helper()
	for _, n := range c.Nodes {
		if err := n.Client().ConfigSet(t.Context(), "set-max-listpack-entries", "0").Err(); err != nil {
			t.Fatal(err)
		}
	}
}

func compareThrough(t *testing.T, redisAddr, addr string, crossSlot bool) {
	t.Helper()
	for _, proto := range []string{"2", "3"} {
		seed := rand.Uint64()
		t.Logf("RESP%s seed %d", proto, seed)
		want, got := connect(t, redisAddr, proto), connect(t, addr, proto)
		for _, c := range []*oracle.Conn{want, got} {
			must(t, c, "FLUSHALL")
		}
		gen := oracle.NewGen(seed, oracle.Options{CrossSlot: crossSlot, Families: []oracle.Family{
			oracle.Strings, oracle.Keys, oracle.Database, oracle.Hashes, oracle.Lists, oracle.Sets, oracle.Zsets, oracle.Bits, oracle.Geo, oracle.Streams,
			oracle.Sort, oracle.Select,
		}})
		for step := range scaled(oracleSteps) {
			args := gen.Next()
			w, err := want.Do(args...)
			if err != nil {
				t.Fatalf("seed %d step %d: redis-server: %s: %v", seed, step, oracle.Show(args), err)
			}
			g, err := got.Do(args...)
			if err != nil {
				t.Fatalf("seed %d step %d: %s: %v", seed, step, oracle.Show(args), err)
			}
			if diff := oracle.Compare(args, w, g); diff != "" {
				t.Fatalf("RESP%s seed %d step %d: %s", proto, seed, step, diff)
			}
		}
	}
}

func connect(t *testing.T, addr, proto string) *oracle.Conn {
	t.Helper()
	c, err := oracle.Dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if proto == "3" {
		must(t, c, "HELLO", "3")
	}
	return c
}

func must(t *testing.T, c *oracle.Conn, words ...string) {
	t.Helper()
	args := make([][]byte, len(words))
	for i, w := range words {
		args[i] = []byte(w)
	}
	reply, err := c.Do(args...)
	if err != nil || bytes.HasPrefix(reply, []byte("-")) {
		t.Fatalf("%s: %q, %v", oracle.Show(args), reply, err)
	}
}
