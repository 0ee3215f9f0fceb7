package clustertest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ringcache/internal/clustertest/history"
)

// Bounds of a load.
const (
	loadDialTimeout   = time.Second           // of one attempt to connect
	loadAnswerTimeout = 30 * time.Second      // of one request; longer than --hold, so that the node answers first
	loadDrain         = 8 * time.Second       // for requests on their way when the load stops; longer than --hold
	loadRetryAfter    = 10 * time.Millisecond // after an error, before the next request
	loadMaxOps        = 1 << 18               // recorded operations of one client: some 50 MB
	loadFlowing       = 10                    // answers of each client after which a load is under way
	loadNoted         = 20 * time.Millisecond // pauses above this are noted
	loadWatch         = 5 * time.Millisecond  // how often it is looked whether the machine stands still
	loadMaxNotes      = 10_000                // pauses of a client, and errors
	loadBudget        = 60 * time.Second      // for the searches of the check
)

// LoadOptions say what load to run.
type LoadOptions struct {
	Clients int           // 32 if 0
	Keys    int           // of each kind: registers, counters, lists; 100 if 0
	Pace    time.Duration // between an answer and the next request; 10 ms if 0
	Prefix  string        // of the keys, which must be new to the cluster
	Seed    uint64        // of the choice of operations
	Via     []*Node       // whom the clients are connected to, in turn
}

// Load is clients that read and write a few hundred keys and record everything that they did and saw.
type Load struct {
	opt     LoadOptions
	began   time.Time
	via     atomic.Pointer[[]*Node]
	stop    chan struct{}
	running sync.WaitGroup
	clients []*loadClient
	stalls  []Stall // the watch's until it has ended
}

// loadClient is one client. Its fields are its goroutine's until that has ended, but for what mu guards.
type loadClient struct {
	id     int
	rng    *rand.Rand
	at     atomic.Pointer[Node] // that it is connected to
	ops    []history.Op
	tokens int
	stats  ClientStats

	answered atomic.Int64

	mu   sync.Mutex // guards wire, which is closed from outside when the load stops
	wire *wire
	gone bool // no further connection
}

// ClientStats is what one client met. Times are since the start of the load.
type ClientStats struct {
	Client int
	Pauses []Pause
	Errors []Error
}

// Pause is a time for which a client wanted an answer and got none, if that was long.
type Pause struct {
	Client   int
	From, To time.Duration
	Via      [2]*Node // whom it asked at the beginning, and at the end
}

// Error is something other than an answer.
type Error struct {
	Client int
	At     time.Duration
	Via    *Node
	Text   string // of the server if it begins with "-"
}

// Stall is a time for which the machine did not run this process: what clients saw then says less of the nodes.
type Stall struct{ From, To time.Duration }

// StartLoad runs a load until Stop; it waits until each client has had some answers.
func StartLoad(t testing.TB, opt LoadOptions) *Load {
	t.Helper()
	if opt.Clients == 0 {
		opt.Clients = 32
	}
	if opt.Keys == 0 {
		opt.Keys = 100
	}
	if opt.Pace == 0 {
		opt.Pace = 10 * time.Millisecond
	}
	l := &Load{opt: opt, began: time.Now(), stop: make(chan struct{})}
	l.Through(opt.Via...)
	for id := range opt.Clients {
		c := &loadClient{id: id, rng: rand.New(rand.NewPCG(opt.Seed, uint64(id))), stats: ClientStats{Client: id}}
		l.clients = append(l.clients, c)
		l.running.Go(func() { c.run(l) })
	}
	l.running.Go(l.watch)
	t.Cleanup(l.Stop)
	l.AwaitFlowing(t)
	return l
}

// AwaitFlowing waits until each client has had some more answers, and none is connected to a node that it should not be.
func (l *Load) AwaitFlowing(t testing.TB) {
	t.Helper()
	var from []int64
	for _, c := range l.clients {
		from = append(from, c.answered.Load())
	}
	Eventually(t, readyTimeout, "the load to be under way", func() bool {
		for i, c := range l.clients {
			if c.at.Load() != l.target(c) || c.answered.Load() < from[i]+loadFlowing {
				return false
			}
		}
		return true
	})
}

// watch notes when the machine stands still.
func (l *Load) watch() {
	last := l.Now()
	tick := time.NewTicker(loadWatch)
	defer tick.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-tick.C:
		}
		now := l.Now()
		if now-last > loadWatch+loadNoted && len(l.stalls) < loadMaxNotes {
			l.stalls = append(l.stalls, Stall{last, now})
		}
		last = now
	}
}

// target is the node that a client should be connected to.
func (l *Load) target(c *loadClient) *Node {
	via := *l.via.Load()
	return via[c.id%len(via)]
}

// Through has the clients go on through these nodes, in turn, each from its next request on.
func (l *Load) Through(nodes ...*Node) {
	via := slices.Clone(nodes)
	l.via.Store(&via)
}

// Now is the time since the load's start, which is what its records speak of.
func (l *Load) Now() time.Duration { return time.Since(l.began) }

// Stop ends the load: the clients get the answers that they wait for, or lose their connections after a while.
func (l *Load) Stop() {
	select {
	case <-l.stop:
		return
	default:
		close(l.stop)
	}
	ended := make(chan struct{})
	go func() {
		l.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(loadDrain):
		for _, c := range l.clients {
			c.hangUp(true)
		}
		<-ended
	}
}

func (c *loadClient) run(l *Load) {
	defer c.hangUp(true)
	wanting := Pause{Client: c.id, From: -1}
	for {
		select {
		case <-l.stop:
			if wanting.From >= 0 {
				c.paused(wanting, l.Now())
			}
			return
		default:
		}
		n := l.target(c)
		if wanting.From < 0 {
			wanting.From, wanting.Via[0] = l.Now(), n
		}
		wanting.Via[1] = n
		wait := l.opt.Pace
		if c.request(l, n) {
			c.paused(wanting, l.Now())
			wanting.From = -1
			c.answered.Add(1)
		} else {
			wait = loadRetryAfter
		}
		if len(c.ops) >= loadMaxOps {
			c.failed(l, n, "the record of this client is full")
			return
		}
		select {
		case <-l.stop:
		case <-time.After(wait):
		}
	}
}

func (c *loadClient) paused(p Pause, to time.Duration) {
	if p.To = to; to-p.From > loadNoted && len(c.stats.Pauses) < loadMaxNotes {
		c.stats.Pauses = append(c.stats.Pauses, p)
	}
}

func (c *loadClient) failed(l *Load, n *Node, text string) {
	if len(c.stats.Errors) < loadMaxNotes {
		c.stats.Errors = append(c.stats.Errors, Error{c.id, l.Now(), n, text})
	}
}

// request does one operation and reports whether it was answered.
func (c *loadClient) request(l *Load, n *Node) bool {
	w, err := c.connection(n)
	if err != nil {
		c.failed(l, n, err.Error())
		return false
	}
	o := c.next(l)
	o.Call = l.Now()
	text := perform(w, &o)
	o.Return = l.Now()
	c.ops = append(c.ops, o)
	if text != "" {
		c.failed(l, n, text)
		if !strings.HasPrefix(text, "-") {
			c.hangUp(false)
		}
	}
	return text == ""
}

// connection is the client's connection to a node, made anew when there is none or it is to another.
func (c *loadClient) connection(n *Node) (*wire, error) {
	c.mu.Lock()
	w := c.wire
	c.mu.Unlock()
	if w != nil && c.at.Load() == n {
		return w, nil
	}
	c.hangUp(false)
	w, err := dialWire(n.Addr(), loadDialTimeout)
	if err != nil {
		return nil, err
	}
	c.at.Store(n)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		w.close()
		return nil, errNotSent
	}
	c.wire = w
	return w, nil
}

func (c *loadClient) hangUp(forever bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.wire != nil {
		c.wire.close()
		c.wire = nil
	}
	c.gone = c.gone || forever
}

// next chooses an operation: more writes than reads, since writes are what gets lost.
func (c *loadClient) next(l *Load) history.Op {
	kind := []history.Kind{history.Set, history.Incr, history.Append}[c.rng.IntN(3)]
	o := history.Op{Client: c.id, Kind: kind, Key: l.key(kind, c.rng.IntN(l.opt.Keys))}
	switch {
	case c.rng.IntN(5) < 2:
		o.Kind = history.Get
	case kind == history.Set, kind == history.Append:
		c.tokens++
		o.Arg = fmt.Sprintf("%03d-%06d,", c.id, c.tokens)
	}
	return o
}

func (l *Load) key(kind history.Kind, i int) string {
	return l.opt.Prefix + ":" + strings.ToLower(kind.String()) + ":" + strconv.Itoa(i)
}

// refusals are the errors that say that a command was not done, and never will be. What other errors say of that is not taken
// for sure.
var refusals = []string{"CLUSTERDOWN ", "NOAUTH ", "OOM ", "LOADING "}

// perform does an operation and notes its outcome; the text is what went wrong, or "". An error that the server sent has a "-"
// in front.
func perform(w *wire, o *history.Op) (text string) {
	args := []string{o.Kind.String(), o.Key}
	if o.Arg != "" {
		args = append(args, o.Arg)
	}
	r, err := w.do(loadAnswerTimeout, args...)
	switch {
	case errors.Is(err, errNotSent):
		o.Outcome = history.Failed
		return err.Error()
	case err != nil:
		o.Outcome = history.Unknown
		return err.Error()
	case r.kind == '-':
		o.Outcome = history.Unknown
		if slices.ContainsFunc(refusals, func(p string) bool { return strings.HasPrefix(r.text, p) }) {
			o.Outcome = history.Failed
		}
		return "-" + r.text
	}
	o.Value, o.Null, o.N = r.text, r.null, r.n
	return ""
}

// Result is what a load did and met.
type Result struct {
	Ops     []history.Op
	Clients []ClientStats
	Stalls  []Stall
	Unread  []string          // keys that could not be read at the end, and why
	Final   map[string]string // what they were, by key; those that there are not are not here
}

// Result stops the load, and reads every key through each of the nodes, to see how it ended. The cluster should be whole.
func (l *Load) Result(through ...*Node) *Result {
	l.Stop()
	res := &Result{Final: map[string]string{}, Stalls: l.stalls}
	for _, c := range l.clients {
		res.Ops = append(res.Ops, c.ops...)
		res.Clients = append(res.Clients, c.stats)
	}
	for i, n := range through {
		w, err := dialWire(n.Addr(), loadDialTimeout)
		if err != nil {
			res.Unread = append(res.Unread, "all: "+err.Error())
			continue
		}
		for _, kind := range []history.Kind{history.Set, history.Incr, history.Append} {
			for k := range l.opt.Keys {
				o := history.Op{Client: l.opt.Clients + i, Key: l.key(kind, k), Call: l.Now()}
				text := perform(w, &o)
				o.Return = l.Now()
				res.Ops = append(res.Ops, o)
				if text != "" {
					res.Unread = append(res.Unread, o.Key+" through "+n.Addr()+": "+text)
				} else if !o.Null {
					res.Final[o.Key] = o.Value
				}
			}
		}
		w.close()
	}
	return res
}

// Check is what the history breaks.
func (r *Result) Check() []*history.Violation { return history.Check(r.Ops, loadBudget) }

// Count is how many operations had an outcome.
func (r *Result) Count(o history.Outcome) (n int) {
	for i := range r.Ops {
		if r.Ops[i].Outcome == o {
			n++
		}
	}
	return n
}
