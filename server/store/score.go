package store

import (
	"bytes"
	"math"
	"strconv"
	"unsafe"
)

// ParseScore reads a score as Redis does: what C's strtod takes of the whole text, decimal or hexadecimal, "inf" and "infinity" in
// any case, but no space before it, no NaN, and nothing beyond the range of a float64 (of its denormals, those that are not 0). It does
// not allocate.
func ParseScore(text []byte) (float64, bool) {
	f, ok, inRange := parseFloat(text)
	return f, ok && inRange
}

// ParseScoreBound is ParseScore for one end of a range of scores, where Redis takes more: what stands before a NUL, spaces before the
// number, no number at all for 0; and beyond the range is infinity, or 0.
func ParseScoreBound(text []byte) (float64, bool) {
	if i := bytes.IndexByte(text, 0); i >= 0 {
		text = text[:i]
	}
	if len(text) == 0 {
		return 0, true
	}
	f, ok, _ := parseFloat(bytes.TrimLeft(text, " \t\n\v\f\r"))
	return f, ok
}

// parseFloat reads a number that fills the text; inRange tells whether a float64 can hold it, but for its rounding.
func parseFloat(text []byte) (f float64, ok, inRange bool) {
	if n, small := smallDecimal(text); small {
		return n, true, true
	}
	if len(text) == 0 || bytes.IndexByte(text, '_') >= 0 { // which ParseFloat takes in hexadecimals
		return 0, false, false
	}
	digits := text
	if c := text[0]; c == '+' || c == '-' {
		digits = text[1:]
	}
	if len(digits) > 2 && digits[0] == '0' && digits[1]|0x20 == 'x' && !bytes.ContainsAny(digits, "pP") {
		text = append(append(make([]byte, 0, len(text)+2), text...), "p0"...) // ParseFloat wants an exponent
	}
	f, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(text), len(text)), 64)
	switch {
	case math.IsNaN(f):
		return 0, false, false
	case err != nil:
		return f, math.IsInf(f, 0), false // a syntax error comes with 0
	}
	return f, true, f != 0 || !bytes.ContainsAny(mantissa(digits), "123456789abcdefABCDEF")
}

// mantissa is what of a number's digits stands before the exponent.
func mantissa(digits []byte) []byte {
	marks := "eE"
	if len(digits) > 1 && digits[1]|0x20 == 'x' {
		marks = "pP"
	}
	if i := bytes.IndexAny(digits, marks); i >= 0 {
		return digits[:i]
	}
	return digits
}

// smallDecimal reads an integer of up to 15 digits, as most scores are: so many are exact.
func smallDecimal(text []byte) (float64, bool) {
	digits := text
	if len(digits) > 0 && digits[0] == '-' {
		digits = digits[1:]
	}
	if len(digits) == 0 || len(digits) > 15 {
		return 0, false
	}
	n := int64(0)
	for _, c := range digits {
		if c -= '0'; c > 9 {
			return 0, false
		}
		n = n*10 + int64(c)
	}
	f := float64(n)
	if len(digits) < len(text) {
		f = -f // also of 0
	}
	return f, true
}

// scoreInts is up to which magnitude packed scores that are integers are written as such: half the range of an int64, as Redis.
const scoreInts = 1 << 62

// scoreInt is a score as an integer, if it is written as one.
func scoreInt(f float64) (int64, bool) {
	if f >= -scoreInts && f <= scoreInts {
		n := int64(f)
		return n, float64(n) == f
	}
	return 0, false
}

// maxScoreText is the longest score in bytes: sign, digit, point, 16 digits, e-308.
const maxScoreText = 32

// appendScore appends a score that is no integer as Redis packs it: C's %.17g.
func appendScore(dst []byte, f float64) []byte {
	switch {
	case math.IsInf(f, 1):
		return append(dst, "inf"...)
	case math.IsInf(f, -1):
		return append(dst, "-inf"...)
	}
	return strconv.AppendFloat(dst, f, 'g', 17, 64)
}

// AppendScore appends a score as Redis shows it in ZSCAN of a packed set.
func AppendScore(dst []byte, f float64) []byte {
	if n, ok := scoreInt(f); ok {
		return strconv.AppendInt(dst, n, 10)
	}
	return appendScore(dst, f)
}

// scoreOf is the score that an element of a packed set holds, which was checked when it came there.
func scoreOf(e Element) float64 {
	if e.IsInt {
		return float64(e.Int)
	}
	f, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(e.Str), len(e.Str)), 64)
	if err != nil {
		f, _ = ParseScore(e.Str) // as a payload may have it
	}
	return f
}
