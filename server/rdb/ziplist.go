package rdb

import (
	"encoding/binary"
	"strconv"
)

// A ziplist is what small collections were kept in, and dumped as, before Redis 7.0:
//
//	+----------+------------------+-------------+---------+-----+---------+------+
//	| bytes, 4 | place of last, 4 | elements, 2 | element | ... | element | 0xFF |
//	+----------+------------------+-------------+---------+-----+---------+------+
//	  of all of this                 65535: unknown  |
//	                                                 +--> | size of the one before, 1 or 0xFE and 4 | encoding | data |
//
// All numbers but the lengths of strings are little endian.
const (
	ziplistHead      = 10
	ziplistEnd       = 0xFF
	ziplistLong      = 0xFE // a size of 4 bytes follows
	ziplistUncounted = 1<<16 - 1
)

// First bytes of elements, behind the size of the one before. Below zipInt16 are the lengths of strings: 6 bits, 14 or 32, big endian.
const (
	zipStr14 = 0x40
	zipStr32 = 0x80
	zipInt16 = 0xC0
	zipInt32 = 0xD0
	zipInt64 = 0xE0
	zipInt24 = 0xF0
	zipSmall = 0xF1 // from here to zipInt8 the integers from 0 to 12
	zipInt8  = 0xFE
)

// Ziplist answers the elements of a ziplist, all of which is checked first. Strings are parts of b.
func Ziplist(b []byte) ([][]byte, error) {
	if len(b) <= ziplistHead || uint64(binary.LittleEndian.Uint32(b)) != uint64(len(b)) || b[len(b)-1] != ziplistEnd {
		return nil, errZiplist
	}
	var elements [][]byte
	last, before := ziplistHead, 0
	for pos := ziplistHead; pos < len(b)-1; pos += before {
		text, size, ok := zipElement(b[pos:len(b)-1], before)
		if !ok {
			return nil, errZiplist
		}
		elements = append(elements, text)
		last, before = pos, size
	}
	count := int(binary.LittleEndian.Uint16(b[8:]))
	if uint64(binary.LittleEndian.Uint32(b[4:])) != uint64(last) || count != len(elements) && count != ziplistUncounted {
		return nil, errZiplist
	}
	return elements, nil
}

// zipElement is the text of the element that b begins with, and its size in bytes. The one before it had so many.
func zipElement(b []byte, before int) (text []byte, size int, ok bool) {
	head, was := 1, uint64(b[0])
	switch {
	case was == ziplistEnd || was == ziplistLong && len(b) < 5:
		return nil, 0, false
	case was == ziplistLong:
		head, was = 5, uint64(binary.LittleEndian.Uint32(b[1:]))
	}
	if was != uint64(before) || len(b) <= head {
		return nil, 0, false
	}
	rest := b[head:]
	var n uint64
	lead := 1
	switch c := rest[0]; {
	case c < zipStr14:
		n = uint64(c)
	case c < zipStr32:
		if lead = 2; len(rest) < lead {
			return nil, 0, false
		}
		n = uint64(c&^zipStr14)<<8 | uint64(rest[1])
	case c == zipStr32:
		if lead = 5; len(rest) < lead {
			return nil, 0, false
		}
		n = uint64(binary.BigEndian.Uint32(rest[1:]))
	default:
		v, width, ok := zipInt(rest)
		return strconv.AppendInt(nil, v, 10), head + 1 + width, ok
	}
	if n > uint64(len(rest)-lead) {
		return nil, 0, false
	}
	end := lead + int(n)
	return rest[lead:end:end], head + end, true
}

// zipInt is an integer in the bytes after the first, or in that.
func zipInt(b []byte) (v int64, width int, ok bool) {
	switch c := b[0]; {
	case c == zipInt16:
		width = 2
	case c == zipInt32:
		width = 4
	case c == zipInt64:
		width = 8
	case c == zipInt24:
		width = 3
	case c == zipInt8:
		width = 1
	case c >= zipSmall && c < zipInt8:
		return int64(c - zipSmall), 0, true
	default:
		return 0, 0, false
	}
	if len(b) < 1+width {
		return 0, 0, false
	}
	var word [8]byte
	copy(word[8-width:], b[1:1+width])
	return int64(binary.LittleEndian.Uint64(word[:])) >> (64 - 8*width), width, true //nolint:gosec // the sign is the top bit
}
