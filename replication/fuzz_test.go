package replication

import (
	"bytes"
	"slices"
	"testing"

	"ringcache/ring"
)

// fuzzMap has slots 0 to 9 at the first of two nodes, with a copy at the second.
func fuzzMap(t testing.TB) *ring.Map {
	m := ring.NewMap()
	for i := range 2 {
		next, err := m.Apply(ring.AddNode{Node: ring.Node{ID: nodeID(i), Addr: "127.0.0.1:7000", Incarnation: 1}})
		if err != nil {
			t.Fatal(err)
		}
		m = next
	}
	m, err := m.Apply(ring.SetSlots{Slots: []ring.SlotRange{{Start: 0, End: 9}}, Primary: nodeID(0), Add: []ring.NodeID{nodeID(1)}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// FuzzReceiver feeds a receiver with anything. It must not panic; frames torn at any place must do the same as whole ones; and what it
// answers must be frames.
func FuzzReceiver(f *testing.F) {
	hello := appendFrame(nil, frameHello, version, 0, 1, 5, 0, 0, 1)
	open := appendFrame(bytes.Clone(hello), frameStart, 0, 0, 5, 100)
	live := appendFrame(bytes.Clone(open), frameAttach, 0, 3, 3, 3, 0, 0)
	f.Add(live, 50)
	f.Add(AppendEffect(bytes.Clone(live), 3, 1, words("SET", "k", "v"), RequestID{1, 2, 1}, []byte("+OK")), 120)
	synced := appendFrame(appendFrame(bytes.Clone(open), frameAttach, 0, 3, 3, 3, 3, 9), frameSyncBegin, 0, 3)
	synced = appendRequest(appendHeader(synced, requestSize+2, frameRecord, 0, 3), RequestID{7, 7, 0})
	synced = append(synced, "ok"...)
	synced = AppendEffect(synced, 3, 0, words("RPUSH", "k", "v"), RequestID{}, nil)
	f.Add(appendFrame(synced, frameSyncEnd, 0, 3, 3, 9), 200)
	run := AppendEffect(AppendEffect(nil, 3, 0, words("SET", "a", "1"), RequestID{}, nil), 3, 0, words("DEL", "b"), RequestID{}, nil)
	Chain(run)
	f.Add(append(bytes.Clone(live), run...), 140)
	f.Add(appendFrame(appendFrame(appendFrame(bytes.Clone(live), frameTerm, 0, 3, 9), framePing, 0, 0, 7), frameDetach, 0, 3), 10)
	f.Add(appendFrame(bytes.Clone(open), frameAttach, 0, 3, 1<<40, 3, 0, 0), 10)
	f.Add(appendLost(bytes.Clone(live), 3), 10)
	f.Add(appendFrame(nil, frameAck, 0, 0, 1), 3)
	m := fuzzMap(f)
	f.Fuzz(func(t *testing.T, p []byte, at int) {
		run := func(parts ...[]byte) (string, bool) {
			ks, recv := newKeyspace(t), new(Received)
			recv.SetMap(m, nodeID(1))
			r := NewReceiver(ReceiverOptions{
				Self: nodeID(1), Peer: nodeID(0), Incarnation: 1, Target: ks, Positions: new(Positions), Requests: new(Requests), Received: recv,
			})
			var rest, out []byte
			var err error
			for _, part := range parts {
				if rest, out, err = r.Receive(slices.Concat(rest, part), out, 0); err != nil {
					break
				}
			}
			for left := out; len(left) > 0; {
				_, _, after, ok, err := cut(left, true)
				if err != nil || !ok {
					t.Fatalf("it answers no frames: %v", err)
				}
				left = after
			}
			text := ""
			for slot := range ks.slots {
				if ks.slots[slot] != nil {
					text += ks.text(uint16(slot))
				}
			}
			return text, err == nil
		}
		whole, ok := run(p)
		at = max(0, min(at, len(p)))
		if torn, tornOK := run(p[:at], p[at:]); torn != whole || tornOK != ok {
			t.Fatalf("torn at %d: %q, %v; whole: %q, %v", at, torn, tornOK, whole, ok)
		}
	})
}

// FuzzSender feeds a sender with anything that a replica could send. It must not panic, nor release what was not sent.
func FuzzSender(f *testing.F) {
	welcome := appendFrame(nil, frameWelcome, version, 0, 1, 0, 0)
	f.Add(welcome)
	f.Add(appendFrame(bytes.Clone(welcome), frameAck, 0, 0, 40))
	f.Add(appendFrame(appendFrame(bytes.Clone(welcome), frameUnequal, 0, 3, 80), frameAck, 0, 0, 400))
	f.Add(appendFrame(bytes.Clone(welcome), frameAck, 0, 0, 1<<60))
	f.Add(appendFrame(nil, frameHello, version, 0, 1, 5, 0, 0, 1))
	m := fuzzMap(f)
	f.Fuzz(func(t *testing.T, p []byte) {
		ks := newKeyspace(t)
		s := NewSender(SenderOptions{
			Self: nodeID(0), Peer: nodeID(1), Incarnation: 1, Buffer: 1 << 16, NodeTimeout: testTimeout, Source: ks, Positions: new(Positions),
		})
		s.SetMap(m)
		s.Open(0)
		var rest, out []byte
		var err error
		for len(p) > 0 && err == nil {
			n := min(len(p), headerSize+24)
			rest, err = s.Receive(slices.Concat(rest, p[:n]), 0)
			p = p[n:]
			s.Sync(0, 1<<16)
			out = s.Take(out[:0], 1<<16)
			if s.Acked() > s.End() && s.State().Required > 0 {
				t.Fatalf("acknowledged up to %d of %d", s.Acked(), s.End())
			}
		}
		s.Report()
		s.Heard(1)
		s.Tick(testTimeout)
		s.Closed(testTimeout, false)
	})
}

// FuzzEffect reads payloads of effects: what can be read is written as the same.
func FuzzEffect(f *testing.F) {
	for _, id := range []RequestID{{}, {1, 2, 3}} {
		e := AppendEffect(nil, 3, 4, words("SET", "key", string(make([]byte, 300))), id, []byte("+OK"))
		f.Add(e[5], e[headerSize:])
	}
	f.Add(uint8(0), []byte{0})
	f.Add(uint8(0), []byte{1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1})
	f.Fuzz(func(t *testing.T, info uint8, body []byte) {
		e, err := parseEffect(header{uint32(len(body)), frameEffect, info, 3}, body, nil)
		if err != nil {
			return
		}
		again := AppendEffect(nil, 3, int(info&infoDB), e.args, e.id, e.reply)
		h, b, rest, ok, err := cut(again, false)
		if err != nil || !ok || len(rest) > 0 {
			t.Fatalf("its frame is wrong: %v", err)
		}
		e2, err := parseEffect(h, b, nil)
		if err != nil || e2.id != e.id || !bytes.Equal(e2.reply, e.reply) || !slices.EqualFunc(e2.args, e.args, bytes.Equal) {
			t.Fatalf("%v, %v", e2, err)
		}
	})
}
