package replication

import (
	"sync"
	"sync/atomic"

	"ringcache/ring"
)

// Bounds of what Requests remembers.
const (
	requestShards = 16
	// maxOrigins is how many origins a shard has: a hundred nodes of some loops, each started a few times, in sixteen shards. Beyond
	// that the one that has been quiet for longest is forgotten.
	maxOrigins = 256
	// maxRecords is how many writes of one origin are remembered. While a node is being failed over the oldest requests to it have no
	// reply, and the later ones to others all count: it is what a loop can send in two seconds.
	maxRecords = 1 << 18
	// keptRecords is up to how many places an origin keeps that has nothing to remember.
	keptRecords = 1 << 12
	// maxRecordBytes bounds the replies of one origin, in bytes. Replies to writes are short as a rule.
	maxRecordBytes = 16 << 20
	// inlineReply is the length of replies that need no memory of their own: +OK, numbers.
	inlineReply = 16
)

// Requests remembers what proxied writes were answered, so that a repeated one is answered instead of applied again. It forgets those
// below their origin's Low, which have their reply; beyond the bounds above also the oldest others. The zero value is empty. It is safe
// for concurrent use; its locks are taken last.
type Requests struct {
	lives  [ring.Slots]atomic.Uint32 // how often the slot's copy was given up
	shards [requestShards]struct {
		mu struct {
			sync.Mutex
			origins map[uint64]*origin
			clock   uint64 // counts uses
		}
	}
}

// origin is a queue of records in the order in which they came, which is about that of their numbers. A repeated request is rare: it
// is looked for from end to end. Every write of another node comes by here, and costs no allocation where the reply is short.
type origin struct {
	ring  []record // a power of two of places
	first int
	n     int
	bytes int
	used  uint64
	low   uint64 // the highest Low seen: what is below has its reply
}

type record struct {
	number uint64
	life   uint32 // of the slot, when it was added
	slot   uint16
	size   uint8 // of inline, where long is nil
	kept   bool  // there is a reply: it was not too long
	inline [inlineReply]byte
	long   []byte
}

func (r *record) reply() []byte {
	switch {
	case !r.kept:
		return nil
	case r.long != nil:
		return r.long
	}
	return r.inline[:r.size]
}

// Done notes that a write was applied to a slot, and what it was answered; an empty reply or one beyond MaxReply says only that it
// was. A primary calls it under the slot's lock, with the Append of the write's effect.
func (q *Requests) Done(id RequestID, slot uint16, reply []byte) {
	if q == nil || id.Origin == 0 {
		return
	}
	s := &q.shards[id.Origin%requestShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.clock++
	o := s.mu.origins[id.Origin]
	if o == nil {
		if s.mu.origins == nil {
			s.mu.origins = make(map[uint64]*origin)
		}
		if len(s.mu.origins) >= maxOrigins {
			forgetQuietest(s.mu.origins)
		}
		o = new(origin)
		s.mu.origins[id.Origin] = o
	}
	o.used = s.mu.clock
	if id.Low > o.low {
		o.low = id.Low
		o.prune(id.Low)
	}
	if id.Number >= id.Low {
		o.add(id.Number, slot, q.lives[slot].Load(), reply)
	}
}

func forgetQuietest(origins map[uint64]*origin) {
	quietest, least := uint64(0), ^uint64(0)
	for id, o := range origins {
		if o.used <= least {
			quietest, least = id, o.used
		}
	}
	delete(origins, quietest)
}

// prune forgets what has its reply. A record behind one that is still wanted stays until that one goes: it does no harm.
func (o *origin) prune(low uint64) {
	for o.n > 0 && o.at(0).number < low {
		o.pop()
	}
	if o.n == 0 && len(o.ring) > keptRecords {
		o.ring, o.first = nil, 0
	}
}

func (o *origin) at(i int) *record { return &o.ring[(o.first+i)&(len(o.ring)-1)] }

func (o *origin) pop() {
	r := o.at(0)
	o.bytes -= len(r.long)
	r.long = nil
	o.first = (o.first + 1) & (len(o.ring) - 1)
	o.n--
}

func (o *origin) add(number uint64, slot uint16, life uint32, reply []byte) {
	if len(reply) > MaxReply {
		reply = nil
	}
	for o.n > 0 && (o.n >= maxRecords || o.bytes+len(reply) > maxRecordBytes) {
		o.pop()
	}
	if o.n == len(o.ring) {
		grown := make([]record, max(16, 2*o.n))
		for i := range o.n {
			grown[i] = *o.at(i)
		}
		o.ring, o.first = grown, 0
	}
	o.n++
	r := o.at(o.n - 1)
	r.number, r.slot, r.life, r.kept, r.long = number, slot, life, len(reply) > 0, nil
	if len(reply) <= inlineReply {
		r.size = uint8(copy(r.inline[:], reply))
	} else {
		r.long = append([]byte(nil), reply...)
		o.bytes += len(reply)
	}
}

// Forget forgets the writes of a slot: its copy is given up, and they with it. Receivers call it when a copy is emptied for a sync; a node
// calls it when it empties a copy itself, with Positions.Clear. Under the slot's lock.
func (q *Requests) Forget(slot uint16) {
	if q != nil {
		q.lives[slot].Add(1)
	}
}

// Answered is what [Requests.Reply] knows of a request.
type Answered uint8

// What is known of a request.
const (
	Unknown Answered = iota // it has not been applied to the slot
	Applied                 // it has, and this is the reply; empty: that has not been kept
	Settled                 // its sender has had the reply already, or has given up: this is an old copy of it
)

// Reply is what is known of a write in a slot. It goes through all records of the origin: for requests that are sent again, which are
// few. Under the slot's lock.
func (q *Requests) Reply(id RequestID, slot uint16) (reply []byte, a Answered) {
	if q == nil || id.Origin == 0 {
		return nil, Unknown
	}
	s := &q.shards[id.Origin%requestShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.mu.origins[id.Origin]
	if o == nil {
		return nil, Unknown
	}
	for i := o.n - 1; i >= 0; i-- {
		if r := o.at(i); r.number == id.Number && r.slot == slot && r.life == q.lives[slot].Load() {
			return append([]byte(nil), r.reply()...), Applied
		}
	}
	if id.Number < o.low {
		return nil, Settled
	}
	return nil, Unknown
}

// appendRecords appends the records of a slot as frames. Their Low is 0: what is too much is forgotten with the next effect.
func (q *Requests) appendRecords(dst []byte, slot uint16) []byte {
	if q == nil {
		return dst
	}
	for i := range q.shards {
		s := &q.shards[i]
		s.mu.Lock()
		for id, o := range s.mu.origins {
			for k := range o.n {
				if r := o.at(k); r.slot == slot && r.life == q.lives[slot].Load() {
					reply := r.reply()
					dst = appendHeader(dst, uint32(requestSize+len(reply)), frameRecord, 0, slot)
					dst = appendRequest(dst, RequestID{Origin: id, Number: r.number})
					dst = append(dst, reply...)
				}
			}
		}
		s.mu.Unlock()
	}
	return dst
}
