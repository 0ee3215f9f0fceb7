package ring

import (
	"crypto/rand"
	"encoding/binary"
	"math/bits"
)

// # The hash of keys in a keyspace
//
// Keys of one slot share a dictionary, and whoever chooses its keys may choose them to meet in one bucket, which then takes
// seconds to search ("hash flooding": Crosby and Wallach, "Denial of Service via Algorithmic Complexity Attacks", 2003). So the
// hash is a pseudorandom function with a key that clients do not see: SipHash (Aumasson and Bernstein, "SipHash: a fast
// short-input PRF", 2012, https://www.aumasson.jp/siphash/siphash.pdf) with one round a word and three at the end, as in the
// dictionaries of Python and Rust. Redis has it with one and two.
//
// A seed is not enough of a key for other hashes: XXH64 has pairs of inputs that collide under every seed (see
// TestSeedsDoNotProtectXXH64), and fast hashes built on one multiplication give their key away to those who see the hashes,
// which SCAN's cursors show.

// HashKey is the secret of a cluster that the hash of its keys depends on. It must be the same on every node: the cursors of
// SCAN, and what nodes tell each other of ranges of a slot, are hashes. The zero HashKey is none.
type HashKey [16]byte

// NewHashKey draws a key.
func NewHashKey() HashKey {
	var k HashKey
	for k.IsZero() {
		_, _ = rand.Read(k[:]) // never fails (crypto/rand)
	}
	return k
}

// IsZero reports whether there is no key: the map is of no cluster yet, or of one that was founded before keys had one.
func (k HashKey) IsZero() bool { return k == HashKey{} }

// String keeps the key out of logs and errors.
func (k HashKey) String() string { return "(secret)" }

// GoString is String, for %#v.
func (k HashKey) GoString() string { return k.String() }

// Func is the hash under k: SipHash-1-3. Without a key it is [Hash], as before there were any. What it answers does not
// allocate, and may be called from several goroutines at a time.
func (k HashKey) Func() func(key []byte) uint64 {
	if k.IsZero() {
		return Hash
	}
	k0, k1 := binary.LittleEndian.Uint64(k[:8]), binary.LittleEndian.Uint64(k[8:])
	s := &sipState{ // the constants are the ASCII of "somepseudorandomlygeneratedbytes"
		k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d,
		k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573,
	}
	return s.sum
}

// sipState is the state of SipHash after its key.
type sipState struct{ v0, v1, v2, v3 uint64 }

// sum is the hash of p.
func (s *sipState) sum(p []byte) uint64 {
	v0, v1, v2, v3 := s.v0, s.v1, s.v2, s.v3
	m := uint64(len(p))<<56 | lastWord(p)
	for ; len(p) >= 8; p = p[8:] {
		w := binary.LittleEndian.Uint64(p)
		v3 ^= w
		v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
		v0 ^= w
	}
	v3 ^= m
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	v0 ^= m
	v2 ^= 0xff
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	return v0 ^ v1 ^ v2 ^ v3
}

// sipRound is small enough to be inlined.
func sipRound(v0, v1, v2, v3 uint64) (uint64, uint64, uint64, uint64) {
	v0 += v1
	v1 = bits.RotateLeft64(v1, 13) ^ v0
	v0 = bits.RotateLeft64(v0, 32)
	v2 += v3
	v3 = bits.RotateLeft64(v3, 16) ^ v2
	v0 += v3
	v3 = bits.RotateLeft64(v3, 21) ^ v0
	v2 += v1
	v1 = bits.RotateLeft64(v1, 17) ^ v2
	v2 = bits.RotateLeft64(v2, 32)
	return v0, v1, v2, v3
}

// lastWord is the bytes of p beyond the last whole word of 8, little endian.
func lastWord(p []byte) uint64 {
	n, rest := len(p), len(p)%8
	switch {
	case n >= 8: // the last 8 bytes, of which the upper rest count; a shift by 64 leaves nothing
		return binary.LittleEndian.Uint64(p[n-8:]) >> (64 - 8*rest)
	case n >= 4: // two words of four, which may overlap
		lo, hi := binary.LittleEndian.Uint32(p), binary.LittleEndian.Uint32(p[n-4:])
		return uint64(lo) | uint64(hi)<<(8*(n-4)&63)
	case n > 0: // the first, the middle and the last byte, which may be the same
		return uint64(p[0]) | uint64(p[n/2])<<(8*(n/2)&63) | uint64(p[n-1])<<(8*(n-1)&63)
	}
	return 0
}
