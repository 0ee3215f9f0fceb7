package store

// Object is a collection that is too large for packed bytes: a structure with memory of its own. Package store keeps it for its
// key, counts its memory and has it released; what is in it is its type's concern.
type Object interface {
	Type() Type
	Encoding() Encoding
	Size() int // memory in bytes

	// Release gives memory back, for at most about budget members, and reports whether nothing is left. It is called under the
	// lock of the object's shard, until it answers true: a collection of millions is released a little at a time.
	Release(budget int) (done bool)

	// Evacuate moves what the object has in marked pages of its pool (see compact.go), from a position on, 0 at first, and for about
	// budget members. It answers how many it looked at and where to go on; 0 = it is through. Under the lock, which others may have
	// had since the last call.
	Evacuate(from uint64, budget int) (looked int, next uint64)
}

// objects are the Objects of a shard. An entry holds its object's number, as nothing in a pool may point into the Go heap.
type objects struct {
	all  []Object
	free []uint32
}

func (o *objects) add(obj Object) uint32 {
	if n := len(o.free); n > 0 {
		h := o.free[n-1]
		o.free = o.free[:n-1]
		o.all[h] = obj
		return h
	}
	o.all = append(o.all, obj)
	return uint32(len(o.all) - 1)
}

func (o *objects) get(h uint32) Object { return o.all[h] }

func (o *objects) remove(h uint32) Object {
	obj := o.all[h]
	o.all[h] = nil
	o.free = append(o.free, h)
	if t, ok := obj.(*hashTable); ok {
		t.leave()
	}
	return obj
}

// graves hold what was removed at once and is released bit by bit: large collections, and the tables of flushed slots. Their
// memory counts no more; MaintainSlice gives it back.
type graves struct {
	objects []Object
	tables  []table
	bytes   int // memory that they still hold, about

	released uint64 // how many were, in all
}

// Bounds of releasing.
const (
	releaseAtOnce = 64  // keys of a flushed table, or members of a collection, that are released at once
	releaseStep   = 256 // under one hold of the lock: some tens of microseconds
)

// bury releases an object, or leaves that to MaintainSlice, and answers how many bytes of memory count no more.
func (sh *shard) bury(h uint32) (bytes int) {
	obj := sh.mu.objects.remove(h)
	bytes = obj.Size()
	sh.inter(obj)
	return bytes
}

// inter is bury for an object that no key has, and whose memory never counted.
func (sh *shard) inter(obj Object) {
	if !obj.Release(releaseAtOnce) {
		sh.mu.graves.objects = append(sh.mu.graves.objects, obj)
		sh.mu.graves.bytes += obj.Size()
	}
}

// release goes on with releasing and reports whether there is more to do. Under the lock.
func (ks *Keyspace) release(sh *shard) (more bool) {
	g := &sh.mu.graves
	if n := len(g.objects); n > 0 {
		obj := g.objects[n-1]
		before := obj.Size()
		done := obj.Release(releaseStep)
		if done {
			g.objects[n-1] = nil
			g.objects = g.objects[:n-1]
			g.bytes -= before
			g.released++
		} else {
			g.bytes -= before - obj.Size()
		}
	} else if n := len(g.tables); n > 0 {
		t := &g.tables[n-1]
		g.bytes -= ks.releaseTable(sh, t, releaseStep)
		if t.released() {
			g.tables[n-1] = table{}
			g.tables = g.tables[:n-1]
			g.released++
		}
	}
	if len(g.objects) == 0 && len(g.tables) == 0 {
		g.bytes = 0
		return false
	}
	return true
}

// releaseTable frees about n entries of a table that nobody sees any more, from the greatest hashes on, a segment at a time, and
// answers how many bytes that gave back.
func (ks *Keyspace) releaseTable(sh *shard, t *table, n int) (bytes int) {
	p := &sh.mu.pool
	for !t.released() && n > 0 {
		s := &t.root
		if t.depth > 0 {
			t.root.n-- // entries of the directory that are left
			first, _ := t.copies(uint64(t.root.n) << (64 - t.depth))
			t.root.n = uint32(first)
			s = t.entryAt(first)
		}
		s.each(p, func(_ uint32, r ref) {
			bytes += ks.freeEntry(Item{e: entry{p.at(r)}, sh: sh, r: r})
		})
		n -= max(1, int(s.used)) // a segment may be empty
		t.keys -= s.used
		bytes += segmentBytes(s.n)
		p.freeSegment(s.at, s.n)
		s.used = 0
	}
	return bytes
}

// released reports whether nothing is left of a table that is being released.
func (t *table) released() bool {
	if t.depth > 0 {
		return t.root.n == 0
	}
	return t.keys == 0
}

// detach takes all keys out of a slot's table, and answers how many bytes of memory count no more.
func (ks *Keyspace) detach(sh *shard, t *table, bytes int) {
	old := *t
	*t = table{}
	if old.depth > 0 {
		old.root.n = 1 << old.depth
	}
	g := &sh.mu.graves
	g.bytes += bytes
	g.bytes -= ks.releaseTable(sh, &old, releaseAtOnce)
	if !old.released() {
		g.tables = append(g.tables, old)
	} else if len(g.tables) == 0 && len(g.objects) == 0 {
		g.bytes = 0
	}
}
