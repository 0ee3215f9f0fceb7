package server

import (
	"errors"

	"ringcache/server/front"
)

var (
	errIdle       = errors.New("server: the client has been idle for longer than timeout")
	errOutputFull = errors.New("server: the client does not read its replies")
)

// checkSessions looks at every session of the loop for what has no event of its own: idle clients, and outputs that have
// been over the soft limit for too long.
func (l *loop) checkSessions() {
	now := l.ev.Now()
	st := l.stats
	st.maxInput, st.maxOutput, st.clientBytes = 0, 0, 0
	idleAfter := l.settings.Timeout.Milliseconds()
	l.ev.Each(func(c *front.Conn) {
		if b, ok := c.User.(*inbound); ok {
			b.readOn()
		}
		s, ok := c.User.(*session)
		if !ok || s.closed {
			return
		}
		in, out := s.rd.Buffered(), s.c.Backlog()
		st.maxInput, st.maxOutput = max(st.maxInput, int64(in)), max(st.maxOutput, int64(out))
		st.clientBytes += int64(in + out)
		if idleAfter > 0 && now-s.active > idleAfter && s.park == notParked && s.places.empty() {
			l.srv.log.Info("closing an idle client", "client", c.RemoteAddr(), "id", s.id, "idle_sec", (now-s.active)/1000)
			c.Close(errIdle)
			return
		}
		s.checkOutput()
	})
	st.links, st.linkBytes = 0, 0
	for id, k := range l.links {
		if k.c != nil {
			st.links++
			st.linkBytes += int64(k.c.Backlog())
			l.srv.peer(id).buffered.Store(int64(k.c.Backlog()))
		}
	}
}

// checkOutput closes a client that leaves more replies unread than it may.
func (s *session) checkOutput() {
	n := s.c.Backlog()
	set := s.l.settings
	if set.OutputHard > 0 && n > set.OutputHard {
		s.cutOff(n)
		return
	}
	if set.OutputSoft == 0 || n <= set.OutputSoft {
		s.softSince = 0
		return
	}
	now := s.l.ev.Now()
	if s.softSince == 0 {
		s.softSince = now
	}
	if now-s.softSince > set.OutputSoftFor.Milliseconds() {
		s.cutOff(n)
	}
}

func (s *session) cutOff(bytes int) {
	if s.c.Closed() {
		return
	}
	s.l.srv.log.Warn("closing a client that does not read: output buffer over its limit", "client", s.c.RemoteAddr(), "id", s.id,
		"bytes", bytes)
	s.c.Close(errOutputFull)
}
