package command

import (
	"encoding/binary"

	"ringcache/server/rdb"
	"ringcache/server/store"
)

// streamDumps are how values of the type become payloads, and payloads values.
var streamDumps = []dumpType{{
	typ:    store.TypeStream,
	codes:  []rdb.Type{rdb.TypeStreamListpacks, rdb.TypeStreamListpacks2, rdb.TypeStreamListpacks3},
	encode: encodeStream, decode: decodeStream,
}}

// The least sizes of what a payload has many of, in bytes.
const (
	streamIDBytes = 16
	leastNode     = 1 + streamIDBytes + 1
	leastGroup    = 4
	leastPending  = streamIDBytes + 8 + 1
	leastConsumer = 1 + 8 + 1
)

func encodeStream(dst []byte, it store.Item) []byte {
	s := asStream(it)
	dst = rdb.AppendType(dst, rdb.TypeStreamListpacks2)
	dst = rdb.AppendLength(dst, uint64(s.Nodes())) //nolint:gosec // not negative
	for i := range s.Nodes() {
		id, node := s.Node(i)
		dst = rdb.AppendLength(dst, streamIDBytes)
		dst = appendRawID(dst, id)
		dst = rdb.AppendString(dst, node)
	}
	dst = rdb.AppendLength(dst, uint64(s.Len())) //nolint:gosec // not negative
	dst = appendIDLengths(dst, s.LastID())
	dst = appendIDLengths(dst, s.FirstID())
	dst = appendIDLengths(dst, s.MaxDeletedID())
	dst = rdb.AppendLength(dst, s.Added())
	dst = rdb.AppendLength(dst, uint64(len(s.Groups())))
	for _, g := range s.Groups() {
		dst = encodeGroup(dst, g)
	}
	return dst
}

func encodeGroup(dst []byte, g *store.StreamGroup) []byte {
	dst = rdb.AppendString(dst, []byte(g.Name))
	dst = appendIDLengths(dst, g.Last)
	dst = rdb.AppendLength(dst, uint64(g.Read))      //nolint:gosec // -1 is the greatest
	dst = rdb.AppendLength(dst, uint64(g.Pending())) //nolint:gosec // not negative
	for p, found := g.NextPending(store.StreamID{}, nil); found; p, found = pendingAfter(g, p.ID, nil) {
		dst = appendRawID(dst, p.ID)
		dst = rdb.AppendInt64(dst, p.Time)
		dst = rdb.AppendLength(dst, uint64(p.Count)) //nolint:gosec // as it is
	}
	dst = rdb.AppendLength(dst, uint64(len(g.Consumers())))
	for _, c := range g.Consumers() {
		dst = rdb.AppendString(dst, []byte(c.Name))
		dst = rdb.AppendInt64(dst, c.Seen)
		dst = rdb.AppendLength(dst, uint64(c.Pending())) //nolint:gosec // not negative
		for p, found := g.NextPending(store.StreamID{}, c); found; p, found = pendingAfter(g, p.ID, c) {
			dst = appendRawID(dst, p.ID)
		}
	}
	return dst
}

// pendingAfter is the pending entry after an id.
func pendingAfter(g *store.StreamGroup, id store.StreamID, of *store.StreamConsumer) (p store.PendingEntry, found bool) {
	if id, found = id.Next(); found {
		p, found = g.NextPending(id, of)
	}
	return p, found
}

func appendRawID(dst []byte, id store.StreamID) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(dst, id.Ms), id.Seq)
}

func appendIDLengths(dst []byte, id store.StreamID) []byte {
	return rdb.AppendLength(rdb.AppendLength(dst, id.Ms), id.Seq)
}

// streamReader reads the payload of a stream. Its error stays.
type streamReader struct {
	*rdb.Reader
	err error
}

func (r *streamReader) length() (n uint64) {
	if r.err == nil {
		n, r.err = r.Length()
	}
	return n
}

func (r *streamReader) count(size int) (n int) {
	if r.err == nil {
		n, r.err = r.Count(size)
	}
	return n
}

func (r *streamReader) str() (b []byte) {
	if r.err == nil {
		b, r.err = r.String(nil)
	}
	return b
}

func (r *streamReader) time() (n int64) {
	if r.err == nil {
		n, r.err = r.Int64()
	}
	return n
}

func (r *streamReader) lengths() store.StreamID {
	return store.StreamID{Ms: r.length(), Seq: r.length()}
}

func (r *streamReader) rawID() (id store.StreamID) {
	if r.err != nil {
		return id
	}
	var b []byte
	if b, r.err = r.Raw(streamIDBytes); r.err == nil {
		id = parseRawID(b)
	}
	return id
}

func parseRawID(b []byte) store.StreamID {
	return store.StreamID{Ms: binary.BigEndian.Uint64(b), Seq: binary.BigEndian.Uint64(b[8:])}
}

func decodeStream(code rdb.Type, from *rdb.Reader) (restored, error) {
	r := streamReader{Reader: from}
	d := &store.StreamData{Uncounted: code == rdb.TypeStreamListpacks}
	for range r.count(leastNode) {
		id, node := r.str(), r.str()
		if r.err != nil || len(id) != streamIDBytes {
			return nil, rdb.ErrFormat
		}
		d.Nodes = append(d.Nodes, store.StreamNodeData{ID: parseRawID(id), Data: node})
	}
	d.Length = r.length()
	d.Last = r.lengths()
	if !d.Uncounted {
		r.lengths() // the first entry's: it is found again
		d.MaxDeleted = r.lengths()
		d.Added = r.length()
	}
	for n := r.count(leastGroup); n > 0 && r.err == nil; n-- {
		d.Groups = append(d.Groups, r.group(code))
	}
	if r.err != nil {
		return nil, r.err
	}
	if err := d.Check(); err != nil {
		return nil, rdb.ErrFormat
	}
	return restoredStream{d}, nil
}

func (r *streamReader) group(code rdb.Type) (g store.StreamGroupData) {
	g.Name = r.str()
	g.Last = r.lengths()
	if code != rdb.TypeStreamListpacks {
		g.Read = int64(r.length()) //nolint:gosec // the greatest is -1
	}
	for n := r.count(leastPending); n > 0 && r.err == nil; n-- {
		g.Pending = append(g.Pending, store.PendingData{ID: r.rawID(), Time: r.time(), Count: int64(r.length())}) //nolint:gosec // as it is
	}
	for n := r.count(leastConsumer); n > 0 && r.err == nil; n-- {
		c := store.StreamConsumerData{Name: r.str(), Seen: r.time()}
		if code == rdb.TypeStreamListpacks3 {
			r.time() // when it was last given something, which is not kept
		}
		for n := r.count(streamIDBytes); n > 0 && r.err == nil; n-- {
			c.Pending = append(c.Pending, r.rawID())
		}
		g.Consumers = append(g.Consumers, c)
	}
	return g
}

type restoredStream struct{ *store.StreamData }

func (s restoredStream) create(c *Ctx, r store.Ref, it store.Item, at int64) store.Item {
	o := c.KS.LoadStream(r.Slot, s.StreamData)
	it = c.KS.SetObject(r, it, o, at, c.Now)
	o.Adopted()
	return it
}
