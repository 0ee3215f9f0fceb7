package command

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"ringcache/server/resp"
	"ringcache/server/store"
)

// hashContents are the contents of a large hash.
func hashContents(it store.Item) string {
	h := it.Hash()
	fields := make([]string, 0, h.Stored())
	h.EachExpiry(func(field, val store.Element, at int64) {
		fields = append(fields, fmt.Sprintf("%q=%q until %d", field.Str, val.Str, at))
	})
	slices.Sort(fields)
	return strings.Join(fields, "\n")
}

// TestHrandfieldIsFair draws from a small and a large hash, some fields of which have expired, in each of its ways.
func TestHrandfieldIsFair(t *testing.T) {
	for _, fields := range []int{10, 600} {
		cl := newCluster(1)
		for i := range fields {
			cl.text(fmt.Sprintf("HSET k f%d v", i))
		}
		for _, line := range []string{"HRANDFIELD k -100", "HRANDFIELD k 3", "HRANDFIELD k 7", "HRANDFIELD k 300"} {
			count, all := map[string]int{}, 0
			for range 3000 {
				reply := cl.text(line)
				seen := map[string]bool{}
				for _, f := range strings.Split(reply, "\r\n") {
					if strings.HasPrefix(f, "f") {
						count[f]++
						all++
						if seen[f] && line != "HRANDFIELD k -100" {
							t.Fatalf("%s answers %s twice", line, f)
						}
						seen[f] = true
					}
				}
			}
			for f, n := range count {
				// Six standard deviations, about.
				if want := float64(all) / float64(fields); math.Abs(float64(n)-want) > 6*math.Sqrt(want)+1 {
					t.Errorf("%s of %d fields: %s %d times of %d", line, fields, f, n, all)
				}
			}
			if len(count) != fields {
				t.Errorf("%s of %d fields meets %d", line, fields, len(count))
			}
		}
	}
}

// TestHrandfieldAmongExpired: drawing many of a few fields among many that have expired takes no longer than looking at all of them.
func TestHrandfieldAmongExpired(t *testing.T) {
	cl := newCluster(1)
	const fields = 20_000
	for i := range fields {
		cl.do(args("HSETEX", "k", "PX", 10, "FIELDS", 1, i, "v")...)
	}
	cl.text("HSET k a v b v")
	cl.now += 11
	n, body, _ := resp.ParseArray(cl.do(args("HRANDFIELD", "k", -100_000)...))
	if n != 100_000 {
		t.Fatalf("%d fields", n)
	}
	if a := strings.Count(string(body), "a"); a < 45_000 || a > 55_000 {
		t.Errorf("a is drawn %d times of %d", a, n)
	}
	wantReply(t, cl, "HLEN k", ":2")
}

// TestHrandfieldCounts: numbers that nobody can want do not cost memory or time.
func TestHrandfieldCounts(t *testing.T) {
	cl := newCluster(1)
	cl.text("HSET k f v")
	wantReply(t, cl, "HRANDFIELD k 9223372036854775807", "*1|$1|f")
	wantReply(t, cl, "HRANDFIELD k -1048577", "-ERR value is out of range")
	wantReply(t, cl, "HRANDFIELD none -1048577 WITHVALUES", "-ERR value is out of range")
	wantReply(t, cl, "HRANDFIELD k 4611686018427387904 WITHVALUES", "-ERR value is out of range")
	wantReply(t, cl, "HRANDFIELD none -5", "*0")
	cl.proto = 3
	wantReply(t, cl, "HRANDFIELD k 1 WITHVALUES", "*1|*2|$1|f|$1|v")
}

// TestHscanSeesAll: of a large hash that grows and shrinks meanwhile, each field that is there throughout is returned once.
func TestHscanSeesAll(t *testing.T) {
	cl := newCluster(1)
	const fields = 5000
	for i := range fields {
		cl.text(fmt.Sprintf("HSET k f%d v", i))
	}
	seen, cursor := map[string]int{}, "0"
	for calls := 0; calls == 0 || cursor != "0"; calls++ {
		n, body, _ := resp.ParseArray(cl.do(args("HSCAN", "k", cursor, "COUNT", 100, "NOVALUES")...))
		if n != 2 {
			t.Fatal("no reply of a scan")
		}
		end, _, _ := resp.ReplyLen(body)
		cursor = string(bulk(t, body[:end]))
		for _, f := range strings.Split(string(body[end:]), "\r\n") {
			if strings.HasPrefix(f, "f") {
				seen[f]++
			}
		}
		if calls%3 == 0 {
			for i := range 500 {
				cl.text(fmt.Sprintf("HSET k other%d v", i+calls*1000))
				cl.text(fmt.Sprintf("HDEL k f%d", fields/2+calls*10+i%10))
			}
		}
		if calls > fields {
			t.Fatal("a scan without end")
		}
	}
	for i := range fields / 2 {
		if n := seen[fmt.Sprint("f", i)]; n != 1 {
			t.Errorf("f%d was returned %d times", i, n)
		}
	}
	wantReply(t, cl, "HSCAN k 281474976710656", "*2|$1|0|*0") // beyond all
}

// TestHashMemory: a hash takes no more memory than in Redis.
func TestHashMemory(t *testing.T) {
	redis := startRedis(t)
	for _, fields := range []int{10, 12, 513, 10_000} {
		cl := newCluster(1)
		redis.do("DEL k")
		for i := range fields {
			set := args("HSET", "k", fmt.Sprintf("member:%06d", i), fmt.Sprintf("value:%06d", i))
			redis.run(set...)
			cl.do(set...)
		}
		usage := args("MEMORY", "USAGE", "k", "SAMPLES", 0)
		theirs, _ := resp.ParseInt(redis.run(usage...))
		c := cl.nodes[0]
		ours := c.KS.Lookup(c.KS.Ref(testSlot([]byte("k")), 0, []byte("k")), cl.now, 0).Size()
		t.Logf("%d fields: %d bytes, in Redis %d", fields, ours, theirs)
		if int64(ours) > theirs {
			t.Errorf("%d fields take %d bytes, in Redis %d", fields, ours, theirs)
		}
	}
}

// TestHashNoAllocations: commands on hashes do not allocate.
func TestHashNoAllocations(t *testing.T) {
	for _, fields := range []int{12, 1000} {
		c, _ := benchHashCtx(fields)
		for _, line := range []string{
			"HSET k f1 another", "HSET k f1 short", "HGET k f1", "HMGET k f1 f2 nosuch", "HGETALL k", "HINCRBY k n 3", "HLEN k", "HEXISTS k f1",
			"HSTRLEN k f1", "HKEYS k", "HVALS k", "HRANDFIELD k", "HRANDFIELD k 3", "HSETNX k f1 v", "HTTL k FIELDS 1 f1", "HSCAN k 0",
		} {
			c.Args = words(line)
			if n := testing.AllocsPerRun(100, func() {
				c.Out.B = c.Out.B[:0]
				c.Run(testTable.Lookup(c.Args))
			}); n > 0 && (fields == 12 || line != "HRANDFIELD k 3") { // which has to remember what it met
				t.Errorf("%s of %d fields: %v allocations", line, fields, n)
			}
		}
	}
}

// benchHashCtx has a hash k of so many fields.
func benchHashCtx(fields int) (*Ctx, [][]byte) {
	cl := newCluster(1)
	c := cl.nodes[0]
	c.KS = newKeyspaceWithoutSink()
	names := make([][]byte, fields)
	for i := range names {
		names[i] = fmt.Append(nil, "f", i)
		cl.do([]byte("HSET"), []byte("k"), names[i], []byte("a value"))
	}
	c.Slot = testSlot([]byte("k"))
	return c, names
}

func benchHash(b *testing.B, line string) {
	for _, n := range []int{12, 10_000} {
		b.Run(fmt.Sprintf("fields=%d", n), func(b *testing.B) {
			c, names := benchHashCtx(n)
			c.Args = words(line)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				c.Args[2] = names[i*7919%n]
				c.Out.B = c.Out.B[:0]
				c.Run(testTable.Lookup(c.Args))
			}
		})
	}
}

func BenchmarkHset(b *testing.B) { benchHash(b, "HSET k f a-value") }
func BenchmarkHget(b *testing.B) { benchHash(b, "HGET k f") }
