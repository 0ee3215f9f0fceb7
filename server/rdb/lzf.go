package rdb

import (
	"encoding/binary"
	"math/bits"
)

// LZF, the compression of strings, is a sequence of items:
//
//	000nnnnn                     and n+1 bytes: those bytes, 1 to 32
//	lllooooo oooooooo            a match of l+2 bytes, 3 to 8 (l is 1 to 6)
//	111ooooo llllllll oooooooo   a match of l+9 bytes, 9 to 264
//
// A match repeats what was put out o+1 bytes ago, 1 to 8192. It may reach into what itself puts out, which makes runs of equal
// bytes short.
//
// The compressor is greedy: a table remembers, by a hash of three bytes, where they were last seen; where they are seen again,
// the longest match from there is taken. It reads each byte about once, and hurries over what does not compress.
const (
	lzfMaxRun    = 1 << 5
	lzfMaxOffset = 1 << 13
	lzfMidMatch  = 8 // the longest in two bytes
	lzfMaxMatch  = lzfMidMatch + 1 + 255

	// lzfMaxRatio is how many bytes one byte can stand for: 264 in 3.
	lzfMaxRatio = lzfMaxMatch / 3
)

const (
	lzfLoad   = 4  // bytes that are read at once to compare and hash 3: the last 3 bytes begin no match
	lzfHurry  = 7  // after each 1<<lzfHurry bytes without a match, the steps in which one is looked for get a byte longer
	lzfStride = 32 // bytes that such a step has at most, so that what compresses is noticed soon after what does not
)

// Sizes of the table of positions, in bits: a cleared table of 16 KB would take a short string longer than its compression.
const (
	lzfSmallBits = 8
	lzfLargeBits = 12
	lzfSmall     = 1 << 10 // bytes up to which a string takes the small table
)

// compress appends src, which is shorter than 4 GB, in LZF to dst. Where that takes more than room bytes it answers false, and
// dst as it was.
func compress(dst, src []byte, room int) ([]byte, bool) {
	if len(src) <= lzfSmall {
		var seen [1 << lzfSmallBits]uint32
		return compressWith(seen[:], lzfSmallBits, dst, src, room)
	}
	var seen [1 << lzfLargeBits]uint32
	return compressWith(seen[:], lzfLargeBits, dst, src, room)
}

// compressWith is compress with a cleared table of 1<<width positions. A position is kept plus one: 0 is none.
func compressWith(seen []uint32, width uint, dst, src []byte, room int) ([]byte, bool) {
	start, limit := len(dst), len(dst)+room
	run := 0 // src[run:i] is still to be written as it is
	for i := 0; i+lzfLoad <= len(src); {
		head := binary.LittleEndian.Uint32(src[i:]) << 8
		h := lzfHash(head, width)
		at := int(seen[h]) - 1
		seen[h] = uint32(i + 1)
		// The comparison comes before that of the distance: a processor foresees its outcome, in data that does not compress too.
		if at < 0 || binary.LittleEndian.Uint32(src[at:])<<8 != head || i-at > lzfMaxOffset {
			i += 1 + min((i-run)>>lzfHurry, lzfStride-1)
			continue
		}
		n := matchLen(src, at, i)
		if len(dst)+runSize(i-run)+matchSize(n) > limit {
			return dst[:start], false
		}
		dst = appendMatch(appendRun(dst, src[run:i]), i-at-1, n)
		i += n
		run = i
		if last := i - 2; last+lzfLoad <= len(src) { // what follows a repetition is often repeated with its end
			seen[lzfHash(binary.LittleEndian.Uint32(src[last:])<<8, width)] = uint32(last + 1)
		}
	}
	if len(dst)+runSize(len(src)-run) > limit {
		return dst[:start], false
	}
	return appendRun(dst, src[run:]), true
}

// lzfHash spreads the upper 24 bits of head over width bits, by a multiplication with the golden ratio of 2^32.
func lzfHash(head uint32, width uint) uint32 { return head * 0x9E3779B1 >> (32 - width) }

// matchLen is how many bytes from i on, at most lzfMaxMatch, equal those from at on, which is before i.
func matchLen(src []byte, at, i int) int {
	old, p := src[at:], src[i:min(len(src), i+lzfMaxMatch)]
	n := 0
	for ; n+8 <= len(p); n += 8 {
		if diff := binary.LittleEndian.Uint64(old[n:]) ^ binary.LittleEndian.Uint64(p[n:]); diff != 0 {
			return n + bits.TrailingZeros64(diff)/8
		}
	}
	for n < len(p) && old[n] == p[n] {
		n++
	}
	return n
}

// appendRun appends bytes as they are: runSize(len(run)) bytes.
func appendRun(dst, run []byte) []byte {
	for len(run) > 0 {
		n := min(len(run), lzfMaxRun)
		dst = append(append(dst, byte(n-1)), run[:n]...)
		run = run[n:]
	}
	return dst
}

func runSize(n int) int { return n + (n+lzfMaxRun-1)/lzfMaxRun }

// appendMatch appends a match of n bytes at offset (0: the byte before): matchSize(n) bytes.
func appendMatch(dst []byte, offset, n int) []byte {
	if n <= lzfMidMatch {
		return binary.BigEndian.AppendUint16(dst, uint16((n-2)<<13|offset))
	}
	return append(dst, byte(7<<5|offset>>8), byte(n-lzfMidMatch-1), byte(offset))
}

func matchSize(n int) int {
	if n <= lzfMidMatch {
		return 2
	}
	return 3
}

// decompress fills dst with what src holds in LZF; false says that src is no LZF, or holds another number of bytes.
func decompress(dst, src []byte) bool {
	to := 0
	for len(src) > 0 {
		head := int(src[0])
		src = src[1:]
		if head < lzfMaxRun {
			n := head + 1
			if n > len(src) || n > len(dst)-to {
				return false
			}
			copy(dst[to:], src[:n])
			to, src = to+n, src[n:]
			continue
		}
		n := head>>5 + 2
		if n == lzfMidMatch+1 {
			if len(src) == 0 {
				return false
			}
			n += int(src[0])
			src = src[1:]
		}
		if len(src) == 0 {
			return false
		}
		from := to - (head&31<<8 | int(src[0])) - 1
		src = src[1:]
		if from < 0 || n > len(dst)-to {
			return false
		}
		// Each copy doubles what lies between from and to, so a match that reaches into itself finds its bytes there.
		for end := to + n; to < end; {
			to += copy(dst[to:end], dst[from:to])
		}
	}
	return to == len(dst)
}
