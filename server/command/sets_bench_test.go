package command

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"ringcache/server/store"
)

// setCtx has small and large sets: "ints", "packed" of ten members, and "large" of n.
func setCtx(tb testing.TB, n int) *Ctx {
	cl := newCluster(1)
	c := cl.nodes[0]
	c.KS = newKeyspaceWithoutSink()
	c.Now, c.Out.Proto = testNow, 2
	for i := range n {
		if i < 10 {
			runSet(c, words(fmt.Sprint("SADD ints ", i)))
			runSet(c, words(fmt.Sprint("SADD packed member:", i)))
		}
		runSet(c, words(fmt.Sprint("SADD large member:", i)))
	}
	return c
}

func runSet(c *Ctx, args [][]byte) {
	c.Args, c.Out.B = args, c.Out.B[:0]
	row := testTable.Lookup(args)
	c.Slot = testSlot(args[row.FirstKey])
	c.Run(row)
}

// BenchmarkSets are commands as redis-benchmark has them, and those on small sets.
func BenchmarkSets(b *testing.B) {
	const members = 100_000
	for _, line := range []string{
		"SADD large member:#", "SREM large member:#", "SISMEMBER large member:#", "SPOP large", "SRANDMEMBER large", "SADD packed member:5",
		"SISMEMBER packed member:5", "SRANDMEMBER packed", "SADD ints 5", "SISMEMBER ints 5", "SMEMBERS packed", "SINTER packed ints",
		"SADD new member", "SPOP packed",
	} {
		b.Run(strings.ReplaceAll(line, " ", "_"), func(b *testing.B) {
			c := setCtx(b, members)
			args := words(line)
			last := len(args) - 1
			random := strings.HasSuffix(line, "#")
			var member []byte
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if random {
					member = strconv.AppendInt(append(member[:0], "member:"...), int64(i*7919%members), 10)
					args[last] = member
				}
				runSet(c, args)
			}
		})
	}
}

func TestSetsDoNotAllocate(t *testing.T) {
	c := setCtx(t, 1000)
	for _, line := range []string{
		"SADD large member:5", "SADD large new", "SREM large new", "SISMEMBER large member:5", "SMISMEMBER large a b", "SCARD large",
		"SPOP large", "SRANDMEMBER large", "SRANDMEMBER large 3", "SRANDMEMBER large -3", "SMEMBERS packed", "SADD packed member:5", "SREM packed member:5",
		"SADD packed member:5", "SADD ints 10", "SREM ints 10", "SISMEMBER ints 5", "SMEMBERS ints", "SRANDMEMBER packed 3", "SRANDMEMBER ints -3",
		"SADD fresh 1", "SPOP fresh", "SADD fresh a", "SPOP fresh 1", "SMOVE packed large member:6",
	} {
		args := words(line)
		if n := testing.AllocsPerRun(100, func() { runSet(c, args) }); n != 0 {
			t.Errorf("%s: %v allocations", line, n)
		}
	}
}

// TestSetMemory: sets take no more memory than in redis-server.
func TestSetMemory(t *testing.T) {
	redis, cl := startRedis(t), newCluster(1)
	for _, tc := range []struct {
		member  string
		members int
	}{{"member:%06d", 10}, {"member:%06d", 10_000}, {"%d", 10}, {"%d", 10_000}} {
		for i := range tc.members {
			line := args("SADD", "key:000001", fmt.Sprintf(tc.member, i))
			redis.run(line...)
			cl.do(line...)
		}
		usage := string(redis.run(args("MEMORY", "USAGE", "key:000001", "SAMPLES", 0)...))
		theirs, err := strconv.Atoi(strings.Trim(usage, ":\r\n"))
		if err != nil {
			t.Fatal(usage)
		}
		c := cl.nodes[0]
		slot := testSlot([]byte("key:000001"))
		it := c.KS.Lookup(c.KS.Ref(slot, 0, []byte("key:000001")), testNow, store.Hide)
		if it.Size() > theirs {
			t.Errorf("%d members as %q take %d bytes, in Redis %d", tc.members, tc.member, it.Size(), theirs)
		}
		t.Logf("%d members as %q take %d bytes, in Redis %d", tc.members, tc.member, it.Size(), theirs)
		redis.run(args("DEL", "key:000001")...)
		cl.text("DEL key:000001")
	}
}
