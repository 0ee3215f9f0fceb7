package command

import (
	"ringcache/server/resp"
	"ringcache/server/store"
)

const (
	errEntriesRead = "ERR value for ENTRIESREAD must be positive or -1"
	errGroupKey    = "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option " +
		"to create an empty stream automatically."
	errGroupBusy = "BUSYGROUP Consumer Group name already exists"
)

// groupArgs are the options of XGROUP CREATE and SETID.
type groupArgs struct {
	mkstream bool
	read     int64
}

// groupArgs reads the options from position 5 on, or replies the error.
func (c *Ctx) groupArgs(create bool) (o groupArgs, ok bool) {
	o.read = store.ReadUnknown
	for i := 5; i < len(c.Args); i++ {
		switch {
		case create && is(c.Args[i], "mkstream"):
			o.mkstream = true
		case is(c.Args[i], "entriesread") && i+1 < len(c.Args):
			i++
			if o.read, ok = c.intArg(i); !ok {
				return o, false
			}
			if o.read < store.ReadUnknown {
				c.Out.Error(errEntriesRead)
				return o, false
			}
		default:
			c.subcommandSyntax()
			return o, false
		}
	}
	return o, true
}

// groupKey is the stream of argument 2, nil where there is none and none is needed. It replies the error.
func (c *Ctx) groupKey(needed bool) (it store.Item, s *store.Stream, ok bool) {
	it = c.find(c.ref(2))
	if c.wrongType(it, store.TypeStream) {
		return it, nil, false
	}
	if s = asStream(it); s == nil && needed {
		c.Out.Error(errGroupKey)
		return it, nil, false
	}
	return it, s, true
}

// groupNamed is the stream of argument 2 and its group of argument 3. It replies the error where there are none.
func (c *Ctx) groupNamed() (s *store.Stream, g *store.StreamGroup, ok bool) {
	_, s, ok = c.groupKey(true)
	if !ok {
		return nil, nil, false
	}
	if g = s.Group(c.Args[3]); g == nil {
		c.noGroupFor(c.Args[2], c.Args[3])
		return nil, nil, false
	}
	return s, g, true
}

// streamGroupCreate is XGROUP CREATE: https://redis.io/docs/latest/commands/xgroup-create/
func streamGroupCreate(c *Ctx) {
	o, ok := c.groupArgs(true)
	if !ok {
		return
	}
	it, s, ok := c.groupKey(!o.mkstream)
	if !ok {
		return
	}
	const most = 8 // arguments: more only repeat
	if len(c.Args) > most {
		c.subcommandSyntax()
		return
	}
	var id store.StreamID
	if string(text(c.Args[4])) != "$" {
		if id, ok = c.idArg(4); !ok {
			return
		}
	} else if s != nil {
		id = s.LastID()
	}
	r := c.ref(2)
	if s == nil {
		s = c.newStream(r, it)
	}
	if s.Group(c.Args[3]) != nil {
		c.Out.Error(errGroupBusy)
		return
	}
	s.AddGroup(c.Args[3], id, o.read)
	s.Settle(r)
	c.touched()
	c.Out.OK()
}

// streamGroupSetid is XGROUP SETID: https://redis.io/docs/latest/commands/xgroup-setid/
func streamGroupSetid(c *Ctx) {
	o, ok := c.groupArgs(false)
	if !ok {
		return
	}
	s, g, ok := c.groupNamed()
	if !ok {
		return
	}
	if n := len(c.Args); n != 5 && n != 7 {
		c.subcommandSyntax()
		return
	}
	id := s.LastID()
	if string(text(c.Args[4])) != "$" {
		if id, ok = streamID(c.Args[4], 0, false); !ok {
			c.Out.Error(errStreamID)
			return
		}
	}
	g.Last, g.Read = id, o.read
	c.touched()
	c.Out.OK()
}

// streamGroupDestroy is XGROUP DESTROY: https://redis.io/docs/latest/commands/xgroup-destroy/
func streamGroupDestroy(c *Ctx) {
	_, s, ok := c.groupKey(true)
	if !ok {
		return
	}
	g := s.Group(c.Args[3])
	if g == nil {
		c.Out.Int(0)
		return
	}
	s.DeleteGroup(g)
	s.Settle(c.ref(2))
	c.ready(c.ref(2)) // who waits for what is new to the group must know
	c.touched()
	c.Out.Int(1)
}

// streamGroupCreateconsumer is XGROUP CREATECONSUMER: https://redis.io/docs/latest/commands/xgroup-createconsumer/
func streamGroupCreateconsumer(c *Ctx) {
	s, g, ok := c.groupNamed()
	if !ok {
		return
	}
	if g.Consumer(c.Args[4]) != nil {
		c.Out.Int(0)
		return
	}
	g.AddConsumer(c.Args[4], c.Now)
	s.Settle(c.ref(2))
	c.touched()
	c.Out.Int(1)
}

// streamGroupDelconsumer is XGROUP DELCONSUMER: https://redis.io/docs/latest/commands/xgroup-delconsumer/
func streamGroupDelconsumer(c *Ctx) {
	s, g, ok := c.groupNamed()
	if !ok {
		return
	}
	consumer := g.Consumer(c.Args[4])
	if consumer == nil {
		c.Out.Int(0)
		return
	}
	c.Out.Int(int64(consumer.Pending()))
	g.DeleteConsumer(consumer)
	s.Settle(c.ref(2))
	c.touched()
}

// pendingArgs are the arguments of XPENDING from position 3 on.
type pendingArgs struct {
	minIdle  int64
	from, to store.StreamID
	count    int64
	consumer []byte // nil: any
}

// pendingArgs reads them, or replies the error.
func (c *Ctx) pendingArgs() (o pendingArgs, ok bool) {
	at := 3
	if is(c.Args[at], "idle") {
		if o.minIdle, ok = c.intArg(at + 1); !ok {
			return o, false
		}
		if at += 2; len(c.Args) < at+3 {
			c.Out.Error(resp.ErrSyntax)
			return o, false
		}
	}
	if o.count, ok = c.intArg(at + 2); !ok {
		return o, false
	}
	if o.from, ok = c.from(at); !ok {
		return o, false
	}
	if o.to, ok = c.upTo(at + 1); !ok {
		return o, false
	}
	if at+3 < len(c.Args) {
		o.consumer = c.Args[at+3]
	}
	return o, true
}

// streamPending is XPENDING: https://redis.io/docs/latest/commands/xpending/
func streamPending(c *Ctx) {
	summary := len(c.Args) == 3
	if n := len(c.Args); !summary && (n < 6 || n > 9) {
		c.Out.Error(resp.ErrSyntax)
		return
	}
	var o pendingArgs
	if !summary {
		var ok bool
		if o, ok = c.pendingArgs(); !ok {
			return
		}
	}
	_, g := c.groupOf(c.read(c.ref(1)))
	switch {
	case g == nil:
	case summary:
		c.pendingSummary(g)
	default:
		c.pendingEntries(g, &o)
	}
}

func (c *Ctx) pendingSummary(g *store.StreamGroup) {
	c.Out.Array(4)
	c.Out.Int(int64(g.Pending()))
	if g.Pending() == 0 {
		c.Out.Null()
		c.Out.Null()
		c.Out.NullArray()
		return
	}
	first, last := g.PendingEnds()
	c.id(first)
	c.id(last)
	at, n := len(c.Out.B), 0
	for _, consumer := range g.Consumers() {
		if consumer.Pending() > 0 {
			c.Out.Array(2)
			c.Out.BulkString(consumer.Name)
			c.Out.BulkInt(int64(consumer.Pending()))
			n++
		}
	}
	c.Out.InsertArray(at, n)
}

func (c *Ctx) pendingEntries(g *store.StreamGroup, o *pendingArgs) {
	var of *store.StreamConsumer
	if o.consumer != nil {
		if of = g.Consumer(o.consumer); of == nil {
			c.Out.Array(0)
			return
		}
	}
	at, n := len(c.Out.B), 0
	for from, more := o.from, true; more && int64(n) < o.count; {
		p, found := g.NextPending(from, of)
		if !found || o.to.Less(p.ID) {
			break
		}
		from, more = p.ID.Next()
		if idle := c.Now - p.Time; o.minIdle == 0 || idle >= o.minIdle {
			c.Out.Array(4)
			c.id(p.ID)
			c.Out.BulkString(p.Consumer.Name)
			c.Out.Int(max(idle, 0))
			c.Out.Int(p.Count)
			n++
		}
	}
	c.Out.InsertArray(at, n)
}
