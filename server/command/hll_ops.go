package command

import (
	"encoding/binary"
	"strconv"

	"ringcache/server/store"
)

// Errors of commands on HyperLogLogs.
const (
	errNoHLL      = "WRONGTYPE Key is not a valid HyperLogLog string value."
	errCorruptHLL = "INVALIDOBJ Corrupted HLL object detected"
	errHLLNoKey   = "ERR The specified key does not exist"
	errHLLNoDense = "ERR HLL encoding is not sparse"
)

// hll is the HyperLogLog of an item, as it lies there, or nil where there is no key; or it replies the error.
func (c *Ctx) hll(it store.Item) (h hyperloglog, ok bool) {
	if !it.Exists() {
		return nil, true
	}
	if c.wrongType(it, store.TypeString) {
		return nil, false
	}
	if val := it.Value(); isHLL(val) {
		return val, true
	}
	c.Out.Error(errNoHLL)
	return nil, false
}

// putHLL gives a key a HyperLogLog and leaves its expiry.
func (c *Ctx) putHLL(r store.Ref, it store.Item, h hyperloglog) {
	at := int64(0)
	if it.Exists() {
		at = it.ExpireAt()
	}
	c.setAs(r, it, h, store.EncRaw, at)
}

// hllPfadd is PFADD: https://redis.io/docs/latest/commands/pfadd/
//
// A dense one is changed where it lies; a sparse one, of at most a few KB, is made anew, so that a corrupt one stays as it is.
func hllPfadd(c *Ctx) {
	r := c.ref(1)
	it := c.find(r)
	h, ok := c.hll(it)
	if !ok {
		return
	}
	sparseMax := c.KS.Thresholds().HLLSparse
	if h != nil && h.dense() && it.Encoding() == store.EncRaw {
		c.addDense(r, it, h)
		return
	}
	added := h == nil
	if added {
		h = newHLL()
	} else {
		h = append(make(hyperloglog, 0, len(h)+64), h...)
	}
	for _, elem := range c.Args[2:] {
		register, rank := hllRank(elem)
		var changed bool
		if h, changed, ok = h.set(register, rank, sparseMax); !ok {
			c.Out.Error(errCorruptHLL)
			return
		}
		added = added || changed
	}
	if added {
		h.outdate()
	}
	if added || it.Encoding() != store.EncRaw {
		c.putHLL(r, it, h)
	}
	c.Out.Int(oneIf(added))
}

// addDense is PFADD of a dense one.
func (c *Ctx) addDense(r store.Ref, it store.Item, h hyperloglog) {
	added := false
	for _, elem := range c.Args[2:] {
		register, rank := hllRank(elem)
		if h.register(register) >= rank {
			continue
		}
		if !added {
			added = true
			_, val := c.resize(r, it, hllDenseSize)
			h = val
		}
		h.setRegister(register, rank)
	}
	if added {
		h.outdate()
	}
	c.Out.Int(oneIf(added))
}

func oneIf(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

// hllPfcount is PFCOUNT: https://redis.io/docs/latest/commands/pfcount/
//
// Of one key it keeps the cardinality in the value, as Redis does, although it is a command that reads: SETRANGE is the effect.
func hllPfcount(c *Ctx) {
	if len(c.Args) > 2 {
		c.countMerged()
		return
	}
	r := c.ref(1)
	it := c.read(r)
	h, ok := c.hll(it)
	switch {
	case !ok:
		return
	case h == nil:
		c.Out.Int(0)
		return
	}
	n, known := h.cached()
	if !known {
		if n, ok = h.count(); !ok {
			c.Out.Error(errCorruptHLL)
			return
		}
	}
	if !known || it.Encoding() != store.EncRaw {
		var text [8]byte
		binary.LittleEndian.PutUint64(text[:], n)
		_, val := c.resize(r, it, len(h))
		c.eff.changed = false
		copy(val[8:], text[:])
		c.emit(r.Slot, r.DB, setrangeName, r.Key, strconv.AppendInt(c.eff.num[:0], 8, 10), text[:])
	}
	c.Out.Int(int64(n))
}

var setrangeName = []byte("SETRANGE")

// countMerged is PFCOUNT of several keys.
func (c *Ctx) countMerged() {
	var s hllSketch
	for i := 1; i < len(c.Args); i++ {
		h, ok := c.hll(c.read(c.ref(i)))
		if !ok {
			return
		}
		if h != nil && !s.merge(h) {
			c.Out.Error(errCorruptHLL)
			return
		}
	}
	c.Out.Int(int64(s.count()))
}

// hllPfmerge is PFMERGE: https://redis.io/docs/latest/commands/pfmerge/
func hllPfmerge(c *Ctx) {
	var s hllSketch
	dense := false
	for i := 1; i < len(c.Args); i++ {
		h, ok := c.hll(c.read(c.ref(i)))
		if !ok {
			return
		}
		if h == nil {
			continue
		}
		dense = dense || h.dense()
		if !s.merge(h) {
			c.Out.Error(errCorruptHLL)
			return
		}
	}
	r := c.ref(1)
	it := c.find(r)
	h, ok := c.hll(it)
	if !ok {
		return
	}
	if h == nil {
		h = newHLL()
	} else {
		h = append(make(hyperloglog, 0, len(h)+64), h...)
	}
	if dense {
		h, ok = h.toDense()
	}
	for i := 0; ok && i < hllRegisters; i++ {
		if s[i] > 0 {
			h, _, ok = h.set(i, s[i], c.KS.Thresholds().HLLSparse)
		}
	}
	if !ok {
		c.Out.Error(errCorruptHLL)
		return
	}
	h.outdate()
	c.putHLL(r, it, h)
	c.Out.OK()
}

// hllPfdebug is PFDEBUG, for tests: what Redis shows of its registers.
func hllPfdebug(c *Ctx) {
	r := c.ref(2)
	it := c.find(r)
	if !it.Exists() {
		c.Out.Error(errHLLNoKey)
		return
	}
	h, ok := c.hll(it)
	if !ok {
		return
	}
	switch word := c.Args[1]; {
	case is(word, "getreg"):
		d, ok := c.makeDense(r, it, h)
		if !ok {
			return
		}
		c.Out.Array(hllRegisters)
		for i := range hllRegisters {
			c.Out.Int(int64(d.register(i)))
		}
	case is(word, "decode"):
		if h.dense() {
			c.Out.Error(errHLLNoDense)
			return
		}
		c.Out.Bulk(h.describe())
	case is(word, "encoding"):
		if h.dense() {
			c.Out.Simple("dense")
		} else {
			c.Out.Simple("sparse")
		}
	case is(word, "todense"):
		was := h.dense()
		if _, ok := c.makeDense(r, it, h); ok {
			c.Out.Int(oneIf(!was))
		}
	default:
		c.Out.Error("ERR Unknown PFDEBUG subcommand '" + string(text(word)) + "'")
	}
}

// makeDense gives a key the dense form of its HyperLogLog, or replies the error.
func (c *Ctx) makeDense(r store.Ref, it store.Item, h hyperloglog) (hyperloglog, bool) {
	if h.dense() {
		return h, true
	}
	d, ok := h.toDense()
	if !ok {
		c.Out.Error(errCorruptHLL)
		return nil, false
	}
	c.putHLL(r, it, d)
	return d, true
}

// describe is the runs of a sparse one, for people.
func (h hyperloglog) describe() (text []byte) {
	for p := h[hllHead:]; len(p) > 0; {
		r, ok := readRun(p)
		switch {
		case !ok:
			return text
		case r.value > 0:
			text = strconv.AppendInt(append(text, "v:"...), int64(r.value), 10)
			text = strconv.AppendInt(append(text, ','), int64(r.length), 10)
		case r.size == 1:
			text = strconv.AppendInt(append(text, "z:"...), int64(r.length), 10)
		default:
			text = strconv.AppendInt(append(text, "Z:"...), int64(r.length), 10)
		}
		if p = p[r.size:]; len(p) > 0 {
			text = append(text, ' ')
		}
	}
	return text
}
