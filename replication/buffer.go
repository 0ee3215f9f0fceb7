package replication

import "sync"

// chunkSize is the unit of a stream's memory in bytes. A slice that doubles would copy 128 MB under a lock on its way to 256.
const chunkSize = 64 << 10

type chunk [chunkSize]byte

// chunks is what all streams of a node take from and give back to.
var chunks = sync.Pool{New: func() any { return new(chunk) }}

// buffer keeps the bytes of a stream from base, which has been acknowledged, to end.
type buffer struct {
	list  []*chunk // from head on: those in use, each full but for the last
	head  int
	first uint64 // offset of the first byte of list[head]
	base  uint64
	end   uint64
}

func (b *buffer) len() int { return int(b.end - b.base) }

// append copies p to the end.
func (b *buffer) append(p []byte) {
	for len(p) > 0 {
		at := int(b.end - b.first)
		if at == (len(b.list)-b.head)*chunkSize {
			b.grow()
		}
		n := copy(b.list[b.head+at/chunkSize][at%chunkSize:], p)
		b.end += uint64(n)
		p = p[n:]
	}
}

// grow adds a chunk. Room that acknowledged chunks have left in the list is used again first.
func (b *buffer) grow() {
	if b.head > 0 && len(b.list) == cap(b.list) {
		n := copy(b.list, b.list[b.head:])
		clear(b.list[n:])
		b.list, b.head = b.list[:n], 0
	}
	b.list = append(b.list, chunks.Get().(*chunk))
}

// copy appends to dst up to limit bytes from an offset on, which is within base and end.
func (b *buffer) copy(dst []byte, from uint64, limit int) []byte {
	for limit > 0 && from < b.end {
		at := int(from - b.first)
		p := b.list[b.head+at/chunkSize][at%chunkSize:]
		p = p[:min(len(p), limit, int(b.end-from))]
		dst = append(dst, p...)
		from += uint64(len(p))
		limit -= len(p)
	}
	return dst
}

// release lets go of what is before the offset upTo.
func (b *buffer) release(upTo uint64) {
	b.base = upTo
	for b.head < len(b.list) && b.base-b.first >= chunkSize {
		b.free()
	}
	if b.base == b.end {
		b.first = b.end // the last chunk, if there is one, is written from its start again
	}
}

// free gives the first chunk back.
func (b *buffer) free() {
	chunks.Put(b.list[b.head])
	b.list[b.head] = nil
	b.head++
	b.first += chunkSize
}

// shrink gives back the chunk that an idle stream keeps to write into.
func (b *buffer) shrink() {
	if b.base != b.end {
		return
	}
	for b.head < len(b.list) {
		b.free()
	}
	b.list, b.head, b.first = nil, 0, b.end
}

// reset forgets all bytes. The offset stays.
func (b *buffer) reset() {
	b.base = b.end
	b.shrink()
}
