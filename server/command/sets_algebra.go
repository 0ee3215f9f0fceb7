package command

import (
	"math"
	"slices"

	"ringcache/server/resp"
	"ringcache/server/store"
)

// Intersections, unions and differences, as Redis chooses its ways:
//
//   - An intersection goes through the smallest set and looks each member up in the others, the small ones first.
//   - A difference goes through the first set and looks each member up in the others, the large ones first; or, where that would be
//     more work, it takes the members of all others out of a copy of the first.
//   - A union is a set that all are added to.
//
// What needs no set to be made goes straight into the reply. A set that is stored is made in the shard of its key, so that storing
// it copies nothing.

// sets answers those of the keys at positions from first up to end; a key that is not there has an empty one. It replies the error
// where one is something else.
func (c *Ctx) sets(first, end int) (sets []store.Members, ok bool) {
	sets = make([]store.Members, 0, end-first)
	for i := first; i < end; i++ {
		m, ok := c.setToRead(i)
		if !ok {
			return nil, false
		}
		sets = append(sets, m)
	}
	return sets, true
}

// bySize puts sets into the order of their sizes, the least first.
func bySize(a, b store.Members) int { return a.Len() - b.Len() }

// inter calls fn with the members that all sets have, until it answers false. It changes the order of sets.
func inter(sets []store.Members, fn func(store.Element) bool) {
	slices.SortStableFunc(sets, bySize)
	others := sets[1:]
	sets[0].Each(func(e store.Element) bool {
		for i := range others {
			if !others[i].HasElement(e) {
				return true
			}
		}
		return fn(e)
	})
}

// replyCounted replies a set of members that each hands over, of which the number is known at the end.
func (c *Ctx) replyCounted(each func(fn func(store.Element) bool)) {
	start, n := len(c.Out.B), 0
	each(func(e store.Element) bool {
		c.element(e)
		n++
		return true
	})
	c.Out.InsertSet(start, n)
}

// setInter is SINTER: https://redis.io/docs/latest/commands/sinter/
func setInter(c *Ctx) {
	sets, ok := c.sets(1, len(c.Args))
	if !ok {
		return
	}
	if len(sets) == 1 {
		c.replySet(&sets[0])
		return
	}
	c.replyCounted(func(fn func(store.Element) bool) { inter(sets, fn) })
}

// setInterCard is SINTERCARD: https://redis.io/docs/latest/commands/sintercard/
func setInterCard(c *Ctx) {
	keys, ok := store.ParseInt(c.Args[1])
	switch {
	case !ok || keys < 1:
		c.Out.Error("ERR numkeys should be greater than 0")
		return
	case keys > int64(len(c.Args)-2):
		c.Out.Error("ERR Number of keys can't be greater than number of args")
		return
	}
	end := 2 + int(keys)
	limit := int64(0)
	for i := end; i < len(c.Args); i += 2 {
		if !is(c.Args[i], "limit") || i+1 == len(c.Args) {
			c.Out.Error(resp.ErrSyntax)
			return
		}
		if limit, ok = store.ParseInt(c.Args[i+1]); !ok || limit < 0 {
			c.Out.Error("ERR LIMIT can't be negative")
			return
		}
	}
	sets, ok := c.sets(2, end)
	if !ok {
		return
	}
	if limit == 0 {
		limit = math.MaxInt64
	}
	n := int64(0)
	inter(sets, func(store.Element) bool {
		n++
		return n < limit
	})
	c.Out.Int(n)
}

// setUnion is SUNION: https://redis.io/docs/latest/commands/sunion/
func setUnion(c *Ctx) {
	sets, ok := c.sets(1, len(c.Args))
	if !ok {
		return
	}
	sets = slices.DeleteFunc(sets, func(m store.Members) bool { return m.Len() == 0 })
	switch len(sets) {
	case 0:
		c.Out.Set(0)
	case 1:
		c.replySet(&sets[0])
	case 2:
		slices.SortFunc(sets, func(a, b store.Members) int { return bySize(b, a) }) // the smaller is the one that is looked up from
		c.replyCounted(func(fn func(store.Element) bool) {
			sets[0].Each(fn)
			diff(sets[1], sets[:1], fn)
		})
	default:
		b := c.KS.BuildSet(c.SlotOf(c.Args[1]), formFor(sets))
		unite(&b, sets)
		c.replySet(&b.Members)
		b.Discard()
	}
}

// formFor is the form in which a union begins that is not stored: many members are looked up in it.
func formFor(sets []store.Members) store.Encoding {
	for i := range sets {
		if e := sets[i].Encoding(); e == store.EncListpack || e == store.EncHashtable {
			return store.EncHashtable
		}
	}
	return store.EncIntset
}

func unite(b *store.SetBuilder, sets []store.Members) {
	for i := range sets {
		sets[i].Each(func(e store.Element) bool {
			b.Add(e)
			return true
		})
	}
}

// diff calls fn with the members of one set that none of the others has, until it answers false.
func diff(first store.Members, others []store.Members, fn func(store.Element) bool) {
	first.Each(func(e store.Element) bool {
		for i := range others {
			if others[i].HasElement(e) {
				return true
			}
		}
		return fn(e)
	})
}

// looksUp reports whether a difference is less work by looking members up than by taking members out: the former may stop early,
// and is given some advantage for that. Where it is, the others come into their order.
func looksUp(sets []store.Members) bool {
	lookUp, takeOut := 0, 0
	for i := range sets {
		if n := sets[i].Len(); n > 0 {
			lookUp += sets[0].Len()
			takeOut += n
		}
	}
	if lookUp/2 > takeOut {
		return false
	}
	slices.SortStableFunc(sets[1:], func(a, b store.Members) int { return bySize(b, a) })
	return true
}

// takeOut builds a difference by taking members out of a copy of the first set.
func takeOut(b *store.SetBuilder, sets []store.Members) {
	unite(b, sets[:1])
	for i := 1; i < len(sets) && b.Len() > 0; i++ {
		sets[i].Each(func(e store.Element) bool {
			b.Remove(e)
			return true
		})
	}
}

// startsAmong reports whether the first of the keys at positions from first on is among the others too, so that nothing is left.
func (c *Ctx) startsAmong(first int) bool {
	for _, key := range c.Args[first+1:] {
		if string(key) == string(c.Args[first]) {
			return true
		}
	}
	return false
}

// setDiff is SDIFF: https://redis.io/docs/latest/commands/sdiff/
func setDiff(c *Ctx) {
	sets, ok := c.sets(1, len(c.Args))
	switch {
	case !ok:
	case sets[0].Len() == 0 || c.startsAmong(1):
		c.Out.Set(0)
	case looksUp(sets):
		c.replyCounted(func(fn func(store.Element) bool) { diff(sets[0], sets[1:], fn) })
	default:
		b := c.KS.BuildSet(c.SlotOf(c.Args[1]), formFor(sets))
		takeOut(&b, sets)
		c.replySet(&b.Members)
		b.Discard()
	}
}

// storeSet gives the key at position 1 the set that was made, whatever it held, or deletes it where there are no members, and
// replies how many there are.
func (c *Ctx) storeSet(b *store.SetBuilder) {
	r := c.ref(1)
	n := b.Len()
	it := c.find(r)
	if n > 0 {
		c.emitValue(r, b.Store(r, it, 0, c.Now))
	} else {
		b.Discard()
		if it.Exists() {
			c.del(r, it)
		}
	}
	c.Out.Int(int64(n))
}

// result begins a set for the key at position 1.
func (c *Ctx) result(form store.Encoding) store.SetBuilder {
	return c.KS.BuildSet(c.SlotOf(c.Args[1]), form)
}

// setInterStore is SINTERSTORE: https://redis.io/docs/latest/commands/sinterstore/
func setInterStore(c *Ctx) {
	sets, ok := c.sets(2, len(c.Args))
	if !ok {
		return
	}
	slices.SortStableFunc(sets, bySize)
	form := store.EncIntset
	if sets[0].Encoding() != store.EncIntset && c.KS.Thresholds().SetEntries > 0 {
		form = store.EncListpack // cheaper to add to; see ToInts
	}
	b := c.result(form)
	inter(sets, func(e store.Element) bool {
		b.Add(e)
		return true
	})
	b.ToInts()
	c.storeSet(&b)
}

// setUnionStore is SUNIONSTORE: https://redis.io/docs/latest/commands/sunionstore/
func setUnionStore(c *Ctx) {
	sets, ok := c.sets(2, len(c.Args))
	if !ok {
		return
	}
	b := c.result(store.EncIntset)
	unite(&b, sets)
	c.storeSet(&b)
}

// setDiffStore is SDIFFSTORE: https://redis.io/docs/latest/commands/sdiffstore/
func setDiffStore(c *Ctx) {
	sets, ok := c.sets(2, len(c.Args))
	if !ok {
		return
	}
	b := c.result(store.EncIntset)
	switch {
	case sets[0].Len() == 0 || c.startsAmong(2):
	case looksUp(sets):
		diff(sets[0], sets[1:], func(e store.Element) bool {
			b.Add(e)
			return true
		})
	default:
		takeOut(&b, sets)
	}
	c.storeSet(&b)
}
