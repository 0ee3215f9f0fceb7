package command

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"ringcache/server/store"
)

// zsetCtx has sorted sets: "small" of a hundred members, "ten" of ten, and "large" of n, with random scores.
func zsetCtx(n int) *Ctx {
	c := newCluster(1).nodes[0]
	c.KS = newKeyspaceWithoutSink()
	c.Now, c.Out.Proto = testNow, 2
	for i := range n {
		score := strconv.FormatFloat(rand.Float64()*1e6, 'f', 3, 64)
		if i < 100 {
			runSet(c, words(fmt.Sprintf("ZADD small %s member:%06d", score, i)))
		}
		if i < 10 {
			runSet(c, words(fmt.Sprintf("ZADD ten %s member:%06d", score, i)))
		}
		runSet(c, words(fmt.Sprintf("ZADD large %s member:%06d", score, i)))
	}
	return c
}

// zsetLines are commands of which "#" becomes a member, and "%" a score.
var zsetLines = []string{
	"ZADD large % member:#", "ZADD large 5 member:#", "ZINCRBY large 1 member:#", "ZSCORE large member:#", "ZRANK large member:#",
	"ZRANGE large 1000 1009", "ZRANGE large 1000 1009 WITHSCORES", "ZRANGEBYSCORE large 1000 +inf LIMIT 0 10", "ZCOUNT large 1000 5000",
	"ZREVRANGE large 0 99", "ZADD ten % member:000005", "ZADD small % member:000050", "ZSCORE small member:000050", "ZRANGE small 0 -1",
	"ZRANGE ten 0 -1 WITHSCORES", "ZRANDMEMBER large", "ZADD new 1 member",
}

// eachZset runs a line with members and scores that change.
func eachZset(c *Ctx, line string, members int) func() {
	args := words(line)
	var member, score []byte
	i := 0
	return func() {
		i++
		for j, word := range args {
			switch {
			case strings.HasSuffix(line, "#") && j == len(args)-1:
				member = append(member[:0], "member:"...)
				for n, digit := i*7919%members, 100_000; digit > 0; digit /= 10 {
					member = append(member, byte('0'+n/digit%10))
				}
				args[j] = member
			case len(word) == 1 && word[0] == '%' || j == 2 && score != nil:
				score = strconv.AppendInt(score[:0], int64(i*104729%1_000_003), 10)
				args[j] = score
			}
		}
		runSet(c, args)
	}
}

// BenchmarkZsets are commands on small and large sorted sets.
func BenchmarkZsets(b *testing.B) {
	const members = 100_000
	c := zsetCtx(members)
	for _, line := range zsetLines {
		b.Run(strings.ReplaceAll(line, " ", "_"), func(b *testing.B) {
			run := eachZset(c, line, members)
			b.ReportAllocs()
			for b.Loop() {
				run()
			}
		})
	}
	b.Run("ZPOPMIN_and_ZADD", func(b *testing.B) {
		add, pop := eachZset(c, "ZADD large % member:#", members), words("ZPOPMIN large")
		b.ReportAllocs()
		for b.Loop() {
			add()
			runSet(c, pop)
		}
	})
}

// TestZsetsDoNotAllocate: commands as clients send them by the thousand take nothing from the heap.
func TestZsetsDoNotAllocate(t *testing.T) {
	const members = 5000
	c := zsetCtx(members)
	for _, line := range append(zsetLines, "ZPOPMIN large", "ZPOPMAX large", "ZPOPMIN small", "ZREM large member:#") {
		run := eachZset(c, line, members)
		if n := testing.AllocsPerRun(200, run); n >= 1 {
			t.Errorf("%s: %v allocations", line, n)
		}
	}
}

// TestZsetMemoryAsRedis: sorted sets take less memory than in redis-server.
func TestZsetMemoryAsRedis(t *testing.T) {
	redis, c := startRedis(t), newCluster(1).nodes[0]
	for _, n := range []int{10, 129, 1000, 10_000} {
		key := fmt.Sprint("z", n)
		for i := range n {
			line := args("ZADD", key, strconv.FormatFloat(rand.Float64()*1e6, 'g', -1, 64), fmt.Sprintf("member:%06d", i))
			redis.run(line...)
			runSet(c, line)
		}
		theirs, _ := strconv.Atoi(strings.TrimSpace(string(redis.run(args("MEMORY", "USAGE", key, "SAMPLES", 0)...)[1:])))
		r := c.KS.Ref(testSlot([]byte(key)), 0, []byte(key))
		ours := c.KS.Lookup(r, testNow, store.Expired).Size()
		t.Logf("%d members: %d bytes, %.1f each; Redis takes %d, %.1f each", n, ours, float64(ours)/float64(n), theirs, float64(theirs)/float64(n))
		if ours > theirs {
			t.Errorf("%d members take %d bytes, in Redis %d", n, ours, theirs)
		}
		if n == 10_000 && ours > 60*n {
			t.Errorf("%d members take %d bytes", n, ours)
		}
	}
}
