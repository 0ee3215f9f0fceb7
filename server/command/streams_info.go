package command

import (
	"ringcache/server/resp"
	"ringcache/server/store"
)

// infoStream is the stream of argument 2 that XINFO is asked about. It replies the error where there is none.
func (c *Ctx) infoStream() *store.Stream {
	it := c.read(c.ref(2))
	if !it.Exists() {
		c.Out.Error(resp.ErrNoSuchKey)
		return nil
	}
	if c.wrongType(it, store.TypeStream) {
		return nil
	}
	return asStream(it)
}

// named replies a name, and what is called so follows.
func (c *Ctx) named(name string) *resp.Writer {
	c.Out.BulkString(name)
	return &c.Out
}

// orNull replies a number, or null where it is not known.
func (c *Ctx) orNull(n int64, known bool) {
	if known {
		c.Out.Int(n)
	} else {
		c.Out.Null()
	}
}

// streamInfoConsumers is XINFO CONSUMERS: https://redis.io/docs/latest/commands/xinfo-consumers/
func streamInfoConsumers(c *Ctx) {
	s := c.infoStream()
	if s == nil {
		return
	}
	g := s.Group(c.Args[3])
	if g == nil {
		c.noGroupFor(c.Args[2], c.Args[3])
		return
	}
	c.Out.Array(len(g.Consumers()))
	for _, consumer := range g.Consumers() {
		c.Out.Map(3)
		c.named("name").BulkString(consumer.Name)
		c.named("pending").Int(int64(consumer.Pending()))
		c.named("idle").Int(max(c.Now-consumer.Seen, 0))
	}
}

// streamInfoGroups is XINFO GROUPS: https://redis.io/docs/latest/commands/xinfo-groups/
func streamInfoGroups(c *Ctx) {
	s := c.infoStream()
	if s == nil {
		return
	}
	c.Out.Array(len(s.Groups()))
	for _, g := range s.Groups() {
		c.Out.Map(6)
		c.named("name").BulkString(g.Name)
		c.named("consumers").Int(int64(len(g.Consumers())))
		c.named("pending").Int(int64(g.Pending()))
		c.Out.BulkString("last-delivered-id")
		c.id(g.Last)
		c.groupProgress(g)
	}
}

// groupProgress replies how far a group is.
func (c *Ctx) groupProgress(g *store.StreamGroup) {
	c.Out.BulkString("entries-read")
	c.orNull(g.Read, g.Read != store.ReadUnknown)
	lag, known := g.Lag()
	c.Out.BulkString("lag")
	c.orNull(lag, known)
}

// streamInfoStream is XINFO STREAM: https://redis.io/docs/latest/commands/xinfo-stream/
func streamInfoStream(c *Ctx) {
	s := c.infoStream()
	if s == nil {
		return
	}
	count, full := int64(10), len(c.Args) > 3
	if full {
		n := len(c.Args)
		if n != 4 && n != 6 || !is(c.Args[3], "full") || n == 6 && !is(c.Args[4], "count") {
			c.subcommandSyntax()
			return
		}
		if n == 6 {
			var ok bool
			if count, ok = c.intArg(5); !ok {
				return
			}
			if count < 0 {
				count = 10
			}
		}
	}
	if full {
		c.Out.Map(9)
	} else {
		c.Out.Map(10)
	}
	c.named("length").Int(int64(s.Len()))
	c.named("radix-tree-keys").Int(int64(s.Nodes()))
	c.named("radix-tree-nodes").Int(int64(s.RadixNodes()))
	c.Out.BulkString("last-generated-id")
	c.id(s.LastID())
	c.Out.BulkString("max-deleted-entry-id")
	c.id(s.MaxDeletedID())
	c.named("entries-added").Int(int64(s.Added())) //nolint:gosec // as Redis shows it
	c.Out.BulkString("recorded-first-entry-id")
	c.id(s.FirstID())
	if full {
		c.Out.BulkString("entries")
		c.streamEntries(s, store.StreamID{}, store.MaxStreamID, count, false)
		c.groupsInFull(s, count)
		return
	}
	c.named("groups").Int(int64(len(s.Groups())))
	for _, end := range []struct {
		name string
		rev  bool
	}{{"first-entry", false}, {"last-entry", true}} {
		c.Out.BulkString(end.name)
		if it := s.Iter(store.StreamID{}, store.MaxStreamID, end.rev); it.Next() {
			c.streamEntry(&it)
		} else {
			c.Out.Null()
		}
	}
}

// groupsInFull replies all groups, with up to count of their pending entries (0 = all).
func (c *Ctx) groupsInFull(s *store.Stream, count int64) {
	c.Out.BulkString("groups")
	c.Out.Array(len(s.Groups()))
	for _, g := range s.Groups() {
		c.Out.Map(7)
		c.named("name").BulkString(g.Name)
		c.Out.BulkString("last-delivered-id")
		c.id(g.Last)
		c.groupProgress(g)
		c.named("pel-count").Int(int64(g.Pending()))
		c.Out.BulkString("pending")
		c.pendingInFull(g, nil, count)
		c.named("consumers").Array(len(g.Consumers()))
		for _, consumer := range g.Consumers() {
			c.Out.Map(4)
			c.named("name").BulkString(consumer.Name)
			c.named("seen-time").Int(consumer.Seen)
			c.named("pel-count").Int(int64(consumer.Pending()))
			c.Out.BulkString("pending")
			c.pendingInFull(g, consumer, count)
		}
	}
}

// pendingInFull replies pending entries, those of one consumer without its name.
func (c *Ctx) pendingInFull(g *store.StreamGroup, of *store.StreamConsumer, count int64) {
	at, n := len(c.Out.B), 0
	p, found := g.NextPending(store.StreamID{}, of)
	for ; found && (count == 0 || int64(n) < count); n++ {
		if of == nil {
			c.Out.Array(4)
		} else {
			c.Out.Array(3)
		}
		c.id(p.ID)
		if of == nil {
			c.Out.BulkString(p.Consumer.Name)
		}
		c.Out.Int(p.Time)
		c.Out.Int(p.Count)
		var next store.StreamID
		if next, found = p.ID.Next(); found {
			p, found = g.NextPending(next, of)
		}
	}
	c.Out.InsertArray(at, n)
}
