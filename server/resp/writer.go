package resp

import (
	"math"
	"strconv"

	"github.com/tidwall/redcon"
)

// Writer appends replies to B in the protocol version Proto: 2, or 3; what RESP3 alone knows is written in RESP2 as Redis 7
// does. The zero value writes RESP2. A Writer is a value: whoever owns the buffer lends it by setting B, and takes B back.
//
// Aggregates are written as a header followed by as many elements as it announces, each written by a call of its own.
type Writer struct {
	B     []byte
	Proto int
}

// OK writes +OK.
func (w *Writer) OK() { w.B = redcon.AppendOK(w.B) }

// Simple writes a simple string; line ends in it become spaces.
func (w *Writer) Simple(s string) { w.B = redcon.AppendString(w.B, s) }

// Error writes an error: s is its code and text without the leading '-'; line ends in it become spaces.
func (w *Writer) Error(s string) { w.B = redcon.AppendError(w.B, s) }

// ErrorBytes is [Writer.Error] for a text in bytes.
func (w *Writer) ErrorBytes(s []byte) {
	w.B = append(w.B, '-')
	at := len(w.B)
	w.B = append(w.B, s...)
	for i, c := range w.B[at:] {
		if c == '\r' || c == '\n' {
			w.B[at+i] = ' '
		}
	}
	w.B = append(w.B, '\r', '\n')
}

// Int writes an integer.
func (w *Writer) Int(n int64) { w.B = redcon.AppendInt(w.B, n) }

// Bulk writes a string of any bytes; a nil one is an empty string, not a null.
func (w *Writer) Bulk(b []byte) { w.B = redcon.AppendBulk(w.B, b) }

// BulkString is [Writer.Bulk] for a string.
func (w *Writer) BulkString(s string) { w.B = redcon.AppendBulkString(w.B, s) }

// BulkInt writes n in decimal as a string.
func (w *Writer) BulkInt(n int64) {
	var buf [20]byte // the longest int64: a sign and 19 digits
	w.B = redcon.AppendBulk(w.B, strconv.AppendInt(buf[:0], n, 10))
}

// Null writes the absence of a value; in RESP2, a null string.
func (w *Writer) Null() {
	if w.Proto == 3 {
		w.B = append(w.B, "_\r\n"...)
		return
	}
	w.B = redcon.AppendNull(w.B)
}

// NullArray writes the absence of a value where RESP2 has a null array.
func (w *Writer) NullArray() {
	if w.Proto == 3 {
		w.B = append(w.B, "_\r\n"...)
		return
	}
	w.B = append(w.B, "*-1\r\n"...)
}

// Array announces an array of n elements.
func (w *Writer) Array(n int) { w.B = redcon.AppendArray(w.B, n) }

// Map announces a map of n pairs: 2n elements follow, each key before its value. In RESP2, an array of 2n.
func (w *Writer) Map(n int) {
	if w.Proto == 3 {
		w.header('%', n)
		return
	}
	w.Array(2 * n)
}

// Set announces a set of n elements. In RESP2, an array.
func (w *Writer) Set(n int) { w.header3('~', n) }

// Push announces a message of n elements that answers no request. In RESP2, an array.
func (w *Writer) Push(n int) { w.header3('>', n) }

// Attribute announces n pairs of facts about the reply that follows them. RESP2 has no place for them: there it answers
// false, writes nothing, and the pairs must be left out.
func (w *Writer) Attribute(n int) bool {
	if w.Proto != 3 {
		return false
	}
	w.header('|', n)
	return true
}

// InsertArray puts the header of an array of n elements at offset at of B, in front of what was written since len(B) was at:
// for arrays whose length is known only at their end. It moves those bytes, so it is for replies that are short or rare.
func (w *Writer) InsertArray(at, n int) {
	end := len(w.B)
	w.Array(n)
	w.insert(at, end)
}

// InsertSet is InsertArray of a set. In RESP2, an array.
func (w *Writer) InsertSet(at, n int) {
	end := len(w.B)
	w.Set(n)
	w.insert(at, end)
}

// InsertBulk makes one string of what was appended to B since len(B) was at: for strings that are built where they go. It moves
// those bytes once.
func (w *Writer) InsertBulk(at int) {
	end := len(w.B)
	w.header('$', end-at)
	w.insert(at, end)
	w.B = append(w.B, '\r', '\n')
}

// insert moves a header, which B has from offset end on, to offset at.
func (w *Writer) insert(at, end int) {
	head := len(w.B) - end
	var buf [24]byte // the longest header: type, 20 digits, line end
	copy(buf[:], w.B[end:])
	copy(w.B[at+head:], w.B[at:end])
	copy(w.B[at:], buf[:head])
}

// Double writes a floating-point number with 17 significant digits, as Redis 7.0 does: 0.1 reads 0.10000000000000001.
// In RESP2, a string.
func (w *Writer) Double(f float64) {
	var buf [32]byte // the longest: sign, digit, point, 16 digits, e-308
	s := AppendDouble(buf[:0], f)
	if w.Proto != 3 {
		w.Bulk(s)
		return
	}
	w.B = append(w.B, ',')
	w.B = append(w.B, s...)
	w.B = append(w.B, '\r', '\n')
}

// AppendDouble appends f as Redis 7.0 prints doubles in replies: C's %.17g, and inf, -inf, nan.
func AppendDouble(dst []byte, f float64) []byte {
	const exact = 1 << 53 // up to here integers print the same way with and without the detour over a float
	switch {
	case math.IsInf(f, 1):
		return append(dst, "inf"...)
	case math.IsInf(f, -1):
		return append(dst, "-inf"...)
	case math.IsNaN(f):
		return append(dst, "nan"...)
	case f > -exact && f < exact && f == math.Trunc(f) && (f != 0 || !math.Signbit(f)):
		return strconv.AppendInt(dst, int64(f), 10)
	}
	return strconv.AppendFloat(dst, f, 'g', 17, 64)
}

// Bool writes a truth value. In RESP2, :1 or :0.
func (w *Writer) Bool(v bool) {
	switch {
	case w.Proto == 3 && v:
		w.B = append(w.B, "#t\r\n"...)
	case w.Proto == 3:
		w.B = append(w.B, "#f\r\n"...)
	case v:
		w.Int(1)
	default:
		w.Int(0)
	}
}

// BigNumber writes an integer of any size, given in decimal. In RESP2, a string.
func (w *Writer) BigNumber(decimal string) {
	if w.Proto != 3 {
		w.BulkString(decimal)
		return
	}
	w.B = append(w.B, '(')
	w.B = append(w.B, decimal...)
	w.B = append(w.B, '\r', '\n')
}

// Verbatim writes a text with its format, three characters such as "txt" or "mkd" (cut or filled with spaces to three).
// In RESP2, a string without the format.
func (w *Writer) Verbatim(format, text string) {
	if w.Proto != 3 {
		w.BulkString(text)
		return
	}
	const prefix = 4 // the format and a colon
	w.header('=', len(text)+prefix)
	for i := range prefix - 1 {
		if i < len(format) {
			w.B = append(w.B, format[i])
		} else {
			w.B = append(w.B, ' ')
		}
	}
	w.B = append(w.B, ':')
	w.B = append(w.B, text...)
	w.B = append(w.B, '\r', '\n')
}

// Raw appends bytes that are RESP already.
func (w *Writer) Raw(p []byte) { w.B = append(w.B, p...) }

// header3 announces n elements of an aggregate that RESP2 writes as an array.
func (w *Writer) header3(kind byte, n int) {
	if w.Proto == 3 {
		w.header(kind, n)
		return
	}
	w.Array(n)
}

func (w *Writer) header(kind byte, n int) { w.B = appendHeader(w.B, kind, n) }

// appendHeader appends a line of a type and a number.
func appendHeader(dst []byte, kind byte, n int) []byte {
	dst = append(dst, kind)
	dst = strconv.AppendInt(dst, int64(n), 10)
	return append(dst, '\r', '\n')
}
