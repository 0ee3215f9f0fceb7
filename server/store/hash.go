package store

import "math/rand/v2"

// Hash is a key that holds a hash, or no key yet: a handle that hides which form the hash has.
//
// A small one is a [Packed] in which each field stands before its value. It is changed where it lies, in its entry, and moves only when
// it outgrows its block. A large one is a hashTable, and so is one of which a field was ever given an expiry.
//
// A field that has expired is there until it is removed, which is an effect (see hash_expire.go), but nobody sees it. Who changes a hash
// calls Reap first.
//
// A Hash is valid under the lock of its slot until something else changes the key.
type Hash struct {
	ks   *Keyspace
	r    Ref
	it   Item
	t    *hashTable // of the large form, or nil
	now  int64      // unix ms
	asOf int64      // the time at which fields count as expired: now, or 0 where none does
}

// Hash answers the hash at r, where Lookup found it: a hash, or no key. With keep no field has expired: effects of a primary are applied,
// which says by them what has. Under the lock.
func (ks *Keyspace) Hash(r Ref, it Item, now int64, keep bool) Hash {
	h := Hash{ks: ks, r: r, now: now, asOf: now}
	if keep {
		h.asOf = 0
	}
	h.found(it)
	return h
}

// Hash answers the hash of an item for Stored, Volatile, Soonest and EachExpiry, of which it shows what is there.
func (it Item) Hash() Hash {
	h := Hash{}
	h.found(it)
	return h
}

// found notes where the key is.
func (h *Hash) found(it Item) {
	h.it, h.t = it, nil
	if it.r != 0 {
		h.t, _ = it.Object().(*hashTable)
	}
}

// Item is the key. It is valid until the hash is changed.
func (h *Hash) Item() Item { return h.it }

// Exists reports whether there is a key.
func (h *Hash) Exists() bool { return h.it.r != 0 }

// packed is the small form.
func (h *Hash) packed() Packed { return h.it.e.stored() }

// Stored is the number of fields, those that have expired included.
func (h *Hash) Stored() int {
	switch {
	case h.it.r == 0:
		return 0
	case h.t != nil:
		return h.t.Len()
	default:
		return h.packed().Len() / 2
	}
}

// Len is the number of fields.
func (h *Hash) Len() int {
	if h.t != nil && h.t.soonest() < h.asOf {
		return h.t.Len() - h.t.expired(h.asOf)
	}
	return h.Stored()
}

// Get is the value of a field. Its string is a part of the hash.
func (h *Hash) Get(field []byte) (val Element, ok bool) {
	switch {
	case h.it.r == 0:
		return Element{}, false
	case h.t != nil:
		it := h.t.Find(h.ks.hash(field), field)
		if it.r == 0 || h.dead(it) {
			return Element{}, false
		}
		return Element{Str: it.e.stored()}, true
	}
	p := h.packed()
	pos, ok := p.findField(field)
	if !ok {
		return Element{}, false
	}
	return p.At(p.after(pos)), true
}

// dead reports whether a field of the large form has expired.
func (h *Hash) dead(it Item) bool {
	at := it.e.expiry()
	return at != 0 && at < h.asOf
}

// Expiry is when a field expires: unix ms, 0 = never. It is false where there is no such field.
func (h *Hash) Expiry(field []byte) (at int64, ok bool) {
	if h.t == nil {
		_, ok = h.Get(field)
		return 0, ok
	}
	it := h.t.Find(h.ks.hash(field), field)
	if it.r == 0 || h.dead(it) {
		return 0, false
	}
	return it.e.expiry(), true
}

// Each calls fn with all fields and their values, parts of the hash: those of a small one in their order. fn must not change it.
func (h *Hash) Each(fn func(field, val Element)) {
	switch {
	case h.it.r == 0:
	case h.t != nil:
		h.t.Walk(0, h.t.Len(), h.asOf, func(it Item) { fn(fieldOf(it)) })
	default:
		p := h.packed()
		for pos := p.First(); !p.AtEnd(pos); {
			val := p.after(pos)
			fn(p.At(pos), p.At(val))
			pos = p.after(val)
		}
	}
}

// fieldOf is a field of the large form.
func fieldOf(it Item) (field, val Element) {
	return Element{Str: it.e.key()}, Element{Str: it.e.stored()}
}

// EachExpiry is Each of all fields with their expiries (unix ms, 0 = none), those that have expired included.
func (h *Hash) EachExpiry(fn func(field, val Element, at int64)) {
	if h.t == nil {
		h.Each(func(field, val Element) { fn(field, val, 0) })
		return
	}
	h.t.Walk(0, h.t.Len(), 0, func(it Item) {
		field, val := fieldOf(it)
		fn(field, val, it.e.expiry())
	})
}

// Volatile is the number of fields with an expiry, those that have expired included.
func (h *Hash) Volatile() int {
	if h.t == nil {
		return 0
	}
	return h.t.Volatile()
}

// Soonest is no later than any field's expiry, and one of them: 0 = no field has one.
func (h *Hash) Soonest() int64 {
	if h.t == nil || h.t.Volatile() == 0 {
		return 0
	}
	return h.t.soonest()
}

// Scan calls fn with fields from a position on, at first 0, until it has seen about limit, and answers where to go on: 0 = it is
// through. Every field that is there throughout is seen once, as [Keyspace.Walk] has it. A small hash is seen whole.
func (h *Hash) Scan(from uint64, limit int, fn func(field, val Element)) (next uint64) {
	if h.t == nil {
		h.Each(fn)
		return 0
	}
	next, done := h.t.Walk(from, limit, h.asOf, func(it Item) { fn(fieldOf(it)) })
	if done {
		return 0
	}
	return next
}

// Random draws one field, uniformly; false where there is none.
func (h *Hash) Random() (field, val Element, ok bool) {
	if h.t == nil {
		if n := h.Stored(); n > 0 {
			p := h.packed()
			pos, _ := p.Seek(2 * rand.IntN(n))
			return p.At(pos), p.At(p.after(pos)), true
		}
		return field, val, false
	}
	it := h.t.Random(h.asOf)
	if it.r == 0 {
		return field, val, false
	}
	field, val = fieldOf(it)
	return field, val, true
}

// Draw calls fn with n fields, each drawn from all of them. There must be one.
func (h *Hash) Draw(n int, fn func(field, val Element)) {
	if h.t != nil && n > 1 && h.Len()*sampleFew < h.Stored() { // most places hold what has expired
		h.drawAlive(n, fn)
		return
	}
	if h.t != nil || n == 1 {
		for range n {
			field, val, _ := h.Random()
			fn(field, val)
		}
		return
	}
	p := h.packed()
	at := make([]Pos, 0, h.Stored())
	for pos := p.First(); !p.AtEnd(pos); pos = p.after(p.after(pos)) {
		at = append(at, pos)
	}
	for range n {
		pos := at[rand.IntN(len(at))]
		fn(p.At(pos), p.At(p.after(pos)))
	}
}

// drawAlive is Draw of a large hash, after a look at all of it.
func (h *Hash) drawAlive(n int, fn func(field, val Element)) {
	alive := make([]Item, 0, h.Len())
	h.t.Walk(0, h.t.Len(), h.asOf, func(it Item) { alive = append(alive, it) })
	for range n {
		fn(fieldOf(alive[rand.IntN(len(alive))]))
	}
}

// sampleFew is how many times as many fields there must be as are wanted for drawing until as many different ones were met to pay.
const sampleFew = 3

// Sample calls fn with n different fields, of which there must be as many: each set of n is as likely as any other.
func (h *Hash) Sample(n int, fn func(field, val Element)) {
	left := h.Len()
	if h.t != nil && n*sampleFew < left && h.t.Volatile() == 0 {
		met := make(map[ref]struct{}, n)
		for len(met) < n {
			it := h.t.Random(0)
			if _, again := met[it.r]; !again {
				met[it.r] = struct{}{}
				fn(fieldOf(it))
			}
		}
		return
	}
	// Selection sampling: Knuth, The Art of Computer Programming, volume 2, 3.4.2, algorithm S.
	h.Each(func(field, val Element) {
		if n > 0 && rand.IntN(left) < n {
			fn(field, val)
			n--
		}
		left--
	})
}

// findField is Find of a field among fields and values. Names that are short, and no integers, are looked for in fewer steps: only an
// element with their very first byte can be one.
func (p Packed) findField(name []byte) (Pos, bool) {
	n := len(name)
	if n >= packedShort || n == 0 {
		return p.Find(p.First(), 1, name)
	}
	if _, isInt := ParseInt(name); isInt {
		return p.Find(p.First(), 1, name)
	}
	kind := byte(packedStr6 | n)
	for pos, end := p.First(), p.end(); pos < end; {
		if p[pos] == kind && string(p[pos+1:int(pos)+1+n]) == string(name) {
			return pos, true
		}
		pos = p.pass(p.pass(pos))
	}
	return p.end(), false
}

// pass is after for elements that are short strings or small integers, as most are.
func (p Packed) pass(pos Pos) Pos {
	switch c := p[pos]; {
	case c < packedStr6:
		return pos + 2
	case c < packedInt13:
		return pos + 2 + Pos(c&^packedStr6)
	}
	return p.after(pos)
}
