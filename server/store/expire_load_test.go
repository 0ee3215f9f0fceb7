package store

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"testing"
	"time"
)

// expireLoad has keys expire over a minute as a server would: a slice each tenth of a second, and some more while there is more.
type expireLoad struct {
	ks      *Keyspace
	rnd     *rand.Rand
	slots   int // that keys are spread over
	forever int // keys of ten that do not expire
	looks   int // for each key that expires, at most

	made, expired int
	byMs          []int         // keys that expire, by ms from the beginning
	all           time.Duration // CPU time of slices
	longest       longest
	slices        int
}

const (
	loadMinute = 60_000 // ms
	loadTick   = 100    // ms
	loadSlices = 10     // in a tick, at most
	loadBudget = time.Millisecond
)

func (l *expireLoad) set(at int64) {
	slot := uint16(l.rnd.IntN(l.slots) * (Slots / l.slots))
	r := l.ks.Ref(slot, 0, strconv.AppendInt(nil, int64(l.made), 36))
	l.made++
	if l.rnd.IntN(10) < l.forever {
		at = 0
	} else {
		l.byMs[at-now]++
	}
	l.ks.Set(r, Item{sh: l.ks.shardOf(slot)}, []byte("value"), at, now)
}

func (l *expireLoad) tick(ms int64) {
	for range loadSlices {
		begin := cpuTime()
		n, more := l.ks.ExpireSlice(now+ms, loadBudget, nil)
		took := cpuTime() - begin
		l.longest.add(took)
		l.all += took
		l.slices++
		l.expired += n
		if !more {
			return
		}
	}
}

// TestExpiredKeysGoSoon: of keys that expire all the time few are there beyond their end, be they in large slots or small ones,
// alone or among others; and the looks at others that this costs are bounded.
func TestExpiredKeysGoSoon(t *testing.T) {
	keys := 200_000
	if testing.Short() || raceEnabled {
		keys = 10_000
	}
	for _, l := range []*expireLoad{
		{slots: Slots, looks: 20},
		{slots: Slots, forever: 8, looks: 40},
		{slots: 100, looks: 90},
		{slots: 2, looks: 90},
		{slots: 2, forever: 8, looks: 2000}, // the last keys cost a pass each through all that do not expire
	} {
		if keys < 200_000 && l.slots == Slots && l.forever == 0 {
			continue // slow under the race detector, and much like the next
		}
		t.Run(fmt.Sprintf("%d slots, %d0%% forever", l.slots, l.forever), func(t *testing.T) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			l.ks, l.rnd, l.byMs = New(Options{Hash: goodHash}), rand.New(rand.NewPCG(1, 2)), make([]int, 2*loadMinute+2)
			defer l.ks.Close()
			for range keys {
				l.set(now + 1 + l.rnd.Int64N(loadMinute))
			}
			past, worst := 0, 0.0
			for ms := int64(0); ms <= 2*loadMinute; ms++ {
				if ms > 0 {
					past += l.byMs[ms-1]
				}
				if ms%loadTick == 0 {
					if ms < loadMinute { // others come: the keyspace is as large for a minute
						for range keys / (loadMinute / loadTick) {
							l.set(now + ms + 1 + l.rnd.Int64N(loadMinute))
						}
					}
					l.tick(ms)
				}
				if ms%1000 == 999 {
					present, stale := int(l.ks.Keys()), past-l.expired
					if present > keys/20 {
						worst = max(worst, float64(stale)/float64(present))
					}
					if stale*20 > present && stale > 50 {
						t.Fatalf("after %d ms %d of %d keys have expired and are still there", ms, stale, present)
					}
				}
			}
			t.Logf("at most %.2f%% of keys expired and present; %.1f looks for each of %d that expired, %d slices of at most %v, %v in all",
				worst*100, float64(l.ks.expirer.looked)/float64(l.expired), l.expired, l.slices, l.longest.worst(), l.all)
			l.tick(4 * loadMinute)
			if n := l.ks.VolatileLen(0); n != 0 {
				t.Errorf("%d keys never expire", n)
			}
			if looks := l.ks.expirer.looked / l.expired; looks > l.looks {
				t.Errorf("%d looks for each key that expired", looks)
			}
			if worst := l.longest.worst(); worst > loadBudget+holdBound() {
				t.Errorf("slices of %v took %v", loadBudget, worst)
			}
		})
	}
}

// TestOneKeyAmongMany: one key that expires among a hundred thousand that do not, or not soon, is gone soon after its end, and
// costs one pass.
func TestOneKeyAmongMany(t *testing.T) {
	const keys = 100_000
	l := &expireLoad{ks: New(Options{Hash: goodHash}), slots: 1}
	defer l.ks.Close()
	for i := range keys {
		l.ks.Set(l.ks.Ref(0, 0, strconv.AppendInt(nil, int64(i), 10)), Item{}, []byte("value"), 0, now)
	}
	for round := range int64(3) {
		at := now + 10_000*round + 1000
		l.ks.Set(l.ks.Ref(0, 0, []byte("one")), Item{sh: l.ks.shardOf(0)}, []byte("value"), at, now)
		before := l.ks.expirer.looked
		for ms := at - now - 900; l.ks.VolatileLen(0) > 0; ms += loadTick {
			if ms > at-now+2000 {
				t.Fatal("the key is there two seconds after its end")
			}
			l.tick(ms)
			if now+ms <= at && l.ks.expirer.looked != before {
				t.Fatalf("%d looks before there is anything to see", l.ks.expirer.looked-before)
			}
		}
		if looked := l.ks.expirer.looked - before; looked > keys+1 {
			t.Errorf("%d looks for one key", looked)
		}
	}
}

// TestNoExpiryIsForgotten: whatever expiries are set, changed and removed while passes are under way, and wherever, all keys
// that expire are gone when their time is past.
func TestNoExpiryIsForgotten(t *testing.T) {
	rounds := 2000
	if testing.Short() || raceEnabled {
		rounds = 200
	}
	seed := modelSeed(t)
	rnd := rand.New(rand.NewPCG(seed, 3))
	ks := New(Options{Hash: goodHash})
	defer ks.Close()
	at := int64(now)
	for round := range rounds {
		slots := []uint16{5, 69, 6}[:1+rnd.IntN(3)]
		many := 1 << rnd.IntN(10)
		spans := []int64{3, 300, 100_000, 1 << 32}[:1+rnd.IntN(4)]
		for range 3 * many {
			slot, db := slots[rnd.IntN(len(slots))], rnd.IntN(2)
			r := ks.Ref(slot, db, strconv.AppendInt(nil, int64(rnd.IntN(many)), 10))
			ks.LockSlot(slot)
			it := ks.Lookup(r, at, 0)
			expiry := at + 1 + rnd.Int64N(spans[rnd.IntN(len(spans))])
			switch n := rnd.IntN(20); {
			case n < 8:
				ks.Set(r, it, []byte("value"), expiry, at)
			case n < 10 && it.Exists():
				ks.SetExpire(r, it, expiry)
			case n < 11 && it.Exists():
				ks.SetExpire(r, it, 0)
			case n < 12 && it.Exists():
				ks.Delete(r, it)
			case n == 13 && rnd.IntN(min(many, 30)) == 0:
				ks.SwapSlot(slot, 0, 1)
			case n == 14 && rnd.IntN(many) == 0:
				ks.FlushSlotDB(slot, db)
			}
			ks.UnlockSlot(slot)
			if rnd.IntN(8) == 0 {
				at += rnd.Int64N(50)
			}
			if rnd.IntN(3) == 0 {
				ks.ExpireSlice(at, 0, nil) // a single step
			}
		}
		if round%100 == 0 {
			if err := ks.audit(); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
		}
		at += 1 << 33
		for more := true; more; {
			_, more = ks.ExpireSlice(at, time.Hour, nil)
		}
		if n := ks.VolatileLen(0) + ks.VolatileLen(1); n != 0 {
			t.Fatalf("round %d: %d keys have expired and are still there", round, n)
		}
	}
}

// TestSwapDuringPass: keys that move to another database while a pass goes through them expire there.
func TestSwapDuringPass(t *testing.T) {
	ks := New(Options{Hash: goodHash})
	defer ks.Close()
	const keys = 1000
	for i := range keys {
		ks.Set(ks.Ref(5, 3, strconv.AppendInt(nil, int64(i), 10)), Item{}, []byte("value"), now+int64(i%2)*1000, now)
	}
	if n, more := ks.ExpireSlice(now+1, 0, nil); n == 0 || n > keys/4 || !more {
		t.Fatalf("%d keys expired in a single step, more to do: %v", n, more)
	}
	ks.SwapSlot(5, 3, 1)
	for _, at := range []int64{now + 1, now + 1001} {
		for more := true; more; {
			_, more = ks.ExpireSlice(at, time.Hour, nil)
		}
		if n, want := ks.VolatileLen(1), (now+1001-at)/1000*keys/2; n != want {
			t.Errorf("%d keys are left, should be %d", n, want)
		}
	}
}
