package command

import (
	"strings"
	"testing"
	"time"

	redisoracle "ringcache/internal/oracle"
	"ringcache/server/store"
)

// TestZsetsAsRedis runs random commands about sorted sets here and on a real redis-server, and compares every reply. Members that are
// drawn must be members; none go by chance.
func TestZsetsAsRedis(t *testing.T) {
	alone := []redisoracle.Family{redisoracle.Zsets}
	mixed := []redisoracle.Family{redisoracle.Zsets, redisoracle.Sets, redisoracle.Zsets, redisoracle.Keys, redisoracle.Strings}
	lex := []redisoracle.Family{redisoracle.Zsets, redisoracle.Lex}
	for _, tc := range []struct {
		name       string
		nodes      int
		proto      int
		entries    int // zset-max-listpack-entries
		valueBytes int // zset-max-listpack-value
		families   []redisoracle.Family
	}{
		{"alone RESP2", 1, 2, 128, 64, alone},
		{"alone RESP3", 1, 3, 128, 64, alone},
		{"mixed RESP2", 1, 2, 128, 64, mixed},
		{"mixed RESP3", 1, 3, 128, 64, mixed},
		{"large RESP2", 1, 2, 0, 64, alone},
		{"large RESP3", 1, 3, 0, 64, mixed},
		{"few", 1, 2, 6, 4, mixed},
		{"packed, any names", 1, 2, 1e6, 1e6, lex},
		{"three nodes", 3, 3, 8, 64, mixed[2:]},
	} {
		t.Run(tc.name, func(t *testing.T) {
			steps := 6000
			if testing.Short() {
				steps = 800
			}
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			redis, cl := startRedis(t), newCluster(tc.nodes)
			redis.run(args("CONFIG", "SET", "zset-max-listpack-entries", tc.entries, "zset-max-listpack-value", tc.valueBytes)...)
			redis.run(args("HELLO", tc.proto)...)
			cl.proto = tc.proto
			for _, c := range cl.nodes {
				th := store.DefaultThresholds
				th.SetEntries, th.ZsetEntries, th.ZsetValue = 0, tc.entries, tc.valueBytes
				c.KS.SetThresholds(th)
			}
			g := redisoracle.NewGen(seed, redisoracle.Options{Families: tc.families, CrossSlot: tc.nodes == 1})
			var last []string
			for step := range steps {
				command := g.Next()
				if strings.EqualFold(string(command[0]), "spop") {
					continue // what it takes is chance
				}
				last = append(last, redisoracle.Show(command))
				want := redis.run(command...)
				cl.now = time.Now().UnixMilli()
				got := cl.do(command...)
				diff := redisoracle.Compare(command, want, got)
				if diff == "" && strings.EqualFold(string(command[0]), "zrandmember") && got[0] != '-' {
					diff = wrongDraw(cl, command, got)
				}
				if diff != "" {
					t.Fatalf("step %d: %.2000s\nthe commands before:\n  %.3000s", step, diff, strings.Join(last[max(0, len(last)-8):], "\n  "))
				}
			}
		})
	}
}

// wrongDraw says what is wrong with members that were drawn.
func wrongDraw(cl *cluster, command [][]byte, got []byte) string {
	withScores := len(command) == 4
	repeats := len(command) > 2 && strings.HasPrefix(string(command[2]), "-")
	there := map[string]bool{}
	all := bulks(cl.do(args("ZRANGE", command[1], 0, -1)...))
	for _, m := range all {
		there[m] = true
	}
	if withScores && cl.proto == 2 {
		var members []string
		for i, m := range bulks(got) {
			if i%2 == 0 {
				members = append(members, m)
			}
		}
		return drawnFrom(there, members, repeats)
	}
	return drawnFrom(there, bulks(got), repeats)
}

func drawnFrom(there map[string]bool, members []string, repeats bool) string {
	seen := map[string]bool{}
	for _, m := range members {
		if !there[m] || seen[m] && !repeats {
			return "drew " + m
		}
		seen[m] = true
	}
	return ""
}
