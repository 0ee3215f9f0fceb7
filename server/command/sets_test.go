package command

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringcache/server/rdb"
	"ringcache/server/store"
)

// setContents is a large set as a string that is the same for equal ones.
func setContents(it store.Item) string {
	m := store.MembersOf(it)
	var all []string
	m.Each(func(e store.Element) bool {
		all = append(all, string(e.Str))
		return true
	})
	slices.Sort(all)
	return "set\x00" + strings.Join(all, "\x00")
}

// TestSetForms: which encoding a set has after some commands, as in Redis 7.2, with few members allowed in small forms.
func TestSetForms(t *testing.T) {
	th := store.DefaultThresholds
	th.SetIntset, th.SetEntries, th.SetValue = 4, 6, 8
	for lines, want := range map[string]string{
		"SADD k 1 2 3 4":                                "intset",
		"SADD k 1 2 3 4|SADD k 5":                       "hashtable",
		"SADD k 1 2 3 4 5":                              "listpack", // five members to come are too many for an intset from the beginning
		"SADD k 1 1 1 1 1":                              "listpack",
		"SADD k 1 2 3|SADD k a":                         "listpack",
		"SADD k 1 2 3|SADD k 123456789a":                "hashtable",
		"SADD k 123456789 2|SADD k a":                   "hashtable", // an integer is longer than a packed member may be
		"SADD k a b c d e f":                            "listpack",
		"SADD k a b c d e f|SADD k g":                   "hashtable",
		"SADD k a b c d e f g":                          "hashtable",
		"SADD k a|SADD k a a a a a a a":                 "hashtable", // so many are expected
		"SADD k 1|SADD k 1 1 1 1 1":                     "hashtable",
		"SADD k a b c d e f|SREM k g|SADD k a":          "listpack",
		"SADD k 123456789a":                             "hashtable",
		"SADD k a 1|SREM k a":                           "listpack",
		"SADD k a b c d e f g|SREM k a b c d e f":       "hashtable",
		"SADD k a b c d e f g|SPOP k 6":                 "listpack", // what is left is a new set
		"SADD k a b c d e f g|SPOP k 3":                 "hashtable",
		"SADD j 1 2 a|SADD i 1 2 b|SINTERSTORE k i j":   "intset",
		"SADD j a 1 b|SADD i 1 b|SINTERSTORE k i j":     "listpack",
		"SADD j 1 2 3|SADD i a b|SUNIONSTORE k j i":     "listpack",
		"SADD j 1 2 3|SADD i a b c d|SUNIONSTORE k i j": "hashtable",
		"SADD j 1 2 3|SADD i 1 a|SDIFFSTORE k j i":      "intset",
		"SADD j a 1 2|SMOVE j k 1":                      "intset",
		"SADD j a 1 2|SMOVE j k a":                      "listpack",
		"SADD j a 1 2|SREM j a|COPY j k":                "listpack",
		"SADD j a 1 2|SREM j a|RENAME j k":              "listpack",
		"SADD j a b c d e f g|SREM j a b|COPY j k":      "hashtable",
		"SADD j a b c d e f g|SREM j a b|RENAME j k":    "hashtable",
		"SET k v|SADD j a 1 2|SUNIONSTORE k j":          "listpack",
	} {
		cl := newCluster(1)
		cl.nodes[0].KS.SetThresholds(th)
		follower := replica(1)
		follower.KS.SetThresholds(th)
		for _, line := range strings.Split(lines, "|") {
			if reply := cl.text(line); reply[0] == '-' {
				t.Errorf("%s: %q", line, reply)
			}
		}
		wantReply(t, cl, "OBJECT ENCODING k", fmt.Sprintf("$%d|%s", len(want), want))
		for _, e := range cl.sinks[0].effects {
			follower.Out.B = nil
			follower.Apply(e.slot, e.db, e.args)
		}
		if diff := cmp.Diff(dump(cl.nodes[0].KS), dump(follower.KS)); diff != "" {
			t.Errorf("%s: a replica differs:\n%s", lines, diff)
		}
		if t.Failed() {
			t.Fatalf("%s", lines)
		}
	}
}

// TestSetEffects: what replicas are told.
func TestSetEffects(t *testing.T) {
	for lines, want := range map[string][]string{
		"SADD k a b|SADD k a":               {`0: ["SADD" "k" "a" "b"]`},
		"SADD k a b|SREM k a c|SREM k c":    {`0: ["SADD" "k" "a" "b"]`, `0: ["SREM" "k" "a" "c"]`},
		"SADD k a|SPOP k":                   {`0: ["SADD" "k" "a"]`, `0: ["DEL" "k"]`},
		"SADD k a b|SPOP k 2":               {`0: ["SADD" "k" "a" "b"]`, `0: ["DEL" "k"]`},
		"SADD k a b|SPOP k 0":               {`0: ["SADD" "k" "a" "b"]`},
		"SADD k a|SMOVE k l a":              {`0: ["SADD" "k" "a"]`, `0: ["SREM" "k" "a"]`, `0: ["SADD" "l" "a"]`},
		"SADD k a|SMOVE k l b|SMOVE k k a":  {`0: ["SADD" "k" "a"]`},
		"SADD k a|SADD l a|SMOVE k l a":     {`0: ["SADD" "k" "a"]`, `0: ["SADD" "l" "a"]`, `0: ["SREM" "k" "a"]`},
		"SADD k a|SINTERSTORE k k l":        {`0: ["SADD" "k" "a"]`, `0: ["DEL" "k"]`},
		"SINTERSTORE k k l|SUNIONSTORE k l": nil,
	} {
		cl := newCluster(1)
		for _, line := range strings.Split(lines, "|") {
			cl.text(line)
		}
		var got []string
		for _, e := range cl.sinks[0].effects {
			got = append(got, e.String())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n  want %q\n  got  %q", lines, want, got)
		}
	}
}

// TestSpopEffectsAreBounded: popping many members is told in parts, or, where hardly any are left, by what these are.
func TestSpopEffectsAreBounded(t *testing.T) {
	cl := newCluster(1)
	for i := range 5000 {
		cl.text(fmt.Sprint("SADD k m", i))
	}
	for _, tc := range []struct{ pop, effects int }{{2000, 4}, {1, 1}, {2990, 1}} {
		mark := len(cl.sinks[0].effects)
		cl.text(fmt.Sprint("SPOP k ", tc.pop))
		effects := cl.sinks[0].effects[mark:]
		if len(effects) != tc.effects {
			t.Errorf("popping %d has %d effects, want %d", tc.pop, len(effects), tc.effects)
		}
		for _, e := range effects {
			if len(e.args) > popEffect+2 {
				t.Errorf("an effect of %d arguments", len(e.args))
			}
		}
	}
	wantReply(t, cl, "SCARD k", ":9")
	if diff := cmp.Diff(dump(cl.nodes[0].KS), replayed(t, cl.sinks[0].effects)); diff != "" {
		t.Errorf("a replica differs:\n%s", diff)
	}
}

// TestSrandmemberIsBounded: a count that no memory would suffice for is refused, whatever the members' length.
func TestSrandmemberIsBounded(t *testing.T) {
	cl := newCluster(1)
	cl.text("SADD k " + strings.Repeat("x", 1<<20))
	cl.text("SADD l 1")
	for line, want := range map[string]string{
		"SRANDMEMBER l -9223372036854775807":     "-ERR value is out of range",
		"SRANDMEMBER l -1000000000":              "-ERR value is out of range",
		"SRANDMEMBER k -600":                     "-ERR value is out of range",
		"SRANDMEMBER l 9223372036854775807":      "*1|$1|1",
		"SRANDMEMBER l -9223372036854775808":     "-" + errCountRange,
		"SRANDMEMBER nokey -9223372036854775807": "*0",
	} {
		wantReply(t, cl, line, want)
	}
	if n := strings.Count(cl.text("SRANDMEMBER l -100000"), "$1"); n != 100_000 {
		t.Errorf("%d members drawn", n)
	}
}

// TestSscanLarge: a large set is scanned in parts by a cursor, and each member comes once.
func TestSscanLarge(t *testing.T) {
	cl := newCluster(1)
	for i := range 3000 {
		cl.text(fmt.Sprint("SADD k m", i))
	}
	seen := map[string]int{}
	calls := 0
	for cursor := "0"; calls == 0 || cursor != "0"; calls++ {
		all := bulks([]byte(cl.text("SSCAN k " + cursor + " COUNT 100")))
		cursor = all[0]
		for _, m := range all[1:] {
			seen[m]++
		}
		if calls > 100 {
			t.Fatal("the scan does not end")
		}
	}
	for m, n := range seen {
		if n != 1 {
			t.Errorf("%s came %d times", m, n)
		}
	}
	if len(seen) != 3000 || calls < 10 {
		t.Errorf("%d members in %d calls", len(seen), calls)
	}
	wantReply(t, cl, "SSCAN k 99999999999999999", "*2|$1|0|*0") // beyond all hashes
}

// setsToDump are commands that make sets of all encodings and sizes at the key k.
func setsToDump() []string {
	long := strings.Repeat("x", 100)
	many := func(prefix string, n int) string {
		var b strings.Builder
		b.WriteString("SADD k")
		for i := range n {
			fmt.Fprint(&b, " ", prefix, i)
		}
		return b.String()
	}
	return []string{
		"SADD k 1", "SADD k -32769 7", "SADD k 9223372036854775807 -9223372036854775808 0", many("", 512), many("", 513), "SADD k a",
		"SADD k a 7 100000 99999999999 " + long, many("m", 128), many("m", 129), many("10000000000", 3000), many("member:", 20_000),
		"SADD k " + long, "SADD k a b " + long + long, "SADD k 1 a",
	}
}

// TestSetDumpAsRedis carries sets of all encodings from here to redis-server and back.
func TestSetDumpAsRedis(t *testing.T) {
	redis := startRedis(t)
	for _, line := range setsToDump() {
		cl := newCluster(1)
		redis.run(args("DEL", "k")...)
		redis.run(words(line)...)
		cl.text(line)
		want := unorderedBulks(redis.run(args("SMEMBERS", "k")...))
		theirs, ours := bulk(t, redis.run(args("DUMP", "k")...)), bulk(t, cl.do(args("DUMP", "k")...))
		if got := string(redis.run(args("RESTORE", "k", 0, ours, "REPLACE")...)); got != "+OK\r\n" {
			t.Errorf("%.40s: Redis says %q", line, got)
		}
		if got := unorderedBulks(redis.run(args("SMEMBERS", "k")...)); !slices.Equal(got, want) {
			t.Errorf("%.40s: became %.100q there", line, got)
		}
		encoding := cl.text("OBJECT ENCODING k")
		if got := string(cl.do(args("RESTORE", "k", 0, theirs, "REPLACE")...)); got != "+OK\r\n" {
			t.Errorf("%.40s of Redis: %q", line, got)
		}
		if got := unorderedBulks(cl.do(args("SMEMBERS", "k")...)); !slices.Equal(got, want) {
			t.Errorf("%.40s: became %.100q here", line, got)
		}
		if got := cl.text("OBJECT ENCODING k"); got != encoding {
			t.Errorf("%.40s: is %q after RESTORE, was %q", line, got, encoding)
		}
		if got := unorderedBulks(cl.do(args("DUMP", "k")...)); len(got) == 0 {
			t.Errorf("%.40s: no DUMP", line)
		}
	}
}

func unorderedBulks(reply []byte) []string {
	all := bulks(reply)
	slices.Sort(all)
	return all
}

// intsetOf is an intset with anything in its header.
func intsetOf(width, n uint32, ints ...int16) string {
	b := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, width), n)
	for _, v := range ints {
		b = binary.LittleEndian.AppendUint16(b, uint16(v))
	}
	return string(b)
}

// packedPayload is a value of bytes as one string, of a type.
func packedPayload(code byte, content string) []byte {
	return body(string(rdb.AppendString([]byte{code}, []byte(content))))
}

// TestSetRestore: payloads of all encodings, right and wrong. What is wrong changes nothing.
func TestSetRestore(t *testing.T) {
	packed := string(store.NewPacked(nil).Append([]byte("a")).Append([]byte("7")).Append([]byte("b")))
	twice := string(store.NewPacked(nil).Append([]byte("a")).Append([]byte("7")).Append([]byte("a")))
	empty := string(store.NewPacked(nil))
	for _, tc := range []struct {
		name    string
		payload []byte
		want    string // members, or none
	}{
		{"set", body("\x02\x02\x01a\xc0\x07"), "7 a"},
		{"intset", packedPayload(11, intsetOf(2, 2, -1, 9)), "-1 9"},
		{"listpack", packedPayload(20, packed), "7 a b"},
		{"empty set", body("\x02\x00"), ""},
		{"too few", body("\x02\x03\x01a\x01b"), ""},
		{"too many", body("\x02\x01\x01a\x01b"), ""},
		{"twice", body("\x02\x02\x01a\x01a"), ""},
		{"twice the integer", body("\x02\x02\xc0\x07\x017"), ""},
		{"count", body("\x02\x80\xff\xff\xff\xff\x01a"), ""},
		{"no count", body("\x02"), ""},
		{"nothing", body("\x0b"), ""},
		{"empty intset", packedPayload(11, intsetOf(2, 0)), ""},
		{"width", packedPayload(11, intsetOf(3, 2, 1, 2, 3)), ""},
		{"width 0", packedPayload(11, intsetOf(0, 0)), ""},
		{"short", packedPayload(11, intsetOf(2, 3, 1, 2)), ""},
		{"long", packedPayload(11, intsetOf(2, 1, 1, 2)), ""},
		{"order", packedPayload(11, intsetOf(2, 2, 2, 1)), ""},
		{"equal", packedPayload(11, intsetOf(2, 2, 2, 2)), ""},
		{"no header", packedPayload(11, "\x02\x00\x00"), ""},
		{"huge", packedPayload(11, intsetOf(8, 1<<31, 1)), ""},
		{"empty listpack", packedPayload(20, empty), ""},
		{"listpack twice", packedPayload(20, twice), ""},
		{"listpack cut", packedPayload(20, packed[:len(packed)-1]), ""},
	} {
		cl := newCluster(1)
		cl.text("SET k there")
		got := string(cl.do(args("RESTORE", "k", 0, tc.payload, "REPLACE")...))
		if tc.want == "" {
			if got != "-"+errDumpFormat+"\r\n" {
				t.Errorf("%s: %q", tc.name, got)
			}
			wantReply(t, cl, "GET k", "$5|there")
			continue
		}
		if members := strings.Join(unorderedBulks(cl.do(args("SMEMBERS", "k")...)), " "); members != tc.want {
			t.Errorf("%s: %q, then %q", tc.name, got, members)
		}
	}
}

// FuzzSetRestore: whatever the value's bytes, with a right checksum: RESTORE refuses them and nothing has changed, or makes a set that
// can be read in all ways, and that DUMPs to what RESTORE makes the same of.
func FuzzSetRestore(f *testing.F) {
	for _, seed := range []string{
		"\x02\x02\x01a\xc0\x07", "\x02\x01\xc3\x05\x14\x00a\xe0\x09\x00\x00", string(rdb.AppendString([]byte{11}, []byte(intsetOf(2, 2, -1, 9)))),
		string(rdb.AppendString([]byte{20}, store.NewPacked(nil).Append([]byte("a")).Append([]byte("7")))), "\x0b\x0e\x02\x00\x00\x00",
	} {
		f.Add([]byte(seed))
	}
	cl := newCluster(1)
	f.Fuzz(func(t *testing.T, value []byte) {
		if len(value) == 0 || value[0] != 2 && value[0] != 11 && value[0] != 20 {
			return
		}
		cl.text("DEL k")
		reply := string(cl.do(args("RESTORE", "k", 0, body(string(value)))...))
		if reply != "+OK\r\n" {
			wantReply(t, cl, "EXISTS k", ":0")
			return
		}
		members := unorderedBulks(cl.do(args("SMEMBERS", "k")...))
		if card := cl.text("SCARD k"); card != fmt.Sprintf(":%d\r\n", len(members)) || len(members) == 0 || len(slices.Compact(slices.Clone(members))) != len(members) {
			t.Fatalf("%q has %s", members, card)
		}
		for _, m := range members[:min(len(members), 100)] {
			if got := string(cl.do(args("SISMEMBER", "k", m)...)); got != ":1\r\n" {
				t.Fatalf("%q is no member", m)
			}
		}
		if scan := bulks([]byte(cl.text("SSCAN k 0 COUNT 1000000"))); len(scan) != len(members)+1 {
			t.Fatalf("SSCAN finds %d of %d", len(scan), len(members))
		}
		payload := bulk(t, cl.do(args("DUMP", "k")...))
		if got := string(cl.do(args("RESTORE", "j", 0, payload, "REPLACE")...)); got != "+OK\r\n" {
			t.Fatalf("what DUMP wrote: %q", got)
		}
		if again := unorderedBulks(cl.do(args("SMEMBERS", "j")...)); !slices.Equal(again, members) {
			t.Fatalf("%q became %q", members, again)
		}
		cl.text("SADD k one-more 77")
		cl.text("SPOP k 2")
	})
}

// TestSetMovesAcrossSlots: COPY, RENAME and MOVE of small and large sets keep members and expiry, in one shard and from one to another,
// and replicas follow.
func TestSetMovesAcrossSlots(t *testing.T) {
	for _, size := range []int{1, 5, 100, 2000} {
		for _, prefix := range []string{"", "m"} {
			for _, move := range []string{"COPY {a}1 {a}2", "RENAME {a}1 {a}2", "COPY {a}1 x", "RENAME {a}1 x", "RENAME {a}1 y", "MOVE {a}1 3", "COPY {a}1 {a}1 DB 2"} {
				cl := newCluster(1)
				for i := range size {
					cl.text(fmt.Sprint("SADD {a}1 ", prefix, i))
				}
				cl.text("SADD y old members")
				cl.text("PEXPIREAT {a}1 1900000000000")
				from := dump(cl.nodes[0].KS)[place{testSlot([]byte("{a}1")), 0, "{a}1"}]
				if reply := cl.text(move); reply[0] == '-' || reply == ":0\r\n" {
					t.Errorf("%s: %q", move, reply)
				}
				state := dump(cl.nodes[0].KS)
				found := 0
				for _, is := range state {
					if is == from {
						found++
					}
				}
				if want := 1 + strings.Count(move, "COPY"); found != want {
					t.Errorf("%s of %d members: there are %d such sets, want %d", move, size, found, want)
				}
				if diff := cmp.Diff(state, replayed(t, cl.sinks[0].effects)); diff != "" {
					t.Errorf("%s of %d members: a replica differs:\n%s", move, size, diff)
				}
			}
		}
	}
}
