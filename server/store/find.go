package store

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// Bytes of a word, for the search of one in it: Mycroft's test, 1987.
const (
	lows    = 0x0101010101010101
	highs   = 0x8080808080808080
	lows32  = lows & 0xFFFFFFFF
	highs32 = highs & 0xFFFFFFFF
)

// find answers the entry of a key, or 0. It is the hot path of everything, and written out for that: one line of the table, one of
// the directory if there is one, one of the bucket, and those of the entry.
func (t *table) find(p *pool, hash uint64, key []byte) ref {
	s := &t.root
	if t.depth != 0 {
		s = t.entryAt(hash >> ((64 - t.depth) & 63))
	} else if s.n == 0 {
		return 0
	}
	base := p.base
	buckets := unsafe.Add(base, uintptr(s.at)*unit)
	frag := fragment(hash, s.depth)
	tag := uint64(uint8(frag)) * lows
	i := home(frag, s.n)
	for range s.n {
		b := (*bucket)(unsafe.Add(buckets, uintptr(i)*bucketSize))
		x := binary.LittleEndian.Uint64(b.tags[:8]) ^ tag
		for m := (x - lows) &^ x & highs; m != 0; m &= m - 1 { // a byte above one that matches may be there falsely
			w := b.refs[bits.TrailingZeros64(m)>>3&7]
			if w>>refBits == frag>>tagBits && w != 0 && keyIs(unsafe.Add(base, uintptr(w&refMask)*unit), key) {
				return ref(w & refMask)
			}
		}
		y := binary.LittleEndian.Uint32(b.tags[8:]) ^ uint32(tag)
		for m := (y - lows32) &^ y & highs32; m != 0; m &= m - 1 {
			w := b.refs[8+bits.TrailingZeros32(m)>>3&3]
			if w>>refBits == frag>>tagBits && w != 0 && keyIs(unsafe.Add(base, uintptr(w&refMask)*unit), key) {
				return ref(w & refMask)
			}
		}
		if b.over == 0 {
			break
		}
		if i++; i == s.n {
			i = 0
		}
	}
	return 0
}

// keyIs reports whether the key of the entry at p is key.
func keyIs(p unsafe.Pointer, key []byte) bool {
	f := *(*uint8)(p)
	if f&(flagLongKey|flagFar) != 0 {
		return string(entry{p}.key()) == string(key)
	}
	n := *(*uint8)(unsafe.Add(p, 4))
	return int(n) == len(key) && string(unsafe.Slice((*byte)(unsafe.Add(p, keyStart[f])), len(key))) == string(key)
}
