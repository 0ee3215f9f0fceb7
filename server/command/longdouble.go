package command

import (
	"bytes"
	"math/big"

	"ringcache/server/resp"
)

// Redis adds floating-point numbers as the C type long double: on x86-64 the 80-bit format of the x87, with 64 bits of mantissa
// and 15 of exponent. It prints the sum with 17 digits after the point and strips trailing zeros. To answer the same digits,
// the sum is worked out in 64 bits of precision here, each operand rounded once, correctly, and the result rounded again.

const (
	mantissaBits = 64
	// Exponents (of two, of a mantissa in [0.5, 1)) between which the format holds a number; beyond are infinity and zero.
	maxExponent = 16384
	minExponent = -16445 + 1
	// maxFloatText is the longest text of a number in bytes, as Redis.
	maxFloatText = 5*1024 - 1
	// maxDecimalExponent bounds the written exponent: with at most maxFloatText digits before or after the point, anything
	// beyond is infinite or zero anyway, and need not be computed.
	maxDecimalExponent = 5000 + maxFloatText
)

// addFloats answers the sum of two decimal numbers as text, or the error reply.
func addFloats(a, b []byte) (sum []byte, errText string) {
	x, ok := parseLongDouble(a)
	if !ok {
		return nil, resp.ErrNotFloat
	}
	y, ok := parseLongDouble(b)
	if !ok {
		return nil, resp.ErrNotFloat
	}
	if x.IsInf() || y.IsInf() {
		return nil, resp.ErrNaN
	}
	z := new(big.Float).SetPrec(mantissaBits).Add(x, y)
	if z.MantExp(nil) > maxExponent {
		return nil, resp.ErrNaN
	}
	return formatLongDouble(z), ""
}

// formatLongDouble prints what C prints by "%.17Lf", without trailing zeros.
func formatLongDouble(z *big.Float) []byte {
	p := z.Append(nil, 'f', 17)
	p = bytes.TrimRight(p, "0")
	p = bytes.TrimSuffix(p, []byte("."))
	if string(p) == "-0" {
		return p[1:]
	}
	return p
}

// parseLongDouble reads what C's strtold reads, all of the text: decimal or hexadecimal, inf or infinity. NaN, and what is
// too large or too small for the format, is no number.
func parseLongDouble(s []byte) (*big.Float, bool) {
	if len(s) == 0 || len(s) > maxFloatText {
		return nil, false
	}
	neg := false
	if s[0] == '+' || s[0] == '-' {
		neg = s[0] == '-'
		s = s[1:]
	}
	if is(s, "inf") || is(s, "infinity") {
		return new(big.Float).SetInf(neg), true
	}
	base := 10
	if len(s) > 2 && s[0] == '0' && s[1]|0x20 == 'x' {
		base = 16
		s = s[2:]
	}
	digits, scale, ok := splitNumber(s, base)
	if !ok {
		return nil, false
	}
	mant, ok := new(big.Int).SetString(string(digits), base)
	if !ok {
		return nil, false
	}
	z := new(big.Float).SetPrec(mantissaBits)
	if mant.Sign() != 0 {
		if scale > maxDecimalExponent || scale < -maxDecimalExponent*4 {
			return nil, false
		}
		scaleNumber(z, mant, scale, base)
		if e := z.MantExp(nil); e > maxExponent || e < minExponent {
			return nil, false
		}
	}
	if neg {
		z.Neg(z)
	}
	return z, true
}

// splitNumber takes a number apart: its digits without the point, and the power of ten (base 10) or of two (base 16) by which
// they are to be multiplied. Powers far out of the format's range are cut, not computed.
func splitNumber(s []byte, base int) (digits []byte, scale int, ok bool) {
	mark, perDigit := byte('e'), 1
	if base == 16 {
		mark, perDigit = 'p', 4
	}
	point := false
	i := 0
mantissa:
	for ; i < len(s); i++ {
		switch d := s[i]; {
		case isDigit(d, base):
			digits = append(digits, d)
			if point {
				scale -= perDigit
			}
		case d == '.' && !point:
			point = true
		default:
			break mantissa
		}
	}
	if len(digits) == 0 {
		return nil, 0, false
	}
	if i == len(s) {
		return digits, scale, true
	}
	if s[i]|0x20 != mark {
		return nil, 0, false
	}
	exp, ok := smallInt(s[i+1:])
	return digits, scale + exp, ok
}

// smallInt reads an exponent: a sign or none, and digits. Beyond a hundred thousand the size no longer matters.
func smallInt(s []byte) (n int, ok bool) {
	const enough = 100_000
	neg := len(s) > 0 && s[0] == '-'
	if neg || len(s) > 0 && s[0] == '+' {
		s = s[1:]
	}
	for _, d := range s {
		if !isDigit(d, 10) {
			return 0, false
		}
		n = min(n*10+int(d-'0'), enough)
	}
	if neg {
		n = -n
	}
	return n, len(s) > 0
}

func isDigit(c byte, base int) bool {
	return c >= '0' && c <= '9' || base == 16 && c|0x20 >= 'a' && c|0x20 <= 'f'
}

// scaleNumber sets z to mant times 10 (or 2) to the power of scale, rounded once.
func scaleNumber(z *big.Float, mant *big.Int, scale, base int) {
	if base == 16 {
		z.SetInt(mant)
		z.SetMantExp(z, scale)
		return
	}
	power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(scale, -scale))), nil)
	if scale >= 0 {
		z.SetInt(mant.Mul(mant, power))
		return
	}
	z.SetRat(new(big.Rat).SetFrac(mant, power))
}
