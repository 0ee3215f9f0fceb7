package store

// Widen has the hash take the large form where a string of n bytes, a field or a value, does not belong into a small one.
func (h *Hash) Widen(n int) {
	if n <= h.ks.Thresholds().HashValue {
		return
	}
	switch {
	case h.it.r == 0:
	case h.t == nil:
		h.enlarge(false)
	default:
		h.t.small = false
	}
}

// Set gives a field a value, and the time at which it expires: unix ms, 0 = never, or KeepExpiry. It reports whether the field is new.
// Where there is no key it makes one, which does not expire. Neither string may be a part of the hash.
func (h *Hash) Set(field, val []byte, at int64) (created bool) {
	h.Widen(max(len(field), len(val)))
	if h.it.r == 0 {
		h.create(field, val)
		created = true
	} else if h.t == nil {
		created = h.setPacked(field, val)
	}
	if h.t == nil {
		if at <= 0 {
			return created
		}
		h.enlarge(true)
	}
	hash := h.ks.hash(field)
	it := h.t.Find(hash, field)
	created = created || it.r == 0 || h.dead(it)
	if at == KeepExpiry {
		if at = 0; it.r != 0 {
			at = it.e.expiry()
		}
	}
	h.t.set(hash, it, field, val, at)
	h.changed()
	return created
}

// KeepExpiry has Set leave a field's expiry as it is.
const KeepExpiry = -1

// changed settles a change of the large form.
func (h *Hash) changed() {
	if h.t.small && h.t.Len() > h.ks.Thresholds().HashEntries {
		h.t.small = false
	}
	h.t.settle(h.r)
	h.t.index()
}

// Bury removes a field that has expired, which is an effect: before a change that depends on whether there is the field, or keeps its
// expiry.
func (h *Hash) Bury(field []byte) {
	if h.t == nil || h.t.soonest() >= h.asOf {
		return
	}
	hash := h.ks.hash(field)
	if it := h.t.Find(hash, field); it.r != 0 && h.dead(it) {
		h.ks.reaped(h.r.Slot, h.r.DB, h.it, it)
		h.t.unset(hash, it)
		h.changed()
	}
}

// create makes the key, with one field.
func (h *Hash) create(field, val []byte) {
	if th := h.ks.Thresholds(); max(len(field), len(val)) > th.HashValue || th.HashEntries < 1 {
		t := h.ks.newHashTable(h.r.Slot, false)
		t.set(h.ks.hash(field), Item{}, field, val, 0)
		h.adopt(t, 0)
		return
	}
	f, v := packText(field), packText(val)
	h.it = h.ks.SetPacked(h.r, h.it, TypeHash, EncListpack, emptyPacked[:], 0, h.now)
	h.insert(f, v)
}

// emptyPacked is what NewPacked makes.
var emptyPacked = [...]byte{packedHeader + 1, 0, 0, 0, 0, 0, packedEnd}

// insert appends a field and its value to the small form.
func (h *Hash) insert(f, v packedElement) {
	n := h.it.e.valueLen()
	h.it = h.ks.resizePacked(h.r, h.it, n+f.total()+v.total())
	p := h.packed()[:n]
	p = p.splice(p.end(), 0, f)
	p.splice(p.end(), 0, v)
}

// setPacked is Set of the small form, which it may outgrow.
func (h *Hash) setPacked(field, val []byte) (created bool) {
	p := h.packed()
	v := packText(val)
	pos, ok := p.findField(field)
	if !ok {
		f := packText(field)
		if !p.Fits(f.total() + v.total()) {
			h.enlarge(false)
			return false // it is not set yet
		}
		h.insert(f, v)
		if h.packed().Len()/2 > h.ks.Thresholds().HashEntries {
			h.enlarge(false)
		}
		return true
	}
	pos = p.after(pos)
	old, size := int(p.after(pos)-pos), v.total()
	switch {
	case size == old:
		v.put(p[pos:])
	case size < old:
		p = p.splice(pos, old, v)
		h.it = h.ks.resizePacked(h.r, h.it, len(p))
	case !p.Fits(size):
		h.enlarge(false)
	default:
		n := len(p)
		h.it = h.ks.resizePacked(h.r, h.it, n+size-old)
		h.packed()[:n].splice(pos, old, v)
	}
	return false
}

// enlarge gives a small hash its large form; small says that it counts as a small one still.
func (h *Hash) enlarge(small bool) {
	t := h.ks.newHashTable(h.r.Slot, small)
	var f, v [maxIntLen]byte
	h.Each(func(field, val Element) {
		name, text := field.Str, val.Str
		if field.IsInt {
			name = field.Append(f[:0])
		}
		if val.IsInt {
			text = val.Append(v[:0])
		}
		t.set(h.ks.hash(name), Item{}, name, text, 0)
	})
	h.adopt(t, h.it.ExpireAt())
}

// adopt gives the key a large form and an expiry.
func (h *Hash) adopt(t *hashTable, at int64) {
	h.found(h.ks.SetObject(h.r, h.it, t, at, h.now))
	t.adopted()
}

// Delete removes a field, and reports whether there was one. The caller deletes the key of a hash that has none left.
func (h *Hash) Delete(field []byte) bool {
	switch {
	case h.it.r == 0:
		return false
	case h.t != nil:
		h.Bury(field)
		hash := h.ks.hash(field)
		it := h.t.Find(hash, field)
		if it.r == 0 {
			return false
		}
		h.t.unset(hash, it)
		h.changed()
		return true
	}
	p := h.packed()
	pos, ok := p.findField(field)
	if ok {
		p = p.Delete(pos, 2)
		h.it = h.ks.resizePacked(h.r, h.it, len(p))
	}
	return ok
}

// SetExpiry has a field that is there expire at a time: unix ms, 0 = never.
func (h *Hash) SetExpiry(field []byte, at int64) {
	if h.t == nil {
		if at == 0 {
			return
		}
		h.enlarge(true)
	}
	hash := h.ks.hash(field)
	if it := h.t.Find(hash, field); it.r != 0 {
		h.t.expire(hash, it, at)
		h.changed()
	}
}

// HashForm is the form that a restored hash is to have.
type HashForm uint8

// The forms.
const (
	HashAsBig   HashForm = iota // the one for its size
	HashSmallEx                 // large, counting as small
	HashLarge
)

// HashField is a field of a hash that is made at once.
type HashField struct {
	Name, Value []byte
	At          int64 // its expiry in unix ms; 0 = none
}

// CreateHash makes a hash of fields, one at least and none twice, and gives it and an expiry to a key that is not there.
func (ks *Keyspace) CreateHash(r Ref, it Item, fields []HashField, form HashForm, at, now int64) Item {
	h := ks.Hash(r, it, now, true)
	if form == HashAsBig && ks.fitsPacked(fields) {
		p := NewPacked(nil)
		for i := range fields {
			p = p.Append(fields[i].Name).Append(fields[i].Value)
		}
		return ks.SetPacked(r, it, TypeHash, EncListpack, p, at, now)
	}
	t := ks.newHashTable(r.Slot, form == HashSmallEx || form == HashAsBig && ks.smallHash(fields))
	for i := range fields {
		f := &fields[i]
		t.set(ks.hash(f.Name), Item{}, f.Name, f.Value, f.At)
	}
	h.adopt(t, at)
	return h.it
}

// fitsPacked reports whether a hash of the fields has the small form.
func (ks *Keyspace) fitsPacked(fields []HashField) bool {
	for i := range fields {
		if fields[i].At != 0 {
			return false
		}
	}
	return ks.smallHash(fields)
}

// smallHash reports whether a hash of the fields counts as a small one.
func (ks *Keyspace) smallHash(fields []HashField) bool {
	th := ks.Thresholds()
	bytes := 0
	for i := range fields {
		f := &fields[i]
		if max(len(f.Name), len(f.Value)) > th.HashValue {
			return false
		}
		bytes += len(f.Name) + len(f.Value) + 2*packedOverhead
	}
	return len(fields) <= th.HashEntries && bytes < PackedMax
}
