package command

import (
	"strings"
	"testing"

	"ringcache/server/resp"
)

// onCopy runs a command as a replica does for a READONLY connection.
func (cl *cluster) onCopy(line string, live func(uint16) bool) (reply string, ok bool) {
	var args [][]byte
	for _, w := range strings.Fields(line) {
		args = append(args, []byte(w))
	}
	c := cl.nodes[0]
	row := testTable.Lookup(args)
	c.Args, c.DB, c.Now, c.Out, c.Slot = args, 0, cl.now, resp.Writer{Proto: 2}, 0
	if pos, err := row.KeyPositions(args, nil); err == nil {
		c.Slot = testSlot(args[pos[0]])
	}
	ok = c.RunOnCopies(row, live)
	return string(c.Out.B), ok
}

// TestRunOnCopies: reads of a copy answer as their primary would, and change nothing: what has expired is missing, and stays.
func TestRunOnCopies(t *testing.T) {
	reads := []string{
		"GET a", "GET dying", "TTL dying", "PTTL a", "EXPIRETIME dying", "EXISTS a dying list none", "MGET a dying none", "TYPE dying",
		"TYPE list", "STRLEN dying", "GETRANGE a 0 1", "LRANGE list 0 -1", "LLEN list", "HGETALL hash", "HGET hash f", "HLEN hash",
		"HMGET hash f g", "HKEYS hash", "HRANDFIELD hash", "SMEMBERS set", "SCARD set", "SINTER set set", "ZRANGE zset 0 -1",
		"ZSCORE zset a", "ZUNION 2 zset dying", "XRANGE stream - +", "XLEN stream", "XREAD STREAMS stream 0", "PFCOUNT hll", "PFCOUNT hll dying",
		"DUMP dying", "DUMP list", "OBJECT ENCODING dying", "TOUCH dying a", "BITCOUNT dying", "SORT_RO list ALPHA", "GEOSEARCH dying FROMMEMBER a BYRADIUS 1 m",
		"HSCAN hash 0", "SSCAN dying 0", "LPOS list b", "GET list", "LRANGE a 0 1", "SRANDMEMBER set 0",
	}
	fill := func() *cluster {
		cl := newCluster(1)
		for _, line := range []string{
			"SET a abc", "SET dying abc PX 10", "RPUSH list a b c", "HSET hash f v", "HSETEX hash PX 10 FIELDS 1 g w", "SADD set a b",
			"ZADD zset 1 a 2 b", "XADD stream 1-1 f v", "PFADD hll a b c",
		} {
			if reply := cl.text(line); strings.HasPrefix(reply, "-") {
				t.Fatalf("%s: %s", line, reply)
			}
		}
		cl.now += 1000
		cl.sinks[0].effects = nil
		return cl
	}
	all := func(uint16) bool { return true }
	for _, line := range reads {
		primary, copied := fill(), fill()
		before := dump(copied.nodes[0].KS)
		want := primary.text(line)
		got, ok := copied.onCopy(line, all)
		if want != got || !ok {
			t.Errorf("%s: a copy answers %q, %v, its primary %q", line, got, ok, want)
		}
		if n := len(copied.sinks[0].effects); n > 0 {
			t.Errorf("%s: a copy has %d effects: %v", line, n, copied.sinks[0].effects)
		}
		after := dump(copied.nodes[0].KS)
		if len(before) != len(after) {
			t.Errorf("%s: %d keys were there, and %d are", line, len(before), len(after))
		}
		for at, was := range before {
			if after[at] != was {
				t.Errorf("%s: %v was %v, and is %v", line, at, was, after[at])
			}
		}
	}

	cl := fill()
	for _, line := range []string{"GET a", "MGET a list"} {
		slot := testSlot([]byte("a"))
		if got, ok := cl.onCopy(line, func(s uint16) bool { return s != slot }); ok || got != "" {
			t.Errorf("%s of a copy that may not be read: %q, %v", line, got, ok)
		}
	}
}
