package command

import (
	"encoding/binary"
	"math/bits"
)

// A HyperLogLog estimates how many different elements it has seen (Flajolet and others, "HyperLogLog: the analysis of a near-optimal
// cardinality estimation algorithm", 2007). An element's hash picks one of 16384 registers by its low 14 bits; the other 50 bits have a
// rank, the position of their lowest 1 counted from 1, and the register keeps the highest rank that it was given. The error is about
// 0.81 %.
//
// It is a string, which clients may read, write and carry elsewhere, so its bytes are those of Redis:
//
//	| "HYLL" | form 1 | unused 3 | cached cardinality 8 | registers |
//
// The cardinality is little-endian; its highest bit says that registers have changed since. There are two forms of the registers:
//
//	dense    6 bits each, the first in the lowest bits of the first byte: 12288 bytes
//	sparse   runs of equal registers, in ascending order:
//	         00nnnnnn            n+1 registers of 0
//	         01nnnnnn nnnnnnnn   n+1 registers of 0, n big-endian
//	         1vvvvvnn            n+1 registers of v+1
//
// A new one is sparse, and becomes dense for good once a rank is above 32 or it is longer than hll-sparse-max-bytes. How a sparse one
// is changed decides its bytes, and is in hll_sparse.go.
//
// What claims to be one may be anything that a client has written. A dense one of the right length is valid, whatever it says. A
// sparse one is found out while it is read.

const (
	hllMagic     = "HYLL"
	hllFormAt    = 4 // offsets of the header's parts, in bytes
	hllCachedAt  = 8
	hllHeader    = 16
	hllRegisters = 1 << hllIndexBits
	hllIndexBits = 14
	hllRankBits  = 64 - hllIndexBits
	hllMaxRank   = hllRankBits + 1 // of a hash whose other bits are all 0
	hllWidth     = 6               // bits of a dense register
	hllDenseLen  = hllHeader + hllRegisters*hllWidth/8

	// hllSparseLen bounds the length of a valid sparse one in bytes: no run takes more than two, and none is empty.
	hllSparseLen = hllHeader + 2*hllRegisters
)

// The forms.
const (
	hllDense  = 0
	hllSparse = 1
)

// Errors of commands on HyperLogLogs.
const (
	errNotHLL     = "WRONGTYPE Key is not a valid HyperLogLog string value."
	errCorruptHLL = "INVALIDOBJ Corrupted HLL object detected"
)

// sketch is a whole HyperLogLog, of which isSketch has been asked.
type sketch []byte

// isSketch reports whether a string claims to be a HyperLogLog.
func isSketch(b []byte) bool {
	if len(b) < hllHeader || string(b[:len(hllMagic)]) != hllMagic {
		return false
	}
	switch b[hllFormAt] {
	case hllDense:
		return len(b) == hllDenseLen
	case hllSparse:
		return true
	}
	return false
}

// appendSketch appends an empty one: a single run of zeros.
func appendSketch(dst []byte) sketch {
	dst = append(dst, hllMagic...)
	dst = append(dst, hllSparse)
	dst = append(dst, make([]byte, hllHeader-hllFormAt-1)...)
	return appendZeros(dst, hllRegisters)
}

func (s sketch) dense() bool { return s[hllFormAt] == hllDense }

// cached is the cardinality that was last counted, if no register has changed since.
func (s sketch) cached() (n uint64, ok bool) {
	n = binary.LittleEndian.Uint64(s[hllCachedAt:])
	return n, n>>63 == 0
}

// changed notes that registers have changed.
func (s sketch) changed() { s[hllHeader-1] |= 1 << 7 }

// hllSeed is Redis's.
const hllSeed = 0xadc83b19

// hllPlace is the register of an element, and the rank that it is given.
func hllPlace(element []byte) (index int, rank uint8) {
	h := murmur64(element, hllSeed)
	rest := h>>hllIndexBits | 1<<hllRankBits
	return int(h & (hllRegisters - 1)), uint8(bits.TrailingZeros64(rest)) + 1
}

// murmur64 is MurmurHash64A, by Austin Appleby, as it is on little-endian machines.
func murmur64(b []byte, seed uint64) uint64 {
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

// registers are those of a whole HyperLogLog, or of several: the higher of each.
type registers [hllRegisters]uint8

// Eight dense registers are six bytes.
const (
	hllGroup      = 8
	hllGroupBytes = hllGroup * hllWidth / 8
	hllMask       = 1<<hllWidth - 1
)

// group is the word of the eight registers at b.
func group(b []byte) uint64 {
	return uint64(binary.LittleEndian.Uint32(b)) | uint64(binary.LittleEndian.Uint16(b[4:hllGroupBytes]))<<32
}

func putGroup(b []byte, w uint64) {
	binary.LittleEndian.PutUint32(b, uint32(w))
	binary.LittleEndian.PutUint16(b[4:hllGroupBytes], uint16(w>>32))
}

// register is one of a dense sketch.
func (s sketch) register(i int) uint8 {
	w := group(s[hllHeader+i/hllGroup*hllGroupBytes:])
	return uint8(w>>(i%hllGroup*hllWidth)) & hllMask
}

// setRegister sets one of a dense sketch.
func (s sketch) setRegister(i int, rank uint8) {
	b := s[hllHeader+i/hllGroup*hllGroupBytes:]
	shift := i % hllGroup * hllWidth
	putGroup(b, group(b)&^(hllMask<<shift)|uint64(rank)<<shift)
}

// The eight registers of a group, in 6 bits each, and in a byte each.
const (
	hllHalves   = 0x0000_0000_00ff_ffff
	hllQuarters = 0x0000_0fff_0000_0fff
	hllEighths  = 0x003f_003f_003f_003f
	hllTops     = 0x8080_8080_8080_8080
)

// spread has the registers of a group in a byte each.
func spread(w uint64) uint64 {
	w = w&hllHalves | w&(hllHalves<<24)<<8
	w = w&hllQuarters | w&(hllQuarters<<12)<<4
	return w&hllEighths | w&(hllEighths<<6)<<2
}

// gather is the reverse of spread.
func gather(w uint64) uint64 {
	w = w&hllEighths | w>>2&(hllEighths<<6)
	w = w&hllQuarters | w>>4&(hllQuarters<<12)
	return w&hllHalves | w>>8&(hllHalves<<24)
}

// merge has the registers of s count where they are higher. It answers false where s is corrupt.
func (r *registers) merge(s sketch) bool {
	if !s.dense() {
		return s.runs(func(from, n int, rank uint8) {
			for i := from; rank > 0 && i < from+n; i++ {
				r[i] = max(r[i], rank)
			}
		})
	}
	b := s[hllHeader:hllDenseLen]
	for i := 0; i < hllRegisters; i += hllGroup {
		have, more := binary.LittleEndian.Uint64(r[i:]), spread(group(b[i/hllGroup*hllGroupBytes:]))
		keep := ((have | hllTops) - more) & hllTops >> 7 * 0xff // the bytes of have that are not lower
		binary.LittleEndian.PutUint64(r[i:], have&keep|more&^keep)
	}
	return true
}

// pack puts the registers into a dense sketch.
func (r *registers) pack(s sketch) {
	b := s[hllHeader:hllDenseLen]
	for i := 0; i < hllRegisters; i += hllGroup {
		putGroup(b[i/hllGroup*hllGroupBytes:], gather(binary.LittleEndian.Uint64(r[i:])))
	}
}

// toDense is a sparse sketch in the dense form, in memory of its own; or false where it is corrupt.
func (s sketch) toDense() (sketch, bool) {
	d := sketch(make([]byte, hllDenseLen))
	copy(d, s[:hllHeader])
	d[hllFormAt] = hllDense
	ok := s.runs(func(from, n int, rank uint8) {
		for i := from; rank > 0 && i < from+n; i++ {
			d.setRegister(i, rank)
		}
	})
	return d, ok
}
