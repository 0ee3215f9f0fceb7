package command

import "encoding/binary"

// A sparse HyperLogLog is changed one register at a time: the run that has the register is split in up to three, and then neighbours
// with the same rank become one, where they are at most four registers together. Redis looks for those in the run before the change
// and four steps on, so other neighbours may stay apart; the bytes depend on that, and it is done the same way here.
//
// To change registers in ascending order costs no search from the beginning each: a search goes on from the run before the last that
// was found, which no change after it has moved.

const (
	hllMaxZeros   = 64 // registers in a run of zeros of one byte
	hllMaxRun     = 4  // registers in a run of a rank
	hllSparseRank = 32 // the highest rank of a run
	hllMergeSteps = 5  // runs looked at for neighbours
)

// run reads the run at an offset: its rank, its length in registers, its size in bytes. One of two bytes that is cut off reads as if a
// byte of 0 followed, as in Redis.
func (s sketch) run(at int) (rank uint8, n, size int) {
	switch b := s[at]; {
	case b>>7 == 1:
		return b>>2&0x1f + 1, int(b&3) + 1, 1
	case b>>6 == 0:
		return 0, int(b) + 1, 1
	case at+1 < len(s):
		return 0, int(b&0x3f)<<8 + int(s[at+1]) + 1, 2
	default:
		return 0, int(b&0x3f)<<8 + 1, 2
	}
}

// runs calls do for each run of a sparse sketch: its first register, its length, its rank. It answers false where the sketch is corrupt:
// it has more registers or fewer than there are. do is not called for registers that there are not.
func (s sketch) runs(do func(from, n int, rank uint8)) bool {
	from := 0
	for at := hllHeader; at < len(s); {
		rank, n, size := s.run(at)
		if n > hllRegisters-from {
			return false
		}
		do(from, n, rank)
		from += n
		at += size
	}
	return from == hllRegisters
}

func appendZeros(dst []byte, n int) []byte {
	if n > hllMaxZeros {
		return append(dst, 0x40|byte((n-1)>>8), byte(n-1))
	}
	return append(dst, byte(n-1))
}

func appendRun(dst []byte, rank uint8, n int) []byte {
	switch {
	case n == 0:
		return dst
	case rank == 0:
		return appendZeros(dst, n)
	}
	return append(dst, 0x80|(rank-1)<<2|byte(n-1))
}

// sparseEdit is a sparse sketch that is being changed.
type sparseEdit struct {
	s    sketch
	most int       // bytes that it may have
	from sparseRun // where searches begin for registers not before it; the zero value is the beginning
}

// sparseRun is one run of a sparse sketch. Offsets are of bytes after the header.
type sparseRun struct {
	at     int // its offset
	first  int // its first register
	before int // the offset of the run before it, where it is not the first
}

// sparseSpot is where a register is.
type sparseSpot struct {
	sparseRun
	prev    sparseRun // the run before it
	known   bool      // so is prev: whether a search may begin there
	n, size int
	rank    uint8
}

// runLengths are the registers of a run by its first byte; 0 where it has two bytes.
var runLengths = func() (t [256]uint8) {
	for b := range t {
		if _, n, size := (sketch{byte(b)}).run(0); size == 1 {
			t[b] = uint8(n)
		}
	}
	return t
}()

// eightRuns answers how many registers eight runs of one byte have together, and the last of them; or 0 where one has two bytes.
func eightRuns(w uint64) (sum, last int) {
	const (
		ones   = 0x0101_0101_0101_0101
		tops   = 0x80 * ones
		zeros  = 0x3f * ones // what counts in a run of zeros
		ranked = 0x3c        // and not in one of a rank
		evens  = 0x00ff_00ff_00ff_00ff
	)
	if w<<1&^w&tops != 0 {
		return 0, 0
	}
	n := w & zeros &^ (w & tops >> 7 * ranked)
	pairs := n&evens + n>>8&evens
	return int(pairs*0x0001_0001_0001_0001>>48) + 8, int(n>>56) + 1
}

// find looks for a register. It answers false where the sketch ends before.
func (e *sparseEdit) find(index int) (spot sparseSpot, ok bool) {
	var begin sparseRun
	if index >= e.from.first {
		begin = e.from
	}
	runs := e.s[hllHeader:]
	at, first, before := begin.at, begin.first, begin.before
	prevFirst, prevBefore := 0, 0
	for at < len(runs) {
		n, size := int(runLengths[runs[at]]), 1
		if n == 0 {
			n, size = int(runs[at]&0x3f)<<8+1, 2
			if at+1 < len(runs) {
				n += int(runs[at+1])
			}
		} else if index >= first+hllMaxZeros && at+8 <= len(runs) {
			if sum, last := eightRuns(binary.LittleEndian.Uint64(runs[at:])); sum > 0 && index >= first+sum {
				first += sum
				at += 8
				before, prevFirst, prevBefore = at-1, first-last, at-2
				continue
			}
		}
		if index < first+n {
			spot = sparseSpot{sparseRun: sparseRun{at, first, before}, known: at > begin.at, n: n, size: size}
			if spot.known {
				spot.prev = sparseRun{before, prevFirst, prevBefore}
				e.from = spot.prev
			}
			spot.rank, _, _ = runs.run(at)
			return spot, true
		}
		prevFirst, prevBefore = first, before
		before = at
		at += size
		first += n
	}
	return spot, false
}

// put gives a register, which is at spot and has a lower rank, another one. It answers false, and has done nothing, where the sketch
// would have to become dense.
func (e *sparseEdit) put(spot *sparseSpot, index int, rank uint8) bool {
	if rank > hllSparseRank {
		return false
	}
	var room [5]byte
	left := index - spot.first
	seq := appendRun(room[:0], spot.rank, left)
	seq = appendRun(seq, rank, 1)
	seq = appendRun(seq, spot.rank, spot.n-left-1)
	grown := len(seq) - spot.size
	if grown > 0 && len(e.s)+grown > e.most {
		return false
	}
	at := hllHeader + spot.at
	cut := at+spot.size > len(e.s)
	if cut {
		e.s = append(e.s, 0)
	}
	end := len(e.s)
	if grown > 0 {
		e.s = append(e.s, room[:grown]...)
	}
	copy(e.s[at+len(seq):], e.s[at+spot.size:end])
	e.s = e.s[:end+grown]
	copy(e.s[at:], seq)
	if cut { // then what took its place is
		e.s = e.s[:len(e.s)-1]
	}

	e.from = sparseRun{}
	if spot.known {
		e.from = spot.prev
	}
	e.join(hllHeader + spot.before)
	return true
}

// join makes one run of neighbours, from the one at an offset on.
func (e *sparseEdit) join(at int) {
	s := e.s
	for steps := hllMergeSteps; steps > 0 && at < len(s); steps-- {
		rank, n, size := s.run(at)
		if rank > 0 && at+1 < len(s) {
			if next, m, _ := s.run(at + 1); next == rank && n+m <= hllMaxRun {
				appendRun(s[:at+1], rank, n+m)
				s = append(s[:at], s[at+1:]...)
				continue
			}
		}
		at += size
	}
	e.s = s
}
