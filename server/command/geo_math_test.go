package command

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

const exactBits = 200

// exactSinCos works sine and cosine out by their series.
func exactSinCos(x float64) (sin, cos *big.Float) {
	term := big.NewFloat(1).SetPrec(exactBits)
	bx := new(big.Float).SetPrec(exactBits).SetFloat64(x)
	sin, cos = new(big.Float).SetPrec(exactBits), new(big.Float).SetPrec(exactBits)
	for n := range 60 {
		sum := [...]*big.Float{cos, sin}[n%2]
		if n%4 < 2 {
			sum.Add(sum, term)
		} else {
			sum.Sub(sum, term)
		}
		term.Mul(term, bx).Quo(term, big.NewFloat(float64(n+1)))
	}
	return sin, cos
}

// TestGeoMathIsRounded: nearly all results are the floats next to the exact ones, and none is off by more than a hair.
func TestGeoMathIsRounded(t *testing.T) {
	const cases = 4000
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 0))
	wrong := map[string]int{}
	check := func(name string, x, got float64, exact *big.Float) {
		want, _ := exact.Float64()
		if got == want {
			return
		}
		wrong[name]++
		if math.Abs(got-want) > math.Abs(want)*0x1p-52 {
			t.Errorf("seed %d: %s(%v) = %v, want %v", seed, name, x, got, want)
		}
	}
	for range cases {
		x := (rnd.Float64()*2 - 1) * 3.14
		if rnd.IntN(3) == 0 {
			x *= math.Pow(10, -rnd.Float64()*12)
		}
		sin, cos := exactSinCos(x)
		check("sin", x, sinOf(x), sin)
		check("cos", x, cosOf(x), cos)
		// asin is right where the sines of the floats around it enclose z.
		z := rnd.Float64()
		y := asinOf(z)
		below, _ := exactSinCos(math.Nextafter(y, 0))
		above, _ := exactSinCos(math.Nextafter(y, 2))
		if bz := big.NewFloat(z); below.Cmp(bz) > 0 || above.Cmp(bz) < 0 {
			t.Errorf("seed %d: asin(%v) = %v", seed, z, y)
		}
	}
	for name, n := range wrong {
		if n > cases/1000 {
			t.Errorf("seed %d: %d of %d results of %s are not the closest", seed, n, cases, name)
		}
	}
}

func TestGeoMathAtTheEdges(t *testing.T) {
	for _, x := range []float64{0, math.Copysign(0, -1), 5e-324, 1e-300, math.Pi, -math.Pi, 4, 1e10, math.Inf(1)} {
		if got, want := sinOf(x), math.Sin(x); got != want && math.Abs(got-want) > 1e-16 {
			t.Errorf("sin(%v) = %v, want about %v", x, got, want)
		}
		if got, want := cosOf(x), math.Cos(x); got != want && math.Abs(got-want) > 1e-15 {
			t.Errorf("cos(%v) = %v, want about %v", x, got, want)
		}
	}
	for z, want := range map[float64]float64{0: 0, 1: math.Pi / 2, 0.5: math.Asin(0.5), 1 - 0x1p-53: math.Pi/2 - math.Sqrt(0x1p-52), 1e-200: 1e-200} {
		if got := asinOf(z); math.Abs(got-want) > 1e-15 {
			t.Errorf("asin(%v) = %v, want about %v", z, got, want)
		}
	}
	if got := asinOf(1.5); !math.IsNaN(got) {
		t.Errorf("asin(1.5) = %v", got)
	}
}
