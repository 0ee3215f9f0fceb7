package command

import (
	"ringcache/server/resp"
	"ringcache/server/store"
)

// Commands on members of one sorted set.

// zsetToChange opens the sorted set of the key at position i for changing it, or replies the error. The set need not be there.
func (c *Ctx) zsetToChange(i int) (z store.Zset, r store.Ref, ok bool) {
	r = c.ref(i)
	it := c.find(r)
	if c.wrongType(it, store.TypeZset) {
		return z, r, false
	}
	return c.KS.OpenZset(r, it, c.Now), r, true
}

// zsetToRead answers the sorted set of the key at position i, or replies the error. It may have no members.
func (c *Ctx) zsetToRead(i int) (s store.Scores, ok bool) {
	it := c.read(c.ref(i))
	if c.wrongType(it, store.TypeZset) {
		return s, false
	}
	return store.ScoresOf(it), true
}

// scoreArg reads argument i as a score, or replies the error.
func (c *Ctx) scoreArg(i int) (float64, bool) {
	f, ok := store.ParseScore(c.Args[i])
	if !ok {
		c.Out.Error(resp.ErrNotFloat)
	}
	return f, ok
}

// zsetAdd is ZADD: https://redis.io/docs/latest/commands/zadd/
func zsetAdd(c *Ctx) { c.addScores(0) }

// zsetIncrby is ZINCRBY: https://redis.io/docs/latest/commands/zincrby/
func zsetIncrby(c *Ctx) { c.addScores(store.AddIncr) }

// addScores is ZADD key [options] score member [score member ...].
func (c *Ctx) addScores(mode store.AddMode) {
	mode, changes, first, ok := c.addOptions(mode)
	if !ok {
		return
	}
	scores := c.scores[:0]
	for i := first; i < len(c.Args); i += 2 {
		f, ok := c.scoreArg(i)
		if !ok {
			return
		}
		scores = append(scores, f)
	}
	if cap(scores) <= keepPositions {
		c.scores = scores
	}
	z, _, ok := c.zsetToChange(1)
	if !ok {
		return
	}
	added, updated := int64(0), int64(0)
	for i, f := range scores {
		score, res := z.Add(c.Args[first+2*i+1], f, mode)
		switch res {
		case store.AddNew:
			added++
			c.touched()
		case store.AddUpdated:
			updated++
			c.touched()
		case store.AddNaN:
			c.Out.Error(errScoreNaN)
			return
		}
		if mode&store.AddIncr != 0 { // there is one only
			if res == store.AddNot {
				c.Out.Null()
			} else {
				c.Out.Double(score)
			}
			return
		}
	}
	if changes {
		added += updated
	}
	c.Out.Int(added)
}

// Errors of ZADD.
const (
	errScoreNaN = "ERR resulting score is not a number (NaN)"
	errXXNX     = "ERR XX and NX options at the same time are not compatible"
	errGTLTNX   = "ERR GT, LT, and/or NX options at the same time are not compatible"
	errIncrPair = "ERR INCR option supports a single increment-element pair"
)

// addOptions reads the options of ZADD, or replies the error: whether it is to count changes, and where the scores begin.
func (c *Ctx) addOptions(mode store.AddMode) (_ store.AddMode, changes bool, first int, ok bool) {
options:
	for first = 2; first < len(c.Args); first++ {
		switch arg := c.Args[first]; {
		case len(arg) > 4: // as no option is
			break options
		case is(arg, "nx"):
			mode |= store.AddNX
		case is(arg, "xx"):
			mode |= store.AddXX
		case is(arg, "gt"):
			mode |= store.AddGT
		case is(arg, "lt"):
			mode |= store.AddLT
		case is(arg, "ch"):
			changes = true
		case is(arg, "incr"):
			mode |= store.AddIncr
		default:
			break options
		}
	}
	has := func(m store.AddMode) bool { return mode&m == m }
	left := len(c.Args) - first
	switch {
	case left == 0 || left%2 != 0:
		c.Out.Error(resp.ErrSyntax)
	case has(store.AddNX | store.AddXX):
		c.Out.Error(errXXNX)
	case has(store.AddGT|store.AddNX) || has(store.AddLT|store.AddNX) || has(store.AddGT|store.AddLT):
		c.Out.Error(errGTLTNX)
	case has(store.AddIncr) && left > 2:
		c.Out.Error(errIncrPair)
	default:
		return mode, changes, first, true
	}
	return 0, false, 0, false
}

// zsetRemove is ZREM: https://redis.io/docs/latest/commands/zrem/
func zsetRemove(c *Ctx) {
	z, r, ok := c.zsetToChange(1)
	if !ok {
		return
	}
	removed := int64(0)
	for _, member := range c.Args[2:] {
		if !z.Remove(member) {
			continue
		}
		c.touched()
		if removed++; z.Len() == 0 {
			c.KS.Delete(r, z.Item())
			break
		}
	}
	c.Out.Int(removed)
}

// zsetScore is ZSCORE: https://redis.io/docs/latest/commands/zscore/
func zsetScore(c *Ctx) {
	if s, ok := c.zsetToRead(1); ok {
		c.scoreOf(&s, c.Args[2])
	}
}

func (c *Ctx) scoreOf(s *store.Scores, member []byte) {
	if f, ok := s.Score(member); ok {
		c.Out.Double(f)
		return
	}
	c.Out.Null()
}

// zsetScores is ZMSCORE: https://redis.io/docs/latest/commands/zmscore/
func zsetScores(c *Ctx) {
	s, ok := c.zsetToRead(1)
	if !ok {
		return
	}
	c.Out.Array(len(c.Args) - 2)
	for _, member := range c.Args[2:] {
		c.scoreOf(&s, member)
	}
}

// zsetCard is ZCARD: https://redis.io/docs/latest/commands/zcard/
func zsetCard(c *Ctx) {
	if s, ok := c.zsetToRead(1); ok {
		c.Out.Int(int64(s.Len()))
	}
}

// zsetRank is ZRANK: https://redis.io/docs/latest/commands/zrank/
func zsetRank(c *Ctx) { c.rankOf(false) }

// zsetRevRank is ZREVRANK: https://redis.io/docs/latest/commands/zrevrank/
func zsetRevRank(c *Ctx) { c.rankOf(true) }

func (c *Ctx) rankOf(reverse bool) {
	withScore := len(c.Args) > 3
	switch {
	case len(c.Args) > 4:
		c.Out.Error("ERR wrong number of arguments for '" + c.Row.FullName() + "' command")
		return
	case withScore && !is(c.Args[3], "withscore"):
		c.Out.Error(resp.ErrSyntax)
		return
	}
	s, ok := c.zsetToRead(1)
	if !ok {
		return
	}
	rank, score, ok := s.Rank(c.Args[2])
	if reverse {
		rank = s.Len() - 1 - rank
	}
	switch {
	case !ok && withScore:
		c.Out.NullArray()
	case !ok:
		c.Out.Null()
	case withScore:
		c.Out.Array(2)
		c.Out.Int(int64(rank))
		c.Out.Double(score)
	default:
		c.Out.Int(int64(rank))
	}
}
