package command

import (
	"encoding/binary"
	"errors"

	"ringcache/server/store"
)

// Small hashes as older versions of Redis dumped them.

// zipmapFields are the fields of a zipmap: a number of fields, then of each field its length, itself, the length of its value, a number
// of unused bytes, the value and those bytes; 0xFF ends it. Lengths below 254 have one byte, others follow a 254 in four, little endian.
// The number is 254 where there are as many or more.
func zipmapFields(b []byte) ([]store.HashField, error) {
	const (
		long = 254
		end  = 255
	)
	if len(b) < 2 {
		return nil, errHash
	}
	count, b := int(b[0]), b[1:]
	text := func(unused int) (s []byte, ok bool) {
		if len(b) == 0 || b[0] == end {
			return nil, false
		}
		n, head := uint64(b[0]), 1
		if n == long {
			if head = 5; len(b) < head {
				return nil, false
			}
			n = uint64(binary.LittleEndian.Uint32(b[1:]))
		}
		if b = b[head:]; len(b) < unused {
			return nil, false
		}
		free := uint64(0)
		if unused > 0 {
			free = uint64(b[0])
			b = b[1:]
		}
		if n+free > uint64(len(b)) {
			return nil, false
		}
		s, b = b[:n:n], b[n+free:]
		return s, true
	}
	var fields []store.HashField
	for len(b) > 0 && b[0] != end {
		name, ok := text(0)
		if !ok {
			return nil, errHash
		}
		value, ok := text(1)
		if !ok {
			return nil, errHash
		}
		fields = append(fields, store.HashField{Name: name, Value: value})
	}
	if len(b) != 1 || count < long && count != len(fields) {
		return nil, errHash
	}
	return fields, nil
}

// Sizes of a ziplist: its length in bytes and the position of its last element, 4 each, the number of elements, 2; then the elements, and
// 0xFF. All numbers but the lengths of strings are little endian.
const (
	ziplistHead      = 10
	ziplistEnd       = 0xFF
	ziplistUncounted = 1<<16 - 1
)

// ziplistFields are the fields of a ziplist in which each stands before its value.
func ziplistFields(b []byte) ([]store.HashField, error) {
	elements, err := ziplistElements(b)
	if err != nil || len(elements)%2 != 0 {
		return nil, errHash
	}
	fields := make([]store.HashField, len(elements)/2)
	for i := range fields {
		fields[i] = store.HashField{Name: elements[2*i], Value: elements[2*i+1]}
	}
	return fields, nil
}

var errZiplist = errors.New("not a ziplist")

// ziplistElements are the elements of a ziplist.
func ziplistElements(b []byte) ([][]byte, error) {
	if len(b) <= ziplistHead || uint64(binary.LittleEndian.Uint32(b)) != uint64(len(b)) || b[len(b)-1] != ziplistEnd {
		return nil, errZiplist
	}
	var elements [][]byte
	last, before := ziplistHead, 0
	pos := ziplistHead
	for ; pos < len(b)-1; pos += before {
		text, size, ok := ziplistElement(b[pos:len(b)-1], before)
		if !ok {
			return nil, errZiplist
		}
		elements = append(elements, text)
		last, before = pos, size
	}
	count := int(binary.LittleEndian.Uint16(b[8:]))
	if int(binary.LittleEndian.Uint32(b[4:])) != last || count != len(elements) && count != ziplistUncounted {
		return nil, errZiplist
	}
	return elements, nil
}

// ziplistElement is the text of the element that b begins with, and its size in bytes. It begins with the size of the one before it: one
// byte, or 254 and four.
func ziplistElement(b []byte, before int) (text []byte, size int, ok bool) {
	head := 1
	was := int(b[0])
	if was >= 254 {
		if len(b) < 5 || was > 254 {
			return nil, 0, false
		}
		head, was = 5, int(binary.LittleEndian.Uint32(b[1:]))
	}
	if was != before || len(b) <= head {
		return nil, 0, false
	}
	rest := b[head:]
	if rest[0] < 0xC0 {
		n, lead, ok := ziplistString(rest)
		if !ok || n > len(rest)-lead {
			return nil, 0, false
		}
		return rest[lead : lead+n : lead+n], head + lead + n, true
	}
	width, n, ok := ziplistInt(rest)
	if !ok {
		return nil, 0, false
	}
	return store.Element{Int: n, IsInt: true}.Append(nil), head + 1 + width, true
}

// ziplistString is the length of a string, which begins after lead bytes: 6 bits, 14 or 32, big endian.
func ziplistString(b []byte) (n, lead int, ok bool) {
	switch {
	case b[0] < 0x40:
		return int(b[0]), 1, true
	case b[0] < 0x80:
		if len(b) < 2 {
			return 0, 0, false
		}
		return int(b[0]&0x3F)<<8 | int(b[1]), 2, true
	case b[0] == 0x80 && len(b) >= 5:
		return int(binary.BigEndian.Uint32(b[1:])), 5, true
	}
	return 0, 0, false
}

// ziplistInt is an integer of width bytes after the first, or in it.
func ziplistInt(b []byte) (width int, n int64, ok bool) {
	switch b[0] {
	case 0xC0:
		width = 2
	case 0xD0:
		width = 4
	case 0xE0:
		width = 8
	case 0xF0:
		width = 3
	case 0xFE:
		width = 1
	default:
		const from, to = 0xF1, 0xFD // 0 to 12
		return 0, int64(b[0]) - from, b[0] >= from && b[0] <= to
	}
	if len(b) < 1+width {
		return 0, 0, false
	}
	var word [8]byte
	copy(word[8-width:], b[1:1+width])
	return width, int64(binary.LittleEndian.Uint64(word[:])) >> (64 - 8*width), true //nolint:gosec // the sign is the top bit
}
