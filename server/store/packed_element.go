package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// Element is an element of a Packed: the integer Int, or the string Str.
type Element struct {
	Str   []byte
	Int   int64
	IsInt bool
}

// Append appends the text of the element to dst.
func (e Element) Append(dst []byte) []byte {
	if e.IsInt {
		return strconv.AppendInt(dst, e.Int, 10)
	}
	return append(dst, e.Str...)
}

// Is reports whether text is the text of the element.
func (e Element) Is(text []byte) bool {
	if !e.IsInt {
		return bytes.Equal(e.Str, text)
	}
	n, ok := ParseInt(text)
	return ok && n == e.Int
}

// First bytes of elements, as [Packed] shows them: an encoding has those from its own to the next one's.
const (
	packedStr6  = 0x80 // below: an integer of 7 bits
	packedInt13 = 0xC0
	packedStr12 = 0xE0
	packedStr32 = 0xF0
	packedInt16 = 0xF1
	packedInt24 = 0xF2
	packedInt32 = 0xF3
	packedInt64 = 0xF4 // above: none
)

// Lengths of strings that take the next longer encoding, in bytes.
const (
	packedShort = 1 << 6
	packedLong  = 1 << 12
)

// packedHead is the size of an element's encoding, at the beginning of b, and of the string after it: 0 for an integer, which
// is all encoding. The first is 0 where there is no element, or b ends before its encoding does.
func packedHead(b []byte) (head, data int) {
	if len(b) == 0 {
		return 0, 0
	}
	switch c := b[0]; {
	case c < packedStr6:
		return 1, 0
	case c < packedInt13:
		return 1, int(c &^ packedStr6)
	case c < packedStr12:
		head = 2
	case c < packedStr32:
		if len(b) < 2 {
			return 0, 0
		}
		return 2, int(c&^packedStr12)<<8 | int(b[1])
	case c == packedStr32:
		if len(b) < 5 {
			return 0, 0
		}
		return 5, int(binary.LittleEndian.Uint32(b[1:]))
	case c <= packedInt32:
		head = int(c-packedInt16) + 3
	case c == packedInt64:
		head = 9
	}
	if head > len(b) {
		return 0, 0
	}
	return head, 0
}

// packedInt is the integer that b begins with, in an encoding of head bytes; or false for a string.
func packedInt(b []byte, head int) (int64, bool) {
	switch c := b[0]; {
	case c < packedStr6:
		return int64(c), true
	case c >= packedInt13 && c < packedStr12:
		return signed(uint64(c&^packedInt13)<<8|uint64(b[1]), 13), true
	case c >= packedInt16:
		var n uint64
		for i := head - 1; i > 0; i-- {
			n = n<<8 | uint64(b[i])
		}
		return signed(n, (head-1)*8), true
	}
	return 0, false
}

// signed is the integer of which n has the lowest bits.
func signed(n uint64, bits int) int64 {
	unused := 64 - bits
	return int64(n<<unused) >> unused //nolint:gosec // the top bit is the sign, as wanted
}

// packedElement is an element before it is in a Packed.
type packedElement struct {
	text []byte // of a string
	num  int64
	head int // bytes of the encoding
	kind byte
}

// packText is the element for a string.
func packText(s []byte) packedElement {
	if n, ok := ParseInt(s); ok {
		return packInt(n)
	}
	switch n := len(s); {
	case n < packedShort:
		return packedElement{text: s, head: 1, kind: packedStr6}
	case n < packedLong:
		return packedElement{text: s, head: 2, kind: packedStr12}
	}
	return packedElement{text: s, head: 5, kind: packedStr32}
}

// packInt is the element for an integer.
func packInt(n int64) packedElement {
	switch magnitude := n ^ n>>63; { // without its sign: as many bits as n needs beside that
	case n >= 0 && n < 1<<7:
		return packedElement{num: n, head: 1}
	case magnitude < 1<<12:
		return packedElement{num: n, head: 2, kind: packedInt13}
	case magnitude <= math.MaxInt16:
		return packedElement{num: n, head: 3, kind: packedInt16}
	case magnitude < 1<<23:
		return packedElement{num: n, head: 4, kind: packedInt24}
	case magnitude <= math.MaxInt32:
		return packedElement{num: n, head: 5, kind: packedInt32}
	}
	return packedElement{num: n, head: 9, kind: packedInt64}
}

// total is the element's size in bytes.
func (e packedElement) total() int {
	n := e.head + len(e.text)
	return n + backlenSize(n)
}

// put writes the element to the beginning of b, which has room.
func (e packedElement) put(b []byte) {
	n := len(e.text)
	switch e.kind {
	case 0:
		b[0] = byte(e.num)
	case packedInt13:
		b[0], b[1] = packedInt13|byte(e.num>>8)&0x1F, byte(e.num)
	case packedStr6:
		b[0] = packedStr6 | byte(n)
	case packedStr12:
		b[0], b[1] = packedStr12|byte(n>>8), byte(n)
	case packedStr32:
		b[0] = packedStr32
		binary.LittleEndian.PutUint32(b[1:], uint32(n)) //nolint:gosec // PackedMax
	default:
		b[0] = e.kind
		for i := 1; i < e.head; i++ {
			b[i] = byte(e.num >> (8 * (i - 1)))
		}
	}
	putBacklen(b[e.head+copy(b[e.head:], e.text):], e.head+n)
}

// backlenSize is the size of the backlen for n bytes, in bytes. The greatest number that 2, 3 or 4 bytes could hold has one more
// in Redis, and so here: 16383 has three.
func backlenSize(n int) int {
	switch {
	case n < 1<<7:
		return 1
	case n < 1<<14-1:
		return 2
	case n < 1<<21-1:
		return 3
	case n < 1<<28-1:
		return 4
	}
	return 5
}

// putBacklen writes the backlen for n bytes to the beginning of b.
func putBacklen(b []byte, n int) {
	for i := backlenSize(n) - 1; i > 0; i-- {
		b[i] = byte(n) | 0x80
		n >>= 7
	}
	b[0] = byte(n)
}

// readBacklen reads the backlen that b ends with, and answers its size in bytes too.
func readBacklen(b []byte) (n, size int) {
	for {
		c := b[len(b)-1-size]
		n |= int(c&0x7F) << (7 * size)
		size++
		if c < 0x80 {
			return n, size
		}
	}
}

// ErrPacked says that bytes are no Packed; errors of Check wrap it, and say why.
var ErrPacked = errors.New("store: not a packed collection")

var (
	errPackedHeader  = fmt.Errorf("%w: the header or the end is wrong", ErrPacked)
	errPackedElement = fmt.Errorf("%w: an element is wrong", ErrPacked)
	errPackedBacklen = fmt.Errorf("%w: the length behind an element is wrong", ErrPacked)
	errPackedCount   = fmt.Errorf("%w: the number of elements is wrong", ErrPacked)
	errPackedMany    = fmt.Errorf("%w: too many elements", ErrPacked)
)

// Check answers b as a Packed once all of it is one, of maxElements at most: otherwise an error that wraps ErrPacked. It is for
// bytes from elsewhere, as RESTORE has them: nothing that is done with the answer reads outside it. Elements need not have their
// shortest encoding, as Redis does not demand it either.
func Check(b []byte, maxElements int) (Packed, error) {
	if len(b) <= packedHeader || len(b) > PackedMax ||
		int(binary.LittleEndian.Uint32(b)) != len(b) || b[len(b)-1] != packedEnd {
		return nil, errPackedHeader
	}
	p := Packed(b)
	n := 0
	for pos := packedHeader; pos < len(b)-1; n++ {
		if n >= maxElements {
			return nil, errPackedMany
		}
		rest := b[pos : len(b)-1]
		head, data := packedHead(rest)
		size := head + data
		if head == 0 || size+backlenSize(size) > len(rest) {
			return nil, errPackedElement
		}
		var backlen [5]byte
		putBacklen(backlen[:], size)
		if !bytes.Equal(rest[size:size+backlenSize(size)], backlen[:backlenSize(size)]) {
			return nil, errPackedBacklen
		}
		pos += size + backlenSize(size)
	}
	if c := p.count(); c != n && c != packedUncounted {
		return nil, errPackedCount
	}
	return p, nil
}
