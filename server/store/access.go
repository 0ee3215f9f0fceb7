package store

import (
	"math"
	"math/rand/v2"
)

// What is known of how a key is used serves OBJECT IDLETIME, OBJECT FREQ and eviction. It is kept in 24 bits of the entry and, as
// in Redis, means one of two things at a time:
//
//   - normally, the time of the last access in unix seconds, modulo 2^24 (194 days);
//   - with TrackLFU, the low 8 bits are a logarithmic counter of accesses (Morris, "Counting large numbers of events in small
//     registers", 1978): it starts at lfuInit and grows with probability 1/((counter-lfuInit)*factor+1), so that with a factor of
//     10 255 stands for about a million accesses. It falls by one for each so many minutes since the time in the upper 16 bits, in
//     unix minutes modulo 2^16 (45 days): minutes of the clock, as in Redis, or a key used twice a minute would never decay.
//
// A change from one to the other leaves odd values behind for as long as keys are not accessed, as in Redis.

// The LFU counter's start, and what SetLFU changes: Redis's defaults.
const (
	lfuInit         = 5
	lfuLogFactor    = 10
	lfuDecayMinutes = 1
)

// SetLFU chooses how slowly the access counter grows (lfu-log-factor; 0 = by one each time) and after how many minutes
// without an access it falls by one (lfu-decay-time; 0 = never). Negative values count as 0. No lock is needed.
func (ks *Keyspace) SetLFU(logFactor, decayMinutes int) {
	ks.lfuFactor.Store(int64(max(0, logFactor)))
	ks.lfuDecay.Store(int64(max(0, decayMinutes)))
}

const accessMask = 1<<24 - 1

// TrackLFU chooses whether accesses are counted (on) or only their last time is kept. No lock is needed.
func (ks *Keyspace) TrackLFU(on bool) { ks.trackLFU.Store(on) }

// TracksLFU reports what TrackLFU chose.
func (ks *Keyspace) TracksLFU() bool { return ks.trackLFU.Load() }

// Idle is for how many seconds the item has not been accessed. It means something without TrackLFU only.
func (it Item) Idle(now int64) int64 {
	// A clock that was set back a little must not make a key look half a year old.
	if d := int64(uint32(now/1000)-it.e.access()) & accessMask; d < accessMask-maxSkew {
		return d
	}
	return 0
}

// maxSkew is by how many seconds a clock may have been set back.
const maxSkew = 24 * 3600

// Freq is the item's logarithmic access counter, decayed up to now. It means something under TrackLFU only.
func (ks *Keyspace) Freq(it Item, now int64) int { return int(ks.decayed(it.e.access(), now)) }

// lastUse is when the item was accessed last, in unix seconds; under TrackLFU to the minute.
func (ks *Keyspace) lastUse(it Item, now int64) int64 {
	if ks.trackLFU.Load() {
		return (now/60_000 - int64(lfuAge(it.e.access(), now))) * 60
	}
	return now/1000 - it.Idle(now)
}

// Touch notes an access of an item that Lookup found without the mode Touch. Under the lock.
func (ks *Keyspace) Touch(it Item, now int64) { ks.touch(it.e, now) }

func (ks *Keyspace) accessOfNew(now int64) uint32 {
	if ks.trackLFU.Load() {
		return lfuAccess(lfuInit, now)
	}
	return uint32(now/1000) & accessMask
}

func lfuAccess(counter uint8, now int64) uint32 {
	return uint32(now/60_000)<<8&accessMask | uint32(counter)
}

func (ks *Keyspace) touch(e entry, now int64) {
	was := e.access()
	a := uint32(now/1000) & accessMask
	if ks.trackLFU.Load() {
		n := ks.decayed(was, now)
		if n < 255 {
			base := max(0, int64(n)-lfuInit)
			if rand.Int64N(base*ks.lfuFactor.Load()+1) == 0 {
				n++
			}
		}
		a = lfuAccess(n, now)
	}
	if a != was { // most reads leave the cache line clean
		e.setAccess(a)
	}
}

// lfuAge is the minutes since the counter in a last was changed.
func lfuAge(a uint32, now int64) uint16 {
	// A clock that was set back a little must not make a key look a month old.
	if age := uint16(now/60_000) - uint16(a>>8); age <= math.MaxUint16-maxSkew/60 {
		return age
	}
	return 0
}

func (ks *Keyspace) decayed(a uint32, now int64) uint8 {
	decay := ks.lfuDecay.Load()
	if decay == 0 {
		return uint8(a)
	}
	return uint8(max(0, int64(uint8(a))-int64(lfuAge(a, now))/decay))
}

// SetAccess sets what is known of how an item is used, at the time now: for how many seconds it has not been accessed, or under
// TrackLFU its access counter, 0 to 255. Either is left as it is where it is below 0, or where TrackLFU has it mean nothing.
// Under the lock.
func (ks *Keyspace) SetAccess(it Item, idleSec int64, freq int, now int64) {
	switch {
	case ks.TracksLFU():
		if freq >= 0 {
			it.e.setAccess(lfuAccess(uint8(min(freq, math.MaxUint8)), now))
		}
	case idleSec >= 0:
		idleSec = min(idleSec, now/1000, accessMask-maxSkew-1) // what the 24 bits can tell
		it.e.setAccess(uint32(now/1000-idleSec) & accessMask)
	}
}
