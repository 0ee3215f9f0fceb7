package store

import "fmt"

// auditPool checks the dictionary, the heap of expiries, and where the shard has the hash among those that are due.
func (t *hashTable) auditPool() (inPool int, err error) {
	a := tableAudit{ks: t.ks, sh: t.sh, t: &t.t, seen: map[string]bool{}, grave: t.releasing}
	if err := a.run(); err != nil {
		return 0, err
	}
	if t.releasing {
		return a.inPool, nil
	}
	all := t.due.all(&t.parts)
	heap := 0
	if t.due.at.large != 0 {
		heap = largeSize(int(t.due.at.n))
	} else if t.due.at.at != 0 {
		heap = t.room(ref(t.due.at.at))
		a.inPool += heap
	}
	if want := a.bytes + heap + hashTableSize; want != t.bytes || a.volatile != t.volatile || len(all) != t.volatile {
		return 0, fmt.Errorf("%d bytes, %d volatile, %d in the heap; it has %d, %d", t.bytes, t.volatile, len(all), want, a.volatile)
	}
	for i, f := range all {
		e := entry{t.at(f.entry)}
		if e.expiry() != f.when() || int(e.access()) != i/dueGroup || i > 0 && all[(i-1)/2].when() > f.when() {
			return 0, fmt.Errorf("place %d of the heap: %q, at %d, entry %d, group %d", i, e.key(), f.when(), e.expiry(), e.access())
		}
		if f.when() > t.latest {
			return 0, fmt.Errorf("%q expires at %d, after the latest %d", e.key(), f.when(), t.latest)
		}
	}
	return a.inPool, t.auditPlace()
}

// auditPlace checks that a hash with expiries is among those that are due, in time.
func (t *hashTable) auditPlace() error {
	x := &t.sh.mu.dueHashes
	if t.due.n == 0 {
		if t.place != 0 {
			return fmt.Errorf("a hash without expiries is due")
		}
		return nil
	}
	if t.place == 0 || int(t.place) > len(x.heap) {
		return fmt.Errorf("a hash with expiries has the place %d of %d", t.place, len(x.heap))
	}
	me := x.heap[t.place-1]
	if t.sh.mu.objects.get(me.object) != Object(t) {
		return fmt.Errorf("place %d is another's", t.place)
	}
	if up := (t.place - 2) / 2; t.place > 1 && x.heap[up].at > me.at {
		return fmt.Errorf("place %d is due before the one above it", t.place)
	}
	if first := t.sh.fieldsDue.Load(); first != x.heap[0].at {
		return fmt.Errorf("the first is due at %d, published is %d", x.heap[0].at, first)
	}
	return nil
}
