package command

import (
	"bytes"
	"math"

	"ringcache/server/store"
)

// Errors of streams, in Redis's words.
const (
	errStreamID      = "ERR Invalid stream ID specified as stream command argument"
	errIntervalStart = "ERR invalid start ID for the interval"
	errIntervalEnd   = "ERR invalid end ID for the interval"
)

// streamScratch is room for the commands of streams to work in.
type streamScratch struct {
	buf  []byte
	ids  []store.StreamID
	args [][]byte
}

// keepScratch is how many bytes, ids and arguments of scratch are kept from one command to the next.
const keepScratch = 64 << 10

// give keeps what is not too much.
func (s *streamScratch) give(buf []byte) {
	if cap(buf) <= keepScratch {
		s.buf = buf[:0]
	}
}

// text is an argument up to its first NUL: what Redis sees of it where it reads a C string.
func text(arg []byte) []byte {
	if i := bytes.IndexByte(arg, 0); i >= 0 {
		return arg[:i]
	}
	return arg
}

// maxIDText is how long an id's text may be in bytes.
const maxIDText = 127

// streamID reads an id: "ms-seq", "ms", to which missing is added, or, unless strict, "-" and "+" for the least and the greatest.
func streamID(arg []byte, missing uint64, strict bool) (id store.StreamID, ok bool) {
	if len(arg) > maxIDText {
		return id, false
	}
	arg = text(arg)
	if len(arg) == 1 && (arg[0] == '-' || arg[0] == '+') {
		if arg[0] == '+' {
			id = store.MaxStreamID
		}
		return id, !strict
	}
	ms, seq, whole := bytes.Cut(arg, dash)
	if id.Ms, ok = streamNumber(ms); !ok {
		return id, false
	}
	if !whole {
		id.Seq = missing
		return id, true
	}
	id.Seq, ok = streamNumber(seq)
	return id, ok
}

var dash = []byte("-")

// streamNumber reads a number of 64 bits without a sign. What is not in canonical form is read as C's strtoull does: spaces
// before it, a sign, leading zeros; a negative number wraps.
func streamNumber(b []byte) (n uint64, ok bool) {
	if len(b) == 0 {
		return 0, false
	}
	if v, ok := store.ParseInt(b); ok {
		return uint64(v), v >= 0 //nolint:gosec // not negative, where it counts
	}
	b = bytes.TrimLeft(b, " \t\n\v\f\r")
	negative := len(b) > 0 && b[0] == '-'
	if negative || len(b) > 0 && b[0] == '+' {
		b = b[1:]
	}
	if len(b) == 0 {
		return 0, false
	}
	for _, c := range b {
		d := uint64(c - '0')
		if d > 9 || n > (math.MaxUint64-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	if negative {
		n = -n
	}
	return n, true
}

// idArg reads argument i as an id, or replies the error.
func (c *Ctx) idArg(i int) (id store.StreamID, ok bool) {
	if id, ok = streamID(c.Args[i], 0, true); !ok {
		c.Out.Error(errStreamID)
	}
	return id, ok
}

// idArgs reads the arguments from i on as ids, or replies the error. The answer is scratch.
func (c *Ctx) idArgs(i int) (ids []store.StreamID, ok bool) {
	ids = c.stream.ids[:0]
	for ; i < len(c.Args); i++ {
		id, ok := c.idArg(i)
		if !ok {
			return nil, false
		}
		ids = append(ids, id)
	}
	c.keepIDs(ids)
	return ids, true
}

func (c *Ctx) keepIDs(ids []store.StreamID) {
	if cap(ids) <= keepScratch {
		c.stream.ids = ids[:0]
	}
}

// bound reads argument i as an end of an interval, "(" in front excluding the id itself; missing stands for a sequence that is not
// given. It replies the error.
func (c *Ctx) bound(i int, missing uint64) (id store.StreamID, excluded, ok bool) {
	arg := c.Args[i]
	if excluded = len(arg) > 1 && arg[0] == '('; excluded {
		arg = arg[1:]
	}
	if id, ok = streamID(arg, missing, excluded); !ok {
		c.Out.Error(errStreamID)
	}
	return id, excluded, ok
}

// from reads argument i as the beginning of an interval, or replies the error.
func (c *Ctx) from(i int) (id store.StreamID, ok bool) {
	id, excluded, ok := c.bound(i, 0)
	if ok && excluded {
		if id, ok = id.Next(); !ok {
			c.Out.Error(errIntervalStart)
		}
	}
	return id, ok
}

// upTo reads argument i as the end of an interval, or replies the error.
func (c *Ctx) upTo(i int) (id store.StreamID, ok bool) {
	id, excluded, ok := c.bound(i, math.MaxUint64)
	if ok && excluded {
		if id, ok = id.Prev(); !ok {
			c.Out.Error(errIntervalEnd)
		}
	}
	return id, ok
}

// asStream is the stream of an item, or nil where there is none.
func asStream(it store.Item) *store.Stream {
	if !it.Exists() {
		return nil
	}
	s, _ := it.Object().(*store.Stream)
	return s
}

// intArgOr is intArg with an error of its own.
func (c *Ctx) intArgOr(i int, refusal string) (int64, bool) {
	n, ok := store.ParseInt(c.Args[i])
	if !ok {
		c.Out.Error(refusal)
	}
	return n, ok
}

// noGroup replies that there is no such group, or no such key.
func (c *Ctx) noGroup(key, group []byte, rest string) {
	c.Out.Error("NOGROUP No such key '" + string(text(key)) + "' or consumer group '" + string(text(group)) + "'" + rest)
}

// noGroupFor is the same of a key that is there.
func (c *Ctx) noGroupFor(key, group []byte) {
	c.Out.Error("NOGROUP No such consumer group '" + string(text(group)) + "' for key name '" + string(text(key)) + "'")
}

// subcommandSyntax replies that a subcommand cannot be called so.
func (c *Ctx) subcommandSyntax() {
	c.Out.Error("ERR unknown subcommand or wrong number of arguments for '" + clip(c.Args[1], previewMax) + "'. Try " +
		upper(string(text(c.Args[0]))) + " HELP.")
}

// id replies an id.
func (c *Ctx) id(id store.StreamID) {
	var buf [store.StreamIDText]byte
	c.Out.Bulk(id.Append(buf[:0]))
}

// streamEntry replies the entry at which an iterator is: its id, and its fields and values.
func (c *Ctx) streamEntry(it *store.StreamIter) {
	c.Out.Array(2)
	c.id(it.ID())
	c.Out.Array(2 * it.Fields())
	for range it.Fields() {
		field, value := it.Pair()
		c.element(field)
		c.element(value)
	}
}

// streamEntries replies the entries of an interval, count at most (0 = all).
func (c *Ctx) streamEntries(s *store.Stream, lo, hi store.StreamID, count int64, rev bool) {
	at, n := len(c.Out.B), 0
	for it := s.Iter(lo, hi, rev); (count == 0 || int64(n) < count) && it.Next(); n++ {
		c.streamEntry(&it)
	}
	c.Out.InsertArray(at, n)
}

var (
	xaddName    = []byte("XADD")
	xtrimName   = []byte("XTRIM")
	xackName    = []byte("XACK")
	xclaimName  = []byte("XCLAIM")
	xgroupName  = []byte("XGROUP")
	maxlenName  = []byte("MAXLEN")
	minidName   = []byte("MINID")
	aboutName   = []byte("~")
	setidName   = []byte("SETID")
	createName  = []byte("CREATECONSUMER")
	readName    = []byte("ENTRIESREAD")
	timeName    = []byte("TIME")
	retriesName = []byte("RETRYCOUNT")
	forceName   = []byte("FORCE")
	justidName  = []byte("JUSTID")
	lastidName  = []byte("LASTID")
)
