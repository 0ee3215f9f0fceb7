package command

import (
	"cmp"
	"errors"
	"slices"

	"ringcache/server/rdb"
	"ringcache/server/store"
)

// Encodings of hashes in payloads.
const (
	rdbHash        rdb.Type = 4  // fields and values, one after another
	rdbHashZipmap  rdb.Type = 9  // of Redis up to 2.4
	rdbHashZiplist rdb.Type = 13 // up to 6.2
	rdbPackedHash  rdb.Type = 16
)

// hashDumps are how values of the type become payloads, and payloads values.
var hashDumps = []dumpType{{
	typ: store.TypeHash,
	codes: []rdb.Type{
		rdbHash, rdbHashZipmap, rdbHashZiplist, rdbPackedHash, rdb.TypeHashMetadata, rdb.TypeHashListpackEx,
	},
	encode: encodeHash,
	decode: decodeHash,
}}

// encodeHash writes a hash as Redis does: that of version 7.0 unless fields expire, which it has not heard of.
func encodeHash(dst []byte, it store.Item) []byte {
	h := it.Hash()
	switch {
	case it.Object() == nil:
		return rdb.AppendString(rdb.AppendType(dst, rdbPackedHash), it.Value())
	case it.Encoding() == store.EncListpackEx:
		dst = rdb.AppendMillis(rdb.AppendType(dst, rdb.TypeHashListpackEx), h.Soonest())
		return rdb.AppendString(dst, packedEx(&h))
	case h.Volatile() == 0:
		dst = rdb.AppendLength(rdb.AppendType(dst, rdbHash), uint64(h.Stored())) //nolint:gosec // not negative
		h.EachExpiry(func(field, val store.Element, _ int64) {
			dst = rdb.AppendString(rdb.AppendString(dst, field.Str), val.Str)
		})
		return dst
	}
	soonest := h.Soonest()
	dst = rdb.AppendMillis(rdb.AppendType(dst, rdb.TypeHashMetadata), soonest)
	dst = rdb.AppendLength(dst, uint64(h.Stored())) //nolint:gosec // not negative
	h.EachExpiry(func(field, val store.Element, at int64) {
		if at != 0 {
			at -= soonest - 1
		}
		dst = rdb.AppendLength(dst, uint64(at)) //nolint:gosec // none expires sooner
		dst = rdb.AppendString(rdb.AppendString(dst, field.Str), val.Str)
	})
	return dst
}

// packedEx is a hash as Redis keeps a small one whose fields expire: each field, its value and its expiry, by the expiry, and those that
// have none, 0, last.
func packedEx(h *store.Hash) store.Packed {
	fields := make([]store.HashField, 0, h.Stored())
	h.EachExpiry(func(field, val store.Element, at int64) {
		fields = append(fields, store.HashField{Name: field.Str, Value: val.Str, At: at})
	})
	slices.SortStableFunc(fields, func(a, b store.HashField) int {
		return cmp.Compare(uint64(a.At-1), uint64(b.At-1)) //nolint:gosec // 0 becomes the greatest
	})
	p := store.NewPacked(nil)
	for _, f := range fields {
		p = p.Append(f.Name).Append(f.Value).AppendInt(f.At)
	}
	return p
}

// errHash says that what a payload holds is no hash.
var errHash = errors.New("command: no hash")

// restoredHash is a hash of a payload.
type restoredHash struct {
	packed store.Packed // of a small one, as it came; or nil
	fields []store.HashField
	ex     bool // it counted as small, and fields had an expiry
	asIs   bool // it was a small one, and is, whatever the lengths of its values
}

func decodeHash(code rdb.Type, r *rdb.Reader) (restored, error) {
	v := &restoredHash{}
	var err error
	switch code {
	case rdbHash, rdb.TypeHashMetadata:
		v.fields, err = readFields(r, code == rdb.TypeHashMetadata)
	default:
		err = v.decodeSmall(code, r)
	}
	if err == nil {
		err = checkFields(v.fields)
	}
	return v, err
}

// decodeSmall reads those encodings that are one string.
func (v *restoredHash) decodeSmall(code rdb.Type, r *rdb.Reader) error {
	if code == rdb.TypeHashListpackEx {
		v.ex = true
		if _, err := r.Millis(); err != nil { // the soonest expiry, which the fields tell as well
			return err
		}
	}
	s, err := r.String(nil)
	if err != nil {
		return err
	}
	v.asIs = true
	switch code {
	case rdbHashZipmap:
		v.asIs = false
		v.fields, err = zipmapFields(s)
	case rdbHashZiplist:
		v.fields, err = ziplistFields(s)
	default:
		if v.packed, err = store.Check(s, len(s)); err == nil {
			v.fields, err = packedFields(v.packed, v.ex)
		}
	}
	return err
}

// readFields reads a number and as many fields, with their expiries where they have some.
func readFields(r *rdb.Reader, expire bool) (fields []store.HashField, err error) {
	soonest, least := int64(0), 2
	if expire {
		least = 3
		if soonest, err = r.Millis(); err != nil {
			return nil, err
		}
	}
	n, err := r.Count(least)
	if err != nil {
		return nil, err
	}
	fields = make([]store.HashField, n)
	for i := range fields {
		f := &fields[i]
		if expire {
			if f.At, err = readExpiry(r, soonest); err != nil {
				return nil, err
			}
		}
		if f.Name, err = r.String(nil); err != nil {
			return nil, err
		}
		if f.Value, err = r.String(nil); err != nil {
			return nil, err
		}
	}
	return fields, nil
}

// maxMoment is the latest expiry in a payload, in unix ms: Redis has 48 bits for it.
const maxMoment = 1<<48 - 1

// readExpiry reads an expiry as what it comes after the soonest, from 1 on; 0 = none.
func readExpiry(r *rdb.Reader, soonest int64) (at int64, err error) {
	n, err := r.Length()
	if err != nil || n == 0 {
		return 0, err
	}
	if n > maxMoment || soonest < 0 || soonest > maxMoment || int64(n)+soonest-1 > maxMoment || int64(n)+soonest-1 == 0 {
		return 0, errHash
	}
	return int64(n) + soonest - 1, nil
}

// packedFields are the fields of a listpack, with their expiries where it has them.
func packedFields(p store.Packed, expire bool) ([]store.HashField, error) {
	per := 2
	if expire {
		per = 3
	}
	n := p.Len()
	if n%per != 0 {
		return nil, errHash
	}
	fields := make([]store.HashField, 0, n/per)
	for pos := p.First(); !p.AtEnd(pos); {
		f := store.HashField{Name: elementText(p.At(pos))}
		pos, _ = p.Next(pos)
		f.Value = elementText(p.At(pos))
		pos, _ = p.Next(pos)
		if expire {
			at := p.At(pos)
			if !at.IsInt || at.Int < 0 || at.Int > maxMoment {
				return nil, errHash
			}
			f.At = at.Int
			pos, _ = p.Next(pos)
		}
		fields = append(fields, f)
	}
	return fields, nil
}

// elementText is an element's text; a string is not copied.
func elementText(e store.Element) []byte {
	if e.IsInt {
		return e.Append(nil)
	}
	return e.Str
}

// checkFields wants fields to be there, and each once.
func checkFields(fields []store.HashField) error {
	if len(fields) == 0 {
		return errHash
	}
	seen := make(map[string]struct{}, len(fields))
	for i := range fields {
		seen[string(fields[i].Name)] = struct{}{}
	}
	if len(seen) != len(fields) {
		return errHash
	}
	return nil
}

// create is that of [restored].
func (v *restoredHash) create(c *Ctx, r store.Ref, it store.Item, at int64) store.Item {
	small := len(v.fields) <= c.KS.Thresholds().HashEntries
	form := store.HashAsBig
	switch {
	case v.ex && (small || c.eff.large):
		form = store.HashSmallEx
	case c.eff.large, v.asIs && !small:
		form = store.HashLarge
	case v.asIs:
		if v.packed == nil {
			v.packed = store.NewPacked(nil)
			for _, f := range v.fields {
				v.packed = v.packed.Append(f.Name).Append(f.Value)
			}
		}
		return c.KS.SetPacked(r, it, store.TypeHash, store.EncListpack, v.packed, at, c.Now)
	}
	return c.KS.CreateHash(r, it, v.fields, form, at, c.Now)
}
