package replication

import (
	"testing"
	"time"
)

// TestNews: that slots became equal is told at once, and then in bulk; that one is behind never waits.
func TestNews(t *testing.T) {
	s := NewSender(SenderOptions{Buffer: 1 << 20, NodeTimeout: time.Second})
	at := func(now time.Duration) {
		s.mu.Lock()
		s.mu.now = now
		s.mu.Unlock()
	}
	equal := func(slot uint16) *carried {
		c := s.slots.make(slot)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.mu.conn, s.mu.healthy = connStream, true
		c.state = slotLive
		s.changed(slot, c)
		c.settled = true
		return c
	}
	decided := func(c *carried, slot uint16) {
		s.mu.Lock()
		defer s.mu.Unlock()
		c.inSync = true
		s.changed(slot, c)
	}
	at(time.Second)
	c := equal(1)
	if !s.News() {
		t.Fatal("the first slot is no news")
	}
	decided(c, 1)
	equal(2)
	at(time.Second + newsEvery/2)
	if s.News() {
		t.Error("the second one is told at once")
	}
	s.mu.Lock()
	c.state = slotUnequal
	s.changed(1, c)
	s.mu.Unlock()
	if !s.News() {
		t.Error("a slot that is behind is no news")
	}
	s.mu.Lock()
	c.state, c.inSync = slotLive, false
	s.changed(1, c)
	c.inSync = true
	s.changed(1, c)
	s.mu.Unlock()
	if s.News() {
		t.Error("told again at once")
	}
	at(time.Second + 2*newsEvery)
	if !s.News() {
		t.Error("what had to wait is never told")
	}
	s.slots.at(2).inSync = true
	if s.News() {
		t.Error("nothing is news")
	}
	// A claim whose slot is live no more holds replies back until it is taken back.
	at(time.Second + 4*newsEvery)
	equal(3)
	s.Report()
	s.mu.Lock()
	c = s.slots.at(3)
	c.state = slotDetached
	s.changed(3, c)
	s.mu.Unlock()
	if !s.News() {
		t.Error("a claim to take back is no news")
	}
	_, _, number := s.Report()
	s.Heard(number)
	at(time.Second + 6*newsEvery)
	if s.News() {
		t.Error("a claim that was taken back is news")
	}
}
