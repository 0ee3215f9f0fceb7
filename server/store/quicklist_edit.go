package store

// push adds an element at an end.
func (q *quicklist) push(left bool, e packedElement, limit listLimit) {
	size := e.total()
	at := chunkPos{}
	if q.n > 0 {
		at = q.end(left)
		if c := q.chunk(at); limit.allows(int(c.count)+1, c.bytes()+size) {
			q.put(at, left, e, limit)
			return
		}
		q.chunk(at).fit(&q.parts) // nothing is pushed to it any more
		if !left {
			at.chunk++
		}
	}
	q.newChunk(at, e)
}

// put adds an element to a chunk, as the first or the last of it.
func (q *quicklist) put(at chunkPos, left bool, e packedElement, limit listLimit) {
	c, size := q.chunk(at), e.total()
	if left {
		p := c.front(&q.parts, size, limit.bytes)
		e.put(p[packedHeader:])
		putPackedHeader(p, int(c.count)+1)
	} else {
		p := c.back(&q.parts, size, limit.bytes)
		p.splice(p.end(), 0, e)
	}
	q.counted(at, 1, size)
}

// newChunk puts a chunk of one element before the one at a place, or behind the last.
func (q *quicklist) newChunk(at chunkPos, e packedElement) {
	at = q.insertChunk(at)
	c, size := q.chunk(at), e.total()
	c.span = newSpan(&q.parts, packedFrame+size, 0)
	NewPacked(c.data(&q.parts)[:0:packedFrame+size]).splice(packedHeader, 0, e)
	q.counted(at, 1, size)
}

// add adds elements of a Packed, count of them, at the right: in as few chunks as they need.
func (q *quicklist) add(elements []byte, count int, limit listLimit) {
	if count == 0 {
		return
	}
	at := chunkPos{}
	if q.n > 0 {
		at = q.last()
		if c := q.chunk(at); limit.allows(int(c.count)+count, c.bytes()+len(elements)) {
			q.join(at, elements, count, limit)
			return
		}
		q.chunk(at).fit(&q.parts)
		at.chunk++
	}
	if count == 1 || limit.allows(count, packedFrame+len(elements)) {
		at = q.insertChunk(at)
		q.chunk(at).fill(&q.parts, elements, count)
		q.counted(at, count, len(elements))
		return
	}
	for ; count > 0; count-- {
		head, data := packedHead(elements)
		n := int(behind(0, head+data))
		q.add(elements[:n], 1, limit)
		elements = elements[n:]
	}
}

// join adds elements of a Packed, count of them, to the end of a chunk. They must not lie in it.
func (q *quicklist) join(at chunkPos, elements []byte, count int, limit listLimit) {
	c := q.chunk(at)
	p := c.back(&q.parts, len(elements), limit.bytes)
	n := len(p) - 1
	p = p[:len(p)+len(elements)]
	p[n+copy(p[n:], elements)] = packedEnd
	putPackedHeader(p, int(c.count)+count)
	q.counted(at, count, len(elements))
}

// cut removes n elements from an end: they must be there.
func (q *quicklist) cut(left bool, n int) {
	n -= q.cutGroups(left, n)
	for n > 0 {
		at := q.end(left)
		c := q.chunk(at)
		if int(c.count) <= n {
			n -= int(c.count)
			q.removeChunk(at)
			continue
		}
		p, was := c.packed(&q.parts), c.bytes()
		switch {
		case left && c.large == 0:
			pos, _ := p.Seek(n)
			c.before += uint32(pos - packedHeader)
			putPackedHeader(c.packed(&q.parts), int(c.count)-n)
			c.spare(&q.parts)
		case left:
			c.shrunk(&q.parts, p.Delete(p.First(), n))
		default:
			pos, _ := p.Seek(-n)
			c.shrunk(&q.parts, p.Delete(pos, n))
		}
		q.counted(at, -n, c.bytes()-was)
		return
	}
}

// cutGroups removes whole groups from an end, of at most n elements together, and answers how many elements they had. Many of them go
// bit by bit, as a collection that is deleted.
func (q *quicklist) cutGroups(left bool, n int) (cut int) {
	k := 0
	for ; k < len(q.groups); k++ {
		g := &q.groups[k]
		if !left {
			g = &q.groups[len(q.groups)-1-k]
		}
		if cut+g.n > n {
			break
		}
		cut += g.n
	}
	if k == 0 {
		return 0
	}
	gone := &quicklist{parts: parts{ks: q.ks, sh: q.sh}}
	if left {
		gone.groups, q.groups = q.groups[:k:k], q.groups[k:]
	} else {
		gone.groups, q.groups = q.groups[len(q.groups)-k:], q.groups[:len(q.groups)-k:len(q.groups)-k]
	}
	for i := range gone.groups {
		g := &gone.groups[i]
		gone.bytes += chunkGroupBytes + q.room(g.at)
		for j := range int(g.chunks) {
			c := q.chunkOf(g, j)
			gone.bytes += c.memory(&q.parts)
			q.size -= c.elementBytes()
		}
	}
	q.n -= cut
	q.bytes -= gone.bytes
	bytes := gone.bytes
	if !gone.Release(releaseAtOnce) {
		g := &q.sh.mu.graves
		g.objects = append(g.objects, gone)
		g.bytes += bytes
	}
	return cut
}

// memory is what the chunk's block takes, in bytes.
func (c *chunk) memory(m *parts) int {
	if c.large != 0 {
		return largeSize(int(c.n))
	}
	return m.room(ref(c.at))
}

// insert adds an element before that at pos of a chunk, or behind its last.
func (q *quicklist) insert(at chunkPos, pos Pos, e packedElement, limit listLimit) {
	c, size := q.chunk(at), e.total()
	p := c.packed(&q.parts)
	switch {
	case limit.allows(int(c.count)+1, c.bytes()+size):
		c.back(&q.parts, size, limit.bytes).splice(pos, 0, e)
		q.counted(at, 1, size)
	case pos == p.First():
		if before, ok := q.prev(at); ok && q.takes(before, size, limit) {
			q.put(before, false, e, limit)
			return
		}
		q.newChunk(at, e)
	case p.AtEnd(pos):
		if after, ok := q.next(at); ok && q.takes(after, size, limit) {
			q.put(after, true, e, limit)
			return
		}
		q.newChunk(chunkPos{at.group, at.chunk + 1}, e)
	default:
		q.split(at, pos, e, limit)
	}
}

// takes reports whether a chunk has room for an element of size bytes.
func (q *quicklist) takes(at chunkPos, size int, limit listLimit) bool {
	c := q.chunk(at)
	return limit.allows(int(c.count)+1, c.bytes()+size)
}

// split cuts a chunk in two before pos, which is neither its beginning nor its end, and adds an element between them: to the smaller
// part, if that has room for it.
func (q *quicklist) split(at chunkPos, pos Pos, e packedElement, limit listLimit) {
	right := q.insertChunk(chunkPos{at.group, at.chunk + 1})
	at, _ = q.prev(right) // its group may have been split
	c := q.chunk(at)
	p := c.packed(&q.parts)
	left := 0
	for i := p.First(); i < pos; i = p.after(i) {
		left++
	}
	count, size := int(c.count)-left, len(p)-1-int(pos)
	q.chunk(right).fill(&q.parts, p[pos:len(p)-1], count)
	q.counted(right, count, size)
	p[pos] = packedEnd
	putPackedHeader(p[:pos+1], left)
	c.shrunk(&q.parts, p[:pos+1])
	q.counted(at, -count, -size)
	toRight := q.chunk(right).bytes() < c.bytes()
	switch {
	case toRight && q.takes(right, e.total(), limit):
		q.put(right, true, e, limit)
	case !toRight && q.takes(at, e.total(), limit):
		q.put(at, false, e, limit)
	default:
		q.newChunk(right, e)
	}
}

// replace puts an element in the place of that at pos of a chunk.
func (q *quicklist) replace(at chunkPos, pos Pos, e packedElement, limit listLimit) {
	c := q.chunk(at)
	p := c.packed(&q.parts)
	old := int(p.after(pos) - pos)
	grow := e.total() - old
	if c.count > 1 && !limit.allows(int(c.count), c.bytes()+grow) {
		c.shrunk(&q.parts, p.Delete(pos, 1))
		q.counted(at, -1, -old)
		q.insert(at, pos, e, limit)
		return
	}
	if grow > 0 {
		c.back(&q.parts, grow, max(limit.bytes, c.bytes()+grow)).splice(pos, old, e)
	} else {
		c.shrunk(&q.parts, p.splice(pos, old, e))
	}
	q.counted(at, 0, grow)
}

// removeFrom removes at most `most` elements that are elem from a chunk, the first ones or the last, and answers how many.
func (q *quicklist) removeFrom(at chunkPos, back bool, most int, elem []byte) (removed int) {
	c := q.chunk(at)
	was := c.bytes()
	p, removed := c.packed(&q.parts).without(back, most, elem)
	if removed == 0 {
		return 0
	}
	c.shrunk(&q.parts, p)
	q.counted(at, -removed, len(p)-was)
	return removed
}

// merge joins a chunk with the next one where that leaves half of the limit free, so that no crumbs are left of many removals. It
// reports whether it did.
func (q *quicklist) merge(at chunkPos, limit listLimit) bool {
	after, ok := q.next(at)
	if !ok {
		return false
	}
	a, b := q.chunk(at), q.chunk(after)
	if !limit.allows(2*int(a.count+b.count), 2*(a.bytes()+b.bytes())) {
		return false
	}
	p := b.packed(&q.parts)
	q.join(at, p[packedHeader:len(p)-1], int(b.count), limit)
	q.removeChunk(after)
	return true
}

// remove removes elements that are elem, at most `most`, from the beginning on or (back) from the end, and answers how many.
func (q *quicklist) remove(back bool, most int, elem []byte, limit listLimit) (removed int) {
	at, more := q.end(!back), true
	for more && removed < most {
		n := q.removeFrom(at, back, most-removed, elem)
		removed += n
		gone := false // then the next chunk stands at this place
		switch {
		case n == 0:
		case q.chunk(at).count == 0:
			q.removeChunk(at)
			gone = true
		case back:
			q.merge(at, limit)
		default:
			before, ok := q.prev(at)
			gone = ok && q.merge(before, limit)
		}
		switch {
		case back:
			at, more = q.prev(at)
		case gone:
			at, more = q.there(at)
		default:
			at, more = q.next(at)
		}
	}
	return removed
}
