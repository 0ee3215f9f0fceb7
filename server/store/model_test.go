package store

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// Operations of the oracle's runs: these take some ten seconds, and five in a short run or under the race detector.
// RINGCACHE_MODEL_OPS asks for other numbers, RINGCACHE_SEED repeats a run.
const (
	modelOps      = 3_000_000
	modelOpsShort = 150_000
)

func modelSize(t *testing.T) int {
	n := modelOps
	if testing.Short() || raceEnabled {
		n = modelOpsShort
	}
	return envInt(t, "RINGCACHE_MODEL_OPS", n)
}

func modelSeed(t *testing.T) uint64 {
	seed := uint64(envInt(t, "RINGCACHE_SEED", int(rand.Uint64()>>16)))
	t.Logf("RINGCACHE_SEED=%d repeats this run", seed)
	return seed
}

func envInt(t *testing.T, name string, otherwise int) int {
	s := os.Getenv(name)
	if s == "" {
		return otherwise
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// TestOracle: millions of random operations lead to what they lead to on a plain map, and leave nothing behind.
func TestOracle(t *testing.T) {
	o := newOracle(t, modelSeed(t), oracleKeys, goodHash)
	defer o.ks.Close()
	o.run(modelSize(t) * 8 / 10)
	o.end()
}

// TestOracleEvicts is the same with eviction among the operations. What is evicted is a matter of chance and of time, so a seed
// does not repeat it exactly.
func TestOracleEvicts(t *testing.T) {
	o := newOracle(t, modelSeed(t), 20_000, goodHash)
	defer o.ks.Close()
	o.evicts = true
	o.run(modelSize(t) / 10)
	for tries := 0; o.evicted == 0; tries++ { // where a short run on a busy machine came to nothing
		if tries == 1000 {
			t.Fatal("no key was evicted")
		}
		o.grow(o.focus)
		o.evict()
	}
	o.end()
}

// TestOraclePoorHash is the same with hashes of which many are equal, or begin alike.
func TestOraclePoorHash(t *testing.T) {
	o := newOracle(t, modelSeed(t), 2000, poorHash)
	defer o.ks.Close()
	o.run(modelSize(t) / 10)
	o.end()
}
