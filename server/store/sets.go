package store

import "slices"

// Set is the set of a key, for changing it. It is valid under the lock of its slot, until the key is changed by other means.
//
// Small forms are changed where they lie. A set without members is no value: whoever takes the last one out deletes the key.
type Set struct {
	Members
	ks  *Keyspace
	r   Ref
	it  Item
	now int64

	expected int // members to come: see Expect
}

// OpenSet answers the set of a key. it is what Lookup found: a set, or nothing. Under the lock.
func (ks *Keyspace) OpenSet(r Ref, it Item, now int64) Set {
	return Set{Members: MembersOf(it), ks: ks, r: r, it: it, now: now}
}

// Item is the key's, as it is now.
func (s *Set) Item() Item { return s.it }

// Expect says how many members are to be added at most. A new set takes its form by it, and one that is there becomes large where so
// many would not fit, though they may turn out to be fewer. It reports whether that changed the set.
func (s *Set) Expect(members int) (changed bool) {
	s.expected = members
	if s.it.Exists() && s.ks.Thresholds().outgrown(s.enc, members) {
		s.enlarge()
		return true
	}
	return false
}

// Add adds a member, and reports false where it is there already.
func (s *Set) Add(text []byte) (added bool) {
	switch s.enc {
	case EncIntset:
		return s.addToInts(text)
	case EncListpack:
		return s.addToPacked(text)
	case EncHashtable:
		added = s.large.put(text)
		s.large.settle(s.r)
		return added
	}
	s.create(text)
	return true
}

func (s *Set) create(text []byte) {
	var buf [128]byte
	t := s.ks.Thresholds()
	switch enc := t.setForm(text, max(s.expected, 1)); enc {
	case EncIntset:
		v, _ := ParseInt(text)
		if t.maxInts() == 0 {
			s.createLarge(text)
			return
		}
		ints, _ := newIntset(buf[:0]).Add(v)
		s.pack(enc, ints)
	case EncListpack:
		s.pack(enc, NewPacked(buf[:0]).Append(text))
	default:
		s.createLarge(text)
	}
}

// pack gives the key a small form.
func (s *Set) pack(enc Encoding, bytes []byte) {
	s.it = s.ks.SetPacked(s.r, s.it, TypeSet, enc, bytes, s.expiry(), s.now)
	s.Members = MembersOf(s.it)
}

func (s *Set) expiry() int64 {
	if !s.it.Exists() {
		return 0
	}
	return s.it.ExpireAt()
}

// createLarge makes a set large from the beginning.
func (s *Set) createLarge(text []byte) {
	l := s.ks.newLarge(s.r.Slot, &Members{})
	l.put(text)
	s.adopt(l)
}

// enlarge gives a small set its large form.
func (s *Set) enlarge() { s.adopt(s.ks.newLarge(s.r.Slot, &s.Members)) }

func (s *Set) adopt(l *largeSet) {
	s.it = s.ks.SetObject(s.r, s.it, l, s.expiry(), s.now)
	l.adopted()
	s.Members = MembersOf(s.it)
}

func (s *Set) addToInts(text []byte) (added bool) {
	ints, t := Intset(s.small), s.ks.Thresholds()
	v, isInt := ParseInt(text)
	switch {
	case isInt:
		i, found := ints.Find(v)
		if found {
			return false
		}
		if ints.Len() < t.maxInts() {
			s.resize(ints.grown(v))
			Intset(s.small).insert(i, v)
			return true
		}
	case t.withText(ints, text) == EncListpack:
		s.pack(EncListpack, packedOf(ints).Append(text))
		return true
	}
	s.enlarge()
	s.large.put(text)
	s.large.settle(s.r)
	return true
}

func (s *Set) addToPacked(text []byte) (added bool) {
	p := Packed(s.small)
	if _, found := p.Find(p.First(), 0, text); found {
		return false
	}
	if !s.ks.Thresholds().holds(p, text) {
		s.enlarge()
		s.large.put(text)
		s.large.settle(s.r)
		return true
	}
	was := len(p)
	s.resize(was + packText(text).total())
	s.small = Packed(s.small[:was]).Append(text) // in place: it has the room
	return true
}

// Remove removes a member, and reports false where it is not there.
func (s *Set) Remove(text []byte) (removed bool) {
	switch s.enc {
	case EncIntset:
		v, isInt := ParseInt(text)
		if !isInt {
			return false
		}
		i, found := Intset(s.small).Find(v)
		if found {
			s.shrink(Intset(s.small).remove(i))
		}
		return found
	case EncListpack:
		p := Packed(s.small)
		pos, found := p.Find(p.First(), 0, text)
		if found {
			s.shrink(p.Delete(pos, 1))
		}
		return found
	case EncHashtable:
		removed = s.large.drop(text)
		s.large.settle(s.r)
	}
	return removed
}

// shrink notes that of a small form only these bytes are left, which lie at its beginning.
func (s *Set) shrink(left []byte) { s.resize(len(left)) }

// resize makes a small form n bytes long, where it lies or elsewhere; new bytes are undefined.
func (s *Set) resize(n int) {
	s.it = s.ks.resizePacked(s.r, s.it, n)
	s.small = s.it.e.stored()
}

// replace gives the key what a builder made, in the place of what it holds; its expiry stays.
func (s *Set) replace(b *SetBuilder) {
	s.it = b.Store(s.r, s.it, s.expiry(), s.now)
	s.Members = MembersOf(s.it)
}

// SetBuilder makes a set that is no key's yet: the result of an operation on others. It begins small where that may do, in bytes
// of its own, and goes on in the pool of a shard. Everything is under the lock of the slot that it is made for, up to Store or
// Discard.
type SetBuilder struct {
	Members
	ks     *Keyspace
	slot   uint16
	texts  int // members that are no integers
	digits [maxIntLen]byte
}

// BuildSet begins a set for a key of slot, in a form: EncIntset, EncListpack or EncHashtable.
func (ks *Keyspace) BuildSet(slot uint16, form Encoding) SetBuilder {
	b := SetBuilder{ks: ks, slot: slot, Members: Members{enc: form}}
	switch form {
	case EncIntset:
		b.small = newIntset(nil)
	case EncListpack:
		b.small = NewPacked(nil)
	default:
		b.large = ks.newLarge(slot, &Members{})
	}
	return b
}

// Add adds a member, which may be one of a set in the keyspace, and reports false where it is there already.
func (b *SetBuilder) Add(e Element) (added bool) {
	t := b.ks.Thresholds()
	if !e.IsInt {
		e.Int, e.IsInt = ParseInt(e.Str)
		if !e.IsInt {
			b.texts++
		}
	}
	if b.enc == EncIntset {
		switch {
		case !e.IsInt && t.withText(b.small, e.Str) == EncListpack:
			b.small, b.enc = packedOf(b.small), EncListpack
		case !e.IsInt:
			b.enlarge()
		default:
			b.small, added = Intset(b.small).Add(e.Int)
			if added && Intset(b.small).Len() > t.maxInts() {
				b.enlarge()
			}
			return added
		}
	}
	text := e.text(&b.digits)
	if b.enc == EncListpack {
		p := Packed(b.small)
		if _, found := p.Find(p.First(), 0, text); found {
			return false
		}
		if t.holds(p, text) {
			b.small = p.Append(text)
			return true
		}
		b.enlarge()
	}
	return b.large.put(text)
}

// text is that of an element, in the room of digits where it is an integer.
func (e Element) text(digits *[maxIntLen]byte) []byte {
	if e.Str != nil {
		return e.Str
	}
	return e.Append(digits[:0])
}

// Remove removes a member, and reports false where it is not there.
func (b *SetBuilder) Remove(e Element) (removed bool) {
	if b.enc == EncHashtable {
		return b.large.drop(e.text(&b.digits))
	}
	if b.enc == EncIntset {
		if !e.IsInt {
			e.Int, e.IsInt = ParseInt(e.Str)
		}
		i, found := Intset(b.small).Find(e.Int)
		if found = found && e.IsInt; found {
			b.small = Intset(b.small).remove(i)
		}
		return found
	}
	p := Packed(b.small)
	pos, found := p.Find(p.First(), 0, e.text(&b.digits))
	if found {
		b.small = p.Delete(pos, 1)
	}
	return found
}

func (b *SetBuilder) enlarge() {
	b.large = b.ks.newLarge(b.slot, &b.Members)
	b.enc, b.small = EncHashtable, nil
}

// Enlarge has the set take its large form, however small it is.
func (b *SetBuilder) Enlarge() {
	if b.enc != EncHashtable {
		b.enlarge()
	}
}

// ToInts makes the set an intset if all of its members are integers, and they may be one.
func (b *SetBuilder) ToInts() {
	n := b.Len()
	if b.enc == EncIntset || b.texts > 0 || n > b.ks.Thresholds().maxInts() {
		return
	}
	ints := make([]int64, 0, n)
	b.Each(func(e Element) bool {
		if !e.IsInt {
			e.Int, _ = ParseInt(e.Str)
		}
		ints = append(ints, e.Int)
		return true
	})
	slices.Sort(ints)
	b.Discard()
	s := newIntset(nil)
	for _, v := range ints {
		s, _ = s.Add(v)
	}
	b.enc, b.small, b.large = EncIntset, s, nil
}

// Store gives a key of the builder's slot the set and an expiry (unix ms, 0 = none). it is what Lookup found. The set has members;
// the builder is of no more use.
func (b *SetBuilder) Store(r Ref, it Item, at, now int64) Item {
	if b.enc != EncHashtable {
		return b.ks.SetPacked(r, it, TypeSet, b.enc, b.small, at, now)
	}
	it = b.ks.SetObject(r, it, b.large, at, now)
	b.large.adopted()
	return it
}

// Discard gives back what a set takes that is not stored: at once, or bit by bit where it is large.
func (b *SetBuilder) Discard() {
	if b.enc == EncHashtable {
		b.ks.shardOf(b.slot).inter(b.large)
	}
}
