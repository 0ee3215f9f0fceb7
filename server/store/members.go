package store

import (
	"strconv"
)

// Members are the members of a set, in whichever of its forms they are:
//
//	intset      integers only, at most set-max-intset-entries: an [Intset]
//	listpack    at most set-max-listpack-entries, none longer than set-max-listpack-value: a [Packed]
//	hashtable   all others: a [Dict], in a [largeSet]
//
// They are valid until the next change of their key.
type Members struct {
	enc   Encoding // one of the three, or EncRaw: there is none
	small []byte   // of the first two
	large *largeSet
}

// largeSet is the Object of a set in its large form: a dictionary without values.
type largeSet struct{ Dict }

// Type is that of a set.
func (*largeSet) Type() Type { return TypeSet }

// Encoding is Redis's for such a set.
func (*largeSet) Encoding() Encoding { return EncHashtable }

// put adds a member, and reports false where it is there already.
func (l *largeSet) put(member []byte) bool {
	hash := l.Hash(member)
	it := l.Find(hash, member)
	if it.Exists() {
		return false
	}
	l.Put(hash, it, member, nil, 0)
	return true
}

// drop removes a member, and reports false where it is not there.
func (l *largeSet) drop(member []byte) bool {
	hash := l.Hash(member)
	it := l.Find(hash, member)
	if !it.Exists() {
		return false
	}
	l.Delete(hash, it)
	return true
}

// MembersOf answers the members of the set that an item holds; none where the item does not exist.
func MembersOf(it Item) Members {
	if !it.Exists() {
		return Members{}
	}
	_, enc := it.e.kind()
	if enc == EncHashtable {
		return Members{enc: enc, large: it.Object().(*largeSet)} //nolint:forcetypeassert // the item holds a set
	}
	return Members{enc: enc, small: it.Value()}
}

// Encoding is how Redis would hold them.
func (m *Members) Encoding() Encoding { return m.enc }

// Len is how many there are.
func (m *Members) Len() int {
	switch m.enc {
	case EncIntset:
		return Intset(m.small).Len()
	case EncListpack:
		return Packed(m.small).Len()
	case EncHashtable:
		return m.large.Len()
	}
	return 0
}

// Has reports whether there is a member of that text.
func (m *Members) Has(text []byte) bool {
	switch m.enc {
	case EncIntset:
		v, ok := ParseInt(text)
		if ok {
			_, ok = Intset(m.small).Find(v)
		}
		return ok
	case EncListpack:
		_, ok := Packed(m.small).Find(packedHeader, 0, text)
		return ok
	case EncHashtable:
		return m.large.Find(m.large.Hash(text), text).Exists()
	}
	return false
}

// HasElement is Has for a member of another set.
func (m *Members) HasElement(e Element) bool {
	if !e.IsInt {
		return m.Has(e.Str)
	}
	if m.enc == EncIntset {
		_, ok := Intset(m.small).Find(e.Int)
		return ok
	}
	var digits [maxIntLen]byte
	return m.Has(strconv.AppendInt(digits[:0], e.Int, 10))
}

// Each calls fn with the members, one after another, until it answers false. fn must not change the set.
func (m *Members) Each(fn func(Element) bool) {
	switch m.enc {
	case EncIntset:
		s := Intset(m.small)
		for i := range s.Len() {
			if !fn(Element{Int: s.At(i), IsInt: true}) {
				return
			}
		}
	case EncListpack:
		p := Packed(m.small)
		for pos := p.First(); !p.AtEnd(pos); pos = p.after(pos) {
			if !fn(p.At(pos)) {
				return
			}
		}
	case EncHashtable:
		more := true
		for from, done := uint64(0), false; more && !done; {
			from, done = m.large.Walk(from, eachStep, 0, func(it Item) {
				more = more && fn(Element{Str: it.Key()})
			})
		}
	}
}

// eachStep is after how many members of a dictionary Each looks whether it is to go on.
const eachStep = 16

// Scan calls fn with the members whose hash is at least from, of a set in its large form; with all of a small one, whatever from
// says. It answers the hash from which to go on, or done: see [Dict.Walk].
func (m *Members) Scan(from uint64, limit int, fn func(Element)) (next uint64, done bool) {
	if m.enc == EncHashtable {
		return m.large.Walk(from, limit, 0, func(it Item) { fn(Element{Str: it.Key()}) })
	}
	m.Each(func(e Element) bool {
		fn(e)
		return true
	})
	return 0, true
}

// newLarge makes the large form of members of small ones, for a key of slot; it is not in the keyspace yet.
func (ks *Keyspace) newLarge(slot uint16, m *Members) *largeSet {
	l := &largeSet{ks.newDict(slot)}
	var digits [maxIntLen]byte
	m.Each(func(e Element) bool {
		text := e.Str
		if e.IsInt {
			text = strconv.AppendInt(digits[:0], e.Int, 10)
		}
		l.put(text)
		return true
	})
	return l
}

// packedOf makes the packed form of integers.
func packedOf(s Intset) Packed {
	p := NewPacked(nil)
	for i := range s.Len() {
		p = p.AppendInt(s.At(i))
	}
	return p
}

// How sets change their form, as in Redis 7.2. With a set-max-listpack-entries of 0 it is as in Redis 7.0, which has no packed
// sets: how many members are to come does not count then.

// maxInts is how many members an intset has at most.
func (t *Thresholds) maxInts() int { return min(t.SetIntset, intsetMost) }

// setForm is the form of a new set, of which the first member is text, and which is to get about so many.
func (t *Thresholds) setForm(text []byte, expected int) Encoding {
	if t.SetEntries == 0 {
		expected = 1
	}
	if _, isInt := ParseInt(text); isInt && expected <= t.maxInts() {
		return EncIntset
	}
	if expected <= t.SetEntries && len(text) <= t.SetValue {
		return EncListpack
	}
	return EncHashtable
}

// outgrown reports whether a set of a form is to become large for so many members to come.
func (t *Thresholds) outgrown(enc Encoding, expected int) bool {
	return t.SetEntries > 0 && (enc == EncListpack && expected > t.SetEntries || enc == EncIntset && expected > t.maxInts())
}

// withText is the form of an intset once text, which is no integer, is a member too.
func (t *Thresholds) withText(s Intset, text []byte) Encoding {
	if s.Len() < t.SetEntries && len(text) <= t.SetValue && s.longest() <= t.SetValue {
		return EncListpack
	}
	return EncHashtable
}

// holds reports whether a packed set stays packed with text as one more member.
func (t *Thresholds) holds(p Packed, text []byte) bool {
	return p.Len() < t.SetEntries && len(text) <= t.SetValue && p.Fits(len(text))
}
