package store

import (
	"math"
	"time"
)

// Expiry in the background.
//
// Each table keeps a lower bound of its next expiry, and each slot the least of its tables' in an atomic. A slice of background
// work visits only slots whose bound has passed: keys that expire in an hour cost nothing until then, however many they are.
// In a visited table it walks by hash, a step under the lock at a time, deletes what has expired and, having come round, knows
// the bound anew: the least expiry it met or that was set meanwhile.

// expiry is what a table knows of its keys' expiries.
type expiry struct {
	volatile int    // keys that have one
	soonest  int64  // no key expires before; never if none does
	cursor   uint64 // hash at which the walk for expired keys goes on
	pass     int64  // the least expiry met by that walk or set since it began
}

// never is an expiry that lies after all others.
const never = math.MaxInt64

// Bounds of background expiry.
const (
	expireStep    = 64 // items looked at under one hold of a lock: some microseconds
	expireSlots   = 64 // slots between two looks at the clock, when they have nothing to do
	expirePercent = 10 // a table is walked on at once while at least this share of its items had expired
)

// setAt changes an entry's expiry. Under the lock.
func (ks *Keyspace) setAt(sh *shard, slot uint16, db int, e *entry, at int64) {
	t := ks.tables[db][slot]
	switch {
	case e.at == 0 && at != 0:
		t.volatile++
		sh.volatile[db].Add(1)
	case e.at != 0 && at == 0:
		t.volatile--
		sh.volatile[db].Add(-1)
		if t.volatile == 0 {
			t.soonest, t.pass, t.cursor = never, never, 0
			e.at = 0
			ks.refreshDue(slot)
			return
		}
	}
	e.at = at
	if at == 0 {
		return
	}
	t.pass = min(t.pass, at)
	if at < t.soonest {
		t.soonest = at
		if due := ks.due[slot].Load(); due == 0 || at < due {
			ks.due[slot].Store(max(at, 1))
			ks.dueSlots.set(slot)
		}
	}
}

// refreshDue works out anew when the slot's next key may expire. Under the lock.
func (ks *Keyspace) refreshDue(slot uint16) {
	soonest := int64(never)
	for db := range ks.tables {
		if t := ks.tables[db][slot]; t != nil {
			soonest = min(soonest, t.soonest)
		}
	}
	if soonest == never {
		ks.due[slot].Store(0)
		ks.dueSlots.clear(slot)
		return
	}
	ks.due[slot].Store(max(soonest, 1))
	ks.dueSlots.set(slot)
}

var delName = []byte("DEL")

// expire deletes an entry that has expired, and says so to the sink. Under the lock.
func (ks *Keyspace) expire(slot uint16, db int, e *entry) {
	mu := &ks.shardOf(slot).mu
	mu.expired++
	ks.drop(slot, db, e)
	if ks.sink != nil {
		mu.effect = [2][]byte{delName, e.key()}
		ks.sink.Effect(slot, db, mu.effect[:])
		mu.effect[1] = nil
	}
}

// ExpireSlice deletes keys that have expired at now, in slots that owned picks (nil: all), for about as long as budget, and
// answers how many it deleted. It holds a lock for a few microseconds at a time; it takes up where the last call stopped.
// Concurrent calls are safe but useless. No lock may be held.
func (ks *Keyspace) ExpireSlice(now int64, budget time.Duration, owned func(slot uint16) bool) (expired int) {
	start := time.Now()
	first := int(ks.expireAt.Load())
	pos, wrapped, quiet := first, false, 0
	for {
		slot := ks.dueSlots.next(pos)
		if slot == Slots {
			if wrapped {
				break
			}
			wrapped, pos = true, 0
			continue
		}
		if wrapped && slot >= first {
			break
		}
		pos = slot + 1
		if due := ks.due[slot].Load(); due != 0 && due < now && (owned == nil || owned(uint16(slot))) {
			expired += ks.expireSlot(uint16(slot), now, start, budget)
			quiet = expireSlots
		}
		if quiet++; quiet >= expireSlots {
			quiet = 0
			if time.Since(start) >= budget {
				break
			}
		}
	}
	ks.expireAt.Store(uint32(pos % Slots))
	return expired
}

func (ks *Keyspace) expireSlot(slot uint16, now int64, start time.Time, budget time.Duration) (expired int) {
	for db := range Databases {
		if ks.SlotLen(slot, db) == 0 {
			continue
		}
		for {
			ks.LockSlot(slot)
			n, again := ks.expireStep(slot, db, now)
			ks.UnlockSlot(slot)
			expired += n
			if !again || time.Since(start) >= budget {
				break
			}
		}
	}
	return expired
}

// expireStep walks one table a step further. It reports whether to go on at once: enough of what it saw had expired.
func (ks *Keyspace) expireStep(slot uint16, db int, now int64) (expired int, again bool) {
	t := ks.tables[db][slot]
	if t == nil || t.soonest >= now {
		return 0, false
	}
	var (
		doomed [expireStep]*entry // a bucket may hold more: they wait for the next pass
		seen   int
	)
	next, done := ks.Walk(slot, db, t.cursor, expireStep, 0, func(it Item) {
		seen++
		switch e := it.e; {
		case e.at == 0:
		case e.at < now && expired < len(doomed):
			doomed[expired] = e
			expired++
		default:
			t.pass = min(t.pass, e.at)
		}
	})
	t.cursor = next
	if done {
		t.soonest, t.pass, t.cursor = t.pass, never, 0
		ks.refreshDue(slot)
	}
	for _, e := range doomed[:expired] {
		ks.expire(slot, db, e)
	}
	return expired, !done && expired*100 >= seen*expirePercent
}
