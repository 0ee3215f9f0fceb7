package server

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"ringcache/internal/bus"
	"ringcache/ring"
)

// clusters runs a test on one node, and with the client on each of three nodes, for keys of the last. at answers the node of the i-th
// client.
func clusters(t *testing.T, test func(t *testing.T, nodes []*testNode, at func(i int) *testNode)) {
	t.Run("one node", func(t *testing.T) {
		nodes := startNodes(t, 1, 2)
		test(t, nodes, func(int) *testNode { return nodes[0] })
	})
	t.Run("three nodes", func(t *testing.T) {
		nodes := startNodes(t, 3, 2)
		test(t, nodes, func(i int) *testNode { return nodes[i%3] })
	})
}

// lastKey is a key of the last node.
func lastKey(nodes []*testNode, name string) string { return keyOn(len(nodes)-1, len(nodes), name) }

// waitWaiters returns once n commands wait at node nd.
func waitWaiters(t *testing.T, nd *testNode, n int) {
	t.Helper()
	waitFor(t, fmt.Sprintf("%d commands to wait", n), func() bool { return nd.waiters.Len() == n })
}

// block sends a command and returns once it waits, as the n-th at its owner.
func (c *tclient) block(t *testing.T, owner *testNode, n int, line string) {
	t.Helper()
	c.send(cmd(line))
	waitWaiters(t, owner, n)
}

// wantNothing checks that a client has no reply yet: another command of the same node has passed since.
func (c *tclient) wantNothing(t *testing.T) {
	t.Helper()
	if n := c.rd.Buffered(); n > 0 {
		t.Errorf("a reply of %d bytes has come already", n)
	}
}

func taken(key, val string) string {
	return fmt.Sprintf("*2|$%d|%s|$%d|%s|", len(key), key, len(val), val)
}

func TestBlockedFIFO(t *testing.T) {
	clusters(t, func(t *testing.T, nodes []*testNode, at func(int) *testNode) {
		owner, key := nodes[len(nodes)-1], lastKey(nodes, "k")
		var waiters []*tclient
		for i := range 6 {
			c := at(i).client(t)
			c.block(t, owner, i+1, "TAKE "+key+" 0")
			waiters = append(waiters, c)
		}
		w := at(1).client(t)
		for i, c := range waiters {
			val := fmt.Sprint("v", i)
			w.send(cmd("SET "+key+" "+val), cmd("EXISTS "+key))
			w.wantReply("+OK|")
			w.wantReply(":0|") // it is gone before the next command
			c.wantReply(taken(key, val))
			waitWaiters(t, owner, len(waiters)-i-1)
		}
		w.want("SET "+key+" x", "+OK|")
		w.want("TAKE "+key+" 0", taken(key, "x"))
	})
}

func TestBlockedOnSeveralKeys(t *testing.T) {
	clusters(t, func(t *testing.T, nodes []*testNode, at func(int) *testNode) {
		owner := nodes[len(nodes)-1]
		a, b, d := lastKey(nodes, "a"), lastKey(nodes, "b"), lastKey(nodes, "d")
		c1, c2, w := at(0).client(t), at(1).client(t), at(2).client(t)
		c1.block(t, owner, 1, "TAKE "+strings.Join([]string{a, b, d, a}, " ")+" 0")
		c2.block(t, owner, 2, "TAKE "+strings.Join([]string{d, a}, " ")+" 0")
		w.want("SET "+d+" 1", "+OK|")
		c1.wantReply(taken(d, "1"))
		w.want("SET "+b+" 2", "+OK|")
		w.want("SET "+a+" 3", "+OK|")
		c2.wantReply(taken(a, "3"))
		waitWaiters(t, owner, 0)
		c1.want("TAKE "+a+" "+b+" "+a+" 0", taken(b, "2"))
		if owner.waiters.Marked() {
			t.Error("a queue stays marked")
		}
	})
}

func TestBlockedChain(t *testing.T) {
	clusters(t, func(t *testing.T, nodes []*testNode, at func(int) *testNode) {
		owner := nodes[len(nodes)-1]
		a, b, d := lastKey(nodes, "a"), lastKey(nodes, "b"), lastKey(nodes, "d")
		c1, c2, c3, w := at(0).client(t), at(1).client(t), at(2).client(t), at(0).client(t)
		c1.block(t, owner, 1, "TAKEMOVE "+b+" "+d+" 0")
		c2.block(t, owner, 2, "TAKE "+d+" 0")
		c3.block(t, owner, 3, "TAKEMOVE "+a+" "+b+" 0")
		w.send(cmd("SET "+a+" v"), cmd("EXISTS "+a+" "+b+" "+d))
		w.wantReply("+OK|")
		w.wantReply(":0|")
		for _, c := range []*tclient{c1, c3} {
			c.wantReply("$1|v|")
		}
		c2.wantReply(taken(d, "v"))
		c1.block(t, owner, 1, "TAKEMOVE "+a+" "+a+" 0") // to itself
		w.want("SET "+a+" v", "+OK|")
		c1.wantReply("$1|v|")
		w.want("GET "+a, "$1|v|")
	})
}

func TestBlockedByWhateverMakesTheKey(t *testing.T) {
	clusters(t, func(t *testing.T, nodes []*testNode, at func(int) *testNode) {
		owner := nodes[len(nodes)-1]
		tag := lastKey(nodes, "t")
		from, key := "{"+tag+"}from", "{"+tag+"}key"
		w := at(0).client(t)
		for i, makes := range []string{
			"RENAME " + from + " " + key, "COPY " + from + " " + key, "APPEND " + key + " v", "SETRANGE " + key + " 0 v", "MSET " + key + " v",
			"MOVE", "SWAPDB 0 1",
		} {
			c := at(i).client(t)
			w.do("SELECT 0")
			w.do("DEL " + from)
			w.do("SET " + from + " v")
			c.block(t, owner, 1, "TAKE "+key+" 0")
			switch makes {
			case "MOVE":
				w.do("SELECT 1")
				w.do("SET " + key + " v")
				w.want("MOVE "+key+" 0", ":1|")
			case "SWAPDB 0 1":
				w.do("SELECT 1")
				w.do("SET " + key + " v")
				w.want("SWAPDB 0 1", "+OK|")
			default:
				w.do(makes)
			}
			if got := c.reply(); got != taken(key, "v") {
				t.Errorf("%s: %q", makes, got)
			}
		}
	})
}

func TestBlockedTimeouts(t *testing.T) {
	clusters(t, func(t *testing.T, nodes []*testNode, at func(int) *testNode) {
		owner, key := nodes[len(nodes)-1], lastKey(nodes, "k")
		const want = 50 * time.Millisecond
		best := time.Hour
		for i := range 12 { // the machine may be busy: one in time will do
			c := at(i).client(t)
			null := "*-1|"
			if i%2 == 1 {
				c.do("HELLO 3")
				null = "_|"
			}
			start := time.Now()
			c.want("TAKE "+key+" 0.05", null)
			took := time.Since(start)
			if took < want {
				t.Errorf("timed out after %v", took)
			}
			best = min(best, took-want)
			c.want("PING", "+PONG|")
		}
		if best > 20*time.Millisecond {
			t.Errorf("timed out late by %v at best", best)
		}
		c := at(0).client(t)
		c.want("TAKE "+key+" x", "-ERR timeout is not a float or out of range|")
		// Many time-outs at once, and those of waiters that have been served are gone.
		w := at(1).client(t)
		var all []*tclient
		for i := range 20 {
			c := at(i).client(t)
			c.send(cmd(fmt.Sprintf("TAKE %s%d 0.%03d", key, 0, 10+i)))
			all = append(all, c)
		}
		for _, c := range all {
			c.wantReply("*-1|")
		}
		c.block(t, owner, 1, "TAKE "+key+" 0.2")
		w.want("SET "+key+" v", "+OK|")
		c.wantReply(taken(key, "v"))
		c.want("TAKE "+key+" 0.25", "*-1|")
	})
}

func TestBlockedClientsPipelineWaits(t *testing.T) {
	clusters(t, func(t *testing.T, nodes []*testNode, at func(int) *testNode) {
		owner, key, other := nodes[len(nodes)-1], lastKey(nodes, "k"), lastKey(nodes, "other")
		for i := range 3 {
			c, w := at(i).client(t), at(i+1).client(t)
			c.send(cmd("SET "+other+" 1"), cmd("TAKE "+key+" 0"), cmd("SET "+other+" 2"), cmd("PING"), cmd("TAKE "+key+" 0"), cmd("PING"))
			c.wantReply("+OK|")
			waitWaiters(t, owner, 1)
			w.want("GET "+other, "$1|1|")
			c.wantNothing(t)
			w.want("SET "+key+" a", "+OK|")
			c.wantReply(taken(key, "a"))
			c.wantReply("+OK|")
			c.wantReply("+PONG|")
			waitWaiters(t, owner, 1)
			w.want("GET "+other, "$1|2|")
			c.wantNothing(t)
			w.want("SET "+key+" b", "+OK|")
			c.wantReply(taken(key, "b"))
			c.wantReply("+PONG|")
		}
	})
}

func TestBlockedRepliesOff(t *testing.T) {
	clusters(t, func(t *testing.T, nodes []*testNode, at func(int) *testNode) {
		owner, key := nodes[len(nodes)-1], lastKey(nodes, "k")
		for i := range 3 {
			c, w := at(i).client(t), at(i+1).client(t)
			c.send(cmd("CLIENT REPLY SKIP"), cmd("TAKE "+key+" 0"), cmd("PING"))
			waitWaiters(t, owner, 1)
			w.want("SET "+key+" v", "+OK|")
			c.wantReply("+PONG|")
		}
	})
}

func TestUnblock(t *testing.T) {
	clusters(t, func(t *testing.T, nodes []*testNode, at func(int) *testNode) {
		owner, key := nodes[len(nodes)-1], lastKey(nodes, "k")
		for i := range 3 {
			c, w := at(i).client(t), at(i).client(t)
			id := strings.Trim(c.do("CLIENT ID"), ":|")
			for reason, want := range map[string]string{
				"": "*-1|", " TIMEOUT": "*-1|", " ERROR": "-UNBLOCKED client unblocked via CLIENT UNBLOCK|",
			} {
				w.want("CLIENT UNBLOCK "+id+reason, ":0|")
				c.block(t, owner, 1, "TAKE "+key+" 0")
				if list := w.do("CLIENT LIST ID " + id); !strings.Contains(list, " flags=b ") || !strings.Contains(list, " cmd=take ") {
					t.Errorf("CLIENT LIST of a blocked client: %q", list)
				}
				waitFor(t, "INFO to show it", func() bool {
					info := w.do("INFO clients")
					return strings.Contains(info, "blocked_clients:1|") && strings.Contains(info, "clients_in_timeout_table:0|")
				})
				w.want("CLIENT UNBLOCK "+id+reason, ":1|")
				c.wantReply(want)
				waitWaiters(t, owner, 0)
			}
			w.want("CLIENT UNBLOCK "+id, ":0|")
			c.block(t, owner, 1, "TAKE "+key+" 1000")
			waitFor(t, "INFO to show it", func() bool { return strings.Contains(w.do("INFO clients"), "clients_in_timeout_table:1|") })
			w.want("CLIENT KILL ID "+id, ":1|")
			c.wantEnd()
			waitWaiters(t, owner, 0)
			waitFor(t, "INFO to forget it", func() bool { return strings.Contains(w.do("INFO clients"), "blocked_clients:0|") })
		}
	})
}

func TestBlockedClientGone(t *testing.T) {
	behind := map[string]string{
		"nothing": "", "commands": strings.Repeat(cmd("PING"), 10), "many": strings.Repeat(cmd("PING"), 8000),
	}
	clusters(t, func(t *testing.T, nodes []*testNode, at func(int) *testNode) {
		owner, key := nodes[len(nodes)-1], lastKey(nodes, "k")
		w := at(0).client(t)
		for i := range 3 {
			for what, more := range behind {
				c := at(i).client(t)
				c.block(t, owner, 1, "TAKE "+key+" 0")
				c.send(more)
				if i == 0 {
					c.nc.Close()
				} else { // as good as gone: Redis thinks so too
					c.nc.(interface{ CloseWrite() error }).CloseWrite()
				}
				waitFor(t, "the waiter to go with "+what+" behind it", func() bool { return owner.waiters.Len() == 0 })
			}
			c := at(i).client(t)
			c.send(cmd("TAKE " + key + " 0"))
			c.nc.(interface{ CloseWrite() error }).CloseWrite() // with the command
			c.wantEnd()
			waitWaiters(t, owner, 0)
		}
		w.want("SET "+key+" v", "+OK|")
		w.want("GET "+key, "$1|v|")
	})
}

func TestBlockedStatistics(t *testing.T) {
	nodes := startNodes(t, 1, 2)
	c, w := nodes[0].client(t), nodes[0].client(t)
	stats := func(want string) {
		t.Helper()
		waitFor(t, want, func() bool { return strings.Contains(w.do("INFO commandstats"), want) })
	}
	c.block(t, nodes[0], 1, "TAKE k 0")
	stats("cmdstat_take:calls=1,")
	w.do("SET k v")
	c.wantReply(taken("k", "v"))
	c.want("TAKE k 0.01", "*-1|")
	id := strings.Trim(c.do("CLIENT ID"), ":|")
	c.block(t, nodes[0], 1, "TAKE k 0")
	w.want("CLIENT UNBLOCK "+id+" ERROR", ":1|")
	c.reply()
	stats("cmdstat_take:calls=3,")
	waitFor(t, "the error to be counted", func() bool {
		info := w.do("INFO commandstats") + w.do("INFO errorstats")
		take := info[strings.Index(info, "cmdstat_take"):]
		return strings.Contains(take[:strings.Index(take, "|")], "failed_calls=1") && strings.Contains(info, "errorstat_UNBLOCKED:count=1")
	})
}

// TestBlockedMoves: a slot gets another owner while commands wait for its keys; they go there, in their order, with what is left of
// their time.
func TestBlockedMoves(t *testing.T) {
	nodes := startNodes(t, 3, 1)
	key := keyOn(2, 3, "k")
	var all []*tclient
	for i := range 3 {
		c := nodes[i].client(t)
		c.block(t, nodes[2], i+1, "TAKE "+key+" 0")
		all = append(all, c)
	}
	short := nodes[0].client(t)
	start := time.Now()
	short.block(t, nodes[2], 4, "TAKE "+key+" 0.3")
	for _, owner := range []int{1, 0, 2, 1} { // more often than a request may be forwarded
		change(nodes, func(m *ring.Map) { m.Slots[slotOf(key)].Primary = ring.Index(owner) })
		waitFor(t, "the waiters to move", func() bool {
			n := nodes[owner].waiters.Len()
			return n == 4 || n == 3 && time.Since(start) > 300*time.Millisecond
		})
	}
	short.wantReply("*-1|")
	if took := time.Since(start); took < 300*time.Millisecond || took > patience/2 {
		t.Errorf("timed out after %v", took)
	}
	w := nodes[0].client(t)
	got := map[string]bool{}
	for i := range all {
		w.want(fmt.Sprintf("SET %s %d", key, i), "+OK|")
	}
	for _, c := range all {
		got[c.reply()] = true
	}
	for i := range all {
		if !got[taken(key, fmt.Sprint(i))] {
			t.Errorf("%d was not taken: %v", i, got)
		}
	}
	for i, nd := range nodes {
		if n := nd.waiters.Len(); n > 0 {
			t.Errorf("node %d keeps %d waiters", i, n)
		}
	}
}

// TestBlockedWithoutLease: waiting outlasts a short loss of the lease, and not one longer than requests are held.
func TestBlockedWithoutLease(t *testing.T) {
	set := testSettings
	set.Hold = 300 * time.Millisecond
	nodes := startSome(t, 1, 1, 1, set)
	nd := nodes[0]
	c, w := nd.client(t), nd.client(t)
	c.block(t, nd, 1, "TAKE k 0")
	nd.setLease(0)
	nd.setLease(1 << 62)
	w.want("SET k v", "+OK|")
	c.wantReply(taken("k", "v"))
	c.block(t, nd, 1, "TAKE k 0")
	nd.setLease(0)
	if got := c.reply(); !strings.HasPrefix(got, "-CLUSTERDOWN") {
		t.Errorf("got %q", got)
	}
	waitWaiters(t, nd, 0)
	nd.setLease(1 << 62)
	w.want("SET k v", "+OK|")
	w.want("GET k", "$1|v|")
}

// TestBlockedOverALink plays the owner: what the node with the client sends, and what it makes of the answers.
func TestBlockedOverALink(t *testing.T) {
	nd, links, nodes := played(t, testSettings)
	peer := awaitLink(t, nd, links, nodes[1])
	c, w := nd.client(t), nd.client(t)
	id := strings.Trim(c.do("CLIENT ID"), ":|")
	far := keyOn(1, 2, "far")
	take := func() uint32 {
		t.Helper()
		c.send(cmd("TAKE " + far + " 5"))
		return peer.expect("TAKE " + far + " 5").ID
	}
	cancel := func(id uint32, flags uint8) {
		t.Helper()
		if h, body := peer.request(); h.Type != bus.FrameCancel || h.ID != id || h.Flags != flags || body != "" {
			t.Errorf("got %+v, %q", h, body)
		}
	}
	// Unblocked, and served nevertheless.
	n := take()
	w.want("CLIENT UNBLOCK "+id+" TIMEOUT", ":1|")
	cancel(n, bus.FlagTimedOut)
	w.want("CLIENT UNBLOCK "+id+" ERROR", ":0|") // it is being unblocked
	peer.answer(n, ":1\r\n")
	c.wantReply(":1|")
	n = take()
	w.want("CLIENT UNBLOCK "+id+" ERROR", ":1|")
	cancel(n, 0)
	peer.answer(n, "-UNBLOCKED x\r\n")
	c.wantReply("-UNBLOCKED x|")
	// Others are not held up, and not counted with.
	n = take()
	w.send(cmd("GET " + far))
	peer.answer(peer.expect("GET "+far).ID, "$-1\r\n")
	w.wantReply("$-1|")
	// Moved: it is sent on as the peer says.
	peer.moved(n, cmd("TAKE "+far+" 1.250"))
	n = peer.expect("TAKE " + far + " 1.250").ID
	peer.moved(n, cmd("TAKE "+far+" 0.750"))
	n = peer.expect("TAKE " + far + " 0.750").ID
	// Moved and unblocked at once.
	w.want("CLIENT UNBLOCK "+id+" ERROR", ":1|")
	cancel(n, 0)
	peer.moved(n, cmd("TAKE "+far+" 0.500"))
	c.wantReply("-UNBLOCKED client unblocked via CLIENT UNBLOCK|")
	// The client goes.
	n = take()
	c.nc.Close()
	cancel(n, 0)
	peer.answer(n, "*-1\r\n")
	w.send(cmd("GET " + far))
	peer.answer(peer.expect("GET "+far).ID, "$-1\r\n")
	w.wantReply("$-1|")
}

// moved answers a request that has waited with what is to be sent to the new owner.
func (p *peerLink) moved(id uint32, raw string) {
	p.tb.Helper()
	b := bus.AppendHeader(nil, bus.Header{Bytes: uint32(len(raw)), ID: id, Type: bus.FrameReply, Flags: bus.FlagMoved})
	if _, err := p.nc.Write(append(b, raw...)); err != nil {
		p.tb.Fatal(err)
	}
}

// TestBlockedLinkLost: what waits at a peer is tried again when its link is lost, with what is left of its time; what writes as a repeat, since
// it may have been served.
func TestBlockedLinkLost(t *testing.T) {
	nd, links, nodes := played(t, testSettings)
	peer := awaitLink(t, nd, links, nodes[1])
	far := keyOn(1, 2, "far")
	writes, reads, forever := nd.client(t), nd.client(t), nd.client(t)
	writes.send(cmd("TAKE " + far + " 0"))
	peer.expect("TAKE " + far + " 0")
	reads.send(cmd("PEEK " + far + " 100"))
	peer.expect("PEEK " + far + " 100")
	forever.send(cmd("PEEK " + far + " 0"))
	peer.expect("PEEK " + far + " 0")
	peer.nc.Close()
	peer = awaitLink(t, nd, links, nodes[1])
	for range 3 {
		h, body := peer.request()
		if body == cmd("TAKE "+far+" 0") {
			if h.Flags&bus.FlagRepeat == 0 {
				t.Error("it is not sent as a repeat")
			}
			peer.answer(h.ID, ":8\r\n")
			continue
		}
		if !strings.HasPrefix(body, "*3\r\n$4\r\nPEEK\r\n") || strings.Contains(body, "\r\n100\r\n") {
			t.Errorf("tried again as %q", body)
		}
		peer.answer(h.ID, ":7\r\n")
	}
	writes.wantReply(":8|")
	reads.wantReply(":7|")
	forever.wantReply(":7|")
}

// TestBlockedForAPeer plays the node with the client.
func TestBlockedForAPeer(t *testing.T) {
	nodes := startSome(t, 2, 1, 1, testSettings)
	nd := nodes[0]
	key := keyOn(0, 2, "k")
	w := nd.client(t)
	p := nodes[1].dialAs(t, nd)
	ask := func(id uint32, line string) { p.ask(bus.Header{ID: id, Hops: 1, Epoch: 1}, cmd(line)) }
	cancel := func(id uint32, flags uint8) {
		t.Helper()
		if _, err := p.nc.Write(bus.AppendHeader(nil, bus.Header{ID: id, Type: bus.FrameCancel, Flags: flags})); err != nil {
			t.Fatal(err)
		}
	}
	want := func(id uint32, reply string) {
		t.Helper()
		if got, body := p.answered(); got != id || body != strings.ReplaceAll(reply, "|", "\r\n") {
			t.Errorf("got %d, %q; want %d, %q", got, body, id, reply)
		}
	}
	cancel(9, 0) // nothing: it has been answered, so the peer may think
	ask(1, "TAKE "+key+" 0")
	ask(2, "TAKE "+key+" 0")
	ask(3, "TAKE "+key+" 0")
	waitWaiters(t, nd, 3)
	cancel(2, bus.FlagTimedOut)
	want(2, "*-1|")
	cancel(2, 0)
	cancel(1, 0)
	want(1, "-"+errUnblocked+"|")
	ask(4, "GET "+key)
	want(4, "$-1|")
	w.do("SET " + key + " v")
	want(3, taken(key, "v"))
	ask(5, "TAKE "+key+" 0.01")
	want(5, "*-1|")
	// Held, and cancelled while it is.
	nd.setLease(0)
	ask(6, "TAKE "+key+" 0")
	waitFor(t, "the request to be held", func() bool { return nd.sum(cHeld) == 1 })
	cancel(6, 0)
	want(6, "-"+errUnblocked+"|")
	nd.setLease(1 << 62)
	// The link goes, and with it who waited.
	ask(7, "TAKE "+key+" 0")
	waitWaiters(t, nd, 1)
	p.nc.Close()
	waitWaiters(t, nd, 0)
	w.do("SET " + key + " v")
	w.want("GET "+key, "$1|v|")
	// A request may not be cancelled with a payload: the link is cut.
	p = nodes[1].dialAs(t, nd)
	if _, err := p.nc.Write(append(bus.AppendHeader(nil, bus.Header{ID: 1, Type: bus.FrameCancel, Bytes: 1}), 'x')); err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.tryRequest(); err != io.EOF && !strings.Contains(fmt.Sprint(err), "reset") {
		t.Errorf("got %v", err)
	}
}
