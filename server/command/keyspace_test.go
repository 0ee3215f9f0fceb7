package command

import (
	"fmt"
	"strings"
	"testing"

	"ringcache/server/resp"
)

// The oracle compares with Redis at random; here is what chance does not meet, and what must not change unnoticed.
func TestReplies(t *testing.T) {
	x45 := strings.Repeat("x", 45)
	for _, script := range [][][2]string{
		{{"SET k v", "+OK"}, {"GET k", "$1|v"}, {"SET k w GET", "$1|v"}, {"SET k x XX NX", "-ERR syntax error"}},
		{{"SET k v EX 0", "-ERR invalid expire time in 'set' command"}, {"SET k v EX 10 PX 5", "-ERR syntax error"}},
		{{"SET k v PX 9223372036854775807", "-ERR invalid expire time in 'set' command"}, {"GET k", "$-1"}},
		{{"SETEX k -1 v", "-ERR invalid expire time in 'setex' command"}, {
			"PSETEX k 0 v",
			"-ERR invalid expire time in 'psetex' command",
		}},
		{{"SET k v PXAT 5", "+OK"}, {"DBSIZE", ":1"}, {"KEYS *", "*0"}, {"GET k", "$-1"}, {"DBSIZE", ":0"}},
		{{"SET k v PXAT 5", "+OK"}, {"RANDOMKEY", "$-1"}, {"SCAN 0", "*2|$1|0|*0"}},
		{
			{"SET k v EX 100", "+OK"},
			{"TTL k", ":100"},
			{"PTTL k", ":100000"},
			{"EXPIRETIME k", ":1750000100"},
			{"PEXPIRETIME k", ":1750000100000"},
			{"EXPIRE k 100 GT", ":0"},
			{"EXPIRE k 101 GT", ":1"},
			{
				"EXPIRE k 100 LT",
				":1",
			},
		},
		{{"SET k v", "+OK"}, {"EXPIRE k 10 GT", ":0"}, {"EXPIRE k 10 LT", ":1"}, {"EXPIRE k 9 NX", ":0"}, {
			"EXPIRE k 0 XX",
			":1",
		}, {"TTL k", ":-2"}},
		{{"EXPIRE k 9223372036854775", "-ERR invalid expire time in 'expire' command"}, {
			"EXPIRE k 1 zz",
			"-ERR Unsupported option zz",
		}},
		{
			{"SETRANGE k 5 Redis", ":10"},
			{"STRLEN k", ":10"},
			{"OBJECT ENCODING k", "$3|raw"},
			{"APPEND k !", ":11"},
			{"GETRANGE k -6 -1", "$6|Redis!"},
		},
		{{"SETRANGE k 536870912 x", "-ERR string exceeds maximum allowed size (proto-max-bulk-len)"}, {"EXISTS k", ":0"}},
		{
			{"SET k 10", "+OK"},
			{"OBJECT ENCODING k", "$3|int"},
			{"INCRBYFLOAT k 1", "$2|11"},
			{"OBJECT ENCODING k", "$6|embstr"},
			{"INCR k", ":12"},
		},
		{{"SET k " + x45, "+OK"}, {"OBJECT ENCODING k", "$3|raw"}, {"SET k " + x45[1:], "+OK"}, {
			"OBJECT ENCODING k",
			"$6|embstr",
		}},
		{
			{"SET k 9223372036854775807", "+OK"},
			{"INCR k", "-ERR increment or decrement would overflow"},
			{"DECRBY k -9223372036854775808", "-ERR decrement would overflow"},
		},
		{
			{"MSET a 1 b 2 a 3", "+OK"},
			{"MGET a b c", "*3|$1|3|$1|2|$-1"},
			{"DEL a b c", ":2"},
			{"MSETNX a 1 a 2", ":1"},
			{"GET a", "$1|2"},
		},
		{{"SET a 1", "+OK"}, {"RENAME a a", "+OK"}, {"RENAMENX a a", ":0"}, {"RENAME b c", "-ERR no such key"}},
		{{"SET a 1", "+OK"}, {"COPY a a", "-ERR source and destination objects are the same"}, {
			"COPY a b DB 99",
			"-ERR DB index is out of range",
		}},
		{{"SWAPDB x 1", "-ERR invalid first DB index"}, {"SWAPDB 1 x", "-ERR invalid second DB index"}, {
			"SWAPDB 1 16",
			"-ERR DB index is out of range",
		}},
		{
			{"SET k v", "+OK"},
			{"OBJECT FREQ k", "-" + errNoLFU},
			{"OBJECT REFCOUNT k", ":1"},
			{"OBJECT FREQ none", "$-1"},
			{"TYPE k", "+string"},
		},
		{
			{"MSET a ohmytext b mynewtext", "+OK"},
			{"LCS a b", "$6|mytext"},
			{"LCS a b LEN", ":6"},
			{"LCS a b IDX WITHMATCHLEN MINMATCHLEN 4", "*4|$7|matches|*1|*3|*2|:4|:7|*2|:5|:8|:4|$3|len|:6"},
			{"LCS a b LEN IDX", "-" + errLCSBoth},
		},
	} {
		cl := newCluster(1)
		for _, step := range script {
			wantReply(t, cl, step[0], step[1])
		}
	}
}

func TestLCSLimit(t *testing.T) {
	cl := newCluster(2)
	cl.do([]byte("SET"), []byte("a"), make([]byte, 20_000))
	cl.do([]byte("SET"), []byte("b"), make([]byte, 20_000))
	wantReply(t, cl, "LCS a b LEN", "-"+errLCSMemory)
}

func TestCrossSlot(t *testing.T) {
	cl := newCluster(7)
	var mset, mget [][]byte
	mset, mget = words("MSET"), words("MGET")
	want := "*20\r\n"
	for i := range 20 {
		key := fmt.Sprint("key", i)
		mset = append(mset, []byte(key), []byte(key+"v"))
		mget = append(mget, []byte(key))
		want += fmt.Sprintf("$%d\r\n%sv\r\n", len(key)+1, key)
	}
	if got := string(cl.do(mset...)); got != "+OK\r\n" {
		t.Errorf("MSET: %q", got)
	}
	if got := string(cl.do(mget...)); got != want {
		t.Errorf("MGET: %q", got)
	}
	wantReply(t, cl, "DBSIZE", ":20")
	other := 2 // a key that has another owner than key1: slots are dealt out by a seed that is new in each run
	owner := func(i int) int { return int(testSlot([]byte(fmt.Sprint("key", i)))) % len(cl.nodes) }
	for owner(other) == owner(1) {
		other++
	}
	wantReply(t, cl, fmt.Sprintf("RENAME key1 key%d", other), "-"+resp.ErrCrossSlot)
	wantReply(t, cl, "EXISTS key1 key2 key3 key1 none", ":4")
	if n, _, _ := resp.ParseArray([]byte(cl.text("KEYS *"))); n != 20 {
		t.Errorf("KEYS answers %d keys", n)
	}
	count := map[string]int{}
	const draws = 4000
	for range draws {
		count[cl.text("RANDOMKEY")]++
	}
	for key, n := range count {
		if n < draws/20/2 || n > draws/20*2 {
			t.Errorf("RANDOMKEY answered %q %d times of %d", key, n, draws)
		}
	}
	if len(count) != 20 {
		t.Errorf("RANDOMKEY answered %d keys of 20", len(count))
	}
	wantReply(t, cl, "FLUSHALL", "+OK")
	wantReply(t, cl, "DBSIZE", ":0")
}

// limitNode is a node with a memory limit.
type limitNode struct {
	Node
	limit int64
}

func (n *limitNode) MaxMemory() int64 { return n.limit }

func TestOutOfMemory(t *testing.T) {
	cl := newCluster(1)
	cl.text("SET k v")
	node := &limitNode{limit: 1}
	cl.nodes[0].Node = node
	wantReply(t, cl, "SET k w", "-"+resp.ErrOOM)
	wantReply(t, cl, "GET k", "$1|v")
	wantReply(t, cl, "EXPIRE k 100", ":1")
	wantReply(t, cl, "DEL k", ":1")
	wantReply(t, cl, "SET k w", "+OK") // nothing is used
	node.limit = 0
	wantReply(t, cl, "SET k x", "+OK")
}

func TestLFU(t *testing.T) {
	cl := newCluster(1)
	cl.nodes[0].KS.TrackLFU(true)
	cl.text("SET k v")
	wantReply(t, cl, "OBJECT FREQ k", ":5")
	wantReply(t, cl, "OBJECT IDLETIME k", "-"+errNoLRU)
}
