package command

import (
	"bytes"
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"

	"ringcache/server/store"
)

// SORT reads scores by C's strtod, with what that brings along: spaces in front, hexadecimal digits, words for infinity, and an end at
// the first zero byte.

// sortScore reads all of a text as a score. Nothing at all is zero.
func sortScore(s []byte) (float64, bool) {
	if n, ok := store.ParseInt(s); ok { // nearly all
		return float64(n), true
	}
	if s = cString(s); len(s) == 0 {
		return 0, true
	}
	return parseNumber(bytes.TrimLeft(s, " \t\n\v\f\r"))
}

// cString is s up to its first zero byte: what C's functions see of it.
func cString(s []byte) []byte {
	if i := bytes.IndexByte(s, 0); i >= 0 {
		return s[:i]
	}
	return s
}

// parseNumber reads all of a text as strtod does. NaN is no number here, nor is what is too large for a double, or so close to zero
// that it loses digits.
func parseNumber(s []byte) (float64, bool) {
	text := string(s)
	f, err := strconv.ParseFloat(text, 64)
	if errors.Is(err, strconv.ErrSyntax) && bytes.ContainsAny(s, "xX") {
		text += "p0" // C does without
		f, err = strconv.ParseFloat(text, 64)
	}
	if err != nil || math.IsNaN(f) || bytes.IndexByte(s, '_') >= 0 || math.Abs(f) < minNormal && !exactly(text, f) {
		return 0, false
	}
	return f, true
}

const minNormal = 0x1p-1022

// exactly reports whether a number, zero or next to it, has all the digits of its text.
func exactly(text string, f float64) bool {
	const (
		prec    = 2048 // bits: twice those that any double has behind the point; what needs more has lost some
		longest = 4096 // digits, which take their square in time
	)
	if digits := strings.TrimLeft(text, "+-0xX."); digits == "" || strings.ContainsAny(digits[:1], "eEpP") {
		return true // nothing but zeros
	}
	if len(text) > longest {
		return false
	}
	z, _, err := big.ParseFloat(text, 0, prec, big.ToNearestEven)
	return err == nil && z.Cmp(big.NewFloat(f)) == 0
}
