package store

import (
	"slices"
	"unsafe"
)

// Pending entries are records in the order of their ids, in chunks: a directory of spans, each with as many records as fit into a
// block. A group has its pending entries whole, a consumer the ids of its own. Ids come mostly in ascending order and go mostly from
// the front, but every place is found by two binary searches. Nothing in a record is a pointer.

// pending is a record of a group: an entry that was delivered and is not acknowledged. 40 bytes.
type pending struct {
	id       StreamID
	time     int64 // of its delivery, unix ms
	count    int64 // deliveries
	consumer uint32
}

func (p pending) key() StreamID  { return p.id }
func (a StreamID) key() StreamID { return a }

type record interface {
	key() StreamID
	pending | StreamID
}

const recordChunk = 4096 // bytes of a chunk, at most

// records is a list of them, in chunks that are not empty.
type records[T record] struct {
	dir []recordDir
	n   int
}

// recordDir is a chunk in the directory: 32 bytes.
type recordDir struct {
	first StreamID // no record's id is less, and those of all chunks before are
	data  span
}

// recordAt is where a record is, or would be.
type recordAt struct{ chunk, i int }

// perChunk is the number of records in a full chunk.
func (l *records[T]) perChunk() int {
	var zero T
	return recordChunk / int(unsafe.Sizeof(zero))
}

func (l *records[T]) chunks() int { return len(l.dir) }

func (l *records[T]) evacuate(m *parts, i int) { l.dir[i].data.evacuate(m) }

// chunk is the records of a chunk: memory of the pool.
func (l *records[T]) chunk(m *parts, i int) []T {
	var zero T
	d := &l.dir[i].data
	return unsafe.Slice((*T)(d.pointer(m)), int(d.n)/int(unsafe.Sizeof(zero)))
}

// seek is the place of the first record with an id of at least id. Where there is none, its chunk is behind the last.
func (l *records[T]) seek(m *parts, id StreamID) recordAt {
	at, _ := l.find(m, id)
	if at.chunk < len(l.dir) && at.i == len(l.chunk(m, at.chunk)) {
		return recordAt{at.chunk + 1, 0}
	}
	return at
}

// find is the place of a record; where it is not there, the place at which it would go into a chunk.
func (l *records[T]) find(m *parts, id StreamID) (at recordAt, found bool) {
	if len(l.dir) == 0 {
		return at, false
	}
	n := len(l.dir) - 1
	if id.Less(l.dir[n].first) {
		n, found = slices.BinarySearchFunc(l.dir, id, func(d recordDir, id StreamID) int { return d.first.Compare(id) })
		if !found {
			n = max(0, n-1)
		}
	}
	c := l.chunk(m, n)
	if last := len(c) - 1; c[last].key().Less(id) { // as most are that come
		return recordAt{n, last + 1}, false
	}
	i, found := slices.BinarySearchFunc(c, id, func(r T, id StreamID) int { return r.key().Compare(id) })
	return recordAt{n, i}, found
}

// at is the record at a place, or nil behind the last.
func (l *records[T]) at(m *parts, at recordAt) *T {
	if at.chunk >= len(l.dir) {
		return nil
	}
	return &l.chunk(m, at.chunk)[at.i]
}

// next is the place after that of a record.
func (l *records[T]) next(m *parts, at recordAt) recordAt {
	if at.i+1 < len(l.chunk(m, at.chunk)) {
		return recordAt{at.chunk, at.i + 1}
	}
	return recordAt{at.chunk + 1, 0}
}

// get is the record with an id, or nil.
func (l *records[T]) get(m *parts, id StreamID) *T {
	if at, found := l.find(m, id); found {
		return l.at(m, at)
	}
	return nil
}

// last is the record with the greatest id.
func (l *records[T]) last(m *parts) *T {
	c := l.chunk(m, len(l.dir)-1)
	return &c[len(c)-1]
}

// insert adds a record, and reports whether that is new: it is not where there is one with the same id, which stays.
func (l *records[T]) insert(s *Stream, r T) bool {
	at, found := l.find(&s.parts, r.key())
	if found {
		return false
	}
	l.n++
	if len(l.dir) == 0 {
		l.grow(s, 0, r.key())
		l.put(s, at, r)
		return true
	}
	if n := len(l.chunk(&s.parts, at.chunk)); n == l.perChunk() {
		if at.chunk == len(l.dir)-1 && at.i == n {
			at = recordAt{at.chunk + 1, 0}
			l.grow(s, at.chunk, r.key())
		} else {
			at = l.split(s, at)
		}
	}
	l.put(s, at, r)
	return true
}

// put makes room for a record in a chunk, and writes it.
func (l *records[T]) put(s *Stream, at recordAt, r T) {
	d := &l.dir[at.chunk]
	size := int(unsafe.Sizeof(r))
	n := int(d.data.n) + size
	d.data.resize(&s.parts, n, min(n/2, max(0, recordChunk-n)))
	c := l.chunk(&s.parts, at.chunk)
	copy(c[at.i+1:], c[at.i:])
	c[at.i] = r
	if r.key().Less(d.first) {
		d.first = r.key()
	}
}

// grow adds an empty chunk to the directory.
func (l *records[T]) grow(s *Stream, i int, first StreamID) {
	was := cap(l.dir)
	l.dir = slices.Insert(l.dir, i, recordDir{first: first})
	s.account((cap(l.dir) - was) * int(unsafe.Sizeof(recordDir{})))
}

// split makes two chunks of a full one, and answers where the place is then.
func (l *records[T]) split(s *Stream, at recordAt) recordAt {
	c := l.chunk(&s.parts, at.chunk)
	half := len(c) / 2
	l.grow(s, at.chunk+1, c[half].key())
	size := int(unsafe.Sizeof(c[0]))
	from, to := &l.dir[at.chunk].data, &l.dir[at.chunk+1].data
	b := from.data(&s.parts)
	*to = newSpan(&s.parts, len(b)-half*size, 0)
	copy(to.data(&s.parts), b[half*size:])
	from.resize(&s.parts, half*size, 0)
	if at.i > half {
		return recordAt{at.chunk + 1, at.i - half}
	}
	return at
}

// remove removes the record with an id, and reports whether there was one.
func (l *records[T]) remove(s *Stream, id StreamID) bool {
	at, found := l.find(&s.parts, id)
	if found {
		l.cut(s, at)
	}
	return found
}

// cut removes the record at a place, where then the next one is, if it is in the same chunk.
func (l *records[T]) cut(s *Stream, at recordAt) {
	c := l.chunk(&s.parts, at.chunk)
	l.n--
	if len(c) == 1 {
		l.drop(s, at.chunk)
		return
	}
	size := int(unsafe.Sizeof(c[0]))
	copy(c[at.i:], c[at.i+1:])
	d := &l.dir[at.chunk].data
	d.resize(&s.parts, (len(c)-1)*size, 0)
	if int(d.n) < recordChunk/4 && at.chunk+1 < len(l.dir) { // two little ones become one
		if other := &l.dir[at.chunk+1].data; int(other.n) < recordChunk/4 {
			n := int(d.n)
			copy(d.resize(&s.parts, n+int(other.n), 0)[n:], other.data(&s.parts))
			l.drop(s, at.chunk+1)
		}
	}
}

// drop removes a chunk.
func (l *records[T]) drop(s *Stream, i int) {
	l.dir[i].data.free(&s.parts)
	was := cap(l.dir)
	if i == 0 {
		l.dir = l.dir[1:]
	} else {
		l.dir = slices.Delete(l.dir, i, i+1)
	}
	if cap(l.dir) > 4*len(l.dir)+8 {
		l.dir = append(make([]recordDir, 0, len(l.dir)+len(l.dir)/4), l.dir...)
	}
	s.account((cap(l.dir) - was) * int(unsafe.Sizeof(recordDir{})))
}

// release gives all chunks back, or as many as budget says, and reports whether none is left.
func (l *records[T]) release(s *Stream, budget int) (done bool) {
	for ; budget > 0 && len(l.dir) > 0; budget-- {
		n := len(l.dir) - 1
		l.dir[n].data.free(&s.parts)
		l.dir = l.dir[:n]
	}
	if len(l.dir) > 0 {
		return false
	}
	s.account(-cap(l.dir) * int(unsafe.Sizeof(recordDir{})))
	*l = records[T]{}
	return true
}
