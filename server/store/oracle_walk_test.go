package store

import "math/bits"

// walk is one in progress, while its place changes.
type walk struct {
	begin, from uint64
	all         bool   // expired keys are seen too
	born        int    // operation at which it began
	seen        []byte // a bit a key
}

const walksAtOnce = 4 // at a place

// walkOn begins a walk, or takes one a step on. A key that is there from a walk's beginning to its end is seen exactly once, and
// no key twice, whatever happens in between.
func (o *oracle) walkOn(p *place) {
	o.ks.LockSlot(p.slot)
	defer o.ks.UnlockSlot(p.slot)
	i := o.rnd.IntN(walksAtOnce)
	if i >= len(p.walks) {
		w := &walk{all: o.rnd.IntN(2) == 0, born: o.ops, seen: make([]byte, oracleKeys/8+1)}
		if o.rnd.IntN(2) == 0 {
			w.begin = o.rnd.Uint64() >> o.rnd.IntN(64)
		}
		w.from = w.begin
		p.walks = append(p.walks, w)
		return
	}
	w := p.walks[i]
	if !o.step(p, w) {
		return
	}
	for _, id := range p.live {
		v := p.at(id)
		throughout := v.born < w.born && (w.all || v.at == 0 && v.calm < w.born)
		if o.hash[id] >= w.begin && throughout && w.seen[id/8]>>(id%8)&1 == 0 {
			o.fail("a walk from %x missed the key %d of hash %x", w.begin, id, o.hash[id])
		}
	}
	p.walks = append(p.walks[:i], p.walks[i+1:]...)
}

// step takes a walk a step on, and reports whether that was the last.
func (o *oracle) step(p *place, w *walk) (done bool) {
	at, limit := o.now, 1<<o.rnd.IntN(11)
	if w.all {
		at = 0
	}
	var ids []int32
	from := w.from
	w.from, done = o.ks.Walk(p.slot, p.db, from, limit, at, func(it Item) { ids = append(ids, o.id(it)) })
	if !done && (w.from <= from || w.from&0xFFFF != 0) {
		o.fail("a walk from %x goes on at %x", from, w.from)
	}
	for _, id := range ids {
		if v := p.at(id); !p.has(id) || !w.all && v.at != 0 && v.at < o.now {
			o.fail("a walk sees the key %d, which is gone", id)
		}
		if h := o.hash[id]; h < from || !done && h >= w.from {
			o.fail("a walk from %x to %x sees the hash %x", from, w.from, h)
		}
		if bit := byte(1) << (id % 8); w.seen[id/8]&bit != 0 {
			o.fail("a walk sees the key %d again", id)
		} else {
			w.seen[id/8] |= bit
		}
	}
	return done
}

// walkOnce takes a single step from anywhere, which sees exactly the keys between its beginning and its end, and no more of them
// than the limit and those of a bucket.
func (o *oracle) walkOnce(p *place) {
	if len(p.live) > 3000 && o.rnd.IntN(50) != 0 {
		return
	}
	o.ks.LockSlot(p.slot)
	defer o.ks.UnlockSlot(p.slot)
	from := o.rnd.Uint64() << o.rnd.IntN(64)
	if len(p.live) > 0 && o.rnd.IntN(2) == 0 { // right at a key, or beside it
		from = o.hash[o.pick(p)] + uint64(o.rnd.IntN(3)) - 1
	}
	n, want, limit := 0, 0, 1<<o.rnd.IntN(bits.Len(uint(len(p.live)))+1)
	next, done := o.ks.Walk(p.slot, p.db, from, limit, 0, func(Item) { n++ })
	for _, id := range p.live {
		if h := o.hash[id]; h >= from && (done || h < next) {
			want++
		}
	}
	if n != want || !done && n < limit {
		o.fail("a walk from %x to %x, limit %d, sees %d keys of %d", from, next, limit, n, want)
	}
}
