package command

import "testing"

func hllCtx(tb testing.TB, sizes ...int) *Ctx {
	cl := newCluster(1)
	c := cl.nodes[0]
	c.KS = newKeyspaceWithoutSink()
	for _, n := range sizes {
		for i := range n {
			cl.do(args("PFADD", n, i)...)
		}
	}
	c.Out.Proto = 2
	return c
}

func BenchmarkHLL(b *testing.B) {
	for _, line := range []string{"PFADD 1000 500", "PFADD 100000 77", "PFCOUNT 1000", "PFCOUNT 100 1000", "PFCOUNT 100000 200000", "PFMERGE 1000 100", "PFMERGE new 1000", "PFMERGE 100000 200000"} {
		b.Run(line, func(b *testing.B) {
			c := hllCtx(b, 100, 1000, 100000, 200000)
			l := words(line)
			row := testTable.Lookup(l)
			b.ReportAllocs()
			for b.Loop() {
				c.Args, c.Now, c.Slot = l, testNow, testSlot(l[1])
				c.Out.B = c.Out.B[:0]
				c.Run(row)
			}
		})
	}
}

func runLine(c *Ctx, line [][]byte) {
	c.Args, c.Now = line, testNow
	c.Out.B = c.Out.B[:0]
	row := testTable.Lookup(line)
	c.Slot = testSlot(line[row.FirstKey])
	c.Run(row)
}
