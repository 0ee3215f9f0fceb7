package replication

import (
	"fmt"
	"time"
)

// Parts of NodeTimeout.
const (
	pingPart    = 4 // a quarter: how often a primary pings
	silentAfter = 6 // eighths: after so long it takes the replica for silent. The map has it out of sync within NodeTimeout then.
)

// Open says that a connection stands, its bus handshake done. Take gives the hello.
func (s *Sender) Open(now time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.now = max(s.mu.now, now)
	s.mu.conn, s.mu.broken, s.mu.refused = connHello, nil, false
	s.mu.heard, s.mu.since = now, now
	s.mu.conns++
	s.mu.pace = newPacing()
	s.mu.control = appendFrame(s.mu.control[:0], frameHello, version, 0,
		s.opt.Incarnation, s.mu.stream, s.acked(), s.mu.buf.end, s.mu.conns)
	s.setHealthy()
}

// Closed says that the connection is gone, or that none could be made. refused: the replica's port refused it, so its process is gone.
func (s *Sender) Closed(now time.Duration, refused bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.now = max(s.mu.now, now)
	if s.mu.conn != connClosed {
		s.mu.since = now
	}
	s.mu.conn, s.mu.broken, s.mu.refused = connClosed, nil, refused
	s.mu.control = s.mu.control[:0]
	s.setHealthy()
	s.look()
}

// Broken is why the connection must be closed (then Closed is called, and another one made), or nil.
func (s *Sender) Broken() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.broken
}

// Receive reads what the replica sent. rest is the start of a frame: it comes again in front of what is read next. After an error the
// connection is to be closed.
func (s *Sender) Receive(p []byte, now time.Duration) (rest []byte, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.now = max(s.mu.now, now)
	for {
		if s.mu.broken != nil {
			return p, s.mu.broken
		}
		h, body, after, ok, err := cut(p, true)
		if err != nil || !ok {
			return p, err
		}
		if err := s.frame(h, body); err != nil {
			return p, err
		}
		s.mu.heard = s.mu.now
		if s.mu.silent {
			s.mu.silent = false
			s.setHealthy()
		}
		p = after
	}
}

func (s *Sender) frame(h header, body []byte) error {
	switch {
	case s.mu.conn == connHello && h.typ == frameWelcome:
		return s.welcome(h, body)
	case s.mu.conn == connStream && h.typ == frameAck:
		return s.ack(number(body, 0))
	case s.mu.conn == connStream && h.typ == frameUnequal:
		if offset := number(body, 0); offset > s.mu.sent {
			return fmt.Errorf("%w: slot %d is said to be unequal at %d, and %d was sent", ErrOrder, h.slot, offset, s.mu.sent)
		}
		s.unequal(h.slot, number(body, 0))
		return nil
	}
	return fmt.Errorf("%w: %s", ErrOrder, h.typ)
}

// welcome goes on from where the replica has come to, or begins anew.
func (s *Sender) welcome(h header, body []byte) error {
	if h.info != version {
		return fmt.Errorf("%w: %d, not %d", ErrVersion, h.info, version)
	}
	if s.mu.incarnation = number(body, 0); s.mu.incarnation < s.mu.expected {
		return fmt.Errorf("%w: start %d of the replica answers, and it has started %d times", ErrReplaced, s.mu.incarnation, s.mu.expected)
	}
	stream, offset := number(body, 1), number(body, 2)
	s.mu.conn = connStream
	if stream == s.mu.stream && offset >= s.acked() && offset <= s.mu.sent {
		// No acknowledgement yet: what the replica said of slots that it has lost may not have come, and is said again before that.
		s.mu.sent = offset
		s.resumed.Add(1)
	} else {
		s.reset()
	}
	s.mu.control = appendFrame(s.mu.control, frameStart, 0, 0, s.mu.stream, s.mu.sent)
	s.mu.pinged = s.mu.now
	s.setHealthy()
	s.look()
	return nil
}

// ack takes the replica's word that it has applied the stream up to an offset.
func (s *Sender) ack(offset uint64) error {
	if offset < s.acked() || offset > s.mu.sent {
		return fmt.Errorf("%w: acknowledged up to %d; kept are %d to %d, sent", ErrOrder, offset, s.acked(), s.mu.sent)
	}
	if offset > s.acked() {
		s.mu.overflowed = false
	}
	s.mu.buf.release(offset)
	s.mu.pace.acked(offset, s.mu.now)
	if offset >= s.mu.giantEnd {
		s.mu.giant = 0
	}
	if s.mu.sampleAt != 0 && offset >= s.mu.sampleAt {
		s.mu.lag, s.mu.sampleAt = s.mu.now-s.mu.sample, 0
	}
	s.passed()
	s.release()
	return nil
}

// Take appends to dst what is to be written now, up to about limit bytes. It stays with the Sender until it is acknowledged.
func (s *Sender) Take(dst []byte, limit int) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.broken != nil {
		return dst
	}
	dst = append(dst, s.mu.control...)
	s.mu.control = s.mu.control[:0]
	if s.mu.conn != connStream {
		return dst
	}
	was := len(dst)
	dst = s.mu.buf.copy(dst, s.mu.sent, limit)
	s.mu.sent += uint64(len(dst) - was)
	return dst
}

// Pending reports whether Take has something.
func (s *Sender) Pending() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.broken == nil && (len(s.mu.control) > 0 || s.mu.conn == connStream && s.mu.sent < s.mu.buf.end)
}

// Tick is called about every tenth of the node timeout, with or without a connection: it pings, and notices silence (see Broken).
func (s *Sender) Tick(now time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	timeout := s.opt.NodeTimeout
	if !s.mu.ticked {
		s.mu.heard = max(s.mu.heard, now)
	} else if now-s.mu.now > timeout/2 {
		s.mu.heard = max(s.mu.heard, now-timeout/2) // this node itself stood still: what the replica said may lie unread
	}
	s.mu.ticked, s.mu.now = true, max(s.mu.now, now)
	if now-s.mu.heard >= timeout*silentAfter/8 {
		s.mu.silent = true
		if s.mu.conn != connClosed && s.mu.broken == nil {
			s.mu.broken = ErrSilent
		}
		s.setHealthy()
	}
	if s.mu.conn == connStream && s.mu.broken == nil && now-s.mu.pinged >= timeout/pingPart {
		s.mu.pinged = now
		s.control(framePing, 0, s.acked())
	}
	if s.mu.sampleAt == 0 && s.mu.buf.len() > 0 {
		s.mu.sample, s.mu.sampleAt = now, s.mu.buf.end
	}
	s.mu.buf.shrink()
	s.look()
}
