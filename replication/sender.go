package replication

import (
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"ringcache/ring"
)

// Source is the keyspace of a primary.
type Source interface {
	// Lock and Unlock hold a slot.
	Lock(slot uint16)
	Unlock(slot uint16)
	// Walk visits keys of the slot in all databases, from a cursor on (0 = the first), until it has appended about budget bytes, or all.
	// Each is appended to dst as effects (AppendEffect) that make it anew. next is the cursor to go on from. It is called under the lock,
	// which is given back between calls: keys that are there throughout are visited, whatever others come and go.
	Walk(slot uint16, cursor uint64, dst []byte, budget int) (out []byte, next uint64, done bool)
}

// SenderOptions configure a Sender.
type SenderOptions struct {
	Self, Peer  ring.NodeID
	Incarnation uint64        // of this node
	Buffer      int           // bytes that may be without acknowledgement; more, and the replica is too far behind
	NodeTimeout time.Duration // a replica that is silent for three quarters of it is behind
	Source      Source
	Positions   *Positions
	Requests    *Requests // may be nil; else a replica that is synced learns which proxied writes of the slot were done
}

// Sender is a primary's end of the stream to one replica: all slots that one node is primary of and another a replica. It outlives
// connections.
//
// Locks: Append and Restart are called under the slot's lock, and take the Sender's. Sync takes slots' locks itself, and is called under
// none, by one goroutine at a time. Under the Sender's lock nothing else is taken. Methods said to be atomic take no lock.
type Sender struct {
	opt       SenderOptions
	slots     pages[carried]
	end       atomic.Uint64
	effective atomic.Uint64
	work      atomic.Bool // see NeedsSync
	full      atomic.Uint64
	resumed   atomic.Uint64

	scratch []byte // Sync's own

	mu struct {
		sync.Mutex
		epoch   uint64
		buf     buffer // what has not been acknowledged
		sent    uint64 // offset up to which Take has given the stream away
		control []byte // what goes out before the stream: a hello, a start

		conn        connState
		broken      error // why the connection must be closed
		conns       uint64
		stream      uint64
		incarnation uint64 // the replica's, as it last said
		expected    uint64 // the replica's, by the map
		since       time.Duration

		now, heard, pinged time.Duration
		ticked             bool
		silent, refused    bool
		overflowed         bool // and no acknowledgement since
		healthy            bool // the replica answers on a stream that stands

		giant    int // bytes of the longest effect without acknowledgement, if it is very long: it is beside Buffer
		giantEnd uint64

		counts  [tallies]int
		marks   markQueue
		report  uint64        // number of the last report
		news    bool          // see News
		newsAt  time.Duration // when it last answered yes
		syncing int           // the slot that is being walked, or -1
		ready   []uint16      // slots to sync, as of the last look
		pace    pacing
		holdOff time.Duration // no sync begins before: see syncRetry
		hint    int           // slots below it are attached

		sample, sampleEnd, lag time.Duration
		sampleAt               uint64
	}
}

type connState uint8

const (
	connClosed connState = iota
	connHello            // waits for the welcome
	connStream
)

// carried is one slot as the Sender knows it. What is not atomic is guarded by the Sender's lock.
type carried struct {
	last atomic.Uint64
	tags atomic.Uint32 // the tallies that it counts in

	state   slotState
	copies  uint8 // in-sync replicas by the map
	inSync  bool  // by the map, the replica is in sync
	own     bool  // the slot is live at a healthy replica: the primary waits for it, whatever the map says
	barrier uint64
	settled bool   // the replica has all up to barrier: what was replied before the primary waited
	claim   uint64 // number of the last report that claimed the replica synced; 0 = none of which a decision may come yet
	term    uint64 // by the map
	told    uint64 // the term that the replica knows
	since   uint64 // offset behind the last Attach or SyncBegin
	mark    uint64 // offset at which the slot becomes live
	cursor  uint64 // of the walk
}

type slotState uint8

const (
	slotNone      slotState = iota // not carried
	slotDetached                   // to be attached
	slotAttaching                  // Attach is under way; live once acknowledged
	slotLive                       // the copy equals this one, but for what is under way
	slotUnequal                    // nothing is sent; it wants a sync
	slotSyncing                    // walked
	slotEnding                     // SyncEnd is under way; live once acknowledged
)

// attached reports whether effects of the slot are sent.
func (s slotState) attached() bool {
	return s == slotAttaching || s == slotLive || s == slotSyncing || s == slotEnding
}

// tally is a set of slots that is counted.
const (
	tallyWaits    = iota // the primary waits for the replica
	tallyDark            // ... though the slot is not live there: acknowledgements release nothing
	tallyDetached        // to be attached
	tallyReady           // a sync may begin
	tallySyncing
	tallyLive
	tallyUnequal
	tallies
)

// giantPart is the part of Buffer from which an effect counts as very long.
const giantPart = 4

// NewSender is a Sender without a connection or a map.
func NewSender(opt SenderOptions) *Sender {
	s := &Sender{opt: opt}
	s.mu.stream = newStream()
	s.mu.syncing, s.mu.pace = -1, newPacing()
	s.effective.Store(math.MaxUint64)
	return s
}

// newStream names a stream.
func newStream() uint64 { return max(1, rand.Uint64()) }

// Waits reports whether replies about the slot wait for this replica. It is asked after the command's effects were appended, or its
// value read. Atomic.
func (s *Sender) Waits(slot uint16) bool { return s.has(slot, tallyWaits) }

// Live reports whether the slot's copy at the replica is this node's, but for effects that it has not acknowledged. Atomic.
func (s *Sender) Live(slot uint16) bool { return s.has(slot, tallyLive) }

// Syncing reports whether the slot is being walked for this replica, which then has some of the keys only. Who asks under the slot's
// lock gets an answer that holds until the lock is given back, but that it may become false. Meanwhile effects of the slot must each be
// about one key, leave no key that is gone here, and not exchange databases: see the package comment, and Restart. Atomic.
func (s *Sender) Syncing(slot uint16) bool { return s.has(slot, tallySyncing) }

func (s *Sender) has(slot uint16, tally int) bool {
	c := s.slots.at(slot)
	return c != nil && c.tags.Load()>>tally&1 == 1
}

// Syncs is how many slots have been sent whole, or begun to be, and how many times a new connection went on where the one before it had
// ended. Atomic.
func (s *Sender) Syncs() (full, resumed uint64) { return s.full.Load(), s.resumed.Load() }

// Last is the offset after the slot's last effect. A reply waits until Acked has come to it. Atomic.
func (s *Sender) Last(slot uint16) uint64 {
	if c := s.slots.at(slot); c != nil {
		return c.last.Load()
	}
	return 0
}

// End is the offset after all that was appended. It never goes back. Atomic.
func (s *Sender) End() uint64 { return s.end.Load() }

// Acked is the offset up to which replies may go: those that wait for a Last not beyond it. It stands still while a slot that the
// primary waits for is not live at the replica, and is MaxUint64 while there is none that it waits for. Atomic.
func (s *Sender) Acked() uint64 { return s.effective.Load() }

// Append sends effects of one slot (AppendEffect, Chain), if the slot is attached. Under the slot's lock, after Positions.Next.
func (s *Sender) Append(slot uint16, effects []byte) {
	c := s.slots.at(slot)
	if c == nil || len(effects) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.state.attached() {
		var lost [headerSize + 1]byte
		if len(effects) > MaxRun {
			effects = appendLost(lost[:0], slot)
		}
		if s.room(len(effects)) {
			if term := s.opt.Positions.Get(slot).Term; term != c.told {
				s.tell(slot, c, term)
			}
			s.put(effects)
			c.last.Store(s.mu.buf.end)
			return
		}
		s.overflow()
	}
	if c.tags.Load()>>tallyWaits&1 == 1 {
		s.owe(c)
	}
}

// put appends to the stream.
func (s *Sender) put(p []byte) {
	s.mu.buf.append(p)
	s.end.Store(s.mu.buf.end)
}

func (s *Sender) control(t frameType, slot uint16, numbers ...uint64) {
	var f [maxControl]byte
	s.put(appendFrame(f[:0], t, 0, slot, numbers...))
}

// tell sends the slot's new term.
func (s *Sender) tell(slot uint16, c *carried, term uint64) {
	c.told = term
	s.control(frameTerm, slot, term)
}

// room reports whether n bytes more may be without acknowledgement. An effect may be longer than Buffer; one such is let through.
func (s *Sender) room(n int) bool {
	beside := s.mu.giant
	if n > s.opt.Buffer/giantPart {
		beside = max(beside, n)
	}
	if s.mu.buf.len()+n > s.opt.Buffer+beside {
		return false
	}
	if beside > s.mu.giant || n > s.opt.Buffer/giantPart {
		s.mu.giant, s.mu.giantEnd = beside, s.mu.buf.end+uint64(n)
	}
	return true
}

// owe has replies about the slot wait, though its effect is not sent: for an offset that is not acknowledged before the slot is live, or
// is waited for no more.
func (s *Sender) owe(c *carried) {
	if s.effective.Load() == math.MaxUint64 {
		s.effective.Store(s.acked())
	}
	if s.mu.buf.end <= s.effective.Load() {
		s.control(framePing, 0, s.acked())
	}
	c.last.Store(s.mu.buf.end)
}

// acked is the offset up to which the replica has applied the stream.
func (s *Sender) acked() uint64 { return s.mu.buf.base }

// release lets replies go, as far as the slots allow.
func (s *Sender) release() {
	switch {
	case s.mu.counts[tallyWaits] == 0:
		s.effective.Store(math.MaxUint64)
	case s.mu.counts[tallyDark] == 0, s.effective.Load() == math.MaxUint64:
		s.effective.Store(s.acked())
	}
	s.look()
}

// reset begins the stream anew: the replica has, or will have, lost its place in it. The offset goes on.
func (s *Sender) reset() {
	s.mu.buf.reset()
	s.mu.stream, s.mu.sent = newStream(), s.mu.buf.end
	s.mu.giant, s.mu.giantEnd = 0, 0
	s.mu.marks.reset()
	s.mu.syncing, s.mu.hint = -1, 0
	for slot, c := range s.slots.all() {
		if c.state != slotNone {
			c.state = slotDetached
			s.changed(slot, c)
		}
	}
	s.release()
}

// overflow gives the stream up: the replica takes too long.
func (s *Sender) overflow() {
	s.mu.overflowed = true
	if s.mu.conn != connClosed {
		s.mu.broken = ErrOverflow
	}
	s.setHealthy()
	s.reset()
}
