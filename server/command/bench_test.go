package command

import (
	"fmt"
	"testing"
)

// Numbers of keys: hot ones stay in a processor's caches, cold ones are met there rarely, and of large numbers not even what
// leads to them stays there.
const (
	hotKeys   = 1000
	coldKeys  = 100_000
	largeKeys = 2_000_000 // not with -short: they take some seconds to set
)

func benchCtx(tb testing.TB, n int) (*Ctx, [][]byte) {
	cl := newCluster(1)
	c := cl.nodes[0]
	c.KS = newKeyspaceWithoutSink()
	c.Now, c.Out.Proto = testNow, 2
	keys := make([][]byte, n)
	value := []byte("a value of thirty-two bytes, yes")
	set := testTable.LookupName("set")
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "memtier-%010d", i)
		c.Args, c.Slot = [][]byte{[]byte("SET"), keys[i], value}, testSlot(keys[i])
		c.Out.B = c.Out.B[:0]
		c.Run(set)
	}
	return c, keys
}

func bench(b *testing.B, line string, each func(c *Ctx, keys [][]byte, i int)) {
	for _, n := range []int{hotKeys, coldKeys, largeKeys} {
		b.Run(fmt.Sprintf("keys=%d", n), func(b *testing.B) {
			if n == largeKeys && testing.Short() {
				b.Skip("many keys")
			}
			c, keys := benchCtx(b, n)
			c.Args = words(line)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				each(c, keys, i*7919%n)
				c.Out.B = c.Out.B[:0]
				c.Slot = testSlot(c.Args[1])
				c.Run(testTable.Lookup(c.Args))
			}
		})
	}
}

func firstKey(c *Ctx, keys [][]byte, i int) { c.Args[1] = keys[i] }

func BenchmarkGet(b *testing.B)  { bench(b, "GET k", firstKey) }
func BenchmarkDump(b *testing.B) { bench(b, "DUMP k", firstKey) }
func BenchmarkSet(b *testing.B)  { bench(b, "SET k a-value-of-thirty-two-bytes-yes-", firstKey) }
func BenchmarkIncr(b *testing.B) {
	counter := []byte("counter")
	bench(b, "INCR k", func(c *Ctx, _ [][]byte, _ int) { c.Args[1] = counter })
}

func BenchmarkMget10(b *testing.B) {
	bench(b, "MGET 1 2 3 4 5 6 7 8 9 10", func(c *Ctx, keys [][]byte, i int) {
		for j := 1; j <= 10; j++ {
			c.Args[j] = keys[(i+j*31)%len(keys)]
		}
	})
}

// BenchmarkRoute is what the others cost beside the command: slot and hash of this test's making.
func BenchmarkRoute(b *testing.B) {
	c, keys := benchCtx(b, hotKeys)
	for i := 0; b.Loop(); i++ {
		key := keys[i*7919%hotKeys]
		_ = c.KS.Ref(testSlot(key), 0, key)
	}
}

func TestNoAllocations(t *testing.T) {
	c, keys := benchCtx(t, 10)
	for _, line := range []string{
		"GET k", "SET k another-value-of-thirty-two-bytes", "SET k v EX 100", "SET k v NX GET", "INCR k", "EXISTS k", "TTL k",
		"EXPIRE k 100", "GETEX k PERSIST", "STRLEN k", "GETRANGE k 1 2", "MGET k k k", "MSET k v k v", "TYPE k", "EXISTS k k k",
	} {
		args := words(line)
		row := testTable.Lookup(args)
		c.Args = args
		args[row.FirstKey] = keys[1]
		c.Slot = testSlot(keys[1])
		if n := testing.AllocsPerRun(100, func() {
			c.Out.B = c.Out.B[:0]
			c.Run(testTable.Lookup(args))
		}); n != 0 {
			t.Errorf("%s: %v allocations", line, n)
		}
	}
}
