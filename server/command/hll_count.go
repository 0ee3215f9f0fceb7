package command

import (
	"encoding/binary"
	"math"
)

// The cardinality is estimated from how many registers have which rank, as in Otmar Ertl, "New cardinality estimation algorithms for
// HyperLogLog sketches", 2017 (https://arxiv.org/abs/1702.01284), algorithm 6. It needs no correction by tables. Each operation rounds
// to a float64, on every processor: conversions keep the compiler from joining a product and a sum. So the estimate is the same
// everywhere, and Redis's.

// ranks counts the registers of each rank. A dense sketch that a client wrote may have ranks above hllMaxRank, which count for nothing.
type ranks [hllMask + 1]int

// rankParts counts the registers of each place in a group by themselves: neighbours often have the same rank, and need not wait for each
// other.
type rankParts [hllGroup][hllMask + 1]uint32

// add counts the registers of a group that has been spread.
func (p *rankParts) add(w uint64) {
	p[0][w>>0&hllMask]++
	p[1][w>>8&hllMask]++
	p[2][w>>16&hllMask]++
	p[3][w>>24&hllMask]++
	p[4][w>>32&hllMask]++
	p[5][w>>40&hllMask]++
	p[6][w>>48&hllMask]++
	p[7][w>>56&hllMask]++
}

func (p *rankParts) sum() (h ranks) {
	for i := range p {
		for rank, n := range p[i] {
			h[rank] += int(n)
		}
	}
	return h
}

// count counts registers by rank.
func (r *registers) count() ranks {
	var parts rankParts
	for i := 0; i < hllRegisters; i += hllGroup {
		parts.add(binary.LittleEndian.Uint64(r[i:]))
	}
	return parts.sum()
}

// count counts registers by rank, or answers false where the sketch is corrupt.
func (s sketch) count() (h ranks, ok bool) {
	if !s.dense() {
		ok = s.runs(func(_, n int, rank uint8) { h[rank] += n })
		return h, ok
	}
	var parts rankParts
	for b := s[hllHeader:hllDenseLen]; len(b) > 0; b = b[hllGroupBytes:] {
		parts.add(spread(group(b)))
	}
	return parts.sum(), true
}

// estimate is the cardinality. Where it is without bounds, as every register has the highest rank or an impossible one, it is 1<<63: what
// Redis makes of that.
func (h *ranks) estimate() uint64 {
	const (
		m     = float64(hllRegisters)
		alpha = 0.5 / math.Ln2
	)
	z := m * tau((m-float64(h[hllMaxRank]))/m)
	for rank := hllRankBits; rank >= 1; rank-- {
		z = (z + float64(h[rank])) * 0.5
	}
	z += float64(m * sigma(float64(h[0])/m))
	n := math.Round(alpha * m * m / z)
	if !(n < 1<<63) {
		return 1 << 63
	}
	return uint64(n)
}

// sigma is x + the sum over k from 1 on of x^(2^k) 2^(k-1), for x from 0 to 1.
func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	y, z := 1.0, x
	for {
		was := z
		x *= x
		z += float64(x * y)
		y += y
		if z == was {
			return z
		}
	}
}

// tau is a third of 1 - x - the sum over k from 1 on of (1 - x^(2^-k))^2 2^-k, for x from 0 to 1.
func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	y, z := 1.0, 1-x
	for {
		was := z
		x = math.Sqrt(x)
		y *= 0.5
		d := 1 - x
		z -= float64(float64(d*d) * y)
		if z == was {
			return z / 3
		}
	}
}
