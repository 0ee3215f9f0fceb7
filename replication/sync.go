package replication

import (
	"slices"
	"time"
)

// Bounds of full syncs.
const (
	// syncStep is about how many bytes one walk under a slot's lock gives: some ten microseconds.
	syncStep = 16 << 10
	// syncWindow is how many bytes without acknowledgement let a sync pause, at most: what a fast network holds, and little beside the
	// buffer, which is for live effects. syncWindowMin is where it begins, and goes on when the replica is slow.
	syncWindow, syncWindowMin = 4 << 20, 32 << 10
	// syncDelay is how much longer than at its quickest an acknowledgement may take during a sync, or syncDelayPart of the quickest where
	// that is more. Live effects wait behind those of the sync, and clients for them.
	syncDelay, syncDelayPart = 250 * time.Microsecond, 4
	// syncRetry is how long no sync begins after the replica refused one. Its map is newer than this node's, for a moment.
	syncRetry = 100 * time.Millisecond
	// keepScratch is how many bytes of room are kept for a walk.
	keepScratch = 256 << 10
)

// NeedsSync reports whether Sync has something to do. Atomic.
func (s *Sender) NeedsSync() bool { return s.work.Load() }

// look notes whether Sync has something to do.
func (s *Sender) look() {
	waiting := s.mu.syncing >= 0 || s.mu.counts[tallyReady] > 0 && s.mu.now >= s.mu.holdOff
	s.work.Store(s.mu.conn == connStream && s.mu.broken == nil &&
		(s.mu.counts[tallyDetached] > 0 || waiting && s.open()))
}

// open reports whether a sync may send more.
func (s *Sender) open() bool { return s.mu.buf.len() < min(s.mu.pace.window, s.opt.Buffer/2) }

// pacing keeps a sync from filling the queue between the nodes. The window grows while acknowledgements come about as quickly as they ever
// have on this connection, and shrinks when they do not, as LEDBAT's (RFC 6817) does: what is over the quickest is queue.
type pacing struct {
	window  int           // bytes
	base    time.Duration // the quickest acknowledgement of the connection; 0 = none yet
	sentAt  time.Duration // when the measured bytes were appended
	measure uint64        // offset whose acknowledgement ends the measurement; 0 = none is under way
}

func newPacing() pacing { return pacing{window: syncWindowMin} }

// sent begins a measurement with the bytes before end.
func (p *pacing) sent(end uint64, now time.Duration) {
	if p.measure == 0 {
		p.measure, p.sentAt = end, now
	}
}

// acked ends it, once they are acknowledged.
func (p *pacing) acked(offset uint64, now time.Duration) {
	if p.measure == 0 || offset < p.measure {
		return
	}
	took := max(now-p.sentAt, time.Microsecond)
	if p.measure = 0; p.base == 0 || took < p.base {
		p.base = took
	}
	delay := max(syncDelay, p.base/syncDelayPart)
	if queue := took - p.base; queue > delay {
		p.window = max(p.window-p.window/4, syncWindowMin)
	} else {
		p.window = min(p.window+syncStep*int(delay-queue)/int(delay), syncWindow)
	}
}

// Sync attaches slots, and goes on with full syncs by about budget bytes: slots one after another, those with the fewest copies first.
// It is called under no lock, by one goroutine at a time, while more is true or NeedsSync says so.
func (s *Sender) Sync(now time.Duration, budget int) (sent int, more bool) {
	for sent < budget {
		n := s.step(now, min(syncStep, budget-sent))
		if n == 0 {
			break
		}
		sent += n
	}
	return sent, s.NeedsSync()
}

// step does one piece of work under one slot's lock, and answers how many bytes it sent; 0 = there is none.
func (s *Sender) step(now time.Duration, budget int) (sent int) {
	slot, state := s.next(now)
	if state == slotNone {
		return 0
	}
	s.opt.Source.Lock(slot)
	defer s.opt.Source.Unlock(slot)
	if state == slotSyncing {
		return s.walk(slot, budget)
	}
	records := s.scratch[:0]
	if state == slotUnequal {
		// With the slot's lock none is added: those of later writes come with their effects.
		records = s.opt.Requests.appendRecords(records, slot)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.mu.buf.end
	if c := s.slots.at(slot); c.state == state && s.mu.conn == connStream && s.mu.broken == nil {
		if state == slotDetached {
			s.attach(slot, c)
		} else if c.tags.Load()>>tallyReady&1 == 1 {
			s.begin(slot, c)
			s.put(records)
		}
		s.release()
	}
	s.keep(records)
	return int(s.mu.buf.end-before) + 1 // a slot that has changed meanwhile is no end of the work
}

func (s *Sender) keep(scratch []byte) {
	if s.scratch = scratch[:0]; cap(scratch) > keepScratch {
		s.scratch = nil
	}
}

// next is the slot to work on: one to attach (slotDetached), to begin with (slotUnequal) or to go on with (slotSyncing).
func (s *Sender) next(now time.Duration) (slot uint16, state slotState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.now = max(s.mu.now, now)
	s.look()
	switch {
	case !s.work.Load():
		return 0, slotNone
	case s.mu.counts[tallyDetached] > 0:
		return s.nextDetached(), slotDetached
	case s.mu.syncing >= 0:
		return uint16(s.mu.syncing), slotSyncing
	}
	return s.nextReady(), slotUnequal
}

func (s *Sender) nextDetached() uint16 {
	for ; ; s.mu.hint++ {
		if c := s.slots.at(uint16(s.mu.hint)); c == nil {
			s.mu.hint |= pageSlots - 1 // the page's last
		} else if c.state == slotDetached {
			return uint16(s.mu.hint)
		}
	}
}

// nextReady takes from a list that is made anew when it has run out: looking through all slots for each would be quadratic.
func (s *Sender) nextReady() uint16 {
	ready := func(c *carried) bool { return c.tags.Load()>>tallyReady&1 == 1 }
	for {
		for len(s.mu.ready) > 0 {
			slot := s.mu.ready[0]
			s.mu.ready = s.mu.ready[1:]
			if ready(s.slots.at(slot)) {
				return slot
			}
		}
		s.mu.ready = s.mu.ready[:0]
		for slot, c := range s.slots.all() {
			if ready(c) {
				s.mu.ready = append(s.mu.ready, slot)
			}
		}
		slices.SortStableFunc(s.mu.ready, func(a, b uint16) int { return int(s.slots.at(a).copies) - int(s.slots.at(b).copies) })
	}
}

// attach sends this copy's position. From here on effects are sent.
func (s *Sender) attach(slot uint16, c *carried) {
	at := s.opt.Positions.Get(slot)
	if at.Partial() { // this node was made primary by force: what it has is the slot now
		at = s.opt.Positions.Next(slot, c.term)
	}
	s.control(frameAttach, slot, s.mu.epoch, c.term, at.Term, at.Seq)
	c.told, c.since = c.term, s.mu.buf.end
	s.arrive(slot, c, slotAttaching)
}

// arrive has the slot become live when the replica has acknowledged all up to here.
func (s *Sender) arrive(slot uint16, c *carried, state slotState) {
	c.state, c.mark = state, s.mu.buf.end
	s.mu.marks.push(mark{c.mark, slot, false})
	s.changed(slot, c)
}

// begin has the replica empty its copy. It is never called while the primary waits for the replica: the copy may be the only other one.
func (s *Sender) begin(slot uint16, c *carried) {
	if c.told != c.term {
		s.tell(slot, c, c.term)
	}
	s.control(frameSyncBegin, slot)
	s.full.Add(1)
	c.state, c.since, c.cursor = slotSyncing, s.mu.buf.end, 0
	s.mu.syncing = int(slot)
	s.changed(slot, c)
}

// walk sends some of the slot's keys, under its lock.
func (s *Sender) walk(slot uint16, budget int) (sent int) {
	c := s.slots.at(slot)
	s.mu.Lock()
	cursor := c.cursor // only this goroutine and, under the slot's lock, Restart alter it
	s.mu.Unlock()
	out, next, done := s.opt.Source.Walk(slot, cursor, s.scratch[:0], budget)
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.mu.buf.end
	switch {
	case c.state != slotSyncing: // a reset, or another map
	case !s.room(len(out)):
		s.overflow()
	default:
		s.put(out)
		s.mu.pace.sent(s.mu.buf.end, s.mu.now)
		c.cursor = next
		if done {
			at := s.opt.Positions.Get(slot)
			s.control(frameSyncEnd, slot, at.Term, at.Seq)
			s.stopWalk(slot)
			s.arrive(slot, c, slotEnding)
		}
	}
	s.keep(out)
	s.release()
	return int(s.mu.buf.end-before) + 1
}

// Restart begins the walk of a slot anew, where it is under way: after an effect that moves keys past the walk, as exchanging databases
// does. Under the slot's lock.
func (s *Sender) Restart(slot uint16) {
	c := s.slots.at(slot)
	if c == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.state == slotSyncing {
		s.control(frameSyncBegin, slot)
		c.since, c.cursor = s.mu.buf.end, 0
	}
}
