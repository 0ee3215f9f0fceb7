package command

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"

	"ringcache/server/store"
)

// Errors of PFDEBUG.
const (
	errNoHLLKey     = "ERR The specified key does not exist"
	errHLLNotSparse = "ERR HLL encoding is not sparse"
)

var (
	pfdebugName = []byte("PFDEBUG")
	todenseName = []byte("TODENSE")
)

// hllPfdebug is PFDEBUG GETREG, DECODE, ENCODING and TODENSE.
func hllPfdebug(c *Ctx) {
	r := c.ref(2)
	it := c.find(r)
	if !it.Exists() {
		c.Out.Error(errNoHLLKey)
		return
	}
	it, s, ok := c.ownSketch(r, it)
	if !ok {
		return
	}
	switch name := c.Args[1]; {
	case is(name, "getreg"):
		c.hllRegisters(r, it, s)
	case is(name, "decode"):
		c.hllDecode(s)
	case is(name, "encoding"):
		if s.dense() {
			c.Out.Simple("dense")
		} else {
			c.Out.Simple("sparse")
		}
	case is(name, "todense"):
		if s.dense() {
			c.Out.Int(0)
		} else if _, ok := c.makeDense(r, it, s); ok {
			c.Out.Int(1)
		}
	default:
		c.Out.Error("ERR Unknown PFDEBUG subcommand '" + cstring(name) + "'")
	}
}

// makeDense makes a sparse sketch dense, or replies the error.
func (c *Ctx) makeDense(r store.Ref, it store.Item, s sketch) (sketch, bool) {
	d, ok := s.toDense()
	if !ok {
		c.Out.Error(errCorruptHLL)
		return nil, false
	}
	c.setAs(r, it, d, store.EncRaw, it.ExpireAt())
	return d, true
}

// hllRegisters is PFDEBUG GETREG. Redis makes the sketch dense for it.
func (c *Ctx) hllRegisters(r store.Ref, it store.Item, s sketch) {
	if !s.dense() {
		var ok bool
		if s, ok = c.makeDense(r, it, s); !ok {
			return
		}
		c.ReplicateAs(r.Slot, r.DB, pfdebugName, todenseName, r.Key)
	}
	c.Out.Array(hllRegisters)
	for i := range hllRegisters {
		c.Out.Int(int64(s.register(i)))
	}
}

// hllDecode is PFDEBUG DECODE: z:n or Z:n for a run of n zeros of one byte or two, v:r,n for one of n registers of rank r.
func (c *Ctx) hllDecode(s sketch) {
	if s.dense() {
		c.Out.Error(errHLLNotSparse)
		return
	}
	begin := len(c.Out.B)
	for at := hllHeader; at < len(s); {
		rank, n, size := s.run(at)
		switch {
		case size == 2:
			c.Out.B = append(c.Out.B, "Z:"...)
		case rank == 0:
			c.Out.B = append(c.Out.B, "z:"...)
		default:
			c.Out.B = append(c.Out.B, "v:"...)
			c.Out.B = strconv.AppendInt(c.Out.B, int64(rank), 10)
			c.Out.B = append(c.Out.B, ',')
		}
		c.Out.B = strconv.AppendInt(c.Out.B, int64(n), 10)
		c.Out.B = append(c.Out.B, ' ')
		at += size
	}
	if len(c.Out.B) > begin {
		c.Out.B = c.Out.B[:len(c.Out.B)-1]
	}
	c.Out.InsertBulk(begin)
}

// Bounds of PFSELFTEST.
const (
	selfTestRounds   = 1000      // of a whole dense sketch
	selfTestElements = 1_000_000 // at most in one sketch
	selfTestErrors   = 6         // standard errors that an estimate may be off
)

// hllPfselftest is PFSELFTEST: registers keep what they are given, both forms hold the same, and estimates are near the truth.
func hllPfselftest(c *Ctx) {
	if msg := hllSelfTest(hllSparseMax(c)); msg != "" {
		c.Out.Error("TESTFAILED " + msg)
		return
	}
	c.Out.OK()
}

func hllSelfTest(sparseMax int) string {
	var want, got registers
	dense := sketch(make([]byte, hllDenseLen))
	for range selfTestRounds {
		for i := range want {
			want[i] = uint8(rand.Uint32() & hllMask)
			dense.setRegister(i, want[i])
		}
		if got = (registers{}); !got.merge(dense) || got != want {
			return "a dense sketch holds other ranks than it was given"
		}
	}
	clear(dense)
	sparse := sketchWriter{sparse: sparseEdit{s: appendSketch(nil), most: sparseMax}, owned: true}
	seed, next := rand.Uint64(), 1
	for n := 1; n <= selfTestElements; n++ {
		var element [8]byte
		binary.LittleEndian.PutUint64(element[:], seed^uint64(n))
		index, rank := hllPlace(element[:])
		dense.setRegister(index, max(rank, dense.register(index)))
		if !sparse.raise(index, rank) {
			return "a sparse sketch is corrupt after " + strconv.Itoa(n) + " elements"
		}
		if n < next {
			continue
		}
		next *= 10
		if form := sparse.dense; form == nil {
			if form, ok := sparse.sparse.s.toDense(); !ok || !bytes.Equal(form[hllHeader:], dense[hllHeader:]) {
				return "the forms differ after " + strconv.Itoa(n) + " elements"
			}
		} else if !bytes.Equal(form[hllHeader:], dense[hllHeader:]) {
			return "the forms differ after " + strconv.Itoa(n) + " elements"
		}
		h, _ := dense.count()
		off := math.Abs(float64(h.estimate()) - float64(n))
		if off > math.Ceil(selfTestErrors*1.04/math.Sqrt(hllRegisters)*float64(n)) {
			return fmt.Sprintf("%d elements are taken for %d", n, h.estimate())
		}
	}
	return ""
}
