package store

import "slices"

// table is the dictionary of one slot in one database: chains of entries in buckets that are indexed by the top bits of the
// hash. Buckets are therefore in the order of hashes, doubling splits bucket i into 2i and 2i+1, and a walk from one hash to
// another means the same entries at any size.
//
// It resizes at once: a slot's share of the keys is small. (A walk by hash does not care when it does.)
type table struct {
	buckets []*entry // a power of two
	shift   uint     // bucket of hash h: h >> shift
	n       int      // entries
	bytes   int      // memory of the entries
	expiry
}

// Bounds of a table's size.
const (
	minBuckets   = 8 // the smallest table; at least 2, so that a shift is below 64
	minShift     = 61
	shrinkFactor = 8 // buckets for each entry from which on a table halves
)

// entry is one key with its value: one allocation where they are small, two where the value is or has become large.
type entry struct {
	next   *entry
	hash   uint64
	buf    []byte // the key, then the value; the capacity is room for values to come
	klen   uint32
	access uint32 // see access.go
	at     int64  // expiry in unix ms; 0 = none
	enc    Encoding
	lfu    uint8
	inline uint16 // bytes that follow the entry in its allocation; buf lies there until it outgrows them
	moved  bool   // buf is an allocation of its own
}

// Room for key and value in an entry's own allocation, in bytes. What follows the entry there is, more often than not, in the
// next cache line, which processors fetch along: a look-up in a large keyspace spends its time waiting for memory.
const (
	inlineSmall  = 32
	inlineMiddle = 64
	inlineLarge  = 128
)

// newEntry answers an entry whose buf is empty and has room for n bytes.
func newEntry(n int) *entry {
	switch {
	case n <= inlineSmall:
		e := new(struct {
			entry
			data [inlineSmall]byte
		})
		e.buf, e.inline = e.data[:0], inlineSmall
		return &e.entry
	case n <= inlineMiddle:
		e := new(struct {
			entry
			data [inlineMiddle]byte
		})
		e.buf, e.inline = e.data[:0], inlineMiddle
		return &e.entry
	case n <= inlineLarge:
		e := new(struct {
			entry
			data [inlineLarge]byte
		})
		e.buf, e.inline = e.data[:0], inlineLarge
		return &e.entry
	}
	return &entry{buf: slices.Grow([]byte(nil), n), moved: true}
}

// Overheads, in bytes, as MemoryUsed counts them.
const (
	entrySize  = 64
	bucketSize = 8
	tableSize  = 104
)

func (e *entry) key() []byte   { return e.buf[:e.klen:e.klen] }
func (e *entry) value() []byte { return e.buf[e.klen:] }

// size is what the entry takes, in bytes.
func (e *entry) size() int {
	if e.moved {
		return entrySize + int(e.inline) + cap(e.buf)
	}
	return entrySize + int(e.inline)
}

// newTable answers an empty table, whose first buckets lie in its own allocation.
func newTable() *table {
	t := new(struct {
		table
		first [minBuckets]*entry
	})
	t.buckets, t.shift, t.expiry = t.first[:], minShift, expiry{soonest: never, pass: never}
	return &t.table
}

func (t *table) size() int { return tableSize + len(t.buckets)*bucketSize }

func (t *table) find(hash uint64, key []byte) *entry {
	for e := t.buckets[hash>>(t.shift&63)]; e != nil; e = e.next {
		if e.hash == hash && string(e.key()) == string(key) {
			return e
		}
	}
	return nil
}

func (t *table) insert(e *entry) {
	if t.n >= len(t.buckets) {
		t.grow()
	}
	p := &t.buckets[e.hash>>(t.shift&63)]
	e.next = *p
	*p = e
	t.n++
}

func (t *table) remove(e *entry) {
	p := &t.buckets[e.hash>>(t.shift&63)]
	for *p != e {
		p = &(*p).next
	}
	*p = e.next
	e.next = nil
	t.n--
	if len(t.buckets) > minBuckets && t.n*shrinkFactor < len(t.buckets) {
		t.shrink()
	}
}

func (t *table) grow() {
	old := t.buckets
	t.buckets = make([]*entry, 2*len(old))
	t.shift--
	for _, e := range old {
		for e != nil {
			next := e.next
			p := &t.buckets[e.hash>>(t.shift&63)]
			e.next = *p
			*p = e
			e = next
		}
	}
}

func (t *table) shrink() {
	old := t.buckets
	t.buckets = make([]*entry, len(old)/2)
	t.shift++
	for i := range t.buckets {
		head := old[2*i]
		t.buckets[i] = head
		if head == nil {
			t.buckets[i] = old[2*i+1]
			continue
		}
		for head.next != nil {
			head = head.next
		}
		head.next = old[2*i+1]
	}
}
