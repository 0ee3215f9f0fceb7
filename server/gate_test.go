package server

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ringcache/ring"
)

// fakeFollower is a replica that acknowledges what the test says.
type fakeFollower struct {
	last, acked atomic.Uint64
	waits       atomic.Bool
}

func (f *fakeFollower) Last(uint16) uint64 { return f.last.Load() }
func (f *fakeFollower) End() uint64        { return f.last.Load() }
func (f *fakeFollower) Acked() uint64      { return f.acked.Load() }
func (f *fakeFollower) Waits(uint16) bool  { return f.waits.Load() }
func (f *fakeFollower) Live(uint16) bool   { return f.waits.Load() }

// withFollower has node 0 follow a map in which one of its slots has a copy at node 1, which f plays.
func withFollower(t *testing.T, nodes []*testNode, slot uint16) *fakeFollower {
	t.Helper()
	m := change(nodes, func(m *ring.Map) {
		e := &m.Slots[slot]
		e.Replicas[0], e.ReplicaCount, e.InSync = 1, 1, 1
	})
	f := &fakeFollower{}
	f.last.Store(5)
	f.acked.Store(5)
	f.waits.Store(true)
	for _, l := range nodes[0].loops {
		done := make(chan struct{})
		nodes[0].post(l, func() {
			if l.m != m {
				t.Error("the loop goes by another map")
			}
			l.followers[1] = f
			close(done)
		})
		<-done
	}
	return f
}

// silent reports that nothing comes for a while.
func (c *tclient) silent() bool {
	c.nc.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	_, err := c.rd.Peek(1)
	return err != nil
}

// owned finds keys of node 0 in different slots.
func owned(n int) (keys []string) {
	for i := 0; len(keys) < n; i++ {
		if key := "g" + strings.Repeat("x", i); slotOf(key)%2 == 0 {
			keys = append(keys, key)
		}
	}
	return keys
}

// TestGate: replies about a slot wait for its replica, and what the same client asks later waits behind them; nobody else does.
func TestGate(t *testing.T) {
	nodes := startNodes(t, 2, 1)
	keys := owned(2)
	key, other := keys[0], keys[1]
	f := withFollower(t, nodes, slotOf(key))
	direct, far, bystander := nodes[0].client(t), nodes[1].client(t), nodes[1].client(t)
	want := func(c *tclient, want string) {
		t.Helper()
		if got := c.reply(); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	direct.send(cmd("SET " + key + " a"))
	want(direct, "+OK|") // it has everything

	f.last.Store(10)
	direct.send(cmd("SET "+key+" b"), cmd("PING"), cmd("GET "+other))
	far.send(cmd("GET "+key), cmd("GET "+other))
	if !direct.silent() || !far.silent() {
		t.Fatal("a reply did not wait for the replica")
	}
	bystander.send(cmd("SET "+other+" c"), cmd("GET "+other))
	want(bystander, "+OK|")
	want(bystander, "$1|c|")
	f.acked.Store(9)
	nodes[0].wakeAll()
	if !direct.silent() || !far.silent() {
		t.Fatal("a reply did not wait for all that the replica lacks")
	}
	f.acked.Store(10)
	nodes[0].wakeAll()
	want(direct, "+OK|")
	want(direct, "+PONG|")
	want(direct, "$-1|")
	want(far, "$1|b|")
	if got := far.reply(); got != "$-1|" && got != "$1|c|" {
		t.Fatalf("got %q", got)
	}

	// Out of sync, by a map in which this node is primary still: nobody waits any more.
	f.last.Store(20)
	direct.send(cmd("GET " + key))
	if !direct.silent() {
		t.Fatal("a read did not wait")
	}
	f.waits.Store(false)
	nodes[0].wakeAll()
	want(direct, "$1|b|")
}

// TestGateIsForKeys: what says nothing of keys is answered while a replica is waited for, by whomever it is run; what may, waits.
func TestGateIsForKeys(t *testing.T) {
	nodes := startNodes(t, 2, 2)
	f := withFollower(t, nodes, slotOf(owned(1)[0]))
	f.last.Store(10)
	c := nodes[0].client(t)
	for _, line := range []string{"PING", "INFO", "ROLE", "CLUSTER INFO", "CLUSTER NODES", "CLUSTER STATUS", "CONFIG GET hz", "CLIENT LIST", "DEBUG SLEEP 0"} {
		if got := c.do(line); got == "" || got[0] == '-' {
			t.Errorf("%s: %q", line, got)
		}
	}
	for _, line := range []string{"DBSIZE", "KEYS *", "SCAN 0", "RANDOMKEY"} {
		asks := nodes[0].client(t)
		asks.send(cmd(line))
		if !asks.silent() {
			t.Errorf("%s did not wait", line)
		}
	}
}

// TestGateOfWhoIsDeposed: replies that waited when the slot went to another node are never given.
func TestGateOfWhoIsDeposed(t *testing.T) {
	nodes := startNodes(t, 2, 1)
	key := owned(1)[0]
	f := withFollower(t, nodes, slotOf(key))
	direct, far := nodes[0].client(t), nodes[1].client(t)
	f.last.Store(10)
	direct.send(cmd("SET " + key + " b"))
	far.send(cmd("SET " + key + " c"))
	if !direct.silent() || !far.silent() {
		t.Fatal("a reply did not wait for the replica")
	}
	f.waits.Store(false) // as the sender does when the slot is not this node's
	change(nodes, func(m *ring.Map) {
		e := &m.Slots[slotOf(key)]
		e.Primary, e.Epoch = 1, m.Epoch
		e.Replicas[0], e.ReplicaCount, e.InSync = ring.None, 0, 0
	})
	if got, err := direct.tryReply(); err == nil {
		t.Errorf("a client was told %q by who is no longer the primary", got)
	}
	// The peer has asked the new primary, which is itself.
	far.wantReply("+OK|")
	far.want("GET "+key, "$1|c|")
}
