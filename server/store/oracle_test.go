package store

import (
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"testing"
	"time"
)

// An oracle runs random operations on a keyspace and on plain Go values beside it, and compares all that can be seen: far
// faster than a property-testing library does, as bugs of an allocator and of a growing table show after millions of operations.
// A run is repeated by its seed: nothing in it depends on time or on the order of maps.
type oracle struct {
	t     *testing.T
	rnd   *rand.Rand
	ks    *Keyspace
	names []string
	ids   map[string]int32
	hash  []uint64 // by number of key
	text  []byte
	now   int64

	places  []*place
	focus   *place // where most operations of an epoch go
	keys    int    // numbers of keys that the run uses, at most
	ops     int    // operations so far
	objects int    // structures that are not released

	hits, misses, expired, evicted uint64 // as Stats should count them

	due    int    // keys that operations had expire; the sink counts it down
	evicts bool   // eviction is among the operations
	policy Policy // of the eviction under way
}

// place is what is known of one slot in one database.
type place struct {
	slot uint16
	db   int
	*content
	keys int  // numbers of keys in use now
	mood mood // of the epoch
}

// content is what a place holds. SwapSlot exchanges contents.
type content struct {
	vals     []truth // by number of key; grows
	live     []int32 // the keys that are there, in any order
	volatile int     // of them
	walks    []*walk
}

// truth is what is known of a key.
type truth struct {
	val  []byte // of a string or a packed collection
	obj  *fakeObject
	typ  Type
	enc  Encoding
	at   int64
	used int64 // second of the last access
	pos  int32 // in live, from 1; 0 = the key is not there
	born int   // operation since which it is there
	calm int   // operation since which its expiry is what it is
}

type mood int

const (
	growing mood = iota
	steady
	shrinking
	moods
)

func newOracle(t *testing.T, seed uint64, keys int, hash func([]byte) uint64) *oracle {
	rnd := rand.New(rand.NewPCG(seed, 1))
	o := &oracle{t: t, rnd: rnd, names: oracleNames(rnd), ids: map[string]int32{}, text: oracleText(rnd), now: now, keys: keys}
	for i, name := range o.names {
		o.ids[name] = int32(i)
		o.hash = append(o.hash, hash([]byte(name)))
	}
	o.ks = New(Options{Hash: hash, Sink: sinkFunc(o.effect), Poison: true})
	for _, slot := range []uint16{0, 64, 16320, 1, 16383} { // three share a shard
		for _, db := range []int{0, 1, 15} {
			o.places = append(o.places, &place{slot: slot, db: db, content: &content{}, keys: 100, mood: steady})
		}
	}
	o.newEpoch()
	return o
}

// effect is the keyspace's sink: an effect must be the deletion of a key that has expired, and is one here too.
func (o *oracle) effect(slot uint16, db int, args [][]byte) {
	p := o.place(slot, db)
	id, ok := o.ids[string(args[len(args)-1])]
	if len(args) != 2 || string(args[0]) != "DEL" || !ok || !p.has(id) {
		o.fail("the effect %.100q on a key that is not there", args)
	}
	v := p.at(id)
	switch past := v.at != 0 && v.at < o.now; {
	case past:
		o.expired++
	case o.policy == NoEviction:
		o.fail("%.100q expired at %d, before its time %d", args[1], o.now, v.at)
	case o.policy.Volatile() && v.at == 0:
		o.fail("%.100q was evicted, which does not expire", args[1])
	default:
		o.evicted++
	}
	if o.policy == NoEviction {
		o.due--
	}
	p.remove(id)
}

func (o *oracle) fail(format string, args ...any) {
	o.t.Helper()
	o.t.Fatalf("operation %d: %s", o.ops, fmt.Sprintf(format, args...))
}

func (o *oracle) place(slot uint16, db int) *place {
	for _, p := range o.places {
		if p.slot == slot && p.db == db {
			return p
		}
	}
	o.fail("nobody wrote to slot %d of database %d", slot, db)
	return nil
}

func (c *content) at(id int32) *truth {
	if int(id) >= len(c.vals) {
		c.vals = append(c.vals, make([]truth, int(id)+1-len(c.vals))...)
	}
	return &c.vals[id]
}

func (c *content) has(id int32) bool { return int(id) < len(c.vals) && c.vals[id].pos != 0 }

// put notes a key's new value and expiry.
func (c *content) put(id int32, v truth, op int) {
	was := c.at(id)
	v.pos, v.born, v.calm = was.pos, was.born, was.calm
	if v.pos == 0 {
		c.live = append(c.live, id)
		v.pos, v.born = int32(len(c.live)), op
	}
	if was.pos == 0 || was.at != v.at {
		v.calm = op
	}
	if was.pos != 0 && was.at != 0 {
		c.volatile--
	}
	if v.at != 0 {
		c.volatile++
	}
	*was = v
}

func (c *content) remove(id int32) {
	v := &c.vals[id]
	if v.at != 0 {
		c.volatile--
	}
	last := c.live[len(c.live)-1]
	c.live[v.pos-1] = last
	c.vals[last].pos = v.pos
	c.live = c.live[:len(c.live)-1]
	*v = truth{}
}

// newEpoch has another place be the focus, and others grow or shrink.
func (o *oracle) newEpoch() {
	for _, p := range o.places {
		p.keys = min([...]int{3, 30, 300, 3000}[o.rnd.IntN(4)], o.keys)
		p.mood = mood(o.rnd.IntN(int(moods)))
	}
	o.focus = o.places[o.rnd.IntN(len(o.places))]
	if o.rnd.IntN(3) == 0 {
		o.focus.keys = o.keys
		o.focus.mood = growing
	}
}

const (
	epoch      = 20_000 // turns, about
	countEach  = 500    // turns between two comparisons of counts
	auditEach  = 60_000 // operations between two audits, and comparisons of all keys
	swapsMoods = 60     // turns after which a place's mood changes, times its keys over 100, about
)

// run executes n operations.
func (o *oracle) run(n int) {
	defer func() {
		if r := recover(); r != nil {
			o.t.Fatalf("operation %d: %v\n%s", o.ops, r, debug.Stack())
		}
	}()
	debug.SetPanicOnFault(true) // what points nowhere tells the seed, too
	choices := make([][]func(*place), moods)
	for m := range choices {
		for _, op := range o.operations() {
			for range op.weight[m] {
				choices[m] = append(choices[m], op.run)
			}
		}
	}
	audited := 0
	for turn := 1; o.ops < n; turn++ {
		if o.rnd.IntN(epoch) == 0 {
			o.newEpoch()
		}
		p := o.focus
		if o.rnd.IntN(4) == 0 {
			p = o.places[o.rnd.IntN(len(o.places))]
		}
		if o.rnd.IntN(swapsMoods*(1+p.keys/100)) == 0 {
			p.mood = mood(o.rnd.IntN(int(moods)))
		}
		run := choices[p.mood]
		run[o.rnd.IntN(len(run))](p)
		o.ops++
		if o.due != 0 {
			o.fail("%d keys had expired and were not deleted", o.due)
		}
		if turn%countEach == 0 {
			o.compareCounts()
		}
		if o.ops-audited >= auditEach {
			audited = o.ops
			o.compareAll()
		}
	}
	o.compareCounts()
	o.compareAll()
}

// compareCounts compares what can be counted without a look at the keys.
func (o *oracle) compareCounts() {
	var keys, volatile [Databases]int64
	var total int64
	slots := map[uint16]int{}
	for _, p := range o.places {
		if n := o.ks.SlotLen(p.slot, p.db); n != len(p.live) {
			o.fail("slot %d, database %d: %d keys, should be %d", p.slot, p.db, n, len(p.live))
		}
		keys[p.db] += int64(len(p.live))
		volatile[p.db] += int64(p.volatile)
		slots[p.slot] += len(p.live)
		total += int64(len(p.live))
	}
	for db := range Databases {
		if n, v := o.ks.DBLen(db), o.ks.VolatileLen(db); n != keys[db] || v != volatile[db] {
			o.fail("database %d: %d keys, %d volatile, should be %d, %d", db, n, v, keys[db], volatile[db])
		}
	}
	nonEmpty, next := o.ks.NonEmpty(), 0
	for slot, n := range slots {
		if o.ks.SlotKeys(slot) != n || (nonEmpty[slot/8]>>(slot%8)&1 == 1) != (n > 0) || o.ks.NextNonEmpty(int(slot)) == int(slot) != (n > 0) {
			o.fail("slot %d should have %d keys", slot, n)
		}
		if n > 0 {
			next++
		}
	}
	for at := o.ks.NextNonEmpty(0); at < Slots; at = o.ks.NextNonEmpty(at + 1) {
		next--
	}
	if next != 0 || o.ks.Keys() != total {
		o.fail("%d keys in all, should be %d; %d slots too few", o.ks.Keys(), total, next)
	}
	if s := o.ks.Stats(); s.Hits != o.hits || s.Misses != o.misses || s.Expired != o.expired ||
		s.Evicted != o.evicted {
		o.fail("%+v, should be %d hits, %d misses, %d expired, %d evicted", s, o.hits, o.misses, o.expired, o.evicted)
	}
	if used := o.ks.MemoryUsed(); total == 0 && used != 0 || used < total*16 || o.ks.OverMemory(used) || used > 0 && !o.ks.OverMemory(used-1) {
		o.fail("%d bytes used for %d keys", used, total)
	}
}

// compareAll compares every key, and audits the keyspace.
func (o *oracle) compareAll() {
	for _, p := range o.places {
		o.ks.LockSlot(p.slot)
		n := 0
		_, done := o.ks.Walk(p.slot, p.db, 0, 1<<30, 0, func(it Item) {
			o.compare(p, it, o.id(it))
			n++
		})
		o.ks.UnlockSlot(p.slot)
		if !done || n != len(p.live) {
			o.fail("slot %d, database %d: a walk sees %d keys of %d, done %v", p.slot, p.db, n, len(p.live), done)
		}
	}
	if err := o.ks.audit(); err != nil {
		o.fail("audit: %v", err)
	}
}

// id is the number of an item's key.
func (o *oracle) id(it Item) int32 {
	id, ok := o.ids[string(it.Key())]
	if !ok || !it.Exists() {
		o.fail("the key %.100q was never set", it.Key())
	}
	return id
}

// compare compares an item with what is known of it.
func (o *oracle) compare(p *place, it Item, id int32) {
	if !p.has(id) {
		o.fail("the key %d, %.100q, should not be there", id, it.Key())
	}
	v := p.at(id)
	typ, enc, at := it.Type(), it.Encoding(), it.ExpireAt()
	if string(it.Key()) != o.names[id] || typ != v.typ || enc != v.enc || at != v.at || o.ks.HashOf(it) != o.hash[id] {
		o.fail("%.100q is a %v, %v, until %d; should be %.100q, %v, %v, %d", it.Key(), typ, enc, at, o.names[id], v.typ, v.enc, v.at)
	}
	size := 3*(len(o.names[id])+len(v.val)) + 2*osPage // room to grow, and the rounding up
	if v.obj != nil {
		size += v.obj.Size()
		if it.Object() != v.obj {
			o.fail("%.100q has the structure %v, should be %v", it.Key(), it.Object(), v.obj)
		}
	} else {
		if it.Len() != len(v.val) || string(it.Value()) != string(v.val) || it.Object() != nil {
			o.fail("%.100q has %d bytes %.100q, should be %d %.100q", it.Key(), it.Len(), it.Value(), len(v.val), v.val)
		}
		want, isInt := ParseInt(v.val)
		if n, ok := it.Int(); ok != (isInt && typ == TypeString) || ok && n != want {
			o.fail("%.100q holds %.100q, the integer %d %v", it.Key(), v.val, n, ok)
		}
	}
	if n := it.Size(); n <= len(o.names[id])+min(len(v.val), 8) || n > size {
		o.fail("%.100q has %d bytes, of key and value %d, %d", it.Key(), n, len(o.names[id]), len(v.val))
	}
	if idle := o.now/1000 - v.used; idle < 100*24*3600 && it.Idle(o.now) != idle {
		o.fail("%.100q is idle for %d s, should be %d", it.Key(), it.Idle(o.now), idle)
	}
}

// end has everything expire that does, deletes the rest, and looks at what is left behind: nothing.
func (o *oracle) end() {
	o.now += 1 << 31
	for o.expire(time.Hour) {
	}
	for _, p := range o.places {
		if p.volatile != 0 {
			o.fail("slot %d, database %d: %d keys have expired and are still there: %+v, slot due at %d",
				p.slot, p.db, p.volatile, o.ks.dbs[p.db].Load().info[p.slot].expiry, o.ks.due[p.slot].Load())
		}
		for _, id := range slices.Clone(p.live) {
			o.ks.LockSlot(p.slot)
			r := o.ref(p, id)
			o.ks.Delete(r, o.ks.Lookup(r, o.now, 0))
			p.remove(id)
			o.ks.UnlockSlot(p.slot)
		}
	}
	o.compareCounts()
	for o.ks.MaintainSlice(time.Hour) {
	}
	o.compareAll()
	checkAllGone(o.t, o.ks)
	if o.objects != 0 {
		o.fail("%d structures are not released", o.objects)
	}
}

// checkAllGone checks that a keyspace without keys has given everything back.
func checkAllGone(t *testing.T, ks *Keyspace) {
	t.Helper()
	for i := range ks.shards {
		p := &ks.shards[i].mu.pool
		if p.live != 0 || p.nUsed != 0 || p.nDirty != 0 {
			t.Errorf("shard %d: %d bytes live, %d pages used, %d dirty", i, p.live, p.nUsed, p.nDirty)
		}
		if g := &ks.shards[i].mu.graves; len(g.objects) != 0 || len(g.tables) != 0 || g.bytes != 0 {
			t.Errorf("shard %d: %d structures, %d tables, %d bytes wait for their release", i, len(g.objects), len(g.tables), g.bytes)
		}
	}
	if n := ks.large.mu.nDirty; n != 0 {
		t.Errorf("%d bytes of free large blocks are not given back", n)
	}
	if n := ks.MemoryUsed(); n != 0 || ks.Keys() != 0 {
		t.Errorf("%d bytes used by %d keys", n, ks.Keys())
	}
}
