package store

import (
	"math"
	"math/bits"
	"sync"
	"time"
)

// Expiry in the background.
//
// Keys that have expired but are still there cost memory; looking for them costs time. A pass goes through one slot's table by
// hash, a step under the lock at a time, deletes what has expired, and counts when the others will. So it knows from when on the
// next pass pays: when about a thirty-second of the keys with an expiry have expired, or one of few. Until then nobody looks at
// the table: keys that expire in an hour cost nothing before, however many they are. A key that is set meanwhile to expire
// earlier counts, and brings the next pass forward once there are enough of them.
//
// Each slot's due is the least of its tables', in an atomic; a slice of background work visits only slots that are due.

// expiry is what is known of the expiries in a slot of a database.
type expiry struct {
	volatile int   // keys that have one
	early    int   // keys that were set to expire before due since it was worked out
	soonest  int64 // of the early ones, unix ms
	due      int64 // unix ms from which a pass pays; never if nothing expires
}

// never is an expiry that lies after all others.
const never = math.MaxInt64

var noExpiry = expiry{due: never}

// Bounds of background expiry.
const (
	expireStep  = 64 // items looked at under one hold of a lock: some microseconds
	expireSlots = 64 // slots between two looks at the clock, when they have nothing to do
	expireWorth = 32 // a pass pays when one in so many keys with an expiry has expired
)

// expirer is the state of background expiry. One call of ExpireSlice at a time has it.
type expirer struct {
	sync.Mutex     // guards the rest; a shard's lock is taken while it is held, never the other way round
	slot       int // at which to go on

	pass    uint16  // slot of the pass under way
	db      int     // its database
	begun   bool    // there is one
	from    uint64  // where it goes on
	since   int64   // unix ms at which it began
	seen    [64]int // keys that it left, which expire within 2^i ms of its beginning, by i
	soonest int64   // of them
	fields  int     // shard at which to go on with fields of hashes
	looked  int     // items that passes have looked at since the beginning: what they cost
}

// noteExpiry notes that a key's expiry changed from was to at. Under the lock.
func (ks *Keyspace) noteExpiry(slot uint16, db int, was, at int64) {
	sh := ks.shardOf(slot)
	x := &ks.dbs[db].Load().info[slot].expiry
	switch {
	case was == 0:
		x.volatile++
		sh.volatile[db].Add(1)
	case at == 0:
		x.volatile--
		sh.volatile[db].Add(-1)
		if x.volatile == 0 {
			*x = noExpiry
			ks.refreshDue(slot)
			return
		}
	}
	if x.due == 0 { // the zero value of a slot that never had an expiry
		x.due = never
	}
	if at != 0 && at < x.due {
		if x.early++; x.early == 1 || at < x.soonest {
			x.soonest = at
		}
	}
	if !x.earlyPay() {
		return
	}
	x.due = x.soonest
	if due := ks.due[slot].Load(); due == 0 || x.due < due {
		ks.due[slot].Store(max(x.due, 1))
		ks.dueSlots.set(slot)
	}
}

// earlyPay reports whether the early keys are reason enough for a pass before it is due. They become one also when there are
// less of the others.
func (x *expiry) earlyPay() bool {
	return x.early > 0 && x.soonest < x.due && x.early*expireWorth >= x.volatile
}

// refreshDue works out anew when the slot's next pass pays. Under the lock.
func (ks *Keyspace) refreshDue(slot uint16) {
	due := int64(never)
	for db := range ks.dbs {
		if d := ks.dbs[db].Load(); d != nil && d.info[slot].volatile > 0 {
			due = min(due, d.info[slot].due)
		}
	}
	if due == never {
		ks.due[slot].Store(0)
		ks.dueSlots.clear(slot)
		return
	}
	ks.due[slot].Store(max(due, 1))
	ks.dueSlots.set(slot)
}

var delName = []byte("DEL")

// expire deletes an item that has expired, and says so to the sink. Under the lock.
func (ks *Keyspace) expire(slot uint16, db int, hash uint64, it Item) {
	it.sh.mu.expired++
	ks.deleteWithEffect(slot, db, hash, it)
}

// deleteWithEffect deletes an item on the keyspace's own account, and says so to the sink. Under the lock.
func (ks *Keyspace) deleteWithEffect(slot uint16, db int, hash uint64, it Item) {
	if ks.sink != nil { // before the key's memory is given back; the order of effects is that of changes all the same
		mu := &it.sh.mu
		mu.effect = [2][]byte{delName, it.Key()}
		ks.sink.Effect(slot, db, mu.effect[:])
		mu.effect[1] = nil
	}
	ks.drop(slot, db, hash, it)
}

// ExpireSlice deletes keys that have expired at now, in slots that owned picks (nil: all), for about as long as budget. It answers
// how many it deleted, and whether there is more to do at once. It holds a lock for a few microseconds at a time; it takes up
// where the last call stopped. A call beside another does nothing. No lock may be held.
func (ks *Keyspace) ExpireSlice(now int64, budget time.Duration, owned func(slot uint16) bool) (expired int, more bool) {
	x := &ks.expirer
	if !x.TryLock() {
		return 0, false
	}
	defer x.Unlock()
	start := time.Now()
	quiet, again := 0, ks.reapSlice(now, budget/reapShare, owned)
	for wrapped, first := false, x.slot; ; x.slot++ {
		if x.slot = ks.dueSlots.next(x.slot); x.slot == Slots {
			if wrapped {
				x.slot = 0
				return expired, again
			}
			wrapped, x.slot = true, -1
			continue
		}
		if wrapped && x.slot > first {
			return expired, again
		}
		if due := ks.due[x.slot].Load(); due != 0 && due < now && (owned == nil || owned(uint16(x.slot))) {
			n, done := ks.expireSlot(x, now, start, budget)
			if expired += n; !done {
				return expired, true
			}
			// A pass that began in an earlier call has left what expired since, behind it.
			if due := ks.due[x.slot].Load(); due != 0 && due < now {
				again = true
			}
			quiet = expireSlots
		}
		if quiet++; quiet >= expireSlots {
			quiet = 0
			if time.Since(start) >= budget {
				x.slot++
				return expired, true
			}
		}
	}
}

// expireSlot goes on with the passes through a slot. It reports whether they are through, not cut short by the budget.
func (ks *Keyspace) expireSlot(x *expirer, now int64, start time.Time, budget time.Duration) (expired int, done bool) {
	slot := uint16(x.slot)
	if x.pass != slot {
		ks.abandon(x)
		x.pass = slot
	}
	for ; x.db < Databases; x.db, x.begun = x.db+1, false {
		if ks.dbs[x.db].Load() == nil {
			continue
		}
		for through := false; !through; {
			var n int
			ks.LockSlot(slot)
			n, through = ks.expireStep(x, slot, now)
			ks.UnlockSlot(slot)
			if expired += n; time.Since(start) >= budget && !through {
				return expired, false
			}
		}
	}
	x.db = 0
	return expired, true
}

// abandon gives a pass up that was cut short in a slot which is nothing to pass through any more: another node's, perhaps.
func (ks *Keyspace) abandon(x *expirer) {
	if x.begun {
		ks.LockSlot(x.pass)
		if info := &ks.dbs[x.db].Load().info[x.pass]; info.volatile > 0 {
			info.due = 1
			ks.refreshDue(x.pass)
		}
		ks.UnlockSlot(x.pass)
	}
	x.db, x.begun = 0, false
}

// expireStep goes a step further through the table of slot and x.db, and reports whether that was the last of a pass, or there is
// nothing to do. Under the lock.
func (ks *Keyspace) expireStep(x *expirer, slot uint16, now int64) (expired int, through bool) {
	info := &ks.dbs[x.db].Load().info[slot]
	if info.volatile == 0 || info.due >= now && !x.begun {
		return 0, true
	}
	if !x.begun {
		x.begun, x.from, x.since, x.seen, x.soonest = true, 0, now, [64]int{}, never
		info.due, info.early = never, 0
	}
	var doomed [2 * expireStep]Item // more than a step and a bucket's worth
	next, done := ks.Walk(slot, x.db, x.from, expireStep, 0, func(it Item) {
		x.looked++
		switch at := it.e.expiry(); {
		case at == 0:
		case at < now && expired < len(doomed):
			doomed[expired] = it
			expired++
		default:
			x.seen[bits.Len64(uint64(max(at-x.since, 0)))]++
			x.soonest = min(x.soonest, at)
		}
	})
	x.from = next
	for _, it := range doomed[:expired] {
		ks.expire(slot, x.db, ks.HashOf(it), it)
	}
	if !done {
		return expired, false
	}
	if info.volatile > 0 {
		info.due = min(info.due, x.nextDue(info.volatile))
	}
	ks.refreshDue(slot)
	return expired, true
}

// nextDue is when the next pass pays, after one that found the keys x.seen.
func (x *expirer) nextDue(volatile int) int64 {
	worth := max(1, volatile/expireWorth)
	n := 0
	for i, seen := range x.seen {
		if n += seen; n >= worth {
			if n == seen || i == 0 { // the first to expire are enough
				return x.soonest
			}
			return x.since + 1<<(i-1)
		}
	}
	return x.soonest
}
