package server

import (
	"time"

	"ringcache/ring"
	"ringcache/server/command"
	"ringcache/server/resp"
)

// enqueue lets a session go on at the end of the batch.
func (l *loop) enqueue(s *session) {
	if !s.queued && !s.closed {
		s.queued = true
		l.ready = append(l.ready, s)
	}
}

func (l *loop) runReady() {
	n := len(l.ready)
	for i := range n {
		s := l.ready[i]
		s.queued = false
		s.resume()
	}
	l.ready = append(l.ready[:0], l.ready[n:]...)
}

// unpark tries every parked session again, first come first served.
func (l *loop) unpark() {
	parked := l.parked
	l.parked = nil
	keep := parked[:0]
	for _, s := range parked {
		if !s.retry() {
			keep = append(keep, s)
		}
	}
	clear(parked[len(keep):])
	l.parked = append(keep, l.parked...)
}

// expireParked answers the sessions whose wait has been too long.
func (l *loop) expireParked(now time.Duration) {
	keep := l.parked[:0]
	for _, s := range l.parked {
		if s.closed {
			continue
		}
		if s.park != parkHold || now < s.parkUntil {
			keep = append(keep, s)
			continue
		}
		b := s.begin()
		w := resp.Writer{B: b, Proto: int(s.proto)}
		w.Error(l.downError())
		s.end(w.B, len(b))
		s.ran(s.mode)
		s.unparked()
	}
	clear(l.parked[len(keep):])
	l.parked = keep
}

// maxHeldBytes bounds what a loop keeps of requests that wait in the middle of a pipeline or came over the bus.
const maxHeldBytes = 64 << 20

// hold keeps a request until the map, a link or the lease has changed. It owns its bytes from now on.
func (l *loop) hold(r *request, deadline time.Duration) {
	if l.heldBytes+len(r.raw) > maxHeldBytes {
		l.over(r.to, r.id)
		l.fail(r.to, r.tag, l.notDone(r.id))
		return
	}
	l.stats.heldTotal++
	h := held{
		raw: append([]byte(nil), r.raw...), db: r.db, proto: r.proto, hops: r.hops, part: r.part, epoch: r.epoch,
		to: r.to, tag: r.tag, id: r.id, node: r.node, deadline: deadline,
	}
	h.slots = l.slotsOf(h.raw)
	l.keep(&h)
	l.held = append(l.held, h)
}

// slotsOf answers the slots of a request's keys, each once for each key.
func (l *loop) slotsOf(raw []byte) []uint16 {
	args, ok := l.parse(raw)
	if !ok {
		return nil
	}
	row := l.srv.opt.Table.Lookup(args)
	if row == nil || !row.ArityOK(len(args)) {
		return nil
	}
	pos, err := row.KeyPositions(args, l.pos[:0])
	l.pos = pos
	if err != nil {
		return nil
	}
	slots := make([]uint16, len(pos))
	for i, p := range pos {
		slots[i] = ring.SlotOf(args[p])
	}
	return slots
}

// keep counts a held request, and release no longer does.
func (l *loop) keep(h *held) {
	l.heldBytes += len(h.raw)
	for _, slot := range h.slots {
		l.heldSlots[slot]++
	}
}

func (l *loop) release(h *held) {
	l.heldBytes -= len(h.raw)
	for _, slot := range h.slots {
		if l.heldSlots[slot]--; l.heldSlots[slot] == 0 {
			delete(l.heldSlots, slot)
		}
	}
}

// waits reports whether a request for slot is held, so that a later one has to wait as well: else it could overtake one of the
// same client in the batch in which the slot is served again.
func (l *loop) waits(slot uint16) bool { return len(l.heldSlots) > 0 && l.heldSlots[slot] > 0 }

// retryHeld tries the held requests again in the order they came.
func (l *loop) retryHeld() {
	list := l.held
	l.held, l.heldBytes = nil, 0
	clear(l.heldSlots) // each waits only behind those before it
	keep := list[:0]
	for i := range list {
		h := &list[i]
		if h.to.gone() {
			l.settled(h.id)
			continue
		}
		args, ok := l.parse(h.raw)
		if !ok {
			l.over(h.to, h.id)
			l.fail(h.to, h.tag, resp.ErrInternal)
			continue
		}
		r := request{
			row: l.srv.opt.Table.Lookup(args), args: args, raw: h.raw, db: h.db, proto: h.proto, hops: h.hops, part: h.part,
			epoch: h.epoch, to: h.to, tag: h.tag, id: h.id, node: h.node, deadline: h.deadline,
		}
		switch {
		case l.dispatch(&r) != finished:
			l.keep(h)
			keep = append(keep, *h)
		case !r.sent:
			l.over(h.to, h.id)
		}
	}
	clear(list[len(keep):])
	l.held = append(keep, l.held...)
}

// expireHeld answers the held requests whose wait has been too long.
func (l *loop) expireHeld(now time.Duration) {
	keep := l.held[:0]
	for _, h := range l.held {
		if now < h.deadline {
			keep = append(keep, h)
			continue
		}
		l.release(&h)
		l.over(h.to, h.id)
		l.fail(h.to, h.tag, l.notDone(h.id))
	}
	clear(l.held[len(keep):])
	l.held = keep
}

// fail completes a request with an error.
func (l *loop) fail(to completer, tag uint32, text string) {
	w := resp.Writer{Proto: 2}
	w.Error(text)
	to.complete(tag, w.B)
}

// downError is what a client is told whose slot nobody serves.
func (l *loop) downError() string {
	if !l.serving {
		return resp.ErrClusterDown
	}
	return resp.ErrSlotNotServed
}

// notDone is what a client is told of a request that has been held in vain.
func (l *loop) notDone(id command.RequestID) string {
	if id.Repeat {
		return errLostWrite
	}
	return l.downError()
}

// parse reads one whole request again.
func (l *loop) parse(raw []byte) ([][]byte, bool) {
	l.again.Feed(raw)
	cmd, ok, err := l.again.Next()
	if err != nil || !ok || l.again.Buffered() != 0 {
		l.again.Release()
		return nil, false
	}
	return cmd.Args, true
}
