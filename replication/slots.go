package replication

import (
	"math/bits"

	"ringcache/ring"
)

// How a primary carries a slot.
//
//	                     acknowledged
//	detached -> attaching ----------> live <-----------.
//	                |                  |               | acknowledged
//	                |    Unequal       |               |
//	                `---> unequal <----'   .-> ending -'
//	                         |             | walked
//	                         `--------> syncing
//	                            it does not wait for the replica here
//
// A reset brings all back to detached. Unequal comes from any state.
//
// The primary waits for the replica in a slot while the map has it in sync, or a report may have claimed so, or the slot is live at a
// replica that answers. The last is earlier than the rules ask for, and what makes the claim safe: replies that left before the primary
// waited are of effects before the barrier, which the replica has acknowledged when the claim is made.

// SetPeer says which start of the replica the map knows, before SetMap with that map; 0 = the map does not say. A stream to an earlier
// one is to a process that is gone, with all that it had, though its connection may not show it yet: nothing of it may be claimed.
func (s *Sender) SetPeer(incarnation uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.expected = max(s.mu.expected, incarnation)
	if s.mu.incarnation < s.mu.expected && s.mu.conn != connHello {
		if s.mu.conn == connStream {
			s.mu.broken = ErrReplaced
		}
		s.setHealthy()
		s.reset()
	}
}

// SetMap has the stream go by m. It is called before any loop executes commands by that map: in slots that the node gains, replies wait
// from the first command on.
func (s *Sender) SetMap(m *ring.Map) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.Epoch < s.mu.epoch {
		return
	}
	// Between two maps that this node has seen the replica may have been dropped, and have dropped its copy, and been added again. It was not
	// if it is in sync: it could not have been claimed since.
	gap := s.mu.epoch != 0 && m.Epoch > s.mu.epoch+1
	s.mu.epoch = m.Epoch
	self, peer := m.IndexOf(s.opt.Self), m.IndexOf(s.opt.Peer)
	for i := range m.Slots {
		slot, by := uint16(i), &m.Slots[i]
		leads := self != ring.None && by.Primary == self
		carries := leads && peer != ring.None && by.ReplicaAt(peer) >= 0
		c := s.slots.at(slot)
		if c == nil {
			if !carries {
				continue
			}
			c = s.slots.make(slot)
		}
		inSync := carries && by.IsInSync(peer)
		if gap && !inSync && (c.state == slotAttaching || c.state == slotLive || c.state == slotEnding) {
			c.state = slotDetached // it is compared again; what is being walked, the replica looks at itself
		}
		s.setSlot(slot, c, by, leads, carries, inSync)
	}
	s.mu.hint = 0
	s.release()
}

// setSlot has one slot go by the map.
func (s *Sender) setSlot(slot uint16, c *carried, by *ring.Slot, leads, carries, inSync bool) {
	switch {
	case carries && c.state == slotNone:
		c.state = slotDetached
	case !carries && c.state != slotNone:
		s.control(frameDetach, slot)
		s.stopWalk(slot)
		c.state = slotNone
	}
	if !leads || by.Epoch != c.term || !carries {
		c.claim = 0 // reports of an earlier term decide nothing, nor do those about an earlier copy
	}
	c.term, c.inSync, c.copies = by.Epoch, inSync, uint8(bits.OnesCount8(by.InSync))
	s.changed(slot, c)
}

func (s *Sender) stopWalk(slot uint16) {
	if s.mu.syncing == int(slot) {
		s.mu.syncing = -1
	}
}

// changed brings all that follows from a slot's fields up to date, but for the effective offset: release does that.
func (s *Sender) changed(slot uint16, c *carried) {
	s.mu.news = true
	own := c.state == slotLive && s.mu.healthy
	if own && !c.own {
		c.barrier, c.settled = s.mu.buf.end, s.acked() == s.mu.buf.end
		if !c.settled {
			s.mu.marks.push(mark{c.barrier, slot, true})
		}
	}
	c.own = own
	waits := c.inSync || c.claim != 0 || own
	old, now := c.tags.Load(), uint32(0)
	for tally, in := range [tallies]bool{
		tallyWaits:    waits,
		tallyDark:     waits && c.state != slotLive,
		tallyDetached: c.state == slotDetached,
		tallyReady:    c.state == slotUnequal && !waits,
		tallySyncing:  c.state == slotSyncing,
		tallyLive:     c.state == slotLive,
		tallyUnequal:  c.state == slotUnequal,
	} {
		if in {
			now |= 1 << tally
		}
		if was := old>>tally&1 == 1; in && !was {
			s.mu.counts[tally]++
		} else if was && !in {
			s.mu.counts[tally]--
		}
	}
	if old == now {
		return
	}
	c.tags.Store(now)
	// A read, too, must not leave before the replica is known to have what was read.
	if now>>tallyDark&1 == 1 && old>>tallyWaits&1 == 0 {
		s.owe(c)
	}
}

// setHealthy looks whether the replica answers on a stream that stands.
func (s *Sender) setHealthy() {
	s.mu.news = true
	healthy := s.mu.conn == connStream && s.mu.broken == nil && !s.mu.silent
	if healthy == s.mu.healthy {
		return
	}
	s.mu.healthy = healthy
	for slot, c := range s.slots.all() {
		if c.state == slotLive {
			s.changed(slot, c)
		}
	}
	s.release()
}

// mark says what to look at when the replica has acknowledged the stream up to an offset.
type mark struct {
	offset  uint64
	slot    uint16
	barrier bool // the slot's barrier; else the slot becomes live
}

// markQueue is in the order of offsets.
type markQueue struct {
	list []mark
	head int
}

func (q *markQueue) push(m mark) {
	if q.head > 0 && len(q.list) == cap(q.list) {
		q.list = q.list[:copy(q.list, q.list[q.head:])]
		q.head = 0
	}
	q.list = append(q.list, m)
}

// keepMarks is for how many marks an idle queue keeps room.
const keepMarks = 256

// pop takes the first mark, if it is not beyond acked.
func (q *markQueue) pop(acked uint64) (m mark, ok bool) {
	if q.head == len(q.list) || q.list[q.head].offset > acked {
		return m, false
	}
	m = q.list[q.head]
	if q.head++; q.head == len(q.list) {
		q.reset()
	}
	return m, true
}

func (q *markQueue) reset() {
	if q.list, q.head = q.list[:0], 0; cap(q.list) > keepMarks {
		q.list = nil
	}
}

// passed has the slots that became live, or settled, by an acknowledgement.
func (s *Sender) passed() {
	for {
		m, ok := s.mu.marks.pop(s.acked())
		if !ok {
			return
		}
		c := s.slots.at(m.slot)
		switch {
		case m.barrier:
			c.settled = c.settled || c.own && c.barrier == m.offset
			s.mu.news = true
		case (c.state == slotAttaching || c.state == slotEnding) && c.mark == m.offset:
			c.state = slotLive
			s.changed(m.slot, c)
		}
	}
}

// unequal is the replica's word that a slot is not live there, as of an offset.
func (s *Sender) unequal(slot uint16, offset uint64) {
	c := s.slots.at(slot)
	if c == nil || !c.state.attached() || offset < c.since {
		return // it speaks of an earlier attachment, or of what a sync has replaced since
	}
	if c.state == slotSyncing || c.state == slotEnding {
		s.mu.holdOff = s.mu.now + syncRetry
	}
	s.stopWalk(slot)
	c.state = slotUnequal
	s.changed(slot, c)
	s.release()
}
