package command

import (
	"strings"
	"testing"
)

// TestStreamReadsAsRedis: BLOCK and its time-out as redis-server takes them, where nothing comes meanwhile; and what a random generator
// had better not make, as it would wait.
func TestStreamReadsAsRedis(t *testing.T) {
	redis, cl := startRedis(t), newCluster(1)
	for _, proto := range []int{2, 3} {
		redis.run(args("HELLO", proto)...)
		redis.do("FLUSHALL")
		cl.text("FLUSHALL")
		cl.proto = proto
		for _, line := range []string{
			"XADD k 1-1 f v", "XADD k 2-1 f v", "SET text v", "XGROUP CREATE k g $", "XGROUP CREATE k h 0",
			"XREAD BLOCK 1 STREAMS k $", "XREAD block 1 STREAMS k 0", "XREAD BLOCK 1 STREAMS k 2-1", "XREAD BLOCK 1 STREAMS none $",
			"XREAD BLOCK 1 COUNT 1 STREAMS none k 0 1-1", "XREAD BLOCK -1 STREAMS k $", "XREAD BLOCK x STREAMS k $",
			"XREAD BLOCK 1.5 STREAMS k $", "XREAD BLOCK 9223372036854775808 STREAMS k $", "XREAD BLOCK STREAMS k $",
			"XREAD BLOCK 1 STREAMS k", "XREAD BLOCK 1 STREAMS text $", "XREAD BLOCK 1 COUNT STREAMS k $", "XREAD STREAMS BLOCK 1",
			"XREADGROUP GROUP g c BLOCK 1 STREAMS k >", "XREADGROUP GROUP g c BLOCK 1 STREAMS k 0",
			"XREADGROUP GROUP h c BLOCK 1 COUNT 1 STREAMS k >", "XREADGROUP GROUP h c BLOCK 1 COUNT 1 STREAMS k 0",
			"XREADGROUP GROUP none c BLOCK 1 STREAMS k >", "XREADGROUP GROUP g c BLOCK 1 STREAMS none >",
			"XREADGROUP GROUP g c BLOCK -1 STREAMS k >", "XREADGROUP GROUP g c BLOCK 1 STREAMS k $", "XREADGROUP BLOCK 1 COUNT 1 STREAMS k >",
			"XREADGROUP COUNT 1 GROUP streams c STREAMS k >", "XREADGROUP COUNT 1 GROUP h streams STREAMS k >",
			"XREADGROUP GROUP h c NOACK GROUP g d STREAMS k >", "XREADGROUP GROUP h c STREAMS k k 0 >", "XREAD STREAMS k k 1 0",
		} {
			if want, got := redis.do(line), cl.text(line); got != want {
				t.Errorf("RESP%d, %s\n got %q\nwant %q", proto, line, got, want)
			}
		}
	}
}

// TestStreamReadsAllocateNothing: a read costs what it replies, in the steady state.
func TestStreamReadsAllocateNothing(t *testing.T) {
	cl := newCluster(1)
	c := cl.nodes[0]
	c.KS = newKeyspaceWithoutSink()
	for range 1000 {
		cl.text("XADD {t}s 1-* f a-value-of-some-bytes")
		cl.text("XADD {t}r 1-* f 12345")
	}
	for _, line := range []string{
		"XGROUP CREATE {t}s g 0", "XGROUP CREATE {t}s done $", "XREADGROUP GROUP g c COUNT 10 STREAMS {t}s >",
		"XREADGROUP GROUP done c STREAMS {t}s 0",
	} {
		if reply := cl.text(line); reply[0] == '-' {
			t.Fatalf("%s: %s", line, reply)
		}
	}
	for _, tc := range []struct{ line, has string }{
		{"XREAD COUNT 1 STREAMS {t}s 1-500", "1-501"},
		{"XREAD COUNT 1 BLOCK 0 STREAMS {t}s {t}r 1-998 1-999", "1-999"},
		{"XREAD STREAMS {t}s $", "*-1"},
		{"XRANGE {t}s 1-7 1-7", "1-7"},
		{"XREADGROUP GROUP g c COUNT 1 STREAMS {t}s 1-4", "1-5"},
		{"XREADGROUP GROUP done c STREAMS {t}s >", "*-1"},
	} {
		args := words(tc.line)
		row := testTable.Lookup(args)
		c.Args, c.Slot = args, testSlot([]byte("{t}s"))
		run := func() {
			c.Out.B = c.Out.B[:0]
			c.Run(row)
		}
		if n := testing.AllocsPerRun(100, run); n != 0 {
			t.Errorf("%s: %v allocations", tc.line, n)
		}
		if !strings.Contains(string(c.Out.B), tc.has) {
			t.Errorf("%s: %q", tc.line, c.Out.B)
		}
	}
}
