package command

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	redisoracle "ringcache/internal/oracle"
	"ringcache/server/store"
)

// setRun is one run of random commands about sets, here and on redis-server.
type setRun struct {
	t      *testing.T
	redis  *redisSession
	cl     *cluster
	packed bool // here are small sets in a form that Redis 7.0 does not have
}

// TestSetsAsRedis runs random commands about sets here and on a real redis-server, and compares every reply. What SPOP took there is
// taken here as well. Redis 7.0 has no packed sets: with set-max-listpack-entries 0 encodings and all are compared.
func TestSetsAsRedis(t *testing.T) {
	sets := []redisoracle.Family{redisoracle.Sets, redisoracle.Sets, redisoracle.Pops, redisoracle.Keys, redisoracle.Keys}
	for _, tc := range []struct {
		name        string
		nodes       int
		proto       int
		ints        int // set-max-intset-entries
		entries     int // set-max-listpack-entries, here
		valueBytes  int // set-max-listpack-value
		familyCount int
	}{
		{"as 7.0 RESP2", 1, 2, 512, 0, 64, 5},
		{"as 7.0 RESP3", 1, 3, 512, 0, 64, 5},
		{"as 7.0, few integers", 1, 3, 4, 0, 64, 5},
		{"packed RESP2", 1, 2, 512, 128, 64, 5},
		{"packed RESP3", 1, 3, 512, 128, 64, 5},
		{"few packed", 1, 2, 4, 6, 3, 5},
		{"sets alone", 1, 3, 16, 16, 64, 3},
		{"three nodes", 3, 2, 8, 0, 64, 5},
		{"three nodes, packed", 3, 3, 8, 8, 64, 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			steps := 6000
			if testing.Short() {
				steps = 800
			}
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			r := setRun{t: t, redis: startRedis(t), cl: newCluster(tc.nodes), packed: tc.entries > 0}
			r.redis.run(args("CONFIG", "SET", "set-max-intset-entries", tc.ints)...)
			r.redis.run(args("HELLO", tc.proto)...)
			r.cl.proto = tc.proto
			for _, c := range r.cl.nodes {
				th := store.DefaultThresholds
				th.SetIntset, th.SetEntries, th.SetValue = tc.ints, tc.entries, tc.valueBytes
				c.KS.SetThresholds(th)
			}
			g := redisoracle.NewGen(seed, redisoracle.Options{Families: sets[:tc.familyCount], CrossSlot: tc.nodes == 1})
			var last []string
			for step := range steps {
				command := g.Next()
				last = append(last, redisoracle.Show(command))
				if diff := r.step(command); diff != "" {
					t.Fatalf("step %d: %.2000s\nthe commands before:\n  %.3000s", step, diff, strings.Join(last[max(0, len(last)-8):], "\n  "))
				}
			}
		})
	}
}

func (r *setRun) step(command [][]byte) (diff string) {
	name := strings.ToLower(string(command[0]))
	before := map[string]bool{}
	if name == "spop" || name == "srandmember" {
		if len(command) > 1 {
			for _, m := range r.setOf(command[1]) {
				before[m] = true
			}
		}
	}
	want := r.redis.run(command...)
	r.cl.now = time.Now().UnixMilli()
	got := r.cl.do(command...)
	if r.packed && r.unlikeEncoding(command) {
		return ""
	}
	if diff = redisoracle.Compare(command, want, got); diff != "" || want[0] == '-' {
		return diff
	}
	switch name {
	case "spop", "srandmember":
		diff = r.drawn(command, before, got)
		if diff == "" && name == "spop" {
			diff = r.popSame(command[1], want, got)
		}
	}
	return diff
}

// unlikeEncoding reports whether a command asks for the encoding of a set: Redis 7.0 has an intset or a dictionary where here there
// may be a packed one, or what came of one.
func (r *setRun) unlikeEncoding(command [][]byte) bool {
	key := command[len(command)-1]
	switch name := strings.ToLower(string(command[0])); {
	case name == "dump" && len(command) == 2:
	case name == "object" && len(command) == 3 && strings.EqualFold(string(command[1]), "encoding"):
	default:
		return false
	}
	return string(r.cl.do(args("TYPE", key)...)) == "+set\r\n" && string(r.redis.run(args("TYPE", key)...)) == "+set\r\n"
}

// setOf is what a set has here.
func (r *setRun) setOf(key []byte) []string { return bulks(r.cl.do(args("SMEMBERS", key)...)) }

// bulks are the strings of a reply that is one, or an aggregate of them.
func bulks(reply []byte) (all []string) {
	for len(reply) > 0 {
		line, rest, _ := bytes.Cut(reply, []byte("\r\n"))
		reply = rest
		if line[0] == '$' && string(line) != "$-1" {
			n, _ := strconv.Atoi(string(line[1:]))
			all = append(all, string(rest[:n]))
			reply = rest[n+2:]
		}
	}
	return all
}

// drawn checks that what was drawn are members, and different ones where they have to be.
func (r *setRun) drawn(command [][]byte, before map[string]bool, got []byte) string {
	repeats := len(command) == 3 && strings.HasPrefix(string(command[2]), "-")
	seen := map[string]bool{}
	for _, m := range bulks(got) {
		if !before[m] || seen[m] && !repeats {
			return fmt.Sprintf("%s drew %q of %d members: %q", redisoracle.Show(command), m, len(before), got)
		}
		seen[m] = true
	}
	if strings.EqualFold(string(command[0]), "spop") {
		for _, m := range r.setOf(command[1]) {
			if seen[m] {
				return fmt.Sprintf("%s left %q", redisoracle.Show(command), m)
			}
		}
	}
	return ""
}

// popSame takes from the set here what was taken there, and gives back what was not. A set whose last members were chosen at random
// may be an intset on one side only: then this side becomes what that side is.
func (r *setRun) popSame(key, want, got []byte) string {
	there, here := bulks(want), bulks(got)
	if len(there) == 0 || string(r.redis.run(args("EXISTS", key)...)) == ":0\r\n" {
		return ""
	}
	if slicesEqual(there, here) {
		return ""
	}
	ttl := r.cl.do(args("PEXPIRETIME", key)...)
	payload := bulk(r.t, r.redis.run(args("DUMP", key)...))
	at := strings.TrimSuffix(string(ttl[1:]), "\r\n")
	if at == "-1" {
		at = "0"
	}
	if reply := r.cl.do(args("RESTORE", key, at, payload, "REPLACE", "ABSTTL")...); string(reply) != "+OK\r\n" {
		return fmt.Sprintf("RESTORE of what is left: %q", reply)
	}
	if r.packed {
		return ""
	}
	// A small set that was a large one has its encoding from before. RESTORE on both sides makes them alike.
	r.redis.run(args("RESTORE", key, at, payload, "REPLACE", "ABSTTL")...)
	return ""
}

func slicesEqual(a, b []string) bool {
	return strings.Join(a, "\x00") == strings.Join(b, "\x00")
}
