package command

import "ringcache/server/store"

// sortSize is how many elements a collection has that SORT takes; ok is false for values of other types.
func sortSize(it store.Item) (n int, ok bool) {
	if !it.Exists() {
		return 0, true
	}
	switch it.Type() {
	case store.TypeList:
		l := store.ListOf(it)
		return l.Len(), true
	case store.TypeZset:
		scores := store.ScoresOf(it)
		return scores.Len(), true
	case store.TypeSet:
		m := store.MembersOf(it)
		return m.Len(), true
	}
	return 0, false
}

// sortEach calls fn with the elements of a collection from first to end, which are within it; of lists and sorted sets in their order, or
// backwards.
func sortEach(it store.Item, first, end int, backwards bool, fn func(store.Element)) {
	n := end - first
	switch it.Type() {
	case store.TypeList:
		l := store.ListOf(it)
		each := func(e store.Element) bool {
			fn(e)
			return true
		}
		if backwards {
			l.ScanBack(l.Len()-1-first, n, each)
		} else {
			l.Scan(first, n, each)
		}
	case store.TypeZset:
		scores := store.ScoresOf(it)
		if backwards {
			first = scores.Len() - end
		}
		members := scores.Range(first, n, backwards)
		for e, _, ok := members.Next(); ok; e, _, ok = members.Next() {
			fn(e)
		}
	case store.TypeSet:
		m := store.MembersOf(it)
		m.Each(func(e store.Element) bool {
			fn(e)
			return true
		})
	}
}

// storeList makes a list of a key, or deletes it where there are no elements. They must not lie in the keyspace.
func (c *Ctx) storeList(r store.Ref, elems [][]byte) {
	it := c.find(r)
	if len(elems) == 0 {
		if it.Exists() {
			c.del(r, it)
		}
		return
	}
	if it.Exists() {
		c.KS.Delete(r, it)
		it = c.find(r)
	}
	l := c.KS.List(r, it, c.Now)
	l.Push(false, elems...)
	c.emitValue(r, l.Item())
}
