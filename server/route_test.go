package server

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ringcache/internal/bus"
	"ringcache/ring"
)

// each runs a test through every node of a cluster of three, with RESP2 and RESP3, on an empty keyspace.
func each(t *testing.T, fn func(t *testing.T, c *tclient, proto int)) {
	t.Helper()
	nodes := startNodes(t, 3, 2)
	for i, nd := range nodes {
		for _, proto := range []int{2, 3} {
			t.Run(fmt.Sprintf("node%d/RESP%d", i, proto), func(t *testing.T) {
				c := nd.client(t)
				c.want("FLUSHALL", "+OK|")
				if proto == 3 {
					c.do("HELLO 3")
				}
				fn(t, c, proto)
			})
		}
	}
}

// TestRoutes runs tables of commands through each node. a, b and c are keys of the three nodes, A is another of the first; where
// the first node's slots are the same the words are {a} and so on.
func TestRoutes(t *testing.T) {
	a, b, c2, a2 := keyOn(0, 3, "a"), keyOn(1, 3, "b"), keyOn(2, 3, "c"), keyOn(0, 3, "A")
	words := strings.NewReplacer("@a", a, "@b", b, "@c", c2, "@A", a2)
	each(t, func(t *testing.T, c *tclient, proto int) {
		null := "$-1|"
		if proto == 3 {
			null = "_|"
		}
		for i, step := range [][2]string{
			{"MGET @a @b @c", "*3|" + null + null + null},
			{"EXISTS @a @b @c @a", ":0|"},
			{"DEL @a @b @c", ":0|"},
			{"TOUCH @b", ":0|"},
			{"MSET @a 1 @b 2 @c 3", "+OK|"},
			{"MGET @c @a @b @a @A @c", "*6|$1|3|$1|1|$1|2|$1|1|" + null + "$1|3|"},
			{"MGET @b", "*1|$1|2|"},
			{"EXISTS @a @b @c @a @A", ":4|"},
			{"TOUCH @a @b @c @A", ":3|"},
			{"MSET @a 4 @a 5 @b 6", "+OK|"},
			{"MGET @a @b", "*2|$1|5|$1|6|"},
			{"MSET @a 1 @b", "-ERR wrong number of arguments for 'mset' command|"},
			{"MGET", "-ERR wrong number of arguments for 'mget' command|"},
			{"GET @a @b", "-ERR wrong number of arguments for 'get' command|"},
			{"UNLINK @a @A @b", ":2|"},
			{"MGET @a @b @c", "*3|" + null + null + "$1|3|"},
			{"RENAME @c @a", "-CROSSSLOT Keys in request don't hash to the same slot|"},
			{"RENAMENX @c @a", "-CROSSSLOT Keys in request don't hash to the same slot|"},
			{"COPY @c @b", "-CROSSSLOT Keys in request don't hash to the same slot|"},
			{"MSETNX @a 1 @b 2", "-CROSSSLOT Keys in request don't hash to the same slot|"},
			{"RENAME @c {@c}x", "+OK|"},
			{"COPY {@c}x {@c}y", ":1|"},
			{"MSETNX {@c}y 1 {@c}z 2", ":0|"},
			{"MSETNX {@c}1 1 {@c}2 2", ":1|"},
			{"MGET {@c}x {@c}y @a {@c}2", "*4|$1|3|$1|3|" + null + "$1|2|"},
			{"SET @a ohmytext", "+OK|"},
			{"SET @b mynewtext", "+OK|"},
			{"LCS @a @b", "$6|mytext|"},
			{"LCS @a @b LEN", ":6|"},
			{"LCS @a @c", "$0||"},
			{"LCS @a @b WHAT", "-ERR syntax error|"},
			{"LCS @a @b IDX LEN", "-ERR If you want both the length and indexes, please just use IDX.|"},
			{"SELECT 5", "+OK|"},
			{"MGET @a @b @c", "*3|" + null + null + null},
			{"MSET @a x @b y @c z", "+OK|"},
			{"DBSIZE", ":3|"},
			{"SWAPDB 5 6", "+OK|"},
			{"DBSIZE", ":0|"},
			{"SELECT 6", "+OK|"},
			{"MGET @c @b @a", "*3|$1|z|$1|y|$1|x|"},
			{"MOVE @b 5", ":1|"},
			{"DBSIZE", ":2|"},
			{"FLUSHDB", "+OK|"},
			{"DBSIZE", ":0|"},
			{"RANDOMKEY", null},
			{"KEYS *", "*0|"},
			{"SELECT 5", "+OK|"},
			{"KEYS *", "*1|$" + fmt.Sprint(len(b)) + "|" + b + "|"},
			{"RANDOMKEY", "$" + fmt.Sprint(len(b)) + "|" + b + "|"},
			{"SWAPDB 5 99", "-ERR DB index is out of range|"},
			{"SWAPDB x 1", "-ERR invalid first DB index|"},
			{"FLUSHALL NOW", "-ERR syntax error|"},
			{"SCAN x", "-ERR invalid cursor|"},
			{"FLUSHALL", "+OK|"},
			{"SELECT 0", "+OK|"},
			{"DBSIZE", ":0|"},
			{"INCR @a", ":1|"},
			{"INCR @b", ":1|"},
			{"INCR @c", ":1|"},
			{"EXPIRE @b 100", ":1|"},
			{"TTL @b", ":100|"},
			{"PERSIST @b", ":1|"},
			{"OBJECT ENCODING @a", "$3|int|"},
			{"OBJECT ENCODING @b", "$3|int|"},
			{"OBJECT ENCODING @c", "$3|int|"},
			{"TYPE @b", "+string|"},
			{"CLUSTER KEYSLOT @b", fmt.Sprintf(":%d|", slotOf(b))},
			{"CLUSTER COUNTKEYSINSLOT " + fmt.Sprint(slotOf(b)), ":1|"},
			{"CLUSTER GETKEYSINSLOT " + fmt.Sprint(slotOf(b)) + " 10", "*1|$" + fmt.Sprint(len(b)) + "|" + b + "|"},
			{"CLUSTER GETKEYSINSLOT " + fmt.Sprint(slotOf(b)) + " 1000000", "*1|$" + fmt.Sprint(len(b)) + "|" + b + "|"},
			{"CLUSTER COUNTKEYSINSLOT 16384", "-ERR Invalid slot|"},
		} {
			if got, want := c.do(words.Replace(step[0])), words.Replace(step[1]); got != want {
				t.Errorf("step %d, %s: got %q, want %q", i, step[0], got, want)
			}
		}
	})
}

// TestErrorInOnePart plays an owner whose part of a split command fails.
func TestErrorInOnePart(t *testing.T) {
	nd, links, nodes := played(t, testSettings)
	peer := awaitLink(t, nd, links, nodes[1])
	far, near := keyOn(1, 2, "far"), keyOn(0, 2, "near")
	c := nd.client(t)
	const oom = "-OOM command not allowed when used memory > 'maxmemory'.\r\n"
	tests := []struct{ cmd, part, reply, want string }{
		{"MSET near 1 far 2", "MSET far 2", oom, strings.ReplaceAll(oom, "\r\n", "|")},
		{"DEL near far", "DEL far", oom, strings.ReplaceAll(oom, "\r\n", "|")},
		{"MGET near far", "MGET far", oom, strings.ReplaceAll(oom, "\r\n", "|")},
		{"DBSIZE", "DBSIZE", oom, strings.ReplaceAll(oom, "\r\n", "|")},
		{"KEYS *", "KEYS *", oom, strings.ReplaceAll(oom, "\r\n", "|")},
		{"SCAN 0", "SCAN 0", oom, strings.ReplaceAll(oom, "\r\n", "|")},
		{"LCS near far", "GET far", "-WRONGTYPE Operation\r\n", "-ERR The specified keys must contain string values|"},
		// What breaks the rules between nodes is an internal error, and nothing worse.
		{"MGET near far", "MGET far", "*0\r\n", "-ERR internal error|"},
		{"MGET near far", "MGET far", ":1\r\n", "-ERR internal error|"},
		{"DEL near far", "DEL far", "+OK\r\n", "-ERR internal error|"},
		{"DBSIZE", "DBSIZE", "", "-ERR internal error|"},
		{"KEYS *", "KEYS *", "$-1\r\n", "-ERR internal error|"},
		{"SCAN 0", "SCAN 0", "*1\r\n$1\r\nx\r\n", "-ERR internal error|"},
		{"RANDOMKEY", "RANDOMKEY", "*2\r\n:1\r\n", "-ERR internal error|"},
		{"LCS near far", "GET far", "*0\r\n", "-ERR internal error|"},
	}
	words := strings.NewReplacer("far", far, "near", near)
	for _, test := range tests {
		c.send(cmd(words.Replace(test.cmd)), cmd("PING"))
		h := peer.expect(words.Replace(test.part))
		peer.answer(h.ID, test.reply)
		if got := c.reply(); got != test.want {
			t.Errorf("%s: got %q, want %q", test.cmd, got, test.want)
		}
		c.wantReply("+PONG|")
	}
}

// TestScan goes through the keyspace while keys come and go: what is there throughout is answered exactly once.
func TestScan(t *testing.T) {
	nodes := startNodes(t, 3, 2)
	c := nodes[0].client(t)
	const stay = 3000
	for i := range stay {
		c.send(cmd(fmt.Sprintf("SET stay:%d v", i)))
	}
	for range stay {
		c.wantReply("+OK|")
	}
	stop := make(chan struct{})
	var churn sync.WaitGroup
	defer churn.Wait()
	defer close(stop)
	for n, nd := range nodes {
		d := nd.client(t)
		churn.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				d.want(fmt.Sprintf("SET go:%d:%d v", n, i%500), "+OK|")
				d.do(fmt.Sprintf("DEL go:%d:%d", n, (i+250)%500))
			}
		})
	}
	for _, count := range []int{1000, 7, 5000} { // 5000 runs beside the loops
		for _, nd := range nodes {
			d := nd.client(t)
			seen := map[string]int{}
			for cursor, calls := "0", 0; cursor != "0" || calls == 0; calls++ {
				f := strings.Split(d.do(fmt.Sprintf("SCAN %s COUNT %d MATCH stay:*", cursor, count)), "|")
				if len(f) < 4 || f[0] != "*2" {
					t.Fatalf("SCAN: %q", f)
				}
				cursor = f[2]
				for i := 5; i < len(f); i += 2 {
					seen[f[i]]++
				}
			}
			for i := range stay {
				if n := seen[fmt.Sprintf("stay:%d", i)]; n != 1 {
					t.Fatalf("COUNT %d: stay:%d was seen %d times", count, i, n)
				}
			}
		}
	}
}

// TestClusterWideCommandsSeeAllOfOnePipeline: a cluster-wide command comes after what was sent before it, and before what is sent
// after it.
func TestClusterWideCommandsSeeAllOfOnePipeline(t *testing.T) {
	nodes := startNodes(t, 3, 2)
	for i, nd := range nodes {
		c := nd.client(t)
		var want []string
		for k := range 200 {
			key := fmt.Sprintf("k%d:%d", i, k)
			c.send(cmd("SET "+key+" v"), cmd("DBSIZE"), cmd("DEL "+key+" "+key+"x"), cmd("KEYS *"), cmd("SET "+key+" v"), cmd("FLUSHALL"), cmd("GET "+key))
			want = append(want, "+OK|", ":1|", ":1|", "*0|", "+OK|", "+OK|", "$-1|")
		}
		for j, w := range want {
			if got := c.reply(); got != w {
				t.Fatalf("node %d, reply %d: got %q, want %q", i, j, got, w)
			}
		}
	}
}

func TestClientListOnAllLoops(t *testing.T) {
	nd := startNodes(t, 2, 3)[0]
	var all []*tclient
	for i := range 9 {
		c := nd.client(t)
		c.want(fmt.Sprintf("CLIENT SETNAME client-%d", i), "+OK|")
		all = append(all, c)
	}
	began := time.Now()
	list := all[0].do("CLIENT LIST")
	if n := strings.Count(list, "name=client-"); n != 9 {
		t.Errorf("%d clients are listed: %s", n, list)
	}
	if took := time.Since(began); took > collectTimeout/2 {
		t.Errorf("it took %v: a loop was asked on itself", took)
	}
	ids := []string{}
	for l := range strings.SplitSeq(list, "\n") {
		if f := strings.Fields(l); len(f) > 0 && strings.Contains(f[0], "id=") {
			ids = append(ids, fmt.Sprintf("%8s", f[0][strings.Index(f[0], "id=")+3:]))
		}
	}
	if !slices.IsSorted(ids) {
		t.Errorf("not by id: %v", ids)
	}
}

// TestHops: a request that comes to a node which does not own its slot is forwarded, but not for ever; and nothing is answered
// by an older map than it was sent by.
func TestHops(t *testing.T) {
	settings := testSettings
	settings.Hold = 200 * time.Millisecond
	nodes := startSome(t, 3, 2, 1, settings)
	in := nodes[2].dialAs(t, nodes[0])
	key := keyOn(1, 3, "k")
	in.ask(bus.Header{ID: 1, Hops: 1, Epoch: 1}, cmd("SET "+key+" v"))
	if id, reply := in.answered(); id != 1 || reply != "+OK\r\n" {
		t.Errorf("one hop: %d %q", id, reply)
	}
	for _, h := range []bus.Header{{ID: 2, Hops: 2, Epoch: 1}, {ID: 3, Hops: 255, Epoch: 1}, {ID: 4, Hops: 1, Epoch: 2}} {
		in.ask(h, cmd("GET "+key))
		if id, reply := in.answered(); id != h.ID || !strings.HasPrefix(reply, "-CLUSTERDOWN ") {
			t.Errorf("%+v: %d %q", h, id, reply)
		}
	}
	in.ask(bus.Header{ID: 5, Hops: 1, Epoch: 2}, cmd("GET "+key)) // it waits for the map of epoch 2
	waitFor(t, "it to be held", func() bool { return nodes[0].sum(cHeld) == 1 })
	change(nodes, func(*ring.Map) {})
	if id, reply := in.answered(); id != 5 || reply != "$1\r\nv\r\n" {
		t.Errorf("after the map has come: %d %q", id, reply)
	}
	// By a newer map than it has come by it goes on, however far it has come.
	in.ask(bus.Header{ID: 6, Hops: 2, Epoch: 1}, cmd("GET "+key))
	if id, reply := in.answered(); id != 6 || reply != "$1\r\nv\r\n" {
		t.Errorf("a request by an old map: %d %q", id, reply)
	}
	in.ask(bus.Header{ID: 7, Hops: 255, Epoch: 1}, cmd("GET "+key))
	if id, reply := in.answered(); id != 7 || !strings.HasPrefix(reply, "-CLUSTERDOWN ") {
		t.Errorf("a request that has come 255 times: %d %q", id, reply)
	}
}

// TestNotForAnotherNode: what a node answers by itself never comes over a link, and would run without a session there.
func TestNotForAnotherNode(t *testing.T) {
	nodes := startSome(t, 2, 1, 1, testSettings)
	for _, test := range []struct {
		flags uint8
		raw   string
	}{
		{bus.FlagPart, cmd("GET k")},
		{bus.FlagPart, cmd("MGET a b")},
		{0, cmd("DBSIZE")},
		{0, cmd("SHUTDOWN")},
		{bus.FlagPart, cmd("PING")},
		{0, cmd("CLIENT LIST")},
		{0, ""},
		{0, "*0\r\n"},
		{0, cmd("GET k") + cmd("GET k")},
		{0, "*1\r\n"},
	} {
		in := nodes[1].dialAs(t, nodes[0])
		in.ask(bus.Header{ID: 1, Hops: 1, Epoch: 1, Flags: test.flags}, test.raw)
		in.nc.SetReadDeadline(time.Now().Add(patience))
		if b, err := in.rd.ReadByte(); err == nil {
			t.Errorf("%q, flags %d: answered %q", test.raw, test.flags, b)
		}
	}
	in := nodes[1].dialAs(t, nodes[0])
	for i, raw := range []string{cmd("NOSUCH"), cmd("GET"), cmd("OBJECT WHAT k")} {
		in.ask(bus.Header{ID: uint32(i + 1), Hops: 1, Epoch: 1}, raw)
		if id, reply := in.answered(); id != uint32(i+1) || !strings.HasPrefix(reply, "-ERR ") {
			t.Errorf("%q: %d %q", raw, id, reply)
		}
	}
}
