package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Intset is a small set of integers in one run of bytes, in Redis's format: what DUMP and RESTORE of such a set copy as it is.
//
//	+----------+------------+---------+---------+-----+---------+
//	| width, 4 | members, 4 | integer | integer | ... | integer |
//	+----------+------------+---------+---------+-----+---------+
//
// The integers ascend. All have the same width in bytes: 2, 4 or 8, as wide as the widest that was ever among them; it does not
// shrink again. Numbers are little endian.
//
// Finding a member is a binary search; adding and removing one moves those behind it.
//
// Source: https://github.com/redis/redis/blob/7.2/src/intset.h; that redis-server's is the same is tested.
type Intset []byte

const (
	intsetHeader = 8       // bytes before the first integer
	intsetMost   = 1 << 30 // members, whatever set-max-intset-entries says: so many of 8 bytes are more than 4 GB
	intsetNarrow = 2       // bytes of an integer, at least
	intsetWidest = 8
	intsetNumber = 4 // bytes of a number in the header
)

// newIntset answers an empty Intset in the room of buf, from its beginning, or in a new slice where that is too small.
func newIntset(buf []byte) Intset { return append(buf[:0], intsetNarrow, 0, 0, 0, 0, 0, 0, 0) }

// Len is the number of members; of nil it is 0.
func (s Intset) Len() int {
	if s == nil {
		return 0
	}
	return int(binary.LittleEndian.Uint32(s[intsetNumber:]))
}

func (s Intset) width() int { return int(s[0]) }

func (s Intset) setLen(n int) { binary.LittleEndian.PutUint32(s[intsetNumber:], uint32(n)) } //nolint:gosec // intsetMost

// At is the member that has the number i, from 0 on, in ascending order.
func (s Intset) At(i int) int64 { return s.as(s.width(), i) }

// as is the integer number i of a run of integers of a width.
func (s Intset) as(width, i int) int64 {
	b := s[intsetHeader+i*width:]
	switch width {
	case intsetNarrow:
		return int64(int16(binary.LittleEndian.Uint16(b))) //nolint:gosec // the top bit is the sign, as wanted
	case intsetWidest:
		return int64(binary.LittleEndian.Uint64(b)) //nolint:gosec // so here
	}
	return int64(int32(binary.LittleEndian.Uint32(b))) //nolint:gosec // and here
}

func (s Intset) put(width, i int, v int64) {
	b := s[intsetHeader+i*width:]
	switch width {
	case intsetNarrow:
		binary.LittleEndian.PutUint16(b, uint16(v)) //nolint:gosec // the width is that of v at least
	case intsetWidest:
		binary.LittleEndian.PutUint64(b, uint64(v)) //nolint:gosec // the sign is the top bit
	default:
		binary.LittleEndian.PutUint32(b, uint32(v)) //nolint:gosec // as above
	}
}

// intWidth is how many bytes an integer has in an Intset, at least.
func intWidth(v int64) int {
	switch {
	case v == int64(int16(v)):
		return intsetNarrow
	case v == int64(int32(v)):
		return 4
	}
	return intsetWidest
}

// Find is the number of the member v, or of the least one above it, and false.
func (s Intset) Find(v int64) (i int, found bool) {
	width, low, high := s.width(), 0, s.Len()
	if high == 0 || v > s.as(width, high-1) {
		return high, false // what is added is often the greatest
	}
	for low < high {
		mid := int(uint(low+high) >> 1)
		if s.as(width, mid) < v {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low, s.as(width, low) == v
}

// grown is how many bytes there are to be with one more member, v.
func (s Intset) grown(v int64) int { return intsetHeader + (s.Len()+1)*max(s.width(), intWidth(v)) }

// insert adds v, which is not there and belongs before number i. s has grown(v) bytes, of which the first are the set as it is.
func (s Intset) insert(i int, v int64) {
	n, was, width := s.Len(), s.width(), max(s.width(), intWidth(v))
	if width == was {
		at := intsetHeader + i*width
		copy(s[at+width:], s[at:intsetHeader+n*width])
	} else { // the widest is the least of all, or the greatest
		for j := n - 1; j >= 0; j-- {
			to := j
			if j >= i {
				to++
			}
			s.put(width, to, s.as(was, j))
		}
		s[0] = byte(width)
	}
	s.put(width, i, v)
	s.setLen(n + 1)
}

// Add adds v, in place where the capacity suffices, and answers the set; or false where v is in it already.
func (s Intset) Add(v int64) (Intset, bool) {
	i, found := s.Find(v)
	if found {
		return s, false
	}
	n := s.grown(v)
	s = slices.Grow(s, n-len(s))[:n]
	s.insert(i, v)
	return s, true
}

// remove takes the member number i out and answers what is left, in place.
func (s Intset) remove(i int) Intset {
	width := s.width()
	at := intsetHeader + i*width
	copy(s[at:], s[at+width:])
	s.setLen(s.Len() - 1)
	return s[:len(s)-width]
}

// longest is the length of the longest decimal form of a member in bytes.
func (s Intset) longest() int {
	n := s.Len()
	if n == 0 {
		return 0
	}
	return max(decimalLen(s.At(0)), decimalLen(s.At(n-1)))
}

// ErrIntset says that bytes are no Intset; errors of CheckIntset wrap it, and say why.
var ErrIntset = errors.New("store: not a set of integers")

var (
	errIntsetHeader = fmt.Errorf("%w: the header or the length is wrong", ErrIntset)
	errIntsetOrder  = fmt.Errorf("%w: the integers do not ascend", ErrIntset)
)

// CheckIntset answers b as an Intset once all of it is one, and not empty: otherwise an error that wraps ErrIntset. It is for
// bytes from elsewhere, as RESTORE has them.
func CheckIntset(b []byte) (Intset, error) {
	if len(b) <= intsetHeader || len(b) > math.MaxUint32 {
		return nil, errIntsetHeader
	}
	width, n := uint64(binary.LittleEndian.Uint32(b)), uint64(binary.LittleEndian.Uint32(b[intsetNumber:]))
	if width != intsetNarrow && width != 4 && width != intsetWidest || n == 0 || intsetHeader+n*width != uint64(len(b)) {
		return nil, errIntsetHeader
	}
	s := Intset(b)
	for i := 1; i < int(n); i++ {
		if s.At(i-1) >= s.At(i) {
			return nil, errIntsetOrder
		}
	}
	return s, nil
}
