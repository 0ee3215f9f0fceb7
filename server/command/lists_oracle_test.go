package command

import (
	"strconv"
	"strings"
	"testing"
	"time"

	redisoracle "ringcache/internal/oracle"
	"ringcache/server/store"
)

// TestListsOracle runs random commands on lists here and on redis-server, with chunks of several sizes.
func TestListsOracle(t *testing.T) {
	addr := redisoracle.StartRedis(t)
	for _, tc := range []struct {
		name               string
		nodes, proto, size int
	}{
		{"RESP2", 1, 2, -2}, {"RESP3", 1, 3, -2}, {"4 elements RESP2", 1, 2, 4}, {"2 elements RESP3", 3, 3, 2}, {"1 element", 1, 2, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cl := newCluster(tc.nodes)
			for _, c := range cl.nodes {
				th := store.DefaultThresholds
				th.ListSize = tc.size
				c.KS.SetThresholds(th)
			}
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			steps := 30_000
			if testing.Short() {
				steps = 3000
			}
			g := redisoracle.NewGen(seed, redisoracle.Options{
				Families: []redisoracle.Family{redisoracle.Lists}, CrossSlot: tc.nodes == 1,
			})
			compareWithRedis(t, addr, cl, tc.proto, g, steps)
		})
	}
}

// TestListEncodings: a list is small up to the limit of a chunk, and again from half of it on.
func TestListEncodings(t *testing.T) {
	cl := newCluster(1)
	th := store.DefaultThresholds
	th.ListSize = 8
	cl.nodes[0].KS.SetThresholds(th)
	encoding := func(want string) {
		t.Helper()
		wantReply(t, cl, "OBJECT ENCODING l", "$"+strconv.Itoa(len(want))+"|"+want)
	}
	wantReply(t, cl, "RPUSH l 1 2 3 4 5 6 7 8", ":8")
	encoding("listpack")
	wantReply(t, cl, "RPUSH l 9", ":9")
	encoding("quicklist")
	wantReply(t, cl, "LTRIM l 4 -1", "+OK")
	encoding("quicklist")
	wantReply(t, cl, "LREM l 1 9", ":1")
	encoding("listpack")
	wantReply(t, cl, "LRANGE l 0 -1", "*4|$1|5|$1|6|$1|7|$1|8")
	wantReply(t, cl, "LSET l 0 "+strings.Repeat("x", 9000), "+OK")
	encoding("quicklist")
	wantReply(t, cl, "LINSERT l BEFORE none x", ":-1")
	wantReply(t, cl, "LSET l 0 1", "+OK")
	encoding("listpack")
}

// listContents are the elements of a large list.
func listContents(it store.Item) string {
	l := store.ListOf(it)
	var b strings.Builder
	l.Scan(0, l.Len(), func(e store.Element) bool {
		b.WriteString(strconv.Quote(string(e.Append(nil))) + " ")
		return true
	})
	return b.String()
}
