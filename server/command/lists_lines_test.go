package command

import (
	"testing"

	redisoracle "ringcache/internal/oracle"
)

// listLinesAsRedis are calls at the borders of what options may be, which random ones hardly meet.
var listLinesAsRedis = []string{
	"RPUSH l a b c a b c a", "SET s 1",
	"LPOS l a RANK -9223372036854775807", "LPOS l a RANK 9223372036854775807", "LPOS l a RANK 0",
	"LPOS l a RANK x", "LPOS l a RANK", "LPOS l a COUNT -1", "LPOS l a COUNT 9223372036854775807", "LPOS l a COUNT x", "LPOS l a MAXLEN -1",
	"LPOS l a MAXLEN x", "LPOS l a MAXLEN 1 COUNT 0 RANK 2", "LPOS l a MAXLEN 7 COUNT 0 RANK -2", "LPOS l a RANK 0 COUNT -1", "LPOS s a RANK 0",
	"LPOS s a", "LPOS none a", "LPOS none a COUNT 1", "LPOS l a FOO 1", "LPOS l a COUNT 1 COUNT 2", "LPOS l a RANK 1 RANK", "LPOS s a FOO",
	"LPOP l 0", "LPOP l -1", "LPOP l x", "LPOP l 1 2", "LPOP none 0", "LPOP none -1", "LPOP none", "LPOP none 5", "LPOP s x", "LPOP s 0", "LPOP s",
	"LPOP l 9223372036854775808", "RPOP l 4294967296", "RPUSH l a b c a b c a",
	"LINDEX l x", "LINDEX none x", "LINDEX s x", "LINDEX l 9223372036854775807", "LINDEX l -9223372036854775808", "LINDEX l -7", "LINDEX l -8",
	"LSET none x y", "LSET s x y", "LSET l x y", "LSET l 7 y", "LSET l -7 y", "LSET l -8 y", "LSET l 9223372036854775807 y",
	"LINSERT l x a b", "LINSERT s x a b", "LINSERT s BEFORE a b", "LINSERT none BEFORE a b", "LINSERT l after nope b", "LINSERT l aFteR y b",
	"LREM l x a", "LREM s x a", "LREM none x a", "LREM none 1 a", "LREM l -9223372036854775808 a", "LREM l 9223372036854775807 b", "LREM s 1 a",
	"RPUSH l a b c a b c a", "LTRIM l x 1", "LTRIM l 1 x", "LTRIM s x 1", "LTRIM s 1 1", "LTRIM none 1 1",
	"LTRIM l -9223372036854775808 9223372036854775807", "LTRIM l 1 -2", "LRANGE l 9223372036854775807 -9223372036854775808", "LRANGE l -100 100",
	"LRANGE s x 1", "LRANGE s 1 1", "LRANGE none 0 -1", "LRANGE l 3 1", "LRANGE l -1 -3", "LRANGE l 0 x",
	"LMOVE l l LEFT", "LMOVE l l LEFT UP", "LMOVE l l UP LEFT", "LMOVE s l LEFT UP", "LMOVE s l LEFT LEFT", "LMOVE l s LEFT LEFT", "LMOVE none s LEFT LEFT",
	"LMOVE none l LEFT LEFT", "LMOVE l l left right", "LMOVE l l left left", "LMOVE l m RIGHT LEFT", "RPOPLPUSH m m", "RPOPLPUSH m none2", "LRANGE none2 0 -1",
	"RPOPLPUSH l s", "RPOPLPUSH s l", "RPOPLPUSH none s", "LRANGE l 0 -1",
	"LMPOP 0 l LEFT", "LMPOP x l LEFT", "LMPOP -1 l LEFT", "LMPOP 2 l LEFT", "LMPOP 1 l UP", "LMPOP 1 l LEFT COUNT", "LMPOP 1 l LEFT COUNT 0",
	"LMPOP 1 l LEFT COUNT x", "LMPOP 1 l LEFT COUNT 1 COUNT 1", "LMPOP 1 l LEFT FOO 1", "LMPOP 1 l LEFT COUNT 1 FOO", "LMPOP 9223372036854775807 l LEFT",
	"LMPOP 1 s LEFT", "LMPOP 2 none s LEFT", "LMPOP 2 none l LEFT COUNT 2", "LMPOP 2 none1 none3 RIGHT", "LMPOP 1 l LEFT COUNT 9223372036854775808",
	"LMPOP 3 none l l RIGHT COUNT 9223372036854775807", "EXISTS l", "LPUSHX none a", "RPUSHX s a", "LPUSHX s", "LPUSH s a", "LLEN s", "LLEN none",
	"COMMAND GETKEYS LMPOP 2 a b LEFT", "COMMAND GETKEYS LMPOP 0 a b LEFT", "COMMAND GETKEYS LMPOP x a b LEFT", "COMMAND GETKEYS LMPOP 5 a b LEFT",
	"COMMAND GETKEYSANDFLAGS LMOVE a b LEFT LEFT",
}

// TestListLinesAsRedis has redis-server and this answer the same.
func TestListLinesAsRedis(t *testing.T) {
	for _, proto := range []string{"2", "3"} {
		redis, cl := startRedis(t), newCluster(1)
		redis.run(args("HELLO", proto)...)
		cl.proto = int(proto[0] - '0')
		for _, line := range listLinesAsRedis {
			if diff := redisoracle.Compare(words(line), redis.run(words(line)...), cl.do(words(line)...)); diff != "" {
				t.Errorf("RESP%s: %s", proto, diff)
			}
		}
	}
}

// TestLowestRank: the rank that has no opposite is refused, as Redis does from 7.2 on.
func TestLowestRank(t *testing.T) {
	const refused = "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807\r\n"
	cl := newCluster(1)
	cl.do(words("RPUSH l a b a")...)
	for _, line := range []string{"LPOS l a RANK -9223372036854775808", "LPOS none a COUNT 0 RANK -9223372036854775808"} {
		if got := string(cl.do(words(line)...)); got != refused {
			t.Errorf("%s: %q", line, got)
		}
	}
}
