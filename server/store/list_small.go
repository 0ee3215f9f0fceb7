package store

// The small form of a list, changed where it lies.

// extent is how many bytes the small form has, and how many elements; that of no key, of which it would begin.
func (l *List) extent() (bytes, count int) {
	if l.it.r == 0 {
		return packedFrame, 0
	}
	p := l.small()
	return len(p), p.Len()
}

// resizeSmall makes the small form n bytes long, as resizePacked does; of a key that is not there, a new one with all but the
// header undefined.
func (l *List) resizeSmall(n int) {
	if l.it.r != 0 {
		l.it = l.ks.resizePacked(l.r, l.it, n)
		return
	}
	var frame [packedFrame]byte
	v := value{
		layout: layoutOf(len(l.r.Key), n, 0, flagKind), bytes: NewPacked(frame[:0]), kind: kindOf(TypeList, EncListpack),
	}
	l.it = l.ks.create(l.r, &v, l.now)
}

// pushSmall is Push for the small form, or answers false where that would be too large.
func (l *List) pushSmall(left bool, elems [][]byte, limit listLimit) bool {
	was, had := l.extent()
	size, text := 0, 0
	for _, e := range elems {
		size += packText(e).total()
		text += len(e)
	}
	if !limit.allows(had+len(elems), was+text) { // Redis, too, has the strings without what encodes them here
		return false
	}
	l.resizeSmall(was + size)
	p := l.small()
	at := was - 1
	if left {
		at = packedHeader + size
		copy(p[at:], p[packedHeader:was])
	}
	for _, elem := range elems {
		e := packText(elem)
		if left {
			at -= e.total()
			e.put(p[at:])
		} else {
			e.put(p[at:])
			at += e.total()
		}
	}
	p[len(p)-1] = packedEnd
	putPackedHeader(p, had+len(elems))
	return true
}

// spliceSmall puts an element in the place of the old bytes at pos.
func (l *List) spliceSmall(pos Pos, old int, e packedElement) {
	n := len(l.small())
	if grow := e.total() - old; grow > 0 {
		l.resizeSmall(n + grow)
		l.small()[:n:n+grow].splice(pos, old, e)
	} else {
		l.cutSmall(l.small().splice(pos, old, e))
	}
}

// cutSmall notes that the small form has become p, shorter, where it lies.
func (l *List) cutSmall(p Packed) { l.resizeSmall(len(p)) }

// Take is the element at pos, its string or (str is nil) its integer, and the position behind it. It is At for who takes many: an
// Element goes through memory, which costs more than all the rest.
func (p Packed) Take(pos Pos) (str []byte, n int64, after Pos) {
	b := p[pos:]
	if c := b[0]; c < packedInt13 && c >= packedStr6 {
		size := int(c &^ packedStr6)
		return b[1 : 1+size : 1+size], 0, pos + 2 + Pos(size)
	}
	head, data := p.head(pos)
	after = behind(pos, head+data)
	if n, ok := packedInt(b, head); ok {
		return nil, n, after
	}
	return b[head : head+data : head+data], 0, after
}

// without removes, where it lies, at most `most` elements that are elem: the first ones or (back) the last. It answers how many.
func (p Packed) without(back bool, most int, elem []byte) (Packed, int) {
	first, ok := p.Find(p.First(), 0, elem)
	if !ok {
		return p, 0
	}
	found := 0
	for pos := first; ok; pos, ok = p.Find(p.after(pos), 0, elem) {
		if found++; found == most && !back {
			break
		}
	}
	removed := min(found, most)
	skip := found - removed // of those found, so many stay before the first that goes
	if !back {
		skip = 0
	}
	n := p.Len() - removed
	to, from := first, first
	for gone := 0; gone < removed; {
		pos, _ := p.Find(from, 0, elem)
		after := p.after(pos)
		if skip > 0 {
			skip--
			pos = after
		} else {
			gone++
		}
		to += Pos(copy(p[to:], p[from:pos]))
		from = after
	}
	to += Pos(copy(p[to:], p[from:]))
	p = p[:to]
	putPackedHeader(p, n)
	return p, removed
}
