package replication

import (
	"time"

	"ringcache/ring"
)

// Report is what the leader is to be told: the slots in which the replica has all that it must have to enter the in-sync set, and those
// in which it must leave it; nil where there are none. number counts the calls: see Heard.
func (s *Sender) Report() (synced, behind *ring.SlotSet, number uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.report++
	lagging := s.mu.silent || s.mu.refused || s.mu.overflowed
	add := func(set **ring.SlotSet, slot uint16) {
		if *set == nil {
			*set = new(ring.SlotSet)
		}
		(*set).Add(slot)
	}
	for slot, c := range s.slots.all() {
		switch {
		case c.inSync && (lagging || c.state == slotUnequal):
			add(&behind, slot)
		case !c.inSync && c.own && c.settled && !lagging:
			c.claim = s.mu.report
			add(&synced, slot)
		}
	}
	return synced, behind, s.mu.report
}

// newsEvery is how often, at most, it is news that slots have become equal: during a full sync hundreds a second do.
const newsEvery = 50 * time.Millisecond

// News reports whether a Report now would say something that the leader may not have heard. It costs little where nothing has changed since it
// last answered no.
func (s *Sender) News() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.mu.news {
		return false
	}
	lagging := s.mu.silent || s.mu.refused || s.mu.overflowed
	wait := s.mu.now-s.mu.newsAt < newsEvery
	if wait && !lagging && s.mu.counts[tallyDark] == 0 {
		return false // nothing that could not wait: news stays set
	}
	later := false
	for _, c := range s.slots.all() {
		urgent := c.inSync && (lagging || c.state == slotUnequal)
		// The last is the taking back of a claim that holds replies back.
		if urgent || !c.inSync && (c.own && c.settled && !lagging || c.claim != 0 && c.state != slotLive) {
			if wait && !urgent {
				later = true
				continue
			}
			s.mu.newsAt = s.mu.now
			return true
		}
	}
	s.mu.news = later
	return false
}

// Heard says that the leader has heard the report of that number: no decision that went by an older one comes after the map that this
// Sender has. So SetMap comes before.
func (s *Sender) Heard(report uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for slot, c := range s.slots.all() {
		if c.claim != 0 && c.claim < report {
			c.claim = 0
			s.changed(slot, c)
		}
	}
	s.release()
}

// SenderState is how a stream is doing.
type SenderState struct {
	Connected   bool
	Since       time.Duration // when that began
	Heard       time.Duration // when the replica was last heard
	Incarnation uint64        // of the replica, as it last said; 0 = never
	End, Acked  uint64        // offsets: appended, and applied by the replica
	LagBytes    int           // between them
	Lag         time.Duration // about how long the replica takes, or has been taking by now

	Slots    int // that the stream carries
	Live     int // equal to the primary's
	Syncing  int // being filled
	Waiting  int // for their sync
	Required int // in which replies wait for the replica
	Behind   bool
}

// State is for those who watch.
func (s *Sender) State() SenderState {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := SenderState{
		Connected: s.mu.conn == connStream, Since: s.mu.since, Heard: s.mu.heard, Incarnation: s.mu.incarnation,
		End: s.mu.buf.end, Acked: s.acked(), LagBytes: s.mu.buf.len(), Lag: s.mu.lag,
		Live: s.mu.counts[tallyLive], Waiting: s.mu.counts[tallyUnequal], Required: s.mu.counts[tallyWaits],
		Behind: s.mu.silent || s.mu.refused || s.mu.overflowed,
	}
	if s.mu.sampleAt != 0 {
		st.Lag = max(st.Lag, s.mu.now-s.mu.sample)
	}
	for _, c := range s.slots.all() {
		switch c.state {
		case slotNone:
		case slotSyncing, slotEnding:
			st.Syncing++
			st.Slots++
		default:
			st.Slots++
		}
	}
	return st
}
