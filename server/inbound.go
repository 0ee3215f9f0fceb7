package server

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"

	"ringcache/internal/bus"
	"ringcache/ring"
	"ringcache/server/command"
	"ringcache/server/front"
)

// maxInboundBacklog is how many bytes of replies a peer may leave unread, or may wait for replicas on its loop, before its requests are
// no longer read.
const maxInboundBacklog = 64 << 20

// inbound is the receiving end of a peer's link: it runs the requests and returns their replies by id.
type inbound struct {
	l      *loop
	c      *front.Conn
	peer   string
	in     []byte // the start of a frame that has not arrived whole
	paused bool
	closed bool

	origins [2]uint64   // whose requests have come, of the peer's own: a loop has two
	stale   atomic.Bool // the peer has opened another connection in place of this one
}

func newInbound(l *loop, c *front.Conn, peer string) *inbound {
	b := &inbound{l: l, c: c, peer: peer}
	c.User = b
	return b
}

// Data implements front.Handler: requests have come.
func (b *inbound) Data(c *front.Conn, p []byte) {
	b.l.renew()
	if len(b.in) > 0 {
		b.in = append(b.in, p...)
		p = b.in
	}
	rest, err := b.requests(p)
	switch {
	case errors.Is(err, errReplaced):
		b.l.srv.log.Info("closing a link that its node has replaced", "node", b.peer, "addr", c.RemoteAddr())
		c.Close(err)
		return
	case err != nil:
		b.l.srv.log.Error("malformed request from a node, closing the link", "node", b.peer, "addr", c.RemoteAddr(), "err", err)
		c.Close(err)
		return
	}
	b.in = keepRest(b.in, rest)
	if !b.paused && c.Backlog()+b.l.owedBytes() > maxInboundBacklog {
		b.paused = true
		c.Pause()
	}
}

// requests runs the whole frames at the start of p and answers what is left.
func (b *inbound) requests(p []byte) ([]byte, error) {
	for !b.closed {
		h, ok, err := bus.ParseHeader(p)
		if err != nil {
			return nil, err
		}
		if !ok || len(p)-bus.HeaderSize < int(h.Bytes) {
			return p, nil
		}
		end := bus.HeaderSize + int(h.Bytes)
		if h.Type == bus.FrameCancel {
			b.cancel(&h)
		} else if err := b.run(&h, p[bus.HeaderSize:end]); err != nil {
			return nil, err
		}
		p = p[end:]
	}
	return nil, nil
}

// run executes one request, or sees to it that it is. What a node answers or cuts into parts by itself it never forwards.
func (b *inbound) run(h *bus.Header, payload []byte) error {
	l := b.l
	id, payload, whole := requestOf(h, payload)
	args, ok := l.parse(payload)
	if !ok || !whole || h.Type != bus.FrameRequest {
		return bus.ErrFrame
	}
	if id.Origin != 0 && h.Hops == 1 && !b.joined(id.Origin, h.Conn) {
		return errReplaced
	}
	part := h.Flags&bus.FlagPart != 0
	proto := uint8(2)
	if h.Flags&bus.FlagProto3 != 0 {
		proto = 3
	}
	l.stats.served++
	row := l.srv.opt.Table.Lookup(args)
	if row != nil && (!seesKeys(row) || part != (row.Route == command.Everywhere)) {
		if part && row.Has(command.Awaits) {
			return b.tellAcked(args, h)
		}
		return fmt.Errorf("%w: %q is not for another node", bus.ErrFrame, row.FullName())
	}
	if row != nil && row.OneKey() && row.Route == command.ByKey && row.ArityOK(len(args)) {
		if slot := ring.SlotOf(args[row.FirstKey]); l.local(slot) && !l.waits(slot) {
			b.runLocal(row, args, slot, h, id, proto)
			return nil
		}
	}
	r := request{
		row: row, args: args, raw: payload, db: h.DB, proto: proto, hops: h.Hops, part: part,
		epoch: h.Epoch, to: b, tag: h.ID, id: id,
	}
	if l.dispatch(&r) != finished {
		l.hold(&r, l.holdFor(l.mono(), 0))
	}
	return nil
}

// runLocal writes the reply straight behind its frame header.
func (b *inbound) runLocal(row *command.Row, args [][]byte, slot uint16, h *bus.Header, id command.RequestID, proto uint8) {
	b.c.Reserve(minReplyRoom)
	start := len(b.c.Out)
	c := &b.l.ctx
	c.Args, c.DB, c.Slot, c.Conn, c.NoTouch = args, int(h.DB), slot, nil, false
	c.Out.B = bus.AppendHeader(b.c.Out, bus.Header{ID: h.ID, Type: bus.FrameReply})
	c.Out.Proto = int(proto)
	c.Request, b.l.once.conn = id, b
	b.l.run(row, false)
	c.Request = command.RequestID{}
	if b.l.copied(slot) && b.l.mustWait(slot) {
		b.l.gate.owe(b, h.ID, c.Out.B[start+bus.HeaderSize:])
		b.c.Out = c.Out.B[:start]
		return
	}
	if body := start + bus.HeaderSize; len(c.Out.B)-body > maxFrame {
		c.Out.B = c.Out.B[:body]
		c.Out.Error(errReplyTooLarge)
	}
	binary.LittleEndian.PutUint32(c.Out.B[start:], uint32(len(c.Out.B)-start-bus.HeaderSize))
	b.c.Out = c.Out.B
	b.c.Dirty()
}

// complete implements completer.
func (b *inbound) complete(id uint32, reply []byte) {
	if b.closed {
		return
	}
	if len(reply) > maxFrame {
		b.l.fail(b, id, errReplyTooLarge)
		return
	}
	b.c.Reserve(bus.HeaderSize + len(reply))
	b.c.Out = append(bus.AppendHeader(b.c.Out, bus.Header{Bytes: uint32(len(reply)), ID: id, Type: bus.FrameReply}), reply...)
	b.c.Dirty()
}

func (b *inbound) gone() bool { return b.closed }

// Drained implements front.Handler.
func (b *inbound) Drained(*front.Conn) { b.readOn() }

// readOn ends the pause once the peer has taken most of its replies. The tick asks too: where the peer takes all of a large
// backlog in one write, it was never blocked and nothing else says that it has drained.
func (b *inbound) readOn() {
	if b.paused && b.c.Backlog()+b.l.owedBytes() <= maxInboundBacklog/2 {
		b.paused = false
		b.c.Resume()
	}
}

// cancel ends the waiting of a request. Where it has ended before, its reply is on its way, and that is all.
func (b *inbound) cancel(h *bus.Header) {
	why := unblocked // to one whose client has gone, too: nobody reads it
	if h.Flags&bus.FlagTimedOut != 0 {
		why = timedOut
	}
	b.l.cancel(waitID{b, h.ID}, why)
}

// moved answers a request that has waited here, in vain and without any change, with what is to be sent to the new owner.
func (b *inbound) moved(id uint32, raw []byte) {
	if b.closed {
		return
	}
	b.c.Reserve(bus.HeaderSize + len(raw))
	h := bus.Header{Bytes: uint32(len(raw)), ID: id, Type: bus.FrameReply, Flags: bus.FlagMoved}
	b.c.Out = append(bus.AppendHeader(b.c.Out, h), raw...)
	b.c.Dirty()
}

// Close implements front.Handler.
func (b *inbound) Close(*front.Conn, error) {
	b.closed = true
	b.l.srv.copies.origins.leave(b)
	b.l.cancelAll(b)
}
