package server

import (
	"slices"
	"time"

	"ringcache/ring"
	"ringcache/server/command"
	"ringcache/server/resp"
)

// gather waits for the parts of one command that several nodes run, and joins their replies into one.
type gather struct {
	l     *loop
	row   *command.Row
	to    completer
	tag   uint32
	raw   []byte // the whole command; own copy
	db    uint8
	proto uint8
	epoch uint64 // of the map by which the parts were sent
	over  bool   // begun anew: what still comes is of no use

	parts [][]byte // raw replies by part
	left  int      // parts without a reply
	order []int    // by key: the part it went to
}

func (g *gather) gone() bool { return g.over || g.to.gone() }

// origin answers who asked for what to is a part of.
func origin(to completer) completer {
	for {
		switch c := to.(type) {
		case *gather:
			to = c.to
		case *shared:
			to = c.to
		default:
			return to
		}
	}
}

// complete implements completer: the reply of one part has come.
func (g *gather) complete(part uint32, reply []byte) {
	if g.over {
		return
	}
	g.parts[part] = append(g.l.buffers.get(), reply...)
	if g.left--; g.left > 0 {
		return
	}
	if g.row.Split == command.SplitGet && g.row.Has(command.Slow) {
		g.joinBeside()
		return
	}
	args, ok := g.l.parse(g.raw)
	g.finish(g.join(&g.l.ctx, args, ok, g.l.buffers.get()))
}

// join makes one reply of the parts' replies, in b.
func (g *gather) join(c *command.Ctx, args [][]byte, ok bool, b []byte) []byte {
	w := resp.Writer{B: b, Proto: int(g.proto)}
	if !ok {
		w.Error(resp.ErrInternal)
		return w.B
	}
	c.Args, c.DB, c.Conn, c.Row = args, int(g.db), nil, g.row
	c.Out = w
	if g.row.Split == command.SplitGet {
		g.row.Gather(c, g.parts)
	} else {
		c.Join(g.row, g.parts, g.order)
	}
	b = c.Out.B
	c.Out = resp.Writer{}
	return b
}

// finish gives the reply to whom it is for.
func (g *gather) finish(reply []byte) {
	g.to.complete(g.tag, reply)
	g.l.buffers.put(reply)
	for _, p := range g.parts {
		g.l.buffers.put(p)
	}
}

func (l *loop) newGather(r *request, parts int) *gather {
	return &gather{
		l: l, row: r.row, to: r.to, tag: r.tag, raw: append([]byte(nil), r.raw...), db: r.db, proto: r.proto,
		parts: make([][]byte, parts), left: parts, epoch: l.m.Epoch,
	}
}

// again begins a gather anew, from the whole command.
func (g *gather) again(deadline time.Duration) {
	g.over = true
	for _, p := range g.parts {
		g.l.buffers.put(p)
	}
	g.l.hold(&request{raw: g.raw, db: g.db, proto: g.proto, to: g.to, tag: g.tag}, deadline)
	g.l.wake = true
}

// everywhere runs one part of r on every primary.
func (l *loop) everywhere(r *request) verdict {
	l.since = 0
	if l.unassigned || len(l.primaries) == 0 {
		return mustHold
	}
	for _, i := range l.primaries {
		if v := l.reachable(i); v != finished {
			return v
		}
	}
	if l.refused(r, everySlot) {
		return finished
	}
	g := l.newGather(r, len(l.primaries))
	for n, i := range l.primaries {
		part := request{
			row: r.row, args: r.args, raw: r.raw, db: r.db, proto: r.proto, hops: r.hops, part: true, to: g, tag: uint32(n),
			deadline: r.deadline,
		}
		if i != l.self {
			l.byNode[i].send(&part, 0)
			continue
		}
		if v := l.runPart(&part); v != finished {
			l.hold(&part, l.holdFor(l.mono(), 0))
		}
	}
	return finished
}

// sendPartAgain tries again what another node was to do of a cluster-wide command when the link to it was lost. By another map
// it may be primary of other slots than those that the parts were to cover: a read then begins anew, and a write fails, since
// some of it may have been done. A write that its node has never seen is still the node's to do.
func (l *loop) sendPartAgain(r *request) verdict {
	if g, ok := r.to.(*gather); ok && g.epoch != l.m.Epoch && r.row.Has(command.ReadOnly) {
		g.again(r.deadline)
		return finished
	}
	i := l.m.IndexOf(r.node)
	if i == ring.None || i == l.self || !slices.Contains(l.primaries, i) {
		l.fail(r.to, r.tag, errLostWrite)
		return finished
	}
	if v := l.reachable(i); v != finished {
		return v
	}
	l.byNode[i].send(r, 0)
	return finished
}

// reachable reports whether a part can go to node i now.
func (l *loop) reachable(i ring.Index) verdict {
	if i == l.self {
		if !l.serving {
			l.since = l.lostLease
			return mustHold
		}
		return finished
	}
	k := l.byNode[i]
	if k.down() {
		l.since = k.downSince()
		return mustHold
	}
	if k.full() {
		return mustWait
	}
	return finished
}

// split cuts r, whose keys have several owners; l.pos and l.slots hold its keys' positions and slots.
func (l *loop) split(r *request) verdict {
	if r.row.Split == command.NoSplit {
		l.fail(r.to, r.tag, resp.ErrCrossSlot)
		return finished
	}
	if r.row.Split == command.SplitPairs && len(r.args)%2 == 0 {
		l.runNow(r, l.slots[0]) // the handler has the words for what is wrong with it; it changes nothing
		return finished
	}
	if l.mayNotForward(r) {
		l.since = 0
		return mustHold
	}
	if l.refused(r, slices.Values(l.slots)) {
		return finished
	}
	// Which part each key belongs to: one part an owner, one a key for SplitGet.
	order := make([]int, len(l.slots))
	owners := l.owners[:0]
	for n, slot := range l.slots {
		owner := l.m.Slots[slot].Primary
		if owner == ring.None || owner == l.self && !l.local(slot) {
			l.owner(slot)
			return mustHold
		}
		if v := l.reachable(owner); v != finished {
			return v
		}
		part := -1
		if r.row.Split != command.SplitGet {
			for i, o := range owners {
				if o == owner {
					part = i
				}
			}
		}
		if part < 0 {
			part = len(owners)
			owners = append(owners, owner)
		}
		order[n] = part
	}
	l.owners = owners
	g := l.newGather(r, len(owners))
	g.order = order
	if r.id.Origin != 0 {
		r.sent = true
		if !isShared(r.to) {
			g.to = &shared{l, r.to, r.id}
		}
	}
	for part, owner := range owners {
		l.sendPart(r, g, part, owner)
	}
	return finished
}

// bySlot runs a request that may come again, whose keys are all this node's, slot by slot: if it comes again after a failover it may have been
// done in some slots only, and what it did there must be known for each.
func (l *loop) bySlot(r *request) {
	var slots []uint16
	order := make([]int, len(l.slots))
	for n, slot := range l.slots {
		part := slices.Index(slots, slot)
		if part < 0 {
			part = len(slots)
			slots = append(slots, slot)
		}
		order[n] = part
	}
	g := l.newGather(r, len(slots))
	g.order = order
	for part := range slots {
		l.sendPart(r, g, part, l.self)
	}
}

var nameGet = []byte("GET")

// sendPart writes the command of one part and runs it at its owner.
func (l *loop) sendPart(r *request, g *gather, part int, owner ring.Index) {
	w := resp.Writer{B: l.partRaw[:0]}
	name, row, width := r.args[0], r.row, 1
	switch r.row.Split {
	case command.SplitPairs:
		width = 2
	case command.SplitGet:
		name = nameGet
		row = l.srv.get
	}
	keys, slot := 0, uint16(0)
	for n, p := range g.order {
		if p == part {
			keys++
			slot = l.slots[n]
		}
	}
	w.Array(1 + keys*width)
	w.Bulk(name)
	for n, p := range g.order {
		if p != part {
			continue
		}
		for i := range width {
			w.Bulk(r.args[l.pos[n]+i])
		}
	}
	l.partRaw = w.B
	sub := request{
		row: row, raw: w.B, db: r.db, proto: r.proto, hops: r.hops, epoch: r.epoch, to: g, tag: uint32(part), id: r.id, deadline: r.deadline,
	}
	if owner != l.self {
		l.byNode[owner].send(&sub, slot)
		return
	}
	l.parts.Feed(w.B)
	cmd, ok, err := l.parts.Next()
	if err != nil || !ok {
		l.parts.Release()
		l.fail(g, uint32(part), resp.ErrInternal)
		return
	}
	sub.args = cmd.Args
	l.runNow(&sub, slot)
}
