package server

import (
	"context"
	"sync/atomic"
	"time"

	"ringcache/ring"
)

// handoffs is this node's part in giving slots away. A slot whose map entry names a next primary is held by every loop until
// it is decided: released (it was empty; it is not served here again unless a later map takes the next primary back), or
// refused (keys had arrived meanwhile: it goes on being served). The decision is made once all loops run by that map, so
// none of them can write to a released slot.
type handoffs struct {
	state [ring.Slots]atomic.Uint32 // a decision
}

type decision = uint32

const (
	undecided decision = iota
	refused
	released
)

func (h *handoffs) refused(slot uint16) bool { return h.state[slot].Load() == refused }

// mapChanged follows the map; the cluster calls it in order, never concurrently, and off the loops. Maps may be skipped, so a
// handoff may have been called off and begun anew unseen, and the slot served meanwhile by loops that saw more: each is decided
// by each map in which it is open, whatever was decided before.
func (s *Server) mapChanged(m *ring.Map) {
	self := m.IndexOf(s.opt.Self.ID)
	var open []uint16
	for slot := range m.Slots {
		e := &m.Slots[slot]
		st := &s.handoff.state[slot]
		if self == ring.None || e.Primary != self || e.Next == ring.None {
			if st.Load() != undecided {
				st.Store(undecided)
			}
			continue
		}
		open = append(open, uint16(slot))
		st.Store(undecided)
	}
	s.barrier()
	s.copies.setMap(m)
	s.reroute()
	s.dropForeign(m, self)
	var busy []uint16
	gated := new(ring.SlotSet)
	if len(open) > 0 {
		gated = s.gatedSlots()
	}
	for _, slot := range open {
		st := &s.handoff.state[slot]
		switch e := &m.Slots[slot]; {
		case e.IsInSync(e.Next), gated.Has(slot) && s.opt.Keyspace.SlotKeys(slot) == 0:
			busy = append(busy, slot)
		case s.opt.Keyspace.SlotKeys(slot) == 0:
			st.Store(released)
			s.opt.Cluster.Released(slot, m.Epoch)
		default:
			st.Store(refused)
			s.opt.Cluster.Refused(slot, m.Epoch)
		}
	}
	if len(open) > 0 {
		s.wakeAll()
	}
	if len(busy) > 0 {
		s.wg.Go(func() { s.quiesce(m, busy) })
	}
}

// quietEvery is how often slots in handoff are looked at, until their replicas have acknowledged everything.
const quietEvery = time.Millisecond

// quiesce releases the slots, which nobody writes to any more, as their replicas have all that was written, and clients the replies: once
// another node is primary, a gate that still holds some would have to take the slot for lost. It ends with the map, whose successor
// says which handoffs are open.
func (s *Server) quiesce(m *ring.Map, slots []uint16) {
	tick := time.NewTicker(quietEvery)
	defer tick.Stop()
	for s.opt.Cluster.Map() == m {
		rest := slots[:0]
		gated := s.gatedSlots()
		for _, slot := range slots {
			if gated.Has(slot) || !s.copies.quiet(slot) {
				rest = append(rest, slot)
				continue
			}
			s.handoff.state[slot].Store(released)
			s.opt.Cluster.Released(slot, m.Epoch)
		}
		if slots = rest; len(slots) == 0 {
			return
		}
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// leaveEvery is how often a node that leaves looks whether it may.
const leaveEvery = 5 * time.Millisecond

// gatedSlots answers the slots of whose commands a reply waits in a gate.
func (s *Server) gatedSlots() *ring.SlotSet {
	of := make(chan *ring.SlotSet, len(s.loops))
	for _, l := range s.loops {
		if !s.post(l, func() { of <- l.gatedSlots() }) {
			break
		}
	}
	all := new(ring.SlotSet)
	for range s.loops {
		select {
		case set := <-of:
			all.AddAll(set)
		case <-s.ctx.Done():
			return all
		}
	}
	return all
}

func (l *loop) gatedSlots() *ring.SlotSet {
	l.openGates()
	set := new(ring.SlotSet)
	for _, g := range append(l.gates[:len(l.gates):len(l.gates)], l.gate) {
		if g.all {
			for slot := range uint16(ring.Slots) {
				set.Add(slot)
			}
		}
		for _, slot := range g.slots {
			set.Add(slot)
		}
	}
	return set
}

// Bounds of how long a node that has handed everything over goes on passing on what still comes.
const (
	lingerQuiet = 50 * time.Millisecond // without a request of another node, or a reply that is owed
	lingerMost  = time.Second
)

// Leave has the leader hand over what this node is primary of to whoever has copies in sync, and answers when that is done and other nodes
// send nothing here any more, or ctx ends. Slots without such a copy stay: nobody else has their data.
func (s *Server) Leave(ctx context.Context) {
	if len(s.opt.Cluster.Map().Nodes) < 2 || !s.leased() {
		return
	}
	s.leaving.Store(true)
	s.opt.Cluster.Kick()
	tick := time.NewTicker(leaveEvery)
	defer tick.Stop()
	for {
		if v := s.opt.Cluster.View().Nodes[s.opt.Self.ID]; v.Leaving && v.ToHandOver == 0 {
			s.linger(ctx)
			return
		}
		select {
		case <-ctx.Done():
			s.log.Warn("stopping before all slots were handed over", "left", s.opt.Cluster.View().Nodes[s.opt.Self.ID].ToHandOver)
			return
		case <-tick.C:
		}
	}
}

// linger waits until the other nodes know that everything has gone elsewhere: what they sent before is on its way, or has no reply yet.
func (s *Server) linger(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lingerMost)
	defer cancel()
	tick := time.NewTicker(leaveEvery)
	defer tick.Stop()
	served, since := s.sum(cServed), time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		owed := s.sum(cHeld) + s.sum(cParked) + s.sum(cInflight) - s.sum(cBlocked)
		for _, l := range s.loops {
			owed += int64(l.gated.Load())
		}
		now := s.sum(cServed)
		switch {
		case now != served || owed > 0:
			served, since = now, time.Now()
		case time.Since(since) >= lingerQuiet:
			return
		}
	}
}

// reroute has the loops serve what they held until the streams were settled.
func (s *Server) reroute() {
	for _, l := range s.loops {
		s.post(l, func() {
			if l.soon {
				l.setMap(l.m)
			}
			for f := range l.followings {
				f.goOn()
			}
		})
	}
}

// barrier returns once every loop has begun a batch with the current map, or the server closes.
func (s *Server) barrier() {
	done := make(chan struct{}, len(s.loops))
	for _, l := range s.loops {
		if !s.post(l, func() { l.wake = true; done <- struct{}{} }) {
			return
		}
	}
	for range s.loops {
		select {
		case <-done:
		case <-s.ctx.Done():
			return
		}
	}
}

// post hands fn to a loop from another goroutine; it waits while the loop's queue is full, and reports false once the server
// closes.
func (s *Server) post(l *loop, fn func()) bool {
	for !l.ev.Post(fn) {
		select {
		case <-s.ctx.Done():
			return false
		case <-time.After(postRetry):
		}
	}
	return true
}

// holds reports whether a node is primary or replica of a slot.
func holds(m *ring.Map, self ring.Index, slot int) bool {
	e := &m.Slots[slot]
	return self != ring.None && (e.Primary == self || e.ReplicaAt(self) >= 0)
}

// dropForeign empties the slots that now belong to other nodes: what is left there is stale. The loops may already run by a
// newer map that has given a slot back, and have written to it. So the newest map is asked under the slot's lock: what is
// published after that, no loop can have written by before the slot is empty.
func (s *Server) dropForeign(m *ring.Map, self ring.Index) {
	ks := s.opt.Keyspace
	for slot := range m.Slots {
		if m.Slots[slot].Primary == ring.None || holds(m, self, slot) || s.copies.blank(uint16(slot)) {
			continue
		}
		ks.LockSlot(uint16(slot))
		if now := s.opt.Cluster.Map(); now == m || !holds(now, now.IndexOf(s.opt.Self.ID), slot) {
			ks.FlushSlot(uint16(slot))
			s.copies.positions.Clear(uint16(slot))
			s.copies.requests.Forget(uint16(slot))
		}
		ks.UnlockSlot(uint16(slot))
	}
}
