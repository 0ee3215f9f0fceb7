package replication

import (
	"fmt"
	"sync/atomic"
	"time"

	"ringcache/ring"
)

// aliveEvery is how often a receiver acknowledges while a long frame comes in: its primary would take it for silent.
const aliveEvery = 100 * time.Millisecond

// keepArgs is for how many arguments a receiver keeps room.
const keepArgs = 1024

// Target is the keyspace of a replica.
type Target interface {
	// Lock and Unlock hold a slot.
	Lock(slot uint16)
	Unlock(slot uint16)
	// Apply applies one effect, under the lock. args is valid during the call only. An error says that this node does not know such an
	// effect: its copy is lost, and will be made anew.
	Apply(slot uint16, db int, args [][]byte) error
	// Clear empties the slot, under the lock. It does not touch Positions.
	Clear(slot uint16)
}

// ReceiverOptions configure a Receiver.
type ReceiverOptions struct {
	Self, Peer  ring.NodeID
	Incarnation uint64 // of this node
	Target      Target
	Positions   *Positions
	Requests    *Requests // may be nil
	Received    *Received // the node's
}

// Receiver is a replica's end of one connection. Receive is called by one goroutine; the others may be called by any.
type Receiver struct {
	opt        ReceiverOptions
	in         *incoming // nil until the hello
	generation uint64
	started    bool
	waiting    atomic.Bool

	acked   time.Duration // when it last acknowledged
	first   uint64        // offset at which the connection began
	sent    []sentAck     // acknowledgements that the primary has not named yet
	torn    int           // bytes of the torn frame at the last call
	scanned int           // bytes of a run's effects that have been looked through
	args    [][]byte
}

// sentAck is an acknowledgement on its way: when it was sent, and the offset in it.
type sentAck struct {
	offset uint64
	at     time.Duration
}

// Of the acknowledgements on their way one in sentEvery is remembered, and no more than maxSent of them.
const (
	sentEvery = 10 * time.Millisecond
	maxSent   = 64
)

// note remembers an acknowledgement. The first of a connection proves nothing: its offset is what the primary began with.
func (r *Receiver) note(offset uint64, now time.Duration) {
	n := len(r.sent)
	if offset > r.first && n < maxSent && (n == 0 || now-r.sent[n-1].at >= sentEvery) {
		r.sent = append(r.sent, sentAck{offset, now})
	}
}

// named takes the primary's word that acknowledgements up to an offset have come to it.
func (r *Receiver) named(offset uint64) {
	n := 0
	for n < len(r.sent) && r.sent[n].offset <= offset {
		n++
	}
	if n == 0 {
		return
	}
	r.in.confirmed.Store(int64(r.sent[n-1].at))
	r.sent = r.sent[:copy(r.sent, r.sent[n:])]
}

// Closed says that the connection is gone.
func (r *Receiver) Closed() {
	if r.in == nil {
		return
	}
	r.in.mu.Lock()
	defer r.in.mu.Unlock()
	if r.in.mu.generation == r.generation {
		r.in.mu.open = false
	}
}

// NewReceiver is the receiver of a connection that a primary has made: it expects a hello.
func NewReceiver(opt ReceiverOptions) *Receiver { return &Receiver{opt: opt} }

// SetMap has this and all other incoming streams of the node go by a map: see [Received.SetMap].
func (r *Receiver) SetMap(m *ring.Map) { r.opt.Received.SetMap(m, r.opt.Self) }

// Waiting reports whether Receive stopped before a frame that goes by a map which this node has not seen. Nothing is read until the next
// SetMap; then Receive is called with the same rest again.
func (r *Receiver) Waiting() bool { return r.waiting.Load() }

// Receive applies the frames in p and appends to out what the primary is to be sent. rest is what it left: the start of a frame, or with
// Waiting whole frames; it comes again in front of what is read next. After an error the connection is to be closed.
func (r *Receiver) Receive(p, out []byte, now time.Duration) (rest, outNow []byte, err error) {
	rest = p
	if r.in == nil {
		var ok bool
		if rest, out, ok, err = r.hello(rest, out); !ok || err != nil {
			return rest, out, err
		}
		r.acked = now
	}
	in := r.in
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.mu.generation != r.generation {
		return rest, out, ErrReplaced
	}
	before, began := in.mu.offset, r.started
	in.mu.heard = now
	r.waiting.Store(false)
	for err == nil && !r.waiting.Load() {
		h, body, after, ok, cutErr := cut(rest, false)
		if cutErr != nil || !ok {
			err = cutErr
			break
		}
		if !r.started {
			err = r.start(h, body)
			rest = after
			before = in.mu.offset
			continue
		}
		var n int
		if n, out, err = r.frame(h, body, rest, out); n == 0 {
			break
		}
		in.mu.offset += uint64(n)
		rest = rest[n:]
	}
	if err != nil {
		in.forget() // what it did not understand it cannot go on from
		return rest, out, err
	}
	alive := len(rest) > r.torn && now-r.acked >= aliveEvery && !r.waiting.Load()
	if r.torn = len(rest); r.started && (in.mu.offset != before || !began || alive) {
		r.acked = now
		r.note(in.mu.offset, now)
		out = appendFrame(out, frameAck, 0, 0, in.mu.offset)
	}
	return rest, out, nil
}

// hello reads the connection's first frame and answers it.
func (r *Receiver) hello(p, out []byte) (rest, outNow []byte, ok bool, err error) {
	h, body, rest, ok, err := cut(p, false)
	switch {
	case err != nil || !ok:
		return p, out, false, err
	case h.typ != frameHello:
		return p, out, false, fmt.Errorf("%w: %s before the hello", ErrOrder, h.typ)
	case h.info != version:
		return p, out, false, fmt.Errorf("%w: %d, not %d", ErrVersion, h.info, version)
	}
	in, generation, err := r.opt.Received.join(r.opt.Self, r.opt.Peer, number(body, 0), number(body, 4))
	if err != nil {
		return p, out, false, err
	}
	r.in, r.generation = in, generation
	in.mu.Lock()
	defer in.mu.Unlock()
	out = appendFrame(out, frameWelcome, version, 0, r.opt.Incarnation, in.mu.stream, in.mu.offset)
	// What was said on the connection before may not have come.
	for slot, f := range in.mu.slots.all() {
		if f.state == followNot {
			out = appendFrame(out, frameUnequal, 0, slot, in.mu.offset)
		}
	}
	return rest, out, true, nil
}

// start reads where the primary goes on: in the stream that was followed last, or at the start of a new one.
func (r *Receiver) start(h header, body []byte) error {
	if h.typ != frameStart {
		return fmt.Errorf("%w: %s before the start", ErrOrder, h.typ)
	}
	mu := &r.in.mu
	switch stream, offset := number(body, 0), number(body, 1); {
	case stream == 0:
		return fmt.Errorf("%w: a stream without a name", ErrFrame)
	case stream != mu.stream:
		r.in.forget()
		mu.stream, mu.offset = stream, offset
	case offset != mu.offset:
		return fmt.Errorf("%w: the stream goes on at %d, and has been read up to %d", ErrOrder, offset, mu.offset)
	}
	r.started, r.first = true, mu.offset
	return nil
}

// frame takes the frame at the start of p, and answers how many bytes it has read: 0 where it must wait for more, or for a map.
func (r *Receiver) frame(h header, body, p, out []byte) (n int, outNow []byte, err error) {
	n = headerSize + len(body)
	switch h.typ {
	case frameEffect:
		return r.run(h, p, out)
	case framePing:
		r.named(number(body, 0))
		return n, out, nil
	case frameAttach:
		if r.waitFor(number(body, 0)) {
			return 0, out, nil
		}
		out, err = r.attach(h.slot, body, out)
		return n, out, err
	case frameDetach, frameSyncBegin, frameSyncEnd, frameTerm, frameRecord:
	default:
		return 0, out, fmt.Errorf("%w: %s within the stream", ErrOrder, h.typ)
	}
	f := r.in.mu.slots.at(h.slot)
	if f == nil || f.state == notFollowed {
		if h.typ == frameDetach {
			return n, out, nil
		}
		return 0, out, fmt.Errorf("%w: %s of slot %d, which is not attached", ErrOrder, h.typ, h.slot)
	}
	switch h.typ {
	case frameTerm:
		if r.waitFor(number(body, 0)) {
			return 0, out, nil
		}
		f.term = number(body, 0)
	case frameDetach:
		r.leave(h.slot, f)
	case frameSyncBegin:
		out = r.beginSync(h.slot, f, r.in.mu.offset+uint64(n), out)
	case frameSyncEnd:
		out, err = r.endSync(h.slot, f, body, r.in.mu.offset+uint64(n), out)
	case frameRecord:
		if id := requestAt(body); f.state == followSync {
			r.opt.Requests.Done(id, h.slot, body[requestSize:])
		}
	}
	return n, out, err
}

// waitFor reports whether this node has yet to see the map of that epoch.
func (r *Receiver) waitFor(epoch uint64) bool {
	wait := r.in.epoch() < epoch
	r.waiting.Store(wait)
	return wait
}
