package command

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	redisoracle "ringcache/internal/oracle"
	"ringcache/server/rdb"
	"ringcache/server/resp"
	"ringcache/server/store"
)

// listsToDump are lists of all forms, as arguments of RPUSH behind the key.
func listsToDump() (lists [][]any) {
	lists = append(lists,
		[]any{"a"},
		[]any{"", "", "\x00\xff\r\n"},
		[]any{"1", "-129", "70000", "9223372036854775807", "-9223372036854775808", "01", "1.5", "4095", "-4097"},
		[]any{strings.Repeat("x", 8190), "a"},
		[]any{"a", noise(20_000), "b", strings.Repeat("x", 100_000), strings.Repeat("y", 8193)},
		[]any{strings.Repeat("x", 1<<20)},
	)
	for _, n := range []int{100, 2000, 5000} {
		var elements []any
		for i := range n {
			elements = append(elements, fmt.Sprint("element ", i*i))
		}
		lists = append(lists, elements)
	}
	return lists
}

// TestDumpListsAsRedis carries lists from here to redis-server and back.
func TestDumpListsAsRedis(t *testing.T) {
	redis, cl := startRedis(t, "--sanitize-dump-payload", "yes"), newCluster(1)
	look := args("LRANGE", "k", 0, -1)
	for i, elements := range listsToDump() {
		push := args(append([]any{"RPUSH", "k"}, elements...)...)
		for _, do := range []func(...[]byte) []byte{redis.run, cl.do} {
			do(args("DEL", "k")...)
			do(push...)
		}
		want := redis.run(look...)
		theirs, ours := bulk(t, redis.run(args("DUMP", "k")...)), bulk(t, cl.do(args("DUMP", "k")...))
		if theirs[0] != ours[0] {
			t.Errorf("list %d is of type %d there and %d here", i, theirs[0], ours[0])
		}
		for _, payload := range [][]byte{theirs, ours} {
			restore := args("RESTORE", "k", 0, payload, "REPLACE")
			if a, b := redis.run(restore...), cl.do(restore...); string(a) != "+OK\r\n" || string(b) != "+OK\r\n" {
				t.Errorf("list %d: %q, %q", i, a, b)
			}
			if a, b := redis.run(look...), cl.do(look...); !bytes.Equal(a, want) || !bytes.Equal(b, want) {
				t.Errorf("list %d became %.100q there and %.100q here, should be %.100q", i, a, b, want)
			}
		}
	}
}

// listBodies are values of lists in all encodings, good and bad.
func listBodies() []string {
	text := func(s string) string { return string(rdb.AppendString(nil, []byte(s))) }
	packed := func(words ...string) string {
		p := store.NewPacked(nil)
		for _, w := range words {
			p = p.Append([]byte(w))
		}
		return string(p)
	}
	many := strings.Split(strings.Repeat("some element,17,", 2000), ",")
	return []string{
		"\x01\x02\x01a\x01b", "\x01\x00", "\x01\x02\x01a", "\x01\x01\xc0\x07", "\x01\x7f\xff", "\x01", "\x01\x01" + text(strings.Repeat("ab", 9000)),
		"\x0a" + text(ziplist("a", 5, "c", -7)), "\x0a" + text(ziplist()), "\x0a" + text("junk"), "\x0a" + text(ziplist("a")+"x"),
		"\x0e\x02" + text(ziplist("a", 5)) + text(ziplist("b", 120)), "\x0e\x02" + text(ziplist()) + text(ziplist("b")),
		"\x0e\x01" + text(ziplist()), "\x0e\x00", "\x0e\x02" + text(ziplist("a", 5)),
		"\x12\x01\x02" + text(packed("a", "5", "")), "\x12\x01\x02" + text(packed()), "\x12\x02\x02" + text(packed()) + "\x02" + text(packed("a")),
		"\x12\x00", "\x12\x01\x03" + text(packed("a")), "\x12\x01\x00" + text(packed("a")), "\x12\x01\x02" + text("junk"),
		"\x12\x02\x02" + text(packed("a")) + "\x01" + text("plain") + "", "\x12\x01\x01" + text(strings.Repeat("plain ", 3000)),
		"\x12\x03\x02" + text(packed(many...)) + "\x02" + text(packed("in", "between")) + "\x02" + text(packed(many...)),
		"\x12\x01\x02" + text(packed("a")) + "more",
	}
}

// TestRestoreListsAsRedis has redis-server, which is to look closely, and this restore the same payloads, good and bad.
func TestRestoreListsAsRedis(t *testing.T) {
	redis, cl := startRedis(t, "--sanitize-dump-payload", "yes"), newCluster(1)
	for i, b := range listBodies() {
		restore := args("RESTORE", "k", 0, body(b), "REPLACE")
		want, got := redis.run(restore...), cl.do(restore...)
		if strings.HasSuffix(b, "more") { // Redis does not mind
			if !resp.IsError(got) {
				t.Errorf("payload %d: %q", i, got)
			}
			continue
		}
		if !bytes.Equal(want, got) {
			t.Errorf("payload %d, %.60q: %q, Redis says %q", i, b, got, want)
		}
		for _, line := range []string{"LRANGE k 0 -1", "LINDEX k 1", "LLEN k"} {
			if diff := redisoracle.Compare(words(line), redis.run(words(line)...), cl.do(words(line)...)); diff != "" {
				t.Errorf("payload %d, %.60q: %.300s", i, b, diff)
			}
		}
	}
}

// FuzzRestoreList restores whatever there is: an error, and nothing has changed; or a list that can be read at both ends and in the
// middle, and that DUMP and RESTORE carry on.
func FuzzRestoreList(f *testing.F) {
	for _, b := range listBodies() {
		f.Add([]byte(b))
	}
	cl := newCluster(1)
	f.Fuzz(func(t *testing.T, value []byte) {
		if len(value) == 0 || len(listDumps) != 1 || !bytes.Contains([]byte{1, 10, 14, 18}, value[:1]) {
			return
		}
		cl.text("FLUSHALL")
		cl.text("SET k old")
		cl.sinks[0].effects = nil
		if reply := cl.do(args("RESTORE", "k", 0, body(string(value)), "REPLACE")...); resp.IsError(reply) {
			if got := cl.text("GET k"); got != "$3\r\nold\r\n" || len(cl.sinks[0].effects) != 0 {
				t.Fatalf("%q, and the key holds %q after %v", reply, got, cl.sinks[0].effects)
			}
			return
		}
		carried := bulk(t, cl.do(args("DUMP", "k")...))
		if got := string(cl.do(args("RESTORE", "k2", 0, carried)...)); got != "+OK\r\n" {
			t.Fatalf("%q cannot be restored: %q", carried, got)
		}
		if again := bulk(t, cl.do(args("DUMP", "k2")...)); !bytes.Equal(again, carried) {
			t.Fatalf("%q became %q", carried, again)
		}
		all := cl.text("LRANGE k 0 -1")
		if cl.text("LRANGE k2 0 -1") != all || cl.text("OBJECT ENCODING k") != cl.text("OBJECT ENCODING k2") {
			t.Fatalf("%q became another list", value)
		}
		if n, ok, err := resp.ReplyLen([]byte(all)); !ok || err != nil || n != len(all) || all == "*0\r\n" {
			t.Fatalf("%q is not a list", all)
		}
		for _, line := range []string{"LINDEX k -1", "LPOS k x RANK -1", "LMOVE k k LEFT RIGHT", "LINSERT k AFTER a b", "RPOP k", "LREM k 0 a"} {
			if reply := cl.text(line); resp.IsError([]byte(reply)) {
				t.Fatalf("%s: %q", line, reply)
			}
		}
	})
}

// TestListsReplayLarge: effects lead replicas to lists of the same form, whatever their chunks, where nearly all are large.
func TestListsReplayLarge(t *testing.T) {
	steps := 4000
	if testing.Short() {
		steps = 1000
	}
	for _, size := range []int{1, 2, 4, 9} {
		th := store.DefaultThresholds
		th.ListSize = size
		rnd := rand.New(rand.NewPCG(uint64(size), 1))
		cl, follower := newCluster(1), replica(1)
		cl.nodes[0].KS.SetThresholds(th)
		follower.KS.SetThresholds(th)
		g := redisoracle.NewGen(rnd.Uint64(), redisoracle.Options{CrossSlot: true, Families: []redisoracle.Family{redisoracle.Lists}})
		applied := 0
		for range steps {
			line := g.Next()
			switch rnd.IntN(20) {
			case 0: // a replica that is made anew has other chunks
				key := g.Keys()[rnd.IntN(len(g.Keys()))]
				line = args("COPY", key, g.Keys()[rnd.IntN(len(g.Keys()))], "REPLACE")
			case 1:
				line = args("RENAME", g.Keys()[rnd.IntN(len(g.Keys()))], g.Keys()[rnd.IntN(len(g.Keys()))])
			}
			cl.do(line...)
			effects := cl.sinks[0].effects
			for _, e := range effects[applied:] {
				follower.Out = resp.Writer{}
				if !follower.Apply(e.slot, e.db, e.args) || resp.IsError(follower.Out.B) {
					t.Fatalf("%v: %s", e, follower.Out.B)
				}
			}
			applied = len(effects)
			want, got := dump(cl.nodes[0].KS), dump(follower.KS)
			for at := range want {
				if want[at] != got[at] {
					t.Fatalf("limit %d: after %s a replica has %v, the primary %v", size, redisoracle.Show(line), got[at], want[at])
				}
			}
			if len(want) != len(got) {
				t.Fatalf("limit %d: after %s a replica has %d keys, the primary %d", size, redisoracle.Show(line), len(got), len(want))
			}
		}
	}
}
