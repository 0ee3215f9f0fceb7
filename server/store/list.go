package store

import "math"

// List is a key that holds a list, or no key yet: a handle that hides which form the list has. A small one is a [Packed] that is changed
// where it lies; a large one a quicklist. A list becomes large where a chunk would be full, and small again where it is down to half
// of a chunk, as in Redis 7.2. (Redis asks that it be in one chunk then; here chunks do not matter, so that replicas, whose
// chunks may be others, agree.)
//
// An empty list does not exist: who would take the last element deletes the key instead. Remove alone may leave one, and then the
// key must be deleted. A List is valid under the lock of its slot until something else changes the key.
type List struct {
	ks  *Keyspace
	r   Ref
	it  Item
	q   *quicklist // of the large form, or nil
	now int64      // unix ms
}

// List answers the list at r, where Lookup found it: a list, or no key. Under the lock.
func (ks *Keyspace) List(r Ref, it Item, now int64) List {
	l := List{ks: ks, r: r, it: it, now: now}
	if it.r != 0 {
		l.q, _ = it.Object().(*quicklist)
	}
	return l
}

// ListOf is the list of an item, for reading.
func ListOf(it Item) List {
	l := List{it: it}
	l.q, _ = it.Object().(*quicklist)
	return l
}

// Item is the key. It is valid until the list is changed.
func (l *List) Item() Item { return l.it }

// Len is the number of elements.
func (l *List) Len() int {
	switch {
	case l.it.r == 0:
		return 0
	case l.q != nil:
		return l.q.n
	default:
		return l.small().Len()
	}
}

// small is the small form.
func (l *List) small() Packed { return l.it.e.stored() }

// Chunks is the number of runs of elements, one after the other, that EachChunk calls fn with. They must not be changed or kept.
func (l *List) Chunks() int {
	if l.q == nil {
		return min(1, int(l.it.r))
	}
	n := 0
	for i := range l.q.groups {
		n += int(l.q.groups[i].chunks)
	}
	return n
}

// EachChunk is described beside Chunks.
func (l *List) EachChunk(fn func(Packed)) {
	if l.q == nil {
		if l.it.r != 0 {
			fn(l.small())
		}
		return
	}
	for at, ok := l.q.there(chunkPos{}); ok; at, ok = l.q.next(at) {
		fn(l.q.packed(at))
	}
}

// seek is the chunk of element index, which is there, its place in a quicklist, and the position of the element in it.
func (l *List) seek(index int) (p Packed, at chunkPos, pos Pos) {
	if l.q == nil {
		p = l.small()
	} else {
		at, index = l.q.seek(index)
		p = l.q.packed(at)
	}
	pos, _ = p.Seek(index)
	return p, at, pos
}

// Index is element i, from 0 on. Its string is a part of the list.
func (l *List) Index(i int) (Element, bool) {
	if i < 0 || i >= l.Len() {
		return Element{}, false
	}
	p, _, pos := l.seek(i)
	return p.At(pos), true
}

// Runs calls fn with the chunks of n elements from first on, which must be there: the elements that count are so many from pos on.
// They must not be changed or kept.
func (l *List) Runs(first, n int, fn func(p Packed, pos Pos, n int)) {
	if n <= 0 {
		return
	}
	if l.q == nil {
		p := l.small()
		pos, _ := p.Seek(first)
		fn(p, pos, n)
		return
	}
	at, index := l.q.seek(first)
	for {
		c := l.q.chunk(at)
		p := c.packed(&l.q.parts)
		pos := p.First()
		if index > 0 {
			pos, _ = p.Seek(index)
		}
		k := min(n, int(c.count)-index)
		fn(p, pos, k)
		if n -= k; n == 0 {
			return
		}
		at, _ = l.q.next(at)
		index = 0
	}
}

// Scan calls fn with n elements from first on, which must be there, until it answers false.
func (l *List) Scan(first, n int, fn func(Element) bool) {
	if n <= 0 {
		return
	}
	for p, at, pos := l.seek(first); ; {
		if n--; !fn(p.At(pos)) || n == 0 {
			return
		}
		if pos = p.after(pos); p.AtEnd(pos) {
			at, _ = l.q.next(at)
			p = l.q.packed(at)
			pos = p.First()
		}
	}
}

// ScanBack calls fn with n elements from first on towards the beginning, which must be there, until it answers false.
func (l *List) ScanBack(first, n int, fn func(Element) bool) {
	if n <= 0 {
		return
	}
	for p, at, pos := l.seek(first); ; {
		if n--; !fn(p.At(pos)) || n == 0 {
			return
		}
		var ok bool
		if pos, ok = p.Prev(pos); !ok {
			at, _ = l.q.prev(at)
			p = l.q.packed(at)
			pos = p.Last()
		}
	}
}

// Push adds elements at an end, one after the other: of several at the left the last comes first.
func (l *List) Push(left bool, elems ...[]byte) {
	limit := l.ks.listLimit()
	if l.q == nil {
		if l.pushSmall(left, elems, limit) {
			return
		}
		l.Grow()
	}
	for _, e := range elems {
		l.q.push(left, packText(e), limit)
	}
	l.q.settle(l.r)
}

// Add adds the elements of a Packed at the right, which makes a list as large as Push would.
func (l *List) Add(p Packed) {
	limit := l.ks.listLimit()
	elements, count := p[packedHeader:len(p)-1], p.Len()
	if l.q == nil {
		was, had := l.extent()
		if limit.allows(had+count, was+len(elements)) {
			l.resizeSmall(was + len(elements))
			to := l.small()
			copy(to[was-1:], elements)
			to[len(to)-1] = packedEnd
			putPackedHeader(to, had+count)
			return
		}
		l.Grow()
	}
	l.q.add(elements, count, limit)
	l.q.settle(l.r)
}

// Grow gives the list its large form, unless it has it.
func (l *List) Grow() {
	if l.q != nil {
		return
	}
	q := &quicklist{parts: l.ks.partsOf(l.r.Slot)}
	at := int64(0)
	if l.it.r != 0 {
		p := l.small()
		at = l.it.ExpireAt()
		q.add(p[packedHeader:len(p)-1], p.Len(), l.ks.listLimit())
	}
	l.it = l.ks.SetObject(l.r, l.it, q, at, l.now)
	q.adopted()
	l.q = q
}

// Shrink gives the list its small form where it is down to half of a chunk. Who has removed elements calls it at last.
func (l *List) Shrink() {
	if l.q == nil || !l.ks.listLimit().half().allows(l.q.n, packedFrame+l.q.size) {
		return
	}
	b := NewPacked(make([]byte, 0, packedFrame+l.q.size))
	l.EachChunk(func(p Packed) { b = append(b[:len(b)-1], p[packedHeader:]...) })
	putPackedHeader(b, l.q.n)
	l.it = l.ks.SetPacked(l.r, l.it, TypeList, EncListpack, b, l.it.ExpireAt(), l.now)
	l.q = nil
}

// Cut removes n elements from one end: fewer than there are.
func (l *List) Cut(left bool, n int) {
	switch {
	case n == 0:
	case l.q != nil:
		l.q.cut(left, n)
		l.q.settle(l.r)
	default:
		p := l.small()
		pos := p.First()
		if !left {
			pos, _ = p.Seek(-n)
		}
		l.cutSmall(p.Delete(pos, n))
	}
}

// Set puts an element in the place of element i, which is there.
func (l *List) Set(i int, elem []byte) {
	limit := l.ks.listLimit()
	l.growFor(elem, limit)
	p, at, pos := l.seek(i)
	e := packText(elem)
	if l.q != nil {
		l.q.replace(at, pos, e, limit)
		l.q.settle(l.r)
		return
	}
	l.spliceSmall(pos, int(p.after(pos)-pos), e)
}

// growFor gives the list its large form where an element more would make it too large.
func (l *List) growFor(elem []byte, limit listLimit) {
	if l.q == nil {
		if was, had := l.extent(); !limit.allows(had+1, was+len(elem)) {
			l.Grow()
		}
	}
}

// Insert adds an element before or after the first that is pivot, and reports whether there is one.
func (l *List) Insert(before bool, pivot, elem []byte) bool {
	if _, _, ok := l.find(pivot); !ok {
		return false
	}
	limit := l.ks.listLimit()
	l.growFor(elem, limit)
	at, pos, _ := l.find(pivot) // anew, as it may have become large
	e := packText(elem)
	if l.q == nil {
		if !before {
			pos = l.small().after(pos)
		}
		l.spliceSmall(pos, 0, e)
		return true
	}
	if !before {
		pos = l.q.packed(at).after(pos)
	}
	l.q.insert(at, pos, e, limit)
	l.q.settle(l.r)
	return true
}

// find is the chunk of the first element that is elem, and its position there.
func (l *List) find(elem []byte) (at chunkPos, pos Pos, ok bool) {
	if l.q == nil {
		p := l.small()
		pos, ok = p.Find(p.First(), 0, elem)
		return at, pos, ok
	}
	for more := true; more; at, more = l.q.next(at) {
		p := l.q.packed(at)
		if pos, ok = p.Find(p.First(), 0, elem); ok {
			return at, pos, true
		}
	}
	return at, 0, false
}

// Remove removes elements that are elem: count of them from the beginning on, or, if it is negative, from the end; 0 = all. It
// answers how many there were.
func (l *List) Remove(count int, elem []byte) (removed int) {
	if l.it.r == 0 {
		return 0
	}
	back, most := count < 0, max(count, -count)
	if most <= 0 { // 0, or the least integer, which has no opposite
		most = math.MaxInt
	}
	if l.q != nil {
		removed = l.q.remove(back, most, elem, l.ks.listLimit())
		l.q.settle(l.r)
		return removed
	}
	p, removed := l.small().without(back, most, elem)
	if removed > 0 {
		l.cutSmall(p)
	}
	return removed
}
