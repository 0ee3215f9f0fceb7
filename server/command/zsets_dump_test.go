package command

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"ringcache/server/rdb"
	"ringcache/server/resp"
	"ringcache/server/store"
)

// zsetsToDump are ZADDs that make sorted sets of all encodings. None has what would be compressed: that is another matter.
func zsetsToDump() (all [][][]byte) {
	add := func(words ...any) { all = append(all, append(args("ZADD", "k"), args(words...)...)) }
	add(1, "a")
	add(-1, "a", 0, "b", "-0", "c", 1.5, "d", "inf", "e", "-inf", "f")
	add("4611686018427387904", "a", "4611686018427388928", "b", "1e17", "c", "1e300", "d", "1e-310", "e", "0.1", "f", "-123456789.25", "g")
	add(1, "", 2, "7", 2, "-7", 2, "9223372036854775807", 3, "x\x00\r\n")
	add(0, noise(64), 1, noise(63))
	add(0, noise(65), -0.5, noise(300), "inf", noise(20), "-inf", noise(19), "-0", "zero")
	for _, n := range []int{127, 128, 129, 1000} {
		var words []any
		for i := range n {
			words = append(words, (i*7919)%n-50, strconv.Itoa(i))
		}
		add(words...)
	}
	return all
}

// TestZsetDumpAsRedis carries sorted sets of all encodings from here to redis-server and back. The payloads must be the same, but for
// what is compressed.
func TestZsetDumpAsRedis(t *testing.T) {
	redis, cl := startRedis(t), newCluster(1)
	for i, add := range zsetsToDump() {
		for _, do := range []func(...[]byte) []byte{redis.run, cl.do} {
			do(args("DEL", "k")...)
			do(add...)
		}
		theirs, ours := bulk(t, redis.run(args("DUMP", "k")...)), bulk(t, cl.do(args("DUMP", "k")...))
		const lzf = 0xc3
		if theirs[1] != lzf && ours[1] != lzf && !bytes.Equal(theirs, ours) {
			t.Errorf("set %d\n  want %.200q\n  got  %.200q", i, theirs, ours)
		}
		if got := string(redis.run(args("RESTORE", "k", 0, ours, "REPLACE")...)); got != "+OK\r\n" {
			t.Errorf("set %d: Redis says %q", i, got)
		}
		if got := string(cl.do(args("RESTORE", "k", 0, theirs, "REPLACE")...)); got != "+OK\r\n" {
			t.Errorf("set %d of Redis: %q", i, got)
		}
		sameZset(t, fmt.Sprint("set ", i), redis, cl)
	}
}

func sameZset(t *testing.T, what string, redis *redisSession, cl *cluster) {
	t.Helper()
	for _, look := range []string{"ZRANGE k 0 -1 WITHSCORES", "ZCARD k", "OBJECT ENCODING k"} {
		if want, got := redis.run(words(look)...), cl.do(words(look)...); !bytes.Equal(want, got) {
			t.Errorf("%s: %s\n  want %.500q\n  got  %.500q", what, look, want, got)
		}
	}
}

// oldZset is a sorted set as Redis 3.2 dumped it: each member with its score in text.
func oldZset(members ...string) string {
	b := rdb.AppendLength([]byte{byte(rdbZset)}, uint64(len(members)/2))
	for i := 0; i < len(members); i += 2 {
		b = rdb.AppendString(b, []byte(members[i]))
		switch score := members[i+1]; score {
		case "nan":
			b = append(b, 253)
		case "inf":
			b = append(b, 254)
		case "-inf":
			b = append(b, 255)
		default:
			b = append(append(b, byte(len(score))), score...)
		}
	}
	return string(b)
}

// zset2 is one with scores of 8 bytes.
func zset2(members ...any) string {
	b := rdb.AppendLength([]byte{byte(rdbZset2)}, uint64(len(members)/2))
	for i := 0; i < len(members); i += 2 {
		b = rdb.AppendFloat64(rdb.AppendString(b, fmt.Append(nil, members[i])), members[i+1].(float64))
	}
	return string(b)
}

// packedZset is one in a listpack, with elements of any kind.
func packedZset(elements ...string) string {
	p := store.NewPacked(nil)
	for _, e := range elements {
		p = p.Append([]byte(e))
	}
	return string(rdb.AppendString([]byte{byte(rdbZsetListpack)}, p))
}

// ziplistZset is one in a ziplist.
func ziplistZset(elements ...any) string {
	return string(rdb.AppendString([]byte{byte(rdbZsetZiplist)}, []byte(ziplist(elements...))))
}

// TestZsetRestoreOldForms restores what older versions dumped here and in redis-server.
func TestZsetRestoreOldForms(t *testing.T) {
	redis, cl := startRedis(t), newCluster(1)
	long := strings.Repeat("0123456789abcdefghijklmnopqrstuvwxyz", 1)
	for i, payload := range []string{
		oldZset("a", "1", "b", "-2.5", "c", "inf", "d", "-inf", "e", "1e100"), oldZset("b", "1", "a", "1"),
		oldZset(noise(100), "1"), zset2("b", 1.0, "a", 1.0, "c", math.Inf(-1)), zset2(noise(65), 0.25),
		ziplistZset("a", 1, "b", 2, long, "3.5", 7, 100), ziplistZset("a", "-inf"), packedZset("a", "1", "b", "2.5"),
	} {
		line := args("RESTORE", "k", 0, body(payload), "REPLACE")
		if want, got := redis.run(line...), cl.do(line...); string(want) != "+OK\r\n" || !bytes.Equal(want, got) {
			t.Errorf("payload %d: want %q, got %q", i, want, got)
			continue
		}
		sameZset(t, fmt.Sprint("payload ", i), redis, cl)
	}
}

// badZsets are payloads with something wrong.
func badZsets() []string {
	return []string{
		oldZset(), oldZset("a", "nan"), oldZset("a", "1", "a", "2"), oldZset("a", "x"), oldZset("a", ""), zset2(), zset2("a", math.NaN()),
		zset2("a", 1.0, "a", 2.0), zset2("a", 1.0)[:5], "\x05\x80\x7f\xff\xff\xff\x01a", packedZset(), packedZset("a"), packedZset("a", "x"),
		packedZset("a", "2", "b", "1"), packedZset("b", "1", "a", "1"), packedZset("a", "1", "a", "1"), packedZset("a", "1", "a", "2"),
		packedZset("a", "nan"), packedZset("a", ""), ziplistZset(), ziplistZset("a"), ziplistZset("a", "x"), ziplistZset("b", 1, "a", 1),
		"\x0c\x05abcde", "\x11\x05abcde", "\x11\x00",
	}
}

// TestZsetRestoreRefuses: nothing changes where a payload is wrong.
func TestZsetRestoreRefuses(t *testing.T) {
	cl := newCluster(1)
	wantReply(t, cl, "ZADD k 5 old", ":1")
	for i, payload := range badZsets() {
		got := string(cl.do(args("RESTORE", "k", 0, body(payload), "REPLACE")...))
		if got != "-"+errDumpFormat+"\r\n" {
			t.Errorf("payload %d, %q: %q", i, payload, got)
		}
	}
	wantReply(t, cl, "ZRANGE k 0 -1 WITHSCORES", "*2|$3|old|$1|5")
}

// FuzzRestoreZset: any value is refused and changes nothing, or is a sorted set that reads, dumps and restores to the same.
func FuzzRestoreZset(f *testing.F) {
	for _, payload := range append(badZsets(), oldZset("a", "1", "b", "-2.5"), zset2("a", 1.0, "b", 2.0), packedZset("a", "1", "7", "2.5"),
		ziplistZset("a", 1, "b", 2), zset2(noise(100), 1.0)) {
		f.Add([]byte(payload))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		cl := newCluster(1)
		got := cl.do(args("RESTORE", "k", 0, body(string(value)))...)
		if string(got) != "+OK\r\n" {
			if reply := cl.text("EXISTS k"); reply != ":0\r\n" || got[0] != '-' {
				t.Fatalf("%q, and then %q", got, reply)
			}
			return
		}
		if cl.text("TYPE k") != "+zset\r\n" {
			return
		}
		whole := cl.text("ZRANGE k 0 -1 WITHSCORES")
		n, _, ok := resp.ParseArray([]byte(whole))
		if !ok || cl.text("ZCARD k") != fmt.Sprintf(":%d\r\n", n/2) || n == 0 {
			t.Fatalf("ZRANGE has %d elements, ZCARD says %q", n, cl.text("ZCARD k"))
		}
		for _, look := range []string{"ZRANGE k -inf +inf BYSCORE REV", "ZRANGEBYLEX k - +", "ZSCAN k 0", "ZRANDMEMBER k 3"} {
			if reply := cl.text(look); resp.IsError([]byte(reply)) {
				t.Fatalf("%s: %q", look, reply)
			}
		}
		payload := bulk(t, cl.do(args("DUMP", "k")...))
		if got := cl.do(args("RESTORE", "l", 0, payload)...); string(got) != "+OK\r\n" {
			t.Fatalf("its own payload: %q", got)
		}
		if again := cl.text("ZRANGE l 0 -1 WITHSCORES"); again != whole {
			t.Fatalf("it was %q, and is %q", whole, again)
		}
		for _, m := range bulks([]byte(cl.text("ZRANGE k 0 -1"))) {
			if reply := cl.do(args("ZADD", "k", "XX", "CH", "0.125", m)...); reply[0] != ':' {
				t.Fatalf("ZADD of %q: %q", m, reply)
			}
			if reply := string(cl.do(args("ZREM", "k", m)...)); reply != ":1\r\n" {
				t.Fatalf("ZREM of %q: %q", m, reply)
			}
		}
		if reply := cl.text("EXISTS k"); reply != ":0\r\n" {
			t.Fatalf("all members are gone, and the key is not")
		}
	})
}

// TestZsetsMoveAndCopy: COPY, RENAME and MOVE keep members, scores and encoding, small and large, within a slot and across.
func TestZsetsMoveAndCopy(t *testing.T) {
	for _, add := range zsetsToDump() {
		cl := newCluster(1)
		cl.do(add...)
		want, enc := cl.text("ZRANGE k 0 -1 WITHSCORES"), cl.text("OBJECT ENCODING k")
		same := func(key string) {
			t.Helper()
			if got := cl.text("ZRANGE " + key + " 0 -1 WITHSCORES"); got != want {
				t.Errorf("%s: want %.300q, got %.300q", key, want, got)
			}
			if got := cl.text("OBJECT ENCODING " + key); got != enc {
				t.Errorf("%s: the encoding is %q, was %q", key, got, enc)
			}
		}
		for i := range 20 {
			key := fmt.Sprint("copy", i)
			cl.text("COPY k " + key)
			same(key)
			cl.text("RENAME " + key + " x" + key)
			same("x" + key)
			cl.text("RENAME x" + key + " {x" + key + "}")
			same("{x" + key + "}")
			cl.text("MOVE {x" + key + "} 3")
			cl.db = 3
			same("{x" + key + "}")
			cl.db = 0
		}
		same("k")
	}
}
