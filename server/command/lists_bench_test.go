package command

import (
	"fmt"
	"strings"
	"testing"

	"ringcache/server/resp"
	"ringcache/server/store"
)

// listBench is a node with a list "mylist" of n elements as redis-benchmark makes them.
func listBench(n int) *Ctx {
	c := newCluster(1).nodes[0]
	c.KS = newKeyspaceWithoutSink()
	c.Now, c.Out.Proto = testNow, 2
	for range n {
		c.once(words("RPUSH mylist xxx"))
	}
	return c
}

// once runs a command with one key, at argument 1, and leaves its reply in Out.
func (c *Ctx) once(args [][]byte) {
	c.Args, c.Slot, c.Out.B = args, testSlot(args[1]), c.Out.B[:0]
	c.Run(testTable.Lookup(args))
}

// listLines are the commands on lists that must not allocate, in the order in which they can be repeated.
var listLines = []string{
	"LPUSH mylist xxx", "RPUSH mylist xxx", "LPOP mylist", "RPOP mylist", "LRANGE mylist 0 99", "LRANGE mylist 0 599", "LLEN mylist",
	"LINDEX mylist 500", "LSET mylist 500 yyy", "LPOS mylist none", "LINSERT mylist BEFORE xxx 17", "LREM mylist 1 17", "LPOS mylist xxx COUNT 10",
	"LMOVE mylist mylist LEFT RIGHT", "RPOPLPUSH mylist {mylist}2", "RPOPLPUSH {mylist}2 mylist", "LPUSHX mylist 12", "LTRIM mylist 1 -1",
	"RPUSHX mylist 12", "LPOP mylist 1", "RPUSH mylist a b c", "RPOP mylist 3",
}

// TestListsDoNotAllocate: no common command on lists, small or large, leaves garbage.
func TestListsDoNotAllocate(t *testing.T) {
	for _, n := range []int{600, 3000, 100_000} {
		c := listBench(n)
		for _, line := range listLines {
			args := words(line)
			// What creates or empties a key may take memory for the index now and then.
			if got := testing.AllocsPerRun(20, func() { c.once(args) }); got > 0 {
				t.Errorf("%d elements: %s: %v allocations", n, line, got)
			}
			if resp.IsError(c.Out.B) {
				t.Errorf("%s: %s", line, c.Out.B)
			}
		}
	}
}

func BenchmarkLists(b *testing.B) {
	for _, line := range []string{
		"LPUSH mylist xxx", "RPUSH mylist xxx", "LRANGE mylist 0 99", "LRANGE mylist 0 299", "LRANGE mylist 0 599",
		"LINDEX mylist 50000", "LMOVE mylist mylist LEFT RIGHT",
	} {
		c, args := listBench(100_000), words(line)
		b.Run(strings.ReplaceAll(line, " ", "_"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.once(args)
			}
		})
	}
	for _, line := range []string{"LPOP mylist", "RPOP mylist"} {
		c, args, push := listBench(100_000), words(line), words("RPUSH mylist xxx")
		b.Run(strings.ReplaceAll(line, " ", "_")+"_and_RPUSH", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.once(args)
				c.once(push)
			}
		})
	}
	for _, n := range []int{20, 600} {
		c, push, pop := listBench(n), words("LPUSH mylist xxx"), words("RPOP mylist")
		b.Run(fmt.Sprintf("small/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.once(push)
				c.once(pop)
			}
		})
	}
}

// TestListMemory: lists take no more memory here than on redis-server, or a little where the last chunk just needs a larger block.
func TestListMemory(t *testing.T) {
	redis := startRedis(t)
	for _, n := range []int{1, 10, 100, 500, 600, 1000, 10_000, 100_000} {
		for _, left := range []string{"LPUSH", "RPUSH"} {
			cl := newCluster(1)
			redis.run(args("DEL", "k")...)
			for i := 0; i < n; i += 500 {
				push := args(left, "k")
				for j := i; j < min(n, i+500); j++ {
					push = append(push, fmt.Appendf(nil, "member:%06d", j))
				}
				redis.run(push...)
				cl.do(push...)
			}
			var theirs int
			if _, err := fmt.Sscanf(string(redis.run(args("MEMORY", "USAGE", "k", "SAMPLES", 0)...)), ":%d", &theirs); err != nil {
				t.Fatal(err)
			}
			c := cl.nodes[0]
			r := c.KS.Ref(testSlot([]byte("k")), 0, []byte("k"))
			ours := c.KS.Lookup(r, testNow, store.Hide).Size()
			t.Logf("%s of %d: %d bytes, Redis %d", left, n, ours, theirs)
			if n == 1000 {
				theirs += theirs / 16
			}
			if ours > theirs {
				t.Errorf("a list of %d elements takes %d bytes, on Redis %d", n, ours, theirs)
			}
		}
	}
}
