package server

import (
	"context"
	"errors"
	"sync/atomic"
	"syscall"
	"time"

	"ringcache/internal/bus"
	"ringcache/replication"
	"ringcache/ring"
	"ringcache/ring/control"
	"ringcache/server/front"
)

// stream is the connection of this node's effects to one replica. Its sender is used by all loops; the rest belongs to one loop.
type stream struct {
	c      *Copies
	l      *loop
	id     ring.NodeID
	sender *replication.Sender
	source *source
	addr   atomic.Pointer[string]
	posted atomic.Bool // the loop has been told that there is something to send

	full, resumed uint64 // of sender.Syncs, that the loop has counted

	conn     *front.Conn // nil while it is down
	in       []byte      // the start of a frame that has not arrived whole
	dialling bool
	nextDial time.Duration
	backoff  time.Duration
	openedAt time.Duration // monotonic: when the connection was made, or the last one
	ended    bool
}

// Bounds of one stream.
const (
	// streamWrite is how many bytes are handed to the connection at once, and streamBacklog how many may lie there unwritten.
	streamWrite   = 256 << 10
	streamBacklog = 1 << 20
	// syncSlice is about how many bytes of a full sync a batch makes: what it costs clients of that batch.
	syncSlice = 8 << 10
	// streamRedialMax is the longest wait between two dials of a replica.
	streamRedialMax = 200 * time.Millisecond
)

var errStreamEnded = errors.New("server: the node has no copy any more")

func newStream(c *Copies, id ring.NodeID) *stream {
	s := &stream{c: c, id: id, backoff: redialMin}
	n := 0
	for _, b := range []byte(id) {
		n += int(b)
	}
	s.l = c.srv.loops[n%len(c.srv.loops)]
	s.source = &source{ks: c.ks, touched: map[touched]bool{}}
	s.sender = replication.NewSender(replication.SenderOptions{
		Self: c.opt.Self, Peer: id, Incarnation: c.opt.Incarnation, Buffer: c.opt.Buffer, NodeTimeout: c.opt.NodeTimeout,
		Source: s.source, Positions: &c.positions, Requests: &c.requests,
	})
	return s
}

// setAddr says where the replica is; the loop dials.
func (s *stream) setAddr(addr string) {
	s.addr.Store(&addr)
	s.c.srv.post(s.l, func() { s.dial(s.l.mono()) })
}

// end closes the stream to a node that has left.
func (s *stream) end() {
	s.c.srv.post(s.l, func() {
		s.ended = true
		if s.conn != nil {
			s.conn.Close(errStreamEnded)
		}
	})
}

// sendEffects has the effects of this batch leave: on this loop's streams now, on those of others as soon as they can.
func (l *loop) sendEffects() {
	l.srv.copies.each(func(s *stream) {
		switch {
		case s.l == l:
			s.pump()
		case s.sender.Pending() && s.posted.CompareAndSwap(false, true):
			l.srv.post(s.l, s.pumpPosted)
		}
	})
}

func (s *stream) pumpPosted() {
	s.posted.Store(false)
	s.pump()
}

// pump goes on with syncs, and hands what there is to send to the connection.
func (s *stream) pump() {
	if s.conn == nil || s.conn.Closed() {
		return
	}
	if s.conn.Backlog() >= streamBacklog {
		return // Drained goes on
	}
	if s.sender.NeedsSync() {
		if _, more := s.sender.Sync(s.l.mono(), syncSlice); more {
			s.l.ev.Post(s.l.nothing)
		}
	}
	for s.sender.Pending() && s.conn.Backlog() < streamBacklog {
		s.conn.Reserve(streamWrite)
		before := len(s.conn.Out)
		s.conn.Out = s.sender.Take(s.conn.Out, streamWrite)
		s.l.stats.replOut += int64(len(s.conn.Out) - before)
		s.conn.Dirty()
	}
	full, resumed := s.sender.Syncs()
	s.l.stats.syncFull += int64(full - s.full)
	s.l.stats.syncPartial += int64(resumed - s.resumed)
	s.full, s.resumed = full, resumed
}

// dial connects in the background unless the connection stands or the last failure is too recent.
func (s *stream) dial(now time.Duration) {
	srv := s.c.srv
	if s.c.opt.Dial == nil || s.conn != nil || s.dialling || s.ended || now < s.nextDial || srv.ctx.Err() != nil {
		return
	}
	s.dialling = true
	addr := *s.addr.Load()
	srv.wg.Go(func() {
		ctx, cancel := context.WithTimeout(srv.ctx, dialTimeout)
		defer cancel()
		nc, err := s.c.opt.Dial(ctx, addr, s.id)
		if err != nil {
			srv.post(s.l, func() { s.dialFailed(err) })
			return
		}
		s.l.ev.Adopt(nc, s.opened)
	})
}

func (s *stream) dialFailed(err error) {
	now := s.l.mono()
	s.dialling = false
	s.nextDial = now + s.backoff
	s.backoff = min(2*s.backoff, streamRedialMax)
	// Who takes no streams is about to stop, or has just begun: it has no copy for long, or none yet.
	s.sender.Closed(now, errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, bus.ErrKind))
	s.tellNews()
}

// opened takes over the connection that a dial has made.
func (s *stream) opened(c *front.Conn) front.Handler {
	s.dialling = false
	if s.ended || s.conn != nil {
		return nil
	}
	s.conn, s.openedAt = c, s.l.mono()
	s.sender.Open(s.l.mono())
	s.pump()
	return s
}

// Data implements front.Handler: acknowledgements have come.
func (s *stream) Data(c *front.Conn, p []byte) {
	if len(s.in) > 0 {
		s.in = append(s.in, p...)
		p = s.in
	}
	before := s.sender.Acked()
	rest, err := s.sender.Receive(p, control.Mono())
	if err != nil {
		s.c.srv.log.Error("malformed answer from a replica, closing the stream", "node", s.id, "err", err)
		c.Close(err)
		return
	}
	s.in = keepRest(s.in, rest)
	if s.sender.Acked() != before {
		s.l.tellGated()
	}
	s.pump()
	s.tellNews()
}

// tellNews has the leader hear at once of what it should know.
func (s *stream) tellNews() {
	if s.sender.News() {
		s.c.srv.opt.Cluster.Kick()
	}
}

// tellGated has the other loops look at their gates.
func (l *loop) tellGated() {
	for _, other := range l.srv.loops {
		if other != l && other.gated.Load() > 0 {
			other.ev.Post(other.nothing)
		}
	}
}

// Drained implements front.Handler.
func (s *stream) Drained(*front.Conn) { s.pump() }

// Close implements front.Handler.
func (s *stream) Close(_ *front.Conn, err error) {
	s.conn, s.in = nil, nil
	now := s.l.mono()
	if now-s.openedAt > streamRedialMax {
		s.nextDial, s.backoff = now, redialMin
	} else {
		s.nextDial = now + s.backoff
		s.backoff = min(2*s.backoff, streamRedialMax)
	}
	if !s.ended && s.c.srv.ctx.Err() == nil {
		s.c.srv.log.Warn("stream to a replica lost", "node", s.id, "err", err)
	}
	s.sender.Closed(now, false)
	s.dial(now)
}

// tickStreams looks after the streams of this loop.
func (l *loop) tickStreams() {
	now := l.mono()
	l.srv.copies.each(func(s *stream) {
		if s.l != l {
			return
		}
		s.dial(now)
		s.sender.Tick(now)
		if err := s.sender.Broken(); err != nil && s.conn != nil {
			s.conn.Close(err)
		}
		s.pump()
		s.tellNews()
	})
}
