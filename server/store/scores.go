package store

import (
	"bytes"
	"slices"
)

// Scores are the members of a sorted set with their scores, in order: by score, and where scores are equal by name, as bytes. They have
// one of two forms:
//
//	listpack    at most zset-max-listpack-entries, none longer than zset-max-listpack-value: a [Packed] of members and scores in turn
//	skiplist    all others: a [Dict] and a tree (see ranks), in a [ranked]
//
// They are valid until the next change of their key. The zero value has no members.
type Scores struct {
	small Packed
	large *ranked
}

// ScoresOf answers the members of the sorted set that an item holds; none where the item does not exist.
func ScoresOf(it Item) Scores {
	if !it.Exists() {
		return Scores{}
	}
	if _, enc := it.e.kind(); enc == EncSkiplist {
		return Scores{large: it.Object().(*ranked)} //nolint:forcetypeassert // the item holds a sorted set
	}
	return Scores{small: it.Value()}
}

// Len is how many there are.
func (s *Scores) Len() int {
	switch {
	case s.large != nil:
		return s.large.ranks.n
	case s.small != nil:
		return s.small.Len() / 2
	}
	return 0
}

// Score is the score of a member, if it is one.
func (s *Scores) Score(member []byte) (float64, bool) {
	switch {
	case s.large != nil:
		if it := s.large.Find(s.large.Hash(member), member); it.Exists() {
			return entryScore(it.e), true
		}
	case s.small != nil:
		if pos, ok := s.small.Find(packedHeader, 1, member); ok {
			return s.small.scoreAfter(pos), true
		}
	}
	return 0, false
}

// ScoreOfElement is Score for a member of another collection.
func (s *Scores) ScoreOfElement(e Element) (float64, bool) {
	if !e.IsInt {
		return s.Score(e.Str)
	}
	var digits [maxIntLen]byte
	return s.Score(e.Append(digits[:0]))
}

// Rank is the rank of a member, from 0 on, and its score, if it is one.
func (s *Scores) Rank(member []byte) (rank int, score float64, ok bool) {
	switch {
	case s.large != nil:
		if it := s.large.Find(s.large.Hash(member), member); it.Exists() {
			var path rankPath
			return s.large.way(it, &path), entryScore(it.e), true
		}
	case s.small != nil:
		if pos, ok := s.small.Find(packedHeader, 1, member); ok {
			for at := s.small.First(); at != pos; at = s.small.after(s.small.after(at)) {
				rank++
			}
			return rank, s.small.scoreAfter(pos), true
		}
	}
	return 0, 0, false
}

// scoreAfter is the score of the member at pos.
func (p Packed) scoreAfter(pos Pos) float64 {
	return scoreOf(p.At(p.after(pos)))
}

// ScoreRange is a range of scores.
type ScoreRange struct {
	Min, Max            float64
	AfterMin, BeforeMax bool // the ends are not in it
}

// ByScore answers the rank of the first member in a range, and how many are in it. Where there are none the rank means nothing.
func (s *Scores) ByScore(r *ScoreRange) (rank, n int) {
	low, high := bound{kind: boundScore, score: r.Min}, bound{kind: boundAfterScore, score: r.Max}
	if r.AfterMin {
		low.kind = boundAfterScore
	}
	if r.BeforeMax {
		high.kind = boundScore
	}
	if s.large != nil {
		rank = s.large.count(&low)
		return rank, max(0, s.large.count(&high)-rank)
	}
	if s.small == nil {
		return 0, 0
	}
	_, rank = s.small.search(func(pos Pos) bool { return low.beforeScore(s.small.scoreAfter(pos)) })
	_, end := s.small.search(func(pos Pos) bool { return high.beforeScore(s.small.scoreAfter(pos)) })
	return rank, max(0, end-rank)
}

// beforeScore reports whether a score lies before a bound of a kind of scores.
func (b *bound) beforeScore(f float64) bool {
	return f < b.score || f == b.score && b.kind == boundAfterScore
}

// LexEnd is an end of a range of names.
type LexEnd struct {
	Name []byte
	Open bool // the name itself is not in the range
	Inf  int8 // -1: before all names, 1: behind all; Name is nothing then
}

// LexRange is a range of names, of members with the same score.
type LexRange struct{ Min, Max LexEnd }

// atLeast reports whether a name lies behind the end of a range where it begins.
func (e *LexEnd) atLeast(name []byte) bool {
	if e.Inf != 0 {
		return e.Inf < 0
	}
	c := bytes.Compare(name, e.Name)
	return c > 0 || c == 0 && !e.Open
}

// atMost reports whether a name lies before the end of a range where it ends.
func (e *LexEnd) atMost(name []byte) bool {
	if e.Inf != 0 {
		return e.Inf > 0
	}
	c := bytes.Compare(name, e.Name)
	return c < 0 || c == 0 && !e.Open
}

// empty reports whether no name can be in a range.
func (r *LexRange) empty() bool {
	if r.Min.Inf != 0 || r.Max.Inf != 0 {
		return r.Min.Inf > r.Max.Inf || r.Min.Inf == r.Max.Inf // both ends are open
	}
	c := bytes.Compare(r.Min.Name, r.Max.Name)
	return c > 0 || c == 0 && (r.Min.Open || r.Max.Open)
}

// ByLex answers the rank of the lowest member whose name is in a range, and how many are, but for the first offset of them, from the end
// with reverse.
//
// Where scores differ, that has no meaning. Redis then answers for a packed set what it finds from the beginning, or from the end with
// reverse, from the first name in the range and offset more on, up to the first that lies behind it; so do we. What it answers for a
// large one is chance.
func (s *Scores) ByLex(r *LexRange, reverse bool, offset int64) (rank, n int) {
	if r.empty() || offset < 0 || offset >= int64(s.Len()) {
		return 0, 0
	}
	if s.large != nil {
		low := bound{kind: boundName, name: r.Min.Name}
		if r.Min.Open {
			low.kind = boundAfterName
		}
		if r.Min.Inf < 0 {
			low = bound{kind: boundScore, score: -infinity}
		}
		high := bound{kind: boundAfterName, name: r.Max.Name}
		if r.Max.Open {
			high.kind = boundName
		}
		if r.Max.Inf > 0 {
			high.kind = boundEnd
		}
		rank = s.large.count(&low)
		if n = s.large.count(&high) - rank - int(offset); n <= 0 {
			return 0, 0
		}
		if !reverse {
			rank += int(offset)
		}
		return rank, n
	}
	return s.byLexSmall(r, reverse, int(offset))
}

func (s *Scores) byLexSmall(r *LexRange, reverse bool, offset int) (rank, n int) {
	var digits [maxIntLen]byte
	size := s.Len()
	enter, leave := r.Min.atLeast, r.Max.atMost
	for _, end := range []bool{false, true} { // is there anything at all?
		it := s.Range(0, size, end)
		e, ok := it.NextMember()
		if !ok || !end && !r.Max.atMost(e.text(&digits)) || end && !r.Min.atLeast(e.text(&digits)) {
			return 0, 0
		}
	}
	if reverse {
		enter, leave = leave, enter
	}
	skipped, begun := 0, false
	for it := s.Range(0, size, reverse); ; {
		e, ok := it.NextMember()
		if !ok {
			break
		}
		name := e.text(&digits)
		if !begun && !enter(name) {
			skipped++
			continue
		}
		if !begun && !leave(name) { // not even the first is in it
			return 0, 0
		}
		begun = true
		if offset > 0 {
			offset--
			skipped++
			continue
		}
		if !leave(name) {
			break
		}
		n++
	}
	if reverse {
		return size - skipped - n, n
	}
	return skipped, n
}

// ScoreIter goes through members, one after another. It is valid as long as its Scores are.
type ScoreIter struct {
	s    *Scores
	left int
	step int      // 1 or -1
	pos  Pos      // in a small set, of the next member
	path rankPath // in a large one, to it
	leaf rankNode
	used int // entries of leaf
}

// Range goes through n members, of which rank is the lowest; with reverse it begins with the highest. They must be there.
func (s *Scores) Range(rank, n int, reverse bool) (it ScoreIter) {
	it.s, it.left, it.step = s, n, 1
	if n == 0 {
		return it
	}
	if reverse {
		rank += n - 1
		it.step = -1
	}
	if s.large != nil {
		s.large.seekRank(rank, &it.path)
		it.enter()
		return it
	}
	if size := s.small.Len() / 2; rank > size/2 {
		rank -= size
	}
	it.pos, _ = s.small.Seek(2 * rank)
	return it
}

func (it *ScoreIter) enter() {
	it.leaf = it.s.large.node(it.path[0].at, 0)
	it.used = it.leaf.used()
}

// Next answers the next member and its score, or false.
func (it *ScoreIter) Next() (e Element, score float64, ok bool) {
	if it.left == 0 {
		return Element{}, 0, false
	}
	if it.s.large != nil {
		score = it.leaf.score(it.path[0].i)
	} else {
		score = it.s.small.scoreAfter(it.pos)
	}
	e, ok = it.NextMember()
	return e, score, ok
}

// NextMember is Next without the score, which a small set has in text.
func (it *ScoreIter) NextMember() (e Element, ok bool) {
	if it.left == 0 {
		return Element{}, false
	}
	it.left--
	if z := it.s.large; z != nil {
		i := it.path[0].i
		e = Element{Str: entry{z.at(it.leaf.member(i))}.key()}
		if it.left > 0 {
			if i += it.step; i >= 0 && i < it.used {
				it.path[0].i = i
			} else if z.advance(&it.path, it.step) {
				it.enter()
			}
		}
		return e, true
	}
	p := it.s.small
	e = p.At(it.pos)
	if it.step > 0 {
		it.pos = p.after(p.after(it.pos))
	} else if it.left > 0 {
		it.pos, _ = p.Prev(it.pos)
		it.pos, _ = p.Prev(it.pos)
	}
	return e, true
}

// Scan calls fn with the members whose hash is at least from, of a set in its large form; with all of a small one, whatever from
// says. It answers the hash from which to go on, or done: see [Dict.Walk].
func (s *Scores) Scan(from uint64, limit int, fn func(Element, float64)) (next uint64, done bool) {
	if s.large != nil {
		return s.large.Walk(from, limit, 0, func(it Item) { fn(Element{Str: it.Key()}, entryScore(it.e)) })
	}
	for it := s.Range(0, s.Len(), false); ; {
		e, f, ok := it.Next()
		if !ok {
			return 0, true
		}
		fn(e, f)
	}
}

// SortScored puts members into the order of a sorted set.
func SortScored(members []Scored) { slices.SortFunc(members, CompareScored) }

// CompareScored orders two members as a sorted set does.
func CompareScored(a, b Scored) int {
	switch {
	case a.Score < b.Score:
		return -1
	case a.Score > b.Score:
		return 1
	}
	return bytes.Compare(a.Member, b.Member)
}

// compare orders the text of an element against another.
func (e Element) compare(text []byte) int {
	var digits [maxIntLen]byte
	return bytes.Compare(e.text(&digits), text)
}

// Mixed reports whether a large set has different scores, so that what a range of names finds in it depends on how the tree came to
// be.
func (s *Scores) Mixed() bool {
	if s.large == nil || s.large.ranks.n == 0 {
		return false
	}
	first, last := s.Range(0, 1, false), s.Range(s.Len()-1, 1, false)
	_, low, _ := first.Next()
	_, high, _ := last.Next()
	return low != high
}

// Small reports whether the members are packed, so that each way to one is a walk.
func (s *Scores) Small() bool { return s.large == nil }
