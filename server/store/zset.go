package store

import (
	"math"
	"sort"
)

var infinity = math.Inf(1)

// Zset is the sorted set of a key, for changing it. It is valid under the lock of its slot, until the key is changed by other means.
//
// Small forms are changed where they lie. A set without members is no value: whoever takes the last one out deletes the key.
type Zset struct {
	Scores
	ks  *Keyspace
	r   Ref
	it  Item
	now int64
}

// OpenZset answers the sorted set of a key. it is what Lookup found: a sorted set, or nothing. Under the lock.
func (ks *Keyspace) OpenZset(r Ref, it Item, now int64) Zset {
	return Zset{Scores: ScoresOf(it), ks: ks, r: r, it: it, now: now}
}

// Item is the key's, as it is now.
func (z *Zset) Item() Item { return z.it }

// AddMode says what Add is to do, by ZADD's options.
type AddMode uint8

// Bits of an AddMode.
const (
	AddNX   AddMode = 1 << iota // new members only
	AddXX                       // members that are there only
	AddGT                       // a score only gets greater; new members are added
	AddLT                       // a score only gets less
	AddIncr                     // the number is added to the score; that of a new member is 0
)

// AddResult is what Add did.
type AddResult uint8

// The results of Add.
const (
	AddNot     AddResult = iota // the mode forbids it
	AddSame                     // the score is what it was
	AddUpdated                  // the score is another
	AddNew
	AddNaN // the sum is no number: nothing has changed
)

// Add gives a member a score, which is a number, or adds one to it. It answers the member's score then; where it did nothing, that means
// nothing.
func (z *Zset) Add(member []byte, f float64, mode AddMode) (float64, AddResult) {
	if z.large != nil {
		return z.addLarge(member, f, mode)
	}
	if z.small == nil {
		if mode&AddXX != 0 {
			return 0, AddNot
		}
		z.create(member, f)
		return f, AddNew
	}
	if pos, ok := z.small.Find(packedHeader, 1, member); ok {
		f, res := rescore(z.small.scoreAfter(pos), f, mode)
		if res == AddUpdated {
			z.cut(pos, 1)
			z.insert(member, f)
		}
		return f, res
	}
	switch t := z.ks.Thresholds(); {
	case mode&AddXX != 0:
		return 0, AddNot
	case z.Len() >= t.ZsetEntries || len(member) > t.ZsetValue || !z.small.Fits(len(member)+packedOverhead+maxScoreText):
		z.enlarge()
		return z.addLarge(member, f, mode)
	}
	z.insert(member, f)
	return f, AddNew
}

// rescore is what becomes of a score.
func rescore(was, f float64, mode AddMode) (float64, AddResult) {
	if mode&AddNX != 0 {
		return 0, AddNot
	}
	if mode&AddIncr != 0 {
		if f += was; math.IsNaN(f) {
			return 0, AddNaN
		}
	}
	switch {
	case mode&AddLT != 0 && f >= was || mode&AddGT != 0 && f <= was:
		return 0, AddNot
	case f == was:
		return f, AddSame
	}
	return f, AddUpdated
}

func (z *Zset) addLarge(member []byte, f float64, mode AddMode) (float64, AddResult) {
	hash := z.large.Hash(member)
	it := z.large.Find(hash, member)
	res := AddNew
	if it.Exists() {
		if f, res = rescore(entryScore(it.e), f, mode); res != AddUpdated {
			return f, res
		}
	} else if mode&AddXX != 0 {
		return 0, AddNot
	}
	z.large.put(hash, it, member, f)
	z.large.settle(z.r)
	return f, res
}

// create makes the set, which has one member then.
func (z *Zset) create(member []byte, f float64) {
	if t := z.ks.Thresholds(); t.ZsetEntries < 1 || len(member) > t.ZsetValue {
		l := &ranked{Dict: z.ks.newDict(z.r.Slot)}
		l.put(l.Hash(member), Item{}, member, f)
		z.adopt(l)
		return
	}
	var room [packedHeader + 1 + 2*packedOverhead + 96 + maxScoreText]byte
	z.it = z.ks.SetPacked(z.r, z.it, TypeZset, EncListpack, NewPacked(room[:]).Append(member).appendScore(f), 0, z.now)
	z.small = z.it.Value()
}

// appendScore adds a score at the end.
func (p Packed) appendScore(f float64) Packed {
	var text [maxScoreText]byte
	return p.splice(p.end(), 0, packScore(&text, f))
}

// packScore is the element for a score; its text, if it has one, lies in the room of text.
func packScore(text *[maxScoreText]byte, f float64) packedElement {
	if n, ok := scoreInt(f); ok {
		return packInt(n)
	}
	return packText(appendScore(text[:0], f))
}

// insert puts a member, which is not there, into its place in a small set.
func (z *Zset) insert(member []byte, f float64) {
	p := z.small
	pos := p.place(member, f)
	var text [maxScoreText]byte
	m, score := packText(member), packScore(&text, f)
	size := m.total() + score.total()
	was, n := len(p), p.Len()
	z.it = z.ks.resizePacked(z.r, z.it, was+size)
	b := z.it.e.stored()
	copy(b[int(pos)+size:], b[pos:was])
	m.put(b[pos:])
	score.put(b[int(pos)+m.total():])
	z.small = b
	z.small.recount(n + 2)
}

// place is where a member belongs that is not there.
func (p Packed) place(member []byte, f float64) Pos {
	pos, _ := p.search(func(pos Pos) bool {
		was := p.scoreAfter(pos)
		return was < f || was == f && p.At(pos).compare(member) < 0
	})
	return pos
}

// search answers where the members end for which before is true, which come first, and how many they are. Scores are slow to read, so it
// asks about few members, though it walks over all.
func (p Packed) search(before func(pos Pos) bool) (pos Pos, rank int) {
	var marks [64]Pos // of every stride-th member
	n := p.Len() / 2
	stride := n/len(marks) + 1
	pos = p.First()
	marked := 0
	for i, next := 0, 0; i < n; i++ {
		if i == next {
			marks[marked] = pos
			marked++
			next += stride
		}
		pos = p.after(p.after(pos))
	}
	marked = sort.Search(marked, func(i int) bool { return !before(marks[i]) })
	if marked == 0 {
		return p.First(), 0
	}
	rank = (marked - 1) * stride
	for pos = marks[marked-1]; rank < n && before(pos); rank++ {
		pos = p.after(p.after(pos))
	}
	return pos, rank
}

// cut removes n members of a small set from that at pos on. The bytes behind those that are left stay with the key until they are shrunk
// or grown.
func (z *Zset) cut(pos Pos, n int) {
	p := z.small
	next, left := pos, p.Len()-2*n
	for range 2 * n {
		next = p.after(next)
	}
	z.small = append(p[:pos], p[next:]...)
	z.small.recount(left)
}

// shrink gives back what cut left over.
func (z *Zset) shrink() {
	if z.small.count() == 0 {
		return // the key is about to go
	}
	z.it = z.ks.resizePacked(z.r, z.it, len(z.small))
	z.small = z.it.e.stored()
}

// Remove removes a member, and reports false where it is not there.
func (z *Zset) Remove(member []byte) bool {
	switch {
	case z.large != nil:
		hash := z.large.Hash(member)
		it := z.large.Find(hash, member)
		if !it.Exists() {
			return false
		}
		z.large.drop(hash, it)
		z.large.settle(z.r)
		return true
	case z.small != nil:
		pos, ok := z.small.Find(packedHeader, 1, member)
		if ok {
			z.cut(pos, 1)
			z.shrink()
		}
		return ok
	}
	return false
}

// RemoveRange removes n members, of which rank is the lowest. They must be there.
func (z *Zset) RemoveRange(rank, n int) {
	switch {
	case n == 0:
	case z.large != nil:
		z.large.dropRanks(rank, n)
		z.large.settle(z.r)
	default:
		pos, _ := z.small.Seek(2 * rank)
		z.cut(pos, n)
		z.shrink()
	}
}

// enlarge gives a small set its large form.
func (z *Zset) enlarge() {
	l := &ranked{Dict: z.ks.newDict(z.r.Slot)}
	var digits [maxIntLen]byte
	for it := z.Range(0, z.Len(), false); ; {
		e, f, ok := it.Next()
		if !ok {
			break
		}
		name := e.text(&digits)
		l.put(l.Hash(name), Item{}, name, f)
	}
	z.adopt(l)
}

// adopt gives the key a large set.
func (z *Zset) adopt(l *ranked) {
	at := int64(0)
	if z.it.Exists() {
		at = z.it.ExpireAt()
	}
	z.it = z.ks.SetObject(z.r, z.it, l, at, z.now)
	l.adopted()
	z.Scores = Scores{large: l}
}

// Scored is a member and its score.
type Scored struct {
	Member []byte
	Score  float64
}

// StoreScored gives the key r a sorted set and an expiry (unix ms, 0 = none). it is what Lookup found, of any type. The members are
// different, in any order, and at least one; they may be those of sets in the keyspace, of r itself included. With large the set has its
// large form, however small it is. Under the lock.
func (ks *Keyspace) StoreScored(r Ref, it Item, members []Scored, large bool, at, now int64) Item {
	SortScored(members)
	t := ks.Thresholds()
	size, longest := 0, 0
	for i := range members {
		n := len(members[i].Member)
		size += n + 2*packedOverhead + maxScoreText
		longest = max(longest, n)
	}
	if !large && len(members) <= t.ZsetEntries && longest <= t.ZsetValue && size < PackedMax {
		p := NewPacked(make([]byte, 0, packedHeader+1+size))
		for i := range members {
			p = p.Append(members[i].Member).appendScore(members[i].Score)
		}
		return ks.SetPacked(r, it, TypeZset, EncListpack, p, at, now)
	}
	l := &ranked{Dict: ks.newDict(r.Slot)}
	for i := range members {
		l.put(l.Hash(members[i].Member), Item{}, members[i].Member, members[i].Score)
	}
	it = ks.SetObject(r, it, l, at, now)
	l.adopted()
	return it
}
