package command

import (
	"bytes"
	"sort"
	"sync"
	"sync/atomic"

	"ringcache/server/store"
)

// Stats is what INFO shows of a node: plain values of one moment, filled in by package server. Counters count since the
// node's start or the last CONFIG RESETSTAT, whichever is later; those marked "never reset" since the start.
type Stats struct {
	Version    string // of ringcache, "0.1.0"
	RunID      string // 40 hex, new at each start
	Executable string
	ConfigFile string // empty when none was given
	TCPPort    int
	PID        int
	Loops      int   // event loops
	StartMilli int64 // unix milliseconds

	Clients        int // open client connections
	PeerLinks      int // bus connections to other nodes
	MaxClients     int
	MaxInput       int // largest input buffer of a session of late, bytes
	MaxOutput      int // largest output buffer of a session of late, bytes
	BlockedClients int // sessions that wait in a blocking command
	TimedClients   int // of these, with a time-out
	HeldRequests   int // requests that wait for a slot to be served
	InFlight       int // requests sent to other nodes that have no reply yet

	Memory         store.Memory // of the keyspace, replicas included
	MemoryUsed     int64        // bytes: Memory.Used
	MemoryPeak     int64        // bytes, the most MemoryUsed has been
	MemoryOverhead int64        // bytes of MemoryUsed that are neither keys nor values
	MemoryRSS      int64        // bytes resident, of the whole process
	MemorySystem   int64        // bytes of the machine
	GoHeapInUse    int64        // bytes
	GoHeapSys      int64        // bytes got from the system for the heap
	ClientBuffers  int64        // bytes in input and output buffers of sessions
	LinkBuffers    int64        // bytes waiting on bus connections
	MaxMemory      int64        // bytes, 0 = no limit
	EvictionPolicy string

	Connections         uint64 // accepted
	RejectedConnections uint64 // refused, by maxclients
	Commands            uint64 // executed for clients of this node
	OpsPerSec           int64
	NetIn, NetOut       uint64  // bytes, clients
	InKBps, OutKBps     float64 // kilobytes a second, clients
	ReplIn, ReplOut     uint64  // bytes, replication
	Reads, Writes       uint64  // read and write calls on client connections
	Forwarded           uint64  // requests sent to their owners
	Served              uint64  // requests that other nodes sent here
	Held                uint64  // requests that had to wait for a slot
	Expired, Evicted    uint64  // keys
	ExpiredFields       uint64  // fields of hashes
	OverLimitMilli      int64   // milliseconds that memory was over MaxMemory
	OverLimitNowMilli   int64   // milliseconds of that since it last began, 0 = memory is within the limit
	Hits, Misses        uint64  // look-ups of keys by reading commands
	EvictedClients      uint64
	DirtyKeys           uint64 // changes to the keyspace; never reset
	UnexpectedErrors    uint64 // replies to peers that should have had no error
	SyncFull            uint64 // slots that were sent whole to replicas
	SyncPartial         uint64 // streams to replicas that went on from their offset
	Replication         ReplicationStats
	CPUSys, CPUUser     float64
	CPULoopSys          float64 // seconds, the event loops alone
	CPULoopUser         float64
	LeaseMilli          int64  // milliseconds left of the lease to serve; 0 without one
	LeasesLost          uint64 // times that the lease ran out before the next one came; never reset
	Term                uint64 // of the control plane's leadership
	BusSent, BusRecv    uint64 // frames
	Databases           [store.Databases]DatabaseStats
	PerCommand          []CommandCount // by [Row.Index]; nil leaves the section empty
	PerError            []ErrorCount
}

// DatabaseStats is one line of INFO keyspace: the keys that this node is primary of.
type DatabaseStats struct {
	Keys, Expires int64
	AvgTTLMilli   int64 // mean time to live of the keys with an expiry, estimated
}

// CommandCount is what INFO commandstats shows of one row. The time is an estimate: calls times the mean of those measured.
type CommandCount struct {
	Calls    uint64 // executed
	Failed   uint64 // executed and answered with an error
	Rejected uint64 // refused before execution: arity, login, memory ...
	Timed    uint64 // calls whose time was measured
	Nanos    uint64 // nanoseconds of the measured calls
}

// Micros estimates the microseconds spent in all calls.
func (c *CommandCount) Micros() float64 {
	if c.Timed == 0 {
		return 0
	}
	return float64(c.Nanos) / float64(c.Timed) * float64(c.Calls) / 1e3
}

func (c *CommandCount) sub(o *CommandCount) {
	c.Calls -= o.Calls
	c.Failed -= o.Failed
	c.Rejected -= o.Rejected
	c.Timed -= o.Timed
	c.Nanos -= o.Nanos
}

// ErrorCount is one line of INFO errorstats.
type ErrorCount struct {
	Prefix string // "ERR", "WRONGTYPE"
	Count  uint64
}

// timeEvery is how many calls of one command share one measurement of time: reading the clock twice costs about as much as a
// GET does. The first call of each command is always measured.
const timeEvery = 64

// CommandStats counts the commands that one event loop executes, those that it gave to worker goroutines included. Begin, Time,
// End and Reject belong to that loop alone and touch plain memory that no other reads: no atomics, no shared cache lines.
// Publish, once a batch, makes what the batch counted visible to INFO on other loops; it costs a few atomic stores for each
// distinct command of the batch.
//
// Rejected: atomic counters for each call (5 ns each, of a request's 600), and copying under a lock on a timer (INFO would
// not see the command before it).
type CommandStats struct {
	live  []liveCount
	dirty []uint16 // rows that changed since Publish
	shown []shownCount
	group *StatsGroup
}

type liveCount struct {
	CommandCount
	dirty bool
}

// shownCount has one writer, the loop; anyone may read it.
type shownCount struct{ calls, failed, rejected, timed, nanos atomic.Uint64 }

// Begin counts a call of row, and reports whether the caller shall measure it and pass the time to [CommandStats.Time].
// Rows that may take long are always measured: they run on worker goroutines, where the clock costs nothing.
func (s *CommandStats) Begin(row *Row) (measure bool) {
	c := s.touch(row)
	c.Calls++
	return c.Calls%timeEvery == 1 || row.Has(Slow)
}

// Time adds the nanoseconds of one call for which Begin asked.
func (s *CommandStats) Time(row *Row, nanos int64) {
	c := s.touch(row)
	c.Timed++
	c.Nanos += uint64(max(nanos, 0))
}

// End looks at the reply of a call of row and counts it when it is an error.
func (s *CommandStats) End(row *Row, reply []byte) {
	if len(reply) > 0 && reply[0] == '-' {
		s.touch(row).Failed++
		s.group.Errors.Note(reply)
	}
}

// Reject counts a call that was refused before execution with the error reply; row is nil for an unknown command.
func (s *CommandStats) Reject(row *Row, reply []byte) {
	if row != nil {
		s.touch(row).Rejected++
	}
	s.group.Errors.Note(reply)
}

func (s *CommandStats) touch(row *Row) *liveCount {
	c := &s.live[row.number]
	if !c.dirty {
		s.mark(c, row)
	}
	return c
}

// mark is apart so that touch is inlined.
func (s *CommandStats) mark(c *liveCount, row *Row) {
	c.dirty = true
	s.dirty = append(s.dirty, uint16(row.number))
}

// Publish shows what was counted since the last Publish to the readers of the group. The loop calls it once a batch.
func (s *CommandStats) Publish() {
	for _, i := range s.dirty {
		c, out := &s.live[i], &s.shown[i]
		c.dirty = false
		out.calls.Store(c.Calls)
		out.failed.Store(c.Failed)
		out.rejected.Store(c.Rejected)
		out.timed.Store(c.Timed)
		out.nanos.Store(c.Nanos)
	}
	s.dirty = s.dirty[:0]
}

// StatsGroup adds up the CommandStats of all loops of a node. Its methods may be called from any goroutine.
type StatsGroup struct {
	Errors ErrorStats

	rows int
	mu   struct {
		sync.Mutex                 // guards what follows; held for microseconds, takes no other lock
		loops      []*CommandStats // only grows
		base       []CommandCount  // totals at the last Reset
	}
}

// NewStatsGroup returns counters for the rows of t.
func NewStatsGroup(t *Table) *StatsGroup { return &StatsGroup{rows: t.Len()} }

// NewLoop returns the counters of one more loop.
func (g *StatsGroup) NewLoop() *CommandStats {
	s := &CommandStats{
		live:  make([]liveCount, g.rows),
		shown: make([]shownCount, g.rows),
		dirty: make([]uint16, 0, g.rows),
		group: g,
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mu.loops = append(g.mu.loops, s)
	return s
}

// Totals answers the published counts since the last Reset, by row number.
func (g *StatsGroup) Totals() []CommandCount {
	g.mu.Lock()
	defer g.mu.Unlock()
	sum := g.sumLocked()
	for i := range g.mu.base {
		sum[i].sub(&g.mu.base[i])
	}
	return sum
}

// Reset makes counting start anew. Loops are not disturbed: the totals of now become what is subtracted later.
func (g *StatsGroup) Reset() {
	g.mu.Lock()
	g.mu.base = g.sumLocked()
	g.mu.Unlock()
	g.Errors.Reset()
}

func (g *StatsGroup) sumLocked() []CommandCount {
	sum := make([]CommandCount, g.rows)
	for _, s := range g.mu.loops {
		for i := range s.shown {
			in, out := &s.shown[i], &sum[i]
			out.Calls += in.calls.Load()
			out.Failed += in.failed.Load()
			out.Rejected += in.rejected.Load()
			out.Timed += in.timed.Load()
			out.Nanos += in.nanos.Load()
		}
	}
	return sum
}

// maxErrorKinds bounds the distinct error prefixes that are counted, as Redis does: scripts and replies of other nodes could
// make up any number of them. The rest is counted together under errorOverflow.
const (
	maxErrorKinds = 128
	maxErrorName  = 32 // bytes; longer first words are prose, not a code
	errorOverflow = "ERRORSTATS_OVERFLOW"
)

// ErrorStats counts error replies by their first word. The zero value is ready; any goroutine may use it. One lock is enough:
// an error reply costs its formatting anyway.
type ErrorStats struct {
	mu struct {
		sync.Mutex // guards what follows; takes no other lock
		total      uint64
		counts     map[string]*uint64
	}
}

// Note counts reply, a RESP error ("-ERR text\r\n"). It ignores anything else.
func (e *ErrorStats) Note(reply []byte) {
	if len(reply) == 0 || reply[0] != '-' {
		return
	}
	word := reply[1:]
	if i := bytes.IndexAny(word, " \r\n"); i >= 0 {
		word = word[:i]
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.mu.total++
	n := e.mu.counts[string(word)]
	if n == nil {
		name := string(word)
		if len(e.mu.counts) >= maxErrorKinds || len(name) > maxErrorName || name == "" {
			name = errorOverflow
		}
		if e.mu.counts == nil {
			e.mu.counts = make(map[string]*uint64)
		}
		if n = e.mu.counts[name]; n == nil {
			n = new(uint64)
			e.mu.counts[name] = n
		}
	}
	*n++
}

// Counts answers the counts by prefix, in alphabetical order.
func (e *ErrorStats) Counts() []ErrorCount {
	e.mu.Lock()
	out := make([]ErrorCount, 0, len(e.mu.counts))
	for name, n := range e.mu.counts {
		out = append(out, ErrorCount{Prefix: name, Count: *n})
	}
	e.mu.Unlock()
	sort.Slice(out, func(i, j int) bool { return out[i].Prefix < out[j].Prefix })
	return out
}

// Total answers the number of error replies.
func (e *ErrorStats) Total() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.mu.total
}

// Reset forgets everything.
func (e *ErrorStats) Reset() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.mu.total, e.mu.counts = 0, nil
}
