package command

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	redisoracle "ringcache/internal/oracle"
	"ringcache/server/store"
)

// Random commands on a primary, while time passes, keys expire and are evicted; and what it holds then.

// place is where a key is, held what is there.
type (
	place struct {
		Slot uint16
		DB   int
		Key  string
	}
	held struct {
		Type     store.Type
		Encoding store.Encoding
		Value    string
		ExpireAt int64 // unix ms
	}
)

// dump is everything that a keyspace holds.
func dump(ks *store.Keyspace) map[place]held {
	all := map[place]held{}
	for slot := ks.NextNonEmpty(0); slot < store.Slots; slot = ks.NextNonEmpty(slot + 1) {
		for db := range store.Databases {
			if ks.SlotLen(uint16(slot), db) == 0 {
				continue
			}
			ks.LockSlot(uint16(slot))
			ks.Walk(uint16(slot), db, 0, 1<<30, 0, func(it store.Item) {
				all[place{uint16(slot), db, string(it.Key())}] = held{it.Type(), it.Encoding(), contents(it), it.ExpireAt()}
			})
			ks.UnlockSlot(uint16(slot))
		}
	}
	return all
}

// contents is a value as a string that is the same for equal values.
func contents(it store.Item) string {
	if it.Object() == nil {
		return string(it.Value())
	}
	return objectContents[it.Type()](it)
}

// objectContents are contents of large collections.
var objectContents = map[store.Type]func(store.Item) string{
	store.TypeList:   listContents,
	store.TypeHash:   hashContents,
	store.TypeSet:    setContents,
	store.TypeZset:   zsetContents,
	store.TypeStream: streamContents,
}

// workload is random commands on a primary, and what came of them.
type workload struct {
	tb       testing.TB
	seed     uint64
	rnd      *rand.Rand
	gen      *redisoracle.Gen
	cl       *cluster
	ctx      *Ctx
	sink     *recorder
	follower *Ctx           // a replica that applies each effect after its command
	applied  int            // effects that it has applied
	state    map[place]held // after the last command
	running  [][]byte       // the command under way
	evicted  int            // keys evicted during it
	changed  map[*Row]int   // how many commands of each row changed something
	calm     bool           // no database is emptied but now and then: what is made of many commands gets done
}

// work runs commands. With disturb keys expire and are evicted in the middle of them.
//
// More families than the usual ones have their commands made more often, in calm.
func work(tb testing.TB, seed uint64, commands int, disturb bool, more ...redisoracle.Family) *workload {
	tb.Helper()
	cl := newCluster(1)
	w := &workload{
		tb: tb, seed: seed, rnd: rand.New(rand.NewPCG(seed, 1)), cl: cl, ctx: cl.nodes[0], sink: cl.sinks[0], follower: replica(1),
		gen: redisoracle.NewGen(seed, redisoracle.Options{CrossSlot: true, Families: append(more,
			redisoracle.Strings, redisoracle.Strings, redisoracle.Keys, redisoracle.Keys, redisoracle.Database,
			redisoracle.Hashes, redisoracle.HashTTL, redisoracle.Lists, redisoracle.Sets, redisoracle.Pops,
			redisoracle.Zsets, redisoracle.Geo, redisoracle.Bits, redisoracle.HLLs, redisoracle.Streams, redisoracle.StreamClock, redisoracle.Sort,
		)}),
		state: map[place]held{}, changed: map[*Row]int{}, calm: len(more) > 0,
	}
	w.ctx.KS = store.New(store.Options{Hash: testHash, Sink: w.sink, Random: rand.New(rand.NewPCG(seed, 2))})
	if disturb {
		w.sink.after = w.evict
		w.ctx.Owned = func(uint16) bool {
			w.expireInBetween()
			return true
		}
	}
	for range commands {
		w.step()
	}
	return w
}

// step passes some time and runs one command, which must say by its effects what it changed.
func (w *workload) step() {
	switch w.rnd.IntN(200) {
	case 0:
		w.cl.now += 40_000_000_000 // more than a year: far expiries pass, too
	case 1, 2, 3, 4, 5, 6, 7, 8, 9:
		w.cl.now += w.rnd.Int64N(2000)
	case 10, 11, 12, 13, 14, 15, 16, 17, 18, 19:
		w.expireSlice(w.cl.now)
		w.state = dump(w.ctx.KS)
	default:
		w.cl.now += w.rnd.Int64N(3)
	}
	w.cl.db = w.database()
	args := w.gen.Next()
	if !w.calm && w.rnd.IntN(4) == 0 {
		args = w.extra()
	}
	expired, mark := w.ctx.KS.Stats().Expired, len(w.sink.effects)

	w.running, w.evicted = args, 0
	w.cl.do(args...)
	w.running = nil

	effects := w.sink.effects[mark:]
	own := len(effects) - w.evicted - int(w.ctx.KS.Stats().Expired-expired)
	state := dump(w.ctx.KS)
	row := testTable.Lookup(args)
	switch differs := !maps.Equal(w.state, state); {
	case differs && len(effects) == 0:
		w.tb.Fatalf("seed %d: %s changed something and has no effect:\n%s", w.seed, redisoracle.Show(args), cmp.Diff(w.state, state))
	case own > 0 && (row == nil || !row.Has(Write) && row.Name != "pfcount"):
		w.tb.Fatalf("seed %d: %s wrote %v", w.seed, redisoracle.Show(args), effects)
	case differs && own > 0:
		w.changed[row]++
	}
	w.state = state
	for _, e := range w.sink.effects[w.applied:] {
		w.apply(w.follower, e.slot, e.db, e.args)
	}
	w.applied = len(w.sink.effects)
	if got := dump(w.follower.KS); !maps.Equal(state, got) {
		w.tb.Fatalf("seed %d: after %s a replica differs (-primary +replica):\n%s\n%v", w.seed, redisoracle.Show(args),
			cmp.Diff(state, got), effects)
	}
}

// database picks one; most commands are to meet in few.
func (w *workload) database() int { return []int{0, 0, 1, 2, 15}[w.rnd.IntN(5)] }

// extra makes what the generator makes never or too rarely: expiries that pass soon (its own lie far ahead), and changes of
// whole databases.
func (w *workload) extra() [][]byte {
	key := w.gen.Keys()[w.rnd.IntN(len(w.gen.Keys()))]
	value := strconv.Itoa(w.rnd.IntN(100))
	ms, sec := 1+w.rnd.Int64N(3000), 1+w.rnd.Int64N(3)
	var words []any
	switch w.rnd.IntN(32) {
	case 0, 1:
		words = []any{"SET", key, value, "PX", ms}
	case 2, 3:
		words = []any{"SET", key, value, "EX", sec}
	case 4, 5:
		words = []any{"SET", key, value, "PXAT", w.cl.now + ms - 500}
	case 6, 7:
		words = []any{"SET", key, value, "EXAT", w.cl.now/1000 + sec}
	case 8, 9:
		words = []any{"PSETEX", key, ms, value}
	case 10, 11:
		words = []any{"SETEX", key, sec, value}
	case 12, 13:
		words = []any{"GETEX", key, "PX", ms}
	case 14, 15:
		words = []any{"GETEX", key, "PXAT", w.cl.now + ms - 500}
	case 16, 17:
		words = []any{"PEXPIRE", key, ms - 100}
	case 18, 19:
		words = []any{"EXPIRE", key, sec - 1}
	case 20, 21:
		words = []any{"PEXPIREAT", key, w.cl.now + ms - 500}
	case 22, 23:
		words = []any{"EXPIREAT", key, w.cl.now/1000 + sec - 1}
	case 24:
		words = []any{[]string{"FLUSHDB", "FLUSHALL"}[w.rnd.IntN(2)]}
	case 26, 27, 28, 29:
		words = w.blocking(key)
	case 25:
		words = []any{"MOVE", key, w.database()}
	default:
		words = []any{"SWAPDB", w.database(), w.database()}
	}
	args := make([][]byte, len(words))
	for i, word := range words {
		args[i] = fmt.Append(nil, word)
	}
	return args
}

// expireSlice deletes what has expired, as a node does beside its clients.
func (w *workload) expireSlice(now int64) {
	after := w.sink.after
	w.sink.after = nil // it is no command's work
	w.ctx.KS.ExpireSlice(now, time.Hour, nil)
	w.sink.after = after
}

// expireInBetween stands for background expiry while a write on many slots goes from one to the next. (How many slots RANDOMKEY
// asks about is chance of its own, which would break the repetition.) No lock is held.
func (w *workload) expireInBetween() {
	if w.running != nil && testTable.Lookup(w.running).Has(Write) && w.rnd.IntN(8) == 0 {
		w.expireSlice(w.cl.now + w.rnd.Int64N(100))
	}
}

// evict removes, now and then, a key that the running command does not name, as it happens where memory is short. Under the
// lock of slot, after one of the command's effects.
func (w *workload) evict(slot uint16) {
	if w.running == nil || w.rnd.IntN(3) > 0 {
		return
	}
	w.sink.after = nil
	defer func() { w.sink.after = w.evict }()
	db := w.rnd.IntN(3)
	var victims [][]byte
	w.ctx.KS.Walk(slot, db, 0, 1<<30, 0, func(it store.Item) {
		if !slices.ContainsFunc(w.running, func(arg []byte) bool { return bytes.Equal(arg, it.Key()) }) {
			victims = append(victims, bytes.Clone(it.Key()))
		}
	})
	if len(victims) == 0 {
		return
	}
	r := w.ctx.KS.Ref(slot, db, victims[w.rnd.IntN(len(victims))])
	w.ctx.KS.Delete(r, w.ctx.KS.Lookup(r, w.cl.now, store.Expired))
	w.ctx.KS.Effect(slot, db, [][]byte{delName, r.Key})
	w.evicted++
}
