package server

import (
	"errors"
	"math"

	"ringcache/ring"
	"ringcache/server/command"
)

// Replies that wait for replicas.
//
// A reply leaves when every replica that the command's slots wait for has acknowledged the last effect of each at the time the command
// ran; reads wait too, for else one could see what is lost with this node. The command itself waits for nothing: it has run, and
// its reply lies in the output of its connection, held (front.Conn.Hold), or in the gate of its batch.
//
// A batch has one gate, for all its replies that wait, and gates open in the order of batches. So acknowledgements cost something
// once a batch, and replies of one client cannot overtake each other. It also means that one replica that is slow delays replies that
// wait for another; not for long, since then it leaves the in-sync set.
//
// A gate opens when what it needs is acknowledged, or is not waited for any more since the map has that replica out of sync. The
// second counts only while this node is still primary of the slots, in the same term: who was deposed knows nothing of what the
// new primary has. Its held replies are then never given: its clients are disconnected, and so are peers, which ask the new primary.

// follower is what a gate has to know of a replica.
type follower interface {
	Last(slot uint16) uint64 // offset after the slot's last effect
	End() uint64             // offset after the last effect of all
	Acked() uint64           // what the replica has acknowledged; MaxUint64 while it is waited for nowhere
	Waits(slot uint16) bool  // whether this node waits for it in the slot
	Live(slot uint16) bool   // whether its copy of the slot is this node's, but for what it has not acknowledged
}

// need is what a gate waits for of one replica.
type need struct {
	of  follower
	end uint64
}

// gate holds the replies of one batch.
type gate struct {
	needs    []need
	slots    []uint16 // of all commands whose replies it holds, with repetitions; all = of any slot of this node
	all      bool
	doomed   bool      // this node had lost a slot already when a command ran there
	m        *ring.Map // that the commands ran by
	sessions []*session
	ends     []int64 // by session: the offset of its output up to which the gate holds it
	places   []heldPlace
	owed     []owedReply
	bytes    []byte // of owed replies
}

// heldPlace is a local reply that waits behind replies of other nodes, and for replicas.
type heldPlace struct {
	s   *session
	pos uint32
}

// owedReply is a reply in gate.bytes for a completer.
type owedReply struct {
	to         completer
	tag        uint32
	begin, end int
}

// errDeposed closes the connections of clients whose replies wait for replicas that now follow another primary.
var errDeposed = errors.New("server: this node is no longer primary of a slot whose write had no acknowledgement yet")

// maxGateBytes is the size up to which a gate keeps its buffer for the next batch.
const maxGateBytes = 64 << 10

// errGateLost is what a request gets that was run here, and whose outcome the new primary decides.
const errGateLost = "ERR the node that owned this key has lost it before its replicas had answered: the write may or may not have been done"

func (g *gate) empty() bool { return len(g.sessions) == 0 && len(g.places) == 0 && len(g.owed) == 0 }

// require adds what a reply needs of one replica.
func (g *gate) require(of follower, end uint64) {
	for i := range g.needs {
		if g.needs[i].of == of {
			g.needs[i].end = max(g.needs[i].end, end)
			return
		}
	}
	g.needs = append(g.needs, need{of, end})
}

// mustWait reports whether the reply of a command that has just run on slot must wait for a replica, and has this batch's gate do so.
func (l *loop) mustWait(slot uint16) bool {
	if l.settings.AcksPrimary {
		return false
	}
	wait := false
	e := &l.m.Slots[slot]
	for _, i := range e.Copies() {
		f := l.followers[i]
		if f == nil || !f.Waits(slot) {
			continue
		}
		if end := f.Last(slot); end > f.Acked() {
			l.gate.require(f, end)
			wait = true
		}
	}
	// A map that came while the batch was under way may have ended the waiting, since the slot is not this node's any more.
	if now := l.srv.opt.Cluster.Map(); now != l.m && lostSlot(l.m, now, l.srv.opt.Self.ID, slot) {
		l.gate.doomed, wait = true, true
	}
	if wait {
		l.gate.slots = append(l.gate.slots, slot)
	}
	return wait
}

// lostSlot reports whether a node was primary of slot by the map old, and is not by now, or of another term.
func lostSlot(old, now *ring.Map, id ring.NodeID, slot uint16) bool {
	was, e := &old.Slots[slot], &now.Slots[slot]
	return old.ID(was.Primary) == id && (now.ID(e.Primary) != id || e.Epoch != was.Epoch)
}

// mustWaitAny is mustWait for a command that may have touched any slot of this node.
func (l *loop) mustWaitAny() bool {
	if l.settings.AcksPrimary {
		return false
	}
	wait := false
	for _, f := range l.followers {
		if f == nil {
			continue
		}
		if end := f.End(); end > f.Acked() {
			l.gate.require(f, end)
			wait = true
		}
	}
	l.gate.all = l.gate.all || wait
	return wait
}

// mustWaitFor is mustWait for all keys of a request that has run here: of l.slots, as far as they are this node's, and of slot.
func (l *loop) mustWaitFor(r *request, slot uint16) bool {
	if l.alone {
		return false
	}
	if r.part || r.row.Route != command.ByKey {
		return l.mustWaitAny()
	}
	wait := l.copied(slot) && l.mustWait(slot)
	for _, other := range l.slots {
		if other != slot && l.copied(other) {
			wait = l.mustWait(other) || wait
		}
	}
	return wait
}

// holdSession has the gate of this batch hold the output of a session.
func (g *gate) holdSession(s *session) {
	if s.gate == g {
		return
	}
	s.gate = g
	s.gates++
	g.sessions = append(g.sessions, s)
}

// owe keeps a reply for a completer.
func (g *gate) owe(to completer, tag uint32, reply []byte) {
	begin := len(g.bytes)
	g.bytes = append(g.bytes, reply...)
	g.owed = append(g.owed, owedReply{to, tag, begin, len(g.bytes)})
}

// deliver completes with the reply to a command that has run beside the loop, or on another: at once, or when the gate opens.
func (l *loop) deliver(to completer, tag uint32, reply []byte) {
	if !l.alone && l.mustWaitAny() {
		l.gate.owe(to, tag, reply)
		return
	}
	to.complete(tag, reply)
}

// owedBytes is how many bytes of replies to peers, and other completers, wait for replicas.
func (l *loop) owedBytes() int { return l.gatedBytes + len(l.gate.bytes) }

// closeGate ends the gate of this batch: it waits in line from now on.
func (l *loop) closeGate() {
	g := l.gate
	if g.empty() {
		g.reset()
		return
	}
	g.m = l.m
	for _, s := range g.sessions {
		g.ends = append(g.ends, s.c.Produced())
		s.gate = nil
	}
	l.gates = append(l.gates, g)
	l.gatedBytes += len(g.bytes)
	l.gated.Store(int32(len(l.gates)))
	l.gate = l.freeGate()
}

func (l *loop) freeGate() *gate {
	if n := len(l.spareGates); n > 0 {
		g := l.spareGates[n-1]
		l.spareGates = l.spareGates[:n-1]
		return g
	}
	return &gate{}
}

// maxSpareGates is how many gates a loop keeps for later batches.
const maxSpareGates = 16

// openGates gives the replies whose gates may open.
func (l *loop) openGates() {
	n := 0
	for ; n < len(l.gates); n++ {
		g := l.gates[n]
		ok, lost := l.mayOpen(g)
		if !ok {
			break
		}
		l.gatedBytes -= len(g.bytes)
		if lost {
			l.loseGate(g)
		} else {
			l.openGate(g)
		}
		g.reset()
		if len(l.spareGates) < maxSpareGates {
			l.spareGates = append(l.spareGates, g)
		}
	}
	if n > 0 {
		rest := copy(l.gates, l.gates[n:])
		clear(l.gates[rest:])
		l.gates = l.gates[:rest]
		l.gated.Store(int32(rest))
	}
}

// mayOpen reports whether a gate waits for nothing more; lost: since this node has been deposed.
func (l *loop) mayOpen(g *gate) (ok, lost bool) {
	if g.doomed {
		return true, true
	}
	unwaited := false
	for _, n := range g.needs {
		if acked := n.of.Acked(); acked >= n.end && acked != math.MaxUint64 {
			continue
		}
		if l.waitsFor(n.of, g) {
			return l.deposed(g)
		}
		unwaited = true
	}
	if unwaited {
		if _, lost := l.deposed(g); lost {
			return true, true
		}
	}
	return true, false
}

// waitsFor reports whether a replica is still waited for in a slot of the gate.
func (l *loop) waitsFor(f follower, g *gate) bool {
	if g.all {
		for slot := range g.m.Slots {
			if f.Waits(uint16(slot)) {
				return true
			}
		}
		return false
	}
	for _, slot := range g.slots {
		if f.Waits(slot) {
			return true
		}
	}
	return false
}

// deposed reports whether this node is no more the primary, of the same term, that it was when the gate's commands ran. It asks the
// newest map: what replicas are waited for follows that, and not this batch's.
func (l *loop) deposed(g *gate) (yes, lost bool) {
	now := l.srv.opt.Cluster.Map()
	if now == g.m {
		return false, false
	}
	self := l.srv.opt.Self.ID
	if g.all {
		for slot := range now.Slots {
			if lostSlot(g.m, now, self, uint16(slot)) {
				return true, true
			}
		}
		return false, false
	}
	for _, slot := range g.slots {
		if lostSlot(g.m, now, self, slot) {
			return true, true
		}
	}
	return false, false
}

// openGate gives the replies of a gate.
func (l *loop) openGate(g *gate) {
	for i, s := range g.sessions {
		s.gates--
		switch {
		case s.closed:
		case s.gates > 0:
			s.c.Release(g.ends[i])
		default:
			s.c.Release(s.c.Produced())
		}
	}
	for _, p := range g.places {
		p.s.placeReady(p.pos)
	}
	for _, o := range g.owed {
		if !o.to.gone() {
			o.to.complete(o.tag, g.bytes[o.begin:o.end:o.end])
		}
	}
}

// loseGate ends what a gate holds whose outcome is another node's to decide.
func (l *loop) loseGate(g *gate) {
	l.srv.log.Warn("closing connections whose replies waited for replicas when slots went to another node", "clients", len(g.sessions)+len(g.places),
		"owed", len(g.owed), "slots", len(g.slots), "epoch", g.m.Epoch, "now", l.srv.opt.Cluster.Map().Epoch)
	for _, s := range g.sessions {
		s.gates--
		s.c.Close(errDeposed)
	}
	for _, p := range g.places {
		p.s.c.Close(errDeposed)
	}
	for _, o := range g.owed {
		switch b, isPeer := o.to.(*inbound); {
		case o.to.gone():
		case isPeer:
			b.c.Close(errDeposed) // the peer asks the new primary, with the ids of its requests
		default:
			l.fail(o.to, o.tag, errGateLost)
		}
	}
}

func (g *gate) reset() {
	clear(g.needs)
	clear(g.sessions)
	clear(g.places)
	clear(g.owed)
	g.needs, g.sessions, g.places, g.owed = g.needs[:0], g.sessions[:0], g.places[:0], g.owed[:0]
	g.slots, g.ends, g.all, g.doomed, g.m = g.slots[:0], g.ends[:0], false, false, nil
	if cap(g.bytes) > maxGateBytes {
		g.bytes = nil
	}
	g.bytes = g.bytes[:0]
}
