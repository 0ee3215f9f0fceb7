package resp

import "math"

// parseInt reads an integer as strictly as Redis does (string2ll): an optional '-', then digits without leading zeros, all of
// it within int64. Every integer has one spelling, which Reader.rebase relies on.
func parseInt(s []byte) (n int64, ok bool) {
	if len(s) == 1 && s[0] == '0' {
		return 0, true
	}
	neg := len(s) > 0 && s[0] == '-'
	if neg {
		s = s[1:]
	}
	const maxDigits = 19 // of an int64
	if len(s) == 0 || len(s) > maxDigits || s[0] == '0' {
		return 0, false
	}
	var u uint64 // 19 digits always fit
	for _, c := range s {
		d := c - '0'
		if d > 9 {
			return 0, false
		}
		u = u*10 + uint64(d)
	}
	switch {
	case neg && u <= math.MaxInt64+1:
		return -int64(u), true
	case !neg && u <= math.MaxInt64:
		return int64(u), true
	}
	return 0, false
}

// digits answers the length of n in decimal; n must not be negative.
func digits(n int) int {
	d := 1
	for ; n >= 10; n /= 10 {
		d++
	}
	return d
}
