package server

import (
	"math/rand/v2"
	"slices"
	"testing"

	"ringcache/internal/bus"
	"ringcache/replication"
)

// origin plays a node whose writes have ids.
type testOrigin struct {
	*peerLink
	conn uint16
	next uint32
}

// call sends a request with an id, and answers the reply.
func (o *testOrigin) call(number, low uint64, flags uint8, line string) string {
	o.tb.Helper()
	o.next++
	o.numbered(bus.Header{ID: o.next, Hops: 1, Epoch: 1, Conn: o.conn, Flags: flags}, bus.RequestID{Origin: 7, Number: number, Low: low}, cmd(line))
	id, reply := o.answered()
	if id != o.next {
		o.tb.Errorf("reply %d to request %d", id, o.next)
	}
	return reply
}

// numbered sends a request with an id.
func (p *peerLink) numbered(h bus.Header, id bus.RequestID, raw string) {
	p.tb.Helper()
	h.Flags |= bus.FlagNumbered
	p.ask(h, string(bus.AppendRequestID(nil, id))+raw)
}

// TestAppliedOnce plays a node that sends its writes again.
func TestAppliedOnce(t *testing.T) {
	nodes := startSome(t, 2, 1, 1, testSettings)
	nd := nodes[0]
	o := &testOrigin{peerLink: nodes[1].dialAs(t, nd), conn: 1}
	a, b, c := keyOn(0, 2, "a"), keyOn(0, 2, "b"), keyOn(0, 2, "c")
	want := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	want(o.call(1, 1, 0, "INCR "+a), ":1\r\n")
	want(o.call(1, 1, bus.FlagRepeat, "INCR "+a), ":1\r\n")
	want(o.call(2, 1, 0, "INCR "+a), ":2\r\n")
	want(o.call(3, 1, bus.FlagRepeat, "INCR "+a), ":3\r\n") // it had not come before
	want(o.call(3, 1, bus.FlagRepeat, "INCR "+a), ":3\r\n")
	want(o.call(1, 1, bus.FlagRepeat, "INCR "+a), ":1\r\n")

	// What changes nothing is no matter: it may be run again.
	want(o.call(4, 1, 0, "SET "+a+" v NX"), "$-1\r\n")
	want(o.call(4, 1, bus.FlagRepeat, "SET "+a+" v NX"), "$-1\r\n")

	// Several slots: the one that it was done in, as a replica knows it that has lost its primary in between, is left out.
	nd.copies.requests.Done(replication.RequestID{Origin: 7, Number: 5, Low: 1}, slotOf(b), []byte("+OK\r\n"))
	want(o.call(5, 1, bus.FlagRepeat, "MSET "+b+" 1 "+c+" 2"), "+OK\r\n")
	want(o.call(6, 1, 0, "GET "+b), "$-1\r\n")
	want(o.call(6, 1, 0, "GET "+c), "$1\r\n2\r\n")
	want(o.call(5, 1, bus.FlagRepeat, "MSET "+b+" 3 "+c+" 3"), "+OK\r\n")
	want(o.call(6, 1, 0, "GET "+c), "$1\r\n2\r\n")

	// Sums are known for each slot.
	want(o.call(7, 1, 0, "DEL "+a+" "+b+" "+c), ":2\r\n")
	want(o.call(7, 1, bus.FlagRepeat, "DEL "+a+" "+b+" "+c), ":2\r\n")
	nd.copies.requests.Done(replication.RequestID{Origin: 7, Number: 8, Low: 1}, slotOf(a), []byte(":1\r\n"))
	want(o.call(9, 1, 0, "MSET "+a+" 1 "+b+" 1"), "+OK\r\n")
	want(o.call(8, 1, bus.FlagRepeat, "DEL "+a+" "+b), ":2\r\n")
	want(o.call(10, 1, 0, "EXISTS "+a+" "+b), ":1\r\n")

	// A reply that was too long to be kept.
	nd.copies.requests.Done(replication.RequestID{Origin: 7, Number: 11, Low: 1}, slotOf(a), nil)
	want(o.call(11, 1, bus.FlagRepeat, "INCR "+a), "-"+errLostReply+"\r\n")

	// Answered long ago: only an old copy of it can still come.
	want(o.call(12, 12, 0, "INCR "+a), ":2\r\n")
	want(o.call(3, 3, bus.FlagRepeat, "INCR "+a), "-"+errOldCopy+"\r\n")

	// Served after it had waited, and asked again.
	w := nd.client(t)
	o.next++
	o.numbered(bus.Header{ID: o.next, Hops: 1, Epoch: 1, Conn: 1}, bus.RequestID{Origin: 9, Number: 1, Low: 1}, cmd("TAKE "+c+" 0"))
	waitWaiters(t, nd, 1)
	w.want("SET "+c+" served", "+OK|")
	_, first := o.answered()
	o.next++
	o.numbered(bus.Header{ID: o.next, Hops: 1, Epoch: 1, Conn: 1, Flags: bus.FlagRepeat}, bus.RequestID{Origin: 9, Number: 1, Low: 1}, cmd("TAKE "+c+" 0"))
	_, second := o.answered()
	want(second, first)
	w.want("SET "+c+" kept", "+OK|")
	w.want("GET "+c, "$4|kept|")

	// A newer connection: what is still read from the old one was sent again.
	newer := &testOrigin{peerLink: nodes[1].dialAs(t, nd), conn: 2}
	want(newer.call(20, 20, 0, "INCR "+a), ":3\r\n")
	o.next++
	o.numbered(bus.Header{ID: o.next, Hops: 1, Epoch: 1, Conn: 1}, bus.RequestID{Origin: 7, Number: 21, Low: 20}, cmd("INCR "+a))
	if _, _, err := o.tryRequest(); err == nil {
		t.Error("an old connection was answered")
	}
	older := nodes[1].dialAs(t, nd)
	older.numbered(bus.Header{ID: 1, Hops: 1, Epoch: 1, Conn: 1}, bus.RequestID{Origin: 7, Number: 22, Low: 20}, cmd("INCR "+a))
	if _, _, err := older.tryRequest(); err == nil {
		t.Error("a connection older than one that was there before was answered")
	}
	want(newer.call(23, 20, 0, "GET "+a), "$1\r\n3\r\n")
}

// TestNumbering compares the bitmap of what is open with a set.
func TestNumbering(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	n := numbering{origin: 7}
	var open []uint64
	last := uint64(0)
	for step := range 20_000 {
		if len(open) == 0 || rnd.IntN(1000) < 480+40*(step/1000%2) {
			id := n.id()
			if id.Origin != 7 || id.Number <= last {
				t.Fatalf("step %d: id %v after %d", step, id, last)
			}
			last = id.Number
			open = append(open, id.Number)
			if id.Low != open[0] {
				t.Fatalf("step %d: the lowest is %d, not %d", step, id.Low, open[0])
			}
		} else {
			i := rnd.IntN(len(open))
			n.done(open[i])
			n.done(open[i]) // once is as good as twice
			open = slices.Delete(open, i, i+1)
			want := last + 1
			if len(open) > 0 {
				want = open[0]
			}
			if n.low() != want {
				t.Fatalf("step %d: the lowest is %d, not %d", step, n.low(), want)
			}
		}
	}
	n.done(0)
	n.done(1 << 60)
	if len(n.open) > int(last-n.low())/64+2 {
		t.Errorf("%d words for %d numbers", len(n.open), last-n.low())
	}

	// One that is never over is given up.
	m := numbering{origin: 7}
	first := m.id()
	for range maxOpenNumbers + 64 {
		m.done(m.id().Number)
	}
	if m.low() <= first.Number || len(m.open) > maxOpenNumbers/64+2 {
		t.Errorf("the lowest is %d, of %d words", m.low(), len(m.open))
	}
}
