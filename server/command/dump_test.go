package command

import (
	"bytes"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"testing"

	"ringcache/server/rdb"
	"ringcache/server/resp"
	"ringcache/server/store"
)

// args are the words of a command, each a string or bytes.
func args(words ...any) (list [][]byte) {
	for _, w := range words {
		list = append(list, fmt.Append(nil, textOf(w)))
	}
	return list
}

func textOf(w any) string {
	if b, ok := w.([]byte); ok {
		return string(b)
	}
	return fmt.Sprint(w)
}

// payloadOf is the payload of a value; body, that of any bytes.
func payloadOf(value string) []byte {
	return body(string(rdb.AppendString(rdb.AppendType(nil, rdb.TypeString), []byte(value))))
}

func body(b string) []byte { return rdb.AppendFooter([]byte(b), 0) }

func bulk(t *testing.T, reply []byte) []byte {
	t.Helper()
	s, ok := resp.ParseBulk(reply)
	if !ok {
		t.Fatalf("%.200q is no string", reply)
	}
	return s
}

// TestDumpTypes: each type and each code leads to one row.
func TestDumpTypes(t *testing.T) {
	seen, types := map[rdb.Type]bool{}, map[store.Type]bool{}
	for _, d := range dumpTypes {
		if types[d.typ] || len(d.codes) == 0 {
			t.Errorf("the row of %v is not the only one, or has no codes", d.typ)
		}
		types[d.typ] = true
		for _, code := range d.codes {
			if seen[code] {
				t.Errorf("code %d stands in two rows", code)
			}
			seen[code] = true
		}
	}
	if !types[store.TypeString] {
		t.Error("strings have no row")
	}
}

// TestRestoreEffects: a replica is told what the key is now, by a time that does not depend on when it hears so.
func TestRestoreEffects(t *testing.T) {
	p := payloadOf("value")
	effect := func(at any) string {
		return fmt.Sprintf("[0: %q]", args("RESTORE", "k", at, p, "REPLACE", "ABSTTL"))
	}
	for _, tc := range []struct {
		before, line string
		want         string
	}{
		{"", "0 P", effect(0)},
		{"", "10 P IDLETIME 5", effect(testNow + 10)},
		{"", "4000000000000 P absttl FREQ 5", effect(4000000000000)},
		{"SET k old EX 50", "0 P REPLACE", effect(0)},
		{"SET k old", "0 P", "[]"},
		{"SET k old", "5 P ABSTTL REPLACE", `[0: ["DEL" "k"]]`},
		{"", "5 P ABSTTL", "[]"},
		{"", "1 x", "[]"},
	} {
		cl := newCluster(1)
		if tc.before != "" {
			cl.text(tc.before)
		}
		cl.sinks[0].effects = nil
		line := words("RESTORE k " + tc.line)
		for i := range line {
			if string(line[i]) == "P" {
				line[i] = p
			}
		}
		reply := cl.do(line...)
		if got := fmt.Sprint(cl.sinks[0].effects); got != tc.want {
			t.Errorf("%s; RESTORE %s: %q\n  want %s\n  got  %s", tc.before, tc.line, reply, tc.want, got)
		}
		if !strings.HasPrefix(tc.want, "[0: [\"DEL") && tc.before == "" {
			if want, got := dump(cl.nodes[0].KS), replayed(t, cl.sinks[0].effects); !maps.Equal(want, got) {
				t.Errorf("RESTORE %s: the replica has %v, the primary %v", tc.line, got, want)
			}
		}
	}
}

// TestRestoreAccess: IDLETIME and FREQ are kept, each where it means something, and nothing of the old key is.
func TestRestoreAccess(t *testing.T) {
	restore := func(cl *cluster, options string) {
		t.Helper()
		line := append(args("RESTORE", "k", 0, payloadOf("v"), "REPLACE"), words(options)...)
		if got := string(cl.do(line...)); got != "+OK\r\n" {
			t.Fatalf("%s: %q", options, got)
		}
	}
	cl := newCluster(1)
	restore(cl, "IDLETIME 100")
	wantReply(t, cl, "OBJECT IDLETIME k", ":100")
	restore(cl, "FREQ 100")
	wantReply(t, cl, "OBJECT IDLETIME k", ":0")
	cl.now += 60_000
	restore(cl, "")
	wantReply(t, cl, "OBJECT IDLETIME k", ":0")
	cl.nodes[0].KS.TrackLFU(true)
	restore(cl, "FREQ 100")
	wantReply(t, cl, "OBJECT FREQ k", ":100")
	restore(cl, "IDLETIME 100")
	wantReply(t, cl, "OBJECT FREQ k", ":5")
	cl.text("DUMP k")
	cl.nodes[0].KS.TrackLFU(false)
	restore(cl, "IDLETIME 50")
	cl.text("DUMP k")
	wantReply(t, cl, "OBJECT IDLETIME k", ":0")
}

func TestRestoreOutOfMemory(t *testing.T) {
	cl := newCluster(1)
	cl.text("SET other v")
	cl.nodes[0].Node = &limitNode{limit: 1}
	if got := string(cl.do(args("RESTORE", "k", 0, payloadOf("v"))...)); got != "-"+resp.ErrOOM+"\r\n" {
		t.Errorf("%q", got)
	}
	wantReply(t, cl, "EXISTS k", ":0")
}

// TestRestoreTooLong: compression makes no string longer than one may be.
func TestRestoreTooLong(t *testing.T) {
	const blocks = maxString/264 + 1 // each a match of 264 bytes
	packed := append([]byte{0, 'x'}, bytes.Repeat([]byte{0xe0, 0xff, 0}, blocks)...)
	b := rdb.AppendLength([]byte{byte(rdb.TypeString), 0xc3}, uint64(len(packed)))
	b = append(rdb.AppendLength(b, blocks*264+1), packed...)
	cl := newCluster(1)
	if got := string(cl.do(args("RESTORE", "k", 0, body(string(b)))...)); got != "-"+errDumpFormat+"\r\n" {
		t.Errorf("%q", got)
	}
}

func TestDumpAllocations(t *testing.T) {
	cl := newCluster(1)
	for _, value := range []string{"123", "some string", strings.Repeat("0123456789", 50)} {
		cl.text("SET k " + value)
		c := cl.nodes[0]
		c.Args, c.Slot = args("DUMP", "k"), testSlot([]byte("k"))
		row := testTable.LookupName("dump")
		out := make([]byte, 0, 4096)
		if n := testing.AllocsPerRun(100, func() {
			c.Out.B = out
			c.Run(row)
		}); n != 0 {
			t.Errorf("DUMP of %.20q: %v allocations", value, n)
		}
	}
}

// FuzzRestore restores whatever there is over a key: an error, and nothing has changed; or a value that DUMP and RESTORE carry
// to another key.
func FuzzRestore(f *testing.F) {
	for _, value := range []string{"", "0", "-129", "70000", "9999999999", "hello", strings.Repeat("ab", 100), "\x00\xff"} {
		p := payloadOf(value)
		f.Add(p[:len(p)-10], true, []byte("REPLACE"))
		f.Add(p, false, []byte("REPLACE ABSTTL"))
	}
	f.Add([]byte{}, true, []byte("REPLACE"))
	f.Add([]byte("\x00\xc4\x00"), true, []byte("IDLETIME 5 REPLACE"))
	f.Add([]byte("\x00\xc3\x03\x05\x00aaa"), true, []byte("FREQ 5 REPLACE"))
	f.Add([]byte("\x05\x01\x01a\x00\x00\x00\x00\x00\x00\xf0\x3f"), true, []byte("REPLACE"))
	cl := newCluster(1)
	f.Fuzz(func(t *testing.T, payload []byte, footer bool, options []byte) {
		if footer {
			payload = body(string(payload))
		}
		cl.text("FLUSHALL")
		cl.text("SET k old EX 100")
		state := func() string { return cl.text("GET k") + cl.text("PTTL k") + cl.text("DBSIZE") }
		before := state()
		cl.sinks[0].effects = nil
		reply := cl.do(append(args("RESTORE", "k", 0, payload), bytes.Fields(options)...)...)
		if n, ok, err := resp.ReplyLen(reply); !ok || err != nil || n != len(reply) {
			t.Fatalf("%q is not one reply", reply)
		}
		if resp.IsError(reply) {
			if after := state(); before != after || len(cl.sinks[0].effects) != 0 {
				t.Fatalf("%q, and %q became %q by %v", reply, before, after, cl.sinks[0].effects)
			}
			return
		}
		if len(cl.sinks[0].effects) != 1 {
			t.Fatalf("the effects are %v", cl.sinks[0].effects)
		}
		wantReply(t, cl, "PTTL k", ":-1")
		carried := bulk(t, cl.do(args("DUMP", "k")...))
		if got := string(cl.do(args("RESTORE", "k2", 0, carried)...)); got != "+OK\r\n" {
			t.Fatalf("%q cannot be restored: %q", carried, got)
		}
		if a, b := cl.text("GET k"), cl.text("GET k2"); a != b {
			t.Fatalf("%q became %q", a, b)
		}
		if again := bulk(t, cl.do(args("DUMP", "k2")...)); !bytes.Equal(again, carried) {
			t.Fatalf("%q became %q", carried, again)
		}
	})
}

// valuesToDump are strings of every encoding and at every border of one.
func valuesToDump() []string {
	values := []string{
		"", "a", "hello world", "\x00\xff\r\n", "-0", "+1", "01", " 1", "1 ", "1.5", "-", "99999999999", "12345678901234567890",
		strings.Repeat("x", 1<<20), strings.Repeat("x", 1<<20+1), noise(300_000), noise(5000) + strings.Repeat("0123456789", 5000),
	}
	for bits := range 64 {
		for d := int64(-2); d <= 2; d++ {
			n := int64(1)<<bits + d
			values = append(values, strconv.FormatInt(n, 10), strconv.FormatInt(-n, 10))
		}
	}
	for _, n := range []int{
		1, 11, 12, 19, 20, 21, 22, 44, 45, 63, 64, 65, 255, 256, 8191, 8192, 8193, 16383, 16384, 16385, 70_000,
	} {
		values = append(values, strings.Repeat("x", n), noise(n), strings.Repeat("abcdefghij ", n/11+1)[:n], noise(n/2)+noise(n/2))
	}
	return values
}
