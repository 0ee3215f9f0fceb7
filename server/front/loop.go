package front

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A Loop serves its share of a group's connections on one goroutine. Unless said otherwise its methods may be called
// on that goroutine only, that is inside callbacks and posted functions.
type Loop struct {
	Index int // in Group.Loops
	User  any // the server's own state of this loop

	group *Group
	opts  *Options
	poll  poller
	pool  bufferPool

	now  int64         // unix milliseconds at the start of the batch
	mono time.Duration // since Options.Origin at the start of the batch

	conns []*Conn // by Conn.slot, nil where free
	free  []int32 // the free slots
	birth uint32  // counts connections: the next one's generation

	dirty      []*Conn // to be flushed at the end of the batch
	dirtySpare []*Conn // the other half of a double buffer
	dead       []*Conn // closed, Close callback still owed
	lingering  []*Conn // CloseAfterFlush was called, with a deadline
	nextTick   time.Duration
	alarm      time.Duration // see WakeAt; 0 = none
	running    []func()      // posted functions taken from the queue
	runningPos int
	stopping   bool

	load   atomic.Int32 // accepted connections served, or on their way here
	asleep atomic.Bool  // the loop waits, or is about to: a post must wake it
	posted atomic.Int32 // len(queue.fns), readable without its lock

	// queue guards the functions posted by other goroutines. It is innermost: nothing else is locked under it.
	queue struct {
		sync.Mutex
		fns    []func()
		closed bool
	}
}

func newLoop(g *Group, index int) (*Loop, error) {
	l := &Loop{Index: index, group: g, opts: &g.opts}
	l.readClock()
	l.nextTick = l.mono + TickInterval
	if err := l.poll.open(); err != nil {
		return nil, err
	}
	return l, nil
}

// Now returns the wall clock in unix milliseconds, read once a batch.
func (l *Loop) Now() (unixMilli int64) { return l.now }

// Mono returns the monotonic time since Options.Origin, read once a batch.
func (l *Loop) Mono() time.Duration { return l.mono }

// WakeAt has a batch begin at the given time of Mono, or as soon after it as the system can, about a millisecond; 0 means no time. It
// holds until the next call: past the time, batches follow each other without rest.
func (l *Loop) WakeAt(at time.Duration) { l.alarm = at }

// Conns returns the number of connections of the loop, those about to be closed included.
func (l *Loop) Conns() int { return len(l.conns) - len(l.free) }

// Each calls fn with every open connection of the loop. fn may close connections.
func (l *Loop) Each(fn func(*Conn)) {
	for _, c := range l.conns {
		if c != nil && !c.closed {
			fn(c)
		}
	}
}

// Post has fn called on the loop, in the order of posting, in this batch or a later one. It may be called from any
// goroutine, never blocks, and returns false if fn will not run: the loop has stopped, or MaxPosted functions wait.
func (l *Loop) Post(fn func()) bool { return l.post(fn, MaxPosted) }

// postAlways is Post without a bound on the queue, for things that something else bounds: each stands for an open
// descriptor.
func (l *Loop) postAlways(fn func()) bool { return l.post(fn, 1<<30) }

func (l *Loop) post(fn func(), bound int) bool {
	l.queue.Lock()
	defer l.queue.Unlock()
	if l.queue.closed || len(l.queue.fns) >= bound {
		return false
	}
	l.queue.fns = append(l.queue.fns, fn)
	l.posted.Store(int32(len(l.queue.fns)))
	// A loop at work looks at posted before it sleeps, so only a sleeping one costs a system call, and only the first
	// post to it. Waking under the lock keeps the poller from being closed (and its descriptor reused) meanwhile.
	if l.asleep.Load() && l.asleep.CompareAndSwap(true, false) {
		l.poll.wake()
	}
	return true
}

// Adopt takes over a connection that was made elsewhere, a *net.TCPConn or *net.UnixConn with nothing buffered; nc
// must not be used any more. h makes its handler, on the loop; if it returns nil, the connection is closed once what
// it appended to Out is written. If the loop has stopped, or the connection cannot be taken over, nc is closed and h
// is never called. Adopt may be called from any goroutine.
func (l *Loop) Adopt(nc net.Conn, h func(*Conn) Handler) {
	s, err := detach(nc)
	if err != nil {
		nc.Close()
		l.group.log.Warn("cannot take over a connection", "remote", addrString(nc.RemoteAddr()), "err", err)
		return
	}
	remote, isUnix := addrPortOf(nc.RemoteAddr())
	c := &Conn{loop: l, sock: s, remote: remote, isUnix: isUnix}
	if !l.postAlways(func() { l.open(c, h) }) {
		c.sock.discard()
	}
}

// open starts to serve a connection.
func (l *Loop) open(c *Conn, newHandler func(*Conn) Handler) {
	l.birth++
	c.generation = l.birth
	if n := len(l.free); n > 0 {
		c.slot = l.free[n-1]
		l.free = l.free[:n-1]
		l.conns[c.slot] = c
	} else {
		c.slot = int32(len(l.conns))
		l.conns = append(l.conns, c)
	}
	if err := c.register(); err != nil {
		l.group.log.Warn("cannot serve a connection", "remote", c.RemoteAddr(), "err", err)
		c.Close(err) // no handler, so nobody else is told
		return
	}
	if newHandler != nil {
		c.handler = newHandler(c)
	}
	if c.handler == nil {
		c.CloseAfterFlush()
	}
}

// run is the loop's goroutine.
func (l *Loop) run() {
	release := l.poll.start()
	defer release()
	for !l.stopping {
		l.poll.wait(l, l.patience())
		l.readClock()
		if l.poll.idle() && !l.pending() && l.mono < l.nextEvent() {
			continue
		}
		l.batch()
	}
	l.shutdown()
}

// patience is how long the loop may sleep now: until the next tick, or not at all when work is left over.
func (l *Loop) patience() time.Duration {
	if l.pending() {
		return 0
	}
	return max(0, l.nextEvent()-l.mono)
}

// nextEvent is when there will be work though nothing comes in.
func (l *Loop) nextEvent() time.Duration {
	if l.alarm != 0 {
		return min(l.alarm, l.nextTick)
	}
	return l.nextTick
}

// pending says whether there is work besides events.
func (l *Loop) pending() bool {
	return l.runningPos < len(l.running) || l.posted.Load() > 0 || len(l.dirty) > 0 || len(l.dead) > 0
}

func (l *Loop) readClock() {
	t := time.Now()
	l.now = t.UnixMilli()
	l.mono = t.Sub(l.opts.Origin)
}

// batch is one batch; the package comment draws it.
func (l *Loop) batch() {
	if l.opts.BatchStart != nil {
		l.opts.BatchStart(l)
	}
	l.poll.dispatch(l)
	l.runPosted()
	if l.mono >= l.nextTick {
		l.tick()
	}
	l.reap()
	if l.opts.BatchEnd != nil {
		l.opts.BatchEnd(l)
	}
	l.settle()
}

// runPosted runs posted functions, at most postedPerBatch of them. The queue is emptied at most once, so a function
// that posts itself again waits for the next batch.
func (l *Loop) runPosted() {
	took := false
	for range postedPerBatch {
		if l.runningPos == len(l.running) {
			if took || l.posted.Load() == 0 {
				return
			}
			took = true
			l.take()
		}
		fn := l.running[l.runningPos]
		l.running[l.runningPos] = nil
		l.runningPos++
		fn()
	}
}

// take swaps the queue for the spent slice of functions.
func (l *Loop) take() {
	spent := l.running[:0]
	if cap(spent) > postedPerBatch {
		spent = nil // a storm is over: do not keep its memory
	}
	l.queue.Lock()
	l.running, l.queue.fns = l.queue.fns, spent
	l.posted.Store(0)
	l.queue.Unlock()
	l.runningPos = 0
}

// tick does what happens every TickInterval.
func (l *Loop) tick() {
	l.nextTick = l.mono + TickInterval
	l.pool.tick()
	l.poll.tick(l)
	keep := l.lingering[:0]
	for _, c := range l.lingering {
		if !c.closed && l.mono >= c.deadline {
			c.Close(ErrFlushTimeout)
		}
		if !c.closed {
			keep = append(keep, c)
		}
	}
	clear(l.lingering[len(keep):])
	l.lingering = keep
	if l.opts.Tick != nil {
		l.opts.Tick(l)
	}
}

// settle writes the batch's output and tells handlers of closed connections, until neither makes more of the other.
func (l *Loop) settle() {
	for range settleRounds {
		if len(l.dirty) == 0 && len(l.dead) == 0 {
			return
		}
		l.flushDirty()
		l.reap()
	}
}

func (l *Loop) flushDirty() {
	list := l.dirty
	l.dirty = l.dirtySpare[:0]
	for i, c := range list {
		list[i] = nil
		c.dirty = false
		if !c.closed {
			c.flush()
		}
	}
	l.dirtySpare = list[:0]
}

// reap gives closed connections their last callback and lets go of them. It runs only where no event of the batch is
// left to be looked at.
func (l *Loop) reap() {
	for i := 0; i < len(l.dead); i++ { // callbacks may close more
		c := l.dead[i]
		l.dead[i] = nil
		if c.handler != nil {
			c.handler.Close(c, c.err)
			c.handler = nil
		}
		c.release()
		l.pool.put(c.Out)
		c.Out, c.sent = nil, 0
		l.conns[c.slot] = nil
		l.free = append(l.free, c.slot)
		if c.accepted {
			l.load.Add(-1)
		}
	}
	l.dead = l.dead[:0]
}

// stop has the loop end after the batch in which it notices.
func (l *Loop) stop() { l.postAlways(func() { l.stopping = true }) }

// shutdown is the last batch: it runs what was posted, writes what was said, and closes everything.
func (l *Loop) shutdown() {
	l.queue.Lock()
	l.queue.closed = true
	rest := l.queue.fns
	l.queue.fns = nil
	l.posted.Store(0)
	l.queue.Unlock()

	l.readClock()
	if l.opts.BatchStart != nil {
		l.opts.BatchStart(l)
	}
	for _, fn := range l.running[l.runningPos:] {
		fn()
	}
	for _, fn := range rest {
		fn()
	}
	l.running, l.runningPos = nil, 0
	if l.opts.BatchEnd != nil {
		l.opts.BatchEnd(l)
	}
	l.settle()
	l.poll.lastWrites(l)
	l.Each(func(c *Conn) { c.Close(nil) })
	l.settle()
	l.poll.close()
}
