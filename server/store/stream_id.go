package store

import (
	"math"
	"strconv"
)

// StreamID is the id of an entry of a stream: a time in unix milliseconds, and a number within it.
type StreamID struct {
	Ms, Seq uint64
}

// MaxStreamID is the greatest id.
var MaxStreamID = StreamID{math.MaxUint64, math.MaxUint64}

// StreamIDText is the length of the longest id's text in bytes.
const StreamIDText = 2*20 + 1

// Less reports whether a comes before b.
func (a StreamID) Less(b StreamID) bool { return a.Ms < b.Ms || a.Ms == b.Ms && a.Seq < b.Seq }

// Compare answers -1, 0 or 1: a before b, the same, or after it.
func (a StreamID) Compare(b StreamID) int {
	switch {
	case a.Less(b):
		return -1
	case a == b:
		return 0
	}
	return 1
}

// Zero reports whether a is 0-0, which no entry has.
func (a StreamID) Zero() bool { return a == StreamID{} }

// Next is the id after a; false after the greatest.
func (a StreamID) Next() (StreamID, bool) {
	switch {
	case a.Seq < math.MaxUint64:
		a.Seq++
	case a.Ms < math.MaxUint64:
		a.Ms++
		a.Seq = 0
	default:
		return StreamID{}, false
	}
	return a, true
}

// Prev is the id before a; false before 0-0.
func (a StreamID) Prev() (StreamID, bool) {
	switch {
	case a.Seq > 0:
		a.Seq--
	case a.Ms > 0:
		a.Ms--
		a.Seq = math.MaxUint64
	default:
		return MaxStreamID, false
	}
	return a, true
}

// Append appends the text of the id to dst: "1526919030474-55".
func (a StreamID) Append(dst []byte) []byte {
	dst = strconv.AppendUint(dst, a.Ms, 10)
	dst = append(dst, '-')
	return strconv.AppendUint(dst, a.Seq, 10)
}

// String is the text of the id.
func (a StreamID) String() string { return string(a.Append(nil)) }
