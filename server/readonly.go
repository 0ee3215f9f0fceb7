package server

import (
	"time"

	"ringcache/ring"
	"ringcache/ring/control"
	"ringcache/server/command"
)

// READONLY.
//
// A connection that asked for it has its reads answered from this node's copies, where they are live; else they go to the primary, as
// those of anybody. A copy is live while
//
//   - this node has its lease: so it goes by a map that was in force a moment ago;
//   - the copy is whole, and follows the stream of the node that is the slot's primary by that map;
//   - the primary has proved, by naming an acknowledgement of this node's, that the stream stood less than copyFresh ago by this node's
//     clock (replication.Received.Confirmed).
//
// So what is read is at most copyFresh older than what the primary has, and a node that was stopped, or cut off, answers nothing from what
// it had before. The clock is read after the request.

// copyFresh is how old a copy may be that is read: as long as a lease lasts.
func copyFresh(nodeTimeout time.Duration) time.Duration { return nodeTimeout * 3 / 4 }

// readsHere reports whether a row's call may be answered from copies.
func readsHere(row *command.Row, args [][]byte) bool {
	return row.Has(command.ReadOnly) && row.Route == command.ByKey && row.SlotArg == nil && !row.IsSlow(args) && !row.Waits(args)
}

// tryCopies answers a read of the session from copies, or reports false: then nothing has happened.
func (s *session) tryCopies(row *command.Row, args [][]byte) bool {
	l := s.l
	now := control.Mono()
	if l.self == ring.None || now >= l.srv.opt.Cluster.LeaseUntil() || len(l.held) > 0 {
		return false
	}
	pos, err := row.KeyPositions(args, l.pos[:0])
	l.pos = pos
	if err != nil || len(pos) == 0 {
		return false
	}
	copies := false
	l.slots = l.slots[:0]
	for _, i := range pos {
		slot := ring.SlotOf(args[i])
		switch {
		case l.local(slot):
			l.slots = append(l.slots, slot)
		case l.m.Slots[slot].ReplicaAt(l.self) < 0:
			return false
		default:
			copies = true
		}
	}
	if !copies {
		return false
	}
	l.fresh = now - copyFresh(l.srv.copies.opt.NodeTimeout)
	b := s.begin()
	start := len(b)
	c := &l.ctx
	c.Args, c.DB, c.Slot, c.Conn, c.NoTouch = args, int(s.db), ring.SlotOf(args[pos[0]]), s, s.flags&flagNoTouch != 0
	c.Out.B, c.Out.Proto = b, int(s.proto)
	if !c.RunOnCopies(row, l.live) {
		s.end(b, start)
		return false
	}
	l.stats.executed++
	l.stats.commands.Begin(row)
	l.stats.commands.End(row, c.Out.B[start:])
	held := false
	for _, slot := range l.slots {
		held = l.copied(slot) && l.mustWait(slot) || held
	}
	if held {
		s.endHeld(c.Out.B, start)
	} else {
		s.end(c.Out.B, start)
	}
	return true
}

// liveHere reports whether what is here of a slot may be read: whether this node serves it, or its stream has stood since l.fresh. Under the
// slot's lock.
func (l *loop) liveHere(slot uint16) bool {
	if l.local(slot) {
		return true
	}
	copies := l.srv.copies
	sender, at := copies.received.Confirmed(copies.positions.Following(slot))
	return at > max(0, l.fresh) && sender == l.m.ID(l.m.Slots[slot].Primary)
}
