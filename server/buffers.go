package server

// Bounds of a loop's pool of reply buffers.
const (
	poolBuffers     = 4096    // buffers kept
	poolBufferBytes = 4 << 10 // a larger buffer is left to the garbage collector
	newBufferBytes  = 256     // capacity of a fresh one: most replies are short
)

// bufferPool hands out byte slices on one loop. It needs no lock.
type bufferPool struct{ free [][]byte }

func (p *bufferPool) get() []byte {
	if n := len(p.free); n > 0 {
		b := p.free[n-1]
		p.free = p.free[:n-1]
		return b[:0]
	}
	return make([]byte, 0, newBufferBytes)
}

func (p *bufferPool) put(b []byte) {
	if cap(b) == 0 || cap(b) > poolBufferBytes || len(p.free) >= poolBuffers {
		return
	}
	p.free = append(p.free, b)
}

// Bounds of the chunks in which a link keeps the requests that have no reply yet.
const (
	chunkBytes = 64 << 10 // one chunk; a larger request gets a chunk of its own
	poolChunks = 64       // free chunks kept a loop
)

// chunk holds the raw bytes of requests in flight. It is used again once every request in it has its reply.
type chunk struct {
	buf  []byte
	refs int
}

// chunkPool hands out chunks on one loop.
type chunkPool struct{ free []*chunk }

func (p *chunkPool) get(atLeast int) *chunk {
	if n := len(p.free); n > 0 && atLeast <= chunkBytes {
		c := p.free[n-1]
		p.free = p.free[:n-1]
		return c
	}
	return &chunk{buf: make([]byte, 0, max(chunkBytes, atLeast))}
}

func (p *chunkPool) put(c *chunk) {
	if cap(c.buf) != chunkBytes || len(p.free) >= poolChunks {
		return
	}
	c.buf = c.buf[:0]
	p.free = append(p.free, c)
}
