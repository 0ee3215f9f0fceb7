package server

import (
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"time"

	"ringcache/internal/bus"
	"ringcache/ring"
	"ringcache/ring/control"
	"ringcache/server/command"
	"ringcache/server/resp"
)

// WAIT.
//
// How many replicas have all that a session wrote is known to the primaries of the slots that it wrote to. Its node asks them, all at
// once, and answers the least number; while that is too few it asks again, after a millisecond first and ever less often then. So
// nothing is kept at the primaries, no loop stands still, and a client that goes away leaves nothing behind.
//
// A primary's first answer also says where its streams ended then: its replicas need not have more than that. Later questions bring it
// back. Else they would never be up to date where others go on writing.
//
// A primary counts only for a node that goes by the same map, and only with a lease: between the two it is certain that every slot was
// asked for, of the node that serves it. An answer that lacks this counts as no replicas, as does none at all.

// slotGroups is a set of slots, by groups of neighbours: a session has one, and notes each write there, so it is small and quick. The other
// slots of a group are asked about as well, which is right though it may be too careful.
type slotGroups [ring.Slots / groupSlots / 64]uint64

// groupSlots is how many slots are a group.
const groupSlots = 64

func (g *slotGroups) add(slot uint16) {
	n := slot / groupSlots
	g[n/64] |= 1 << (n % 64)
}

// slots visits the slots of the set, in ascending order.
func (g *slotGroups) slots(yield func(uint16) bool) {
	for i, w := range g {
		for ; w != 0; w &= w - 1 {
			first := uint16(i*64+bits.TrailingZeros64(w)) * groupSlots
			for slot := range uint16(groupSlots) {
				if !yield(first + slot) {
					return
				}
			}
		}
	}
}

func (g *slotGroups) fill() {
	for i := range g {
		g[i] = math.MaxUint64
	}
}

func (g *slotGroups) empty() bool { return *g == slotGroups{} }

// writes notes that a client's request may write to a slot.
func (r *request) writes(slot uint16) {
	if s, ok := r.to.(*session); ok && r.row.Has(command.Write) {
		s.wrote.add(slot)
	}
}

// writesAll notes that it may write to any.
func (r *request) writesAll() {
	if s, ok := r.to.(*session); ok && r.row.Has(command.Write) {
		s.wrote.fill()
	}
}

// How often the primaries are asked, and how long an answer is waited for beyond the time-out where there is none yet.
const (
	awaitFirst = time.Millisecond
	awaitMost  = 64 * time.Millisecond
	awaitGrace = 100 * time.Millisecond
)

// await is a WAIT under way.
type await struct {
	command.Await
	s     *session
	b     *blocked
	until time.Duration // on control.Mono; 0 = for ever
	pause time.Duration // until the next round

	graced bool // until is past the time-out, as nothing was known then

	known int64 // what the last whole round found, -1 = there was none yet
	round *round
	ends  map[ring.NodeID][]byte // what each primary said of its streams first
	over  bool
}

// round is one question to all primaries: the completer of their answers.
type round struct {
	a     *await
	asked []ring.NodeID // by tag
	left  int
	least int64
}

// await begins to wait for replicas; all that the session has asked before is answered.
func (s *session) await(ask *command.Await) {
	l := s.l
	a := &await{Await: *ask, s: s, known: -1, pause: awaitFirst}
	s.barrier, s.waitTag = true, s.owe()
	a.b = &blocked{id: waitID{s, s.waitTag}, proto: s.proto, db: s.db, timed: a.Millis > 0, acks: a}
	l.putBlocked(a.b)
	if now := control.Mono(); a.Millis > 0 && a.Millis < int64(never-now)/int64(time.Millisecond) {
		a.until = now + time.Duration(a.Millis)*time.Millisecond
		a.alarm(a.until)
	}
	a.ask()
	if !a.over && s.rd.Buffered() < maxBehindWait {
		s.c.Resume() // else the end of the client would not be seen
	}
}

// alarm has tick called at that time, or at the time-out if that is earlier.
func (a *await) alarm(at time.Duration) {
	if a.until > 0 {
		at = min(at, a.until)
	}
	timers := &a.s.l.waiting.timers
	a.b.deadline = at
	if a.b.timer >= 0 {
		heap.Fix(timers, a.b.timer)
	} else {
		heap.Push(timers, a.b)
	}
}

// tick follows an alarm, which is not in the heap any more.
func (a *await) tick() {
	late := a.until > 0 && control.Mono() >= a.until
	switch {
	case late && (a.known >= 0 || a.graced):
		a.end(timedOut)
	case late: // the first answers are on their way
		a.graced = true
		a.until += awaitGrace
		a.alarm(a.until)
	case a.round == nil:
		if a.until > 0 {
			a.alarm(a.until)
		}
		a.ask()
	}
}

// end answers what is known.
func (a *await) end(why ending) {
	if a.over {
		return
	}
	a.over, a.round = true, nil
	if why == unblocked {
		a.s.l.replyBlocked(a.b, endReply(a.b.proto, why))
		return
	}
	a.s.l.replyBlocked(a.b, a.AppendReply(nil, int(a.b.proto), max(0, a.known)))
}

// ask begins a round.
func (a *await) ask() {
	l := a.s.l
	r := &round{a: a, least: math.MaxInt64, left: 1}
	a.round = r
	switch {
	case a.Disk:
		r.least = 0
	case a.s.wrote.empty():
		r.least = int64(leastCopies(l.m)) // whoever has nothing has all that it wrote
	default:
		r.askPrimaries(l)
	}
	r.answered(r.least)
}

// leastCopies is how many replicas are in sync of the slot that has fewest.
func leastCopies(m *ring.Map) int {
	least := ring.MaxReplicas
	for slot := range m.Slots {
		least = min(least, bits.OnesCount8(m.Slots[slot].InSync))
	}
	return least
}

func (r *round) askPrimaries(l *loop) {
	a := r.a
	asked := make([]bool, len(l.m.Nodes))
	for slot := range a.s.wrote.slots {
		i := l.m.Slots[slot].Primary
		if i == ring.None {
			r.least = 0
			return
		}
		if asked[i] {
			continue
		}
		asked[i] = true
		id := l.m.ID(i)
		if i == l.self {
			n, ends := l.acked(&a.s.wrote, a.ends[id])
			r.took(id, n, ends)
			continue
		}
		k := l.byNode[i]
		if k.down() || k.full() {
			r.least = 0
			continue
		}
		r.left++
		r.asked = append(r.asked, id)
		w := resp.Writer{}
		w.Array(3)
		w.Bulk(awaitName)
		w.Bulk(a.s.wrote.encode())
		w.Bulk(a.ends[id])
		k.send(&request{row: l.srv.wait, raw: w.B, part: true, to: r, tag: uint32(len(r.asked) - 1)}, slot)
	}
}

var awaitName = []byte("WAIT")

// complete implements completer: a primary has answered.
func (r *round) complete(tag uint32, reply []byte) {
	n, ends, err := parseAcked(reply)
	if err != nil {
		n = 0 // it failed, or its link did
	} else {
		r.took(r.asked[tag], n, ends)
	}
	r.answered(n)
}

func (r *round) gone() bool { return r.a.round != r || r.a.s.closed }

// took notes what a primary says.
func (r *round) took(id ring.NodeID, n int64, ends []byte) {
	r.least = min(r.least, n)
	if r.a.ends == nil {
		r.a.ends = make(map[ring.NodeID][]byte)
	}
	if r.a.ends[id] == nil && len(ends) > 0 {
		r.a.ends[id] = append([]byte(nil), ends...)
	}
}

// answered counts one answer, and ends the round with the last.
func (r *round) answered(n int64) {
	a := r.a
	r.least = min(r.least, n)
	if r.left--; r.left > 0 || a.round != r || a.over {
		return
	}
	a.round, a.known = nil, r.least
	now := control.Mono()
	switch {
	case a.known >= a.Replicas, a.until > 0 && now >= a.until:
		a.end(timedOut)
	case a.Disk:
	default:
		a.alarm(now + a.pause)
		a.pause = min(2*a.pause, awaitMost)
	}
}

// acked is how many replicas have everything of the slots in g that this node is primary of, the least over them, and where its streams
// end. upTo is what it said of that when it was asked first: more than that they need not have.
func (l *loop) acked(g *slotGroups, upTo []byte) (least int64, ends []byte) {
	if !l.serving {
		return 0, nil
	}
	need := make([]uint64, len(l.followers))
	for i, f := range l.followers {
		need[i] = math.MaxUint64
		if f == nil {
			continue
		}
		if end, ok := endOf(upTo, l.m.ID(ring.Index(i))); ok {
			need[i] = end
		}
		ends = binary.LittleEndian.AppendUint64(append(ends, l.m.ID(ring.Index(i))...), f.End())
	}
	least = ring.MaxReplicas
	for slot := range g.slots {
		e := &l.m.Slots[slot]
		if e.Primary != l.self {
			continue
		}
		if l.route[slot] == routeSoon {
			return 0, ends // the streams may go by an older map
		}
		n := int64(0)
		for _, i := range e.Copies() {
			f := l.followers[i]
			if f == nil || !f.Waits(slot) || !f.Live(slot) {
				continue
			}
			if acked := f.Acked(); acked != math.MaxUint64 && acked >= min(need[i], f.Last(slot)) {
				n++
			}
		}
		least = min(least, n)
	}
	return least, ends
}

// Where streams end is sent as the ids of the replicas, each with an offset of eight bytes.
const (
	idBytes  = 40
	endBytes = idBytes + 8
)

// endOf finds the offset of a replica.
func endOf(ends []byte, id ring.NodeID) (uint64, bool) {
	for ; len(ends) >= endBytes; ends = ends[endBytes:] {
		if string(ends[:idBytes]) == string(id) {
			return binary.LittleEndian.Uint64(ends[idBytes:]), true
		}
	}
	return 0, false
}

// encode is the groups as sent, of which decode is the reverse.
func (g *slotGroups) encode() (b []byte) {
	for _, w := range g {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return b
}

func (g *slotGroups) decode(b []byte) bool {
	if len(b) != 8*len(g) {
		return false
	}
	for i := range g {
		g[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return true
}

// tellAcked answers a node whose client waits for replicas.
func (b *inbound) tellAcked(args [][]byte, h *bus.Header) error {
	var g slotGroups
	if len(args) != 3 || !g.decode(args[1]) || len(args[2])%endBytes != 0 || len(args[2]) > ring.MaxNodes*endBytes {
		return fmt.Errorf("%w: a question about replicas that is none", bus.ErrFrame)
	}
	var n int64
	var ends []byte
	if h.Epoch == b.l.m.Epoch {
		n, ends = b.l.acked(&g, args[2])
	}
	w := resp.Writer{}
	w.Array(2)
	w.Int(n)
	w.Bulk(ends)
	b.complete(h.ID, w.B)
	return nil
}

var errAcked = errors.New("server: an answer about replicas that is none")

// parseAcked reads the answer of tellAcked.
func parseAcked(reply []byte) (n int64, ends []byte, err error) {
	line := func(kind string) (int64, bool) {
		for i := 0; i+1 < len(reply); i++ {
			if reply[i] == '\r' && reply[i+1] == '\n' && i >= len(kind) && string(reply[:len(kind)]) == kind {
				v, err := strconv.ParseInt(string(reply[len(kind):i]), 10, 64)
				reply = reply[i+2:]
				return v, err == nil
			}
		}
		return 0, false
	}
	two, ok := line("*")
	if !ok || two != 2 {
		return 0, nil, errAcked
	}
	n, ok = line(":")
	if !ok || n < 0 || n > ring.MaxReplicas {
		return 0, nil, errAcked
	}
	size, ok := line("$")
	if !ok || size < 0 || size%endBytes != 0 || int64(len(reply)) != size+2 {
		return 0, nil, errAcked
	}
	return n, reply[:size], nil
}
