package server

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ringcache/internal/bus"
	"ringcache/ring"
	"ringcache/ring/control"
)

func TestLostLink(t *testing.T) {
	nd, links, nodes := played(t, testSettings)
	peer := awaitLink(t, nd, links, nodes[1])
	c := nd.client(t)
	far, near, other := keyOn(1, 2, "far"), keyOn(0, 2, "near"), keyOn(1, 2, "other")
	c.send(cmd("GET "+far), cmd("SET "+far+" v"), cmd("SET "+near+" n"), cmd("STRLEN "+far), cmd("GET "+near), cmd("INCR "+other),
		cmd("GET "+other))
	peer.expect("GET " + far)
	set := peer.expect("SET " + far + " v")
	peer.expect("STRLEN " + far)
	peer.expect("INCR " + other)
	peer.expect("GET " + other)
	peer.answer(set.ID, "+OK\r\n") // answered, only not in turn
	waitFor(t, "the reply to arrive", func() bool { return nd.sum(cInflight) == 4 })
	incr := peer.ids["INCR "+other]
	peer.nc.Close()
	peer = accept(t, links)
	get := peer.expect("GET " + far)
	size := peer.expect("STRLEN " + far)
	if h := peer.expect("INCR " + other); h.Flags&bus.FlagRepeat == 0 || peer.id.Origin != incr.Origin || peer.id.Number != incr.Number {
		t.Errorf("%v came again as %v, flags %x", incr, peer.id, h.Flags)
	} else {
		peer.answer(h.ID, ":1\r\n")
	}
	peer.answer(peer.expect("GET "+other).ID, "$1\r\n1\r\n")
	peer.answer(size.ID, ":7\r\n")
	peer.answer(get.ID, "$1\r\ng\r\n")
	for _, want := range []string{"$1|g|", "+OK|", "+OK|", ":7|", "$1|n|", ":1|", "$1|1|"} {
		c.wantReply(want)
	}

	// A read is not tried again where it would see what the same client wrote after it.
	d := nd.client(t)
	c.send(cmd("GET "+far), cmd("MGET "+other+" "+near), cmd("SET "+far+" w"))
	d.send(cmd("GET " + far))
	for range 4 {
		peer.request()
	}
	peer.nc.Close()
	peer = accept(t, links)
	for range 3 {
		switch h, body := peer.request(); {
		case strings.Contains(body, "SET"):
			peer.answer(h.ID, "+OK\r\n")
		case strings.Contains(body, "MGET"):
			peer.answer(h.ID, "*1\r\n$1\r\no\r\n")
		default:
			peer.answer(h.ID, "$1\r\nw\r\n")
		}
	}
	for _, want := range []string{"-" + errLostRead + "|", "*2|$1|o|$1|n|", "+OK|"} {
		c.wantReply(want)
	}
	d.wantReply("$1|w|")
}

// TestWritesAreTriedAgain: what a peer has not answered when its link is lost is sent by the next one, in its order; what the peer may have
// read, as a repeat.
func TestWritesAreTriedAgain(t *testing.T) {
	nd, links, nodes := played(t, testSettings)
	peer := awaitLink(t, nd, links, nodes[1])
	c := nd.client(t)
	far := keyOn(1, 2, "far")
	const n = 40
	var first bus.RequestID
	big := strings.Repeat("x", 1<<20)
	go func() {
		for i := range n {
			c.send(encode("SETRANGE", far, fmt.Sprint(i), big))
		}
	}()
	waitFor(t, "all to be on the way", func() bool { return nd.sum(cInflight) == n })
	peer.nc.Close()
	peer = accept(t, links)
	sent := 0
	for i := range n {
		h, body := peer.request()
		if h.Flags&bus.FlagRepeat != 0 {
			if sent++; sent != i+1 {
				t.Errorf("request %d was on its way before, %d only of those in front of it", i, sent-1)
			}
		}
		if i == 0 {
			first = peer.id
		}
		if peer.id.Origin != first.Origin || peer.id.Number != first.Number+uint64(i) || peer.id.Low > peer.id.Number {
			t.Errorf("request %d has the id %v", i, peer.id)
		}
		if want := encode("SETRANGE", far, fmt.Sprint(i), big); body != want {
			t.Fatalf("request %d is %.60q", i, body)
		}
		peer.answer(h.ID, fmt.Sprintf(":%d\r\n", i))
	}
	if sent <= 0 || sent == n {
		t.Errorf("%d writes count as sent", sent)
	}
	for i := range n {
		c.wantReply(fmt.Sprintf(":%d|", i))
	}
}

// TestLostPart: the part of a cluster-wide command goes to its own node again.
func TestLostPart(t *testing.T) {
	nd, links, nodes := played(t, testSettings)
	peer := awaitLink(t, nd, links, nodes[1])
	c := nd.client(t)
	c.want("SET "+keyOn(0, 2, "near")+" v", "+OK|")

	c.send(cmd("DBSIZE"))
	peer.expect("DBSIZE")
	peer.nc.Close()
	peer = accept(t, links)
	h := peer.expect("DBSIZE")
	if h.Flags&bus.FlagPart == 0 {
		t.Error("the second time it is not a part")
	}
	peer.answer(h.ID, ":41\r\n")
	c.wantReply(":42|")

	c.send(cmd("FLUSHALL"), cmd("PING"))
	peer.expect("FLUSHALL")
	peer.nc.Close()
	c.wantReply("-" + errLostWrite + "|")
	c.wantReply("+PONG|")

	// The node is gone, and its slots are this node's by the time the part is tried again.
	peer = accept(t, links)
	c.want("SET "+keyOn(0, 2, "near")+" v", "+OK|")
	c.send(cmd("DBSIZE"))
	peer.expect("DBSIZE")
	nodes[1].bus.Handle(bus.KindProxy, nil)
	peer.nc.Close()
	waitFor(t, "the part to be held", func() bool { return nd.sum(cHeld) == 1 })
	change(nodes, func(m *ring.Map) {
		for s := range m.Slots {
			m.Slots[s].Primary = 0
		}
	})
	c.wantReply(":1|")
}

// TestPoisonousReadIsGivenUp: a read that costs a node its life each time is not tried for ever.
func TestPoisonousReadIsGivenUp(t *testing.T) {
	settings := testSettings
	settings.Hold = 300 * time.Millisecond
	nd, links, nodes := played(t, settings)
	_ = nodes
	go func() {
		for {
			select {
			case p := <-links:
				_, _, _ = p.tryRequest()
				p.nc.Close()
			case <-t.Context().Done():
				return
			}
		}
	}()
	c := nd.client(t)
	c.send(cmd("GET " + keyOn(1, 2, "far")))
	if got := c.reply(); !strings.HasPrefix(got, "-CLUSTERDOWN ") {
		t.Errorf("got %q", got)
	}
}

// TestHeldRequestsAreNotOvertaken has a request held, and the next for its key arrive in the very batch in which the node may
// serve again.
func TestHeldRequestsAreNotOvertaken(t *testing.T) {
	nd, _, nodes := played(t, testSettings)
	in := nodes[1].dialAs(t, nd)
	key := keyOn(0, 2, "k")
	nd.setLease(0)
	in.ask(bus.Header{ID: 1, Epoch: 1, Hops: 1}, cmd("SET "+key+" first"))
	waitFor(t, "it to be held", func() bool { return nd.sum(cHeld) == 1 })

	l := nd.loops[0]
	begun, goOn := make(chan struct{}), make(chan struct{})
	l.ev.Post(func() { close(begun); <-goOn })
	<-begun
	nd.mu.Lock()
	nd.lease = 1 << 62
	nd.mu.Unlock()
	in.ask(bus.Header{ID: 2, Epoch: 1, Hops: 1}, cmd("APPEND "+key+" second"))
	in.ask(bus.Header{ID: 3, Epoch: 1, Hops: 1}, cmd("SET "+keyOn(0, 2, "other")+" v"))
	in.ask(bus.Header{ID: 4, Epoch: 1, Hops: 1}, cmd("DEL "+keyOn(0, 2, "x")+" "+key))
	in.ask(bus.Header{ID: 5, Epoch: 1, Hops: 1}, cmd("GET "+key))
	waitFor(t, "the bytes to arrive", func() bool { return unread(t, nd, l) })
	close(goOn)
	replies := map[uint32]string{}
	for range 5 {
		id, reply := in.answered()
		replies[id] = reply
	}
	for id, want := range map[uint32]string{1: "+OK\r\n", 2: ":11\r\n", 3: "+OK\r\n", 4: ":1\r\n", 5: "$-1\r\n"} {
		if replies[id] != want {
			t.Errorf("request %d: %q, want %q", id, replies[id], want)
		}
	}
	onLoop(t, l, func() {
		if len(l.heldSlots) != 0 || l.heldBytes != 0 {
			t.Errorf("left over: %v, %d bytes", l.heldSlots, l.heldBytes)
		}
	})
}

// unread gives what was written to a loopback socket the time to be readable there; the loop itself cannot be asked.
func unread(*testing.T, *testNode, *loop) bool {
	time.Sleep(time.Millisecond)
	return true
}

func TestLargeFramesCostTheirSenderAlone(t *testing.T) {
	whole := maxFrame
	t.Cleanup(func() { maxFrame = whole }) // after the nodes have stopped
	maxFrame = 64 << 10
	nodes := startNodes(t, 2, 1)
	c := nodes[0].client(t)
	far, near := keyOn(1, 2, "far"), keyOn(0, 2, "near")
	big := strings.Repeat("x", 100<<10)
	c.send(encode("SET", near, big), cmd("STRLEN "+far), encode("SET", far, big), cmd("STRLEN "+far), encode("MSET", far, big, near, "v"),
		encode("MSET", far, "v", near, big))
	for _, want := range []string{"+OK|", ":0|", "-" + errTooLarge + "|", ":0|", "-" + errTooLarge + "|", "+OK|"} {
		c.wantReply(want)
	}
	d := nodes[1].client(t)
	d.send(encode("SET", far, big), cmd("GET "+near), cmd("MGET "+far+" "+near), cmd("STRLEN "+near))
	for _, want := range []string{"+OK|", "-" + errReplyTooLarge + "|", "-" + errReplyTooLarge + "|", ":102400|"} {
		d.wantReply(want)
	}
	c.send(cmd("MGET "+far+" "+far), cmd("GET "+far), cmd("PING"))
	for _, want := range []string{"-" + errReplyTooLarge + "|", "-" + errReplyTooLarge + "|", "+PONG|"} {
		c.wantReply(want)
	}
	for _, nd := range nodes {
		if lost := nd.sum(cHeldTotal); lost != 0 {
			t.Errorf("%d requests were held: a link was lost", lost)
		}
	}
}

// TestFullLink fills a link: sessions wait, none is lost, and what is in flight stays bounded.
func TestFullLink(t *testing.T) {
	nd, links, nodes := played(t, testSettings)
	peer := awaitLink(t, nd, links, nodes[1])
	far := keyOn(1, 2, "far")
	const sessions, each = 10, 8000
	var all []*tclient
	for range sessions {
		c := nd.client(t)
		go c.send(strings.Repeat(cmd("GET "+far), each))
		all = append(all, c)
	}
	waitFor(t, "the link to be full", func() bool { return nd.sum(cParked) > 0 })
	if n := nd.sum(cInflight); n > maxInflight+sessions {
		t.Errorf("%d in flight", n)
	}
	other := nd.client(t)
	other.want("PING", "+PONG|")
	go func() {
		for range sessions * each {
			h, _, err := peer.tryRequest()
			if err != nil {
				t.Error(err)
				return
			}
			peer.answer(h.ID, ":1\r\n")
		}
	}()
	for _, c := range all {
		for range each {
			c.wantReply(":1|")
		}
	}
}

// TestFullLinkByBytes does the same with a few large values, and has the node keep no memory of them.
func TestFullLinkByBytes(t *testing.T) {
	testNodeTimeout = patience // the peer reads nothing for a while
	t.Cleanup(func() { testNodeTimeout = control.DefaultNodeTimeout })
	nd, links, nodes := played(t, testSettings)
	peer := awaitLink(t, nd, links, nodes[1])
	far := keyOn(1, 2, "far")
	c := nd.client(t)
	const n = 12
	go c.send(strings.Repeat(encode("SET", far, strings.Repeat("x", 8<<20)), n))
	waitFor(t, "the link to be full", func() bool { return nd.sum(cParked) > 0 })
	for range n {
		h, _ := peer.request()
		peer.answer(h.ID, "+OK\r\n")
	}
	for range n {
		c.wantReply("+OK|")
	}
	onLoop(t, nd.loops[0], func() {
		k := nd.loops[0].links[nodes[1].id]
		if k.cur != nil && cap(k.cur.buf) > chunkBytes {
			t.Errorf("a chunk of %d bytes is kept", cap(k.cur.buf))
		}
		if k.bytes != 0 || k.inflight != 0 {
			t.Errorf("%d bytes, %d requests in flight", k.bytes, k.inflight)
		}
	})
}

// TestNodeHeldForDown: the cluster's word cuts a link that hangs.
func TestNodeHeldForDown(t *testing.T) {
	settings := testSettings
	settings.Hold = 200 * time.Millisecond
	nd, links, nodes := played(t, settings)
	peer := awaitLink(t, nd, links, nodes[1])
	c := nd.client(t)
	far := keyOn(1, 2, "far")
	c.send(cmd("GET "+far), cmd("SET "+keyOn(1, 2, "other")+" v"))
	peer.expect("GET " + far)
	nodes[1].bus.Handle(bus.KindProxy, nil)
	nd.setView(func(v *control.View) { v.Nodes[nodes[1].id] = control.NodeView{State: control.StateDown} })
	if got := c.reply(); !strings.HasPrefix(got, "-CLUSTERDOWN ") {
		t.Errorf("the read: %q", got)
	}
	c.wantReply("-" + errLostWrite + "|")
	began := time.Now()
	if got := c.do("GET " + far); !strings.HasPrefix(got, "-CLUSTERDOWN ") {
		t.Errorf("another read: %q", got)
	}
	if took := time.Since(began); took > 2*settings.Hold {
		t.Errorf("it took %v", took)
	}
}

// TestLostDial: a connection that could not be taken over, as where descriptors have run out, is dialled anew.
func TestLostDial(t *testing.T) {
	var dials atomic.Int32
	nodes := startSomeWith(t, 2, 0, 1, testSettings, func([]*testNode) {})
	links := nodes[1].play(t)
	nodes[0].dial = func(ctx context.Context, addr string, id ring.NodeID) (net.Conn, error) {
		if dials.Add(1) == 1 {
			a, b := net.Pipe()
			b.Close()
			return a, nil
		}
		nc, _, err := bus.Dial(ctx, addr, bus.KindProxy, nodes[0].bus.Identity(), string(id))
		return nc, err
	}
	nodes[0].serve(t, 1, testSettings)
	awaitLink(t, nodes[0], links, nodes[1])
}

// TestNodeLeaves: the link to a node that left the cluster goes, and what was on it goes to the new owner.
func TestNodeLeaves(t *testing.T) {
	nd, links, nodes := played(t, testSettings)
	peer := awaitLink(t, nd, links, nodes[1])
	c := nd.client(t)
	far := keyOn(1, 2, "far")
	c.send(cmd("GET "+far), cmd("PING"))
	peer.expect("GET " + far)
	change(nodes, func(m *ring.Map) {
		m.Nodes = m.Nodes[:1]
		for s := range m.Slots {
			m.Slots[s].Primary = 0
		}
	})
	c.wantReply("$-1|")
	c.wantReply("+PONG|")
	onLoop(t, nd.loops[0], func() {
		if n := len(nd.loops[0].links); n != 0 {
			t.Errorf("%d links are left", n)
		}
	})
}
