package front

import "math/bits"

// A bufferPool keeps output buffers of one loop between batches. It needs no lock, and being last-in first-out it
// hands out the memory that is most likely still in the processor's cache; sync.Pool gives neither, and loses the
// buffers to every other run of the garbage collector.
//
// Buffers are kept by the power of two at or below their capacity, so that buffers which append has grown find a
// place too. What a class did not need for a while is let go, an eighth per tick: an idle loop keeps nothing.
type bufferPool struct {
	classes [poolClasses]poolClass
	usual   int // the class lent to handlers
	largest int // the largest output since the last tick, in bytes
}

type poolClass struct {
	free  [][]byte
	bytes int // capacity of all of free
	idle  int // the fewest that were free at any time since the last tick
}

const (
	poolMinShift = 12 // the smallest class is 4 KB: one page, or a pipeline of 16 small replies several times over
	poolClasses  = 9  // 4 KB to 1 MB; larger outputs are rare enough for the garbage collector

	// poolClassBytes bounds what one class keeps: one 4 KB buffer for each of eventsPerBatch connections.
	poolClassBytes = eventsPerBatch << poolMinShift

	// maxLent is the class of the largest buffers that are lent without being asked for, 64 KB: in the worst batch
	// eventsPerBatch of them are out at once.
	maxLent = 4
)

// get returns an empty buffer with a capacity of n bytes or more.
func (p *bufferPool) get(n int) []byte {
	i := classAbove(n)
	if i >= poolClasses {
		return make([]byte, 0, n)
	}
	class := &p.classes[i]
	k := len(class.free) - 1
	if k < 0 {
		return make([]byte, 0, 1<<(poolMinShift+i))
	}
	b := class.free[k]
	class.free[k] = nil
	class.free = class.free[:k]
	class.bytes -= cap(b)
	class.idle = min(class.idle, k)
	return b
}

// put takes a buffer back, or leaves it to the garbage collector if there is enough of its class.
func (p *bufferPool) put(b []byte) {
	i := bits.Len(uint(cap(b))) - 1 - poolMinShift
	if i < 0 || i >= poolClasses {
		return
	}
	class := &p.classes[i]
	if class.bytes+cap(b) <= poolClassBytes {
		class.free = append(class.free, b[:0])
		class.bytes += cap(b)
	}
}

// lend returns an empty buffer for output of unknown size: as large as recent outputs were, so that append seldom
// has to grow it.
func (p *bufferPool) lend() []byte { return p.get(1 << (poolMinShift + p.usual)) }

// note remembers the size of an output, for lend.
func (p *bufferPool) note(n int) {
	if n > p.largest {
		p.largest = n
		p.usual = max(p.usual, min(classAbove(n), maxLent))
	}
}

// tick forgets outputs larger than those since the tick before, and lets go of buffers that nobody needed.
func (p *bufferPool) tick() {
	p.usual = min(classAbove(p.largest), maxLent)
	p.largest = 0
	for i := range p.classes {
		class := &p.classes[i]
		for range (class.idle + 7) / 8 {
			last := len(class.free) - 1
			class.bytes -= cap(class.free[last])
			class.free[last] = nil
			class.free = class.free[:last]
		}
		class.idle = len(class.free)
	}
}

// classAbove returns the smallest class whose buffers hold n bytes, poolClasses or more if there is none.
func classAbove(n int) int { return max(0, bits.Len(uint(max(n, 1)-1))-poolMinShift) }
