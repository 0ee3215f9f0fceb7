package server

import (
	"errors"
	"math/bits"
	"slices"
	"sync"

	"ringcache/internal/bus"
	"ringcache/replication"
	"ringcache/server/command"
	"ringcache/server/store"
)

// once is a loop's part in applying each write of a peer once. What a run with an id emits is held back until it has ended, so that the
// last effect of each slot goes out with the id and the reply: a replica has both, or none of them.
type once struct {
	copies *Copies
	conn   *inbound // that the request came by; nil: it is not asked whether it still stands
	id     replication.RequestID
	set    store.LockSet
	slots  []staged
	n      int      // of slots, in this run
	args   [][]byte // scratch
}

// staged are the effects of a run in one slot.
type staged struct {
	slot    uint16
	effects []byte // as the slot's replicas get them; none where it has no replica
	last    int    // where the last of them begins
}

// What a peer is told whose request is not run.
const (
	errOldCopy   = "ERR this is an old copy of a request that has been answered"
	errLostReply = "ERR the write has been done, but its reply was too long to be kept"
)

// Before implements command.Once.
func (o *once) Before(c *command.Ctx, slots []uint16) bool {
	o.id = replication.RequestID{Origin: c.Request.Origin, Number: c.Request.Number, Low: c.Request.Low}
	switch {
	case c.Request.Repeat:
		if o.answered(c, slots) {
			return true
		}
	case o.conn != nil && o.conn.stale.Load():
		c.Out.Error(errOldCopy)
		return true
	}
	o.set, o.n = 0, 0
	for _, slot := range slots {
		o.set |= c.KS.SetOf(slot)
	}
	o.stage(o)
	return false
}

// answered sees to a request that may have been applied: it writes the reply that it got then. One that is split by its keys may have been
// applied in some slots only; then it answers false, and their keys are gone from the arguments.
func (o *once) answered(c *command.Ctx, slots []uint16) bool {
	var reply []byte
	var done []uint16
	for _, slot := range slots {
		r, a := o.copies.requests.Reply(o.id, slot)
		switch a {
		case replication.Settled:
			c.Out.Error(errOldCopy)
			return true
		case replication.Applied:
			reply, done = r, append(done, slot)
		}
	}
	switch {
	case len(done) == 0:
		return false
	case len(done) < len(slots) && c.Row.Split == command.SplitPairs:
		o.args = append(o.args[:0], c.Args[0])
		for i := 1; i+1 < len(c.Args); i += 2 {
			if !slices.Contains(done, c.SlotOf(c.Args[i])) {
				o.args = append(o.args, c.Args[i], c.Args[i+1])
			}
		}
		c.Args = o.args
		return false
	case len(reply) == 0:
		c.Out.Error(errLostReply)
	default:
		c.Out.B = append(c.Out.B, reply...)
	}
	return true
}

// After implements command.Once.
func (o *once) After(_ *command.Ctx, reply []byte) {
	o.stage(nil)
	for i := range o.slots[:o.n] {
		s := &o.slots[i]
		if len(s.effects) > 0 {
			s.effects = replication.Name(s.effects, s.last, o.id, reply)
			replication.Chain(s.effects)
			o.copies.send(s.slot, s.effects)
		}
		o.copies.requests.Done(o.id, s.slot, reply)
		if s.effects = s.effects[:0]; cap(s.effects) > maxKeptEffect {
			s.effects = nil
		}
	}
	o.n = 0
}

// stage has the effects of the run's slots held back by to, or by nobody.
func (o *once) stage(to *once) {
	for set := uint64(o.set); set != 0; set &= set - 1 {
		o.copies.stages[bits.TrailingZeros64(set)] = to
	}
}

// of answers the place for a slot's effects.
func (o *once) of(slot uint16) *staged {
	for i := range o.slots[:o.n] {
		if o.slots[i].slot == slot {
			return &o.slots[i]
		}
	}
	if o.n == len(o.slots) {
		o.slots = append(o.slots, staged{})
	}
	o.n++
	s := &o.slots[o.n-1]
	s.slot, s.last = slot, 0
	return s
}

// origins knows the newest connection of each origin of requests. What is still read from an older one was sent again on the newer.
type origins struct {
	sync.Mutex // leaf
	newest     map[uint64]originConn
}

type originConn struct {
	b    *inbound // nil once it is closed
	conn uint16   // the origin's count of its connections to this node, modulo 2^16
}

// maxKnownOrigins bounds the origins that are remembered though their connections are closed.
const maxKnownOrigins = 4096

// join notes that b is the origin's connection of that number, and reports false where a newer one has come before.
func (o *origins) join(b *inbound, origin uint64, conn uint16) bool {
	o.Lock()
	defer o.Unlock()
	if old, known := o.newest[origin]; known {
		if int16(conn-old.conn) < 0 { //nolint:gosec // a distance on the circle of 2^16
			return false
		}
		if old.b != nil && old.b != b {
			old.b.stale.Store(true)
		}
	} else if len(o.newest) >= maxKnownOrigins {
		for id, c := range o.newest {
			if c.b == nil {
				delete(o.newest, id)
				break
			}
		}
	}
	if o.newest == nil {
		o.newest = map[uint64]originConn{}
	}
	o.newest[origin] = originConn{b, conn}
	return true
}

// leave notes that b is closed.
func (o *origins) leave(b *inbound) {
	o.Lock()
	defer o.Unlock()
	for _, origin := range b.origins {
		if c := o.newest[origin]; origin != 0 && c.b == b {
			o.newest[origin] = originConn{nil, c.conn}
		}
	}
}

// numbering gives the numbers of one origin's requests. Which of them have no reply yet is a bitmap that begins at the lowest.
type numbering struct {
	origin uint64
	base   uint64 // of open: the number of its first bit, a multiple of 64
	next   uint64
	open   []uint64 // a set bit: no reply yet
}

// maxOpenNumbers bounds how far the lowest number without a reply lags behind: past that it is given up as if it had one. A repeat of it
// would be refused.
const maxOpenNumbers = 1 << 24

// id numbers a request.
func (n *numbering) id() command.RequestID {
	if n.next == 0 {
		n.next, n.base = 64, 64
	}
	number := n.next
	n.next++
	i := (number - n.base) / 64
	if i == uint64(len(n.open)) {
		n.open = append(n.open, 0)
	}
	n.open[i] |= 1 << (number % 64)
	if number-n.base >= maxOpenNumbers {
		n.open[0] = 0
	}
	if n.open[0] == 0 {
		n.advance()
	}
	return command.RequestID{Origin: n.origin, Number: number, Low: n.low()}
}

// low is the lowest number without a reply.
func (n *numbering) low() uint64 {
	if len(n.open) == 0 || n.open[0] == 0 {
		return n.next // it is the only word
	}
	return n.base + uint64(bits.TrailingZeros64(n.open[0]))
}

// done notes that a request is over.
func (n *numbering) done(number uint64) {
	if number < n.base || number >= n.next {
		return
	}
	i := (number - n.base) / 64
	n.open[i] &^= 1 << (number % 64)
	if i == 0 && n.open[0] == 0 {
		n.advance()
	}
}

// advance drops the words in front that nobody waits in, but the last.
func (n *numbering) advance() {
	drop := 0
	for drop < len(n.open)-1 && n.open[drop] == 0 {
		drop++
	}
	n.base += 64 * uint64(drop)
	n.open = n.open[:copy(n.open, n.open[drop:])]
}

// numberingOf answers the numbering that a request's id is of, or nil: it is another node's.
func (l *loop) numberingOf(id command.RequestID) *numbering {
	for i := range l.numbers {
		if l.numbers[i].origin == id.Origin {
			return &l.numbers[i]
		}
	}
	return nil
}

// settled notes that nobody will send a request again.
func (l *loop) settled(id command.RequestID) {
	if id.Origin == 0 {
		return
	}
	if n := l.numberingOf(id); n != nil {
		n.done(id.Number)
	}
}

// identify gives a write on its way to a peer its id, unless it has one. Those that may wait for long are counted apart: the others
// would be remembered for as long.
func (l *loop) identify(r *request, waits bool) {
	if r.id.Origin == 0 {
		r.id = l.numbers[kindOf(waits)].id()
		return
	}
	if n := l.numberingOf(r.id); n != nil {
		r.id.Low = min(n.low(), r.id.Number)
	}
}

func kindOf(waits bool) int {
	if waits {
		return 1
	}
	return 0
}

// over notes that a request's reply has come, or that it is given up while its client still waits.
func (l *loop) over(to completer, id command.RequestID) {
	if id.Origin != 0 && !isShared(to) {
		l.settled(id)
	}
}

// isShared reports whether what completes to is a part of a shared request.
func isShared(to completer) bool {
	for {
		switch c := to.(type) {
		case *gather:
			to = c.to
		case *shared:
			return true
		default:
			return false
		}
	}
}

// inboundOf answers the connection that a request came by, or nil: it is this node's own.
func inboundOf(to completer) *inbound {
	b, _ := origin(to).(*inbound)
	return b
}

// shared completes a request with an id that was cut into parts when it was tried again, and then has the id settled that they share.
type shared struct {
	l  *loop
	to completer
	id command.RequestID
}

func (s *shared) complete(tag uint32, reply []byte) {
	s.l.settled(s.id)
	s.to.complete(tag, reply)
}

func (s *shared) gone() bool { return s.to.gone() }

// requestOf reads the id in front of a numbered request.
func requestOf(h *bus.Header, payload []byte) (id command.RequestID, rest []byte, ok bool) {
	if h.Flags&bus.FlagNumbered == 0 {
		return id, payload, true
	}
	r, rest, ok := bus.ParseRequestID(payload)
	return command.RequestID{Origin: r.Origin, Number: r.Number, Low: r.Low, Repeat: h.Flags&bus.FlagRepeat != 0}, rest, ok
}

// joined reports whether this is the origin's newest connection.
func (b *inbound) joined(origin uint64, conn uint16) bool {
	if b.stale.Load() {
		return false
	}
	for i := range b.origins {
		switch b.origins[i] {
		case origin:
			return true
		case 0:
			b.origins[i] = origin
			return b.l.srv.copies.origins.join(b, origin, conn)
		}
	}
	return false // more than a link has
}

// errReplaced closes a connection whose origin has opened another.
var errReplaced = errors.New("server: the peer has replaced this link")
