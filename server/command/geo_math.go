package command

import "math"

// Sine, cosine and arc sine, rounded correctly in all but some ten-thousandths of cases.
//
// GEOSEARCHSTORE STOREDIST makes distances scores, with all their digits. The C library that redis-server calls rounds its functions
// to within a hair of correctly; those of package math are off by a unit in the last place now and then, which shows. Hence:
//
//   - sin(x) = sin(a)·cos(r) + cos(a)·sin(r), where a is the multiple of 1/64 next to x, and r = x-a, which is exact, at most 1/128.
//     The table has sin(a) and cos(a) as sums of two floats, about 106 bits. Only the term cos(a)·r needs more than 53 bits: the rest
//     of the series is so small that its rounding comes 2^-15 units in the last place and less.
//   - asin(z) is one step of Newton from an approximation y: y + (z - sin y)/cos y, with sin y in two floats.
//
// Products that go into a sum stand in float64(): otherwise a compiler may fuse them on some machines, and the digits of one cluster
// would depend on where a command ran.

// float2 is an unevaluated sum of two floats, the second of which is less than half a unit in the last place of the first.
type float2 struct{ hi, lo float64 }

// twoSum is a+b without error, for |a| >= |b| or a == 0.
func twoSum(a, b float64) float2 {
	s := a + b
	return float2{s, b - (s - a)}
}

// twoProduct is a*b without error.
func twoProduct(a, b float64) float2 {
	p := a * b
	return float2{p, math.FMA(a, b, -p)}
}

// plus adds, to about 100 bits.
func (p float2) plus(q float2) float2 {
	s := p.hi + q.hi
	d := s - p.hi
	rest := (p.hi - (s - d)) + (q.hi - d)
	return twoSum(s, rest+(p.lo+q.lo))
}

// times multiplies, to about 100 bits.
func (p float2) times(q float2) float2 {
	t := twoProduct(p.hi, q.hi)
	return twoSum(t.hi, t.lo+(float64(p.hi*q.lo)+float64(p.lo*q.hi)))
}

const (
	angleSteps = 64      // per radian
	angleMax   = math.Pi // the greatest angle that the table serves
	angleCount = 202     // up to π
)

// sine and cosine of the table's angles.
var angleTable = makeAngles()

type tableAngle struct{ sin, cos float2 }

// makeAngles turns by 1/64 of a radian, again and again; after two hundred turns there are still 95 bits.
func makeAngles() (t [angleCount]tableAngle) {
	const ( // the series, which the compiler evaluates to hundreds of bits
		x   = 1.0 / angleSteps
		xx  = x * x
		sin = x * (1 - xx/6*(1-xx/20*(1-xx/42*(1-xx/72*(1-xx/110*(1-xx/156*(1-xx/210*(1-xx/272))))))))
		cos = 1 - xx/2*(1-xx/12*(1-xx/30*(1-xx/56*(1-xx/90*(1-xx/132*(1-xx/182*(1-xx/240*(1-xx/306))))))))

		sinHi = 0x3fff5555dddda0p-60 // of the above, 50 bits
		cosHi = 0x3ffe0002aaa93p-50
	)
	s, c := twoSum(sinHi, sin-sinHi), twoSum(cosHi, cos-cosHi)
	t[0].cos.hi = 1
	for i := 1; i < len(t); i++ {
		p := t[i-1]
		down := p.sin.times(s)
		t[i].sin = p.sin.times(c).plus(p.cos.times(s))
		t[i].cos = p.cos.times(c).plus(float2{-down.hi, -down.lo})
	}
	return t
}

// nearAngle finds the table's angle next to x, in [0, angleMax], and the rest.
func nearAngle(x float64) (a *tableAngle, rest float64) {
	i := int(x*angleSteps + 0.5)
	return &angleTable[i], x - float64(i)/angleSteps
}

// sinCosRest is sin(r) - r and cos(r) - 1, for |r| <= 1/128.
func sinCosRest(r float64) (sin, cos float64) {
	rr := r * r
	sin = -r * rr * (1.0/6 - float64(rr*(1.0/120-float64(rr*(1.0/5040-float64(rr/362880))))))
	cos = -rr * (1.0/2 - float64(rr*(1.0/24-float64(rr*(1.0/720-float64(rr/40320))))))
	return sin, cos
}

// sin2 is sin(x) for x in [0, angleMax], to about 68 bits.
func sin2(x float64) float2 {
	a, r := nearAngle(x)
	sin, cos := sinCosRest(r)
	return addAngle(a.sin, a.cos, r, sin, cos)
}

// addAngle is p·(1+cos) + q·(r+sin), for a small r.
func addAngle(p, q float2, r, sin, cos float64) float2 {
	t := twoProduct(q.hi, r)
	var s float2
	if math.Abs(p.hi) >= math.Abs(t.hi) {
		s = twoSum(p.hi, t.hi)
	} else {
		s = twoSum(t.hi, p.hi)
	}
	rest := float64(p.hi*cos) + float64(q.hi*sin)
	rest += p.lo + t.lo + float64(q.lo*r)
	return twoSum(s.hi, s.lo+rest)
}

// sinOf is the sine of an angle in radians.
func sinOf(x float64) float64 {
	switch {
	case x == 0, !(math.Abs(x) <= angleMax):
		return math.Sin(x)
	case x < 0:
		return -sin2(-x).hi
	}
	return sin2(x).hi
}

// cosOf is the cosine of an angle in radians.
func cosOf(x float64) float64 {
	x = math.Abs(x)
	if !(x <= angleMax) {
		return math.Cos(x)
	}
	a, r := nearAngle(x)
	sin, cos := sinCosRest(r)
	return addAngle(a.cos, float2{-a.sin.hi, -a.sin.lo}, r, sin, cos).hi
}

// asinOf is the arc sine of z in [0, 1]; beyond, NaN.
func asinOf(z float64) float64 {
	if !(z > 0 && z < 1) {
		return math.Asin(z) // 0, π/2, NaN
	}
	cos := math.Sqrt((1 - z) * (1 + z))
	y := math.Atan2(z, cos)
	s := sin2(y)
	return y + ((z-s.hi)-s.lo)/cos
}
