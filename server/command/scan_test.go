package command

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"ringcache/server/resp"
)

// scanAll iterates until the cursor is 0 again, and answers how often each key came. between is called after each call.
func scanAll(t testing.TB, cl *cluster, options string, between func()) map[string]int {
	t.Helper()
	seen := map[string]int{}
	cursor := "0"
	for calls := 0; ; calls++ {
		reply := []byte(cl.text("SCAN " + cursor + options))
		_, body, ok := resp.ParseArray(reply)
		if !ok || calls > 100_000 {
			t.Fatalf("call %d: %q", calls, reply)
		}
		n, _, _ := resp.ReplyLen(body)
		next, _ := resp.ParseBulk(body[:n])
		keys, rest, _ := resp.ParseArray(body[n:])
		for range keys {
			n, _, _ := resp.ReplyLen(rest)
			key, _ := resp.ParseBulk(rest[:n])
			seen[string(key)]++
			rest = rest[n:]
		}
		if cursor = string(next); cursor == "0" {
			return seen
		}
		if _, err := strconv.ParseInt(cursor, 10, 64); err != nil {
			t.Fatalf("the cursor %s does not fit an int64, which some clients take it for", cursor)
		}
		between()
	}
}

// TestScanGuarantee iterates over one to four nodes while keys come and go: what is there throughout comes exactly once.
func TestScanGuarantee(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		cl := newCluster(rapid.IntRange(1, 4).Draw(rt, "nodes"))
		stay := rapid.IntRange(0, 300).Draw(rt, "stay")
		tag := rapid.SampledFrom([]string{"", "{t}"}).Draw(rt, "tag") // all over the cluster, or all in one slot
		for i := range stay {
			cl.text(fmt.Sprintf("SET %sstay%d v", tag, i))
		}
		cl.text("SET dead v PXAT 5")
		options := fmt.Sprintf(" COUNT %d", rapid.SampledFrom([]int{1, 10, 30, 77, 5000}).Draw(rt, "count"))
		seen := scanAll(t, cl, options, func() {
			for range rapid.SampledFrom([]int{0, 0, 0, 0, 1, 2}).Draw(rt, "changes") {
				i := rapid.IntRange(0, 1000).Draw(rt, "key")
				if rapid.Bool().Draw(rt, "set") {
					for j := range 30 {
						cl.text(fmt.Sprintf("SET %sother%d v", tag, i+j))
					}
				} else {
					for j := range 60 {
						cl.text(fmt.Sprintf("DEL %sother%d", tag, i+j))
					}
				}
			}
		})
		for i := range stay {
			if n := seen[fmt.Sprintf("%sstay%d", tag, i)]; n != 1 {
				rt.Fatalf("%sstay%d came %d times", tag, i, n)
			}
		}
		for key, n := range seen {
			if n > 1 || key == "dead" {
				rt.Fatalf("%s came %d times", key, n)
			}
		}
	})
}

// TestScanCount: a call answers about COUNT keys, however many nodes there are.
func TestScanCount(t *testing.T) {
	for _, nodes := range []int{1, 3, 4} {
		cl := newCluster(nodes)
		const keys, count = 3000, 100
		for i := range keys {
			cl.text(fmt.Sprintf("SET key%d v", i))
		}
		calls := 1
		seen := scanAll(t, cl, fmt.Sprintf(" COUNT %d", count), func() { calls++ })
		if len(seen) != keys || calls < keys/count/2 || calls > keys/count*2 {
			t.Errorf("%d nodes: %d keys in %d calls", nodes, len(seen), calls)
		}
		if got := len(scanAll(t, cl, " MATCH key1* COUNT 1000", func() {})); got != 1111 {
			t.Errorf("%d nodes: MATCH key1* gives %d keys", nodes, got)
		}
		if got := len(scanAll(t, cl, " TYPE list", func() {})); got != 0 {
			t.Errorf("%d nodes: TYPE list gives %d keys", nodes, got)
		}
	}
}

// TestScanCursors: any number is a cursor, and none does harm.
func TestScanCursors(t *testing.T) {
	cl := newCluster(2)
	for i := range 100 {
		cl.text(fmt.Sprintf("SET key%d v", i))
	}
	for _, cursor := range []uint64{1, scanEnd - 1, scanEnd, scanEnd + 1, 1 << 63, 1<<64 - 1, rand.Uint64(), rand.Uint64() >> 2} {
		if reply := cl.text(fmt.Sprintf("SCAN %d COUNT 5", cursor)); reply[0] != '*' {
			t.Errorf("SCAN %d: %q", cursor, reply)
		}
	}
	wantReply(t, cl, "SCAN x", "-ERR invalid cursor")
	wantReply(t, cl, "SCAN 99999999999999999999", "-ERR invalid cursor")
	wantReply(t, cl, "SCAN 0 COUNT", "-ERR syntax error")
	wantReply(t, cl, "SCAN 0 COUNT 0", "-ERR syntax error")
	wantReply(t, cl, "SCAN 0 COUNT x", "-ERR value is not an integer or out of range")
	if !scanIsSlow(words("SCAN 0 MATCH x count 5000")) || scanIsSlow(words("SCAN 0 COUNT 10")) ||
		scanIsSlow(words("SCAN 0 COUNT")) {
		t.Error("scanIsSlow misjudges COUNT")
	}
}

// FuzzJoins: parts come from other nodes; nonsense is an error, not a crash.
func FuzzJoins(f *testing.F) {
	for _, part := range []string{
		"", ":1\r\n", "+OK\r\n", "*1\r\n$1\r\na\r\n", "*3\r\n:5\r\n:1\r\n$1\r\na\r\n",
		"*2\r\n:1\r\n$1\r\nk\r\n",
		"*1\r\n:99\r\n", "*2\r\n:1\r\n", "*-1\r\n", "-ERR x\r\n", "*2\r\n:9223372036854775807\r\n$-1\r\n",
	} {
		f.Add([]byte(part), []byte("*2\r\n:4\r\n$1\r\nk\r\n"))
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		cl := newCluster(1)
		for _, row := range testTable.Rows() {
			if row.Join != JoinNone && row.Join != JoinCustom || row.JoinFn != nil {
				for _, parts := range [][][]byte{{a}, {a, b}, {}} {
					order := []int{0}
					if len(parts) == 0 {
						order = nil
					}
					if got := cl.on(0, words("SCAN 0"), func(c *Ctx) { c.Join(row, parts, order) }); len(got) == 0 {
						t.Errorf("%s: no reply", row.FullName())
					}
				}
			}
		}
	})
}
