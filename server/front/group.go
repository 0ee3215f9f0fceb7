package front

import (
	"cmp"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// A Group is a set of loops and the listeners whose connections they share. Its methods may be called from any
// goroutine.
type Group struct {
	opts      Options
	log       *slog.Logger
	loops     []*Loop
	keepAlive atomic.Int64 // time.Duration

	// wg counts the goroutines that Close waits for.
	wg sync.WaitGroup

	// listeners is replaced as a whole, under mu; an index into it stays valid for the life of the group.
	listeners atomic.Pointer[[]*listener]

	// lastAcceptLog is the unix second of the last word about failing accepts.
	lastAcceptLog atomic.Int64

	// mu guards what follows. It is taken before a listener's mutex and a loop's queue mutex, never after.
	mu struct {
		sync.Mutex
		closed bool
		next   int // the loop that wins the next tie in pick
	}
}

// New starts a group's loops. It listens to nothing yet.
func New(opts Options) (*Group, error) {
	if opts.Loops == 0 {
		opts.Loops = runtime.NumCPU()
	}
	if opts.Loops < 1 || opts.Loops > maxLoops {
		return nil, fmt.Errorf("front: %d loops: want 1 to %d", opts.Loops, maxLoops)
	}
	if opts.Origin.IsZero() {
		opts.Origin = processStart
	}
	g := &Group{opts: opts, log: cmp.Or(opts.Logger, slog.Default())}
	g.keepAlive.Store(int64(opts.KeepAlive))
	g.listeners.Store(new([]*listener))
	for i := range opts.Loops {
		l, err := newLoop(g, i)
		if err != nil {
			for _, l := range g.loops {
				l.poll.close()
			}
			return nil, fmt.Errorf("front: starting loop %d: %w", i, err)
		}
		g.loops = append(g.loops, l)
		if opts.Init != nil {
			opts.Init(l)
		}
	}
	for _, l := range g.loops {
		g.wg.Go(l.run)
	}
	return g, nil
}

// Loops returns the group's loops, ordered by Index. The slice is shared: do not change it.
func (g *Group) Loops() []*Loop { return g.loops }

// SetKeepAlive changes Options.KeepAlive for connections accepted from now on.
func (g *Group) SetKeepAlive(d time.Duration) { g.keepAlive.Store(int64(d)) }

// Close closes all listeners and connections, after one attempt to write what they still have to say, and returns
// when all loops have ended. Functions already posted are run. It must not be called on a loop.
func (g *Group) Close() {
	g.mu.Lock()
	first := !g.mu.closed
	g.mu.closed = true
	g.mu.Unlock()
	if first {
		g.CloseListeners()
		for _, l := range g.loops {
			l.stop()
		}
	}
	g.wg.Wait()
}

// pick chooses the loop for an accepted connection: the one that serves the fewest, ties going round. Leaving the
// choice to the kernel (SO_REUSEPORT hashes, EPOLLEXCLUSIVE prefers the latest waiter) was no alternative: of four
// clients all four may land on one of two loops, and stay there for as long as they live.
// The caller owes the loop's load one decrement, normally through Conn.accepted.
func (g *Group) pick() *Loop {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := len(g.loops)
	best := g.loops[g.mu.next%n]
	for i := 1; i < n; i++ {
		if l := g.loops[(g.mu.next+i)%n]; l.load.Load() < best.load.Load() {
			best = l
		}
	}
	g.mu.next = best.Index + 1
	best.load.Add(1)
	return best
}

// acceptFailed logs that accepting failed, at most once a second.
func (g *Group) acceptFailed(ln *listener, err error) {
	now := time.Now().Unix()
	if last := g.lastAcceptLog.Load(); now != last && g.lastAcceptLog.CompareAndSwap(last, now) {
		g.log.Warn("cannot accept connections for now", "listener", ln.addr.String(), "err", err)
	}
}
