package replication

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"ringcache/ring"
)

// While a slot is walked, effects must not read other keys, nor leave keys that are gone, nor move keys past the walk. The package comment
// says why; here is what comes of it otherwise.
func TestEffectsWhileWalked(t *testing.T) {
	for _, test := range []struct {
		name    string
		careful bool
		run     func(p *testNode, first, last string)
	}{
		{"rename of a key that the walk has not reached", true, func(p *testNode, first, last string) {
			p.run(7, 0, RequestID{}, "DEL", first)
			p.run(7, 0, RequestID{}, "RENAME", last, first)
		}},
		{"a key that goes with an element which the replica lacks", true, func(p *testNode, _, last string) {
			p.run(7, 0, RequestID{}, "RPUSH", last, "x")
			p.run(7, 0, RequestID{}, "LTRIM", last, "1")
			p.run(7, 0, RequestID{}, "LREM", last, "v")
		}},
		{"databases exchanged", true, func(p *testNode, first, last string) {
			p.run(7, 1, RequestID{}, "SET", first, "other")
			p.run(7, 0, RequestID{}, "SWAPDB", "0", "1")
		}},
		{"all flushed", false, func(p *testNode, _, last string) {
			p.run(7, 0, RequestID{}, "FLUSHALL")
			p.run(7, 0, RequestID{}, "SET", last, "new")
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, p, r, l := pair(t, 7)
			c.commit(ring.SetSlots{Slots: one(7), From: p.id, OutOfSync: []ring.NodeID{r.id}})
			r.ks.Lock(7)
			r.ks.Clear(7)
			r.pos.Set(7, partial)
			r.ks.Unlock(7)
			for i := range 40 {
				p.run(7, 0, RequestID{}, "SET", fmt.Sprint("k", i), "v")
			}
			c.cut(l, false)
			l.s.mu.stream++ // so that the slot is compared anew
			c.adoptAll()
			c.dial(p, l)
			for !l.s.Syncing(7) {
				c.take(l, 1<<20)
				c.deliver(l, 1<<20)
				c.back(l, 1<<20)
				l.s.Sync(c.now, 1)
			}
			l.s.Sync(c.now, 100)
			first, last := "", ""
			for key := range p.ks.at(7).dbs[0] {
				if first == "" || place(0, key) < place(0, first) {
					first = key
				}
				if last == "" || place(0, key) > place(0, last) {
					last = key
				}
			}
			if cursor := l.s.slots.at(7).cursor; !l.s.Syncing(7) || cursor <= place(0, first) || cursor > place(0, last) {
				t.Fatalf("the walk is at %d, and should be between two keys", cursor)
			}
			test.run(p, first, last)
			c.settle()
			c.equal(7, p, r)
		})
	}
}

func TestBuffer(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	var b buffer
	var want []byte // from base on
	for step := range 3000 {
		switch p := make([]byte, r.IntN(r.IntN(3*chunkSize)+1)); r.IntN(4) {
		case 0, 1:
			for i := range p {
				p[i] = byte(r.Uint32())
			}
			if len(want) < 10*chunkSize {
				b.append(p)
				want = append(want, p...)
			}
		case 2:
			n := r.IntN(len(want) + 1)
			if r.IntN(5) == 0 {
				n = len(want)
			}
			b.release(b.base + uint64(n))
			want = want[n:]
		case 3:
			b.shrink()
			from := r.IntN(len(want) + 1)
			n := r.IntN(len(want) + 1)
			if got := b.copy(nil, b.base+uint64(from), n); !bytes.Equal(got, want[from:min(from+n, len(want))]) {
				t.Fatalf("seed %d, step %d: other bytes", seed, step)
			}
		}
		if b.len() != len(want) || len(b.list)-b.head > len(want)/chunkSize+2 {
			t.Fatalf("seed %d, step %d: %d bytes in %d chunks, not %d", seed, step, b.len(), len(b.list)-b.head, len(want))
		}
	}
	b.reset()
	if b.list != nil || b.base != b.end {
		t.Error("a reset keeps something")
	}
}

func TestRequests(t *testing.T) {
	var q Requests
	id := func(origin, number, low uint64) RequestID { return RequestID{origin, number, low} }
	check := func(id RequestID, slot uint16, want string, known bool) {
		t.Helper()
		if reply, a := q.Reply(id, slot); (a == Applied) != known || string(reply) != want {
			t.Errorf("%v, slot %d: %.20q, %v", id, slot, reply, a)
		}
	}
	long := bytes.Repeat([]byte("x"), 100)
	q.Done(id(1, 1, 1), 5, []byte("+OK"))
	q.Done(id(1, 2, 1), 5, long)
	q.Done(id(1, 2, 1), 6, []byte(":6"))
	q.Done(id(1, 3, 1), 5, make([]byte, MaxReply+1))
	q.Done(RequestID{}, 5, []byte("none"))
	check(id(1, 1, 1), 5, "+OK", true)
	check(id(1, 2, 1), 5, string(long), true)
	check(id(1, 2, 1), 6, ":6", true)
	check(id(1, 3, 1), 5, "", true) // done; what was replied is not kept
	check(id(1, 1, 1), 6, "", false)
	check(id(2, 1, 1), 5, "", false)
	check(RequestID{}, 5, "", false)

	q.Done(id(1, 4, 3), 5, []byte("+4"))
	check(id(1, 2, 1), 5, "", false)
	check(id(1, 3, 1), 5, "", true)
	for number, want := range map[uint64]Answered{2: Settled, 3: Applied, 5: Unknown} {
		if _, a := q.Reply(id(1, number, 1), 5); a != want {
			t.Errorf("request %d is %d, not %d", number, a, want)
		}
	}
	if frames := q.appendRecords(nil, 5); len(frames) != 2*(headerSize+requestSize)+2 {
		t.Errorf("%d bytes of records", len(frames))
	}
	q.Forget(5)
	check(id(1, 4, 3), 5, "", false)
	if frames := q.appendRecords(nil, 5); frames != nil {
		t.Error("records of a copy that is gone")
	}

	// The bounds: of writes and of bytes of one origin, and of origins.
	for n := range uint64(maxRecords + 10) {
		q.Done(id(1, 100+n, 1), 5, []byte("+OK"))
	}
	check(id(1, 109, 1), 5, "", false)
	check(id(1, 110, 1), 5, "+OK", true)
	for n := range uint64(maxRecordBytes/MaxReply + 1) {
		q.Done(id(3, n, 0), 5, make([]byte, MaxReply))
	}
	check(id(3, 0, 0), 5, "", false)
	if _, a := q.Reply(id(3, 1, 0), 5); a != Applied {
		t.Error("more is forgotten than must be")
	}
	for n := range uint64(maxOrigins) {
		q.Done(id(17+16*(n+1), 1, 1), 5, []byte("+OK"))
	}
	check(id(1, 110, 1), 5, "", false) // the quietest of its shard
	check(id(17+16*maxOrigins, 1, 1), 5, "+OK", true)
	var none *Requests
	none.Done(id(1, 1, 1), 1, nil)
	if _, a := none.Reply(id(1, 1, 1), 1); a == Applied || none.appendRecords(nil, 1) != nil {
		t.Error("nothing remembers something")
	}
}

// An effect that gets its request at the end is as one that had it from the beginning.
func TestName(t *testing.T) {
	first := AppendEffect(nil, 7, 3, words("SET", "a", "1"), RequestID{}, nil)
	for _, reply := range []string{"", "+OK", strings.Repeat("r", 200), strings.Repeat("r", MaxReply+1)} {
		id := RequestID{5, 6, 7}
		got := AppendEffect(bytes.Clone(first), 7, 3, words("SET", "b", strings.Repeat("2", 300)), RequestID{}, nil)
		got = Name(got, len(first), id, []byte(reply))
		want := AppendEffect(bytes.Clone(first), 7, 3, words("SET", "b", strings.Repeat("2", 300)), id, []byte(reply))
		if !bytes.Equal(got, want) {
			t.Errorf("a reply of %d bytes: %d bytes, not %d", len(reply), len(got), len(want))
		}
	}
}

// A replica that was forced to be primary has what it has: from then on that is a position.
func TestForcedPrimary(t *testing.T) {
	c := newCluster(t, 2)
	p, r := c.nodes[0], c.nodes[1]
	p.ks.at(7).dbs[0] = map[string][]string{"k": {"half"}}
	p.pos.Set(7, partial)
	c.assign(7)
	c.commit(ring.SetSlots{Slots: one(7), From: p.id, OutOfSync: []ring.NodeID{r.id}})
	c.adoptAll()
	c.settle()
	c.equal(7, p, r)
	if at := p.pos.Get(7); at != (Position{c.m.Slots[7].Epoch, 1}) {
		t.Errorf("at %v", at)
	}
}

// Slots with the fewest copies are synced first.
func TestFewestCopiesFirst(t *testing.T) {
	c := newCluster(t, 3)
	c.assign(1, 2, 3)
	p, r, other := c.nodes[0], c.nodes[1], c.nodes[2]
	for slot := range uint16(4) {
		r.pos.Set(slot, Position{1, 1})
	}
	c.commit(
		ring.SetSlots{Slots: []ring.SlotRange{{Start: 1, End: 3}}, From: p.id, OutOfSync: []ring.NodeID{r.id}},
		ring.SetSlots{Slots: one(2), From: p.id, OutOfSync: []ring.NodeID{other.id}},
	)
	var order []uint16
	r.ks.cleared = func(slot uint16) { order = append(order, slot) }
	c.adoptAll()
	c.settle()
	if fmt.Sprint(order) != "[2 1 3]" {
		t.Errorf("synced in the order %v", order)
	}
}

func TestAliveWhileTorn(t *testing.T) {
	c, p, _, l := pair(t, 7)
	p.run(7, 0, RequestID{}, "SET", "k", strings.Repeat("v", 1000))
	c.take(l, 1<<20)
	c.deliver(l, 10)
	if c.now += aliveEvery - time.Millisecond; len(l.up) != 0 {
		t.Fatal("it acknowledges nothing at once")
	}
	c.deliver(l, 10)
	was := len(l.up)
	c.now += time.Millisecond
	if c.deliver(l, 10); was != 0 || len(l.up) != headerSize+8 {
		t.Fatalf("%d and %d bytes of acknowledgements", was, len(l.up))
	}
	if c.deliver(l, 0); len(l.up) != headerSize+8 {
		t.Fatal("it acknowledges without having read anything")
	}
}
