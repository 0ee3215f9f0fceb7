package command

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"ringcache/server/store"
)

// zsetContents is a large sorted set as a string: members and scores, to the sign of zero.
func zsetContents(it store.Item) string {
	s := store.ScoresOf(it)
	var b strings.Builder
	members := s.Range(0, s.Len(), false)
	for e, f, ok := members.Next(); ok; e, f, ok = members.Next() {
		b.Write(e.Append(nil))
		b.WriteByte(0)
		b.WriteString(string(store.AppendScore(nil, f)))
		if math.Signbit(f) {
			b.WriteByte('-')
		}
		b.WriteByte(0)
	}
	return b.String()
}

// TestZsetReplies is what the server that we compare with does not know, or chance does not meet.
func TestZsetReplies(t *testing.T) {
	for _, script := range [][][2]string{
		{
			{"ZADD k 1 a 2 b 2.5 c", ":3"},
			{"ZRANK k b WITHSCORE", "*2|:1|$1|2"},
			{"ZREVRANK k c withscore", "*2|:0|$3|2.5"},
			{"ZRANK k x WITHSCORE", "*-1"},
			{"ZRANK nosuch x WITHSCORE", "*-1"},
			{"ZRANK k b WITHSCORES", "-ERR syntax error"},
			{"ZRANK k b WITHSCORE x", "-ERR wrong number of arguments for 'zrank' command"},
			{"ZREVRANK k b WITHSCORE x", "-ERR wrong number of arguments for 'zrevrank' command"},
		},
		{{"SET k v", "+OK"}, {"ZRANK k b WITHSCORE", "-WRONGTYPE Operation against a key holding the wrong kind of value"}},
		{
			{"ZADD k 1 a", ":1"},
			{"ZRANDMEMBER k -4194305", "-ERR value is out of range"},
			{"ZRANDMEMBER k -2", "*2|$1|a|$1|a"},
			{"ZRANDMEMBER k -2 WITHSCORES", "*4|$1|a|$1|1|$1|a|$1|1"},
		},
		{{"ZADD k -0 a", ":1"}, {"ZSCORE k a", "$1|0"}, {"ZINCRBY k -0 a", "$1|0"}},
	} {
		cl := newCluster(1)
		for _, line := range script {
			wantReply(t, cl, line[0], line[1])
		}
	}
	cl := newCluster(1)
	cl.proto = 3
	wantReply(t, cl, "ZADD k 1 a 2 b 2.5 c", ":3")
	wantReply(t, cl, "ZRANK k c WITHSCORE", "*2|:2|,2.5")
	wantReply(t, cl, "ZRANK k x WITHSCORE", "_")
}

// TestZremrangebylexReplays: what a range of names finds where scores differ depends on how the set came to be. A copy that came to be
// otherwise loses the same members.
func TestZremrangebylexReplays(t *testing.T) {
	removed := false
	for range 50 {
		cl := newCluster(1)
		th := store.DefaultThresholds
		th.ZsetEntries = 0
		cl.nodes[0].KS.SetThresholds(th)
		for range 300 {
			cl.text(fmt.Sprintf("ZADD k %d m%d", rand.IntN(5), rand.IntN(400)))
		}
		whole := newCluster(1) // of another shape: members came in order
		payload := bulk(t, cl.do(args("DUMP", "k")...))
		whole.do(args("RESTORE", "k", 0, payload)...)
		mark := len(cl.sinks[0].effects)
		low := rand.IntN(400)
		if reply := cl.text(fmt.Sprintf("ZREMRANGEBYLEX k [m%d (m%d", low, low+rand.IntN(300))); reply != ":0\r\n" {
			removed = true
		}
		for _, e := range cl.sinks[0].effects[mark:] {
			whole.do(e.args...)
		}
		const look = "ZRANGE k 0 -1 WITHSCORES"
		if want, got := cl.text(look), whole.text(look); want != got {
			t.Fatalf("want %.300q, got %.300q", want, got)
		}
	}
	if !removed {
		t.Error("nothing was ever removed")
	}
}
