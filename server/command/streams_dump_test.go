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

// streamLooks show all there is of a stream.
var streamLooks = []string{"XINFO STREAM %s FULL COUNT 0", "XINFO STREAM %s", "XINFO GROUPS %s", "XRANGE %s - +", "XREVRANGE %s + -"}

// TestStreamDumpAsRedis makes random streams, with groups, on both sides, and carries each to the other side.
func TestStreamDumpAsRedis(t *testing.T) {
	rounds := 12
	if testing.Short() {
		rounds = 3
	}
	for round := range rounds {
		redis, cl := startRedis(t, "--stream-node-max-entries", "4"), newCluster(1)
		limits := *cl.nodes[0].KS.Thresholds()
		limits.StreamLength = 4
		cl.nodes[0].KS.SetThresholds(limits)
		seed := rand.Uint64() + uint64(round)
		g := redisoracle.NewGen(seed, redisoracle.Options{Families: []redisoracle.Family{redisoracle.Streams}, CrossSlot: true})
		for step := range 1500 {
			line := g.Next()
			redis.run(line...)
			cl.now = testNow
			cl.do(line...)
			if step%100 != 99 {
				continue
			}
			for _, key := range []string{"{a}s", "{b}s"} {
				if cl.text("TYPE "+key) != "+stream\r\n" {
					continue
				}
				ours, theirs := bulk(t, cl.do(args("DUMP", key)...)), bulk(t, redis.run(args("DUMP", key)...))
				for _, reply := range [][]byte{
					redis.run(args("RESTORE", "theirs", 0, ours, "REPLACE")...), cl.do(args("RESTORE", "ours", 0, theirs, "REPLACE")...),
				} {
					if string(reply) != "+OK\r\n" {
						t.Fatalf("seed %d: %s after %d commands: %q", seed, key, step, reply)
					}
				}
				for _, look := range streamLooks {
					ask := func(key string) [][]byte { return words(fmt.Sprintf(look, key)) }
					if want, got := cl.do(ask(key)...), redis.run(ask("theirs")...); !bytes.Equal(want, got) {
						t.Fatalf("seed %d: %s there\n got %q\nwant %q", seed, look, got, want)
					}
					if want, got := redis.run(ask(key)...), cl.do(ask("ours")...); !bytes.Equal(want, got) {
						t.Fatalf("seed %d: %s here\n got %q\nwant %q", seed, look, got, want)
					}
				}
				cl.text("DEL ours")
				redis.run(words("DEL theirs")...)
			}
		}
	}
}

// encodeStreamAs is the payload of a stream as other versions write it.
func encodeStreamAs(code rdb.Type, s *store.Stream) []byte {
	dst := rdb.AppendLength(rdb.AppendType(nil, code), uint64(s.Nodes()))
	for i := range s.Nodes() {
		id, node := s.Node(i)
		dst = rdb.AppendString(appendRawID(rdb.AppendLength(dst, 16), id), node)
	}
	dst = appendIDLengths(rdb.AppendLength(dst, uint64(s.Len())), s.LastID())
	if code != rdb.TypeStreamListpacks {
		dst = rdb.AppendLength(appendIDLengths(appendIDLengths(dst, s.FirstID()), s.MaxDeletedID()), s.Added())
	}
	dst = rdb.AppendLength(dst, uint64(len(s.Groups())))
	for _, g := range s.Groups() {
		dst = appendIDLengths(rdb.AppendString(dst, []byte(g.Name)), g.Last)
		if code != rdb.TypeStreamListpacks {
			dst = rdb.AppendLength(dst, uint64(g.Read))
		}
		dst = rdb.AppendLength(dst, uint64(g.Pending()))
		for p, found := g.NextPending(store.StreamID{}, nil); found; p, found = pendingAfter(g, p.ID, nil) {
			dst = rdb.AppendLength(rdb.AppendInt64(appendRawID(dst, p.ID), p.Time), uint64(p.Count))
		}
		dst = rdb.AppendLength(dst, uint64(len(g.Consumers())))
		for _, c := range g.Consumers() {
			dst = rdb.AppendInt64(rdb.AppendString(dst, []byte(c.Name)), c.Seen)
			if code == rdb.TypeStreamListpacks3 {
				dst = rdb.AppendInt64(dst, -1)
			}
			dst = rdb.AppendLength(dst, uint64(c.Pending()))
			for p, found := g.NextPending(store.StreamID{}, c); found; p, found = pendingAfter(g, p.ID, c) {
				dst = appendRawID(dst, p.ID)
			}
		}
	}
	return rdb.AppendFooter(dst, 0)
}

// someStream makes a stream with a group, pending entries and deleted ones.
func someStream(cl *cluster, key string) *store.Stream {
	for i := range 12 {
		cl.text(fmt.Sprintf("XADD %s %d-1 field value%d", key, i+1, i))
	}
	cl.text("XADD " + key + " 13-1 other " + strings.Repeat("long", 50) + " 17 -5")
	for _, line := range []string{
		"XDEL KEY 5-1", "XGROUP CREATE KEY g 2-1", "XREADGROUP GROUP g alice COUNT 3 STREAMS KEY >", "XREADGROUP GROUP g bob COUNT 2 STREAMS KEY >",
		"XGROUP CREATECONSUMER KEY g idle", "XGROUP CREATE KEY h $", "XACK KEY g 4-1", "XDEL KEY 6-1",
	} {
		cl.text(strings.ReplaceAll(line, "KEY", key))
	}
	c := cl.nodes[0]
	return asStream(c.KS.Lookup(c.KS.Ref(testSlot([]byte(key)), 0, []byte(key)), cl.now, 0))
}

// TestStreamVersions: what older and later versions write is read: of the older, as redis-server reads it.
func TestStreamVersions(t *testing.T) {
	redis, cl := startRedis(t), newCluster(1)
	s := someStream(cl, "k")
	want := streamLooksOf(cl, "k")
	for _, code := range []rdb.Type{rdb.TypeStreamListpacks, rdb.TypeStreamListpacks2, rdb.TypeStreamListpacks3} {
		line := args("RESTORE", "l", 0, encodeStreamAs(code, s), "REPLACE")
		if got := string(cl.do(line...)); got != "+OK\r\n" {
			t.Fatalf("code %d: %q", code, got)
		}
		got := streamLooksOf(cl, "l")
		if code != rdb.TypeStreamListpacks3 {
			redis.run(line...)
			want = ""
			for _, look := range streamLooks {
				want += string(redis.run(words(fmt.Sprintf(look, "l"))...))
			}
		}
		if got != want {
			t.Errorf("code %d\n got %q\nwant %q", code, got, want)
		}
		want = streamLooksOf(cl, "k")
	}
}

func streamLooksOf(cl *cluster, key string) (all string) {
	for _, look := range streamLooks {
		all += cl.text(fmt.Sprintf(look, key))
	}
	return all
}

// TestStreamMoves: a stream is copied, renamed and moved, within a slot and between them, and replicas have the same.
func TestStreamMoves(t *testing.T) {
	cl := newCluster(1)
	someStream(cl, "k")
	want := streamLooksOf(cl, "k")
	for _, line := range []string{"COPY k l", "RENAME l {k}m", "RENAME {k}m {k}n", "RENAME {k}n o", "COPY o o DB 1", "DEL o"} {
		if got := cl.text(line); got[0] == '-' || got == ":0\r\n" {
			t.Fatalf("%s: %q", line, got)
		}
	}
	cl.db = 1
	if got := cl.text("MOVE o 2"); got != ":1\r\n" {
		t.Fatal(got)
	}
	cl.db = 2
	if got := streamLooksOf(cl, "o"); got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
	if a, b := dump(cl.nodes[0].KS), replayed(t, cl.sinks[0].effects); fmt.Sprint(a) != fmt.Sprint(b) {
		t.Errorf("the replica has %v, the primary %v", b, a)
	}
}

// FuzzRestoreStream restores whatever there is as a stream: an error, and nothing has changed; or a stream on which everything
// works, and that DUMP and RESTORE carry to another key.
func FuzzRestoreStream(f *testing.F) {
	seeds := newCluster(1)
	s := someStream(seeds, "k")
	for _, code := range []rdb.Type{rdb.TypeStreamListpacks, rdb.TypeStreamListpacks2, rdb.TypeStreamListpacks3} {
		p := encodeStreamAs(code, s)
		f.Add(p[:len(p)-10])
	}
	f.Add([]byte("\x13\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	cl := newCluster(1)
	f.Fuzz(func(t *testing.T, payload []byte) {
		cl.text("FLUSHALL")
		cl.text("SET k old")
		cl.sinks[0].effects = nil
		if reply := cl.do(args("RESTORE", "k", 0, body(string(payload)), "REPLACE")...); resp.IsError(reply) {
			if got := cl.text("GET k"); got != "$3\r\nold\r\n" || len(cl.sinks[0].effects) != 0 {
				t.Fatalf("%q, and the key is %q", reply, got)
			}
			return
		}
		if cl.text("TYPE k") != "+stream\r\n" {
			return
		}
		want := streamLooksOf(cl, "k")
		carried := bulk(t, cl.do(args("DUMP", "k")...))
		if got := string(cl.do(args("RESTORE", "l", 0, carried)...)); got != "+OK\r\n" {
			t.Fatalf("%q cannot be restored: %q", carried, got)
		}
		if got := streamLooksOf(cl, "l"); got != want {
			t.Fatalf("%q became %q", want, got)
		}
		if again := bulk(t, cl.do(args("DUMP", "l")...)); !bytes.Equal(again, carried) {
			t.Fatalf("%q became %q", carried, again)
		}
		for _, line := range []string{
			"XDEL k 5-1 3-1", "XADD k * field value", "XADD k * other value", "XTRIM k MAXLEN 4", "XAUTOCLAIM k g carol 0 - COUNT 3",
			"XREADGROUP GROUP g bob STREAMS k >", "XREADGROUP GROUP g bob STREAMS k 0", "XPENDING k g - + 100", "XPENDING k g",
			"XCLAIM k g dave 0 7-1 8-1", "XACK k g 7-1 1-1", "XGROUP DELCONSUMER k g alice", "XTRIM k MINID 9", "XGROUP DESTROY k g",
		} {
			cl.text(line)
		}
		streamLooksOf(cl, "k")
	})
}

// TestStreamDumpAfterGoingBack: XSETID goes back below a deleted entry, which stays in its node before those that are added then.
func TestStreamDumpAfterGoingBack(t *testing.T) {
	redis, cl := startRedis(t), newCluster(1)
	for _, line := range []string{
		"XADD s 10-1 f v", "XADD s 30-1 f v", "XADD s 40-1 f v", "XDEL s 30-1 40-1", "XSETID s 20-1", "XADD s 25-1 f v", "XADD s 35-1 f v",
	} {
		if want, got := redis.run(words(line)...), cl.do(words(line)...); !bytes.Equal(want, got) {
			t.Fatalf("%s: got %q, want %q", line, got, want)
		}
	}
	ours, theirs := bulk(t, cl.do(args("DUMP", "s")...)), bulk(t, redis.run(args("DUMP", "s")...))
	for _, payload := range [][]byte{ours, theirs} {
		redis.run(args("RESTORE", "copy", 0, payload, "REPLACE")...)
		if reply := cl.do(args("RESTORE", "copy", 0, payload, "REPLACE")...); string(reply) != "+OK\r\n" {
			t.Fatalf("RESTORE: %q", reply)
		}
		for _, look := range []string{"XRANGE copy - +", "XREVRANGE copy + -", "XINFO STREAM copy FULL"} {
			if want, got := redis.run(words(look)...), cl.do(words(look)...); !bytes.Equal(want, got) {
				t.Errorf("%s: got %q, want %q", look, got, want)
			}
		}
	}
}

// TestTrimOfEmptyNodes: copies lose the same nodes as the stream, those too that have no entry left.
func TestTrimOfEmptyNodes(t *testing.T) {
	for _, lines := range [][]string{
		{"XADD s 50-0 f v", "XADD s 50-9 f v", "XDEL s 50-9", "XTRIM s MINID = 50-5", "XTRIM s MINID ~ 60-0"},
		{"XADD s 50-0 f v", "XADD s 50-9 f v", "XDEL s 50-9", "XTRIM s MINID = 50-5", "XADD s MINID ~ 60-0 61-0 f v"},
		{
			"XADD s 50-0 f v", "XADD s 50-9 f v", "XDEL s 50-9", "XSETID s 50-0", "XADD s 50-3 f v",
			"XTRIM s MINID ~ 50-10", "XADD s 70-0 f v", "XTRIM s MAXLEN ~ 0",
		},
	} {
		cl := newCluster(1)
		for _, line := range lines {
			cl.text(line)
		}
		if want, got := dump(cl.nodes[0].KS), replayed(t, cl.sinks[0].effects); fmt.Sprint(want) != fmt.Sprint(got) {
			t.Errorf("after %q a copy holds\n%v\nwant\n%v", lines, got, want)
		}
	}
}
