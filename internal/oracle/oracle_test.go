package oracle

import (
	"testing"
)

func everything() Options {
	return Options{Families: []Family{Strings, Keys, Database, Hashes, Lists, Sets, Zsets, Bits, Geo, Streams, Sort, Select}}
}

func TestGenIsDeterministic(t *testing.T) {
	a, b, other := NewGen(7, everything()), NewGen(7, everything()), NewGen(8, everything())
	same := 0
	for range 1000 {
		x := Show(a.Next())
		if y := Show(b.Next()); x != y {
			t.Fatalf("the same seed makes %s and %s", x, y)
		}
		if x == Show(other.Next()) {
			same++
		}
	}
	if same > 200 {
		t.Errorf("two seeds make %d of 1000 commands alike", same)
	}
}

// TestGenMakesEveryCommand: no weight or branch shuts a command out.
func TestGenMakesEveryCommand(t *testing.T) {
	g := NewGen(1, everything())
	made := map[string]bool{}
	for range 20_000 {
		made[string(g.Next()[0])] = true
	}
	for _, name := range []string{
		"set", "get", "getex", "getdel", "getset", "getrange", "substr", "setrange", "append", "strlen", "setnx", "setex", "psetex",
		"mget", "mset", "msetnx", "incr", "incrby", "incrbyfloat", "decr", "decrby", "lcs", "del", "unlink", "exists", "type", "touch",
		"keys", "scan", "randomkey", "rename", "renamenx", "copy", "move", "expire", "pexpire", "expireat", "pexpireat", "expiretime",
		"pexpiretime", "ttl", "pttl", "persist", "object", "dump", "restore", "dbsize", "flushall", "flushdb", "swapdb", "select", "SET", "nosuchcommand",
		"sadd", "srem", "sismember", "smismember", "smembers", "scard", "spop", "srandmember", "smove", "sinter", "sunion", "sdiff",
		"sintercard", "sinterstore", "sunionstore", "sdiffstore", "sscan",
	} {
		if !made[name] {
			t.Errorf("%s was never made", name)
		}
	}
}

func TestCompare(t *testing.T) {
	args := func(words ...string) (a [][]byte) {
		for _, w := range words {
			a = append(a, []byte(w))
		}
		return a
	}
	for _, tc := range []struct {
		args      [][]byte
		want, got string
		same      bool
	}{
		{args("GET", "k"), "$1\r\na\r\n", "$1\r\na\r\n", true},
		{args("GET", "k"), "$1\r\na\r\n", "$1\r\nb\r\n", false},
		{args("KEYS", "*"), "*2\r\n$1\r\na\r\n$1\r\nb\r\n", "*2\r\n$1\r\nb\r\n$1\r\na\r\n", true},
		{args("KEYS", "*"), "*1\r\n$1\r\na\r\n", "*2\r\n$1\r\nb\r\n$1\r\na\r\n", false},
		{args("SCAN", "0", "COUNT", "1000000"), "*2\r\n$1\r\n0\r\n*1\r\n$1\r\na\r\n", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nb\r\n", false},
		{args("SCAN", "0"), "*2\r\n$1\r\n7\r\n*1\r\n$1\r\na\r\n", "*2\r\n$1\r\n9\r\n*0\r\n", true},
		{args("RANDOMKEY"), "$1\r\na\r\n", "$1\r\nb\r\n", true},
		{args("RANDOMKEY"), "$-1\r\n", "$1\r\nb\r\n", false},
		{args("PTTL", "k"), ":10000\r\n", ":9000\r\n", true},
		{args("PTTL", "k"), ":10000\r\n", ":4000\r\n", false},
		{args("TTL", "k"), ":-1\r\n", ":0\r\n", false},
		{args("OBJECT", "IDLETIME", "k"), ":0\r\n", ":1\r\n", true},
		{args("OBJECT", "IDLETIME", "k"), ":0\r\n", "$-1\r\n", false},
		{args("DUMP", "k"), "$3\r\n\x00\x01a\r\n", "$3\r\n\x00\x01b\r\n", false},
		{args("DUMP", "k"), "$3\r\n\x00\xc3a\r\n", "$3\r\n\x00\xc3b\r\n", true},
		{args("DUMP", "k"), "$3\r\n\x00\xc3a\r\n", "$4\r\n\x00\x02ab\r\n", true},
		{args("DUMP", "k"), "$3\r\n\x00\xc3a\r\n", "$-1\r\n", false},
		{args("DUMP", "k"), "$3\r\n\x00\xc3a\r\n", "$3\r\n\x01\xc3a\r\n", false},
		{args("KEYS"), "-ERR a\r\n", "-ERR b\r\n", false},
	} {
		if diff := Compare(tc.args, []byte(tc.want), []byte(tc.got)); (diff == "") != tc.same {
			t.Errorf("%s: %q and %q: %q", Show(tc.args), tc.want, tc.got, diff)
		}
	}
}

func TestStartRedis(t *testing.T) {
	c, err := Dial(StartRedis(t))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for want, args := range map[string][]string{
		"+OK\r\n": {"SET", "k", "v\r\n"}, "$3\r\nv\r\n\r\n": {"GET", "k"}, "*2\r\n$3\r\nv\r\n\r\n$-1\r\n": {"MGET", "k", "none"},
	} {
		if args[0] != "SET" {
			if _, err := c.Do([]byte("SET"), []byte("k"), []byte("v\r\n")); err != nil {
				t.Fatal(err)
			}
		}
		var p [][]byte
		for _, a := range args {
			p = append(p, []byte(a))
		}
		if got, err := c.Do(p...); err != nil || string(got) != want {
			t.Errorf("%q: %q, %v", args, got, err)
		}
	}
}
