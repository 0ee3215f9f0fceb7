package command

import (
	"bytes"
	"math"

	"ringcache/server/resp"
	"ringcache/server/store"
)

const (
	errTrimBoth     = "ERR syntax error, MAXLEN and MINID options at the same time are not compatible"
	errMaxlen       = "ERR The MAXLEN argument must be >= 0."
	errLimit        = "ERR The LIMIT argument must be >= 0."
	errLimitAlone   = "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy"
	errLimitExact   = "ERR syntax error, LIMIT cannot be used without the special ~ option"
	errTrimMissing  = "ERR syntax error, XTRIM must be called with a trimming strategy"
	errAddZero      = "ERR The ID specified in XADD must be greater than 0-0"
	errAddExhausted = "ERR The stream has exhausted the last possible ID, unable to add more items"
	errAddSmaller   = "ERR The ID specified in XADD is equal or smaller than the target stream top item"
	errAddTooLarge  = "ERR Elements are too large to be stored"
	errSetidDeleted = "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id"
	errSetidTop     = "ERR The ID specified in XSETID is smaller than the target stream top item"
	errSetidAdded   = "ERR The entries_added specified in XSETID is smaller than the target stream length"
	errAddedSign    = "ERR entries_added must be positive"
)

// addArgs are the options of XADD and XTRIM.
type addArgs struct {
	noMkstream bool
	trims      bool
	trim       store.Trim
	limited    bool // LIMIT was given
	idAt       int  // position of XADD's id, or behind the arguments
	id         store.StreamID
	autoSeq    bool // "ms-*", or "*"
	auto       bool // "*"
}

// Bounds of what approximate trimming without LIMIT removes: as many entries as so many full nodes have.
const (
	trimNodes      = 100
	trimUnbounded  = 10_000 // where nodes may have any number of entries
	trimMostAtOnce = 1_000_000
)

// addArgs reads the options of XADD (add) or XTRIM, or replies the error.
func (c *Ctx) addArgs(add bool) (o addArgs, ok bool) {
	i := 2
options:
	for ; i < len(c.Args); i++ {
		arg, last := c.Args[i], i == len(c.Args)-1
		switch {
		case add && string(text(arg)) == "*":
			o.auto, o.autoSeq = true, true
			break options
		case is(arg, "maxlen") && !last, is(arg, "minid") && !last:
			if i, ok = c.trimArg(&o, i); !ok {
				return o, false
			}
		case is(arg, "limit") && !last:
			i++
			if o.trim.AtMost, ok = c.intArg(i); !ok {
				return o, false
			}
			if o.trim.AtMost < 0 {
				c.Out.Error(errLimit)
				return o, false
			}
			o.limited = true
		case add && is(arg, "nomkstream"):
			o.noMkstream = true
		case add:
			if o.id, o.autoSeq, ok = c.newID(i); !ok {
				return o, false
			}
			break options
		default:
			c.Out.Error(resp.ErrSyntax)
			return o, false
		}
	}
	o.idAt = i
	return o, c.trimLimit(&o, add)
}

// trimArg reads MAXLEN or MINID at position i, and answers where it ends.
func (c *Ctx) trimArg(o *addArgs, i int) (end int, ok bool) {
	if o.trims {
		c.Out.Error(errTrimBoth)
		return i, false
	}
	o.trims, o.trim.MinID = true, is(c.Args[i], "minid")
	i++
	if op := string(text(c.Args[i])); i+1 < len(c.Args) && (op == "~" || op == "=") {
		o.trim.Approx = op == "~"
		o.trim.Nodes = o.trim.Approx && c.eff.applying // see appendTrim
		i++
	}
	if o.trim.MinID {
		o.trim.ID, ok = c.idArg(i)
		return i, ok
	}
	if o.trim.MaxLen, ok = c.intArg(i); ok && o.trim.MaxLen < 0 {
		c.Out.Error(errMaxlen)
		return i, false
	}
	return i, ok
}

// newID reads argument i as the id of a new entry: "ms-*" has the sequence chosen. It replies the error.
func (c *Ctx) newID(i int) (id store.StreamID, autoSeq, ok bool) {
	arg := text(c.Args[i])
	if ms, found := bytes.CutSuffix(arg, []byte("-*")); found && bytes.IndexByte(ms, '-') < 0 && len(c.Args[i]) <= maxIDText {
		if id.Ms, ok = streamNumber(ms); !ok {
			c.Out.Error(errStreamID)
		}
		return id, true, ok
	}
	id, ok = c.idArg(i)
	return id, false, ok
}

// trimLimit checks LIMIT, or sets it where approximate trimming has none.
func (c *Ctx) trimLimit(o *addArgs, add bool) bool {
	switch {
	case o.trim.AtMost > 0 && !o.trims:
		c.Out.Error(errLimitAlone)
	case !add && !o.trims:
		c.Out.Error(errTrimMissing)
	case o.limited && !o.trim.Approx:
		c.Out.Error(errLimitExact)
	default:
		if !o.limited && o.trim.Approx {
			n := c.KS.Thresholds().StreamLength
			if n <= 0 || n > math.MaxInt64/trimNodes {
				o.trim.AtMost = trimUnbounded
			} else {
				o.trim.AtMost = min(int64(n)*trimNodes, trimMostAtOnce)
			}
		}
		return true
	}
	return false
}

// streamAdd is XADD: https://redis.io/docs/latest/commands/xadd/
//
// Replicas get the id that was chosen, and what approximate trimming has left.
func streamAdd(c *Ctx) {
	o, ok := c.addArgs(true)
	if !ok {
		return
	}
	if n := len(c.Args) - o.idAt - 1; n < 2 || n%2 == 1 {
		c.Out.Error("ERR wrong number of arguments for 'xadd' command")
		return
	}
	if !o.autoSeq && o.id.Zero() {
		c.Out.Error(errAddZero)
		return
	}
	r := c.ref(1)
	it := c.find(r)
	if c.wrongType(it, store.TypeStream) {
		return
	}
	s := asStream(it)
	if s == nil && o.noMkstream {
		c.Out.Null()
		return
	}
	var last store.StreamID
	if s != nil {
		last = s.LastID()
	}
	id, refusal := c.chooseID(&o, last)
	pairs := c.Args[o.idAt+1:]
	if refusal == "" && tooLarge(pairs) {
		refusal = errAddTooLarge
	}
	if refusal != "" {
		c.Out.Error(refusal)
		return
	}
	if s == nil {
		s = c.newStream(r, it)
	}
	c.stream.give(s.Append(id, pairs, c.stream.buf))
	trimmed := false
	if o.trims {
		_, trimmed = s.Trim(&o.trim)
	}
	s.Settle(r)
	c.ready(r)
	c.id(id)
	c.added(r, s, id, &o, trimmed)
}

// newStream gives a key that is not there an empty stream.
func (c *Ctx) newStream(r store.Ref, it store.Item) *store.Stream {
	s := c.KS.NewStream(r.Slot)
	c.KS.SetObject(r, it, s, 0, c.Now)
	s.Adopted()
	return s
}

// chooseID is the id of a new entry, or the error to reply.
func (c *Ctx) chooseID(o *addArgs, last store.StreamID) (id store.StreamID, refusal string) {
	id = o.id
	switch {
	case last == store.MaxStreamID:
		return id, errAddExhausted
	case o.auto:
		if id = (store.StreamID{Ms: uint64(c.Now)}); !last.Less(id) { //nolint:gosec // the time is not negative
			id, _ = last.Next()
		}
	case o.autoSeq && id.Ms == last.Ms:
		if last.Seq == math.MaxUint64 {
			return id, errAddSmaller
		}
		id.Seq = last.Seq + 1
	}
	if !last.Less(id) {
		return id, errAddSmaller
	}
	return id, ""
}

// tooLarge reports whether strings are more than a node can hold.
func tooLarge(pairs [][]byte) bool {
	size := 0
	for _, p := range pairs {
		size += len(p)
	}
	return size > store.PackedMax
}

// added emits an XADD: as it was, where that says all.
func (c *Ctx) added(r store.Ref, s *store.Stream, id store.StreamID, o *addArgs, trimmed bool) {
	if !o.autoSeq && !o.trim.Approx {
		c.touched()
		return
	}
	if !c.KS.HasSink() || c.eff.applying {
		return
	}
	args := append(c.stream.args[:0], xaddName, r.Key)
	var text, bound [store.StreamIDText]byte
	switch {
	case o.trim.Approx && trimmed:
		args = appendTrim(args, s, bound[:0])
	case o.trims && !o.trim.Approx:
		args = append(args, c.Args[2:o.idAt]...)
	}
	args = append(args, id.Append(text[:0]))
	args = append(args, c.Args[o.idAt+1:]...)
	c.ReplicateAs(r.Slot, r.DB, args...)
	c.dropArgs(args)
}

// dropArgs keeps the room of scratch arguments, and nothing of what they were.
func (c *Ctx) dropArgs(args [][]byte) {
	clear(args)
	if cap(args) <= keepPositions {
		c.stream.args = args[:0]
	}
}

// appendTrim appends the option that takes the same nodes off a copy of a stream as were taken off it: those before its first one. What is
// approximate for a client is exact in an effect (store.Trim.Nodes): ids do not say which nodes went, as deleted entries may have any.
func appendTrim(args [][]byte, s *store.Stream, buf []byte) [][]byte {
	if edge, ok := s.Edge(); ok {
		return append(args, minidName, aboutName, edge.Append(buf))
	}
	return append(args, maxlenName, aboutName, zero)
}

// streamTrim is XTRIM: https://redis.io/docs/latest/commands/xtrim/
func streamTrim(c *Ctx) {
	o, ok := c.addArgs(false)
	if !ok {
		return
	}
	r := c.ref(1)
	it := c.find(r)
	if c.wrongType(it, store.TypeStream) {
		return
	}
	s := asStream(it)
	if s == nil {
		c.Out.Int(0)
		return
	}
	removed, changed := s.Trim(&o.trim)
	s.Settle(r)
	c.Out.Int(removed)
	switch {
	case !changed:
	case o.trim.Approx:
		args := append(c.stream.args[:0], xtrimName, r.Key)
		args = appendTrim(args, s, nil)
		c.ReplicateAs(r.Slot, r.DB, args...)
		c.dropArgs(args)
	default:
		c.touched()
	}
}

// streamDel is XDEL: https://redis.io/docs/latest/commands/xdel/
func streamDel(c *Ctx) {
	r := c.ref(1)
	it := c.find(r)
	if c.wrongType(it, store.TypeStream) {
		return
	}
	s := asStream(it)
	if s == nil {
		c.Out.Int(0)
		return
	}
	ids, ok := c.idArgs(2)
	if !ok {
		return
	}
	n := 0
	for _, id := range ids {
		if s.Delete(id) {
			n++
		}
	}
	if n > 0 {
		s.Settle(r)
		c.touched()
	}
	c.Out.Int(int64(n))
}

// streamSetid is XSETID: https://redis.io/docs/latest/commands/xsetid/
func streamSetid(c *Ctx) {
	id, ok := c.idArg(2)
	if !ok {
		return
	}
	added, maxDeleted := int64(-1), store.StreamID{}
	for i := 3; i < len(c.Args); i += 2 {
		switch arg, last := c.Args[i], i == len(c.Args)-1; {
		case is(arg, "entriesadded") && !last:
			if added, ok = c.intArg(i + 1); !ok {
				return
			}
			if added < 0 {
				c.Out.Error(errAddedSign)
				return
			}
		case is(arg, "maxdeletedid") && !last:
			if maxDeleted, ok = c.idArg(i + 1); !ok {
				return
			}
			if id.Less(maxDeleted) {
				c.Out.Error(errSetidDeleted)
				return
			}
		default:
			c.Out.Error(resp.ErrSyntax)
			return
		}
	}
	it := c.find(c.ref(1))
	if c.wrongType(it, store.TypeStream) {
		return
	}
	s := asStream(it)
	if s == nil {
		c.Out.Error(resp.ErrNoSuchKey)
		return
	}
	top, filled := s.LastEntry()
	switch {
	case filled && id.Less(top):
		c.Out.Error(errSetidTop)
	case filled && added >= 0 && int64(s.Len()) > added:
		c.Out.Error(errSetidAdded)
	default:
		s.SetID(id, added, maxDeleted)
		c.touched()
		c.Out.OK()
	}
}
