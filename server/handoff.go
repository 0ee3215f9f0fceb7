package server

import (
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
	s.dropForeign(m, self)
	for _, slot := range open {
		st := &s.handoff.state[slot]
		if s.opt.Keyspace.SlotKeys(slot) == 0 {
			st.Store(released)
			s.opt.Cluster.Released(slot, m.Epoch)
		} else {
			st.Store(refused)
			s.opt.Cluster.Refused(slot, m.Epoch)
		}
	}
	if len(open) > 0 {
		s.wakeAll()
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

// dropForeign empties the slots that now belong to other nodes: what is left there is stale. The loops may already run by a
// newer map that has given a slot back, and have written to it. So the newest map is asked under the slot's lock: what is
// published after that, no loop can have written by before the slot is empty.
func (s *Server) dropForeign(m *ring.Map, self ring.Index) {
	ks := s.opt.Keyspace
	for slot := range m.Slots {
		if m.Slots[slot].Primary == self || m.Slots[slot].Primary == ring.None || ks.SlotKeys(uint16(slot)) == 0 {
			continue
		}
		ks.LockSlot(uint16(slot))
		if now := s.opt.Cluster.Map(); now == m || now.Slots[slot].Primary != now.IndexOf(s.opt.Self.ID) {
			ks.FlushSlot(uint16(slot))
		}
		ks.UnlockSlot(uint16(slot))
	}
}
