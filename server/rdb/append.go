package rdb

import (
	"encoding/binary"
	"math"
	"slices"
)

// The first byte of a length says by its top two bits how the length, or what stands in its place, goes on.
const (
	len6    = 0 << 6 // in the other 6 bits
	len14   = 1 << 6 // in the other 6 bits and the next byte, big endian
	len32   = 2 << 6 // in the next 4 bytes, big endian
	len64   = len32 + 1
	special = 3 << 6 // no length: a string in the encoding of the other 6 bits
)

// Encodings of strings in place of a length.
const (
	encInt8  = special + iota // one byte: the string is that number in decimal
	encInt16                  // little endian
	encInt32                  // little endian
	encLZF                    // lengths in LZF and of the string, then LZF
)

const (
	maxIntText  = len("-2147483648")
	compressMin = 21 // bytes from which on Redis compresses a string
	// compressMax is the longest string in bytes that is compressed: more takes an event loop longer than other clients should
	// wait: a megabyte takes several milliseconds. Longer strings are written as they are, which every reader takes as well.
	compressMax = 1 << 20
	// compressGain is how many bytes compression must save at least, as in Redis.
	compressGain = 4
)

// AppendType appends the type that a payload begins with.
func AppendType(dst []byte, t Type) []byte { return append(dst, byte(t)) }

// AppendLength appends a length, or a number of elements.
func AppendLength(dst []byte, n uint64) []byte {
	switch {
	case n < 1<<6:
		return append(dst, byte(len6|n))
	case n < 1<<14:
		return binary.BigEndian.AppendUint16(dst, uint16(len14<<8|n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, len32), uint32(n))
	default:
		return binary.BigEndian.AppendUint64(append(dst, len64), n)
	}
}

// lengthSize is how many bytes AppendLength appends.
func lengthSize(n uint64) int {
	switch {
	case n < 1<<6:
		return 1
	case n < 1<<14:
		return 2
	case n <= math.MaxUint32:
		return 5
	default:
		return 9
	}
}

// AppendString appends a string as Redis does: the decimal form of an integer of up to 32 bits as that integer, and what gets
// shorter by it compressed. It allocates nothing where dst has room for the longest form, len(s)+9 bytes.
func AppendString(dst, s []byte) []byte {
	if n, ok := parseInt32(s); ok {
		return appendInt(dst, n)
	}
	if len(s) >= compressMin && len(s) <= compressMax {
		if dst, ok := appendLZF(dst, s); ok {
			return dst
		}
	}
	dst = slices.Grow(dst, lengthSize(uint64(len(s)))+len(s))
	return append(AppendLength(dst, uint64(len(s))), s...)
}

// AppendFloat64 appends a number in 8 bytes, as in sorted sets.
func AppendFloat64(dst []byte, f float64) []byte {
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(f))
}

func appendInt(dst []byte, n int32) []byte {
	switch {
	case n == int32(int8(n)):
		return append(dst, encInt8, byte(n))
	case n == int32(int16(n)):
		return binary.LittleEndian.AppendUint16(append(dst, encInt16), uint16(n))
	default:
		return binary.LittleEndian.AppendUint32(append(dst, encInt32), uint32(n))
	}
}

// appendLZF appends s compressed, or answers false where that saves too little.
func appendLZF(dst, s []byte) ([]byte, bool) {
	room := len(s) - compressGain
	from := len(dst)
	dst = slices.Grow(dst, len(s)+9)
	dst = append(dst, encLZF)
	// The length in LZF stands before it and is not known yet: its size is that of the longest, and put right afterwards.
	guess := lengthSize(uint64(room)) + lengthSize(uint64(len(s)))
	begin := len(dst) + guess
	packed, ok := compress(dst[:begin], s, room)
	if !ok {
		return dst[:from], false
	}
	n := len(packed) - begin
	dst = AppendLength(AppendLength(dst, uint64(n)), uint64(len(s)))
	return append(dst, packed[begin:]...), true
}

// parseInt32 reads the canonical decimal form of an int32: no sign but '-', no leading zeros or spaces.
func parseInt32(s []byte) (int32, bool) {
	if len(s) == 0 || len(s) > maxIntText {
		return 0, false
	}
	digits := s
	if s[0] == '-' {
		digits = s[1:]
	}
	if len(digits) == 0 || digits[0] == '0' && len(s) > 1 {
		return 0, false
	}
	n := int64(0) // 11 digits fit
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if s[0] == '-' {
		n = -n
	}
	return int32(n), n >= math.MinInt32 && n <= math.MaxInt32
}
