package server

import (
	"time"

	"ringcache/internal/bus"
	"ringcache/ring/control"
	"ringcache/server/command"
	"ringcache/server/resp"
)

// maxBehindWait is how many bytes a session takes from a client whose command waits, so that it sees the client's end behind them.
const maxBehindWait = 64 << 10

// cancel asks the peer to end the waiting of a request, once. The reply comes as any other does: the peer may have served it.
func (k *link) cancel(b *blocked, why ending) bool {
	if b.cancelled || k.down() {
		return false
	}
	b.cancelled, b.why = true, why
	h := bus.Header{ID: b.flight, Type: bus.FrameCancel}
	if why == timedOut {
		h.Flags = bus.FlagTimedOut
	}
	k.appended += bus.HeaderSize
	k.c.Reserve(bus.HeaderSize)
	k.c.Out = bus.AppendHeader(k.c.Out, h)
	k.c.Dirty()
	return true
}

// moved takes back a request that has waited at the peer until its slot had another owner; raw is what is to be sent there.
func (k *link) moved(id uint32, raw []byte) {
	f := &k.flights[id-1]
	b := &blocked{id: waitID{f.to, f.tag}, db: f.db, proto: f.proto, hops: f.hops}
	if old := k.l.waiting.blocked[b.id]; old != nil {
		b.cancelled, b.why = old.cancelled, old.why
	}
	k.l.over(f.to, f.id)
	k.drop(id)
	args, ok := k.l.parse(raw)
	switch {
	case !ok || !k.l.mayWait(args):
		k.l.fail(b.id.to, b.id.tag, resp.ErrInternal)
	case b.id.to.gone():
	case b.cancelled: // the two have met on the way
		b.id.to.complete(b.id.tag, endReply(b.proto, b.why))
	default:
		k.l.holdAgain(raw, b)
	}
}

// retryWaiting tries a request again whose link was lost, with what is left of its time-out. A write that may have been served is asked
// for even when no time is left.
func (k *link) retryWaiting(id uint32, name command.RequestID, deadline time.Duration) {
	f := &k.flights[id-1]
	l := k.l
	raw := f.ck.buf[f.off : f.off+f.n]
	b := l.waiting.blocked[waitID{f.to, f.tag}]
	if b != nil && b.cancelled {
		l.settled(name)
		if name.Repeat {
			l.fail(f.to, f.tag, errLostWrite)
		} else {
			f.to.complete(f.tag, endReply(f.proto, b.why))
		}
		return
	}
	if args, ok := l.parse(raw); ok && b != nil && b.timed {
		row := l.srv.opt.Table.Lookup(args)
		left := row.TimeoutLeft(args, (control.Mono() - b.since).Milliseconds())
		if left <= 0 && !name.Repeat {
			l.settled(name)
			f.to.complete(f.tag, endReply(f.proto, timedOut))
			return
		}
		left = max(left, 1)
		raw = row.AppendWithTimeout(nil, args, left)
	}
	l.hold(&request{raw: raw, db: f.db, proto: f.proto, hops: f.hops, to: f.to, tag: f.tag, id: name}, deadline)
}

// mayWait reports whether a command is a call of a blocking row.
func (l *loop) mayWait(args [][]byte) bool {
	if len(args) == 0 {
		return false
	}
	row := l.srv.opt.Table.Lookup(args)
	return row != nil && row.ArityOK(len(args)) && row.Has(command.Blocking)
}
