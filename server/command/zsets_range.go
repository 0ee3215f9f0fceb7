package command

import (
	"strconv"

	"ringcache/server/resp"
	"ringcache/server/store"
)

// Ranges of sorted sets: by rank, by score, by name.

// rangeKind is what the ends of a range are.
type rangeKind uint8

const (
	rangeAuto  rangeKind = iota // the options say it
	rangeRank                   // ranks, negative from the end
	rangeScore                  // scores
	rangeLex                    // names
)

// rangeSpan is the range that a command asks for.
type rangeSpan struct {
	kind          rangeKind
	reverse       bool
	withScores    bool
	limited       bool
	offset, limit int64
	start, stop   int64
	scores        store.ScoreRange
	names         store.LexRange
}

// Errors about ranges.
const (
	errLexRange    = "ERR min or max not valid string range item"
	errRangeLimit  = "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX"
	errRangeScores = "ERR syntax error, WITHSCORES not supported in combination with BYLEX"
)

// ends reads the arguments low and high as the ends of a range of its kind, or replies the error.
func (c *Ctx) ends(s *rangeSpan, low, high int) (ok bool) {
	switch s.kind {
	case rangeScore:
		if !parseScoreEnd(c.Args[low], &s.scores.Min, &s.scores.AfterMin) || !parseScoreEnd(c.Args[high], &s.scores.Max, &s.scores.BeforeMax) {
			c.Out.Error(resp.ErrMinMaxFloat)
			return false
		}
	case rangeLex:
		if !parseLexEnd(c.Args[low], &s.names.Min) || !parseLexEnd(c.Args[high], &s.names.Max) {
			c.Out.Error(errLexRange)
			return false
		}
	default:
		if s.start, ok = c.intArg(low); !ok {
			return false
		}
		if s.stop, ok = c.intArg(high); !ok {
			return false
		}
	}
	return true
}

// parseScoreEnd reads the end of a range of scores: "(" before it leaves the score itself out.
func parseScoreEnd(arg []byte, f *float64, open *bool) (ok bool) {
	if *open = len(arg) > 0 && arg[0] == '('; *open {
		arg = arg[1:]
	}
	*f, ok = store.ParseScoreBound(arg)
	return ok
}

// parseLexEnd reads the end of a range of names: "[name", "(name" without the name itself, "-" and "+" for no end.
func parseLexEnd(arg []byte, e *store.LexEnd) bool {
	if len(arg) == 0 {
		return false
	}
	switch name := arg[1:]; arg[0] {
	case '[', '(':
		*e = store.LexEnd{Name: name, Open: arg[0] == '('}
		return true
	case '-':
		*e = store.LexEnd{Inf: -1}
		return cstring(name) == ""
	case '+':
		*e = store.LexEnd{Inf: 1}
		return cstring(name) == ""
	}
	return false
}

// within finds the range in a set: how many members it has, and the rank of the lowest.
func (s *rangeSpan) within(set *store.Scores) (rank, n int) {
	size := int64(set.Len())
	switch {
	case size == 0:
		return 0, 0
	case s.kind == rangeScore:
		rank, n = set.ByScore(&s.scores)
	case s.kind == rangeLex:
		rank, n = set.ByLex(&s.names, s.reverse, s.offset)
		s.offset = 0
	default:
		start, stop := s.start, s.stop
		if start < 0 {
			start = max(0, start+size)
		}
		if stop < 0 {
			stop += size
		}
		stop = min(stop, size-1)
		if start > stop {
			return 0, 0
		}
		rank, n = int(start), int(stop-start+1)
		if s.reverse {
			rank = int(size - 1 - stop)
		}
	}
	if !s.limited || n == 0 {
		return rank, n
	}
	if s.offset < 0 || s.offset >= int64(n) {
		return 0, 0
	}
	left := int64(n) - s.offset
	if s.limit >= 0 {
		left = min(left, s.limit)
	}
	if s.reverse {
		rank += n - int(s.offset) - int(left)
	} else {
		rank += int(s.offset)
	}
	return rank, int(left)
}

// span reads a range whose ends begin at position i, and its options after them, or replies the error. Those that the command's name
// says already are no options.
func (c *Ctx) span(i int, kind rangeKind, reverse, storing bool) (s rangeSpan, ok bool) {
	s.kind, s.reverse = kind, reverse
	s.limit = -1
	for j := i + 2; j < len(c.Args); j++ {
		switch arg := c.Args[j]; {
		case !storing && is(arg, "withscores"):
			s.withScores = true
		case is(arg, "limit") && j+2 < len(c.Args):
			if s.offset, ok = c.intArg(j + 1); !ok {
				return s, false
			}
			if s.limit, ok = c.intArg(j + 2); !ok {
				return s, false
			}
			s.limited = true
			j += 2
		case kind == rangeAuto && !s.reverse && is(arg, "rev"):
			s.reverse = true
		case kind == rangeAuto && s.kind == rangeAuto && is(arg, "bylex"):
			s.kind = rangeLex
		case kind == rangeAuto && s.kind == rangeAuto && is(arg, "byscore"):
			s.kind = rangeScore
		default:
			c.Out.Error(resp.ErrSyntax)
			return s, false
		}
	}
	if s.kind == rangeAuto {
		s.kind = rangeRank
	}
	byRank := s.kind == rangeRank
	switch {
	case byRank && s.limit != -1:
		c.Out.Error(errRangeLimit)
		return s, false
	case s.kind == rangeLex && s.withScores:
		c.Out.Error(errRangeScores)
		return s, false
	}
	s.limited = s.limited && !byRank
	low, high := i, i+1
	if s.reverse && !byRank {
		low, high = high, low
	}
	return s, c.ends(&s, low, high)
}

// replyRange replies n members, of which rank is the lowest.
func (c *Ctx) replyRange(s *store.Scores, rank, n int, reverse, withScores bool) {
	pairs := withScores && c.Out.Proto == 3
	if withScores && !pairs {
		c.Out.Array(2 * n)
	} else {
		c.Out.Array(n)
	}
	members := s.Range(rank, n, reverse)
	if !withScores {
		for e, ok := members.NextMember(); ok; e, ok = members.NextMember() {
			c.element(e)
		}
		return
	}
	for e, f, ok := members.Next(); ok; e, f, ok = members.Next() {
		if pairs {
			c.Out.Array(2)
		}
		c.scored(e, f)
	}
}

func (c *Ctx) rangeOf(kind rangeKind, reverse bool) {
	span, ok := c.span(2, kind, reverse, false)
	if !ok {
		return
	}
	if s, ok := c.zsetToRead(1); ok {
		rank, n := span.within(&s)
		c.replyRange(&s, rank, n, span.reverse, span.withScores)
	}
}

// zsetRange is ZRANGE: https://redis.io/docs/latest/commands/zrange/
func zsetRange(c *Ctx) { c.rangeOf(rangeAuto, false) }

// zsetRevRange is ZREVRANGE: https://redis.io/docs/latest/commands/zrevrange/
func zsetRevRange(c *Ctx) { c.rangeOf(rangeRank, true) }

// zsetRangeByScore is ZRANGEBYSCORE: https://redis.io/docs/latest/commands/zrangebyscore/
func zsetRangeByScore(c *Ctx) { c.rangeOf(rangeScore, false) }

// zsetRevRangeByScore is ZREVRANGEBYSCORE: https://redis.io/docs/latest/commands/zrevrangebyscore/
func zsetRevRangeByScore(c *Ctx) { c.rangeOf(rangeScore, true) }

// zsetRangeByLex is ZRANGEBYLEX: https://redis.io/docs/latest/commands/zrangebylex/
func zsetRangeByLex(c *Ctx) { c.rangeOf(rangeLex, false) }

// zsetRevRangeByLex is ZREVRANGEBYLEX: https://redis.io/docs/latest/commands/zrevrangebylex/
func zsetRevRangeByLex(c *Ctx) { c.rangeOf(rangeLex, true) }

// zsetRangeStore is ZRANGESTORE: https://redis.io/docs/latest/commands/zrangestore/
func zsetRangeStore(c *Ctx) {
	span, ok := c.span(3, rangeAuto, false, true)
	if !ok {
		return
	}
	s, ok := c.zsetToRead(2)
	if !ok {
		return
	}
	rank, n := span.within(&s)
	var list scoredList
	members := s.Range(rank, n, false)
	for e, f, ok := members.Next(); ok; e, f, ok = members.Next() {
		list.add(e, f)
	}
	c.packZeros(list.members, &span)
	c.storeScored(c.ref(1), list.members)
}

// packZeros takes the sign from the zeros that Redis would have put into a packed set, which has no negative zero, before what it stores
// outgrew that form. It begins with the packed form unless it knows at once that there are too many members, and it adds them in the
// order of the range.
func (c *Ctx) packZeros(members []store.Scored, s *rangeSpan) {
	th := c.KS.Thresholds()
	if s.kind == rangeRank && len(members) > th.ZsetEntries {
		return
	}
	for i := range min(len(members), th.ZsetEntries) {
		m := &members[i]
		if s.reverse {
			m = &members[len(members)-1-i]
		}
		if len(m.Member) > th.ZsetValue {
			return
		}
		if m.Score == 0 {
			m.Score = 0 // a negative zero as well
		}
	}
}

// scoredList is members and scores that are a result.
type scoredList struct {
	members []store.Scored
	digits  []byte // of members that are integers
}

func (l *scoredList) add(e store.Element, score float64) {
	text := e.Str
	if e.IsInt {
		from := len(l.digits)
		l.digits = strconv.AppendInt(l.digits, e.Int, 10)
		text = l.digits[from:len(l.digits):len(l.digits)]
	}
	l.members = append(l.members, store.Scored{Member: text, Score: score})
}

// storeScored gives a key the members as its sorted set, in the place of whatever it holds, and replies how many they are. Where there
// are none the key goes.
func (c *Ctx) storeScored(r store.Ref, members []store.Scored) {
	it := c.find(r)
	if len(members) > 0 {
		c.emitValue(r, c.KS.StoreScored(r, it, members, false, 0, c.Now))
	} else if it.Exists() {
		c.del(r, it)
	}
	c.Out.Int(int64(len(members)))
}

// zsetCount is ZCOUNT: https://redis.io/docs/latest/commands/zcount/
func zsetCount(c *Ctx) { c.countRange(rangeScore) }

// zsetLexCount is ZLEXCOUNT: https://redis.io/docs/latest/commands/zlexcount/
func zsetLexCount(c *Ctx) { c.countRange(rangeLex) }

func (c *Ctx) countRange(kind rangeKind) {
	span := rangeSpan{kind: kind}
	if !c.ends(&span, 2, 3) {
		return
	}
	if s, ok := c.zsetToRead(1); ok {
		_, n := span.within(&s)
		c.Out.Int(int64(n))
	}
}

// zsetRemoveByRank is ZREMRANGEBYRANK: https://redis.io/docs/latest/commands/zremrangebyrank/
func zsetRemoveByRank(c *Ctx) { c.removeRange(rangeRank) }

// zsetRemoveByScore is ZREMRANGEBYSCORE: https://redis.io/docs/latest/commands/zremrangebyscore/
func zsetRemoveByScore(c *Ctx) { c.removeRange(rangeScore) }

// zsetRemoveByLex is ZREMRANGEBYLEX: https://redis.io/docs/latest/commands/zremrangebylex/
func zsetRemoveByLex(c *Ctx) { c.removeRange(rangeLex) }

func (c *Ctx) removeRange(kind rangeKind) {
	span := rangeSpan{kind: kind}
	if !c.ends(&span, 2, 3) {
		return
	}
	z, r, ok := c.zsetToChange(1)
	if !ok {
		return
	}
	rank, n := span.within(&z.Scores)
	if kind == rangeLex && z.Mixed() {
		c.emitCut(&z.Scores, r, rank, n)
	}
	c.cutScores(&z, r, rank, n)
	c.Out.Int(int64(n))
}

// emitCut emits that a range of members is removed: where the command itself would not remove the same elsewhere.
func (c *Ctx) emitCut(s *store.Scores, r store.Ref, rank, n int) {
	c.byValue()
	members := s.Range(rank, n, false)
	for n > 0 {
		list := scoredList{members: make([]store.Scored, 0, min(n, popEffect))}
		for range min(n, popEffect) {
			e, f, _ := members.Next()
			list.add(e, f)
		}
		args := [][]byte{zremName, r.Key}
		for i := range list.members {
			args = append(args, list.members[i].Member)
		}
		c.emit(r.Slot, r.DB, args...)
		n -= len(list.members)
	}
}

var zremName = []byte("ZREM")
