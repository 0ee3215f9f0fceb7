package server

import (
	"errors"
	"net"
	"time"

	"ringcache/internal/bus"
	"ringcache/replication"
	"ringcache/ring"
	"ringcache/ring/control"
	"ringcache/server/command"
	"ringcache/server/front"
)

// following is the receiving end of a primary's stream.
type following struct {
	l    *loop
	c    *front.Conn
	peer string
	to   *target
	r    *replication.Receiver
	in   []byte // what has not been taken: the start of a frame, or frames that wait for their map
}

// AcceptStream takes over a stream that a primary opened (bus kind 'S', handshake done).
func (s *Server) AcceptStream(nc net.Conn, from bus.Peer) {
	l := s.loops[int(s.nextLoop.Add(1))%len(s.loops)]
	l.ev.Adopt(nc, func(c *front.Conn) front.Handler {
		f := &following{l: l, c: c, peer: from.NodeID, to: newTarget(s)}
		f.r = replication.NewReceiver(replication.ReceiverOptions{
			Self: s.opt.Self.ID, Peer: ring.NodeID(from.NodeID), Incarnation: s.copies.opt.Incarnation,
			Target: f.to, Positions: &s.copies.positions, Requests: &s.copies.requests, Received: &s.copies.received,
		})
		l.followings[f] = struct{}{}
		return f
	})
}

// Data implements front.Handler: effects have come.
func (f *following) Data(_ *front.Conn, p []byte) {
	f.l.stats.replIn += int64(len(p))
	if len(f.in) > 0 {
		f.in = append(f.in, p...)
		p = f.in
	}
	f.take(p)
}

func (f *following) take(p []byte) {
	f.c.Reserve(minReplyRoom)
	f.to.ctx.Now = time.Now().UnixMilli()
	rest, out, err := f.r.Receive(p, f.c.Out, control.Mono())
	f.c.Out = out
	f.c.Dirty()
	if err != nil {
		f.l.srv.log.Warn("closing the stream of a primary", "node", f.peer, "err", err)
		f.c.Close(err)
		return
	}
	f.in = keepRest(f.in, rest)
	if f.r.Waiting() {
		f.c.Pause()
	}
}

// goOn takes what has waited for a map.
func (f *following) goOn() {
	if f.c.Paused() && !f.c.Closed() {
		f.take(f.in)
		if !f.r.Waiting() {
			f.c.Resume()
		}
	}
}

// Drained implements front.Handler.
func (f *following) Drained(*front.Conn) {}

// Close implements front.Handler.
func (f *following) Close(*front.Conn, error) {
	delete(f.l.followings, f)
	f.r.Closed()
}

// errUnknownEffect ends a stream with an effect that this version does not know.
var errUnknownEffect = errors.New("server: a stream has an effect that this node does not know")

// target is the keyspace as the stream of a primary changes it.
type target struct {
	srv *Server
	ctx command.Ctx
}

func newTarget(s *Server) *target {
	return &target{srv: s, ctx: command.Ctx{KS: s.opt.Keyspace, SlotOf: ring.SlotOf, Table: s.opt.Table}}
}

// Lock implements replication.Target.
func (t *target) Lock(slot uint16) { t.srv.opt.Keyspace.LockSlot(slot) }

// Unlock implements replication.Target.
func (t *target) Unlock(slot uint16) { t.srv.opt.Keyspace.UnlockSlot(slot) }

// Apply implements replication.Target.
func (t *target) Apply(slot uint16, db int, args [][]byte) error {
	t.ctx.Out.B = t.ctx.Out.B[:0]
	if !t.ctx.ApplyLocked(slot, db, args) {
		return errUnknownEffect
	}
	return nil
}

// Clear implements replication.Target.
func (t *target) Clear(slot uint16) { t.srv.opt.Keyspace.FlushSlot(slot) }
