package store

import (
	"math"
	"testing"
)

func TestSetAccess(t *testing.T) {
	const now = int64(1_750_000_000_000)
	for _, lfu := range []bool{false, true} {
		ks := New(Options{Hash: func(key []byte) uint64 { return uint64(len(key)) }})
		ks.TrackLFU(lfu)
		ks.LockSlot(7)
		r := ks.Ref(7, 0, []byte("k"))
		it := ks.Set(r, Item{}, []byte("v"), 0, now)
		for _, tc := range []struct {
			idleSec  int64
			freq     int
			idle     int64
			freqThen int
		}{
			{-1, -1, 0, lfuInit},
			{90, 77, 90, 77},
			{-1, -1, 90, 77},
			{0, 0, 0, 0},
			{math.MaxInt64, 255, accessMask - maxSkew - 1, 255},
			{5, 1000, 5, 255},
		} {
			ks.SetAccess(it, tc.idleSec, tc.freq, now)
			if lfu && ks.Freq(it, now) != tc.freqThen {
				t.Errorf("%+v: the counter is %d", tc, ks.Freq(it, now))
			}
			if !lfu && it.Idle(now) != tc.idle {
				t.Errorf("%+v: idle for %d s", tc, it.Idle(now))
			}
		}
		ks.UnlockSlot(7)
	}
}
