package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"ringcache/internal/bus"
	"ringcache/ring"
	"ringcache/ring/control"
	"ringcache/server/command"
	"ringcache/server/front"
)

// Bounds of one link.
const (
	maxInflight      = 64 << 10              // requests without a reply
	maxInflightBytes = 64 << 20              // bytes of them; a single larger request may pass it
	maxWaiting       = 64 << 10              // requests that may wait for a key at the peer, besides those
	maxWaitingBytes  = 64 << 20              // bytes of them; a single larger one may pass it
	dialTimeout      = 2 * time.Second       // connect and handshake
	dialLost         = 2 * dialTimeout       // a dial that has not been heard of for so long never will be
	redialMin        = 20 * time.Millisecond // wait after the first failed dial
	redialMax        = time.Second           // and the longest
	linkPatience     = 2                     // node timeouts that the peer's system may leave what was sent without a word; a full window counts
)

// link carries one loop's requests to one peer. Requests of all the loop's clients leave in one write; replies come back
// by id, in any order. What has no reply yet is kept, so that it can be sent elsewhere when the peer dies.
type link struct {
	l    *loop
	id   ring.NodeID
	addr string
	c    *front.Conn // nil while the link is down

	dialling time.Duration // monotonic: until when a dial under way may still succeed; 0 = none is
	removed  bool
	downAt   time.Duration // monotonic: since when the peer has been out of reach; 0 = it was never tried
	nextDial time.Duration
	backoff  time.Duration
	upSince  int64         // unix ms
	upAt     time.Duration // the same, monotonic
	conn     uint16        // number of this connection among all that the loop has made, modulo 2^16

	flights      []flight
	free         uint32 // first free flight + 1; 0 = none
	inflight     int
	bytes        int // of requests in flight
	waiting      int // requests that may wait for a key at the peer: blocked clients, or soon answered; not among inflight
	waitingBytes int
	cur          *chunk
	appended     uint64 // bytes ever given to this connection
	in           []byte // the start of a frame that has not arrived whole
	heard        bool   // something has come on this connection
	starved      bool   // somebody waits for it to drain
}

// flight is one request without a reply.
type flight struct {
	to       completer
	ck       *chunk
	off, n   int
	end      uint64        // link.appended after its frame: its place in the order
	deadline time.Duration // of a request that was held before; 0 = never
	id       command.RequestID
	tag      uint32
	next     uint32 // in the free list
	db       uint8
	proto    uint8
	hops     uint8
	part     bool
	readOnly bool
	waits    bool // counted apart, in a chunk of its own, and known to loop.waiting
	used     bool
}

var (
	errLinkRemoved = errors.New("server: the node has left the cluster")
	errPeerDown    = errors.New("server: the cluster holds the node for down")
)

func newLink(l *loop, id ring.NodeID) *link {
	return &link{l: l, id: id, backoff: redialMin}
}

func (k *link) setAddr(addr string) {
	if k.addr != addr {
		k.addr = addr
		k.nextDial = 0
	}
	k.dial(k.l.mono())
}

// down reports whether nothing can be sent now. A connection that was closed in this batch is down although it still stands
// here until its Close: what is sent on it now would count as sent, and a write could not be tried again.
func (k *link) down() bool { return k.c == nil || k.c.Closed() }

// full reports whether the link takes no further request now; the caller is woken when it does again.
func (k *link) full() bool {
	if k.inflight < maxInflight && k.bytes < maxInflightBytes {
		return false
	}
	k.starved = true
	return true
}

// crowded reports whether too many requests wait for keys at the peer.
func (k *link) crowded() bool { return k.waiting >= maxWaiting || k.waitingBytes >= maxWaitingBytes }

// send forwards r to the peer. The link must be up.
func (k *link) send(r *request, slot uint16) {
	if len(r.raw) > maxFrame-bus.RequestIDSize {
		k.l.fail(r.to, r.tag, errTooLarge)
		return
	}
	r.sent = true
	id := k.free
	if id == 0 {
		k.flights = append(k.flights, flight{})
		id = uint32(len(k.flights))
	}
	f := &k.flights[id-1]
	k.free = f.next
	waits := r.row.Has(command.Blocking) && r.row.Waits(r.args)
	numbered := !r.row.Has(command.ReadOnly) && !r.part
	if numbered {
		k.l.identify(r, waits)
	}
	ck := k.chunkFor(len(r.raw), waits)
	off := len(ck.buf)
	ck.buf = append(ck.buf, r.raw...)
	ck.refs++
	h := bus.Header{
		Bytes: uint32(len(r.raw)), ID: id, Type: bus.FrameRequest, DB: r.db, Hops: r.hops + 1, Slot: slot, Epoch: k.l.m.Epoch,
	}
	if r.proto == 3 {
		h.Flags |= bus.FlagProto3
	}
	if r.part {
		h.Flags |= bus.FlagPart
	}
	if numbered {
		h.Flags |= bus.FlagNumbered
		h.Bytes += bus.RequestIDSize
		h.Conn = k.conn
		if r.id.Repeat || r.hops > 0 {
			h.Flags |= bus.FlagRepeat // a request of another node may have come there on another way
		}
	}
	k.appended += uint64(bus.HeaderSize) + uint64(h.Bytes)
	*f = flight{
		to: r.to, tag: r.tag, ck: ck, off: off, n: len(r.raw), end: k.appended, db: r.db, proto: r.proto, hops: r.hops,
		part: r.part, readOnly: r.row.Has(command.ReadOnly), used: true, deadline: r.deadline, waits: waits,
		id: r.id,
	}
	if waits {
		k.waiting++
		k.waitingBytes += len(r.raw)
		k.l.putBlocked(&blocked{
			id: waitID{r.to, r.tag}, proto: r.proto, db: r.db, hops: r.hops, timed: r.row.TimesOut(r.args), k: k, flight: id,
			since: control.Mono(),
		})
	} else {
		k.inflight++
		k.bytes += len(r.raw)
	}

	k.c.Reserve(bus.HeaderSize + int(h.Bytes))
	k.c.Out = bus.AppendHeader(k.c.Out, h)
	if numbered {
		k.c.Out = bus.AppendRequestID(k.c.Out, bus.RequestID{Origin: r.id.Origin, Number: r.id.Number, Low: r.id.Low})
	}
	k.c.Out = append(k.c.Out, r.raw...)
	k.c.Dirty()
	k.l.stats.forwarded++
}

// chunkFor answers the chunk for a request of n bytes. One that may wait for long has its own, or it would keep one of 64 KB.
func (k *link) chunkFor(n int, waits bool) *chunk {
	if waits {
		return &chunk{buf: make([]byte, 0, n)}
	}
	if k.cur == nil || len(k.cur.buf)+n > cap(k.cur.buf) {
		k.newChunk(n)
	}
	return k.cur
}

func (k *link) newChunk(atLeast int) {
	if old := k.cur; old != nil && old.refs == 0 {
		k.l.chunks.put(old)
	}
	k.cur = k.l.chunks.get(atLeast)
}

// drop ends a flight; its id may be used again.
func (k *link) drop(id uint32) {
	f := &k.flights[id-1]
	f.ck.refs--
	if f.ck.refs == 0 {
		switch {
		case f.ck != k.cur:
			k.l.chunks.put(f.ck)
		case cap(f.ck.buf) > chunkBytes:
			k.cur = nil // it was made for one large request
		default:
			f.ck.buf = f.ck.buf[:0]
		}
	}
	if f.waits {
		k.waiting--
		k.waitingBytes -= f.n
		if b := k.l.waiting.blocked[waitID{f.to, f.tag}]; b != nil && b.k == k && b.flight == id {
			k.l.forget(b)
		}
	} else {
		k.inflight--
		k.bytes -= f.n
	}
	*f = flight{next: k.free}
	k.free = id
	if k.starved && k.inflight <= maxInflight/2 && k.bytes <= maxInflightBytes/2 {
		k.starved = false
		k.l.wake = true
	}
}

// Data implements front.Handler: replies have come.
func (k *link) Data(c *front.Conn, p []byte) {
	k.heard = true
	if len(k.in) > 0 {
		k.in = append(k.in, p...)
		p = k.in
	}
	rest, err := k.replies(p)
	if err != nil {
		k.l.srv.log.Error("malformed reply from a node, closing the link", "node", k.id, "err", err)
		c.Close(err)
		return
	}
	k.in = keepRest(k.in, rest)
}

// replies takes the whole frames at the start of p and answers what is left.
func (k *link) replies(p []byte) ([]byte, error) {
	for {
		h, ok, err := bus.ParseHeader(p)
		if err != nil {
			return nil, err
		}
		if !ok || len(p)-bus.HeaderSize < int(h.Bytes) {
			return p, nil
		}
		if h.Type != bus.FrameReply || h.ID == 0 || int(h.ID) > len(k.flights) || !k.flights[h.ID-1].used {
			return nil, fmt.Errorf("%w: a reply to nothing, id %d", bus.ErrFrame, h.ID)
		}
		end := bus.HeaderSize + int(h.Bytes)
		f := &k.flights[h.ID-1]
		if h.Flags&bus.FlagMoved != 0 {
			if !f.waits {
				return nil, fmt.Errorf("%w: a request that does not wait has moved", bus.ErrFrame)
			}
			k.moved(h.ID, p[bus.HeaderSize:end])
			p = p[end:]
			continue
		}
		to, tag := f.to, f.tag
		k.l.over(to, f.id)
		k.drop(h.ID)
		to.complete(tag, p[bus.HeaderSize:end])
		p = p[end:]
	}
}

// maxKeptFrame is the size up to which a connection between nodes keeps its buffer for partial frames.
const maxKeptFrame = 256 << 10

// keepRest answers the buffer that holds rest, the tail of in or of a borrowed buffer, for the next read.
func keepRest(in, rest []byte) []byte {
	if len(rest) > 0 && len(rest) == len(in) {
		return in // nothing was taken: a large frame comes in many reads, and must not be copied for each
	}
	if len(rest) == 0 {
		if cap(in) > maxKeptFrame {
			return nil
		}
		return in[:0]
	}
	if cap(in) > 4*maxKeptFrame && len(rest) < maxKeptFrame {
		in = nil
	}
	return append(in[:0], rest...)
}

// Drained implements front.Handler.
func (k *link) Drained(*front.Conn) {}

// Close implements front.Handler: the link is down. What has no reply is tried again elsewhere: writes under the ids that they have, so
// that they are not done twice. Answered with an error is a read before a write of the same client that may have been done, and what
// a node was to do of a cluster-wide write, which has no id.
func (k *link) Close(c *front.Conn, err error) {
	written := k.appended - uint64(c.Backlog())
	k.c, k.in = nil, nil
	now := k.l.mono()
	k.downAt = now
	if k.heard || now-k.upAt > redialMax {
		k.nextDial, k.backoff = now, redialMin
	} else { // a peer that takes connections and ends them at once is not asked as fast as it answers
		k.nextDial = now + k.backoff
		k.backoff = min(2*k.backoff, redialMax)
	}
	k.l.srv.linkChanged(k.id, -1)
	if k.l.srv.ctx.Err() == nil && !k.removed {
		k.l.srv.log.Warn("link to a node lost", "node", k.id, "addr", k.addr, "in_flight", k.inflight, "err", err)
	}
	k.fail(written)
	k.dial(now)
}

// What a client is told of what cannot be tried again.
const (
	errLostWrite = "ERR the node that owns this key failed before it answered: the write may or may not have been done"
	errLostRead  = "ERR the node that owns this key failed before it answered, and a later write of the same client may have been done"
)

// fail sees to every request in flight once the first written bytes are all that the peer can have read.
func (k *link) fail(written uint64) {
	ids := make([]uint32, 0, k.inflight+k.waiting)
	for i := range k.flights {
		if k.flights[i].used {
			ids = append(ids, uint32(i+1))
		}
	}
	slices.SortFunc(ids, func(a, b uint32) int { return cmp.Compare(k.flights[a-1].end, k.flights[b-1].end) })
	tooLate := k.tooLate(ids, written)
	first := k.l.holdFor(k.l.mono(), 0)
	for _, id := range ids {
		f := k.flights[id-1]
		deadline := f.deadline // not a new one with each link that is lost, or what kills the peer would be tried for ever
		if deadline == 0 {
			deadline = first
		}
		f.id.Repeat = f.id.Repeat || f.end <= written && f.id.Origin != 0
		switch {
		case f.to.gone():
			k.l.settled(f.id)
		case f.end <= written && tooLate[id]:
			k.l.fail(f.to, f.tag, errLostRead)
		case f.waits:
			k.retryWaiting(id, f.id, deadline)
		case f.readOnly || f.end > written || f.id.Origin != 0:
			r := request{raw: f.ck.buf[f.off : f.off+f.n], db: f.db, proto: f.proto, hops: f.hops, to: f.to, tag: f.tag, id: f.id}
			if f.part {
				r.part, r.node = true, k.id
			}
			k.l.hold(&r, deadline)
		default:
			k.l.fail(f.to, f.tag, errLostWrite)
		}
		k.drop(id)
	}
	k.flights, k.free, k.appended = nil, 0, 0
	k.l.wake = true
}

// tooLate answers the reads among ids, which are in the order sent, that must not be tried again: the same client wrote to one of
// their slots after them, and the write may have been done. It would see what it wrote later.
func (k *link) tooLate(ids []uint32, written uint64) map[uint32]bool {
	type lost struct {
		by   completer
		slot uint16
	}
	writes, reads := map[lost]bool{}, map[uint32]bool{}
	for _, id := range slices.Backward(ids) {
		f := &k.flights[id-1]
		if f.end > written || f.readOnly && len(writes) == 0 {
			continue
		}
		by := origin(f.to)
		for _, slot := range k.l.slotsOf(f.ck.buf[f.off : f.off+f.n]) {
			if !f.readOnly {
				writes[lost{by, slot}] = true
			} else if writes[lost{by, slot}] {
				reads[id] = true
			}
		}
	}
	return reads
}

// remove closes the link of a node that has left.
func (k *link) remove() {
	k.removed = true
	if k.c != nil {
		k.c.Close(errLinkRemoved)
	}
}

// dial connects in the background unless the link stands or the last failure is too recent.
func (k *link) dial(now time.Duration) {
	s := k.l.srv
	if k.c != nil || now < k.dialling || k.removed || now < k.nextDial || s.ctx.Err() != nil {
		return
	}
	k.dialling = now + dialLost // Adopt may drop the connection without a word, where no descriptor is left
	addr := k.addr
	s.wg.Go(func() {
		ctx, cancel := context.WithTimeout(s.ctx, dialTimeout)
		defer cancel()
		nc, err := s.opt.Dial(ctx, addr, k.id)
		if err == nil {
			err = limitPatience(nc, linkPatience*s.copies.opt.NodeTimeout)
		}
		if err != nil {
			s.post(k.l, func() { k.dialFailed(addr, err) })
			return
		}
		k.l.ev.Adopt(nc, k.opened)
	})
}

func (k *link) dialFailed(addr string, err error) {
	now := k.l.mono()
	k.dialling = 0
	if k.downAt == 0 {
		k.downAt = now
		k.l.srv.log.Warn("cannot reach a node", "node", k.id, "addr", addr, "err", err)
	}
	k.nextDial = now + k.backoff
	k.backoff = min(2*k.backoff, redialMax)
	if addr != k.addr {
		k.nextDial = 0
	}
}

// opened takes over the connection that a dial has made.
func (k *link) opened(c *front.Conn) front.Handler {
	k.dialling = 0
	if k.removed || k.c != nil {
		return nil
	}
	k.c, k.downAt, k.heard = c, 0, false
	k.l.conns++
	k.conn = k.l.conns
	k.upSince, k.upAt = k.l.ev.Now(), k.l.mono()
	k.l.wake = true
	k.l.srv.linkChanged(k.id, +1)
	return k
}

// downSince answers since when the peer has been out of reach, as far as that counts for how long its requests are held: 0
// (now) while the cluster takes it to be up, since then the link will soon stand again.
func (k *link) downSince() time.Duration {
	if k.l.srv.opt.Cluster.View().Nodes[k.id].State == control.StateDown {
		return k.downAt
	}
	return 0
}

// checkLinks redials what is down, at once where the cluster has the peer back, and cuts the links to nodes that the cluster
// holds for down though their connections stand: a node that hangs closes nothing.
func (l *loop) checkLinks(now time.Duration) {
	view := l.srv.opt.Cluster.View()
	for _, k := range l.links {
		if k.c == nil {
			if view.Nodes[k.id].State.Serving() {
				k.nextDial = 0
			}
			k.dial(now)
			continue
		}
		// A link that is younger is to the process that has come back, which the leader does not know to be up yet.
		old := now-k.upAt > l.srv.copies.opt.NodeTimeout
		if old && k.inflight+k.waiting > 0 && view.Nodes[k.id].State == control.StateDown {
			k.c.Close(errPeerDown)
		}
	}
}
