package command

import (
	"errors"

	"ringcache/server/rdb"
	"ringcache/server/store"
)

// Encodings of lists in payloads.
const (
	rdbList       rdb.Type = 1  // strings
	rdbZiplist    rdb.Type = 10 // a ziplist
	rdbQuicklist  rdb.Type = 14 // ziplists
	rdbQuicklist2 rdb.Type = 18 // listpacks, and elements too long for one
)

// Kinds of the nodes of rdbQuicklist2.
const (
	nodePlain  = 1
	nodePacked = 2
)

var listDumps = []dumpType{{
	typ: store.TypeList, codes: []rdb.Type{rdbList, rdbZiplist, rdbQuicklist, rdbQuicklist2}, encode: encodeList, decode: decodeList,
}}

// encodeList writes a list as Redis 7.0 does, whatever its form: nodes of listpacks.
func encodeList(dst []byte, it store.Item) []byte {
	l := store.ListOf(it)
	dst = rdb.AppendLength(rdb.AppendType(dst, rdbQuicklist2), uint64(l.Chunks()))
	l.EachChunk(func(p store.Packed) {
		dst = rdb.AppendString(rdb.AppendLength(dst, nodePacked), p)
	})
	return dst
}

var (
	errEmptyList = errors.New("an empty list")
	errNode      = errors.New("an unknown kind of node")
)

// restoredList is the elements of a list, in any number of runs. They may be parts of the payload.
type restoredList []store.Packed

func decodeList(code rdb.Type, r *rdb.Reader) (restored, error) {
	n := 1
	if code != rdbZiplist {
		var err error
		if n, err = r.Count(1); err != nil {
			return nil, err
		}
	}
	var list restoredList
	for range n {
		var err error
		if list, err = decodeNode(list, code, r); err != nil {
			return nil, err
		}
	}
	if len(list) == 0 {
		return nil, errEmptyList
	}
	return list, nil
}

// decodeNode reads a node of a list in the encoding code, and adds its elements.
func decodeNode(list restoredList, code rdb.Type, r *rdb.Reader) (restoredList, error) {
	kind := uint64(nodePlain)
	if code == rdbQuicklist2 {
		var err error
		if kind, err = r.Length(); err != nil {
			return nil, err
		}
		if kind != nodePlain && kind != nodePacked {
			return nil, errNode
		}
	}
	s, err := r.String(nil)
	if err != nil {
		return nil, err
	}
	switch {
	case kind == nodePacked:
		p, err := store.Check(s, len(s))
		if err == nil && !p.AtEnd(p.First()) { // Redis leaves out empty ones, too
			list = append(list, p)
		}
		return list, err
	case code == rdbZiplist || code == rdbQuicklist:
		elements, err := rdb.Ziplist(s)
		for _, e := range elements {
			list = list.add(e)
		}
		return list, err
	}
	return list.add(s), nil
}

// restoredRun is about how many bytes of single elements make a run.
const restoredRun = 4 << 10

// add adds an element, to the last run if that is short.
func (list restoredList) add(elem []byte) restoredList {
	if n := len(list); n > 0 && len(list[n-1])+len(elem) <= restoredRun {
		list[n-1] = list[n-1].Append(elem)
		return list
	}
	return append(list, store.NewPacked(nil).Append(elem))
}

func (list restoredList) create(c *Ctx, r store.Ref, it store.Item, at int64) store.Item {
	l := c.KS.List(r, it, c.Now)
	if c.eff.large {
		l.Grow()
	}
	for _, run := range list {
		l.Add(run)
	}
	return c.KS.SetExpire(r, l.Item(), at)
}
