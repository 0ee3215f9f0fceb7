package server

import (
	"errors"
	"io"
	"time"

	"ringcache/server/command"
	"ringcache/server/front"
	"ringcache/server/resp"
)

// session is one client connection on its loop. It keeps the order of replies: a reply that is ready before its turn waits
// in places. An idle session owns no buffer.
type session struct {
	l  *loop
	c  *front.Conn
	rd resp.Reader

	places places
	routed uint64 // epoch of the map that the outstanding requests were routed by

	id      uint64
	db      uint8
	proto   uint8
	mode    command.ReplyMode
	modeSet bool // the command that ran chose the mode
	authed  bool
	closed  bool
	ending  bool   // no further command is read: QUIT, or a protocol error
	eof     bool   // the client sends no more
	barrier bool   // a cluster-wide or slow command runs: the next one waits for its reply
	queued  bool   // in loop.ready
	shut    bool   // the client sends no more, but what it sent has not all been read
	waitTag uint32 // of the last command that blocked
	gates   int32  // that hold its output
	gate    *gate  // of this batch, if that is one of them
	flags   sessionFlags
	wrote   slotGroups // slots that it has written to

	park      parkReason
	parkUntil time.Duration // monotonic
	parkedCmd []byte        // the command that cannot run yet, as RESP; own copy

	created, active int64 // unix ms
	softSince       int64 // unix ms since when the output is over the soft limit; 0 = it is not
	row             *command.Row
	more            *sessionInfo // what few clients set
}

type sessionFlags uint8

const (
	flagReadOnly sessionFlags = 1 << iota
	flagNoEvict
	flagNoTouch
)

// sessionInfo is what a client told about itself.
type sessionInfo struct{ name, libName, libVer, user string }

// parkReason says what a session's next command waits for.
type parkReason uint8

const (
	notParked parkReason = iota
	parkHold             // the map, a link or the lease
	parkWait             // a link to drain
	parkDrain            // its own outstanding replies
)

// newConn makes the session of an accepted connection, or refuses it.
func (s *Server) newConn(c *front.Conn) front.Handler {
	l := c.Loop().User.(*loop)
	l.stats.connections++
	if n := s.clients.Add(1); n > int64(l.srv.settings.Load().MaxClients) {
		s.clients.Add(-1)
		l.stats.rejected++
		c.Out = append(c.Out, "-"+resp.ErrMaxClients+"\r\n"...)
		return nil
	}
	now := l.ev.Now()
	ss := &session{l: l, c: c, id: s.nextID.Add(1), proto: 2, created: now, active: now}
	ss.authed = l.srv.settings.Load().RequirePass == ""
	ss.setLimits()
	c.User = ss
	return ss
}

// setLimits gives the reader the bounds that fit whether the client has logged in.
func (s *session) setLimits() {
	if !s.authed {
		s.rd.SetLimits(resp.PreAuthLimits)
		return
	}
	set := s.l.srv.settings.Load()
	lim := resp.DefaultLimits
	lim.Bulk, lim.Buffer = set.MaxBulk, set.QueryBuffer
	s.rd.SetLimits(lim)
}

// Data takes what the client sent.
func (s *session) Data(_ *front.Conn, p []byte) {
	s.l.renew()
	s.l.stats.bytesIn += int64(len(p))
	s.active = s.l.ev.Now()
	s.rd.Feed(p)
	if s.blocked() {
		if !s.waits() || s.rd.Buffered() >= maxBehindWait {
			s.c.Pause()
		} // what has arrived is kept; the rest stays in the kernel until the session may go on
	} else {
		s.run()
	}
	s.rd.Keep()
}

// blocked reports whether the next command has to wait for something.
func (s *session) blocked() bool {
	return s.park != notParked || s.barrier || s.ending || s.closed || s.c.Closed() || s.places.len() >= maxPlaces
}

// run works through the commands that have arrived until one must wait or none is left.
func (s *session) run() {
	for !s.blocked() {
		cmd, ok, err := s.rd.Next()
		if err != nil {
			s.protocolError(err)
			return
		}
		if !ok {
			return
		}
		s.exec(cmd.Args, cmd.Raw)
		s.c.Ease()
	}
}

// exec runs one command, or parks the session with it.
func (s *session) exec(args [][]byte, raw []byte) {
	mode := s.mode
	if why := s.try(args, raw); why != notParked {
		s.parkWith(raw, why)
		return
	}
	s.ran(mode)
	s.checkOutput()
}

// ran follows a command that was run in that mode: CLIENT REPLY SKIP silences one only.
func (s *session) ran(mode command.ReplyMode) {
	if mode == command.ReplySkip && !s.modeSet {
		s.mode = command.ReplyOn
	}
	s.modeSet = false
}

// parkWith keeps a command until what it waits for has changed; nothing more is read from the client meanwhile.
func (s *session) parkWith(raw []byte, why parkReason) {
	if s.park == notParked {
		s.parkedCmd = append(s.l.buffers.get(), raw...)
		s.parkUntil = 0
		s.l.parked = append(s.l.parked, s)
	}
	s.park = why
	if why == parkHold && s.parkUntil == 0 {
		s.parkUntil = s.l.holdFor(s.l.mono(), s.l.since)
	}
}

// retry runs the parked command again; it reports whether the session is free.
func (s *session) retry() bool {
	if s.closed {
		return true
	}
	args, ok := s.l.parse(s.parkedCmd)
	if !ok { // cannot be: it was parsed before
		s.c.Close(errors.New("server: a parked command does not parse"))
		return true
	}
	mode := s.mode
	if why := s.try(args, s.parkedCmd); why != notParked {
		s.parkWith(nil, why)
		return false
	}
	s.ran(mode)
	s.unparked()
	return true
}

// unparked lets the session go on after its parked command was answered.
func (s *session) unparked() {
	s.l.buffers.put(s.parkedCmd)
	s.parkedCmd, s.park = nil, notParked
	s.l.enqueue(s)
}

// resume goes on with what had arrived while the session could not run. Only a session that is through with it is read again:
// else each command of a pipeline that makes the next one wait would let in another read of it, and all would gather here.
func (s *session) resume() {
	if s.closed || s.park != notParked || s.barrier || s.places.len() > maxPlaces/2 {
		return
	}
	s.run()
	s.rd.Keep()
	if !s.blocked() {
		s.c.Resume()
	}
	s.over()
}

// minReplyRoom is the room, in bytes, that a reply finds in its output: most need no more, and then nothing has to grow.
const minReplyRoom = 128

// begin answers the buffer for a local reply: the connection's own when nothing is outstanding, else that of the last place.
func (s *session) begin() []byte {
	if s.places.empty() {
		s.c.Reserve(minReplyRoom)
		return s.c.Out
	}
	if p := s.places.last(s.l.gate); p != nil {
		return p.buf
	}
	pos := s.places.push()
	p := s.places.at(pos)
	p.done, p.buf = true, s.l.buffers.get()
	return p.buf
}

// end takes back the buffer of begin with the reply appended; start is its length before.
func (s *session) end(b []byte, start int) { s.give(b, start, s.mode != command.ReplyOn) }

// give is end, and drops the reply where the client asked for none.
func (s *session) give(b []byte, start int, mute bool) {
	if mute {
		b = b[:start]
	}
	s.l.stats.bytesOut += int64(len(b) - start)
	if s.places.empty() {
		s.c.Out = b
		s.c.Dirty()
		return
	}
	s.places.last(s.l.gate).buf = b
}

// endHeld is end for a reply that waits for this batch's gate.
func (s *session) endHeld(b []byte, start int) {
	if s.mode != command.ReplyOn {
		s.end(b, start)
		return
	}
	g := s.l.gate
	if s.places.empty() {
		s.c.Hold(s.c.Produced()) // c.Out ends where the reply begins
		g.holdSession(s)
	} else if p := s.places.last(g); p.done {
		p.done, p.gate = false, g
		g.places = append(g.places, heldPlace{s, s.places.tail - 1})
	}
	s.end(b, start)
}

// owe reserves the place of a reply that comes later and answers its position.
func (s *session) owe() uint32 {
	if s.places.empty() {
		s.routed = s.l.m.Epoch
	}
	pos := s.places.push()
	s.places.at(pos).mute = s.mode != command.ReplyOn
	return pos
}

// complete implements completer: the reply for the place pos has come.
func (s *session) complete(pos uint32, reply []byte) {
	if s.closed {
		return
	}
	p := s.places.at(pos)
	if p.mute {
		reply = nil
	}
	s.l.stats.bytesOut += int64(len(reply))
	if pos != s.places.head {
		p.buf, p.done, p.mute = append(s.l.buffers.get(), reply...), true, false
		return
	}
	s.c.Reserve(len(reply))
	s.c.Out = append(s.c.Out, reply...)
	*p = place{}
	s.places.head++
	s.advance(s.places.len() + 1)
}

// placeReady lets the local reply at pos, which has waited for a gate, leave when it is its turn.
func (s *session) placeReady(pos uint32) {
	if s.closed {
		return
	}
	p := s.places.at(pos)
	p.done, p.gate = true, nil
	if pos == s.places.head {
		s.advance(s.places.len())
	}
}

// advance gives the replies whose turn it is; before is how many places there were.
func (s *session) advance(before int) {
	for !s.places.empty() {
		p := s.places.at(s.places.head)
		if !p.done {
			break
		}
		s.c.Reserve(len(p.buf))
		s.c.Out = append(s.c.Out, p.buf...)
		s.l.buffers.put(p.buf)
		*p = place{}
		s.places.head++
	}
	s.c.Dirty()
	s.checkOutput()
	if before > maxPlaces/2 && s.places.len() <= maxPlaces/2 {
		s.l.enqueue(s)
	}
	if s.places.empty() {
		s.drained()
	}
}

// drained follows the last outstanding reply.
func (s *session) drained() {
	if len(s.places.ring) > idlePlaces {
		s.places = places{}
	}
	switch {
	case s.ending:
		s.c.CloseAfterFlush()
	case s.barrier:
		s.barrier = false
		s.l.enqueue(s)
	case s.park == parkDrain:
		s.l.wake = true
	default:
		s.over()
	}
}

// Ended implements front.Ender: the client has sent its last command, and may wait for replies yet.
func (s *session) Ended(*front.Conn) bool {
	s.eof = true
	if s.waits() {
		return false // as Redis: who waits for a key and shuts down has gone
	}
	s.over()
	return true
}

// Shut implements front.ShutWatcher.
func (s *session) Shut(*front.Conn) {
	s.shut = true
	if s.waits() {
		s.c.Close(io.EOF)
	}
}

// over closes the connection of a client that sends no more once all it has sent is answered.
func (s *session) over() {
	if s.eof && s.park == notParked && !s.barrier && !s.queued && s.places.empty() {
		s.c.CloseAfterFlush()
	}
}

// idlePlaces is the size up to which a session keeps its ring of places for the next pipeline.
const idlePlaces = 64

func (s *session) gone() bool { return s.closed }

// finish ends the session once all it is owed has left.
func (s *session) finish() {
	s.ending = true
	s.c.Pause()
	if s.places.empty() {
		s.c.CloseAfterFlush()
	}
}

func (s *session) protocolError(err error) {
	s.l.srv.log.Warn("protocol error, closing the connection", "client", s.c.RemoteAddr(), "id", s.id, "err", err)
	s.l.stats.protocolErrors++
	b := s.begin()
	w := resp.Writer{B: b, Proto: int(s.proto)}
	w.Error("ERR " + err.Error())
	s.end(w.B, len(b))
	s.finish()
}

// Drained implements front.Handler.
func (s *session) Drained(*front.Conn) {}

// Close implements front.Handler.
func (s *session) Close(c *front.Conn, err error) {
	s.closed = true
	if s.barrier {
		s.l.cancel(waitID{s, s.waitTag}, clientGone)
	}
	s.l.srv.clients.Add(-1)
	if n := s.rd.Buffered(); n > 0 && err != nil && !s.ending {
		s.l.srv.log.Info("a client went away in the middle of a request", "client", c.RemoteAddr(), "id", s.id, "bytes", n, "err", err)
	}
	s.rd.Release()
	for pos := s.places.head; pos != s.places.tail; pos++ {
		s.l.buffers.put(s.places.at(pos).buf)
	}
	s.places = places{}
	if s.park != notParked {
		s.l.wake = true // it leaves the list of parked ones there
	}
}
