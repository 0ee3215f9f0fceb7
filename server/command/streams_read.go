package command

import (
	"bytes"
	"strconv"

	"ringcache/server/resp"
	"ringcache/server/store"
)

// XREAD and XREADGROUP.
//
// A call has its options read and its ids resolved, and then serves what there is. Where there is nothing it would wait: run again
// with the ids that were resolved, "$" being what it was at first, it goes on from there.

const (
	errReadGroupOption = "ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead."
	errReadNoack       = "ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead."
	errReadUnbalanced  = "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified."
	errReadNoGroup     = "ERR Missing GROUP option for XREADGROUP"
	errReadDollar      = "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by " +
		"specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set."
	errReadNew = "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option."

	errReadGone      = "UNBLOCKED the stream key no longer exists"
	errReadGroupGone = "NOGROUP the consumer group this client was blocked on no longer exists"
)

// readArgs are the arguments of XREAD and XREADGROUP.
type readArgs struct {
	ofGroup         bool // XREADGROUP
	group, consumer []byte
	count           int64 // 0 = any number
	noack           bool
	blocks          bool
	millis          int64 // how long it waits; 0 = for ever
	keyAt, keys     int   // position of the first key, and their number; as many ids follow them
}

// streamsAt is the position of the first key of XREAD and XREADGROUP, behind STREAMS, or 0 where there is none.
func streamsAt(args [][]byte) int {
	for i := 1; i < len(args)-1; i++ {
		switch arg := args[i]; {
		case is(arg, "streams"):
			return i + 1
		case is(arg, "block"), is(arg, "count"):
			i++
		case is(arg, "group"):
			i += 2
		case !is(arg, "noack"):
			return 0
		}
	}
	return 0
}

// readKeys finds the keys of XREAD and XREADGROUP. Where the call is wrong there are none, and the handler has the words.
func readKeys(args [][]byte, dst []int) ([]int, error) {
	if at := streamsAt(args); at > 0 && (len(args)-at)%2 == 0 {
		for i := at; i < at+(len(args)-at)/2; i++ {
			dst = append(dst, i)
		}
	}
	return dst, nil
}

// readArgs reads the arguments, or replies the error.
func (c *Ctx) readArgs(ofGroup bool) (o readArgs, ok bool) {
	o.ofGroup = ofGroup
	for i := 1; i < len(c.Args) && o.keyAt == 0; i++ {
		arg, more := c.Args[i], len(c.Args)-i-1
		switch {
		case is(arg, "block") && more > 0:
			i++
			o.blocks = true
			if o.millis, ok = c.timeoutArg(i); !ok {
				return o, false
			}
		case is(arg, "count") && more > 0:
			i++
			if o.count, ok = c.intArg(i); !ok {
				return o, false
			}
			o.count = max(o.count, 0)
		case is(arg, "streams") && more > 0:
			if more%2 != 0 {
				c.Out.Error(errReadUnbalanced)
				return o, false
			}
			o.keyAt, o.keys = i+1, more/2
		case is(arg, "group") && more > 1:
			if !ofGroup {
				c.Out.Error(errReadGroupOption)
				return o, false
			}
			o.group, o.consumer = c.Args[i+1], c.Args[i+2]
			i += 2
		case is(arg, "noack"):
			if !ofGroup {
				c.Out.Error(errReadNoack)
				return o, false
			}
			o.noack = true
		default:
			c.Out.Error(resp.ErrSyntax)
			return o, false
		}
	}
	switch {
	case o.keyAt == 0:
		c.Out.Error(resp.ErrSyntax)
	case ofGroup && o.group == nil:
		c.Out.Error(errReadNoGroup)
	default:
		return o, true
	}
	return o, false
}

// blockAt is the position of the time-out of XREAD and XREADGROUP, behind BLOCK, or 0 where there is none.
func blockAt(args [][]byte) (at int) {
	for i := 1; i < len(args)-1; i++ {
		switch arg := args[i]; {
		case is(arg, "streams"):
			return at
		case is(arg, "block"):
			i++
			at = i
		case is(arg, "count"):
			i++
		case is(arg, "group"):
			i += 2
		}
	}
	return 0
}

// readIDs resolves the ids, those after which each stream is read, or replies the error. MaxStreamID stands for ">".
func (c *Ctx) readIDs(o *readArgs) (ids []store.StreamID, ok bool) {
	ids = c.stream.ids[:0]
	for i := o.keyAt; i < o.keyAt+o.keys; i++ {
		r := c.ref(i)
		it := c.read(r)
		switch {
		case !c.atHand(r):
			it = store.Item{}
		case !c.waited():
			if c.wrongType(it, store.TypeStream) {
				return nil, false
			}
		case it.Exists() && it.Type() == store.TypeStream:
		case o.ofGroup:
			c.Out.Error(errReadGone)
			return nil, false
		default:
			it = store.Item{}
		}
		s := asStream(it)
		if o.ofGroup && c.atHand(r) && (s == nil || s.Group(o.group) == nil) {
			if c.waited() {
				c.Out.Error(errReadGroupGone)
			} else {
				c.noGroup(c.Args[i], o.group, " in XREADGROUP with GROUP option")
			}
			return nil, false
		}
		id, ok := c.readID(o, i+o.keys, s)
		if !ok {
			return nil, false
		}
		ids = append(ids, id)
	}
	c.keepIDs(ids)
	return ids, true
}

func (c *Ctx) readID(o *readArgs, i int, s *store.Stream) (id store.StreamID, ok bool) {
	switch arg := text(c.Args[i]); {
	case bytes.Equal(arg, []byte("$")):
		if o.ofGroup {
			c.Out.Error(errReadDollar)
			return id, false
		}
		if s != nil {
			id = s.LastID()
		}
		return id, true
	case bytes.Equal(arg, []byte(">")):
		if !o.ofGroup {
			c.Out.Error(errReadNew)
			return id, false
		}
		return store.MaxStreamID, true
	}
	return c.idArg(i)
}

// streamRead is XREAD: https://redis.io/docs/latest/commands/xread/
func streamRead(c *Ctx) { c.readStreams(false) }

// streamReadgroup is XREADGROUP: https://redis.io/docs/latest/commands/xreadgroup/
func streamReadgroup(c *Ctx) { c.readStreams(true) }

// readStreams replies each stream after its id, of which there is something; where there is nothing of any, as at a time-out.
func (c *Ctx) readStreams(ofGroup bool) {
	o, ok := c.readArgs(ofGroup)
	if !ok {
		return
	}
	ids, ok := c.readIDs(&o)
	if !ok {
		return
	}
	at, served := len(c.Out.B), 0
	for i, id := range ids {
		if !c.servable(&o, c.ref(o.keyAt+i), id) {
			continue
		}
		if c.serveStream(&o, o.keyAt+i, id) {
			served++
		}
		if c.waited() {
			break // by the first id of the key that has become ready, however often it is named
		}
	}
	switch {
	case served > 0:
	case o.blocks:
		c.blockRead(&o, ids)
		return
	default:
		c.Out.NullArray()
		return
	}
	c.Out.InsertArray(at, served)
	if c.Out.Proto == 3 {
		c.Out.B[at] = '%' // a map's header is otherwise an array's
	}
}

// servable reports whether a key may serve a call now: after waiting only that which has become ready, and what is new to a group not
// while it is given out to those who have waited for it.
func (c *Ctx) servable(o *readArgs, r store.Ref, id store.StreamID) bool {
	if c.waited() {
		return c.atHand(r)
	}
	return !o.ofGroup || !o.blocks || id != store.MaxStreamID || !c.mayBlock() || !c.Waiters.busy(r)
}

// serveStream replies the key at position i after an id, or nothing and answers false.
func (c *Ctx) serveStream(o *readArgs, i int, after store.StreamID) bool {
	if o.ofGroup {
		return c.serveGroup(o, i, after)
	}
	return c.serveRead(o, i, after)
}

// hasNew reports whether a stream has something after an id. One who has waited is served once an entry was added, even where it is
// trimmed by then: as in Redis, with no entries.
func (c *Ctx) hasNew(s *store.Stream, after store.StreamID) bool {
	if c.waited() {
		return after.Less(s.LastID())
	}
	last, filled := s.LastEntry()
	return filled && after.Less(last)
}

// blockRead has a call wait for what comes after the ids: "$" is what it was at first.
func (c *Ctx) blockRead(o *readArgs, ids []store.StreamID) {
	if !c.mayBlock() {
		c.Out.NullArray()
		return
	}
	w := Wait{Type: store.TypeStream, Millis: o.millis, Gone: o.ofGroup, Keys: make([]int, o.keys), Args: make([][]byte, len(c.Args))}
	for i, arg := range c.Args {
		w.Args[i] = bytes.Clone(arg)
	}
	for i := range w.Keys {
		w.Keys[i] = o.keyAt + i
		if at := o.keyAt + o.keys + i; !o.ofGroup {
			w.Args[at] = ids[i].Append(nil)
		}
	}
	c.Block(w)
}

// readHead begins the reply for one stream.
func (c *Ctx) readHead(key []byte) {
	if c.Out.Proto != 3 {
		c.Out.Array(2)
	}
	c.Out.Bulk(key)
}

// serveRead replies the entries of the key at position i after an id, if there are any.
func (c *Ctx) serveRead(o *readArgs, i int, after store.StreamID) bool {
	s := asStream(c.find(c.ref(i)))
	if s == nil || !c.hasNew(s, after) {
		return false
	}
	c.readHead(c.Args[i])
	from, _ := after.Next()
	c.streamEntries(s, from, store.MaxStreamID, o.count, false)
	return true
}

// serveGroup replies what is new to a group, or what of it was delivered to the consumer after an id. It emits what that changes.
func (c *Ctx) serveGroup(o *readArgs, i int, after store.StreamID) bool {
	r := c.ref(i)
	s := asStream(c.find(r))
	g := s.Group(o.group)
	history := after != store.MaxStreamID
	if !history {
		if !c.hasNew(s, g.Last) {
			return false
		}
		after = g.Last
	}
	consumer := g.Consumer(o.consumer)
	if consumer == nil {
		consumer = g.AddConsumer(o.consumer, c.Now)
		c.emit(r.Slot, r.DB, xgroupName, createName, r.Key, o.group, o.consumer)
	}
	consumer.Seen = c.Now
	c.readHead(c.Args[i])
	if history {
		c.serveHistory(r, s, g, consumer, after, o.count)
	} else {
		c.serveNew(r, s, g, consumer, after, o)
	}
	s.Settle(r)
	return true
}

// serveNew delivers the entries after an id.
func (c *Ctx) serveNew(r store.Ref, s *store.Stream, g *store.StreamGroup, to *store.StreamConsumer, after store.StreamID, o *readArgs) {
	from, _ := after.Next()
	w := claimWriter{c: c, r: r, g: g, to: to, time: c.Now}
	moved := false
	at, n := len(c.Out.B), int64(0)
	for it := s.Iter(from, store.MaxStreamID, false); (o.count == 0 || n < o.count) && it.Next(); n++ {
		id := it.ID()
		if g.Last.Less(id) {
			g.Delivered(id)
			moved = true
		}
		c.streamEntry(&it)
		if !o.noack {
			g.Deliver(id, to, c.Now, 1)
			w.add(id, 1)
		}
	}
	c.Out.InsertArray(at, int(n))
	w.flush()
	if moved {
		c.emitGroup(r, g)
	}
}

// serveHistory replies what is pending at a consumer after an id. That is a delivery again.
func (c *Ctx) serveHistory(r store.Ref, s *store.Stream, g *store.StreamGroup, of *store.StreamConsumer, after store.StreamID, count int64) {
	w := claimWriter{c: c, r: r, g: g, to: of, time: c.Now}
	at, n := len(c.Out.B), int64(0)
	for more := true; more && (count == 0 || n < count); n++ {
		if after, more = after.Next(); !more {
			break
		}
		p, found := g.NextPending(after, of)
		if !found {
			break
		}
		after = p.ID
		if it := s.Iter(p.ID, p.ID, false); it.Next() {
			c.streamEntry(&it)
			g.Deliver(p.ID, of, c.Now, p.Count+1)
			w.add(p.ID, p.Count+1)
			continue
		}
		c.Out.Array(2) // it is deleted
		c.id(p.ID)
		c.Out.NullArray()
	}
	c.Out.InsertArray(at, int(n))
	w.flush()
}

// emitGroup emits how far a group is.
func (c *Ctx) emitGroup(r store.Ref, g *store.StreamGroup) {
	if !c.KS.HasSink() || c.eff.applying {
		return
	}
	c.emit(r.Slot, r.DB, xgroupName, setidName, r.Key, []byte(g.Name), g.Last.Append(nil), readName, strconv.AppendInt(nil, g.Read, 10))
}
