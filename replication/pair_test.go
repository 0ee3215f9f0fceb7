package replication

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"ringcache/ring"
)

// pair is a primary and a replica in sync, on a stream that stands.
func pair(t *testing.T, slots ...uint16) (c *testCluster, p, r *testNode, l *testLink) {
	t.Helper()
	c = newCluster(t, 2)
	c.assign(slots...)
	c.adoptAll()
	c.settle()
	p, r = c.nodes[0], c.nodes[1]
	l = p.out[r.id]
	for _, slot := range slots {
		if !l.s.Waits(slot) {
			t.Fatalf("slot %d is in sync, and not waited for", slot)
		}
	}
	return c, p, r, l
}

func TestEffectsArrive(t *testing.T) {
	c, p, r, l := pair(t, 7, 300)
	for i := range 100 {
		waits := p.run(7, i%3, RequestID{}, "RPUSH", "k", fmt.Sprint(i))
		p.run(300, 0, RequestID{}, "SET", fmt.Sprint("k", i), strings.Repeat("v", 1000))
		if released(waits) {
			t.Fatal("a reply may leave before its effect")
		}
		c.settle()
		if !released(waits) {
			t.Fatal("a reply may not leave after the acknowledgement")
		}
	}
	c.equal(7, p, r)
	c.equal(300, p, r)
	if st := l.s.State(); !st.Connected || st.Slots != 2 || st.Live != 2 || st.Required != 2 || st.LagBytes != 0 || st.Behind || st.Incarnation != 1 {
		t.Errorf("state %+v", st)
	}
}

// Frames may be torn anywhere.
func TestTornAtEveryByte(t *testing.T) {
	c, p, r, l := pair(t, 7)
	p.run(7, 0, RequestID{1, 1, 1}, "SET", "k", "v")
	p.run(7, 0, RequestID{}, "RPUSH", "k", "x", "y")
	run := AppendEffect(AppendEffect(nil, 7, 0, words("RPUSH", "k", "1"), RequestID{}, nil), 7, 0, words("RPUSH", "k", "2"), RequestID{}, nil)
	Chain(run)
	for range 2 {
		p.pos.Next(7, p.m.Slots[7].Epoch)
	}
	p.ks.at(7).dbs[0]["k"] = append(p.ks.at(7).dbs[0]["k"], "1", "2")
	l.s.Append(7, run)
	c.take(l, 1<<20)
	for len(l.down) > 0 {
		was := len(r.ks.text(7))
		c.deliver(l, 1)
		if grown := len(r.ks.text(7)); grown == was+2 {
			t.Fatal("half of a run has been applied")
		}
		if n := len(l.up); n > 0 {
			c.back(l, 1)
		}
	}
	c.settle()
	c.equal(7, p, r)
	if reply, a := r.req.Reply(RequestID{1, 1, 1}, 7); a != Applied || string(reply) != "+v" {
		t.Errorf("the replica remembers %q, %v", reply, a)
	}
}

// After a cut at any byte the stream goes on, and nothing is applied twice.
func TestResume(t *testing.T) {
	for at := range 200 {
		c, p, r, l := pair(t, 7)
		stream := l.s.mu.stream
		for i := range 3 {
			p.run(7, 0, RequestID{}, "RPUSH", "k", fmt.Sprint(i))
		}
		c.take(l, 1<<20)
		c.deliver(l, at)
		c.back(l, at%3*6)
		c.cut(l, false)
		waits := p.run(7, 0, RequestID{}, "RPUSH", "k", "while cut")
		if _, behind, _ := l.s.Report(); behind != nil {
			t.Fatal("a cut that is new is reported")
		}
		l.sent = 0
		received := r.recv.mu.from[p.id].mu.offset
		c.settle()
		c.equal(7, p, r)
		if l.s.mu.stream != stream || !released(waits) {
			t.Fatalf("cut after %d bytes: the stream was reset", at)
		}
		// What is sent again is the hello, the start, and what had not been received.
		if want := headerSize + 40 + headerSize + 16 + int(l.s.End()-received); l.sent != want {
			t.Fatalf("cut after %d bytes: %d bytes were sent, not %d", at, l.sent, want)
		}
	}
}

// A slot whose copy differs is reported, and synced only when the map has taken it out and no claim is under way.
func TestNoSyncWhileInSync(t *testing.T) {
	c, p, r, l := pair(t, 7, 8)
	p.run(7, 0, RequestID{}, "SET", "k", "v")
	c.settle()
	r.pos.Set(7, Position{1, 1}) // as if it had missed something
	waits := p.run(7, 0, RequestID{}, "SET", "k", "w")
	r.ks.cleared = func(uint16) { t.Fatal("a copy that is in sync is cleared") }
	c.settle()
	if released(waits) || released(p.waits(7)) {
		t.Fatal("a reply leaves though the copy is lost")
	}
	synced, behind, number := l.s.Report()
	if synced != nil || !behind.Has(7) || behind.Len() != 1 {
		t.Fatalf("reported: synced %v, behind %v", synced, behind)
	}
	l.s.Heard(number)
	c.settle()
	if released(waits) {
		t.Fatal("a reply leaves before the map is told")
	}
	r.ks.cleared = func(uint16) {}
	c.commit(ring.SetSlots{Slots: one(7), From: p.id, OutOfSync: []ring.NodeID{r.id}})
	c.adoptAll()
	c.settle()
	c.equal(7, p, r)
	if !released(waits) {
		t.Fatal("a reply is held though the replica is out of sync")
	}
	synced, behind, _ = l.s.Report()
	if behind != nil || !synced.Has(7) || synced.Len() != 1 {
		t.Fatalf("reported: synced %v, behind %v", synced, behind)
	}
}

// While a claim may still be decided upon, the primary waits, though the replica is gone; and no sync begins.
func TestClaims(t *testing.T) {
	c, p, r, l := pair(t, 7)
	c.commit(ring.SetSlots{Slots: one(7), From: p.id, OutOfSync: []ring.NodeID{r.id}})
	c.adoptAll()
	c.settle()
	synced, _, claim := l.s.Report()
	if !synced.Has(7) {
		t.Fatal("an equal copy is not claimed")
	}
	c.cut(l, false)
	waits := p.run(7, 0, RequestID{}, "SET", "k", "v")
	if len(waits) != 1 || released(waits) {
		t.Fatal("the primary does not wait for whom it has claimed")
	}
	l.s.Heard(claim)
	if released(waits) {
		t.Fatal("the claim is not over with its own report")
	}
	synced, _, number := l.s.Report()
	if synced != nil {
		t.Fatal("a copy is claimed without a connection")
	}
	if l.s.Heard(number); !released(waits) || l.s.Waits(7) || l.s.Acked() != math.MaxUint64 {
		t.Fatal("the claim is not over with a report without it")
	}
	c.settle()
	c.equal(7, p, r)
}

// A claim about a copy that the map has dropped is over: what is decided by it, if the copy is added again, is void. Replies about other
// slots would wait for nothing.
func TestClaimOfADroppedCopy(t *testing.T) {
	c, p, r, l := pair(t, 7, 8)
	c.commit(ring.SetSlots{Slots: one(7), From: p.id, OutOfSync: []ring.NodeID{r.id}})
	c.adoptAll()
	c.settle()
	if synced, _, _ := l.s.Report(); !synced.Has(7) {
		t.Fatal("an equal copy is not claimed")
	}
	c.commit(ring.SetSlots{Slots: one(7), From: p.id, Drop: []ring.NodeID{r.id}})
	c.adoptAll()
	waits := p.run(8, 0, RequestID{}, "SET", "k", "v")
	c.settle()
	if l.s.Waits(7) || !released(waits) {
		t.Fatal("the primary still waits for a copy that is gone")
	}
	c.equal(8, p, r)
}

// What was replied before the primary waited must be at the replica when it is claimed.
func TestClaimComesAfterTheBarrier(t *testing.T) {
	c, p, r, l := pair(t, 7)
	c.commit(ring.SetSlots{Slots: one(7), From: p.id, OutOfSync: []ring.NodeID{r.id}})
	c.cut(l, false)
	c.adoptAll()
	if waits := p.run(7, 0, RequestID{}, "SET", "k", "v"); len(waits) != 0 {
		t.Fatal("the primary waits for a replica that is out of sync and away")
	}
	c.dial(p, l)
	c.take(l, 1<<20) // hello
	c.deliver(l, 100)
	c.back(l, 100) // welcome
	if synced, _, _ := l.s.Report(); synced != nil || !l.s.Waits(7) {
		t.Fatal("it is claimed before it has acknowledged the effect")
	}
	c.settle()
	if synced, _, _ := l.s.Report(); !synced.Has(7) {
		t.Fatal("it is not claimed afterwards")
	}
	c.equal(7, p, r)
}

// A replica that has been made primary applies nothing of the old one, and the old one releases nothing.
func TestPromotedRejectsOldPrimary(t *testing.T) {
	c, p, r, l := pair(t, 7, 8)
	p.run(7, 0, RequestID{}, "SET", "k", "v")
	c.settle()
	c.commit(ring.SetSlots{Slots: one(7), From: p.id, Primary: r.id})
	c.adopt(r)
	lost, kept := p.run(7, 0, RequestID{}, "SET", "k", "lost"), p.run(8, 0, RequestID{}, "SET", "k", "kept")
	r.run(7, 0, RequestID{}, "SET", "k", "new")
	c.settle()
	if text := r.ks.text(7); text != "0 k=new\n" {
		t.Errorf("the new primary has %q", text)
	}
	if released(lost) || released(kept) {
		t.Error("the old primary's replies leave, though it goes by an old map")
	}
	c.adopt(p)
	c.settle()
	if c.equal(8, p, r); !released(kept) {
		t.Error("replies of other slots are held for good")
	}
	if l.s.State().Slots != 1 {
		t.Errorf("state %+v", l.s.State())
	}
}

// A frame that goes by a newer map waits for it.
func TestReplicaWaitsForItsMap(t *testing.T) {
	c, p, r, l := pair(t, 7)
	c.commit(ring.SetSlots{Slots: one(9), Primary: p.id, Add: []ring.NodeID{r.id}})
	c.adopt(p)
	c.settle()
	waits := p.run(7, 0, RequestID{}, "SET", "k", "v")
	c.settle()
	if !l.r.Waiting() || released(waits) {
		t.Fatal("it does not wait for its map")
	}
	c.adopt(r)
	c.settle()
	if l.r.Waiting() || !released(waits) {
		t.Fatal("it does not go on")
	}
	c.equal(9, p, r)
}

func TestSilence(t *testing.T) {
	c, p, r, l := pair(t, 7)
	waits := p.run(7, 0, RequestID{}, "SET", "k", "v")
	c.pass(testTimeout * (silentAfter - 1) / 8)
	if _, behind, _ := l.s.Report(); behind != nil || l.s.Broken() != nil {
		t.Fatal("silent before its time")
	}
	c.pass(testTimeout / 5)
	if _, behind, _ := l.s.Report(); !behind.Has(7) || l.s.Broken() != ErrSilent || released(waits) || !l.s.State().Behind {
		t.Fatal("silence is not noticed, or replies leave")
	}
	c.settle() // a new connection, and the stream goes on
	if _, behind, _ := l.s.Report(); behind != nil || !released(waits) {
		t.Fatal("it does not recover")
	}
	c.equal(7, p, r)

	// Pings keep an idle stream heard.
	for range 30 {
		c.pass(testTimeout / 10)
		c.settle()
	}
	if l.s.Broken() != nil {
		t.Fatal("an idle stream is taken for silent")
	}
	// A primary that stood still itself gives the replica time to be heard.
	c.now += 10 * testTimeout
	if l.s.Tick(c.now); l.s.Broken() != nil {
		t.Fatal("the replica is blamed for a pause of the primary")
	}
	c.cut(l, true)
	if _, behind, _ := l.s.Report(); !behind.Has(7) {
		t.Fatal("a refused connection is not reported at once")
	}
}

// A long frame that is under way keeps its stream heard.
func TestLongFrame(t *testing.T) {
	c, p, r, l := pair(t, 7)
	value := strings.Repeat("v", 3<<20) // longer than the buffer
	waits := p.run(7, 0, RequestID{}, "SET", "k", value)
	for range 40 {
		c.pass(testTimeout / 10)
		c.take(l, 1<<20)
		c.deliver(l, 50<<10)
		c.back(l, 1000)
	}
	if l.s.Broken() != nil || released(waits) || len(l.down) == 0 {
		t.Fatalf("a long frame breaks its stream: %v", l.s.Broken())
	}
	c.settle()
	c.equal(7, p, r)
}

// More than the buffer without acknowledgement: the replica is reported, the stream reset, and the slot synced.
func TestOverflow(t *testing.T) {
	c, p, r, l := pair(t, 7, 8)
	stream := l.s.mu.stream
	var waits map[*testLink]uint64
	end := uint64(0)
	for i := range 100 {
		waits = p.run(7, 0, RequestID{}, "SET", fmt.Sprint("k", i), strings.Repeat("v", 20<<10))
		if l.s.End() < end || len(waits) != 1 || released(waits) {
			t.Fatal("the offset goes back, or a reply leaves")
		}
		end = l.s.End()
	}
	if l.s.mu.buf.len() > p.buffer || l.s.Broken() != ErrOverflow || l.s.mu.stream == stream {
		t.Fatalf("%d bytes are kept; %v", l.s.mu.buf.len(), l.s.Broken())
	}
	if _, behind, _ := l.s.Report(); behind.Len() != 2 {
		t.Fatalf("reported behind: %v", behind.Ranges())
	}
	c.settle()
	synced, behind, number := l.s.Report()
	if synced != nil || !behind.Has(7) || behind.Has(8) || released(waits) {
		t.Fatal("after the reset: the slot that differs is not reported, or replies leave")
	}
	l.s.Heard(number)
	c.commit(ring.SetSlots{Slots: one(7), From: p.id, OutOfSync: []ring.NodeID{r.id}})
	c.adoptAll()
	c.settle()
	c.equal(7, p, r)
	c.equal(8, p, r)
	if !released(waits) {
		t.Fatal("replies are held for good")
	}
}

// A second connection of the same primary takes over, whichever hello is read first.
func TestSecondConnection(t *testing.T) {
	c, p, r, l := pair(t, 7)
	p.run(7, 0, RequestID{}, "SET", "k", "v")
	c.take(l, 1<<20)
	old, under := l.r, l.down
	c.cut(l, false)
	c.settle()
	if _, _, err := old.Receive(under, nil, c.now); err != ErrReplaced {
		t.Errorf("the first connection: %v", err)
	}
	late := NewReceiver(ReceiverOptions{Self: r.id, Peer: p.id, Target: r.ks, Positions: r.pos, Received: r.recv})
	hello := appendFrame(nil, frameHello, version, 0, 1, 5, 0, 0, 1)
	if _, _, err := late.Receive(hello, nil, c.now); err != ErrReplaced {
		t.Errorf("a hello that comes late: %v", err)
	}
	p.run(7, 0, RequestID{}, "SET", "k", "w")
	c.settle()
	c.equal(7, p, r)
}

// An effect that the replica does not know, or that no frame carries, loses the slot there; it is synced.
func TestLostEffect(t *testing.T) {
	for _, effect := range [][][]byte{words("NEWER", "k"), make([][]byte, MaxArgs+1)} {
		c, p, r, l := pair(t, 7)
		p.run(7, 0, RequestID{}, "SET", "k", "v")
		p.pos.Next(7, p.m.Slots[7].Epoch)
		l.s.Append(7, AppendEffect(nil, 7, 0, effect, RequestID{}, nil))
		c.settle()
		if _, behind, _ := l.s.Report(); !behind.Has(7) || !r.pos.Get(7).Partial() {
			t.Fatal("a copy that lacks an effect is taken for whole")
		}
		c.commit(ring.SetSlots{Slots: one(7), From: p.id, OutOfSync: []ring.NodeID{r.id}})
		c.adoptAll()
		c.settle()
		c.equal(7, p, r)
	}
}

// A replica whose copy was cleared by its own node is not live any more, though its stream goes on.
func TestClearedCopy(t *testing.T) {
	c, p, r, l := pair(t, 7)
	p.run(7, 0, RequestID{}, "SET", "k", "v")
	c.settle()
	r.ks.Lock(7)
	r.ks.Clear(7)
	r.pos.Clear(7)
	r.ks.Unlock(7)
	waits := p.run(7, 0, RequestID{}, "RPUSH", "k", "w")
	c.settle()
	if _, behind, _ := l.s.Report(); !behind.Has(7) || released(waits) || r.ks.text(7) != "" {
		t.Fatal("effects go on to be applied to a cleared copy")
	}
}
