package server

import (
	"math"
	"slices"
	"time"

	"ringcache/ring"
	"ringcache/ring/control"
	"ringcache/server/command"
	"ringcache/server/resp"
)

// try runs one command of the session: here, at its owner, or over several. It answers why the command cannot run yet, or
// notParked once its reply is written or owed.
func (s *session) try(args [][]byte, raw []byte) parkReason {
	l := s.l
	row := l.srv.opt.Table.Lookup(args)
	s.row = row
	if row == nil || !row.ArityOK(len(args)) {
		s.reject(row, l.srv.opt.Table.CheckError(args))
		return notParked
	}
	if !s.authed && !row.Has(command.NoAuth) {
		s.reject(row, resp.ErrNoAuth)
		return notParked
	}
	switch {
	case row.Has(command.ReadOnly):
		l.stats.reads++
	case row.Has(command.Write):
		l.stats.writes++
	}
	if !seesKeys(row) && !row.IsSlow(args) {
		if row.Has(command.Awaits) && !s.places.empty() {
			return parkDrain
		}
		s.runHere(row, args)
		return notParked
	}
	if !s.places.empty() && s.routed != l.m.Epoch {
		return parkDrain // the outstanding requests went by another map
	}
	if s.flags&flagReadOnly != 0 && readsHere(row, args) && s.tryCopies(row, args) {
		return notParked
	}
	if row.OneKey() && row.Route == command.ByKey {
		return s.tryOneKey(row, args, raw)
	}
	alone := row.Route != command.ByKey && row.SlotArg == nil || row.Split == command.SplitGet && len(args) > row.FirstKey+1 || row.IsSlow(args)
	if alone && !s.places.empty() {
		return parkDrain
	}
	r := request{row: row, args: args, raw: raw, db: s.db, proto: s.proto, to: s, tag: s.owe()}
	s.barrier = alone
	switch l.dispatch(&r) {
	case mustHold:
		s.disown()
		return parkHold
	case mustWait:
		s.disown()
		return parkWait
	}
	s.barrier = s.barrier && !s.places.empty()
	if row.Has(command.Blocking) {
		s.waitFor(r.tag)
	}
	return notParked
}

// waitFor has the session run nothing more until a command is answered that waits, or may.
func (s *session) waitFor(tag uint32) {
	if s.l.waiting.blocked[waitID{s, tag}] == nil {
		return
	}
	s.barrier, s.waitTag = true, tag
	if s.rd.Buffered() < maxBehindWait {
		s.c.Resume() // else the end of the client would not be seen
	}
}

// waits reports whether the session waits for a command that blocks.
func (s *session) waits() bool { return s.barrier && s.l.waiting.blocked[waitID{s, s.waitTag}] != nil }

// disown takes back the place that owe gave last.
func (s *session) disown() {
	s.places.tail--
	s.barrier = false
}

// tryOneKey is the way of most requests: one key, one owner.
func (s *session) tryOneKey(row *command.Row, args [][]byte, raw []byte) parkReason {
	l := s.l
	slot := ring.SlotOf(args[row.FirstKey])
	if row.Has(command.Write) {
		s.wrote.add(slot)
	}
	if l.waits(slot) {
		l.since = 0
		return parkHold
	}
	if l.local(slot) {
		b := s.begin()
		c := &l.ctx
		c.Args, c.DB, c.Slot, c.Conn, c.NoTouch = args, int(s.db), slot, s, s.flags&flagNoTouch != 0
		c.Out.B, c.Out.Proto = b, int(s.proto)
		l.run(row, false)
		if l.copied(slot) && l.mustWait(slot) {
			s.endHeld(c.Out.B, len(b))
		} else {
			s.end(c.Out.B, len(b))
		}
		return notParked
	}
	k := l.owner(slot)
	if k == nil {
		return parkHold
	}
	if k.full() {
		return parkWait
	}
	r := request{row: row, raw: raw, db: s.db, proto: s.proto, to: s, tag: s.owe()}
	k.send(&r, slot)
	return notParked
}

// owner answers the link to the primary of slot, or nil, with the cause's beginning in l.since, where requests for slot have
// to be held: nobody serves it, or this node itself does but must not now.
func (l *loop) owner(slot uint16) *link {
	l.since = 0
	to := l.route[slot]
	if to < 0 {
		if !l.serving {
			l.since = l.lostLease
		}
		return nil
	}
	k := l.byNode[to]
	if k.down() {
		l.since = k.downSince()
		return nil
	}
	return k
}

// run executes row, or this node's part of it, with l.ctx, and counts it.
func (l *loop) run(row *command.Row, part bool) {
	c, st := &l.ctx, l.stats.commands
	if len(l.waiting.toServe) > 0 {
		l.serveReady()
	}
	start := len(c.Out.B)
	l.stats.executed++
	measure := st.Begin(row)
	var began time.Time
	if measure {
		began = time.Now()
	}
	if part {
		c.RunPart(row)
	} else {
		c.Run(row)
	}
	if measure {
		st.Time(row, int64(time.Since(began)))
	}
	st.End(row, c.Out.B[start:])
	if len(c.Ready) > 0 {
		l.takeReady(c)
	}
}

// runHere executes a command that the receiving node answers itself.
func (s *session) runHere(row *command.Row, args [][]byte) {
	c := &s.l.ctx
	b := s.begin()
	start, before := len(b), s.mode
	c.Args, c.DB, c.Conn, c.NoTouch = args, int(s.db), s, s.flags&flagNoTouch != 0
	c.Out.B, c.Out.Proto = b, int(s.proto)
	s.l.run(row, false)
	if a := c.Awaiting(); a != nil {
		s.await(a)
		return
	}
	s.give(c.Out.B, start, before != command.ReplyOn && s.mode != command.ReplyOn)
	if s.ending {
		s.finish()
	}
}

// dispatch finds the node or nodes that run r and sees to it that r.to is completed exactly once, unless it answers that r
// must be tried again later; then nothing has been done.
func (l *loop) dispatch(r *request) verdict {
	switch {
	case r.row == nil || !r.row.ArityOK(len(r.args)):
		l.fail(r.to, r.tag, l.srv.opt.Table.CheckError(r.args))
		return finished
	case r.part && r.node != "":
		return l.sendPartAgain(r)
	case r.part:
		return l.runPart(r)
	case r.row.Route == command.Everywhere:
		r.writesAll()
		return l.everywhere(r)
	case r.row.SlotArg != nil:
		if slot, ok := r.row.SlotArg(r.args); ok {
			return l.toOwner(r, slot)
		}
		l.runNow(r, 0)
		return finished
	case r.row.Route == command.Here:
		return l.runSlow(r, false, 0)
	}
	pos, err := r.row.KeyPositions(r.args, l.pos[:0])
	l.pos = pos
	if err != nil {
		l.fail(r.to, r.tag, err.Error())
		return finished
	}
	if len(pos) == 0 {
		l.runNow(r, 0)
		return finished
	}
	l.slots = l.slots[:0]
	one := true
	for _, i := range pos {
		slot := ring.SlotOf(r.args[i])
		if l.waits(slot) {
			l.since = 0
			return mustHold
		}
		l.slots = append(l.slots, slot)
		r.writes(slot)
		one = one && l.m.Slots[slot].Primary == l.m.Slots[l.slots[0]].Primary
	}
	if !one {
		return l.split(r)
	}
	if l.m.Slots[l.slots[0]].Primary != l.self {
		return l.toOwner(r, l.slots[0])
	}
	for _, slot := range l.slots {
		if !l.local(slot) {
			l.owner(slot) // for the cause
			return mustHold
		}
	}
	if r.id.Origin != 0 && r.row.Split == command.SplitKeys && len(l.slots) > 1 {
		if !l.refused(r, slices.Values(l.slots)) {
			l.bySlot(r)
		}
		return finished
	}
	return l.toOwner(r, l.slots[0])
}

// toOwner runs r, whose keys all live at the primary of slot, there.
func (l *loop) toOwner(r *request, slot uint16) verdict {
	if l.local(slot) {
		if r.row.IsSlow(r.args) {
			return l.runSlow(r, false, slot)
		}
		l.runNow(r, slot)
		return finished
	}
	if l.mayNotForward(r) {
		if peer, ok := r.to.(*inbound); ok && r.epoch <= l.m.Epoch && r.row.Waits(r.args) {
			peer.moved(r.tag, r.raw) // it may wait for long, and its keys move on meanwhile
			return finished
		}
		l.since = 0
		return mustHold // a newer map than ours is on its way
	}
	k := l.owner(slot)
	switch {
	case k == nil:
		return mustHold
	case k.full():
		return mustWait
	case r.row.Waits(r.args) && k.crowded():
		l.fail(r.to, r.tag, command.ErrTooManyWait)
		return finished
	}
	k.send(r, slot)
	return finished
}

// mayNotForward reports whether a request of another node has to wait for a map: for one as new as its sender's, and, when it has come a long
// way, for a newer one. Each further step then goes by a newer map than the one before, so that it comes to an end.
func (l *loop) mayNotForward(r *request) bool {
	return r.epoch > l.m.Epoch || r.hops >= maxHops && (r.epoch == l.m.Epoch || r.hops == math.MaxUint8)
}

// seesKeys reports whether a command's reply may tell of keys: such replies wait for replicas, and others never do. A node that has lost
// its peers must still say so.
func seesKeys(row *command.Row) bool { return row.Route != command.Here || row.SlotArg != nil }

// maxKeptReply is the size up to which a loop keeps its buffer for replies to completers.
const maxKeptReply = 1 << 20

// runNow executes r on this node and completes it.
func (l *loop) runNow(r *request, slot uint16) {
	c := &l.ctx
	c.Args, c.DB, c.Slot, c.Conn, c.NoTouch = r.args, int(r.db), slot, nil, false
	c.Out.B, c.Out.Proto = l.out[:0], int(r.proto)
	if r.id.Origin != 0 {
		c.Request, l.once.conn = r.id, inboundOf(r.to)
	}
	l.run(r.row, r.part)
	c.Request = command.RequestID{}
	if r.row.Has(command.Blocking) {
		if w := c.Waiting(); w != nil {
			l.wait(r, w)
			return
		}
	}
	l.giveReply(r.to, r.tag, c.Out.B, l.mustWaitFor(r, slot))
}

// giveReply completes with b, at once or when the gate of this batch opens; b then is this loop's buffer for the next such reply.
func (l *loop) giveReply(to completer, tag uint32, b []byte, held bool) {
	if held {
		l.gate.owe(to, tag, b)
		if cap(b) <= maxKeptReply {
			l.out = b
		}
		return
	}
	l.out = nil // a completer may run commands of its own
	to.complete(tag, b)
	if l.out == nil && cap(b) <= maxKeptReply {
		l.out = b
	}
}

// runPart executes this node's own part of a cluster-wide command.
func (l *loop) runPart(r *request) verdict {
	if r.epoch > l.m.Epoch || !l.serving || l.soon {
		l.since = 0
		if !l.serving {
			l.since = l.lostLease
		}
		return mustHold
	}
	if r.row.IsSlow(r.args) {
		return l.runSlow(r, true, 0)
	}
	l.runNow(r, 0)
	return finished
}

// leased answers when the node's lease ends, for what runs beside the loops.
func (s *Server) leased() bool { return control.Mono() < s.opt.Cluster.LeaseUntil() }
