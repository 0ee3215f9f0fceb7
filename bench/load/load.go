// Package load offers a server requests at a fixed rate, and measures how long each takes from the moment at which it was due.
//
// A client that waits for a reply before it asks again asks less while a server is slow, so that most of what users would have felt is
// never measured (coordinated omission). Here a request that could not be sent in time, since those before it were waited for, counts
// from when it should have been sent.
package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Bounds of a load.
const (
	MaxConns = 10_000
	MaxRate  = 2_000_000 // requests per second

	dialTimeout = 5 * time.Second
	maxBatch    = 32 << 10 // bytes that a connection's due requests are gathered to, at most, before they are written
	maxReply    = 16 << 20 // bytes of one reply
	// drainTimeout is how long replies are waited for after the last request.
	drainTimeout = 30 * time.Second

	lowest, highest = 1, int64(time.Minute / time.Microsecond) // of the histogram, in microseconds
	digits          = 3
)

// Options are what is offered, and to whom.
type Options struct {
	Addrs []string // connections are spread over them
	Conns int
	Rate  float64 // requests per second, of all connections together
	// Request appends request i, which has exactly one reply: RESP.
	Request func(b []byte, i uint64) []byte
}

// A Load is requests that are being offered. Its methods may be called from any goroutine.
type Load struct {
	opt    Options
	conns  []*conn
	cancel context.CancelFunc
	sent   sync.WaitGroup // the scheduler
	read   sync.WaitGroup // readers

	// mu guards what has been measured; it is innermost.
	mu     sync.Mutex
	hist   *hdrhistogram.Histogram
	errors uint64 // error replies
	first  string // the first of them
	broken error  // the first connection that failed, after which nothing more is sent
}

// conn is one connection. The scheduler writes, a reader reads.
type conn struct {
	nc      net.Conn
	out     []byte
	pending chan time.Time // when the requests on their way were due, in their order
}

// maxPending is how many requests may be on their way on a connection: a server that stops has the scheduler wait, and what it then
// sends late counts as late.
const maxPending = 1 << 16

// Window is what was measured in a span of time.
type Window struct {
	Latency *hdrhistogram.Histogram // microseconds from when a request was due to its reply
	Errors  uint64                  // replies that were errors; they are in Latency too
	First   string                  // the first of these
}

// Milli is a quantile (0 to 100) in milliseconds.
func (w *Window) Milli(quantile float64) float64 {
	return float64(w.Latency.ValueAtQuantile(quantile)) / 1000
}

// Start connects, and begins to offer requests.
func Start(ctx context.Context, o Options) (*Load, error) {
	switch {
	case len(o.Addrs) == 0 || o.Request == nil:
		return nil, errors.New("load: no address, or no request")
	case o.Conns < 1 || o.Conns > MaxConns:
		return nil, fmt.Errorf("load: %d connections are not 1 to %d", o.Conns, MaxConns)
	case !(o.Rate > 0 && o.Rate <= MaxRate):
		return nil, fmt.Errorf("load: a rate of %g is not over 0 and at most %d", o.Rate, MaxRate)
	}
	ctx, cancel := context.WithCancel(ctx)
	l := &Load{opt: o, cancel: cancel, hist: newHistogram()}
	for i := range o.Conns {
		d := net.Dialer{Timeout: dialTimeout}
		nc, err := d.DialContext(ctx, "tcp", o.Addrs[i%len(o.Addrs)])
		if err != nil {
			l.close()
			return nil, err
		}
		l.conns = append(l.conns, &conn{nc: nc, pending: make(chan time.Time, maxPending)})
	}
	for _, c := range l.conns {
		l.read.Go(func() { l.readReplies(c) })
	}
	l.sent.Go(func() { l.schedule(ctx) })
	return l, nil
}

func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(lowest, highest, digits) }

// Take answers what was measured since the last Take, or the start.
func (l *Load) Take() Window {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := Window{l.hist, l.errors, l.first}
	l.hist, l.errors, l.first = newHistogram(), 0, ""
	return w
}

// Stop ends the load: what has been sent is still answered, for drainTimeout at most. The error says why the load ended before, or what
// was never answered.
func (l *Load) Stop() error {
	l.cancel()
	deadline := time.Now().Add(drainTimeout)
	for _, c := range l.conns {
		if err := c.nc.SetDeadline(deadline); err != nil {
			l.fail(err)
		}
	}
	l.sent.Wait()
	for _, c := range l.conns {
		close(c.pending)
	}
	l.read.Wait()
	l.close()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.broken
}

func (l *Load) close() {
	l.cancel()
	for _, c := range l.conns {
		c.nc.Close()
	}
}

// fail ends the load.
func (l *Load) fail(err error) {
	l.mu.Lock()
	if l.broken == nil {
		l.broken = err
	}
	l.mu.Unlock()
	l.cancel()
}

// schedule sends each request when it is due, or as soon after it as it can: request i at i/Rate, on connection i modulo their number.
// It sleeps on a thread of its own, as timers of the runtime are a millisecond wide.
func (l *Load) schedule(ctx context.Context) {
	release := ownThread()
	defer release()
	began := time.Now()
	due := func(i uint64) time.Time {
		return began.Add(time.Duration(float64(i) / l.opt.Rate * float64(time.Second)))
	}
	var dirty []*conn
	for i := uint64(0); ctx.Err() == nil; {
		now := time.Now()
		for at := due(i); !at.After(now); at = due(i) {
			c := l.conns[i%uint64(len(l.conns))]
			select {
			case c.pending <- at:
			case <-ctx.Done():
				return
			}
			if len(c.out) == 0 {
				dirty = append(dirty, c)
			}
			c.out = l.opt.Request(c.out, i)
			i++
			if len(c.out) >= maxBatch {
				break
			}
		}
		for _, c := range dirty {
			if _, err := c.nc.Write(c.out); err != nil {
				l.fail(err)
				return
			}
			c.out = c.out[:0]
		}
		dirty = dirty[:0]
		if wait := time.Until(due(i)); wait > 0 {
			sleep(min(wait, time.Second/10)) // a long one would outlast the end
		}
	}
}

// readReplies measures.
func (l *Load) readReplies(c *conn) {
	rd := bufio.NewReaderSize(c.nc, 64<<10)
	for due := range c.pending {
		message, err := skipReply(rd)
		took := time.Since(due)
		if err != nil {
			l.fail(fmt.Errorf("a reply from %v: %w", c.nc.RemoteAddr(), err))
			c.nc.Close()          // the scheduler may be writing to it,
			for range c.pending { // or waiting for room
			}
			return
		}
		l.mu.Lock()
		// What is beyond the histogram's end counts as its end.
		_ = l.hist.RecordValue(min(max(took.Microseconds(), lowest), highest))
		if message != "" {
			l.errors++
			if l.first == "" {
				l.first = message
			}
		}
		l.mu.Unlock()
	}
}

// errReply is wrapped by what says that a reply cannot be read.
var errReply = errors.New("no reply of RESP")

// skipReply reads one reply of RESP2 or RESP3; message is its text if it is an error.
func skipReply(rd *bufio.Reader) (message string, err error) {
	for left := 1; left > 0; left-- {
		line, err := rd.ReadSlice('\n')
		if err != nil {
			return "", err
		}
		if len(line) < 3 || line[len(line)-2] != '\r' {
			return "", fmt.Errorf("%w: %.40q", errReply, line)
		}
		kind, text := line[0], line[1:len(line)-2]
		switch kind {
		case '+', ':', '_', '#', ',', '(':
		case '-':
			if message == "" {
				message = string(text)
			}
		case '$', '=', '!', '*', '~', '>', '%':
			n, err := strconv.Atoi(string(text))
			if err != nil || n < -1 || n > maxReply {
				return "", fmt.Errorf("%w: %.40q", errReply, line)
			}
			switch {
			case n < 0:
			case kind == '%':
				left += 2 * n
			case kind == '*' || kind == '~' || kind == '>':
				left += n
			default:
				if _, err := rd.Discard(n + 2); err != nil {
					return "", err
				}
			}
		default:
			return "", fmt.Errorf("%w: %.40q", errReply, line)
		}
	}
	return message, nil
}
