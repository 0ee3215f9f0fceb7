package server

import (
	"math/rand/v2"
	"sync/atomic"
	"time"

	"ringcache/internal/bus"
	"ringcache/ring"
	"ringcache/ring/control"
	"ringcache/server/command"
	"ringcache/server/front"
	"ringcache/server/resp"
)

// loop is the server's state of one event loop. Only that loop's goroutine touches it, but for what is atomic.
type loop struct {
	srv   *Server
	ev    *front.Loop
	ctx   command.Ctx // of the command being run; one at a time
	stats *loopStats

	// Fixed for one batch, read at its start.
	m        *ring.Map
	self     ring.Index // this node in m, or ring.None
	serving  bool       // the lease holds
	settings *Settings

	links      map[ring.NodeID]*link
	byNode     []*link           // by index into m.Nodes; nil for this node itself
	route      [ring.Slots]int16 // by slot: where its requests go; small enough to stay in the processor's cache
	primaries  []ring.Index      // the nodes that are primary of a slot
	unassigned bool              // a slot has no primary

	buffers bufferPool
	chunks  chunkPool

	again   resp.Reader  // parses a request a second time: a held one, or one that came over the bus
	parts   resp.Reader  // parses this node's own part of a split command
	slots   []uint16     // scratch: keys' slots
	pos     []int        // scratch: keys' positions
	owners  []ring.Index // scratch: the owners of a split command's keys
	partRaw []byte       // scratch: one part of a split command
	out     []byte       // scratch: replies to completers

	followers  []follower // by index into m.Nodes: this node's replicas there; nil for itself
	followings map[*following]struct{}
	alone      bool                   // no slot of this node has a replica
	soon       bool                   // a slot has routeSoon
	live       func(slot uint16) bool // liveHere
	fresh      time.Duration          // monotonic: since when a stream must have stood, that its copies may be read
	good       func(slot uint16) bool // whether a slot has the replicas that writes to it ask for
	gate       *gate                  // of this batch
	gates      []*gate                // of earlier ones, in their order: closed
	gated      atomic.Int32           // how many; other loops look at it
	gatedBytes int                    // of replies in gates
	spareGates []*gate

	wake      bool       // something changed: parked sessions and held requests are tried again
	parked    []*session // sessions whose next command cannot run yet
	ready     []*session // sessions to go on with at the end of the batch
	held      []held     // requests that wait, their place in the order kept by their completer
	heldBytes int
	heldSlots map[uint16]int // how many of them have a key in the slot
	since     time.Duration  // when the cause of the last mustHold began; 0 = now
	lostLease time.Duration  // when the lease was last lost

	waiting waiting

	once    *once
	conns   uint16       // links opened, modulo 2^16
	numbers [2]numbering // of writes sent to peers: those that are answered soon, and those that may wait
}

func newLoop(s *Server, ev *front.Loop) *loop {
	l := &loop{srv: s, ev: ev, links: make(map[ring.NodeID]*link), heldSlots: make(map[uint16]int), stats: &loopStats{commands: s.statsGroup.NewLoop()}}
	l.ctx = command.Ctx{
		KS:     s.opt.Keyspace,
		SlotOf: ring.SlotOf,
		Owned:  l.owned,
		Node:   (*node)(s),
		Table:  s.opt.Table,
	}
	l.gate, l.followings = &gate{}, make(map[*following]struct{})
	l.once = &once{copies: s.copies}
	l.ctx.Once = l.once
	for i := range l.numbers {
		l.numbers[i].origin = rand.Uint64() | 1
	}
	l.good = func(slot uint16) bool { return enough(l.m, slot, l.settings.MinReplicas) }
	l.live = l.liveHere
	l.initWaiting()
	l.settings = s.settings.Load()
	l.again.SetLimits(busLimits)
	l.parts.SetLimits(busLimits)
	l.setMap(s.opt.Cluster.Map())
	return l
}

// busLimits bound a request that came from a peer, which has applied its own client's limits.
var busLimits = resp.Limits{Bulk: bus.MaxPayload, Args: resp.DefaultLimits.Args, Inline: resp.DefaultLimits.Inline, Buffer: bus.MaxPayload}

// batchStart fixes what one batch runs by: the map, the lease, the clock, the settings.
func (l *loop) batchStart() {
	if m := l.srv.opt.Cluster.Map(); m != l.m {
		l.setMap(m)
	}
	l.settings = l.srv.settings.Load()
	serving := l.mono() < l.srv.opt.Cluster.LeaseUntil()
	switch {
	case serving && !l.serving:
		l.wake = true
	case !serving && l.serving:
		l.lostLease = l.mono()
		l.stats.leasesLost++
	}
	l.serving = serving
	l.ctx.Now = l.ev.Now()
	if l.ctx.Good = nil; l.settings.MinReplicas > 0 {
		l.ctx.Good = l.good
	}
}

// renew looks at the lease again before what has just been read is run: the process may have been stopped since the batch began, and
// what it reads then was sent while another node was primary.
func (l *loop) renew() {
	if l.alone || !l.serving {
		return
	}
	if now := control.Mono(); now >= l.srv.opt.Cluster.LeaseUntil() {
		l.serving, l.lostLease = false, now
		l.stats.leasesLost++
	}
}

// batchEnd goes on with what the batch has set free, before the output leaves.
func (l *loop) batchEnd() {
	l.openGates()
	l.expireBlocked()
	for range maxRounds {
		l.settleBlocked()
		if l.wake {
			l.wake = false
			l.retryHeld()
			l.unpark()
		}
		if len(l.ready) == 0 {
			break
		}
		l.runReady()
	}
	l.settleBlocked()
	if l.wake || len(l.ready) > 0 || l.srv.waiters.Marked() {
		l.ev.Post(l.nothing) // the rest in the next batch, so that others get their turn
	}
	l.closeGate()
	l.sendEffects()
	l.setAlarm()
	l.publish()
}

// maxRounds bounds how often one batch goes on with sessions that it has itself set free.
const maxRounds = 4

func (l *loop) nothing() {}

func (l *loop) wakeNow() { l.wake = true }

// tick looks about ten times a second at what has a deadline.
func (l *loop) tick() {
	now := l.mono()
	l.expireHeld(now)
	l.expireParked(now)
	l.checkLinks(now)
	l.checkSessions()
	l.tickStreams()
	if !l.serving && l.lostLease > 0 && now > l.lostLease+l.settings.Hold {
		l.moveBlocked(true)
	}
	if len(l.parked) > 0 || len(l.held) > 0 {
		l.wake = true
	}
}

// setMap makes m the map of this loop and the links fit it.
func (l *loop) setMap(m *ring.Map) {
	l.m = m
	l.self = m.IndexOf(l.srv.opt.Self.ID)
	l.byNode = make([]*link, len(m.Nodes))
	keep := make(map[ring.NodeID]bool, len(m.Nodes))
	for i := range m.Nodes {
		n := &m.Nodes[i]
		if ring.Index(i) == l.self {
			continue
		}
		keep[n.ID] = true
		k := l.links[n.ID]
		if k == nil {
			k = newLink(l, n.ID)
			l.links[n.ID] = k
		}
		k.setAddr(n.Bus)
		l.byNode[i] = k
	}
	for id, k := range l.links {
		if !keep[id] {
			delete(l.links, id)
			k.remove()
		}
	}
	settled := l.srv.copies.epoch.Load()
	l.alone, l.soon = true, false
	for slot := range m.Slots {
		e := &m.Slots[slot]
		if e.Primary == l.self && e.ReplicaCount > 0 {
			l.alone = false
		}
		switch {
		case e.Primary != l.self && e.Primary != ring.None:
			l.route[slot] = int16(e.Primary)
		case e.Primary == ring.None || e.Next != ring.None:
			l.route[slot] = routeAsk
		case e.Epoch > settled:
			l.route[slot], l.soon = routeSoon, true
		case e.ReplicaCount > 0:
			l.route[slot] = routeCopied
		default:
			l.route[slot] = routeHere
		}
	}
	l.followers = l.srv.copies.followers(m)
	counts := m.Counts()
	l.primaries, l.unassigned = l.primaries[:0], false
	assigned := 0
	for i := range counts {
		if assigned += counts[i].Primaries; counts[i].Primaries > 0 {
			l.primaries = append(l.primaries, ring.Index(i))
		}
	}
	l.unassigned = assigned < ring.Slots
	l.moveBlocked(false)
	l.wake = true
}

// owned reports whether this node may answer for slot now; for the parts of cluster-wide commands.
func (l *loop) owned(slot uint16) bool {
	return l.m.Slots[slot].Primary == l.self && l.route[slot] != routeSoon
}

// What loop.route says of a slot besides the index of its primary.
const (
	routeHere   = -1 // this node is its primary, and nobody has a copy
	routeCopied = -2 // this node is its primary, and others have copies
	routeSoon   = -4 // this node is its primary, but what it sends the slot's replicas is not settled yet
	routeAsk    = -3 // nobody is, or this node is about to hand it over: the map tells
)

// copied reports whether this node serves slot with replicas, whose answers replies wait for.
func (l *loop) copied(slot uint16) bool {
	return l.route[slot] == routeCopied || l.route[slot] == routeAsk && l.m.Slots[slot].ReplicaCount > 0
}

// local reports whether this node serves slot in this batch.
func (l *loop) local(slot uint16) bool {
	switch l.route[slot] {
	case routeHere, routeCopied:
		return l.serving
	case routeAsk:
		return l.serving && l.m.Slots[slot].Primary == l.self && l.self != ring.None && l.srv.handoff.refused(slot)
	}
	return false
}

// holdFor answers until when a request that cannot be served now is held: --hold from now, but no longer than --hold after
// its cause began, so that a cluster that has been down for long says so at once.
func (l *loop) holdFor(now time.Duration, since time.Duration) time.Duration {
	until := now + l.settings.Hold
	if since > 0 && since+l.settings.Hold < until {
		until = since + l.settings.Hold
	}
	return until
}

// mono is the loop's clock of this batch, on which leases and holds are counted.
func (l *loop) mono() time.Duration { return l.ev.Mono() }
