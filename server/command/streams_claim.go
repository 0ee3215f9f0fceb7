package command

import (
	"math"
	"slices"
	"strconv"

	"ringcache/server/resp"
	"ringcache/server/store"
)

const (
	errClaimIdle   = "ERR Invalid min-idle-time argument for XCLAIM"
	errAutoIdle    = "ERR Invalid min-idle-time argument for XAUTOCLAIM"
	errClaimIDLE   = "ERR Invalid IDLE option argument for XCLAIM"
	errClaimTime   = "ERR Invalid TIME option argument for XCLAIM"
	errClaimCount  = "ERR Invalid RETRYCOUNT option argument for XCLAIM"
	errAutoCount   = "ERR COUNT must be > 0"
	claimAttempts  = 10 // entries that XAUTOCLAIM looks at for each that it may claim
	autoclaimCount = 100
	autoclaimMost  = math.MaxInt64 / 16
)

// claimWriter emits deliveries: XCLAIM with the ids of those that are alike. It emits nothing where nobody listens.
type claimWriter struct {
	c     *Ctx
	r     store.Ref
	g     *store.StreamGroup
	to    *store.StreamConsumer
	time  int64 // of the deliveries, unix ms
	count int64 // of those that wait to be emitted
	ids   []store.StreamID
}

// claimBatch is how many ids one effect has at most.
const claimBatch = 1024

func (w *claimWriter) add(id store.StreamID, count int64) {
	if !w.c.KS.HasSink() || w.c.eff.applying {
		return
	}
	if count != w.count || len(w.ids) == claimBatch {
		w.flush()
	}
	w.count = count
	w.ids = append(w.ids, id)
}

func (w *claimWriter) flush() {
	if len(w.ids) == 0 {
		return
	}
	args := append(w.c.stream.args[:0], xclaimName, w.r.Key, []byte(w.g.Name), []byte(w.to.Name), zero)
	args = appendIDs(args, w.ids)
	args = append(args, timeName, strconv.AppendInt(nil, w.time, 10), retriesName, strconv.AppendInt(nil, w.count, 10),
		forceName, justidName, lastidName, w.g.Last.Append(nil))
	w.c.ReplicateAs(w.r.Slot, w.r.DB, args...)
	w.c.dropArgs(args)
	w.ids = w.ids[:0]
}

// appendIDs appends the texts of ids.
func appendIDs(args [][]byte, ids []store.StreamID) [][]byte {
	texts := make([]byte, 0, 24*len(ids))
	for _, id := range ids {
		from := len(texts)
		texts = id.Append(texts)
		args = append(args, texts[from:len(texts):len(texts)])
	}
	return args
}

// emitAck emits that entries are pending no more.
func (c *Ctx) emitAck(r store.Ref, g *store.StreamGroup, ids []store.StreamID) {
	if len(ids) > 0 && c.KS.HasSink() && !c.eff.applying {
		c.ReplicateAs(r.Slot, r.DB, appendIDs([][]byte{xackName, r.Key, []byte(g.Name)}, ids)...)
	}
}

// streamAck is XACK: https://redis.io/docs/latest/commands/xack/
func streamAck(c *Ctx) {
	r := c.ref(1)
	it := c.find(r)
	if c.wrongType(it, store.TypeStream) {
		return
	}
	s := asStream(it)
	if s == nil || s.Group(c.Args[2]) == nil {
		c.Out.Int(0)
		return
	}
	g := s.Group(c.Args[2])
	ids, ok := c.idArgs(3)
	if !ok {
		return
	}
	n := 0
	for _, id := range ids {
		if g.Ack(id) {
			n++
		}
	}
	if n > 0 {
		s.Settle(r)
		c.touched()
	}
	c.Out.Int(int64(n))
}

// claimArgs are the arguments of XCLAIM.
type claimArgs struct {
	minIdle       int64
	ids           []store.StreamID
	time          int64 // of the delivery, unix ms
	count         int64 // deliveries; negative: not given
	force, justid bool
	last          store.StreamID
}

// claimArgs reads the arguments from position 4 on, or replies the error.
func (c *Ctx) claimArgs() (o claimArgs, ok bool) {
	if o.minIdle, ok = c.intArgOr(4, errClaimIdle); !ok {
		return o, false
	}
	o.minIdle = max(o.minIdle, 0)
	i := 5
	o.ids = c.stream.ids[:0]
	for ; i < len(c.Args); i++ {
		id, ok := streamID(c.Args[i], 0, true)
		if !ok {
			break
		}
		o.ids = append(o.ids, id)
	}
	c.keepIDs(o.ids)
	o.time, o.count = -1, -1
	for ; i < len(c.Args); i++ {
		arg, more := c.Args[i], i < len(c.Args)-1
		switch {
		case is(arg, "force"):
			o.force = true
			continue
		case is(arg, "justid"):
			o.justid = true
			continue
		case is(arg, "idle") && more:
			o.time, ok = c.intArgOr(i+1, errClaimIDLE)
			o.time = c.Now - o.time
		case is(arg, "time") && more:
			o.time, ok = c.intArgOr(i+1, errClaimTime)
		case is(arg, "retrycount") && more:
			o.count, ok = c.intArgOr(i+1, errClaimCount)
		case is(arg, "lastid") && more:
			o.last, ok = c.idArg(i + 1)
		default:
			c.Out.Error("ERR Unrecognized XCLAIM option '" + string(text(arg)) + "'")
			ok = false
		}
		if !ok {
			return o, false
		}
		i++
	}
	if !c.eff.applying && (o.time < 0 || o.time > c.Now) { // clocks of clients may be wrong; that of a primary is right
		o.time = c.Now
	}
	return o, true
}

// groupOf is the stream and the group that arguments 1 and 2 name. It replies the error where there are none.
func (c *Ctx) groupOf(it store.Item) (s *store.Stream, g *store.StreamGroup) {
	if c.wrongType(it, store.TypeStream) {
		return nil, nil
	}
	if s = asStream(it); s != nil {
		g = s.Group(c.Args[2])
	}
	if g == nil {
		c.noGroup(c.Args[1], c.Args[2], "")
	}
	return s, g
}

// streamClaim is XCLAIM: https://redis.io/docs/latest/commands/xclaim/
func streamClaim(c *Ctx) {
	r := c.ref(1)
	s, g := c.groupOf(c.find(r))
	if g == nil {
		return
	}
	o, ok := c.claimArgs()
	if !ok {
		return
	}
	moved := g.Last.Less(o.last)
	if moved {
		g.Last = o.last
	}
	w := claimWriter{c: c, r: r, g: g, time: o.time}
	var gone []store.StreamID
	at, n := len(c.Out.B), 0
	for _, id := range o.ids {
		it := s.Iter(id, id, false)
		if !it.Next() {
			if g.Ack(id) {
				gone = append(gone, id)
			}
			continue
		}
		p, pending := g.PendingOf(id)
		if !pending && !o.force || pending && o.minIdle > 0 && c.Now-p.Time < o.minIdle {
			continue
		}
		if !pending {
			p.Count = 1 // as Redis counts: what is forced is delivered by that
		}
		switch {
		case o.count >= 0:
			p.Count = o.count
		case !o.justid:
			p.Count++
		}
		c.claim(&w, id, p.Count, c.Args[3])
		c.claimed(&it, o.justid)
		n++
	}
	c.Out.InsertArray(at, n)
	s.Settle(r)
	w.flush()
	c.emitAck(r, g, gone)
	if moved && n == 0 {
		c.emitGroup(r, g)
	}
}

// claim gives an entry to the consumer with a name.
func (c *Ctx) claim(w *claimWriter, id store.StreamID, count int64, name []byte) {
	if w.to == nil {
		if w.to = w.g.Consumer(name); w.to == nil {
			w.to = w.g.AddConsumer(name, c.Now)
		}
		w.to.Seen = c.Now
	}
	w.g.Deliver(id, w.to, w.time, count)
	w.add(id, count)
}

// claimed replies an entry that was claimed.
func (c *Ctx) claimed(it *store.StreamIter, justid bool) {
	if justid {
		c.id(it.ID())
	} else {
		c.streamEntry(it)
	}
}

// autoclaimArgs reads the arguments of XAUTOCLAIM from position 4 on, or replies the error.
func (c *Ctx) autoclaimArgs() (minIdle int64, start store.StreamID, count int64, justid, ok bool) {
	count = autoclaimCount
	if minIdle, ok = c.intArgOr(4, errAutoIdle); !ok {
		return
	}
	if start, ok = c.from(5); !ok {
		return
	}
	for i := 6; i < len(c.Args); i++ {
		switch {
		case is(c.Args[i], "count") && i < len(c.Args)-1:
			i++
			if count, ok = c.intArgOr(i, errAutoCount); !ok {
				return
			}
			if count < 1 || count > autoclaimMost {
				c.Out.Error(errAutoCount)
				return minIdle, start, count, justid, false
			}
		case is(c.Args[i], "justid"):
			justid = true
		default:
			c.Out.Error(resp.ErrSyntax)
			return minIdle, start, count, justid, false
		}
	}
	return minIdle, start, count, justid, true
}

// streamAutoclaim is XAUTOCLAIM: https://redis.io/docs/latest/commands/xautoclaim/
func streamAutoclaim(c *Ctx) {
	minIdle, from, count, justid, ok := c.autoclaimArgs()
	if !ok {
		return
	}
	r := c.ref(1)
	s, g := c.groupOf(c.find(r))
	if g == nil {
		return
	}
	w := claimWriter{c: c, r: r, g: g, time: c.Now}
	var gone []store.StreamID
	begin := len(c.Out.B)
	n := 0
	p, more := g.NextPending(from, nil)
	for attempts := count * claimAttempts; more && attempts > 0 && count > 0; attempts-- {
		it := s.Iter(p.ID, p.ID, false)
		switch {
		case !it.Next():
			g.Ack(p.ID)
			gone = append(gone, p.ID)
			count--
		case minIdle <= 0 || c.Now-p.Time >= minIdle:
			if !justid {
				p.Count++
			}
			c.claim(&w, p.ID, p.Count, c.Args[3])
			c.claimed(&it, justid)
			n++
			count--
		}
		if from, more = p.ID.Next(); more {
			p, more = g.NextPending(from, nil)
		}
	}
	if !more {
		p.ID = store.StreamID{}
	}
	head := resp.Writer{B: c.stream.buf[:0]} // it says where the next call goes on, and stands in front
	head.Array(3)
	head.BulkString(p.ID.String())
	head.Array(n)
	c.Out.B = slices.Insert(c.Out.B, begin, head.B...)
	c.Out.Array(len(gone))
	for _, id := range gone {
		c.id(id)
	}
	s.Settle(r)
	w.flush()
	c.emitAck(r, g, gone)
}
