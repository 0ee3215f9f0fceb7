package store

import "math/rand/v2"

// What is known of how a key is used serves OBJECT IDLETIME, OBJECT FREQ and eviction. It is kept in 5 bytes of the entry and,
// as in Redis, means one of two things at a time:
//
//   - normally, access is the time of the last access in unix seconds;
//   - with TrackLFU, lfu is a logarithmic counter of accesses (Morris, "Counting large numbers of events in small registers",
//     1978): it starts at lfuInit and grows with probability 1/((lfu-lfuInit)*lfuLogFactor+1), so that 255 stands for about a
//     million accesses. It falls by one for each lfuDecay since access, the unix seconds of the last decay.

// The LFU counter's constants are Redis's defaults.
const (
	lfuInit      = 5
	lfuLogFactor = 10
	lfuDecaySec  = 60
)

// TrackLFU chooses whether accesses are counted (on) or only their last time is kept. No lock is needed.
func (ks *Keyspace) TrackLFU(on bool) { ks.trackLFU.Store(on) }

// TracksLFU reports what TrackLFU chose.
func (ks *Keyspace) TracksLFU() bool { return ks.trackLFU.Load() }

// Idle is for how many seconds the item has not been accessed.
func (it Item) Idle(now int64) int64 { return max(0, now/1000-int64(it.e.access)) }

// Freq is the item's logarithmic access counter, decayed up to now. It means something under TrackLFU only.
func (it Item) Freq(now int64) int { return int(decayed(it.e, now)) }

// Touch notes an access of an item that Lookup found without the mode Touch. Under the lock.
func (ks *Keyspace) Touch(it Item, now int64) { ks.touch(it.e, now) }

func (ks *Keyspace) created(e *entry, now int64) {
	e.access = uint32(now / 1000)
	e.lfu = lfuInit
}

func (ks *Keyspace) touch(e *entry, now int64) {
	if ks.trackLFU.Load() {
		e.lfu = decayed(e, now)
		if e.lfu < 255 {
			base := max(0, int(e.lfu)-lfuInit)
			if rand.IntN(base*lfuLogFactor+1) == 0 {
				e.lfu++
			}
		}
	}
	e.access = uint32(now / 1000)
}

func decayed(e *entry, now int64) uint8 {
	periods := max(0, now/1000-int64(e.access)) / lfuDecaySec
	return uint8(max(0, int64(e.lfu)-periods))
}
