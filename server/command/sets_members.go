package command

import (
	"math"

	"ringcache/server/resp"
	"ringcache/server/store"
)

// Commands on one set, and SMOVE.

// setToChange opens the set of the key at position i for changing it, or replies the error. The set need not be there.
func (c *Ctx) setToChange(i int) (s store.Set, r store.Ref, ok bool) {
	r = c.ref(i)
	it := c.find(r)
	if c.wrongType(it, store.TypeSet) {
		return s, r, false
	}
	return c.KS.OpenSet(r, it, c.Now), r, true
}

// setToRead answers the members of the set of the key at position i, or replies the error. There may be none.
func (c *Ctx) setToRead(i int) (m store.Members, ok bool) {
	it := c.read(c.ref(i))
	if c.wrongType(it, store.TypeSet) {
		return m, false
	}
	return store.MembersOf(it), true
}

// setAdd is SADD: https://redis.io/docs/latest/commands/sadd/
func setAdd(c *Ctx) {
	s, _, ok := c.setToChange(1)
	if !ok {
		return
	}
	if s.Expect(len(c.Args) - 2) {
		c.touched()
	}
	added := int64(0)
	for _, member := range c.Args[2:] {
		if s.Add(member) {
			added++
		}
	}
	if added > 0 {
		c.touched()
	}
	c.Out.Int(added)
}

// setRemove is SREM: https://redis.io/docs/latest/commands/srem/
func setRemove(c *Ctx) {
	s, r, ok := c.setToChange(1)
	if !ok {
		return
	}
	removed := int64(0)
	for _, member := range c.Args[2:] {
		if !s.Remove(member) {
			continue
		}
		c.touched()
		if removed++; s.Len() == 0 {
			c.KS.Delete(r, s.Item())
			break
		}
	}
	c.Out.Int(removed)
}

// setIsMember is SISMEMBER: https://redis.io/docs/latest/commands/sismember/
func setIsMember(c *Ctx) {
	if m, ok := c.setToRead(1); ok {
		c.isMember(&m, c.Args[2])
	}
}

func (c *Ctx) isMember(m *store.Members, member []byte) {
	if m.Has(member) {
		c.Out.Int(1)
		return
	}
	c.Out.Int(0)
}

// setAreMembers is SMISMEMBER: https://redis.io/docs/latest/commands/smismember/
func setAreMembers(c *Ctx) {
	m, ok := c.setToRead(1)
	if !ok {
		return
	}
	c.Out.Array(len(c.Args) - 2)
	for _, member := range c.Args[2:] {
		c.isMember(&m, member)
	}
}

// setMembers is SMEMBERS: https://redis.io/docs/latest/commands/smembers/
func setMembers(c *Ctx) {
	if m, ok := c.setToRead(1); ok {
		c.replySet(&m)
	}
}

// replySet replies all members.
func (c *Ctx) replySet(m *store.Members) {
	c.Out.Set(m.Len())
	m.Each(func(e store.Element) bool {
		c.element(e)
		return true
	})
}

// setCard is SCARD: https://redis.io/docs/latest/commands/scard/
func setCard(c *Ctx) {
	if m, ok := c.setToRead(1); ok {
		c.Out.Int(int64(m.Len()))
	}
}

var (
	saddName = []byte("SADD")
	sremName = []byte("SREM")
)

// setMove is SMOVE: https://redis.io/docs/latest/commands/smove/
func setMove(c *Ctx) {
	from, to := c.ref(1), c.ref(2)
	it := c.find(from)
	if !it.Exists() {
		c.find(to) // which may have expired
		c.Out.Int(0)
		return
	}
	same := string(from.Key) == string(to.Key)
	if c.wrongType(it, store.TypeSet) || !same && c.wrongType(c.find(to), store.TypeSet) {
		return
	}
	member := c.Args[3]
	s := c.KS.OpenSet(from, it, c.Now)
	if same {
		c.isMember(&s.Members, member)
		return
	}
	if !s.Remove(member) {
		c.Out.Int(0)
		return
	}
	if s.Len() == 0 {
		c.KS.Delete(from, s.Item())
	}
	c.emit(from.Slot, from.DB, sremName, from.Key, member)
	d := c.KS.OpenSet(to, c.find(to), c.Now)
	if d.Add(member) {
		c.emit(to.Slot, to.DB, saddName, to.Key, member)
	}
	c.Out.Int(1)
}

// Errors about counts.
const (
	errCountPositive = "ERR value is out of range, must be positive"
	errCountRange    = "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807"
	errCountRepeats  = "ERR value is out of range"
)

// popEffect is how many members one effect of SPOP names at most.
const popEffect = 512

// setPop is SPOP: https://redis.io/docs/latest/commands/spop/
//
// Which members go is chance, so its effect is SREM of those; DEL, where all go; or the set that is left, where that is small.
func setPop(c *Ctx) {
	if len(c.Args) > 3 {
		c.Out.Error(resp.ErrSyntax)
		return
	}
	count := int64(1)
	if len(c.Args) == 3 {
		n, ok := store.ParseInt(c.Args[2])
		if !ok || n < 0 {
			c.Out.Error(errCountPositive)
			return
		}
		count = n
	}
	s, r, ok := c.setToChange(1)
	switch size := s.Len(); {
	case !ok:
	case len(c.Args) == 2 && size == 0:
		c.Out.Null()
	case len(c.Args) == 2 && size > 1:
		c.popMany(r, &s, 1)
	case len(c.Args) == 2:
		c.element(c.KS.RandomMember(&s.Members))
		c.byValue()
		c.del(r, s.Item())
	case count == 0 || size == 0:
		c.Out.Set(0)
	case count >= int64(size):
		c.replySet(&s.Members)
		c.byValue()
		c.del(r, s.Item())
	default:
		c.Out.Set(int(count))
		c.popMany(r, &s, int(count))
	}
}

// popMany pops fewer members than there are.
func (c *Ctx) popMany(r store.Ref, s *store.Set, count int) {
	rebuilds := s.PopRebuilds(count)
	c.byValue()
	for count > 0 {
		n := count
		if !rebuilds {
			n = min(n, popEffect)
		}
		from := len(c.Out.B)
		s.Pop(n, c.element)
		if count -= n; rebuilds {
			c.emitValue(r, s.Item())
		} else if c.KS.HasSink() {
			c.emitPopped(r, c.Out.B[from:])
		}
	}
}

// emitPopped emits that the members in a part of the reply were removed.
func (c *Ctx) emitPopped(r store.Ref, replies []byte) {
	args := append(c.popArgs[:0], sremName, r.Key)
	for len(replies) > 0 {
		n, _, _ := resp.ReplyLen(replies)
		member, _ := resp.ParseBulk(replies[:n])
		args = append(args, member)
		replies = replies[n:]
	}
	c.emit(r.Slot, r.DB, args...)
	clear(args)
	c.popArgs = args[:0]
}

// randomMost is how many members SRANDMEMBER, or fields HRANDFIELD, draws at most, where they may repeat: a reply must not take all memory, as it would in
// Redis. randomBytes is how long the reply may get.
const (
	randomMost  = 1 << 20
	randomBytes = maxString
)

// setRandom is SRANDMEMBER: https://redis.io/docs/latest/commands/srandmember/
func setRandom(c *Ctx) {
	if len(c.Args) > 3 {
		c.Out.Error(resp.ErrSyntax)
		return
	}
	if len(c.Args) == 2 {
		if m, ok := c.setToRead(1); ok && m.Len() == 0 {
			c.Out.Null()
		} else if ok {
			c.element(c.KS.RandomMember(&m))
		}
		return
	}
	count, ok := c.intArg(2)
	if !ok {
		return
	}
	if count == math.MinInt64 {
		c.Out.Error(errCountRange)
		return
	}
	m, ok := c.setToRead(1)
	switch size := m.Len(); {
	case !ok:
	case count == 0 || size == 0:
		c.Out.Array(0)
	case count < 0:
		c.randomRepeats(&m, -count)
	default:
		n := int(min(count, int64(size)))
		c.Out.Array(n)
		c.KS.PickMembers(&m, n, c.element)
	}
}

// randomRepeats replies n members that may repeat.
func (c *Ctx) randomRepeats(m *store.Members, n int64) {
	if n > randomMost {
		c.Out.Error(errCountRepeats)
		return
	}
	start := len(c.Out.B)
	c.Out.Array(int(n))
	fits := true
	c.KS.RandomMembers(m, int(n), func(e store.Element) bool {
		c.element(e)
		fits = len(c.Out.B)-start <= randomBytes
		return fits
	})
	if !fits {
		c.Out.B = c.Out.B[:start]
		c.Out.Error(errCountRepeats)
	}
}
