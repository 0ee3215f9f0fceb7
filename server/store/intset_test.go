package store

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// intsetBorders are integers about the borders between widths.
var intsetBorders = []int64{
	0, -1, math.MaxInt16, math.MaxInt16 + 1, math.MinInt16, math.MinInt16 - 1, math.MaxInt32, math.MaxInt32 + 1, math.MinInt32,
	math.MinInt32 - 1, math.MaxInt64, math.MinInt64,
}

// TestIntset: random integers of all widths come and go as in a sorted slice, and the bytes are right at any time.
func TestIntset(t *testing.T) {
	seed := modelSeed(t)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		s, want := newIntset(nil), []int64{}
		width := intsetNarrow
		for range rnd.IntN(120) {
			v := rnd.Int64N(40) - 20
			if rnd.IntN(30) == 0 {
				v = intsetBorders[rnd.IntN(len(intsetBorders))]
			}
			at, there := slices.BinarySearch(want, v)
			if i, found := s.Find(v); i != at || found != there {
				t.Fatalf("%d is number %d (%v), want %d (%v)", v, i, found, at, there)
			}
			if there && rnd.IntN(2) == 0 {
				s, want = s.remove(at), slices.Delete(want, at, at+1)
			} else {
				if n := s.grown(v); !there && n != intsetHeader+(len(want)+1)*max(width, intWidth(v)) {
					t.Fatalf("%d bytes with %d", n, v)
				}
				var added bool
				if s, added = s.Add(v); added == there {
					t.Fatalf("%d was added: %v", v, added)
				}
				if !there {
					want = slices.Insert(want, at, v)
					width = max(width, intWidth(v))
				}
			}
			if s.width() != width || s.Len() != len(want) || len(s) != intsetHeader+len(want)*width {
				t.Fatalf("%d of width %d in %d bytes, want %d of width %d", s.Len(), s.width(), len(s), len(want), width)
			}
			for i, v := range want {
				if s.At(i) != v {
					t.Fatalf("number %d is %d, want %d", i, s.At(i), v)
				}
			}
			if _, err := CheckIntset(s); (err == nil) != (len(want) > 0) {
				t.Fatalf("%x: %v", []byte(s), err)
			}
		}
	}
}

// FuzzCheckIntset: whatever passes can be read whole, ascends, and takes another member; whatever does not is said to be none.
func FuzzCheckIntset(f *testing.F) {
	for _, ints := range [][]int64{{1}, {-1, 7}, {1, 40_000}, intsetBorders} {
		s := newIntset(nil)
		for _, v := range ints {
			s, _ = s.Add(v)
		}
		f.Add([]byte(s))
	}
	f.Add([]byte{2, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := CheckIntset(b)
		if err != nil {
			if !errors.Is(err, ErrIntset) {
				t.Fatal(err)
			}
			return
		}
		last := int64(0)
		for i := range s.Len() {
			if v := s.At(i); i > 0 && v <= last {
				t.Fatalf("%d after %d", v, last)
			} else if at, found := s.Find(v); at != i || !found {
				t.Fatalf("%d is not found", v)
			} else {
				last = v
			}
		}
		for _, v := range intsetBorders {
			s, _ = s.Add(v)
		}
		if _, err := CheckIntset(s); err != nil {
			t.Fatal(err)
		}
	})
}
