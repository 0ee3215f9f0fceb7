package command

import (
	"math"

	"ringcache/server/rdb"
	"ringcache/server/store"
)

// Encodings of sorted sets in payloads.
const (
	rdbZset         rdb.Type = 3  // their number, and the members as strings, each with its score in text. Redis wrote it up to 3.2
	rdbZset2        rdb.Type = 5  // the same with scores of 8 bytes
	rdbZsetZiplist  rdb.Type = 12 // a string: a ziplist of members and scores in turn. Redis wrote it up to 6.2
	rdbZsetListpack rdb.Type = 17 // a string: a [store.Packed] of them
)

// zsetDumps are how values of the type become payloads, and payloads values.
var zsetDumps = []dumpType{{
	typ: store.TypeZset, codes: []rdb.Type{rdbZset, rdbZset2, rdbZsetZiplist, rdbZsetListpack}, encode: encodeZset, decode: decodeZset,
}}

// encodeZset writes a large set from its end, as Redis does.
func encodeZset(dst []byte, it store.Item) []byte {
	if it.Object() == nil {
		return rdb.AppendString(rdb.AppendType(dst, rdbZsetListpack), it.Value())
	}
	s := store.ScoresOf(it)
	dst = rdb.AppendLength(rdb.AppendType(dst, rdbZset2), uint64(s.Len()))
	members := s.Range(0, s.Len(), true)
	for e, f, ok := members.Next(); ok; e, f, ok = members.Next() {
		dst = rdb.AppendFloat64(rdb.AppendString(dst, e.Str), f)
	}
	return dst
}

// restoredZset is a sorted set of a payload: its members, all different and at least one.
type restoredZset struct {
	members []store.Scored // parts of the payload, for the most part
	packed  store.Packed   // them, where they came so
}

func decodeZset(code rdb.Type, r *rdb.Reader) (restored, error) {
	z := new(restoredZset)
	var err error
	switch code {
	case rdbZset, rdbZset2:
		err = z.readPairs(code, r)
	default:
		err = z.readPacked(code, r)
	}
	if err != nil {
		return nil, err
	}
	seen := make(map[string]struct{}, len(z.members))
	for i := range z.members {
		if math.IsNaN(z.members[i].Score) {
			return nil, rdb.ErrFormat
		}
		seen[string(z.members[i].Member)] = struct{}{}
	}
	if len(seen) == 0 || len(seen) < len(z.members) {
		return nil, rdb.ErrFormat
	}
	return z, nil
}

// readPairs reads members with their scores, in any order.
func (z *restoredZset) readPairs(code rdb.Type, r *rdb.Reader) error {
	n, err := r.Count(2)
	if err != nil {
		return err
	}
	for range n {
		var m store.Scored
		if m.Member, err = r.String(nil); err != nil {
			return err
		}
		if code == rdbZset {
			m.Score, err = r.TextFloat64()
		} else {
			m.Score, err = r.Float64()
		}
		if err != nil {
			return err
		}
		z.members = append(z.members, m)
	}
	return nil
}

// readPacked reads members and scores in turn, in their order.
func (z *restoredZset) readPacked(code rdb.Type, r *rdb.Reader) error {
	b, err := r.String(nil)
	if err != nil {
		return err
	}
	var elements [][]byte
	if code == rdbZsetZiplist {
		if elements, err = rdb.Ziplist(b); err != nil {
			return err
		}
		z.packed = store.NewPacked(nil)
		for _, e := range elements {
			if !z.packed.Fits(len(e)) {
				return rdb.ErrFormat
			}
			z.packed = z.packed.Append(e)
		}
	} else {
		if z.packed, err = store.Check(b, math.MaxInt); err != nil {
			return err
		}
		for pos, ok := z.packed.First(), z.packed.Len() > 0; ok; pos, ok = z.packed.Next(pos) {
			e := z.packed.At(pos)
			if e.IsInt {
				e.Str = e.Append(nil)
			}
			elements = append(elements, e.Str)
		}
	}
	if len(elements)%2 != 0 {
		return rdb.ErrFormat
	}
	for i := 0; i < len(elements); i += 2 {
		f, ok := store.ParseScore(elements[i+1])
		m := store.Scored{Member: elements[i], Score: f}
		if n := len(z.members); !ok || n > 0 && store.CompareScored(z.members[n-1], m) >= 0 {
			return rdb.ErrFormat
		}
		z.members = append(z.members, m)
	}
	return nil
}

func (z *restoredZset) create(c *Ctx, r store.Ref, it store.Item, at int64) store.Item {
	if z.packed != nil && !c.eff.large && len(z.members) <= c.KS.Thresholds().ZsetEntries { // however long they are: so does Redis
		return c.KS.SetPacked(r, it, store.TypeZset, store.EncListpack, z.packed, at, c.Now)
	}
	return c.KS.StoreScored(r, it, z.members, c.eff.large, at, c.Now)
}
