package store

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// Packed is a small collection in one run of bytes, in Redis's listpack format: what DUMP and RESTORE of such a collection
// copy as it is.
//
//	+----------------+-----------------+---------+---------+-----+---------+------+
//	| bytes, 4       | elements, 2     | element | element | ... | element | 0xFF |
//	+----------------+-----------------+---------+---------+-----+---------+------+
//	  of all of this   65535: unknown,     |
//	                   count them          +--> | encoding | data | backlen |
//
// An element is a string, or an integer where the string is the canonical decimal form of an int64, in the shortest of these
// encodings that holds it. Numbers are little endian but for those of 12 and 13 bits, whose high bits come first.
//
//	0nnnnnnn                    an integer from 0 to 127
//	10llllll                    a string of up to 63 bytes
//	110nnnnn nnnnnnnn           an integer of 13 bits, with its sign
//	1110llll llllllll           a string of up to 4095 bytes
//	0xF0 and 4 bytes            a longer string
//	0xF1 and 2 bytes, 0xF2 and 3, 0xF3 and 4, 0xF4 and 8: an integer with its sign
//
// The backlen is the length of encoding and data, for who comes from the right: 7 bits a byte, the lowest in the last, and the
// top bit says that more are to the left. See [backlenSize] for how many there are.
//
// Whatever finds its way to an element walks there, a step an element, so a collection is better something else before it has
// many. Those methods that change it do so in place where its capacity suffices, and answer it: the receiver is of no more use.
// What is in the keyspace must not be changed so: copy it first. They panic where it would get longer than [PackedMax] (see
// Fits) or where no element begins at a position, and for no content.
//
// Source: https://github.com/antirez/listpack/blob/master/listpack.md; that redis-server's is the same is tested.
type Packed []byte

// PackedMax is the most bytes of a Packed: 1 GB, as Redis has it. Its length has 4 bytes, so this leaves a factor of four.
const PackedMax = 1 << 30

const (
	packedHeader    = 6         // bytes before the first element
	packedEnd       = 0xFF      // after the last one
	packedUncounted = 1<<16 - 1 // in place of the number of elements, where that is as many or more, or unknown
	packedOverhead  = 10        // bytes of an element beside its string, at most: encoding 5, backlen 5
	packedMinimum   = 2         // bytes of an element, at least
)

// Pos is where an element begins in a Packed, in bytes, or where the elements end. It is good until the Packed is changed.
type Pos int

// NewPacked answers an empty Packed in the room of buf, from its beginning, or in a new slice where that is too small.
func NewPacked(buf []byte) Packed {
	return append(buf[:0], packedHeader+1, 0, 0, 0, 0, 0, packedEnd)
}

// Bytes is its length in bytes.
func (p Packed) Bytes() int { return len(p) }

// Fits reports whether an element of n bytes may be added or put in place of another.
func (p Packed) Fits(n int) bool { return n <= PackedMax-packedOverhead-len(p) }

// Len is the number of elements. From 65535 on it counts them.
func (p Packed) Len() int {
	if n := p.count(); n != packedUncounted {
		return n
	}
	return p.walked()
}

// count is the number of elements in the header.
func (p Packed) count() int { return int(binary.LittleEndian.Uint16(p[4:])) }

// walked is the number of elements, counted.
func (p Packed) walked() int {
	n := 0
	for pos := p.First(); !p.AtEnd(pos); pos = p.after(pos) {
		n++
	}
	return n
}

// end is the position behind the last element.
func (p Packed) end() Pos { return Pos(len(p) - 1) }

// after is the position behind the element at pos.
func (p Packed) after(pos Pos) Pos {
	if c := p[pos]; c < packedInt13 && c >= packedStr6 { // as most are: one byte before the string, and one after it
		return pos + 2 + Pos(c&^packedStr6)
	}
	head, data := p.head(pos)
	return behind(pos, head+data)
}

// behind is the position behind an element at pos with size bytes of encoding and data.
func behind(pos Pos, size int) Pos { return pos + Pos(size+backlenSize(size)) }

// head is the size of the encoding and of the data of the element at pos.
func (p Packed) head(pos Pos) (head, data int) {
	head, data = packedHead(p[pos:])
	if head == 0 {
		panic("store: no element begins at this position of a packed collection")
	}
	return head, data
}

// AtEnd reports whether pos is behind the last element, where there is none.
func (p Packed) AtEnd(pos Pos) bool { return pos == p.end() }

// First is the position of the first element, or the end where there is none.
func (p Packed) First() Pos { return packedHeader }

// Last is the position of the last element, or the end where there is none.
func (p Packed) Last() Pos {
	pos, _ := p.Prev(p.end())
	return pos
}

// Next is the position of the element after that at pos. Where there is none it is the end, and false.
func (p Packed) Next(pos Pos) (Pos, bool) {
	if p.AtEnd(pos) {
		return pos, false
	}
	pos = p.after(pos)
	return pos, !p.AtEnd(pos)
}

// Prev is the position of the element before that at pos, or before the end. Where there is none it is pos, and false.
func (p Packed) Prev(pos Pos) (Pos, bool) {
	if pos <= packedHeader {
		return pos, false
	}
	n, size := readBacklen(p[:pos])
	return pos - Pos(n+size), true
}

// Seek is the position of the element that has a number: from 0 on from the first, from -1 down from the last. Where there is
// none it is the end, and false.
func (p Packed) Seek(index int) (Pos, bool) {
	if n := p.count(); n != packedUncounted { // come from the nearer end
		switch {
		case index >= n || index < -n:
			return p.end(), false
		case index > n/2:
			index -= n
		case index < -n/2:
			index += n
		}
	}
	if index < 0 {
		pos, ok := p.Prev(p.end())
		for ; ok && index < -1; index++ {
			pos, ok = p.Prev(pos)
		}
		if !ok {
			return p.end(), false
		}
		return pos, true
	}
	pos := p.First()
	for ; index > 0 && !p.AtEnd(pos); index-- {
		pos = p.after(pos)
	}
	return pos, !p.AtEnd(pos)
}

// At is the element at pos. Its string is a part of p.
func (p Packed) At(pos Pos) Element {
	head, data := p.head(pos)
	b := p[pos:]
	if n, ok := packedInt(b, head); ok {
		return Element{Int: n, IsInt: true}
	}
	return Element{Str: b[head : head+data : head+data]}
}

// Find is the position of the first element that is the string elem, among that at from and every skip+1st after it: with a
// skip of 1 it looks at the fields of a hash and not at the values. Where there is none it is the end, and false.
func (p Packed) Find(from Pos, skip int, elem []byte) (Pos, bool) {
	want, isInt := ParseInt(elem)
	for pos, end := from, p.end(); pos != end; {
		head, data := p.head(pos)
		b := p[pos:]
		if data == len(elem) && bytes.Equal(b[head:head+data], elem) && p.At(pos).Is(elem) {
			return pos, true // Is knows the empty string from an integer, which has no data either
		}
		if isInt && data == 0 {
			if n, ok := packedInt(b, head); ok && n == want {
				return pos, true
			}
		}
		pos = behind(pos, head+data)
		for i := 0; i < skip && pos != end; i++ {
			pos = p.after(pos)
		}
	}
	return p.end(), false
}

// Append adds an element at the end. It may be a part of p.
func (p Packed) Append(elem []byte) Packed { return p.splice(p.end(), 0, packText(elem)) }

// AppendInt is Append of an integer's decimal form.
func (p Packed) AppendInt(n int64) Packed { return p.splice(p.end(), 0, packInt(n)) }

// Insert adds an element before or after that at pos, so that pos is then its position, or still that of the other. Before the
// end is where Append adds. The element must not be a part of p.
func (p Packed) Insert(pos Pos, before bool, elem []byte) Packed {
	if !before {
		pos = p.after(pos)
	}
	return p.splice(pos, 0, packText(elem))
}

// Replace puts an element in the place of that at pos, and answers the position of the next one, or the end. The element must
// not be a part of p.
func (p Packed) Replace(pos Pos, elem []byte) (Packed, Pos) {
	next := p.after(pos)
	e := packText(elem)
	return p.splice(pos, int(next-pos), e), pos + Pos(e.total())
}

// splice puts e in the place of the old bytes at pos: one element, or none where old is 0.
func (p Packed) splice(pos Pos, old int, e packedElement) Packed {
	size := e.total()
	grow := size - old
	if grow > PackedMax-len(p) {
		panic("store: a packed collection gets too long")
	}
	was := len(p)
	if grow > 0 {
		p = slices.Grow(p, grow)[:was+grow]
	}
	copy(p[int(pos)+size:], p[int(pos)+old:was])
	p = p[:was+grow]
	e.put(p[pos:])
	added := 0
	if old == 0 {
		added = 1
	}
	p.setHeader(added)
	return p
}

// Delete removes n elements from that at pos on, or as many as there are. Then pos is the position of what came after them, or
// the end.
func (p Packed) Delete(pos Pos, n int) Packed {
	next, gone := pos, 0
	for ; gone < n && !p.AtEnd(next); gone++ {
		next = p.after(next)
	}
	if gone == 0 {
		return p
	}
	p = append(p[:pos], p[next:]...)
	p.setHeader(-gone)
	return p
}

// recount sets the header after the length has changed, where the number of elements is known.
func (p Packed) recount(n int) {
	binary.LittleEndian.PutUint32(p, uint32(len(p)))                      //nolint:gosec // PackedMax
	binary.LittleEndian.PutUint16(p[4:], uint16(min(n, packedUncounted))) //nolint:gosec // packedUncounted
}

// setHeader sets the header after the length has changed, and the number of elements by added. An unknown number gets known
// once there is no room for so many: so that is counted one time, not at each Len.
func (p Packed) setHeader(added int) {
	binary.LittleEndian.PutUint32(p, uint32(len(p))) //nolint:gosec // PackedMax
	n := p.count()
	switch {
	case n != packedUncounted:
		n = min(n+added, packedUncounted)
	case added < 0 && len(p) < packedHeader+1+packedUncounted*packedMinimum:
		n = p.walked()
	}
	binary.LittleEndian.PutUint16(p[4:], uint16(n)) //nolint:gosec // packedUncounted
}
