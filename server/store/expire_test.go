package store

import (
	"fmt"
	"testing"
	"time"
)

type sinkFunc func(slot uint16, db int, args [][]byte)

func (f sinkFunc) Effect(slot uint16, db int, args [][]byte) { f(slot, db, args) }

func TestLazyExpiry(t *testing.T) {
	var effects []string
	ks := New(Options{Hash: hash, Sink: sinkFunc(func(slot uint16, db int, args [][]byte) {
		effects = append(effects, fmt.Sprintf("%d/%d %s", slot, db, args))
	})})
	r := ks.Ref(7, 2, []byte("k"))
	ks.Set(r, Item{}, []byte("v"), now, now)
	if !ks.Lookup(r, now, 0).Exists() {
		t.Error("a key is gone at the very millisecond of its expiry")
	}
	if ks.Lookup(r, now+1, Hide).Exists() || !ks.Lookup(r, now+1, Expired).Exists() || len(effects) != 0 {
		t.Errorf("Hide shows it, or Expired does not, or it was deleted: %q", effects)
	}
	if ks.Lookup(r, now+1, Count).Exists() || ks.Keys() != 0 || fmt.Sprint(effects) != "[7/2 [DEL k]]" {
		t.Errorf("%d keys are left; effects %q", ks.Keys(), effects)
	}
	if s := ks.Stats(); s.Expired != 1 || s.Misses != 1 {
		t.Errorf("%+v", s)
	}
}

func TestExpireSlice(t *testing.T) {
	deleted := 0
	ks := New(Options{Hash: hash, Sink: sinkFunc(func(uint16, int, [][]byte) { deleted++ })})
	const n = 50_000
	for i := range n {
		key := fmt.Appendf(nil, "key%d", i)
		at := int64(0)
		switch i % 4 {
		case 0:
			at = now + 10
		case 1:
			at = now + 1_000_000
		}
		slot := uint16(3) // one large slot and many small ones
		if i%2 == 1 || i%8 == 0 {
			slot = uint16(hash(key) % Slots)
		}
		ks.Set(ks.Ref(slot, i%Databases, key), Item{}, key, at, now)
	}
	if got, _ := ks.ExpireSlice(now+10, time.Minute, nil); got != 0 {
		t.Errorf("%d keys expired before their time", got)
	}
	if got, _ := ks.ExpireSlice(now+11, time.Minute, func(slot uint16) bool { return slot == 3 }); got == 0 ||
		ks.Keys() != int64(n-got) {
		t.Errorf("%d keys of slot 3 expired, %d are left", got, ks.Keys())
	}
	for range 1000 {
		if n, _ := ks.ExpireSlice(now+11, time.Millisecond, nil); n == 0 && deleted >= n/4 {
			break
		}
	}
	if deleted != n/4 || ks.Keys() != n-n/4 {
		t.Errorf("%d of %d keys expired, %d are left", deleted, n/4, ks.Keys())
	}
	// All that is left to expire lies far ahead: nothing is looked at, however little time there is.
	if steps := testing.AllocsPerRun(10, func() { ks.ExpireSlice(now+11, 0, nil) }); steps != 0 {
		t.Errorf("an idle slice allocates")
	}
	for slot := ks.dueSlots.next(0); slot < Slots; slot = ks.dueSlots.next(slot + 1) {
		if due := ks.due[slot].Load(); due < now+11 {
			t.Fatalf("slot %d is still due at %d", slot, due-now)
		}
	}
}

// TestExpireSliceBudget: a slice stops soon after its budget, and the next goes on.
func TestExpireSliceBudget(t *testing.T) {
	ks := New(Options{Hash: hash})
	const n = 200_000
	for i := range n {
		key := fmt.Appendf(nil, "key%d", i)
		ks.Set(ks.Ref(3, 0, key), Item{}, key, now, now)
	}
	if got, _ := ks.ExpireSlice(now+1, 0, nil); got == 0 || got > 4*expireStep {
		t.Errorf("a slice without time deleted %d keys, want about %d", got, expireStep)
	}
	for calls := 0; ks.Keys() > 0; calls++ {
		if calls > n {
			t.Fatalf("%d keys are left", ks.Keys())
		}
		ks.ExpireSlice(now+1, time.Millisecond, nil)
	}
}

func BenchmarkExpireSliceIdle(b *testing.B) {
	ks := New(Options{Hash: hash})
	for i := range 200_000 {
		key := fmt.Appendf(nil, "key%d", i)
		ks.Set(ks.Ref(uint16(hash(key)%Slots), 0, key), Item{}, key, now+1_000_000, now)
	}
	for b.Loop() {
		ks.ExpireSlice(now, time.Millisecond, nil)
	}
}
