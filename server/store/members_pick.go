package store

import "math/rand/v2"

// Random choice.
//
// A member is drawn from a small form by its number, and from a dictionary by [Dict.Random]: from any place of any bucket, again
// and again until one is in use, so that each member has the same chance however unevenly they lie. Several different ones are taken
// by going through all members once, each being taken with the chance that just so many of those left are still wanted ("selection
// sampling": Knuth, The Art of Computer Programming, volume 2, 3.4.2, algorithm S), or, where they are few among many, by drawing
// until enough different ones have come.

// pickShare is how many members there must be to each wanted one for drawing to be the cheaper way: a draw costs about three steps
// of a walk, and may have to be repeated.
const pickShare = 4

// chance is the source of random numbers of a keyspace: the runtime's, or a test's, which repeats.
type chance struct{ r *rand.Rand }

func (c chance) uint64() uint64 {
	if c.r != nil {
		return c.r.Uint64()
	}
	return rand.Uint64()
}

// below is a number from 0 to n-1; n is at least 1.
func (c chance) below(n int) int {
	if c.r != nil {
		return c.r.IntN(n)
	}
	return rand.IntN(n)
}

// RandomMember draws a member uniformly. There must be one.
func (ks *Keyspace) RandomMember(m *Members) Element {
	switch m.enc {
	case EncIntset:
		s := Intset(m.small)
		return Element{Int: s.At(ks.chance.below(s.Len())), IsInt: true}
	case EncListpack:
		p := Packed(m.small)
		pos, _ := p.Seek(ks.chance.below(p.Len()))
		return p.At(pos)
	}
	return Element{Str: m.large.Random(0).Key()}
}

// RandomMembers calls fn with n members, each drawn anew: the same may come several times. It goes on until fn answers false.
func (ks *Keyspace) RandomMembers(m *Members, n int, fn func(Element) bool) {
	if m.enc != EncListpack || n < m.Len()/pickShare {
		for range n {
			if !fn(ks.RandomMember(m)) {
				return
			}
		}
		return
	}
	p := Packed(m.small) // a step to each number would take long
	at := make([]uint32, 0, p.Len())
	for pos := p.First(); !p.AtEnd(pos); pos = p.after(pos) {
		at = append(at, uint32(pos)) //nolint:gosec // PackedMax
	}
	for range n {
		if !fn(p.At(Pos(at[ks.chance.below(len(at))]))) {
			return
		}
	}
}

// PickMembers calls fn with n different members: any n have the same chance. n is at most their number.
func (ks *Keyspace) PickMembers(m *Members, n int, fn func(Element)) {
	if m.enc == EncHashtable && n < m.Len()/pickShare {
		ks.drawMembers(m.large, n, func(it Item) { fn(Element{Str: it.Key()}) })
		return
	}
	left := m.Len()
	m.Each(func(e Element) bool {
		if ks.chance.below(left) < n {
			fn(e)
			n--
		}
		left--
		return n > 0
	})
}

// fewDraws is how many members are told from each other by comparing them all.
const fewDraws = 32

// drawMembers calls fn with n different members, of which there are many more.
func (ks *Keyspace) drawMembers(l *largeSet, n int, fn func(Item)) {
	var few [fewDraws]ref
	var many map[ref]struct{}
	if n > fewDraws {
		many = make(map[ref]struct{}, n)
	}
	for got := 0; got < n; {
		it := l.Random(0)
		if many != nil {
			if _, again := many[it.r]; again {
				continue
			}
			many[it.r] = struct{}{}
		} else {
			if again := contains(few[:got], it.r); again {
				continue
			}
			few[got] = it.r
		}
		got++
		fn(it)
	}
}

func contains(refs []ref, r ref) bool {
	for _, other := range refs {
		if other == r {
			return true
		}
	}
	return false
}

// RandomBelow is a number from 0 to below n, for who draws by rank. Under a lock.
func (ks *Keyspace) RandomBelow(n int) int { return ks.chance.below(n) }
