package replication

import (
	"testing"
	"time"
)

// TestConfirmed: a replica knows since when its primary has certainly not sent more than it has, and takes nothing that it reads late for
// proof of it.
func TestConfirmed(t *testing.T) {
	c, p, r, l := pair(t, 7)
	number := r.pos.Following(7)
	if number == 0 {
		t.Fatal("a copy in sync follows no stream")
	}
	age := func() time.Duration {
		sender, at := r.recv.Confirmed(number)
		if sender != p.id {
			t.Fatalf("the stream of %s, want %s", sender, p.id)
		}
		return c.now - at
	}
	for range 30 {
		c.pass(testTimeout / 10)
		c.settle()
	}
	if got := age(); got > testTimeout*3/4 {
		t.Fatalf("on a stream that stands the proof is %v old", got)
	}
	for range 5 {
		p.run(7, 0, RequestID{}, "SET", "k", "v")
		c.settle()
	}
	if st := r.recv.States(); len(st) != 1 || !st[0].Open || st[0].Sender != p.id || st[0].Live != 1 || st[0].Slots != 1 || st[0].Offset != l.s.End() {
		t.Errorf("states %+v", st)
	}

	// The replica is stopped: what the primary sends lies unread, and what is read late proves nothing.
	_, before := r.recv.Confirmed(number)
	for range 6 {
		c.now += testTimeout / 10
		l.s.Tick(c.now)
		p.run(7, 0, RequestID{}, "SET", "k", "w")
		c.take(l, 1<<20)
	}
	stopped := c.now
	c.now += 3 * testTimeout
	c.deliver(l, len(l.down))
	if _, at := r.recv.Confirmed(number); at > stopped {
		t.Errorf("what was sent before %v proves the stream at %v", stopped, at)
	} else if at < before {
		t.Errorf("the proof of %v has become one of %v", before, at)
	}

	// The acknowledgements of a connection that was lost prove nothing on the next one.
	l.r.Closed()
	c.cut(l, false)
	if st := r.recv.States(); st[0].Open {
		t.Error("the connection is gone, and open")
	}
	_, at := r.recv.Confirmed(number)
	c.now += testTimeout
	c.dial(p, l)
	c.settle()
	if _, now := r.recv.Confirmed(number); now != at {
		t.Errorf("a connection that has just begun proves the stream at %v", now)
	}
	for range 10 {
		c.pass(testTimeout / 10)
		c.settle()
	}
	if got := age(); got > testTimeout*3/4 {
		t.Errorf("on the next stream the proof is %v old", got)
	}
	if _, at := r.recv.Confirmed(99); at != 0 {
		t.Error("of a stream that there never was")
	}
	r.pos.follow(7, partial, number)
	if r.pos.Following(7) != 0 {
		t.Error("a partial copy follows a stream as a whole one")
	}
}
