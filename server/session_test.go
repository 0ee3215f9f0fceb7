package server

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"ringcache/internal/bus"
	"ringcache/ring"
	"ringcache/server/front"
)

// played starts one real node in a cluster of two, and plays the other: the keys of keyOn(1, 2, ...) are at the test's end of the
// link.
func played(t *testing.T, settings Settings) (nd *testNode, links <-chan *peerLink, nodes []*testNode) {
	t.Helper()
	var ready <-chan *peerLink
	nodes = startSomeWith(t, 2, 1, 1, settings, func(nodes []*testNode) { ready = nodes[1].play(t) })
	return nodes[0], ready, nodes
}

// awaitLink returns the test's end of the link once the node takes it to stand.
func awaitLink(t *testing.T, nd *testNode, links <-chan *peerLink, to *testNode) *peerLink {
	t.Helper()
	p := accept(t, links)
	waitFor(t, "the link to stand", func() bool { return nd.peer(to.id).links.Load() == 1 })
	return p
}

func TestRepliesKeepTheOrderOfRequests(t *testing.T) {
	nd, links, nodes := played(t, testSettings)
	peer := awaitLink(t, nd, links, nodes[1])
	c := nd.client(t)
	far, near := keyOn(1, 2, "far"), keyOn(0, 2, "near")
	c.send(cmd("SET "+near+" n"), cmd("GET "+far), cmd("PING"), cmd("GET "+near), cmd("GET "+far), "PING inline\r\n", cmd("NOSUCH"),
		cmd("GET"), cmd("SET "+near+" m"), cmd("GET "+far), cmd("GET "+near))
	var ids []uint32
	for range 3 {
		ids = append(ids, peer.expect("GET "+far).ID)
	}
	c.wantReply("+OK|")
	for i := len(ids) - 1; i >= 0; i-- { // the last one first
		peer.answer(ids[i], fmt.Sprintf(":%d\r\n", i))
	}
	for _, want := range []string{
		":0|", "+PONG|", "$1|n|", ":1|", "$6|inline|", "-ERR unknown command 'NOSUCH', with args beginning with: |",
		"-ERR wrong number of arguments for 'get' command|", "+OK|", ":2|", "$1|m|",
	} {
		c.wantReply(want)
	}
}

func TestInlineCommandsAreForwardedAsRESP(t *testing.T) {
	nd, links, nodes := played(t, testSettings)
	peer := awaitLink(t, nd, links, nodes[1])
	c := nd.client(t)
	far := keyOn(1, 2, "far")
	c.send("SET " + far + " \"a b\"\r\n")
	h, body := peer.request()
	if body != encode("SET", far, "a b") {
		t.Errorf("forwarded %q", body)
	}
	if h.Slot != slotOf(far) || h.Epoch != 1 || h.Hops != 1 || h.DB != 0 || h.Flags != bus.FlagNumbered {
		t.Errorf("header %+v", h)
	}
	peer.answer(h.ID, "+OK\r\n")
	c.wantReply("+OK|")
}

func TestHelloAndSelectAmidOutstandingReplies(t *testing.T) {
	nd, links, nodes := played(t, testSettings)
	peer := awaitLink(t, nd, links, nodes[1])
	c := nd.client(t)
	far, near := keyOn(1, 2, "far"), keyOn(0, 2, "near")
	c.send(cmd("GET "+far), cmd("HELLO 3"), cmd("GET "+near), cmd("GET "+far), cmd("SELECT 3"), cmd("GET "+far), cmd("RESET"), cmd("GET "+near),
		cmd("GET "+far))
	type sent struct {
		flags, db uint8
		reply     string
	}
	for i, want := range []sent{{0, 0, "$-1\r\n"}, {1, 0, "_\r\n"}, {1, 3, "_\r\n"}, {0, 0, "$-1\r\n"}} {
		h := peer.expect("GET " + far)
		if h.Flags != want.flags || h.DB != want.db {
			t.Errorf("request %d: flags %d, database %d, want %+v", i, h.Flags, h.DB, want)
		}
		peer.answer(h.ID, want.reply)
	}
	c.wantReply("$-1|")
	if hello := c.reply(); !strings.HasPrefix(hello, "%7|") {
		t.Errorf("HELLO 3: %q", hello)
	}
	for _, want := range []string{"_|", "_|", "+OK|", "_|", "+RESET|", "$-1|", "$-1|"} {
		c.wantReply(want)
	}
}

func TestQuitWaitsForWhatIsOwed(t *testing.T) {
	nd, links, nodes := played(t, testSettings)
	peer := awaitLink(t, nd, links, nodes[1])
	for _, last := range []string{"QUIT", "protocol error"} {
		c := nd.client(t)
		far := keyOn(1, 2, "far")
		raw := cmd("QUIT")
		if last != "QUIT" {
			raw = "*1\r\n!\r\n"
		}
		c.send(cmd("GET "+far), cmd("PING"), raw, cmd("SET "+far+" never"))
		h := peer.expect("GET " + far)
		c.nc.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		if b, err := c.rd.ReadByte(); err == nil {
			t.Fatalf("%s: got %q before its turn", last, b)
		}
		peer.answer(h.ID, "$1\r\nv\r\n")
		c.wantReply("$1|v|")
		c.wantReply("+PONG|")
		if last == "QUIT" {
			c.wantReply("+OK|")
		} else {
			c.wantReply("-ERR Protocol error: expected '$', got '!'|")
		}
		c.wantEnd()
	}
	waitFor(t, "the sessions to end", func() bool { return nd.clients.Load() == 0 })
}

func TestReplyModes(t *testing.T) {
	nd, links, nodes := played(t, testSettings)
	peer := awaitLink(t, nd, links, nodes[1])
	far, near := keyOn(1, 2, "far"), keyOn(0, 2, "near")
	tests := []struct{ name, send, want string }{
		{"off, local and remote", "CLIENT REPLY OFF; SET near 1; GET far; GET near; NOSUCH; CLIENT REPLY ON; GET near", "+OK| $1|1|"},
		{"skip one remote", "CLIENT REPLY SKIP; GET far; GET far; PING", "far +PONG|"},
		{"skip one local", "GET far; CLIENT REPLY SKIP; GET near; GET near", "far $1|1|"},
		{"skip an error", "CLIENT REPLY SKIP; NOSUCH; PING", "+PONG|"},
		{"skip a cluster-wide one", "CLIENT REPLY SKIP; DBSIZE; PING", "+PONG|"},
		{"skip a slow one", "CLIENT REPLY SKIP; DEBUG SLEEP 0; PING", "+PONG|"},
		{"skip and skip again", "CLIENT REPLY SKIP; CLIENT REPLY SKIP; PING; PING x", "$1|x|"},
		{"skip while off", "CLIENT REPLY OFF; CLIENT REPLY SKIP; PING; PING; CLIENT REPLY ON", "+OK|"},
		{"skip then on", "CLIENT REPLY SKIP; CLIENT REPLY ON; PING", "+OK| +PONG|"},
		{"reset ends off", "CLIENT REPLY OFF; PING; RESET; PING", "+RESET| +PONG|"},
		{"off ends with an owed reply", "GET far; CLIENT REPLY OFF; GET far; GET near; CLIENT REPLY ON", "far +OK|"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := nd.client(t)
			words := strings.NewReplacer("far", far, "near", near)
			var raw []string
			for line := range strings.SplitSeq(test.send, "; ") {
				raw = append(raw, cmd(words.Replace(line)))
			}
			c.want("SET "+near+" 1", "+OK|")
			c.send(raw...)
			remote := strings.Count(test.send, "far") + strings.Count(test.send, "DBSIZE")
			for range remote {
				h, body := peer.request()
				if strings.Contains(body, "DBSIZE") {
					peer.answer(h.ID, ":5\r\n")
				} else {
					peer.answer(h.ID, "$3\r\nfar\r\n")
				}
			}
			for want := range strings.SplitSeq(test.want, " ") {
				if want == "far" {
					want = "$3|far|"
				}
				c.wantReply(want)
			}
			c.want("PING end", "$3|end|")
		})
	}
}

// TestSkipOutlivesNoWait: the command that CLIENT REPLY SKIP silences may have to wait; the next one is answered nevertheless.
func TestSkipOutlivesNoWait(t *testing.T) {
	settings := testSettings
	settings.Hold = 300 * time.Millisecond
	nd := startSome(t, 1, 1, 1, settings)[0]
	c := nd.client(t)
	c.want("SET k v", "+OK|")
	for _, back := range []bool{true, false} { // the lease comes back in time, or too late
		nd.setLease(0)
		c.send(cmd("CLIENT REPLY SKIP"), cmd("GET k"))
		waitFor(t, "the command to wait", func() bool { return nd.sum(cParked) == 1 })
		if back {
			nd.setLease(1 << 62)
		}
		waitFor(t, "the command to end", func() bool { return nd.sum(cParked) == 0 })
		nd.setLease(1 << 62)
		c.want("PING end", "$3|end|")
	}
}

// TestFullPlacesAreResumed fills a session's places, and has them leave in jumps: the replies that come first are those behind.
func TestFullPlacesAreResumed(t *testing.T) {
	nd, links, nodes := played(t, testSettings)
	peer := awaitLink(t, nd, links, nodes[1])
	far := keyOn(1, 2, "far")
	const n = 3 * maxPlaces
	c := nd.client(t)
	request := cmd("GET " + far)
	go c.send(strings.Repeat(request, n))
	answered := 0
	for answered < n {
		var ids []uint32
		batch := min(maxPlaces, n-answered)
		if answered%maxPlaces != 0 {
			batch = min(maxPlaces/2, n-answered)
		}
		for range batch {
			h, _ := peer.request()
			ids = append(ids, h.ID)
		}
		for i := len(ids) - 1; i >= 0; i-- {
			peer.answer(ids[i], ":"+strconv.Itoa(answered+i)+"\r\n")
		}
		answered += batch
	}
	for i := range n {
		if got, want := c.reply(), ":"+strconv.Itoa(i)+"|"; got != want {
			t.Fatalf("reply %d is %q", i, got)
		}
	}
	c.want("PING", "+PONG|")
}

// TestBarriersDoNotGatherTheirPipeline: a client that sends many commands each of which makes the next one wait is read no
// faster than they run.
func TestBarriersDoNotGatherTheirPipeline(t *testing.T) {
	nd, links, nodes := played(t, testSettings)
	peer := awaitLink(t, nd, links, nodes[1])
	c := nd.client(t)
	const n = 20_000
	request := cmd("DBSIZE")
	go c.send(strings.Repeat(request, n))
	most := 0
	for i := range n {
		h, _ := peer.request()
		if i%64 == 0 {
			onLoop(t, nd.loops[0], func() {
				nd.loops[0].ev.Each(func(fc *front.Conn) {
					if s, ok := fc.User.(*session); ok {
						most = max(most, s.rd.Buffered())
					}
				})
			})
		}
		peer.answer(h.ID, ":1\r\n")
	}
	for range n {
		c.wantReply(":1|")
	}
	if limit := 3 * 64 << 10; most > limit {
		t.Errorf("%d bytes of the pipeline were gathered, want at most %d", most, limit)
	}
}

// TestSlowCommandsLeaveTheLoopFree has one session sleep on the only loop.
// TestManySlowCommands starts more than may run at once: the rest wait and are all answered.
// TestOneEpochAtATime: a session has no requests of two maps in flight; the later ones wait until the earlier are answered.
func TestOneEpochAtATime(t *testing.T) {
	nd, links, nodes := played(t, testSettings)
	peer := awaitLink(t, nd, links, nodes[1])
	c, other := nd.client(t), nd.client(t)
	far, near := keyOn(1, 2, "far"), keyOn(0, 2, "near")
	c.send(cmd("GET " + far))
	first := peer.expect("GET " + far)
	change(nodes, func(m *ring.Map) { m.Slots[slotOf(far)].Primary = 0 })
	c.send(cmd("SET "+far+" mine now"), cmd("GET "+near), cmd("GET "+far)) // a syntax error, on its way to nobody
	waitFor(t, "the session to drain", func() bool { return nd.sum(cParked) == 1 })
	other.want("SET "+far+" v", "+OK|") // others go by the new map at once
	peer.answer(first.ID, "$3\r\nold\r\n")
	for _, want := range []string{"$3|old|", "-ERR syntax error|", "$-1|", "$1|v|"} {
		c.wantReply(want)
	}
}

// TestHalfClosedClient: a client that shuts its side after its last command gets all its replies, however long they take.
func TestHalfClosedClient(t *testing.T) {
	nd, links, nodes := played(t, testSettings)
	peer := awaitLink(t, nd, links, nodes[1])
	far, near := keyOn(1, 2, "far"), keyOn(0, 2, "near")
	for _, test := range []struct{ send, want string }{
		{"PING", "+PONG|"},
		{"GET far", ":1|"},
		{"GET far; GET near", ":1| $-1|"},
		{"GET far; DBSIZE; GET far; MGET near far; DEBUG SLEEP 0.001; GET far", ":1| :1| :1| -ERR_internal_error| +OK| :1|"},
		{"DEBUG SLEEP 0.01; PING", "+OK| +PONG|"},
		{"GET far; QUIT; PING", ":1| +OK|"},
		{"CLIENT REPLY OFF; GET far", ""},
	} {
		c := nd.client(t)
		words := strings.NewReplacer("far", far, "near", near)
		var raw []string
		for line := range strings.SplitSeq(test.send, "; ") {
			raw = append(raw, cmd(words.Replace(line)))
		}
		c.send(raw...)
		c.nc.(*net.TCPConn).CloseWrite()
		for range strings.Count(test.send, "far") + strings.Count(test.send, "DBSIZE") {
			h, _ := peer.request()
			// Until something else has gone through the loop it may not have seen the end.
			waitFor(t, "the end to be seen", func() bool { return ended(t, nd) })
			peer.answer(h.ID, ":1\r\n")
		}
		for want := range strings.FieldsSeq(test.want) {
			c.wantReply(strings.ReplaceAll(want, "_", " "))
		}
		c.wantEnd()
		waitFor(t, "the session to end", func() bool { return nd.clients.Load() == 0 })
	}

	// One that waits for its slot.
	nd.setLease(0)
	c := nd.client(t)
	c.send(cmd("GET " + near))
	c.nc.(*net.TCPConn).CloseWrite()
	waitFor(t, "the end to be seen", func() bool { return ended(t, nd) && nd.sum(cParked) == 1 })
	nd.setLease(1 << 62)
	c.wantReply("$-1|")
	c.wantEnd()

	// One that takes its time over a large reply, and one that is gone.
	c = nd.client(t)
	c.send(encode("SET", near, strings.Repeat("x", 32<<20)))
	c.wantReply("+OK|")
	c.send(cmd("GET " + near))
	c.nc.(*net.TCPConn).CloseWrite()
	waitFor(t, "the end to be seen", func() bool { return ended(t, nd) })
	if n := len(c.reply()); n < 32<<20 {
		t.Errorf("%d bytes", n)
	}
	c.wantEnd()
	c = nd.client(t)
	c.send(cmd("GET " + far))
	h := peer.expect("GET " + far)
	c.nc.Close()
	waitFor(t, "the end to be seen", func() bool { return ended(t, nd) })
	peer.answer(h.ID, ":1\r\n")
	waitFor(t, "the session to end", func() bool { return nd.clients.Load() == 0 })
}

// ended reports whether all sessions of the node have seen the end of their client's bytes.
func ended(t *testing.T, nd *testNode) bool {
	all := true
	for _, l := range nd.loops {
		onLoop(t, l, func() {
			l.ev.Each(func(fc *front.Conn) {
				if s, ok := fc.User.(*session); ok {
					all = all && s.eof
				}
			})
		})
	}
	return all
}
