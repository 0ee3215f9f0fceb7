package server

import (
	"cmp"
	"container/heap"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ringcache/internal/bus"
	"ringcache/ring"
	"ringcache/ring/control"
	"ringcache/server/command"
	"ringcache/server/resp"
)

// Blocked requests.
//
// A command that waits for a key waits at the key's owner, in the registry of package command, whoever sent it: a session of the
// owner, or a peer over its link. Its loop there keeps its time-out, and ends its waiting when it is cancelled. On the way from the
// client it is a request in flight like any other, but for its long life: the link counts it apart.
//
//	served      by whichever loop of the owner has run the command that made a key ready, before that loop's next command;
//	            its reply goes to the waiter's own loop through the box
//	timed out   by the timers of its loop, to the millisecond
//	cancelled   its client has gone, or CLIENT UNBLOCK: on the owner directly, from elsewhere by bus.FrameCancel
//	moved       its slots have got another owner: it goes back to the node that has the client, and from there to the new one,
//	            with what is left of its time-out
//
// Being served and every other end are decided under the locks of its keys: a waiter has one end.
type blocked struct {
	id    waitID
	proto uint8
	db    uint8
	hops  uint8
	timed bool   // it has a time-out
	order uint64 // of coming, on its loop

	w        *command.Waiter // it waits here
	deadline time.Duration   // of w, on control.Mono; 0 = none
	timer    int             // position in loop.timers, -1 = in none

	k         *link // or it was sent there
	flight    uint32
	since     time.Duration // when
	cancelled bool          // by cancel, because of why
	why       ending

	acks *await // or it is WAIT, and waits for replicas
}

// waitID names a request whose reply is owed: who gets it, and by which tag.
type waitID struct {
	to  completer
	tag uint32
}

// waiting is a loop's part in blocked requests.
type waiting struct {
	blocked map[waitID]*blocked
	clients int // of them: sessions
	timed   int // of these: with a time-out
	order   uint64
	timers  timers
	ctx     command.Ctx          // runs commands again that have waited
	toServe []*command.WaitQueue // whose keys this loop's commands have made ready
	box     box
}

// box takes served waiters from other loops.
type box struct {
	full atomic.Bool // readable without the lock
	mu   struct {
		sync.Mutex // innermost
		list       []*command.Waiter
	}
}

func (l *loop) initWaiting() {
	l.waiting.blocked = make(map[waitID]*blocked)
	l.ctx.Waiters, l.ctx.Home = l.srv.waiters, l.served
	l.waiting.ctx = l.ctx
	l.waiting.ctx.Once = &once{copies: l.srv.copies}
}

// putBlocked adds what l waits for.
func (l *loop) putBlocked(b *blocked) {
	x := &l.waiting
	if old := x.blocked[b.id]; old != nil { // a peer has used an id twice: it is not one that can be talked to
		if old.w != nil {
			old.w.End()
		}
		l.forget(old)
		if peer, ok := b.id.to.(*inbound); ok {
			peer.c.Close(bus.ErrFrame)
		}
	}
	x.order++
	b.order, b.timer = x.order, -1
	x.blocked[b.id] = b
	s, ok := b.id.to.(*session)
	if !ok {
		return
	}
	x.clients++
	if b.timed {
		x.timed++
	}
	if s.eof || s.shut {
		s.c.Close(io.EOF) // nobody reads on: as Redis, which reads the end before anything else
	}
}

// forget ends what is kept of b.
func (l *loop) forget(b *blocked) {
	x := &l.waiting
	if x.blocked[b.id] != b {
		return
	}
	delete(x.blocked, b.id)
	if b.timer >= 0 {
		heap.Remove(&x.timers, b.timer)
	}
	if _, ok := b.id.to.(*session); ok {
		x.clients--
		if b.timed {
			x.timed--
		}
	}
}

// wait keeps a request whose command waits here.
func (l *loop) wait(r *request, w *command.Waiter) {
	b := &blocked{id: waitID{r.to, r.tag}, db: r.db, proto: r.proto, hops: r.hops, w: w, timed: w.Millis > 0}
	w.User = b
	l.putBlocked(b)
	if now := control.Mono(); w.Millis > 0 && w.Millis < int64(never-now)/int64(time.Millisecond) {
		b.deadline = now + time.Duration(w.Millis)*time.Millisecond
		heap.Push(&l.waiting.timers, b)
	}
}

// never is a time on the monotonic clock that does not come.
const never = time.Duration(1<<63 - 1)

// replyBlocked completes b.
func (l *loop) replyBlocked(b *blocked, reply []byte) {
	l.forget(b)
	if b.w != nil {
		l.stats.commands.End(b.w.Row, reply)
	}
	b.id.to.complete(b.id.tag, reply)
}

// served takes a waiter that some loop has served home. It is called on any goroutine.
func (l *loop) served(w *command.Waiter) {
	mu := &l.waiting.box.mu
	mu.Lock()
	mu.list = append(mu.list, w)
	first := !l.waiting.box.full.Swap(true)
	mu.Unlock()
	if first {
		l.ev.Post(l.nothing) // where the queue is full, a batch is due anyway
	}
}

// takeServed answers those whose waiters have been served.
func (l *loop) takeServed() {
	x := &l.waiting.box
	if !x.full.Load() {
		return
	}
	x.mu.Lock()
	list := x.mu.list
	x.mu.list = nil
	x.full.Store(false)
	x.mu.Unlock()
	for _, w := range list {
		b := w.User.(*blocked)
		l.forget(b)
		l.stats.commands.End(w.Row, w.Reply)
		l.deliver(b.id.to, b.id.tag, w.Reply)
	}
}

// takeReady keeps the queues that a run has made ready.
func (l *loop) takeReady(c *command.Ctx) {
	l.waiting.toServe = append(l.waiting.toServe, c.Ready...)
	clear(c.Ready)
	c.Ready = c.Ready[:0]
}

// serveReady serves who waits for the keys that this loop's last command has made ready, and whom that makes ready in turn.
func (l *loop) serveReady() {
	x := &l.waiting
	if !l.serving {
		return // as soon as the lease is back, or the waiters' loops send them elsewhere
	}
	x.ctx.Now = l.ctx.Now
	for i := 0; ; i++ { // it grows meanwhile
		if i == len(x.toServe) {
			break
		}
		x.ctx.Serve(x.toServe[i])
		l.takeReady(&x.ctx)
	}
	clear(x.toServe)
	x.toServe = x.toServe[:0]
}

// settleBlocked goes on with what the batch has made of blocked requests.
func (l *loop) settleBlocked() {
	if l.srv.waiters.Marked() {
		l.waiting.ctx.CollectAll()
		l.takeReady(&l.waiting.ctx)
	}
	if len(l.waiting.toServe) > 0 {
		l.serveReady()
	}
	l.takeServed()
}

// expireBlocked answers those whose time is up.
func (l *loop) expireBlocked() {
	x := &l.waiting
	for len(x.timers) > 0 && x.timers[0].deadline <= l.mono() {
		b := x.timers[0]
		heap.Pop(&x.timers)
		if b.acks != nil {
			b.acks.tick()
			continue
		}
		if b.w.End() {
			l.replyBlocked(b, endReply(b.proto, timedOut))
		}
	}
}

// setAlarm has the loop wake up for the next time-out.
func (l *loop) setAlarm() {
	at := time.Duration(0)
	if t := l.waiting.timers; len(t) > 0 {
		at = t[0].deadline
	}
	l.ev.WakeAt(at)
}

// ending says why a request waits no longer although it was not served.
type ending uint8

const (
	clientGone ending = iota
	unblocked         // CLIENT UNBLOCK ERROR
	timedOut          // the time-out, or CLIENT UNBLOCK TIMEOUT
)

const errUnblocked = "UNBLOCKED client unblocked via CLIENT UNBLOCK"

func endReply(proto uint8, why ending) []byte {
	w := resp.Writer{Proto: int(proto)}
	if why == timedOut {
		w.NullArray()
	} else {
		w.Error(errUnblocked)
	}
	return w.B
}

// cancel ends the waiting of a request, here or at the owner that it was sent to. It answers false where it does not wait, or no
// longer: its reply then is what it is.
func (l *loop) cancel(id waitID, why ending) bool {
	b := l.waiting.blocked[id]
	switch {
	case b == nil:
		return l.cancelHeld(id, why)
	case b.acks != nil:
		b.acks.end(why)
		return true
	case b.k != nil:
		return b.k.cancel(b, why)
	case !b.w.End():
		return false
	}
	l.replyBlocked(b, endReply(b.proto, why))
	return true
}

// cancelHeld is cancel for a request that is held: it waits for its slot to be served, and would wait for its key then.
func (l *loop) cancelHeld(id waitID, why ending) bool {
	i := slices.IndexFunc(l.held, func(h held) bool { return h.to == id.to && h.tag == id.tag })
	if i < 0 {
		return false
	}
	h := l.held[i]
	l.release(&h)
	l.held = slices.Delete(l.held, i, i+1)
	id.to.complete(id.tag, endReply(h.proto, why))
	return true
}

// cancelAll ends all that is done for a peer whose link is gone.
func (l *loop) cancelAll(to completer) {
	for id := range l.waiting.blocked {
		if id.to == to {
			l.cancel(id, clientGone)
		}
	}
}

// moveBlocked sends those on that wait for keys of slots which are not this node's any more; all of them where the node has been
// without a lease for so long that it holds no requests.
func (l *loop) moveBlocked(all bool) {
	var gone []*blocked
	for _, b := range l.waiting.blocked {
		if b.w != nil && (all || l.self == ring.None || slices.ContainsFunc(b.w.Slots, func(slot uint16) bool { return !l.owned(slot) })) {
			gone = append(gone, b)
		}
	}
	slices.SortFunc(gone, func(a, b *blocked) int { return cmp.Compare(a.order, b.order) })
	for _, b := range gone {
		if b.w.End() {
			l.moved(b)
		}
	}
}

// moved sends a waiter that has ended where its keys are now: one of a peer by way of the peer, so that it never is further than one
// node from its client.
func (l *loop) moved(b *blocked) {
	left := b.w.Millis
	if b.deadline != 0 {
		left = (b.deadline - control.Mono() + time.Millisecond - 1).Milliseconds()
	}
	if b.timed && left <= 0 {
		l.replyBlocked(b, endReply(b.proto, timedOut))
		return
	}
	raw := b.w.Row.AppendWithTimeout(nil, b.w.Args, left)
	l.forget(b)
	if peer, ok := b.id.to.(*inbound); ok {
		peer.moved(b.id.tag, raw)
		return
	}
	l.holdAgain(raw, b)
}

// holdAgain holds what has waited until it can go to another owner.
func (l *loop) holdAgain(raw []byte, b *blocked) {
	l.hold(&request{raw: raw, db: b.db, proto: b.proto, hops: b.hops, to: b.id.to, tag: b.id.tag}, l.holdFor(l.mono(), 0))
	l.wake = true
}

// timers is a heap of blocked requests by deadline.
type timers []*blocked

func (t timers) Len() int           { return len(t) }
func (t timers) Less(i, j int) bool { return t[i].deadline < t[j].deadline }

func (t timers) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].timer, t[j].timer = i, j
}

// Push implements heap.Interface.
func (t *timers) Push(x any) {
	b := x.(*blocked)
	b.timer = len(*t)
	*t = append(*t, b)
}

// Pop implements heap.Interface.
func (t *timers) Pop() any {
	last := len(*t) - 1
	b := (*t)[last]
	(*t)[last] = nil
	*t = (*t)[:last]
	b.timer = -1
	return b
}
