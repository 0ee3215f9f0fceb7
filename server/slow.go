package server

import (
	"time"

	"ringcache/server/command"
	"ringcache/server/resp"
)

// maxSlowTasks bounds the slow commands that run at once beside the loops; further ones wait in their sessions.
const maxSlowTasks = 64

// postRetry is how long a task waits before it tries again to hand its reply to a loop whose queue is full.
const postRetry = time.Millisecond

// runSlow executes r on a goroutine of its own, so that no loop stops for it.
func (l *loop) runSlow(r *request, part bool, slot uint16) verdict {
	s := l.srv
	if s.slowTasks.Add(1) > maxSlowTasks {
		s.slowTasks.Add(-1)
		return mustWait
	}
	l.stats.executed++
	l.stats.commands.Begin(r.row)
	m, self, settled := l.m, l.self, s.copies.epoch.Load()
	ctx := command.Ctx{
		DB: int(r.db), Now: l.ev.Now(), KS: s.opt.Keyspace, SlotOf: l.ctx.SlotOf, Node: l.ctx.Node, Table: s.opt.Table,
		Waiters: s.waiters, NoBlock: true, Slot: slot,
		Owned: func(slot uint16) bool { return m.Slots[slot].Primary == self && m.Slots[slot].Epoch <= settled },
	}
	if n := l.settings.MinReplicas; n > 0 {
		ctx.Good = func(slot uint16) bool { return enough(m, slot, n) }
	}
	if ss, ok := r.to.(*session); ok {
		ctx.Conn = newFarConn(ss)
	}
	if r.id.Origin != 0 {
		ctx.Request, ctx.Once = r.id, &once{copies: s.copies, conn: inboundOf(r.to)}
	}
	ctx.Out.Proto = int(r.proto)
	if len(l.waiting.toServe) > 0 {
		l.serveReady()
	}
	raw := append([]byte(nil), r.raw...)
	row, to, tag := r.row, r.to, r.tag
	s.wg.Go(func() {
		began := time.Now()
		var rd resp.Reader
		rd.SetLimits(busLimits)
		rd.Feed(raw)
		cmd, ok, err := rd.Next()
		switch {
		case err != nil || !ok:
			ctx.Out.Error(resp.ErrInternal)
		case part:
			ctx.Args = cmd.Args
			ctx.RunPart(row)
		default:
			ctx.Args = cmd.Args
			ctx.Run(row)
		}
		reply, took := ctx.Out.B, time.Since(began)
		s.slowTasks.Add(-1) // before the loop is told, which then may start another
		s.post(l, func() {
			l.stats.commands.Time(row, int64(took))
			l.stats.commands.End(row, reply)
			if part || seesKeys(row) {
				l.deliver(to, tag, reply)
			} else {
				to.complete(tag, reply)
			}
			l.takeReady(&ctx)
			l.wake = true
		})
	})
	return finished
}

// joinBeside is the join of a slow command whose values have been gathered: the work is in the join.
func (g *gather) joinBeside() {
	l, s := g.l, g.l.srv
	ctx := command.Ctx{Now: l.ev.Now(), KS: s.opt.Keyspace, SlotOf: l.ctx.SlotOf, Node: l.ctx.Node, Table: s.opt.Table}
	s.slowTasks.Add(1) // not refused here: what it was asked for has been fetched
	s.wg.Go(func() {
		var rd resp.Reader
		rd.SetLimits(busLimits)
		rd.Feed(g.raw)
		cmd, ok, err := rd.Next()
		reply := g.join(&ctx, cmd.Args, ok && err == nil, nil)
		s.slowTasks.Add(-1)
		s.post(l, func() {
			g.finish(reply)
			l.wake = true
		})
	})
}
