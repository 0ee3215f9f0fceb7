package command

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"

	"ringcache/server/resp"
	"ringcache/server/store"
)

var setrangeName = []byte("SETRANGE")

// hllSparseMax is how many bytes a sparse HyperLogLog may have before it becomes dense. To an effect of a primary, none: what becomes
// dense for its length there is emitted by value, and nothing else does.
func hllSparseMax(c *Ctx) int {
	if c.eff.applying {
		return math.MaxInt
	}
	return c.KS.Thresholds().HLLSparse
}

// sketch is the HyperLogLog at a key that exists. It replies the error where there is none.
func (c *Ctx) sketch(it store.Item) (sketch, bool) {
	if c.wrongType(it, store.TypeString) {
		return nil, false
	}
	if b := it.Value(); isSketch(b) {
		return b, true
	}
	c.Out.Error(errNotHLL)
	return nil, false
}

// ownSketch is sketch, of a value to change in place, which is raw from now on as in Redis, whatever becomes of the command. That is an
// effect by itself.
func (c *Ctx) ownSketch(r store.Ref, it store.Item) (store.Item, sketch, bool) {
	s, ok := c.sketch(it)
	if !ok || it.Encoding() == store.EncRaw {
		return it, s, ok
	}
	it, s = c.KS.Resize(r, it, len(s), c.Now)
	c.emit(r.Slot, r.DB, appendName, r.Key, nil)
	return it, s, true
}

// hllPfadd is PFADD: https://redis.io/docs/latest/commands/pfadd/
func hllPfadd(c *Ctx) {
	r := c.ref(1)
	it := c.find(r)
	var s sketch
	if it.Exists() {
		var ok bool
		if it, s, ok = c.ownSketch(r, it); !ok {
			return
		}
		if s.dense() {
			c.addDense(r, it, s)
			return
		}
	}
	c.addSparse(r, it, s)
}

// addDense adds the elements of PFADD in place.
func (c *Ctx) addDense(r store.Ref, it store.Item, s sketch) {
	changed := int64(0)
	for _, element := range c.Args[2:] {
		index, rank := hllPlace(element)
		if s.register(index) >= rank {
			continue
		}
		if changed == 0 {
			_, s = c.resize(r, it, len(s))
		}
		changed = 1
		s.setRegister(index, rank)
	}
	if changed > 0 {
		s.changed()
	}
	c.Out.Int(changed)
}

// addSparse adds the elements of PFADD to a copy, from the first that changes anything on: the sketch may turn out to be corrupt, and then
// nothing has happened. Without a key, s is empty.
func (c *Ctx) addSparse(r store.Ref, it store.Item, s sketch) {
	w := sketchWriter{scratch: c.hll, sparse: sparseEdit{s: s, most: hllSparseMax(c)}}
	if !it.Exists() {
		w.own()
		w.sparse.s = appendSketch(w.sparse.s)
	}
	for _, element := range c.Args[2:] {
		index, rank := hllPlace(element)
		if !w.raise(index, rank) {
			c.Out.Error(errCorruptHLL)
			return
		}
	}
	if !w.owned {
		c.Out.Int(0)
		return
	}
	c.Out.Int(1)
	s = w.sketch()
	c.hll = w.scratch
	s.changed()
	var at int64
	if it.Exists() {
		at = it.ExpireAt()
	}
	if w.dense != nil {
		c.byValue() // a copy need not have the same bound
	}
	c.setAs(r, it, s, store.EncRaw, at)
}

// sketchWriter raises ranks in a sparse sketch, and has it become dense.
type sketchWriter struct {
	sparse  sparseEdit
	dense   sketch // once it has become so
	owned   bool   // sparse.s is a copy, in scratch
	scratch []byte
}

// own makes a copy of the sketch.
func (w *sketchWriter) own() {
	w.sparse.s = append(w.scratch[:0], w.sparse.s...)
	w.owned = true
}

// sketch ends the writing. Its memory, where there was a copy, is the next scratch.
func (w *sketchWriter) sketch() sketch {
	w.scratch = w.sparse.s[:0]
	if w.dense != nil {
		return w.dense
	}
	return w.sparse.s
}

// raise gives a register a rank, unless it has a higher one. It answers false where the sketch is corrupt.
func (w *sketchWriter) raise(index int, rank uint8) (ok bool) {
	if w.dense != nil {
		if w.dense.register(index) < rank {
			w.dense.setRegister(index, rank)
		}
		return true
	}
	spot, ok := w.sparse.find(index)
	if !ok || spot.rank >= rank {
		return ok
	}
	if !w.owned {
		if len(w.sparse.s) > hllSparseLen {
			return false
		}
		w.own()
	}
	if w.sparse.put(&spot, index, rank) {
		return true
	}
	if w.dense, ok = w.sparse.s.toDense(); ok {
		w.dense.setRegister(index, rank)
	}
	return ok
}

// hllPfcount is PFCOUNT: https://redis.io/docs/latest/commands/pfcount/
func hllPfcount(c *Ctx) {
	if len(c.Args) == 2 {
		c.countOne()
		return
	}
	var all registers
	for i := 1; i < len(c.Args); i++ {
		if it := c.read(c.ref(i)); it.Exists() {
			s, ok := c.sketch(it)
			if !ok {
				return
			}
			if !all.merge(s) {
				c.Out.Error(errCorruptHLL)
				return
			}
		}
	}
	h := all.count()
	c.Out.Int(int64(h.estimate()))
}

// countOne is PFCOUNT of one key. The cardinality is kept in the sketch until it changes. A client could read it there, so it is part of the
// value, and every copy of the key is told: by its eight bytes, not by the command, as copies count nothing.
func (c *Ctx) countOne() {
	r := c.ref(1)
	it := c.read(r)
	if !it.Exists() {
		c.Out.Int(0)
		return
	}
	var s sketch
	var ok bool
	if c.onCopies {
		s, ok = c.sketch(it)
	} else {
		it, s, ok = c.ownSketch(r, it)
	}
	if !ok {
		return
	}
	n, ok := s.cached()
	if !ok {
		h, ok := s.count()
		if !ok {
			c.Out.Error(errCorruptHLL)
			return
		}
		was := n
		if n = h.estimate(); n != was && !c.onCopies {
			_, s = c.KS.Resize(r, it, len(s), c.Now)
			binary.LittleEndian.PutUint64(s[hllCachedAt:], n)
			c.emit(r.Slot, r.DB, setrangeName, r.Key, strconv.AppendInt(c.eff.num[:0], hllCachedAt, 10), s[hllCachedAt:hllHeader])
		}
	}
	c.Out.Int(int64(n))
}

// gatherPfcount is PFCOUNT of keys with several owners.
func gatherPfcount(c *Ctx, replies [][]byte) {
	var all registers
	for _, reply := range replies {
		v, ok := resp.ParseBulk(reply)
		switch {
		case resp.IsError(reply):
			c.Out.Raw(reply)
			return
		case !ok:
			c.Out.Error(resp.ErrInternal)
			return
		case v == nil:
			continue
		case !isSketch(v):
			c.Out.Error(errNotHLL)
			return
		case !all.merge(v):
			c.Out.Error(errCorruptHLL)
			return
		}
	}
	h := all.count()
	c.Out.Int(int64(h.estimate()))
}

// hllPfmerge is PFMERGE: https://redis.io/docs/latest/commands/pfmerge/
func hllPfmerge(c *Ctx) {
	var all registers
	dense := false
	for i := 1; i < len(c.Args); i++ {
		if it := c.read(c.ref(i)); it.Exists() {
			s, ok := c.sketch(it)
			if !ok {
				return
			}
			if !all.merge(s) {
				c.Out.Error(errCorruptHLL)
				return
			}
			dense = dense || s.dense()
		}
	}
	r := c.ref(1)
	it := c.find(r)
	var at int64
	w := sketchWriter{scratch: c.hll, sparse: sparseEdit{most: hllSparseMax(c)}}
	if it.Exists() {
		it, w.sparse.s, _ = c.ownSketch(r, it) // it is one: see above
		at = it.ExpireAt()
		w.own()
		if w.sparse.s.dense() {
			w.dense = w.sparse.s
		}
	} else {
		w.own()
		w.sparse.s = appendSketch(w.sparse.s)
	}
	for i := 0; i < hllRegisters && !dense; i++ {
		if all[i] > 0 {
			w.raise(i, all[i]) // not corrupt: see above
			dense = w.dense != nil
		}
	}
	if dense && w.dense == nil {
		w.dense = make([]byte, hllDenseLen)
		copy(w.dense, w.sparse.s[:hllHeader])
		w.dense[hllFormAt] = hllDense
	}
	if dense {
		all.pack(w.dense)
	}
	s := w.sketch()
	s.changed()
	c.hll = w.scratch
	if !it.Exists() || !bytes.Equal(s, it.Value()) {
		c.setAs(r, it, s, store.EncRaw, at)
	}
	c.Out.OK()
}
