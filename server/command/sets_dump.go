package command

import (
	"math"
	"strconv"

	"ringcache/server/rdb"
	"ringcache/server/store"
)

// Encodings of sets in payloads.
const (
	rdbSet         rdb.Type = 2  // their number, and the members as strings
	rdbSetIntset   rdb.Type = 11 // a string: a [store.Intset]
	rdbSetListpack rdb.Type = 20 // a string: a [store.Packed]. Redis writes it from 7.2 on
)

// setDumps are how values of the type become payloads, and payloads values.
var setDumps = []dumpType{{
	typ: store.TypeSet, codes: []rdb.Type{rdbSet, rdbSetIntset, rdbSetListpack},
	encode: encodeSet, exact: encodeSetExactly, decode: decodeSet,
}}

// encodeSet writes a packed set as Redis 7.0 can read it: as any other.
func encodeSet(dst []byte, it store.Item) []byte {
	if it.Encoding() == store.EncIntset {
		return rdb.AppendString(rdb.AppendType(dst, rdbSetIntset), it.Value())
	}
	m := store.MembersOf(it)
	dst = rdb.AppendLength(rdb.AppendType(dst, rdbSet), uint64(m.Len()))
	var digits [20]byte // the longest int64
	m.Each(func(e store.Element) bool {
		text := e.Str
		if e.IsInt {
			text = strconv.AppendInt(digits[:0], e.Int, 10)
		}
		dst = rdb.AppendString(dst, text)
		return true
	})
	return dst
}

// encodeSetExactly keeps a packed set apart from one of integers.
func encodeSetExactly(dst []byte, it store.Item) []byte {
	if it.Encoding() == store.EncListpack {
		return rdb.AppendString(rdb.AppendType(dst, rdbSetListpack), it.Value())
	}
	return encodeSet(dst, it)
}

// restoredSet is a set of a payload: its members, all different and at least one.
type restoredSet struct {
	code    rdb.Type
	members [][]byte // of the first and the last encoding; parts of the payload, for the most part
	ints    store.Intset
}

func decodeSet(code rdb.Type, r *rdb.Reader) (restored, error) {
	s := restoredSet{code: code}
	if code == rdbSet {
		n, err := r.Count(1)
		if err != nil {
			return nil, err
		}
		return s.read(n, func() ([]byte, error) { return r.String(nil) })
	}
	b, err := r.String(nil)
	if err != nil {
		return nil, err
	}
	if code == rdbSetIntset {
		if s.ints, err = store.CheckIntset(b); err != nil {
			return nil, err
		}
		return &s, nil
	}
	p, err := store.Check(b, math.MaxInt)
	if err != nil {
		return nil, err
	}
	pos := p.First()
	return s.read(p.Len(), func() ([]byte, error) {
		e := p.At(pos)
		pos, _ = p.Next(pos)
		if e.IsInt {
			return e.Append(nil), nil
		}
		return e.Str, nil
	})
}

// read takes n members, which must be different. What it keeps grows with what has come.
func (s *restoredSet) read(n int, next func() ([]byte, error)) (restored, error) {
	if n == 0 {
		return nil, rdb.ErrFormat
	}
	seen := map[string]struct{}{}
	for range n {
		member, err := next()
		if err != nil {
			return nil, err
		}
		if _, again := seen[string(member)]; again {
			return nil, rdb.ErrFormat
		}
		seen[string(member)] = struct{}{}
		s.members = append(s.members, member)
	}
	return s, nil
}

func (s *restoredSet) create(c *Ctx, r store.Ref, it store.Item, at int64) store.Item {
	t := c.KS.Thresholds()
	n, form := len(s.members), store.EncIntset
	if s.ints != nil {
		n = s.ints.Len()
	}
	switch {
	case c.eff.large || s.code != rdbSetListpack && n > t.SetIntset || s.code == rdbSetListpack && n > t.SetEntries:
		form = store.EncHashtable
	case s.ints != nil:
		return c.KS.SetPacked(r, it, store.TypeSet, store.EncIntset, s.ints, at, c.Now)
	case s.code == rdbSetListpack:
		p := store.NewPacked(nil)
		for _, member := range s.members {
			p = p.Append(member)
		}
		return c.KS.SetPacked(r, it, store.TypeSet, store.EncListpack, p, at, c.Now)
	}
	b := c.KS.BuildSet(r.Slot, form)
	for i := range s.ints.Len() {
		b.Add(store.Element{Int: s.ints.At(i), IsInt: true})
	}
	for _, member := range s.members {
		b.Add(store.Element{Str: member})
	}
	return b.Store(r, it, at, c.Now)
}
