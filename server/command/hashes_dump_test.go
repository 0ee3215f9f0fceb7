package command

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc64"
	"slices"
	"strings"
	"testing"

	redisoracle "ringcache/internal/oracle"
	"ringcache/server/rdb"
	"ringcache/server/store"
)

// hashesToDump are hashes of all encodings, as arguments of HSET behind the key.
func hashesToDump() (list [][]any) {
	list = append(list,
		[]any{"f", "v"},
		[]any{"", ""},
		[]any{"1", "2", "-129", "70000", "9223372036854775807", "-9223372036854775808", "01", "1.5"},
		[]any{"long", strings.Repeat("x", 64)},
		[]any{"longer", strings.Repeat("x", 65)},
		[]any{strings.Repeat("f", 5000), strings.Repeat("v", 70_000), "f", 7},
	)
	for _, n := range []int{12, 512, 513, 3000} {
		var fields []any
		for i := range n {
			fields = append(fields, fmt.Sprint("field", i), i*i)
		}
		list = append(list, fields)
	}
	return list
}

// contentsOf is a hash by HGETALL, in an order of its own.
func contentsOf(reply []byte) string { return redisoracle.Normalize(args("HGETALL", "k"), reply) }

// TestDumpHashesAsRedis carries hashes from here to redis-server and back. Small ones must be the same bytes.
func TestDumpHashesAsRedis(t *testing.T) {
	redis, cl := startRedis(t), newCluster(1)
	for i, fields := range hashesToDump() {
		set := args(append([]any{"HSET", "k"}, fields...)...)
		redis.run(args("DEL", "k")...)
		cl.do(args("DEL", "k")...)
		redis.run(set...)
		cl.do(set...)
		want := contentsOf(redis.run(args("HGETALL", "k")...))
		theirs, ours := bulk(t, redis.run(args("DUMP", "k")...)), bulk(t, cl.do(args("DUMP", "k")...))
		const lzf = 0xc3
		if theirs[0] != ours[0] || theirs[0] == byte(rdbPackedHash) && theirs[1] != lzf && ours[1] != lzf && !bytes.Equal(theirs, ours) {
			t.Errorf("hash %d\n  want %.100q\n  got  %.100q", i, theirs, ours)
		}
		for _, payload := range [][]byte{theirs, ours} {
			restore := args("RESTORE", "k", 0, payload, "REPLACE")
			if a, b := redis.run(restore...), cl.do(restore...); string(a) != "+OK\r\n" || string(b) != "+OK\r\n" {
				t.Errorf("hash %d: %q, %q", i, a, b)
			}
			look := args("HGETALL", "k")
			if a, b := contentsOf(redis.run(look...)), contentsOf(cl.do(look...)); a != want || b != want {
				t.Errorf("hash %d became %.100q there and %.100q here, should be %.100q", i, a, b, want)
			}
			look = args("OBJECT", "ENCODING", "k")
			if a, b := redis.run(look...), cl.do(look...); !bytes.Equal(a, b) {
				t.Errorf("hash %d is %q there and %q here", i, a, b)
			}
		}
	}
}

// ziplist is a ziplist of short strings and of integers of 8 bits.
func ziplist(elements ...any) string {
	const head = 10 // the size, the place of the last, the number of elements
	b := append([]byte(nil), make([]byte, head)...)
	last, before := head, 0
	for _, e := range elements {
		last = len(b)
		b = append(b, byte(before))
		switch e := e.(type) {
		case string:
			b = append(append(b, byte(len(e))), e...)
		case int:
			if e >= 0 && e <= 12 {
				b = append(b, byte(0xF1+e))
			} else {
				b = append(b, 0xFE, byte(e))
			}
		}
		before = len(b) - last
	}
	b = append(b, 0xFF)
	binary.LittleEndian.PutUint32(b, uint32(len(b)))
	binary.LittleEndian.PutUint32(b[4:], uint32(last))
	binary.LittleEndian.PutUint16(b[8:], uint16(len(elements)))
	return string(b)
}

// hashBodies are values of hashes in all encodings, good and bad, and what Redis 7.0 knows as well.
func hashBodies() (bodies []string) {
	text := func(code rdb.Type, s string) string { return string(code) + string(rdb.AppendString(nil, []byte(s))) }
	packed := func(words ...string) string {
		p := store.NewPacked(nil)
		for _, w := range words {
			p = p.Append([]byte(w))
		}
		return string(p)
	}
	var many []any
	for i := range 600 {
		many = append(many, fmt.Sprint("f", i%1000), i%13)
	}
	return []string{
		"\x04\x02\x01a\x01b\x01c\x01d", "\x04\x00", "\x04\x01\x01a", "\x04\x02\x01a\x01b\x01a\x01d", "\x04\x7f\xff", "\x04",
		text(rdbPackedHash, packed("a", "b")), text(rdbPackedHash, packed()), text(rdbPackedHash, packed("a")),
		text(rdbPackedHash, packed("a", "b", "a", "c")), text(rdbPackedHash, packed("a", strings.Repeat("x", 100))),
		text(rdbPackedHash, "junk"), text(rdbPackedHash, packed("1", "2", "01", "70000")),
		text(rdbHashZiplist, ziplist("a", "b", "c", 5)), text(rdbHashZiplist, ziplist()), text(rdbHashZiplist, ziplist("a")),
		text(rdbHashZiplist, ziplist("a", -7, "a", 100)), text(rdbHashZiplist, ziplist("a", -7, 12, 100)),
		text(rdbHashZiplist, ziplist("long", strings.Repeat("x", 63))), text(rdbHashZiplist, ziplist(many...)), text(rdbHashZiplist, "junk"),
		text(rdbHashZipmap, "\x02\x01a\x01\x00b\x01c\x02\x01dd!\xff"), text(rdbHashZipmap, "\x01\x01a\x01\x00b"),
		text(rdbHashZipmap, "\x00\xff"), text(rdbHashZipmap, "\x02\x01a\x01\x00b\x01a\x01\x00d\xff"), text(rdbHashZipmap, "\x01\x01a\x09\x00b\xff"),
	}
}

// TestRestoreHashesAsRedis has redis-server, which is to look closely, and this restore the same payloads, good and bad.
func TestRestoreHashesAsRedis(t *testing.T) {
	redis, cl := startRedis(t, "--sanitize-dump-payload", "yes"), newCluster(1)
	for _, b := range hashBodies() {
		restore := args("RESTORE", "k", 0, body(b), "REPLACE")
		if want, got := redis.run(restore...), cl.do(restore...); !bytes.Equal(want, got) {
			t.Errorf("%.60q: %q, Redis says %q", b, got, want)
		}
		for _, look := range []string{"HGETALL k", "OBJECT ENCODING k"} {
			if diff := redisoracle.Compare(words(look), redis.run(words(look)...), cl.do(words(look)...)); diff != "" {
				t.Errorf("%.60q: %s", b, diff)
			}
		}
	}
}

// exBodies are values of hashes whose fields expire.
func exBodies() []string {
	at := func(ms int64) string { return string(rdb.AppendMillis(nil, ms)) }
	p := store.NewPacked(nil).Append([]byte("a")).Append([]byte("1")).AppendInt(testNow + 5000).
		Append([]byte("b")).Append([]byte("2")).AppendInt(0)
	return []string{
		"\x18" + at(testNow+5000) + "\x02\x01\x01a\x011\x00\x01b\x012",
		"\x19" + at(testNow+5000) + string(rdb.AppendString(nil, p)),
	}
}

// TestRestoreFieldExpiry: hashes of Redis 7.4 come with the expiries of their fields, and go with them.
func TestRestoreFieldExpiry(t *testing.T) {
	for _, b := range exBodies() {
		cl := newCluster(1)
		if got := string(cl.do(args("RESTORE", "k", 0, body(b))...)); got != "+OK\r\n" {
			t.Fatalf("%q: %q", b, got)
		}
		for range 2 {
			wantReply(t, cl, "HPEXPIRETIME k FIELDS 3 a b c", fmt.Sprintf("*3|:%d|:-1|:-2", int64(testNow+5000)))
			wantReply(t, cl, "HMGET k a b", "*2|$1|1|$1|2")
			wantReply(t, cl, "OBJECT ENCODING k", "$10|listpackex")
			payload := bulk(t, cl.do(args("DUMP", "k")...))
			if v := binary.LittleEndian.Uint16(payload[len(payload)-10:]); v != 12 {
				t.Errorf("version %d", v)
			}
			if got := string(cl.do(args("RESTORE", "k", 0, payload, "REPLACE")...)); got != "+OK\r\n" {
				t.Fatalf("%q: %q", payload, got)
			}
		}
		th := store.DefaultThresholds
		th.HashEntries = 1
		cl.nodes[0].KS.SetThresholds(th)
		cl.do(args("RESTORE", "k", 0, body(b), "REPLACE")...)
		wantReply(t, cl, "OBJECT ENCODING k", "$9|hashtable")
		payload := bulk(t, cl.do(args("DUMP", "k")...))
		if payload[0] != byte(rdb.TypeHashMetadata) {
			t.Errorf("a large hash is dumped as %d", payload[0])
		}
		wantReply(t, cl, "RENAME k l", "+OK")
		wantReply(t, cl, "COPY l m", ":1")
		wantReply(t, cl, "HPEXPIRETIME m FIELDS 1 a", fmt.Sprintf("*1|:%d", int64(testNow+5000)))
		cl.now += 5001
		wantReply(t, cl, "HLEN l", ":1")
		wantReply(t, cl, "HGETALL m", "*2|$1|b|$1|2")
		wantReply(t, cl, "HPERSIST m FIELDS 2 a b", "*2|:-2|:-1")
		if payload := bulk(t, cl.do(args("DUMP", "m")...)); payload[0] != byte(rdbHash) || payload[len(payload)-10] != 10 {
			t.Errorf("a hash without expiries is dumped as %q", payload)
		}
	}
}

// valkey is a payload with the version of Valkey 9.
func valkey(payload []byte) []byte {
	p := append(slices.Clone(payload[:len(payload)-10]), rdb.ValkeyVersion, 0)
	jones := crc64.MakeTable(0x95ac9329ac4bc9b5)
	return binary.LittleEndian.AppendUint64(p, ^crc64.Update(^uint64(0), jones, p))
}

// TestRestoreNotValkeys: what Valkey has under Redis's newer codes is something else.
func TestRestoreNotValkeys(t *testing.T) {
	cl := newCluster(1)
	for _, b := range exBodies() {
		if got := string(cl.do(args("RESTORE", "k", 0, valkey(body(b)))...)); got != "-"+errDumpFormat+"\r\n" {
			t.Errorf("%q: %q", b, got)
		}
	}
	if got := string(cl.do(args("RESTORE", "k", 0, valkey(body("\x04\x01\x01a\x01b")))...)); got != "+OK\r\n" {
		t.Errorf("a plain hash: %q", got)
	}
}

// FuzzRestoreHash: bytes with a right checksum are refused and change nothing, or become a hash that can be read, dumped, and restored
// as the same.
func FuzzRestoreHash(f *testing.F) {
	for _, b := range append(hashBodies(), exBodies()...) {
		f.Add([]byte(b))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 || decodesOther(rdb.Type(b[0])) {
			return
		}
		cl := newCluster(1)
		if got := cl.do(args("RESTORE", "k", 0, body(string(b)))...); got[0] == '-' {
			wantReply(t, cl, "EXISTS k", ":0")
			return
		}
		cl.now = 0 // no field has expired
		look := func(key string) string {
			c := cl.nodes[0]
			r := c.KS.Ref(testSlot([]byte(key)), 0, []byte(key))
			it := c.KS.Lookup(r, 0, 0)
			return it.Encoding().String() + contentsOf(cl.do(args("HGETALL", key)...)) + hashContents(it)
		}
		for _, line := range []string{"HLEN k", "HRANDFIELD k 5", "HSCAN k 0", "HVALS k"} {
			if got := cl.text(line); got[0] == '-' {
				t.Fatalf("%s: %q", line, got)
			}
		}
		payload := bulk(t, cl.do(args("DUMP", "k")...))
		if got := string(cl.do(args("RESTORE", "l", 0, payload)...)); got != "+OK\r\n" {
			t.Fatalf("%q became %q, which is refused: %q", b, payload, got)
		}
		if a, b := look("k"), look("l"); a != b {
			t.Fatalf("%q\n became %q", a, b)
		}
	})
}

// decodesOther reports whether a type of payloads is none of hashes.
func decodesOther(code rdb.Type) bool { return !slices.Contains(hashDumps[0].codes, code) }
