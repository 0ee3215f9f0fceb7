package command

import (
	"hash/maphash"
	"math"
	"slices"
	"strconv"

	"ringcache/server/resp"
	"ringcache/server/store"
)

// Unions, intersections and differences of sorted sets, and of sets, whose members all have the score 1.
//
// Sums of floating-point numbers depend on their order, so that is Redis's: from the set with the fewest members to that with the most,
// and among equals as they were named.

// source is one of the sets of an operation.
type source struct {
	scores store.Scores
	set    store.Members // where it is a set
	isSet  bool
	weight float64
}

func (s *source) size() int {
	if s.isSet {
		return s.set.Len()
	}
	return s.scores.Len()
}

// score is the score of a member of another source.
func (s *source) score(e store.Element) (float64, bool) {
	if s.isSet {
		return 1, s.set.HasElement(e)
	}
	return s.scores.ScoreOfElement(e)
}

// each calls fn with the members until it answers false.
func (s *source) each(fn func(store.Element, float64) bool) {
	if s.isSet {
		s.set.Each(func(e store.Element) bool { return fn(e, 1) })
		return
	}
	it := s.scores.Range(0, s.scores.Len(), false)
	for e, f, ok := it.Next(); ok && fn(e, f); e, f, ok = it.Next() {
	}
}

// setOperation is one of the operations.
type setOperation uint8

const (
	opUnion setOperation = iota
	opInter
	opDiff
	opCard // of the intersection
)

// aggregate says what becomes of the scores of a member of several sets.
type aggregate uint8

const (
	aggregateSum aggregate = iota
	aggregateMin
	aggregateMax
)

// join answers the score of a member that has the score a in some sets and b in another. Infinities that cancel each other are 0.
func (g aggregate) join(a, b float64) float64 {
	switch g {
	case aggregateMin:
		if b < a {
			return b
		}
		return a
	case aggregateMax:
		if b > a {
			return b
		}
		return a
	}
	return number(a + b)
}

// number is f, or 0 where it is none.
func number(f float64) float64 {
	if math.IsNaN(f) {
		return 0
	}
	return f
}

// operation is what a command of the family asks for.
type operation struct {
	op         setOperation
	sources    []source
	aggregate  aggregate
	withScores bool
	limit      int64 // of opCard; 0 = none
}

// operation reads numkeys, the keys and the options from position i on, or replies the error. The keys come first: so it is in Redis.
func (c *Ctx) operation(op setOperation, i int, storing bool) (o operation, ok bool) {
	o.op = op
	n, ok := c.intArg(i)
	if !ok {
		return o, false
	}
	if n < 1 {
		c.Out.Error("ERR at least 1 input key is needed for '" + c.Row.FullName() + "' command")
		return o, false
	}
	i++
	if n > int64(len(c.Args)-i) {
		c.Out.Error(resp.ErrSyntax)
		return o, false
	}
	o.sources = make([]source, n)
	for j := range o.sources {
		s := &o.sources[j]
		s.weight = 1
		it := c.read(c.ref(i + j))
		if s.isSet = it.Exists() && it.Type() == store.TypeSet; s.isSet {
			s.set = store.MembersOf(it)
			continue
		}
		if c.wrongType(it, store.TypeZset) {
			return o, false
		}
		s.scores = store.ScoresOf(it)
	}
	return o, c.operationOptions(&o, i+int(n), storing)
}

// operationOptions reads the options from position i on, or replies the error.
func (c *Ctx) operationOptions(o *operation, i int, storing bool) bool {
	weighs := o.op == opUnion || o.op == opInter
	for ; i < len(c.Args); i++ {
		left := len(c.Args) - i - 1
		switch arg := c.Args[i]; {
		case weighs && is(arg, "weights") && left >= len(o.sources):
			for j := range o.sources {
				i++
				f, ok := store.ParseScore(c.Args[i])
				if !ok {
					c.Out.Error("ERR weight value is not a float")
					return false
				}
				o.sources[j].weight = f
			}
		case weighs && is(arg, "aggregate") && left > 0:
			i++
			g := slices.IndexFunc([]string{"sum", "min", "max"}, func(name string) bool { return is(c.Args[i], name) })
			if g < 0 {
				c.Out.Error(resp.ErrSyntax)
				return false
			}
			o.aggregate = aggregate(g)
		case !storing && o.op != opCard && is(arg, "withscores"):
			o.withScores = true
		case o.op == opCard && is(arg, "limit") && left > 0:
			i++
			var ok bool
			if o.limit, ok = store.ParseInt(c.Args[i]); !ok || o.limit < 0 {
				c.Out.Error("ERR LIMIT can't be negative")
				return false
			}
		default:
			c.Out.Error(resp.ErrSyntax)
			return false
		}
	}
	return true
}

// result carries the operation out. What it answers is in any order.
func (o *operation) result() []store.Scored {
	if o.op != opDiff {
		slices.SortStableFunc(o.sources, func(a, b source) int { return a.size() - b.size() })
	}
	if o.op == opUnion {
		var t tally
		for i := range o.sources {
			s := &o.sources[i]
			s.each(func(e store.Element, f float64) bool {
				t.add(e, number(float64(s.weight*f)), o.aggregate)
				return true
			})
		}
		return t.members
	}
	var list scoredList
	o.common(func(e store.Element, f float64) bool {
		list.add(e, f)
		return true
	})
	return list.members
}

// common calls fn with the members of the intersection or the difference, and their scores, until it answers false.
func (o *operation) common(fn func(store.Element, float64) bool) {
	first, others := &o.sources[0], o.sources[1:]
	first.each(func(e store.Element, f float64) bool {
		if o.op != opDiff {
			f = number(float64(first.weight * f))
		}
		for i := range others {
			g, has := others[i].score(e)
			if has == (o.op == opDiff) {
				return true
			}
			if has {
				f = o.aggregate.join(f, float64(others[i].weight*g))
			}
		}
		return fn(e, f)
	})
}

// tally is a list of members, each once: a hash table of places in it.
type tally struct {
	scoredList
	seed   maphash.Seed
	places []uint32 // in members, from 1 on; 0 = free. A power of two, at most half of them in use
}

// add adds a member, or joins its score with what it has.
func (t *tally) add(e store.Element, score float64, g aggregate) {
	if 2*len(t.members) >= len(t.places) {
		t.grow()
	}
	var digits [20]byte // the longest int64
	text := e.Str
	if e.IsInt {
		text = strconv.AppendInt(digits[:0], e.Int, 10)
	}
	i := t.home(text)
	for ; t.places[i] != 0; i = (i + 1) & (len(t.places) - 1) {
		if m := &t.members[t.places[i]-1]; string(m.Member) == string(text) {
			m.Score = g.join(m.Score, score)
			return
		}
	}
	t.scoredList.add(e, score)
	t.places[i] = uint32(len(t.members)) //nolint:gosec // no set has so many members
}

func (t *tally) home(text []byte) int {
	return int(maphash.Bytes(t.seed, text) & uint64(len(t.places)-1)) //nolint:gosec // below the length
}

func (t *tally) grow() {
	const least = 64
	if t.places == nil {
		t.seed = maphash.MakeSeed()
	}
	t.places = make([]uint32, max(least, 2*len(t.places)))
	for n := range t.members {
		i := t.home(t.members[n].Member)
		for t.places[i] != 0 {
			i = (i + 1) & (len(t.places) - 1)
		}
		t.places[i] = uint32(n + 1) //nolint:gosec // no set has so many members
	}
}

// operate is an operation whose result is the reply.
func (c *Ctx) operate(op setOperation) {
	o, ok := c.operation(op, 1, false)
	if !ok {
		return
	}
	members := o.result()
	store.SortScored(members)
	pairs := o.withScores && c.Out.Proto == 3
	if o.withScores && !pairs {
		c.Out.Array(2 * len(members))
	} else {
		c.Out.Array(len(members))
	}
	for i := range members {
		if pairs {
			c.Out.Array(2)
		}
		if c.Out.Bulk(members[i].Member); o.withScores {
			c.Out.Double(members[i].Score)
		}
	}
}

// operateStore is an operation whose result is stored.
func (c *Ctx) operateStore(op setOperation) {
	if o, ok := c.operation(op, 2, true); ok {
		c.storeScored(c.ref(1), o.result())
	}
}

// zsetUnion is ZUNION: https://redis.io/docs/latest/commands/zunion/
func zsetUnion(c *Ctx) { c.operate(opUnion) }

// zsetInter is ZINTER: https://redis.io/docs/latest/commands/zinter/
func zsetInter(c *Ctx) { c.operate(opInter) }

// zsetDiff is ZDIFF: https://redis.io/docs/latest/commands/zdiff/
func zsetDiff(c *Ctx) { c.operate(opDiff) }

// zsetUnionStore is ZUNIONSTORE: https://redis.io/docs/latest/commands/zunionstore/
func zsetUnionStore(c *Ctx) { c.operateStore(opUnion) }

// zsetInterStore is ZINTERSTORE: https://redis.io/docs/latest/commands/zinterstore/
func zsetInterStore(c *Ctx) { c.operateStore(opInter) }

// zsetDiffStore is ZDIFFSTORE: https://redis.io/docs/latest/commands/zdiffstore/
func zsetDiffStore(c *Ctx) { c.operateStore(opDiff) }

// zsetInterCard is ZINTERCARD: https://redis.io/docs/latest/commands/zintercard/
func zsetInterCard(c *Ctx) {
	o, ok := c.operation(opCard, 1, false)
	if !ok {
		return
	}
	slices.SortStableFunc(o.sources, func(a, b source) int { return a.size() - b.size() })
	n := int64(0)
	o.common(func(store.Element, float64) bool {
		n++
		return n != o.limit
	})
	c.Out.Int(n)
}
