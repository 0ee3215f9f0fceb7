package server

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ringcache/internal/bus"
	"ringcache/ring"
)

// groupOf is the slots that WAIT asks about for a key.
func groupOf(key string) (slots []uint16) {
	first := slotOf(key) / groupSlots * groupSlots
	for s := first; s < first+groupSlots; s++ {
		slots = append(slots, s)
	}
	return slots
}

// copyGroups has all slots of the keys' groups copied by node `at`, whom f plays for every primary.
func copyGroups(t *testing.T, nodes []*testNode, at ring.Index, f map[int]*fakeFollower, keys ...string) {
	t.Helper()
	change(nodes, func(m *ring.Map) {
		for _, key := range keys {
			for _, slot := range groupOf(key) {
				e := &m.Slots[slot]
				if e.Primary == at {
					e.Primary = 0 // nobody copies from itself
				}
				e.Replicas[0], e.ReplicaCount, e.InSync = at, 1, 1
			}
		}
	})
	for i, nd := range nodes {
		if f[i] == nil {
			continue
		}
		for _, l := range nd.loops {
			onLoop(t, l, func() { l.followers[at] = f[i] })
		}
	}
}

func newFake(last, acked uint64) *fakeFollower {
	f := &fakeFollower{}
	f.last.Store(last)
	f.acked.Store(acked)
	f.waits.Store(true)
	return f
}

// primarySettings do not have replies wait: WAIT must.
func primarySettings() Settings {
	s := testSettings
	s.AcksPrimary = true
	return s
}

func TestWaitArguments(t *testing.T) {
	c := startNodes(t, 1, 1)[0].client(t)
	for line, want := range map[string]string{
		"WAIT a b":                     "-ERR value is not an integer or out of range|",
		"WAIT 1 a":                     "-ERR timeout is not an integer or out of range|",
		"WAIT 1 -1":                    "-ERR timeout is negative|",
		"WAIT 1":                       "-ERR wrong number of arguments for 'wait' command|",
		"WAIT 0 0":                     ":0|",
		"WAIT -1 0":                    ":0|",
		"WAITAOF 0 0 0":                "*2|:0|:0|",
		"WAITAOF 0 1 20":               "*2|:0|:0|",
		"WAITAOF 1 0 0":                "-ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.|",
		"WAITAOF 2 0 0":                "-ERR value is out of range, value must between 0 and 1|",
		"WAITAOF 0 -1 0":               "-ERR value is out of range, must be positive|",
		"WAITAOF 0 x 0":                "-ERR value is out of range, must be positive|",
		"WAITAOF 0 0 -1":               "-ERR timeout is negative|",
		"WAITAOF 0 0":                  "-ERR wrong number of arguments for 'waitaof' command|",
		"WAIT 3 30":                    ":0|",
		"WAIT 1 999999999999999999999": "-ERR timeout is not an integer or out of range|",
	} {
		c.want(line, want)
	}
}

// TestWait: it waits for the replicas of what was written, here and through another node, and for no more than that.
func TestWait(t *testing.T) {
	nodes := startSome(t, 3, 3, 2, primarySettings())
	near, far := keyOn(0, 3, "near"), keyOn(1, 3, "far")
	here, there := newFake(5, 5), newFake(7, 7)
	copyGroups(t, nodes, 2, map[int]*fakeFollower{0: here, 1: there}, near, far)
	c := nodes[0].client(t)
	c.want("WAIT 0 0", ":0|")
	c.want("SET "+near+" 1", "+OK|")
	c.want("WAIT 1 0", ":1|")

	here.last.Store(9) // the next write
	c.want("SET "+near+" 2", "+OK|")
	c.want("WAIT 1 30", ":0|")
	c.send(cmd("WAIT 1 0"), cmd("PING"))
	waitFor(t, "it to wait", func() bool { return nodes[0].sum(cBlocked) == 1 })
	here.last.Store(50) // others write on, and the replica is behind them
	here.acked.Store(9)
	c.wantReply(":1|")
	c.wantReply("+PONG|")
	here.acked.Store(50)

	// Both nodes must have what was written there.
	c.want("SET "+far+" 1", "+OK|")
	there.last.Store(20)
	c.want("SET "+far+" 2", "+OK|")
	c.want("WAIT 1 30", ":0|")
	there.acked.Store(20)
	c.want("WAIT 1 0", ":1|")
	there.waits.Store(false) // it has fallen behind, or is gone
	c.want("WAIT 1 30", ":0|")

	there.waits.Store(true)
	other := nodes[1].client(t) // who has written elsewhere only
	other.want("SET "+near+" 3", "+OK|")
	other.want("WAIT 1 0", ":1|")
}

// TestWaitIsExact: the time-out is kept, whatever else the loop does and whoever does not answer.
func TestWaitIsExact(t *testing.T) {
	nodes := startSome(t, 2, 1, 1, primarySettings())
	c := nodes[0].client(t)
	c.want("SET "+keyOn(0, 2, "k")+" v", "+OK|")
	for _, millis := range []int{1, 20, 150} {
		began := time.Now()
		c.want("WAIT 1 "+strconv.Itoa(millis), ":0|")
		if took := time.Since(began); took.Milliseconds() < int64(millis) {
			t.Errorf("WAIT of %d ms ended after %v", millis, took)
		}
	}
}

// TestWaitWithAPeerThatIsSilent: what a peer does not say counts as nothing, and holds up nobody.
func TestWaitWithAPeerThatIsSilent(t *testing.T) {
	nodes := startSome(t, 2, 1, 1, primarySettings())
	links := nodes[1].play(t)
	p := accept(t, links)
	waitFor(t, "the link to stand", func() bool { return nodes[0].peer(nodes[1].id).links.Load() == 1 })
	key := keyOn(1, 2, "k")
	c := nodes[0].client(t)
	c.send(cmd("SET " + key + " v"))
	p.answer(p.expect("SET "+key+" v").ID, "+OK\r\n")
	c.wantReply("+OK|")

	c.send(cmd("WAIT 1 20"))
	h, body := p.request()
	if h.Flags&bus.FlagPart == 0 || !strings.HasPrefix(body, "*3\r\n$4\r\nWAIT\r\n") {
		t.Fatalf("the peer got %q", body)
	}
	c.wantReply(":0|")
	p.answer(h.ID, "*2\r\n:1\r\n$0\r\n\r\n") // too late, and of no harm
	c.want("PING", "+PONG|")

	// Of this node nobody has copies: the least counts, not what the peer says.
	c.send(cmd("WAIT 1 5000"))
	for _, reply := range []string{"-ERR no\r\n", "*2\r\n:9\r\n$0\r\n\r\n", "*2\r\n:1\r\n$3\r\nabc\r\n", ":1\r\n"} {
		h, _ = p.request()
		p.answer(h.ID, reply)
	}
	other := nodes[0].client(t)
	id := strings.TrimSuffix(strings.TrimPrefix(c.id(t, other), ":"), "|")
	other.want("CLIENT UNBLOCK "+id+" ERROR", ":1|")
	c.wantReply("-" + errUnblocked + "|")

	c.send(cmd("WAIT 1 0"))
	other.waitBlocked(t, nodes[0], 1)
	other.want("CLIENT UNBLOCK "+id+" TIMEOUT", ":1|")
	c.wantReply(":0|")
	c.send(cmd("WAIT 1 0"))
	other.waitBlocked(t, nodes[0], 1)
	c.nc.Close()
	other.waitBlocked(t, nodes[0], 0)
}

// TestWaitWhenAPeerDies: a primary that goes while it is asked counts as nothing, and is asked again where it is back.
func TestWaitWhenAPeerDies(t *testing.T) {
	nodes := startSome(t, 2, 1, 1, primarySettings())
	links := nodes[1].play(t)
	p := accept(t, links)
	waitFor(t, "the link to stand", func() bool { return nodes[0].peer(nodes[1].id).links.Load() == 1 })
	change(nodes, func(m *ring.Map) { // this node is primary of nothing, and does not count
		for slot := range m.Slots {
			m.Slots[slot].Primary = 1
		}
	})
	key := keyOn(1, 2, "k")
	c := nodes[0].client(t)
	c.send(cmd("SET " + key + " v"))
	p.answer(p.expect("SET "+key+" v").ID, "+OK\r\n")
	c.wantReply("+OK|")
	c.send(cmd("WAIT 2 100"))
	p.request()
	p.nc.Close()
	c.wantReply(":0|")

	c.send(cmd("WAIT 2 0"))
	p = accept(t, links)
	h, _ := p.request()
	p.answer(h.ID, "*2\r\n:1\r\n$0\r\n\r\n")
	h, _ = p.request()
	p.answer(h.ID, "*2\r\n:2\r\n$0\r\n\r\n")
	c.wantReply(":2|")
}

// id finds the id of the only other client, which waits.
func (c *tclient) id(t *testing.T, other *tclient) string {
	t.Helper()
	for _, line := range strings.Split(other.do("CLIENT LIST"), "\n") {
		if strings.Contains(line, "cmd=wait ") {
			_, rest, _ := strings.Cut(line, "id=")
			id, _, _ := strings.Cut(rest, " ")
			return id
		}
	}
	t.Fatal("nobody waits")
	return ""
}

func (c *tclient) waitBlocked(t *testing.T, nd *testNode, n int64) {
	t.Helper()
	waitFor(t, "clients to wait or not", func() bool { return nd.sum(cBlocked) == n })
}

// TestAskedAboutReplicas: what a node answers to others, by what map and lease it has; and what is no question ends the link.
func TestAskedAboutReplicas(t *testing.T) {
	nodes := startSome(t, 2, 1, 1, primarySettings())
	key := keyOn(0, 2, "k")
	f := newFake(9, 5)
	copyGroups(t, nodes, 1, map[int]*fakeFollower{0: f}, key)
	p := nodes[1].dialAs(t, nodes[0])
	var g slotGroups
	g.add(slotOf(key))
	ask := func(epoch uint64, ends []byte) string {
		t.Helper()
		p.ask(bus.Header{ID: 1, Flags: bus.FlagPart, Epoch: epoch, Hops: 1}, encode("WAIT", string(g.encode()), string(ends)))
		_, reply := p.answered()
		return reply
	}
	now := nodes[0].Map().Epoch
	n, ends, err := parseAcked([]byte(ask(now, nil)))
	if end, ok := endOf(ends, nodes[1].id); n != 0 || err != nil || !ok || end != 9 {
		t.Errorf("%d, %v, ends %q", n, err, ends)
	}
	behind := binary.LittleEndian.AppendUint64([]byte(nodes[1].id), 5)
	for _, test := range []struct {
		what  string
		epoch uint64
		ends  []byte
		want  int64
	}{{"up to what it has", now, behind, 1}, {"by another map", now - 1, behind, 0}, {"by a newer map", now + 1, behind, 0}} {
		if n, _, err := parseAcked([]byte(ask(test.epoch, test.ends))); n != test.want || err != nil {
			t.Errorf("%s: %d, %v, want %d", test.what, n, err, test.want)
		}
	}
	nodes[0].setLease(0)
	if n, _, err := parseAcked([]byte(ask(now, behind))); n != 0 || err != nil {
		t.Errorf("without a lease: %d, %v", n, err)
	}
	for _, bad := range [][]string{{"WAIT", "x", ""}, {"WAIT", string(g.encode()), "x"}, {"WAIT", string(g.encode())}} {
		p := nodes[1].dialAs(t, nodes[0])
		p.ask(bus.Header{ID: 1, Flags: bus.FlagPart, Epoch: now, Hops: 1}, encode(bad...))
		if _, _, err := p.tryRequest(); err == nil {
			t.Errorf("%q was answered", bad)
		}
	}
}

func TestSlotGroups(t *testing.T) {
	var g, back slotGroups
	if !g.empty() {
		t.Error("not empty")
	}
	for _, slot := range []uint16{0, 63, 64, 4096, 16383} {
		g.add(slot)
	}
	var got []uint16
	for slot := range g.slots {
		got = append(got, slot)
	}
	var want []uint16
	for _, first := range []uint16{0, 64, 4096, 16320} {
		for i := range uint16(groupSlots) {
			want = append(want, first+i)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("slots %d, want %d", got, want)
	}
	for slot := range g.slots {
		if slot == 70 {
			break
		}
	}
	if !back.decode(g.encode()) || back != g {
		t.Errorf("%x came back as %x", g, back)
	}
	back.fill()
	n := 0
	for range back.slots {
		n++
	}
	if n != ring.Slots || back.decode(g.encode()[1:]) {
		t.Errorf("%d slots when filled, or a short encoding was taken", n)
	}
}

func FuzzAcked(f *testing.F) {
	f.Add([]byte("*2\r\n:1\r\n$0\r\n\r\n"))
	f.Add([]byte("*2\r\n:0\r\n$48\r\n" + strings.Repeat("a", 48) + "\r\n"))
	f.Add([]byte("-ERR no\r\n"))
	f.Add([]byte("*2\r\n:\r\n$-1\r\n"))
	f.Fuzz(func(t *testing.T, reply []byte) {
		n, ends, err := parseAcked(reply)
		if err != nil {
			return
		}
		if n < 0 || n > ring.MaxReplicas || len(ends)%endBytes != 0 {
			t.Errorf("%d, %d bytes", n, len(ends))
		}
		endOf(ends, ring.NodeID(strings.Repeat("a", 40)))
	})
}
