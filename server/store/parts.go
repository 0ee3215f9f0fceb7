package store

import "unsafe"

// parts are the memory of one Object: blocks of its shard's pool, and large ones, counted. An Object embeds them. All is under the
// lock of the shard.
type parts struct {
	ks      *Keyspace
	sh      *shard
	bytes   int // of the blocks in use
	counted int // of them, what the slot has been charged for: see settle
}

func (ks *Keyspace) partsOf(slot uint16) parts { return parts{ks: ks, sh: ks.shardOf(slot)} }

// Size is the memory in bytes.
func (m *parts) Size() int { return m.bytes }

// settle charges the slot of r for what the Object has grown since the last time, once r holds it. Whoever changes an Object does so
// before the lock is given back.
func (m *parts) settle(r Ref) {
	if d := m.bytes - m.counted; d != 0 {
		m.counted = m.bytes
		m.ks.grew(m.sh, r.Slot, r.DB, d)
	}
}

// adopted notes that SetObject has charged the slot for all there is.
func (m *parts) adopted() { m.counted = m.bytes }

// alloc answers a block of at least n bytes, at most maxBlock. Its content is undefined.
func (m *parts) alloc(n int) ref {
	c := classOf(n)
	m.bytes += classSize(c)
	return m.sh.mu.pool.alloc(c)
}

func (m *parts) free(r ref) {
	m.bytes -= classSize(m.sh.mu.pool.classAt(r))
	m.sh.mu.pool.free(r)
}

// at is the address of a block: valid until it is freed or evacuated.
func (m *parts) at(r ref) unsafe.Pointer { return m.sh.mu.pool.at(r) }

// room is the size of a block in bytes.
func (m *parts) room(r ref) int { return classSize(m.sh.mu.pool.classAt(r)) }

// evacuate moves a block out of a marked page, and answers where it is now: r itself where it did not have to move.
func (m *parts) evacuate(r ref) ref {
	p := &m.sh.mu.pool
	if p.pages[r.page()].state != pageMarked {
		return r
	}
	class := p.classAt(r)
	to := p.alloc(class)
	copy(bytesAt(p.at(to), classSize(class)), bytesAt(p.at(r), classSize(class)))
	p.free(r)
	return to
}

// span is a run of bytes of any length, in a block of the pool or, beyond maxBlock, in a large one. The zero span is empty.
type span struct {
	at    uintptr // a reference, or the address of a large block; 0 = there is no block
	n     uint32  // bytes in use
	large uint8   // log2 of the large block's address space; 0 = a block of the pool
}

func (s *span) pointer(m *parts) unsafe.Pointer {
	if s.large != 0 {
		// The address is the system's, not the Go heap's: the collector need not see it.
		return *(*unsafe.Pointer)(unsafe.Pointer(&s.at))
	}
	return m.at(ref(s.at))
}

// data is the bytes in use: valid until the span is resized, freed or evacuated.
func (s *span) data(m *parts) []byte {
	if s.at == 0 {
		return nil
	}
	return bytesAt(s.pointer(m), int(s.n))
}

// resize makes the span n bytes long and answers them: what was there stays, as far as n reaches; what comes after it is undefined.
// extra is the room in bytes to be left for growth where a new block is needed.
func (s *span) resize(m *parts, n, extra int) []byte {
	if s.at != 0 && s.fits(m, n) {
		if s.large != 0 {
			m.ks.large.trim(s.pointer(m), n, int(s.n))
			m.bytes += largeSize(n) - largeSize(int(s.n))
		}
		s.n = uint32(n)
		return s.data(m)
	}
	to := newSpan(m, n, extra)
	copy(to.data(m), s.data(m))
	s.free(m)
	*s = to
	return s.data(m)
}

// fits reports whether n bytes belong into the block that is there: they have room in it, and do not leave most of it empty.
func (s *span) fits(m *parts, n int) bool {
	if s.large != 0 {
		return n > maxBlock && n <= 1<<s.large && largeClass(n) >= int(s.large)-1
	}
	room := m.room(ref(s.at))
	return n <= room && room <= 2*n+wasteMin
}

func newSpan(m *parts, n, extra int) span {
	if n == 0 {
		return span{}
	}
	if n > maxBlock {
		m.bytes += largeSize(n)
		return span{at: uintptr(m.ks.large.alloc(n)), n: uint32(n), large: uint8(largeClass(n))}
	}
	return span{at: uintptr(m.alloc(min(n+extra, maxBlock))), n: uint32(n)}
}

// free gives the block back; the span is empty then.
func (s *span) free(m *parts) {
	switch {
	case s.at == 0:
	case s.large != 0:
		m.bytes -= largeSize(int(s.n))
		m.ks.large.free(s.pointer(m), int(s.large), int(s.n))
	default:
		m.free(ref(s.at))
	}
	*s = span{}
}

// evacuate moves the block out of a marked page.
func (s *span) evacuate(m *parts) {
	if s.at != 0 && s.large == 0 {
		s.at = uintptr(m.evacuate(ref(s.at)))
	}
}
