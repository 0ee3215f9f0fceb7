package command

import (
	"math"
	"strconv"

	"ringcache/server/resp"
	"ringcache/server/store"
)

// Commands that take members from the ends of sorted sets, or draw some.

// popScores removes the n members with the least scores, or with fromMax the greatest, from the sorted set of a key, which has members,
// and calls fn with them before they go; or all, where there are fewer. A set that is empty then goes with its key. The effect is that
// of a one-key row, or ZPOPMIN and ZPOPMAX.
func (c *Ctx) popScores(r store.Ref, it store.Item, fromMax bool, n int, fn func(e store.Element, score float64)) {
	z := c.KS.OpenZset(r, it, c.Now)
	size := z.Len()
	n = min(n, size)
	rank := 0
	if fromMax {
		rank = size - n
	}
	members := z.Range(rank, n, fromMax)
	for e, f, ok := members.Next(); ok; e, f, ok = members.Next() {
		fn(e, f)
	}
	if c.cutScores(&z, r, rank, n); c.eff.values {
		name := zpopminName
		if fromMax {
			name = zpopmaxName
		}
		c.emit(r.Slot, r.DB, name, r.Key, strconv.AppendInt(c.eff.num[:0], int64(n), 10))
	}
}

// cutScores removes n members of the sorted set of a key, of which rank is the lowest, and the key with the last one. In a one-key row
// that is an effect itself.
func (c *Ctx) cutScores(z *store.Zset, r store.Ref, rank, n int) {
	switch {
	case n == 0:
		return
	case n == z.Len():
		c.KS.Delete(r, z.Item())
	default:
		z.RemoveRange(rank, n)
	}
	if !c.eff.values {
		c.touched()
	}
}

// takeScores takes up to count members of the lowest or highest scores out of a sorted set that has one, calls each with them, and
// answers how many there were. The key goes with its last member. It emits nothing.
func takeScores(c *Ctx, r store.Ref, it store.Item, highest bool, count int, each func(member []byte, score float64)) int {
	z := c.KS.OpenZset(r, it, c.Now)
	n, rank := min(count, z.Len()), 0
	if highest {
		rank = z.Len() - n
	}
	members := z.Range(rank, n, highest)
	for e, f, ok := members.Next(); ok; e, f, ok = members.Next() {
		if e.IsInt {
			e.Str = e.Append(nil)
		}
		each(e.Str, f)
	}
	c.cutScores(&z, r, rank, n)
	return n
}

// scored replies a member and its score: as two of the elements around them.
func (c *Ctx) scored(e store.Element, score float64) {
	c.element(e)
	c.Out.Double(score)
}

// scoredPair replies a member and its score as an array of their own.
func (c *Ctx) scoredPair(e store.Element, score float64) {
	c.Out.Array(2)
	c.scored(e, score)
}

// scoredArray announces n members with their scores, and answers what replies each: one after another in RESP2, pairs in RESP3.
func (c *Ctx) scoredArray(n int) func(store.Element, float64) {
	if c.Out.Proto == 3 {
		c.Out.Array(n)
		return c.scoredPair
	}
	c.Out.Array(2 * n)
	return c.scored
}

// zsetPopMin is ZPOPMIN: https://redis.io/docs/latest/commands/zpopmin/
func zsetPopMin(c *Ctx) { c.popEnd(false) }

// zsetPopMax is ZPOPMAX: https://redis.io/docs/latest/commands/zpopmax/
func zsetPopMax(c *Ctx) { c.popEnd(true) }

func (c *Ctx) popEnd(fromMax bool) {
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
	r := c.ref(1)
	it := c.find(r)
	if c.wrongType(it, store.TypeZset) {
		return
	}
	s := store.ScoresOf(it)
	n := int(min(count, int64(s.Len())))
	switch {
	case n == 0:
		c.Out.Array(0)
	case len(c.Args) == 3:
		c.popScores(r, it, fromMax, n, c.scoredArray(n))
	default:
		c.Out.Array(2)
		c.popScores(r, it, fromMax, 1, c.scored)
	}
}

// zsetMPop is ZMPOP: https://redis.io/docs/latest/commands/zmpop/
func zsetMPop(c *Ctx) {
	keys, fromMax, count, ok := c.mpopOptions(1)
	if !ok {
		return
	}
	for i := 2; i < 2+keys; i++ {
		r := c.ref(i)
		it := c.find(r)
		if !it.Exists() {
			continue
		}
		if !c.wrongType(it, store.TypeZset) {
			c.mpopFrom(r, it, fromMax, count)
		}
		return
	}
	c.Out.NullArray()
}

// mpopOptions reads numkeys key [key ...] MIN | MAX [COUNT count] from position i on, or replies the error.
func (c *Ctx) mpopOptions(i int) (keys int, fromMax bool, count int64, ok bool) {
	n, ok := store.ParseInt(c.Args[i])
	if !ok || n < 1 {
		c.Out.Error("ERR numkeys should be greater than 0")
		return 0, false, 0, false
	}
	if n >= int64(len(c.Args)-i-1) {
		c.Out.Error(resp.ErrSyntax)
		return 0, false, 0, false
	}
	i += int(n) + 1
	fromMax = is(c.Args[i], "max")
	if !fromMax && !is(c.Args[i], "min") {
		c.Out.Error(resp.ErrSyntax)
		return 0, false, 0, false
	}
	for i++; i < len(c.Args); i += 2 {
		if count != 0 || !is(c.Args[i], "count") || i+1 == len(c.Args) {
			c.Out.Error(resp.ErrSyntax)
			return 0, false, 0, false
		}
		if count, ok = store.ParseInt(c.Args[i+1]); !ok || count < 1 {
			c.Out.Error("ERR count should be greater than 0")
			return 0, false, 0, false
		}
	}
	return int(n), fromMax, max(count, 1), true
}

// mpopFrom pops from a sorted set that is there, and replies its key and the members.
func (c *Ctx) mpopFrom(r store.Ref, it store.Item, fromMax bool, count int64) {
	s := store.ScoresOf(it)
	n := int(min(count, int64(s.Len())))
	c.Out.Array(2)
	c.Out.Bulk(r.Key)
	c.Out.Array(n)
	c.popScores(r, it, fromMax, n, c.scoredPair)
}

// zsetRandom is ZRANDMEMBER: https://redis.io/docs/latest/commands/zrandmember/
func zsetRandom(c *Ctx) {
	if len(c.Args) == 2 {
		if s, ok := c.zsetToRead(1); ok && s.Len() == 0 {
			c.Out.Null()
		} else if ok {
			e, _ := c.drawn(&s)
			c.element(e)
		}
		return
	}
	count, ok := c.intArg(2)
	if !ok {
		return
	}
	withScores := len(c.Args) == 4 && is(c.Args[3], "withscores")
	switch {
	case count == math.MinInt64:
		c.Out.Error(errCountRange)
		return
	case len(c.Args) > 4 || len(c.Args) == 4 && !withScores:
		c.Out.Error(resp.ErrSyntax)
		return
	case withScores && (count > math.MaxInt64/2 || count < -(math.MaxInt64/2)):
		c.Out.Error(errCountRepeats)
		return
	}
	s, ok := c.zsetToRead(1)
	size := s.Len()
	switch {
	case !ok:
	case count == 0 || size == 0:
		c.Out.Array(0)
	case count < 0:
		c.drawRepeats(&s, -count, withScores)
	case count >= int64(size):
		c.replyRange(&s, 0, size, true, withScores) // from the end, as Redis does
	default:
		c.drawDifferent(&s, int(count), withScores)
	}
}

// drawn is a member at random.
func (c *Ctx) drawn(s *store.Scores) (store.Element, float64) {
	it := s.Range(c.KS.RandomBelow(s.Len()), 1, false)
	e, f, _ := it.Next()
	return e, f
}

// member is what replies one of n members, which it announces.
func (c *Ctx) membersArray(n int, withScores bool) func(store.Element, float64) {
	if withScores {
		return c.scoredArray(n)
	}
	c.Out.Array(n)
	return func(e store.Element, _ float64) { c.element(e) }
}

// drawRepeats replies n members that may repeat. Its bounds are those of SRANDMEMBER.
func (c *Ctx) drawRepeats(s *store.Scores, n int64, withScores bool) {
	if n > randomMost {
		c.Out.Error(errCountRepeats)
		return
	}
	type scored struct {
		e store.Element
		f float64
	}
	var all []scored // of a small set, where each draw walks
	if s.Small() {
		members := s.Range(0, s.Len(), false)
		for e, f, ok := members.Next(); ok; e, f, ok = members.Next() {
			all = append(all, scored{e, f})
		}
	}
	start := len(c.Out.B)
	reply := c.membersArray(int(n), withScores)
	for range n {
		if all != nil {
			m := all[c.KS.RandomBelow(len(all))]
			reply(m.e, m.f)
		} else {
			reply(c.drawn(s))
		}
		if len(c.Out.B)-start > randomBytes {
			c.Out.B = c.Out.B[:start]
			c.Out.Error(errCountRepeats)
			return
		}
	}
}

// drawDifferent replies n different members, fewer than there are.
func (c *Ctx) drawDifferent(s *store.Scores, n int, withScores bool) {
	const share = 4 // from one in so many members on, all are gone through
	size := s.Len()
	reply := c.membersArray(n, withScores)
	if n < size/share && !s.Small() {
		taken := make(map[int]struct{}, n)
		for len(taken) < n {
			rank := c.KS.RandomBelow(size)
			if _, again := taken[rank]; again {
				continue
			}
			taken[rank] = struct{}{}
			it := s.Range(rank, 1, false)
			e, f, _ := it.Next()
			reply(e, f)
		}
		return
	}
	members := s.Range(0, size, false)
	for left := size; n > 0; left-- {
		if e, f, _ := members.Next(); c.KS.RandomBelow(left) < n {
			reply(e, f)
			n--
		}
	}
}
