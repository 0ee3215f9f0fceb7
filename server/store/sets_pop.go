package store

// popShare is when popping n of a set leaves so few that it is cheaper to make a set of these: where n is at least so many times as
// much as what is left. The set that is left then takes the form of a new one, as in Redis.
const popShare = 5

// PopRebuilds reports whether Pop of n members makes a new set of those that are left.
func (s *Set) PopRebuilds(n int) bool { return (s.Len()-n)*popShare <= n }

// Pop removes n members, any n with the same chance, and calls fn with each, before it is removed. n is below their number.
func (s *Set) Pop(n int, fn func(Element)) {
	switch {
	case s.PopRebuilds(n):
		s.popMost(n, fn)
	case s.enc == EncHashtable:
		for range n {
			it := s.large.Random(0)
			fn(Element{Str: it.Key()})
			s.large.Delete(s.large.Hash(it.Key()), it)
		}
		s.large.settle(s.r)
	case n == 1:
		s.popOne(fn)
	default:
		s.popPacked(n, fn)
	}
}

// popOne is Pop of one member of a small set.
func (s *Set) popOne(fn func(Element)) {
	i := s.ks.chance.below(s.Len())
	if s.enc == EncIntset {
		fn(Element{Int: Intset(s.small).At(i), IsInt: true})
		s.shrink(Intset(s.small).remove(i))
		return
	}
	p := Packed(s.small)
	pos, _ := p.Seek(i)
	fn(p.At(pos))
	s.shrink(p.Delete(pos, 1))
}

// popPacked is Pop of some members of a small set, in one go: those that stay move together.
func (s *Set) popPacked(n int, fn func(Element)) {
	left := s.Len()
	stays := left - n
	popped := func(e Element) bool {
		pop := s.ks.chance.below(left) < n
		if left--; pop {
			fn(e)
			n--
		}
		return pop
	}
	if s.enc == EncIntset {
		ints := Intset(s.small)
		kept := 0
		for i := range ints.Len() {
			if v := ints.At(i); !popped(Element{Int: v, IsInt: true}) {
				ints.put(ints.width(), kept, v)
				kept++
			}
		}
		ints.setLen(kept)
		s.shrink(ints[:intsetHeader+kept*ints.width()])
		return
	}
	p := Packed(s.small)
	to := p.First()
	for pos, end := p.First(), p.end(); pos != end; {
		next := p.after(pos)
		if !popped(p.At(pos)) {
			to += Pos(copy(p[to:], p[pos:next]))
		}
		pos = next
	}
	p[to] = packedEnd
	p = p[:to+1]
	p.recount(stays)
	s.shrink(p)
}

// popMost is Pop of nearly all: the others are copied into a new set.
func (s *Set) popMost(n int, fn func(Element)) {
	b := s.ks.BuildSet(s.r.Slot, s.formOfRest())
	left := s.Len()
	stays := left - n
	if s.enc == EncHashtable {
		kept := make(map[ref]struct{}, stays)
		s.ks.drawMembers(s.large, stays, func(it Item) {
			kept[it.r] = struct{}{}
			b.Add(Element{Str: it.Key()})
		})
		s.large.Walk(0, everyMember, 0, func(it Item) {
			if _, keep := kept[it.r]; !keep {
				fn(Element{Str: it.Key()})
			}
		})
	} else {
		s.Each(func(e Element) bool {
			if s.ks.chance.below(left) < stays {
				b.Add(e)
				stays--
			} else {
				fn(e)
			}
			left--
			return true
		})
	}
	s.replace(&b)
}

// everyMember is a limit that no walk reaches.
const everyMember = 1 << 62

// formOfRest is the form that the few members which Pop leaves begin in.
func (s *Set) formOfRest() Encoding {
	t := s.ks.Thresholds()
	switch {
	case s.enc != EncHashtable:
		return s.enc
	case t.SetEntries > 0:
		return EncListpack
	}
	return EncIntset // Redis 7.0: what it becomes is up to its members
}
