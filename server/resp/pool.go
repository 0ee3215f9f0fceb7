package resp

import (
	"math/bits"
	"sync"
)

// Readers borrow their buffers from pools shared by all connections, so that an idle connection owns none and a busy one
// does not allocate. A pool is a stack of bounded height under a mutex rather than a sync.Pool: what it can hold is known,
// and the garbage collector does not empty it just when it is needed. The mutex is taken only where a request was cut in
// two by the end of a read, not per request.

const (
	minBufferBits = 9  // 512 B: the smallest buffer; a few cut-off small requests
	maxBufferBits = 20 // 1 MB: the largest that is pooled; larger ones go to the garbage collector
	// maxPooledBytes bounds each size class's pool: 4 MB, together at most 48 MB, which thousands of connections in the
	// middle of a request reach and few others do.
	maxPooledBytes = 4 << 20

	minArgsBits   = 5       // 32 arguments: the shortest pooled list
	maxArgsBits   = 11      // 2048: the longest, 48 KB; longer ones go to the garbage collector
	maxPooledArgs = 1 << 16 // list entries that each size class's pool may hold: 1.5 MB, together at most 11 MB
)

var (
	bufferPools [maxBufferBits + 1 - minBufferBits]pool[byte]
	argsPools   [maxArgsBits + 1 - minArgsBits]pool[[]byte]
)

// pool keeps slices of one capacity for reuse.
type pool[T any] struct {
	mu   sync.Mutex // guards free
	free [][]T
	_    [32]byte // keeps the mutexes of neighbours in separate cache lines
}

func (p *pool[T]) get(size int) []T {
	p.mu.Lock()
	if n := len(p.free); n > 0 {
		s := p.free[n-1]
		p.free[n-1] = nil
		p.free = p.free[:n-1]
		p.mu.Unlock()
		return s
	}
	p.mu.Unlock()
	return make([]T, 0, size)
}

func (p *pool[T]) put(s []T, most int) {
	p.mu.Lock()
	if len(p.free) < most {
		p.free = append(p.free, s[:0])
	}
	p.mu.Unlock()
}

// getBuffer answers an empty buffer of a capacity of at least n bytes, and less than twice that unless n is small.
func getBuffer(n int) []byte {
	c := class(n, minBufferBits)
	if c >= len(bufferPools) {
		return make([]byte, 0, n)
	}
	return bufferPools[c].get(1 << (c + minBufferBits))
}

// putBuffer takes back a buffer; nothing may refer to it any more.
func putBuffer(b []byte) {
	if c := class(cap(b), minBufferBits); c < len(bufferPools) && cap(b) == 1<<(c+minBufferBits) {
		bufferPools[c].put(b, maxPooledBytes>>(c+minBufferBits))
	}
}

// getArgs answers an empty list with room for at least n arguments.
func getArgs(n int) [][]byte {
	c := class(n, minArgsBits)
	if c >= len(argsPools) {
		return make([][]byte, 0, n)
	}
	return argsPools[c].get(1 << (c + minArgsBits))
}

// putArgs takes back a list. It is emptied first, or it would keep the buffers alive to which its entries point.
func putArgs(a [][]byte) {
	if c := class(cap(a), minArgsBits); c < len(argsPools) && cap(a) == 1<<(c+minArgsBits) {
		clear(a[:cap(a)])
		argsPools[c].put(a, maxPooledArgs>>(c+minArgsBits))
	}
}

// class answers the index of the smallest size class, each twice the one before and the first 1<<least, that holds n.
func class(n, least int) int {
	return max(bits.Len(uint(max(n, 1)-1))-least, 0)
}
