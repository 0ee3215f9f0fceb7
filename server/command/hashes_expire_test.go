package command

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"
)

// TestFieldExpiry: what the commands of Redis 7.4 about the expiry of fields reply, by their documentation.
func TestFieldExpiry(t *testing.T) {
	cl := newCluster(1)
	cl.text("SET s v")
	cl.text("HSET k a 1 b 2 c 3")
	at := int64(testNow + 10_000)
	for _, tc := range [][2]string{
		{"HTTL none FIELDS 2 a b", "*2|:-2|:-2"},
		{"HEXPIRE none 10 FIELDS 2 a b", "*2|:-2|:-2"},
		{"HPERSIST none FIELDS 1 a", "*1|:-2"},
		{"HTTL s FIELDS 1 a", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
		{"HEXPIRE s x FIELDS 1 a", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
		{"HEXPIRE k x FIELDS 1 a", "-ERR value is not an integer or out of range"},
		{"HEXPIRE k -1 FIELDS 1 a", "-" + errPastExpiry},
		{"HEXPIRE k 9223372036854775807 FIELDS 1 a", "-ERR invalid expire time in 'hexpire' command"},
		{"HPEXPIREAT k 70368744177664 FIELDS 1 a", "-ERR invalid expire time in 'hpexpireat' command"},
		{"HEXPIRE k 10 FIELD 1 a", "-" + errNoFields},
		{"HEXPIRE k 10 NX NX FIELDS 1 a", "-" + errNoFields},
		{"HEXPIRE k 10 FIELDS 0 a", "-" + errFieldsTooFew},
		{"HEXPIRE k 10 FIELDS x a", "-" + errFieldsTooFew},
		{"HEXPIRE k 10 FIELDS 2 a", "-" + errFieldsMatch},
		{"HTTL k FIELDS 0 a", "-" + errFieldsCount},
		{"HTTL k FIELDS 2 a", "-" + errFieldsMatch},
		{"OBJECT ENCODING k", "$8|listpack"},
		{"HEXPIRE k 10 FIELDS 3 a x b", "*3|:1|:-2|:1"},
		{"OBJECT ENCODING k", "$10|listpackex"},
		{"HTTL k FIELDS 4 a b c d", "*4|:10|:10|:-1|:-2"},
		{"HPTTL k FIELDS 1 a", "*1|:10000"},
		{"HEXPIRETIME k FIELDS 1 a", fmt.Sprintf("*1|:%d", (at+999)/1000)},
		{"HPEXPIRETIME k FIELDS 1 a", fmt.Sprintf("*1|:%d", at)},
		{"HEXPIRE k 20 NX FIELDS 2 a c", "*2|:0|:1"},
		{"HEXPIRE k 30 XX FIELDS 1 x", "*1|:-2"},
		{"HPERSIST k FIELDS 3 c c d", "*3|:1|:-1|:-2"},
		{"HEXPIRE k 30 XX FIELDS 2 a c", "*2|:1|:0"},
		{"HEXPIRE k 20 GT FIELDS 3 a b c", "*3|:0|:1|:0"},
		{"HEXPIRE k 10 LT FIELDS 3 a b c", "*3|:1|:1|:1"},
		{"HSET k b 3", ":0"},
		{"HTTL k FIELDS 3 a b c", "*3|:10|:-1|:10"},
		{"HINCRBY k a 5", ":6"},
		{"HINCRBYFLOAT k a 0.5", "$3|6.5"},
		{"HPTTL k FIELDS 1 a", "*1|:10000"},
		{"HEXPIRE k 0 FIELDS 1 b", "*1|:2"},
		{"HPEXPIREAT k 5 FIELDS 2 b c", "*2|:-2|:2"},
		{"HLEN k", ":1"},
		{"HGETDEL k FIELDS 2 a b", "*2|$3|6.5|$-1"},
		{"EXISTS k", ":0"},
		{"HSETEX k EX 10 FIELDS 2 a 1 b 2", ":1"},
		{"HSETEX k FNX FIELDS 2 a 1 c 2", ":0"},
		{"HSETEX k FXX FIELDS 2 a 1 c 2", ":0"},
		{"HSETEX k FXX KEEPTTL FIELDS 1 a 7", ":1"},
		{"HSETEX k FIELDS 1 b 8", ":1"},
		{"HPTTL k FIELDS 2 a b", "*2|:10000|:-1"},
		{"HGETEX k PERSIST FIELDS 3 a b x", "*3|$1|7|$1|8|$-1"},
		{"HGETEX k PX 700 FIELDS 1 a", "*1|$1|7"},
		{"HGETEX k FIELDS 1 a", "*1|$1|7"},
		{"HPTTL k FIELDS 2 a b", "*2|:700|:-1"},
		{"HSETEX k PXAT 5 FIELDS 2 a 1 z 1", ":1"},
		{"HKEYS k", "*1|$1|b"},
		{"HGETEX k EXAT 0 FIELDS 1 b", "*1|$1|8"},
		{"EXISTS k", ":0"},
		{"HSETEX k FNX FXX FIELDS 1 a 1", "-ERR Only one of FXX or FNX arguments can be specified"},
		{"HSETEX k EX 1 KEEPTTL FIELDS 1 a 1", "-ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified"},
		{"HGETEX k EX 1 PERSIST FIELDS 1 a", "-ERR Only one of EX, PX, EXAT, PXAT or PERSIST arguments can be specified"},
		{"HSETEX k NX FIELDS 1 a 1", "-ERR unknown argument: NX"},
		{"HSETEX k FIELDS 0 a 1", "-ERR invalid number of fields"},
		{"HSETEX k FIELDS 2 a 1", "-ERR wrong number of arguments for 'hsetex' command"},
		{"HGETEX k EX -1 FIELDS 1 a", "-" + errPastExpiry},
		{"HGETDEL k FIELD 1 a", "-" + errNoFields},
	} {
		wantReply(t, cl, tc[0], tc[1])
	}
	if got := dump(cl.nodes[0].KS); len(got) != 1 {
		t.Errorf("there are %v", got)
	}
	if !maps.Equal(replayed(t, cl.sinks[0].effects), dump(cl.nodes[0].KS)) {
		t.Error("the replica differs")
	}
}

// TestFieldsExpireUnseen: a field that has expired is seen by no command before it is removed, and is removed though nobody asks, by an
// effect; the key goes with the last.
func TestFieldsExpireUnseen(t *testing.T) {
	cl := newCluster(1)
	sink := cl.sinks[0]
	cl.text("HSET k a 1 b 2 c 3")
	cl.text("HPEXPIRE k 100 FIELDS 2 a b")
	cl.text("HPEXPIRE k 5000 FIELDS 1 c")
	cl.now += 100
	wantReply(t, cl, "HLEN k", ":3")
	cl.now++
	mark := len(sink.effects)
	for _, tc := range [][2]string{
		{"HLEN k", ":1"},
		{"HGET k a", "$-1"},
		{"HMGET k a c", "*2|$-1|$1|3"},
		{"HGETALL k", "*2|$1|c|$1|3"},
		{"HKEYS k", "*1|$1|c"},
		{"HVALS k", "*1|$1|3"},
		{"HEXISTS k a", ":0"},
		{"HSTRLEN k a", ":0"},
		{"HRANDFIELD k", "$1|c"},
		{"HRANDFIELD k 9", "*1|$1|c"},
		{"HRANDFIELD k -2", "*2|$1|c|$1|c"},
		{"HSCAN k 0", "*2|$1|0|*2|$1|c|$1|3"},
		{"HSCAN k 0 NOVALUES", "*2|$1|0|*1|$1|c"},
		{"HTTL k FIELDS 1 a", "*1|:-2"},
	} {
		wantReply(t, cl, tc[0], tc[1])
	}
	if len(sink.effects) != mark {
		t.Errorf("reads wrote %v", sink.effects[mark:])
	}
	cl.nodes[0].KS.ExpireSlice(cl.now, time.Second, func(uint16) bool { return false })
	if len(sink.effects) != mark {
		t.Errorf("another node's fields were removed: %v", sink.effects[mark:])
	}
	cl.now += 2000 // by then it may have become ours
	cl.nodes[0].KS.ExpireSlice(cl.now, time.Second, nil)
	if got := sink.effects[mark:]; len(got) != 1 || len(got[0].args) != 4 || string(got[0].args[0]) != "HDEL" {
		t.Errorf("the effects are %v", got)
	}
	cl.now += 5000
	cl.nodes[0].KS.ExpireSlice(cl.now, time.Second, nil)
	if got := sink.effects[mark+1:]; len(got) != 1 || string(got[0].args[0]) != "DEL" || cl.nodes[0].KS.Keys() != 0 {
		t.Errorf("the effects are %v", got)
	}
	if n := cl.nodes[0].KS.Stats().Fields; n != 3 {
		t.Errorf("%d fields are said to have expired", n)
	}
}

// TestWritesMeetExpired: a write does not see what has expired, and a replica, which does not know the time, comes to the same.
func TestWritesMeetExpired(t *testing.T) {
	for _, tc := range [][2]string{
		{"HSETNX k f0 9", ":1"},
		{"HINCRBY k f0 9", ":9"},
		{"HINCRBYFLOAT k f0 9", "$1|9"},
		{"HSET k f0 9", ":1"},
		{"HDEL k f0 f1 live", ":1"},
		{"HPERSIST k FIELDS 2 f0 live", "*2|:-2|:-1"},
		{"HEXPIRE k 10 FIELDS 2 f0 live", "*2|:-2|:1"},
		{"HGETDEL k FIELDS 1 f0", "*1|$-1"},
		{"HSETEX k KEEPTTL FIELDS 1 f0 9", ":1"},
		{"HSETEX k FXX FIELDS 1 f0 9", ":0"},
		{"COPY k l", ":1"},
		{"RENAME k l", "+OK"},
	} {
		for _, fields := range []int{3, 200} { // all are removed before the write, or not
			cl := newCluster(1)
			cl.text("HSET k live 1")
			for i := range fields {
				cl.text(fmt.Sprintf("HSETEX k PX %d FIELDS 1 f%d 5", 100+(fields-i)%fields, i))
			}
			cl.now += 500
			wantReply(t, cl, tc[0], tc[1])
			if want, got := dump(cl.nodes[0].KS), replayed(t, cl.sinks[0].effects); !maps.Equal(want, got) {
				t.Errorf("%s, %d fields: the replica differs: %v, %v", tc[0], fields, want, got)
			}
		}
	}
}

// TestHashGoneAtOnce: of a hash whose fields have all expired a write finds nothing, the key's own expiry included.
func TestHashGoneAtOnce(t *testing.T) {
	for _, fields := range []int{3, 1000} {
		cl := newCluster(1)
		for i := range fields {
			cl.text(fmt.Sprintf("HSETEX k PX %d FIELDS 1 f%d 5", 1+i%50, i))
		}
		cl.text("EXPIRE k 100")
		cl.now += 51
		wantReply(t, cl, "HLEN k", ":0")
		wantReply(t, cl, "HSET k f0 1", ":1")
		wantReply(t, cl, "TTL k", ":-1")
		wantReply(t, cl, "HLEN k", ":1")
		if !maps.Equal(replayed(t, cl.sinks[0].effects), dump(cl.nodes[0].KS)) {
			t.Error("the replica differs")
		}
	}
}

// TestFarExpiryReplays: the latest expiry that a client can ask for is an effect that a replica takes.
func TestFarExpiryReplays(t *testing.T) {
	cl := newCluster(1)
	cl.text("HSET k a v b v")
	wantReply(t, cl, "HPEXPIRE k 70368744177663 FIELDS 1 a", "*1|:1")
	wantReply(t, cl, "HSETEX k PX 70368744177663 FIELDS 1 b w", ":1")
	wantReply(t, cl, "HINCRBYFLOAT k c 0.1", "$3|0.1")
	if !maps.Equal(replayed(t, cl.sinks[0].effects), dump(cl.nodes[0].KS)) {
		t.Error("the replica differs")
	}
}

// TestFieldsThatExpiredCount: INFO counts fields whose time came, or had come when they were given it, and no others.
func TestFieldsThatExpiredCount(t *testing.T) {
	cl := newCluster(1)
	for _, tc := range []struct {
		line string
		want uint64
	}{
		{"HSET k a 1 b 2 c 3 d 4 e 5 f 6", 0},
		{"HDEL k a", 0},
		{"HGETDEL k FIELDS 1 b", 0},
		{"HPEXPIREAT k 1 FIELDS 2 c none", 1},
		{"HGETEX k PXAT 1 FIELDS 1 d", 2},
		{"HSETEX k PXAT 1 FIELDS 2 x 1 e 1", 3},
		{"HPEXPIRE k 100 FIELDS 1 f", 3},
		{"DEL k", 3},
	} {
		if reply := cl.text(tc.line); reply[0] == '-' {
			t.Fatalf("%s: %s", tc.line, reply)
		}
		if got := cl.nodes[0].KS.Stats().Fields; got != tc.want {
			t.Errorf("%s: %d have expired, want %d", tc.line, got, tc.want)
		}
	}
	a := newAdmin(t)
	a.node.stats.Expired, a.node.stats.ExpiredFields = 7, 3
	if text := a.do("INFO stats"); !strings.Contains(text, "\r\nexpired_subkeys:3\r\nexpired_keys:7\r\n") {
		t.Errorf("INFO says %q", text)
	}
}
