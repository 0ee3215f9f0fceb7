package command

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The places of Redis's own documentation, and what redis-server 7.0.15 makes of them.
var (
	palermo = lonLat{13.361389, 38.115556}
	catania = lonLat{15.087269, 37.502669}
)

func TestGeoScores(t *testing.T) {
	for _, tc := range []struct {
		place lonLat
		score float64
		hash  string
	}{
		{palermo, 3479099956230698, "sqc8b49rny0"},
		{catania, 3479447370796909, "sqdtr74hyu0"},
		{lonLat{0, 0}, 3377699720527872, "s0000000000"},
		{lonLat{-180, -latMax}, 0, "00bh0hbj200"},
	} {
		if got := geoScore(tc.place); got != tc.score {
			t.Errorf("%v: score %.0f, want %.0f", tc.place, got, tc.score)
		}
		if got := string(appendGeohash(nil, geoPlace(tc.score))); got != tc.hash {
			t.Errorf("%v: geohash %s, want %s", tc.place, got, tc.hash)
		}
	}
	if got, want := geoPlace(geoScore(palermo)), (lonLat{13.36138933897018433, 38.11555639549629859}); got != want {
		t.Errorf("Palermo reads %v, want %v", got, want)
	}
	if got, want := greatCircle(geoPlace(geoScore(palermo)), geoPlace(geoScore(catania))), 166274.1516; math.Abs(got-want) > 1e-4 {
		t.Errorf("from Palermo to Catania: %f, want %f", got, want)
	}
}

// TestGeoCells: every place within a shape lies in one of the cells that are searched, and in no two of them.
func TestGeoCells(t *testing.T) {
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 0))
	near := func(x, limit, d float64) float64 { return max(-limit, min(limit, x+(rnd.Float64()-.5)*d)) }
	inside := 0
	for range 20_000 {
		s := geoShape{
			centre: lonLat{near(0, lonMax, 340), near(0, 60, 120)}, unit: 1,
			box: rnd.IntN(2) == 0, radius: math.Pow(10, 1+rnd.Float64()*5),
		}
		s.width, s.height = s.radius, s.radius*rnd.Float64()
		s.prepare()
		degrees := s.radius / 100_000
		p := geoPlace(geoScore(lonLat{near(s.centre.lon, lonMax, degrees*3), near(s.centre.lat, latMax, degrees*2)}))
		d, ok := s.distance(p)
		if want := greatCircle(s.centre, p); ok && math.Abs(d-want) > want*1e-12 || !s.box && ok != (want <= s.radius) {
			t.Fatalf("seed %d: %+v to %v: %v %v, want %v", seed, s, p, d, ok, want)
		}
		if !ok {
			continue
		}
		inside++
		found := 0
		seen := map[geoCell]bool{}
		for _, cell := range s.cells() {
			if from, to := cell.scores(); cell.step > 0 && !seen[cell] && geoScore(p) >= from && geoScore(p) < to {
				found++
			}
			seen[cell] = true
		}
		if found != 1 {
			t.Fatalf("seed %d: %+v: %v is in %d cells", seed, s, p, found)
		}
	}
	if inside < 1000 {
		t.Errorf("seed %d: only %d places were inside", seed, inside)
	}
}

func TestGeoCellNeighbours(t *testing.T) {
	h := geoCellOf(palermo, latMax, 4)
	if got := h.next(1, 1).next(-1, -1); got != h {
		t.Errorf("there and back again: %v, want %v", got, h)
	}
	east := geoCellOf(lonLat{179, 10}, latMax, 5)
	if got, want := east.next(1, 0), geoCellOf(lonLat{-179, 10}, latMax, 5); got != want {
		t.Errorf("over the edge of the map: %v, want %v", got, want)
	}
}

// TestOddScores: scores that no place has still read as one.
func TestOddScores(t *testing.T) {
	for score, want := range map[float64]uint64{
		-1: math.MaxUint64, 1.9: 1, 1e19: 1e19, 1e300: 0, math.Inf(1): 0, math.Inf(-1): 1 << 63, -1e300: 1 << 63, -9e18: 1<<64 - 9e18,
	} {
		if got := scoreBits(score); got != want {
			t.Errorf("%v: %d, want %d", score, got, want)
		}
		if p := geoPlace(score); !p.onMap() {
			t.Errorf("%v is at %v", score, p)
		}
	}
}

func BenchmarkGeoDistance(b *testing.B) {
	s := geoShape{centre: palermo, radius: 200_000, unit: 1}
	s.prepare()
	for b.Loop() {
		s.distance(catania)
	}
}
