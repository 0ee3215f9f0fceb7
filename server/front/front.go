// Package front is a node's transports: it accepts connections, reads bytes from them and writes bytes to them,
// and knows nothing of what the bytes mean.
//
// A Group owns a few loops. A Loop is one goroutine, locked to its thread, that serves its share of the
// connections; everything that happens to a Conn happens on its loop, so handlers need no locks. Other goroutines
// reach a loop through Post and Adopt only.
//
// # One batch
//
// A loop works in batches, and a batch is the unit in which work is done and output leaves:
//
//	wait for events ──► BatchStart ──► events: writable conns first flushed, readable ones read once ──► Data
//	     ▲                             posted functions (at most postedPerBatch), Tick when due
//	     │                             Close callbacks of connections that were closed
//	     │                             BatchEnd
//	     └──────────────────────────── one write per dirty connection, further Close callbacks, until clean
//
// Replies of a whole batch so leave in one write per connection, whoever appended them. A connection that is
// closed inside the batch gets no more callbacks except its Close, and its descriptor stays open until all events
// of the batch were looked at: an event can never meet a stranger that was given the same descriptor number.
//
// # Two transports
//
// On Linux a loop is an epoll set with non-blocking descriptors (poll_linux.go); a connection costs one Conn and
// no goroutine. Elsewhere a goroutine per connection feeds the loop (poll_portable.go): simple rather than fast. The
// build tag front_portable selects the second on Linux too, so that the same tests run against both.
package front

import (
	"errors"
	"log/slog"
	"time"
)

const (
	// readBufferSize is how much one connection may deliver in one batch, in bytes. It is one buffer per loop. 64 KB
	// holds the pipelines of real clients whole, fits the L2 cache, and bounds what one busy client takes from others.
	readBufferSize = 64 << 10

	// TickInterval is how often Options.Tick runs, give or take one batch. Deadlines inside this package have the
	// same resolution.
	TickInterval = 100 * time.Millisecond

	// FlushTimeout bounds how long CloseAfterFlush waits for a peer to take its last bytes: long enough for a slow
	// network, short enough that peers who never read cannot pile up descriptors.
	FlushTimeout = 5 * time.Second

	// MaxPosted bounds the functions that wait in one loop's queue (a count). A loop that is this far behind has
	// stalled for seconds; more work would only be memory.
	MaxPosted = 64 << 10

	// postedPerBatch bounds the posted functions run in one batch (a count), so that a storm of them does not keep
	// connections waiting for more than about a millisecond.
	postedPerBatch = 1024

	// eventsPerBatch bounds the connections looked at in one batch (a count). More of them in a batch save little,
	// and each may hold a reply buffer until the batch ends.
	eventsPerBatch = 512

	// acceptsPerBatch bounds the connections accepted from one listener by one loop in one batch (a count), so that
	// a burst of connects is shared by the loops and does not stall those already served.
	acceptsPerBatch = 64

	// settleRounds bounds how often one batch goes round flushing what callbacks of the flush made dirty again (a
	// count). Handlers that go on for longer continue in the next batch, after others had their turn.
	settleRounds = 16

	// maxLoops bounds Options.Loops (a count): a typing error must not start a million threads.
	maxLoops = 1024
)

// Errors that a Close callback may see besides io.EOF (the peer closed) and errors of the operating system.
var (
	// ErrFlushTimeout says that the peer did not take its last bytes within FlushTimeout of CloseAfterFlush.
	ErrFlushTimeout = errors.New("front: peer did not read its last bytes in time")

	// ErrClosed says that the group was closed before.
	ErrClosed = errors.New("front: group is closed")
)

// A Handler is what a connection's bytes are handed to. All methods run on the connection's loop and must not block.
// Any of them may call any method of any Conn of the same loop.
type Handler interface {
	// Data is called with the next bytes of the stream, 1 to 65536 of them. p is the loop's shared read buffer: it is
	// valid only during the call.
	Data(c *Conn, p []byte)

	// Close is called exactly once, when nothing else will be: err is nil when this side closed the connection,
	// io.EOF when the peer did, and otherwise what failed. The descriptor is closed after the call.
	Close(c *Conn, err error)

	// Drained is called when output that had been waiting for the peer was written to the last byte. A peer that
	// always takes all there is causes no calls. (The portable transport calls it after each write of more than 16 KB.)
	Drained(c *Conn)
}

// An Ender is a Handler that still owes its peer something when the peer has said that it will send no more: clients send their
// requests, shut their side, and read until the end.
type Ender interface {
	// Ended is called at the end of the peer's bytes. If it returns true the connection stays open for output until the
	// handler closes it; else it is closed with io.EOF. A peer that is gone altogether looks the same until something is written
	// to it.
	Ended(c *Conn) (stay bool)
}

// A ShutWatcher is a Handler that wants to know of a peer that has said that it will send no more before all it sent has been read,
// because reading is paused. The portable transport cannot tell.
type ShutWatcher interface {
	// Shut may be called once; Ended still comes when everything has been read.
	Shut(c *Conn)
}

// Options say what a Group calls and how it treats connections. Callbacks that are nil are not called.
type Options struct {
	// Loops is the number of loops, 1 to 1024; 0 means one per CPU. The loops never yield their processor while
	// there is work: programs that also run other goroutines want GOMAXPROCS above Loops.
	Loops int

	// NewConn makes the handler of an accepted connection, on the loop that will serve it. If it returns nil the
	// connection is refused: what was appended to Out is written and the connection is closed.
	NewConn func(*Conn) Handler

	Init       func(*Loop) // for each loop, before any of them runs
	BatchStart func(*Loop) // before the first callback of a batch
	BatchEnd   func(*Loop) // after the last Data, Drained, posted function and tick of a batch, before its output is written
	Tick       func(*Loop) // about every TickInterval, inside a batch

	// KeepAlive is after how much silence accepted TCP connections are probed; 0 is never. See Group.SetKeepAlive.
	KeepAlive time.Duration

	// Origin is the zero of Loop.Mono; the zero Time means the start of the process. Give the same to everything
	// whose monotonic times are compared with it.
	Origin time.Time

	// Logger gets what no handler can be told: failing accepts. Nil means slog.Default().
	Logger *slog.Logger
}

// processStart is the default of Options.Origin.
var processStart = time.Now()
