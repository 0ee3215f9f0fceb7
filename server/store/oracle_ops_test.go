package store

import (
	"bytes"
	"strconv"
	"time"
)

// operation is one that the oracle runs at a place; weight is how often, by the place's mood.
type operation struct {
	weight [moods]int
	run    func(*place)
}

// operations are all that the oracle does. Another one is another row.
func (o *oracle) operations() []operation {
	return []operation{
		{[moods]int{40, 30, 10}, o.set},
		{[moods]int{10, 8, 2}, o.setAs},
		{[moods]int{10, 8, 2}, o.setInt},
		{[moods]int{6, 5, 2}, o.setPacked},
		{[moods]int{4, 3, 1}, o.setObject},
		{[moods]int{3, 3, 1}, o.copyValue},
		{[moods]int{3, 3, 1}, o.setPart},
		{[moods]int{6, 6, 6}, o.objectGrew},
		{[moods]int{10, 10, 10}, o.resize},
		{[moods]int{15, 20, 20}, o.setExpire},
		{[moods]int{10, 30, 80}, o.delete},
		{[moods]int{30, 40, 30}, o.look},
		{[moods]int{2, 2, 2}, o.setAccess},
		{[moods]int{5, 5, 5}, o.random},
		{[moods]int{6, 6, 6}, o.walkOn},
		{[moods]int{2, 2, 2}, o.walkOnce},
		{[moods]int{12, 0, 0}, o.grow},
		{[moods]int{0, 0, 6}, o.shrink},
		{[moods]int{3, 3, 3}, o.passTime},
		{[moods]int{4, 6, 6}, func(*place) { o.expire(0) }},
		{[moods]int{10, 10, 20}, func(*place) { o.ks.MaintainSlice(0) }},
		{[moods]int{1, 1, 1}, o.seldom},
	}
}

// seldom are operations that would leave nothing for others to do if they came often.
func (o *oracle) seldom(p *place) {
	switch o.rnd.IntN(24) {
	case 0, 1:
		o.swap(p)
	case 2, 3:
		if len(p.live) < 5000 || o.rnd.IntN(10) == 0 {
			o.flush(p)
		}
	case 4:
		o.expire(time.Hour)
	case 5:
		o.ks.MaintainSlice(time.Hour)
	case 6, 7, 8, 9:
		if o.evicts {
			o.evict()
		}
	}
}

func (o *oracle) ref(p *place, id int32) Ref { return o.ks.Ref(p.slot, p.db, []byte(o.names[id])) }

// pick is a key, mostly one that is there.
func (o *oracle) pick(p *place) int32 {
	if len(p.live) > 0 && o.rnd.IntN(8) != 0 {
		return p.live[o.rnd.IntN(len(p.live))]
	}
	return int32(o.rnd.IntN(p.keys))
}

// lookup looks a key up in any mode that shows whether it can be written to, and compares what it finds.
func (o *oracle) lookup(p *place, id int32) (Ref, Item, bool) {
	modes := [...]Mode{0, Touch, Count, Touch | Count, Expired, Expired | Touch}
	return o.lookupAs(p, id, modes[o.rnd.IntN(len(modes))])
}

func (o *oracle) lookupAs(p *place, id int32, mode Mode) (Ref, Item, bool) {
	there := p.has(id)
	if there && mode&Expired == 0 && p.at(id).at != 0 && p.at(id).at < o.now {
		there = false
		if mode&Hide == 0 {
			o.due++
		}
	}
	r := o.ref(p, id)
	it := o.ks.Lookup(r, o.now, mode)
	if it.Exists() != there {
		o.fail("slot %d, database %d: the key %d is there: %v, mode %b", p.slot, p.db, id, it.Exists(), mode)
	}
	if mode&Count != 0 {
		if there {
			o.hits++
		} else {
			o.misses++
		}
	}
	if there {
		if mode&Touch != 0 {
			p.at(id).used = o.now / 1000
		}
		o.compare(p, it, id)
	}
	return r, it, there
}

// put notes what an operation stored and compares the item that it answered.
func (o *oracle) put(p *place, id int32, it Item, v truth) {
	v.used = o.now / 1000
	p.put(id, v, o.ops)
	o.compare(p, it, id)
}

// stringOf is the truth of a string that was set with an encoding.
func stringOf(val []byte, enc Encoding, at int64) truth {
	_, isInt := ParseInt(val)
	switch {
	case enc == EncInt && isInt:
	case enc == EncRaw && !isInt, len(val) > EmbstrMax:
		enc = EncRaw
	case enc != EncRaw:
		enc = EncEmbstr
	}
	return truth{val: val, enc: enc, at: at}
}

func (o *oracle) set(p *place) { o.setKey(p, int32(o.rnd.IntN(p.keys))) }

func (o *oracle) setKey(p *place, id int32) {
	o.ks.LockSlot(p.slot)
	defer o.ks.UnlockSlot(p.slot)
	r, it, _ := o.lookup(p, id)
	val, at := o.value(), o.expiryTime()
	it = o.ks.Set(r, it, val, at, o.now)
	o.put(p, id, it, stringOf(val, EncodingOf(val), at))
}

func (o *oracle) setAs(p *place) {
	o.ks.LockSlot(p.slot)
	defer o.ks.UnlockSlot(p.slot)
	id := o.pick(p)
	r, it, _ := o.lookup(p, id)
	val, at, enc := o.value(), o.expiryTime(), Encoding(o.rnd.IntN(3))
	it = o.ks.SetAs(r, it, val, enc, at, o.now)
	o.put(p, id, it, stringOf(val, enc, at))
}

func (o *oracle) setInt(p *place) {
	o.ks.LockSlot(p.slot)
	defer o.ks.UnlockSlot(p.slot)
	id := o.pick(p)
	r, it, _ := o.lookup(p, id)
	n, at := o.integer(), o.expiryTime()
	it = o.ks.SetInt(r, it, n, at, o.now)
	o.put(p, id, it, stringOf(strconv.AppendInt(nil, n, 10), EncInt, at))
}

func (o *oracle) setPacked(p *place) {
	o.ks.LockSlot(p.slot)
	defer o.ks.UnlockSlot(p.slot)
	id := o.pick(p)
	r, it, _ := o.lookup(p, id)
	v := truth{val: o.bytes(), typ: TypeList + Type(o.rnd.IntN(4)), enc: EncListpack, at: o.expiryTime()}
	if v.typ == TypeSet && o.rnd.IntN(2) == 0 {
		v.enc = EncIntset
	}
	o.put(p, id, o.ks.SetPacked(r, it, v.typ, v.enc, v.val, v.at, o.now), v)
}

func (o *oracle) setObject(p *place) {
	o.ks.LockSlot(p.slot)
	defer o.ks.UnlockSlot(p.slot)
	id := o.pick(p)
	r, it, _ := o.lookup(p, id)
	obj := o.object()
	v := truth{obj: obj, typ: obj.typ, enc: obj.enc, at: o.expiryTime()}
	o.put(p, id, o.ks.SetObject(r, it, obj, v.at, o.now), v)
}

// copyValue gives a key the value of another, straight from there.
func (o *oracle) copyValue(p *place) {
	o.ks.LockSlot(p.slot)
	defer o.ks.UnlockSlot(p.slot)
	from, id := o.pick(p), o.pick(p)
	r, it, _ := o.lookupAs(p, id, Touch)
	_, source, ok := o.lookupAs(p, from, 0)
	if !ok || source.Type() != TypeString {
		return
	}
	v := stringOf(p.at(from).val, source.Encoding(), 0)
	o.put(p, id, o.ks.SetAs(r, it, source.Value(), source.Encoding(), 0, o.now), v)
}

// setPart gives a key a part of its own value.
func (o *oracle) setPart(p *place) {
	o.ks.LockSlot(p.slot)
	defer o.ks.UnlockSlot(p.slot)
	id := o.pick(p)
	r, it, ok := o.lookup(p, id)
	if !ok || it.Object() != nil {
		return
	}
	from := o.rnd.IntN(it.Len() + 1)
	to := from + o.rnd.IntN(it.Len()-from+1)
	val, at := p.at(id).val[from:to], it.ExpireAt()
	it = o.ks.Set(r, it, it.Value()[from:to], at, o.now)
	o.put(p, id, it, stringOf(val, EncodingOf(val), at))
}

func (o *oracle) objectGrew(p *place) {
	o.ks.LockSlot(p.slot)
	defer o.ks.UnlockSlot(p.slot)
	r, it, ok := o.lookup(p, o.pick(p))
	if !ok || it.Object() == nil {
		return
	}
	obj := it.Object().(*fakeObject)
	delta := o.rnd.IntN(300) - min(obj.members, 150)
	obj.members += delta
	o.ks.ObjectGrew(r, delta*fakeMember)
}

func (o *oracle) resize(p *place) {
	o.ks.LockSlot(p.slot)
	defer o.ks.UnlockSlot(p.slot)
	id := o.pick(p)
	r, it, ok := o.lookup(p, id)
	if !ok || it.Type() != TypeString {
		return
	}
	n := o.length()
	if o.rnd.IntN(2) == 0 { // a little more or less
		n = max(0, it.Len()+o.rnd.IntN(40)-10)
	}
	want := make([]byte, n)
	copy(want, p.at(id).val)
	it, val := o.ks.Resize(r, it, n, o.now)
	if !bytes.Equal(val, want) {
		o.fail("resized to %d bytes: %.100q, should be %d: %.100q", len(val), val, n, want)
	}
	for range min(n, 5) {
		i := o.rnd.IntN(n)
		val[i] = byte(i)
		want[i] = byte(i)
	}
	o.put(p, id, it, truth{val: want, enc: EncRaw, at: it.ExpireAt()})
}

func (o *oracle) setExpire(p *place) {
	o.ks.LockSlot(p.slot)
	defer o.ks.UnlockSlot(p.slot)
	id := o.pick(p)
	r, it, ok := o.lookup(p, id)
	if !ok {
		return
	}
	v := *p.at(id)
	v.at = o.expiryTime()
	it = o.ks.SetExpire(r, it, v.at)
	p.put(id, v, o.ops)
	o.compare(p, it, id)
}

func (o *oracle) delete(p *place) {
	o.ks.LockSlot(p.slot)
	defer o.ks.UnlockSlot(p.slot)
	id := o.pick(p)
	if r, it, ok := o.lookup(p, id); ok {
		o.ks.Delete(r, it)
		p.remove(id)
	}
	if o.ks.Lookup(o.ref(p, id), o.now, Expired).Exists() {
		o.fail("the key %d is there after its end", id)
	}
}

// look only looks, in any mode.
func (o *oracle) look(p *place) {
	o.ks.LockSlot(p.slot)
	defer o.ks.UnlockSlot(p.slot)
	o.lookupAs(p, o.pick(p), Mode(o.rnd.IntN(1<<4)))
}

func (o *oracle) setAccess(p *place) {
	o.ks.LockSlot(p.slot)
	defer o.ks.UnlockSlot(p.slot)
	id := o.pick(p)
	if _, it, ok := o.lookup(p, id); ok {
		idle := o.rnd.Int64N(1000)
		o.ks.SetAccess(it, idle, -1, o.now)
		p.at(id).used = o.now/1000 - idle
	}
}

func (o *oracle) grow(p *place) {
	for range min(p.keys, 200) {
		o.set(p)
		o.ops++
	}
}

func (o *oracle) shrink(p *place) {
	for range min(len(p.live), 200) {
		o.delete(p)
		o.ops++
	}
}

func (o *oracle) random(p *place) {
	o.ks.LockSlot(p.slot)
	defer o.ks.UnlockSlot(p.slot)
	it := o.ks.Random(p.slot, p.db, o.now)
	if it.Exists() {
		o.compare(p, it, o.id(it))
		if at := it.ExpireAt(); at != 0 && at < o.now {
			o.fail("a random key expired at %d, before %d", at, o.now)
		}
		return
	}
	for _, id := range p.live {
		if at := p.at(id).at; at == 0 || at >= o.now {
			o.fail("no random key is found, though %d is there", id)
		}
	}
}

func (o *oracle) passTime(*place) {
	most := 30
	switch o.rnd.IntN(200) {
	case 0:
		most = 1 << 26
	case 1, 2, 3, 4, 5:
		most = 100_000
	}
	o.now += int64(o.rnd.IntN(most))
}

// expire has keys expire in the background, and reports whether there is more to do.
func (o *oracle) expire(budget time.Duration) bool {
	var owned func(uint16) bool
	if budget == 0 && o.rnd.IntN(10) == 0 {
		not := o.places[o.rnd.IntN(len(o.places))].slot
		owned = func(slot uint16) bool { return slot != not }
	}
	n, more := o.ks.ExpireSlice(o.now, budget, owned)
	o.due += n
	return more
}

// evict has up to a twentieth of all memory give way. Policies that count accesses are left out, as the oracle knows times only.
func (o *oracle) evict() {
	policies := [...]Policy{AllKeysLRU, AllKeysRandom, VolatileLRU, VolatileRandom, VolatileTTL}
	o.policy = policies[o.rnd.IntN(len(policies))]
	o.ks.SetEviction(o.policy, 1+o.rnd.IntN(8))
	used := o.ks.MemoryUsed()
	limit := max(1, used-o.rnd.Int64N(used/20+1))
	result := o.ks.Evict(o.now, limit, time.Millisecond, nil)
	if n := o.ks.MemoryUsed(); n > limit && result == EvictDone {
		o.fail("eviction is done with %d bytes used, the limit is %d", n, limit)
	}
	o.policy = NoEviction
}

func (o *oracle) flush(p *place) {
	o.ks.LockSlot(p.slot)
	defer o.ks.UnlockSlot(p.slot)
	var n, want int
	one := o.rnd.IntN(2) == 0
	for _, q := range o.places {
		if q == p || q.slot == p.slot && !one {
			want += len(q.live)
			q.content = &content{}
		}
	}
	if one {
		n = o.ks.FlushSlotDB(p.slot, p.db)
	} else {
		n = o.ks.FlushSlot(p.slot)
	}
	if n != want {
		o.fail("%d keys flushed, should be %d", n, want)
	}
}

func (o *oracle) swap(p *place) {
	o.ks.LockSlot(p.slot)
	defer o.ks.UnlockSlot(p.slot)
	q := o.places[o.rnd.IntN(len(o.places))]
	q = o.place(p.slot, q.db)
	o.ks.SwapSlot(p.slot, p.db, q.db)
	p.content, q.content = q.content, p.content
	p.keys, q.keys = q.keys, p.keys
}
