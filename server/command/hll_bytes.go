package command

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// A HyperLogLog is a string in Redis's format:
//
//	+------+----------+--------+-------------+-----------+
//	| HYLL | encoding | unused | cardinality | registers |
//	+------+----------+--------+-------------+-----------+
//	  4      1          3        8, the top bit of the last says that it is out of date
//
// There are 16384 registers of 6 bits. Dense, they lie side by side, the lowest bits first. Sparse, they are runs:
//
//	00llllll           l+1 registers are 0
//	01llllll llllllll  l+1 registers are 0
//	1vvvvvll           l+1 registers are v+1
//
// How a sparse one is cut into runs depends on its history, and is the same as in Redis after the same commands.
//
// Sources: https://github.com/redis/redis/blob/7.0/src/hyperloglog.c describes the format; Otmar Ertl, "New cardinality estimation
// algorithms for HyperLogLog sketches", 2017, the estimator.
type hyperloglog []byte

const (
	hllMagic     = "HYLL"
	hllDense     = 0
	hllSparse    = 1
	hllHead      = 16 // bytes
	hllRegisters = 1 << hllIndexBits
	hllIndexBits = 14
	hllRankBits  = 64 - hllIndexBits // bits of a hash that are counted
	hllBits      = 6
	hllMax       = 1<<hllBits - 1
	hllDenseSize = hllHead + hllRegisters*hllBits/8

	hllZeroMax  = 64    // registers of the short run of zeros
	hllXZeroMax = 16384 // of the long one
	hllValueMax = 32    // value of a run
	hllRunMax   = 4     // registers of a run of values

	hllSeed = 0xadc83b19
)

// newHLL is an empty one: sparse, its cardinality known to be 0.
func newHLL() hyperloglog {
	h := make(hyperloglog, hllHead, hllHead+64)
	copy(h, hllMagic)
	h[4] = hllSparse
	return append(h, 0x40|(hllXZeroMax-1)>>8, (hllXZeroMax-1)&0xFF)
}

// isHLL reports whether a string looks like one. Its runs may still be wrong.
func isHLL(b []byte) bool {
	return len(b) >= hllHead && string(b[:4]) == hllMagic && b[4] <= hllSparse && (b[4] != hllDense || len(b) == hllDenseSize)
}

func (h hyperloglog) dense() bool { return h[4] == hllDense }

// cached is the cardinality, where it is known.
func (h hyperloglog) cached() (uint64, bool) {
	return binary.LittleEndian.Uint64(h[8:]) &^ (1 << 63), h[15]&0x80 == 0
}

func (h hyperloglog) outdate() { h[15] |= 0x80 }

// hllRank is the register that an element belongs to, and what it makes of it.
func hllRank(elem []byte) (register int, rank uint8) {
	hash := murmur64A(elem, hllSeed)
	return int(hash & (hllRegisters - 1)), uint8(bits.TrailingZeros64(hash>>hllIndexBits|1<<hllRankBits) + 1)
}

// murmur64A is MurmurHash64A by Austin Appleby, which is in the public domain.
func murmur64A(b []byte, seed uint64) uint64 {
	const (
		m = 0xc6a4a7935bd1e995
		r = 47
	)
	h := seed ^ uint64(len(b))*m
	for ; len(b) >= 8; b = b[8:] {
		k := binary.LittleEndian.Uint64(b) * m
		k ^= k >> r
		h = (h ^ k*m) * m
	}
	if len(b) > 0 {
		var tail [8]byte
		copy(tail[:], b)
		h = (h ^ binary.LittleEndian.Uint64(tail[:])) * m
	}
	h ^= h >> r
	h *= m
	return h ^ h>>r
}

// register is one of a dense one's.
func (h hyperloglog) register(i int) uint8 {
	p := h[hllHead:]
	at, shift := i*hllBits/8, i*hllBits%8
	v := uint(p[at]) >> shift
	if shift > 8-hllBits {
		v |= uint(p[at+1]) << (8 - shift)
	}
	return uint8(v & hllMax)
}

// setRegister sets one of a dense one's.
func (h hyperloglog) setRegister(i int, v uint8) {
	p := h[hllHead:]
	at, shift := i*hllBits/8, i*hllBits%8
	p[at] = p[at]&^(hllMax<<shift&0xFF) | v<<shift
	if shift > 8-hllBits {
		p[at+1] = p[at+1]&^(hllMax>>(8-shift)) | v>>(8-shift)
	}
}

// run is what a sparse run says.
type hllRun struct {
	size   int // bytes
	length int // registers
	value  uint8
}

func readRun(p []byte) (r hllRun, ok bool) {
	switch c := p[0]; {
	case c&0x80 != 0:
		return hllRun{1, int(c&3) + 1, c>>2&31 + 1}, true
	case c&0x40 == 0:
		return hllRun{1, int(c) + 1, 0}, true
	case len(p) < 2:
		return r, false
	default:
		return hllRun{2, int(c&63)<<8 + int(p[1]) + 1, 0}, true
	}
}

func appendZeros(b []byte, n int) []byte {
	if n > hllZeroMax {
		return append(b, 0x40|byte((n-1)>>8), byte(n-1))
	}
	return append(b, byte(n-1))
}

func appendValues(b []byte, v uint8, n int) []byte { return append(b, 0x80|(v-1)<<2|byte(n-1)) }

// each calls fn with the runs of registers, of one in a dense one; it reports false where they are not 16384.
func (h hyperloglog) each(fn func(from, n int, value uint8)) bool {
	if h.dense() {
		for i := range hllRegisters {
			fn(i, 1, h.register(i))
		}
		return true
	}
	from := 0
	for p := h[hllHead:]; len(p) > 0; {
		r, ok := readRun(p)
		if !ok || from+r.length > hllRegisters {
			return false
		}
		fn(from, r.length, r.value)
		from += r.length
		p = p[r.size:]
	}
	return from == hllRegisters
}

// toDense is the dense form.
func (h hyperloglog) toDense() (hyperloglog, bool) {
	if h.dense() {
		return h, true
	}
	d := make(hyperloglog, hllDenseSize)
	copy(d, h[:hllHead])
	d[4] = hllDense
	ok := h.each(func(from, n int, value uint8) {
		for i := from; value > 0 && i < from+n; i++ {
			d.setRegister(i, value)
		}
	})
	return d, ok
}

// set makes a register at least rank, and answers what it is then: perhaps dense, if it would take more than sparseMax bytes
// otherwise. ok is false where the runs are wrong.
func (h hyperloglog) set(register int, rank uint8, sparseMax int) (now hyperloglog, changed, ok bool) {
	if h.dense() {
		if h.register(register) >= rank {
			return h, false, true
		}
		h.setRegister(register, rank)
		return h, true, true
	}
	if rank > hllValueMax {
		return h.setDense(register, rank)
	}
	prev, at, from := -1, hllHead, 0
	var r hllRun
	for {
		if at >= len(h) {
			return h, false, false
		}
		if r, ok = readRun(h[at:]); !ok {
			return h, false, false
		}
		if register < from+r.length {
			break
		}
		prev, at, from = at, at+r.size, from+r.length
	}
	if r.value >= rank {
		return h, false, true
	}
	var buf [8]byte
	seq := buf[:0]
	before, after := register-from, from+r.length-1-register
	if r.value > 0 {
		if before > 0 {
			seq = appendValues(seq, r.value, before)
		}
		seq = appendValues(seq, rank, 1)
		if after > 0 {
			seq = appendValues(seq, r.value, after)
		}
	} else {
		if before > 0 {
			seq = appendZeros(seq, before)
		}
		seq = appendValues(seq, rank, 1)
		if after > 0 {
			seq = appendZeros(seq, after)
		}
	}
	grow := len(seq) - r.size
	if grow > 0 && len(h)+grow > sparseMax {
		return h.setDense(register, rank)
	}
	was := len(h)
	for range grow {
		h = append(h, 0)
	}
	copy(h[at+len(seq):], h[at+r.size:was])
	copy(h[at:], seq)
	h = h[:was+grow]
	if prev < 0 {
		prev = hllHead
	}
	return h.join(prev), true, true
}

func (h hyperloglog) setDense(register int, rank uint8) (now hyperloglog, changed, ok bool) {
	d, ok := h.toDense()
	if !ok {
		return h, false, false
	}
	return d.set(register, rank, 0)
}

// joinRuns is how many runs, from the one before a change on, are looked at for neighbours of one value.
const joinRuns = 5

// join makes one of neighbouring runs of the same value, where that is not too long.
func (h hyperloglog) join(at int) hyperloglog {
	for looks := joinRuns; at < len(h) && looks > 0; looks-- {
		if h[at]&0x80 == 0 {
			if h[at]&0x40 != 0 {
				at++
			}
			at++
			continue
		}
		if at+1 < len(h) && h[at+1]&0x80 != 0 && h[at]>>2 == h[at+1]>>2 {
			if n := int(h[at]&3) + int(h[at+1]&3) + 2; n <= hllRunMax {
				h[at+1] = h[at]&^3 | byte(n-1)
				h = append(h[:at], h[at+1:]...)
				continue
			}
		}
		at++
	}
	return h
}

// hllSketch is the values of all registers.
type hllSketch [hllRegisters]uint8

// merge makes each register at least that of h; it reports false where h's runs are wrong.
func (s *hllSketch) merge(h hyperloglog) bool {
	return h.each(func(from, n int, value uint8) {
		for i := from; i < from+n; i++ {
			s[i] = max(s[i], value)
		}
	})
}

// count is the cardinality of a sketch.
func (s *hllSketch) count() uint64 {
	var histogram [64]int
	for _, v := range s {
		histogram[v]++
	}
	return hllCount(&histogram)
}

// count is the cardinality; ok is false where the runs are wrong.
func (h hyperloglog) count() (n uint64, ok bool) {
	var histogram [64]int
	if !h.each(func(_, n int, value uint8) { histogram[value] += n }) {
		return 0, false
	}
	return hllCount(&histogram), true
}

// hllCount estimates a cardinality from how many registers have each value.
func hllCount(histogram *[64]int) uint64 {
	const (
		m     = float64(hllRegisters)
		alpha = 0.721347520444481703680 // 1/(2 ln 2)
	)
	z := m * hllTau((m-float64(histogram[hllRankBits+1]))/m)
	for i := hllRankBits; i >= 1; i-- {
		z += float64(histogram[i])
		z *= 0.5
	}
	z += m * hllSigma(float64(histogram[0])/m)
	return uint64(math.Round(alpha * m * m / z))
}

func hllSigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	y, z := 1.0, x
	for {
		x *= x
		was := z
		z += float64(x * y)
		y += y
		if was == z {
			return z
		}
	}
}

func hllTau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	y, z := 1.0, 1-x
	for {
		x = math.Sqrt(x)
		was := z
		y *= 0.5
		z -= float64((1 - x) * (1 - x) * y)
		if was == z {
			return z / 3
		}
	}
}
