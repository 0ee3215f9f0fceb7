package replication

import (
	"testing"

	"ringcache/ring"
)

// A replica that is synced knows the proxied writes that its copy has, and no others.
func TestSyncBringsRequests(t *testing.T) {
	c, p, r, l := pair(t, 7)
	old := RequestID{1, 1, 1}
	r.req.Done(old, 7, []byte("+old")) // of a copy that is given up below
	c.cut(l, false)
	c.commit(ring.SetSlots{Slots: one(7), From: p.id, OutOfSync: []ring.NodeID{r.id}})
	c.adoptAll()
	r.pos.Set(7, Position{1, 1})
	l.s.mu.stream++ // so that the slot is compared anew
	done := RequestID{2, 5, 5}
	p.run(7, 0, done, "SET", "k", "v")
	c.settle()
	c.equal(7, p, r)
	if reply, a := r.req.Reply(done, 7); a != Applied || string(reply) != "+v" {
		t.Errorf("the write before the sync: %q, %v", reply, a)
	}
	if reply, a := r.req.Reply(old, 7); a == Applied {
		t.Errorf("a write that the copy does not have: %q", reply)
	}
}

// A new primary releases nothing, not even a read, before it knows its replica to be equal: it may have what the replica lacks.
func TestNewPrimaryHoldsReads(t *testing.T) {
	c, p, r, _ := pair(t, 7)
	p.run(7, 0, RequestID{}, "SET", "k", "v")
	c.settle()
	c.commit(ring.SetSlots{Slots: one(7), From: p.id, Primary: r.id, Add: []ring.NodeID{p.id}, InSync: []ring.NodeID{p.id}})
	c.adopt(r)
	read := r.waits(7)
	if len(read) != 1 || released(read) {
		t.Fatal("a read leaves at once")
	}
	c.adopt(p)
	if c.settle(); !released(read) {
		t.Fatal("a read is held for good")
	}
}

// When the map knows a later start of the replica than the stream does, nothing of the stream may be claimed.
func TestRestartedReplica(t *testing.T) {
	c, p, r, l := pair(t, 7)
	p.run(7, 0, RequestID{}, "SET", "k", "v")
	c.settle()
	c.commit(
		ring.UpdateNode{ID: r.id, Addr: "127.0.0.1:7000", Bus: "127.0.0.1:17000", Incarnation: 2},
		ring.SetSlots{Slots: one(7), From: p.id, OutOfSync: []ring.NodeID{r.id}},
	)
	c.adopt(p)
	if synced, _, _ := l.s.Report(); synced != nil || l.s.Waits(7) || l.s.Broken() != ErrReplaced {
		t.Fatalf("a process that is gone is claimed; %v", l.s.Broken())
	}
	c.cut(l, false)
	c.stop(r)
	c.start(r)
	c.adoptAll()
	c.settle()
	c.equal(7, p, r)
	if synced, _, _ := l.s.Report(); !synced.Has(7) || l.s.State().Incarnation != 2 {
		t.Fatal("the new process is not claimed")
	}
}

// A primary that starts anew, with a map of a time when the replica was not complete, must not sync it with the nothing that it has.
func TestRestartedPrimaryWithAnOldMap(t *testing.T) {
	c, p, r, _ := pair(t, 7)
	p.run(7, 0, RequestID{}, "SET", "k", "v")
	c.settle()
	now := c.m
	c.commit(ring.SetSlots{Slots: one(7), From: p.id, OutOfSync: []ring.NodeID{r.id}})
	old := c.m
	c.commit(ring.SetSlots{Slots: one(7), From: p.id, InSync: []ring.NodeID{r.id}})
	if c.adopt(r); c.m.Epoch <= now.Epoch {
		t.Fatal("the map has not moved on")
	}
	c.stop(p)
	newest := c.m
	c.start(p)
	c.m = old
	c.adopt(p)
	c.settle()
	if got := r.ks.at(7).dbs[0]["k"]; len(got) == 0 {
		t.Fatal("the replica has been emptied")
	}
	// The word of its end comes: the replica takes over, and has everything.
	c.m = newest
	c.commit(
		ring.UpdateNode{ID: p.id, Addr: "127.0.0.1:7000", Bus: "127.0.0.1:17000", Incarnation: 2},
		ring.SetSlots{Slots: one(7), From: p.id, Primary: r.id, Add: []ring.NodeID{p.id}},
	)
	c.adoptAll()
	c.settle()
	c.equal(7, r, p)
	if got := r.ks.at(7).dbs[0]["k"]; len(got) == 0 {
		t.Fatal("the write is lost")
	}
}

// What a replica said of an earlier attachment says nothing of a later one.
func TestOldWordIsNotBelieved(t *testing.T) {
	c, p, _, l := pair(t, 7)
	said := l.s.End()
	c.commit(ring.SetSlots{Slots: one(7), From: p.id, Drop: []ring.NodeID{nodeID(1)}})
	c.adoptAll()
	c.settle()
	c.commit(ring.SetSlots{Slots: one(7), From: p.id, Add: []ring.NodeID{nodeID(1)}})
	c.adoptAll()
	c.settle()
	if _, err := l.s.Receive(appendFrame(nil, frameUnequal, 0, 7, said), c.now); err != nil || l.s.State().Live != 1 {
		t.Fatalf("live %d, %v", l.s.State().Live, err)
	}
	if _, err := l.s.Receive(appendFrame(nil, frameUnequal, 0, 7, l.s.End()), c.now); err != nil || l.s.State().Live != 0 {
		t.Fatalf("live %d, %v", l.s.State().Live, err)
	}
}
