package command

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	redisoracle "ringcache/internal/oracle"
	"ringcache/server/resp"
	"ringcache/server/store"
)

// That effects lead a replica to the state of its primary is what replication, and with it every acknowledged write, rests on.
// Here random commands run on a primary while time passes, and the effects of each slot are replayed into an empty one.

// bySlot parts effects into the stream of each slot. The slots are in ascending order.
func bySlot(effects []effect) (slots []uint16, streams map[uint16][]effect) {
	streams = map[uint16][]effect{}
	for _, e := range effects {
		streams[e.slot] = append(streams[e.slot], e)
	}
	return slices.Sorted(maps.Keys(streams)), streams
}

// replica is an empty keyspace for effects, with a clock of its own: it must not matter.
func replica(now int64) *Ctx {
	return &Ctx{KS: store.New(store.Options{Hash: testHash}), SlotOf: testSlot, Table: testTable, Now: now}
}

// replayed is what effects make of an empty keyspace.
func replayed(tb testing.TB, effects []effect) map[place]held {
	tb.Helper()
	c := replica(testNow + 100*365*86400*1000)
	for _, e := range effects {
		c.Out = resp.Writer{}
		if !c.Apply(e.slot, e.db, e.args) || resp.IsError(c.Out.B) {
			tb.Fatalf("the effect %v cannot be applied: %s", e, c.Out.B)
		}
	}
	return dump(c.KS)
}

func (w *workload) apply(c *Ctx, slot uint16, db int, args [][]byte) {
	c.Out = resp.Writer{}
	if !c.Apply(slot, db, args) {
		w.tb.Fatalf("seed %d: the effect %q cannot be applied", w.seed, args)
	}
	if resp.IsError(c.Out.B) {
		w.tb.Fatalf("seed %d: the effect %q: %s", w.seed, args, c.Out.B)
	}
}

// replay applies the effects of one slot after another.
func (w *workload) replay() *store.Keyspace {
	c := replica(w.cl.now + 100*365*86400*1000)
	slots, streams := bySlot(w.sink.effects)
	for _, slot := range slots {
		for _, e := range streams[slot] {
			w.apply(c, e.slot, e.db, e.args)
		}
	}
	return c.KS
}

// encode writes effects as a stream of requests, of which SELECT names the database.
func encode(effects []effect) []byte {
	var out resp.Writer
	db := 0
	for _, e := range effects {
		if e.db != db {
			db = e.db
			out.Array(2)
			out.BulkString("SELECT")
			out.BulkInt(int64(db))
		}
		out.Array(len(e.args))
		for _, a := range e.args {
			out.Bulk(a)
		}
	}
	return out.B
}

// replayBytes applies the stream of each slot from bytes, which come in pieces.
func (w *workload) replayBytes() *store.Keyspace {
	c := replica(1)
	slots, streams := bySlot(w.sink.effects)
	slices.Reverse(slots)
	for _, slot := range slots {
		var r resp.Reader
		db, applied := 0, 0
		for stream := encode(streams[slot]); len(stream) > 0; {
			piece := bytes.Clone(stream[:min(len(stream), 1+w.rnd.IntN(300))])
			stream = stream[len(piece):]
			r.Feed(piece)
			for {
				cmd, ok, err := r.Next()
				if err != nil {
					w.tb.Fatalf("seed %d: the stream of slot %d: %v", w.seed, slot, err)
				}
				if !ok {
					break
				}
				if string(cmd.Args[0]) == "SELECT" {
					db, _ = strconv.Atoi(string(cmd.Args[1]))
					continue
				}
				w.apply(c, slot, db, cmd.Args)
				applied++
			}
			r.Keep()
			for i := range piece {
				piece[i] = 0xEE // it was lent; the keyspace must not have kept it
			}
		}
		if applied != len(streams[slot]) {
			w.tb.Fatalf("seed %d: %d effects of slot %d came through, want %d", w.seed, applied, slot, len(streams[slot]))
		}
	}
	return c.KS
}

// same fails where a replica holds anything else than the primary.
func (w *workload) same(how string, ks *store.Keyspace) {
	want, got := dump(w.ctx.KS), dump(ks)
	if diff := cmp.Diff(want, got); diff != "" {
		w.tb.Fatalf("seed %d: %s: the replica differs (-primary +replica):\n%s\n%s", w.seed, how, diff, w.history(want, got))
	}
}

// history is the last effects on one of the keys that differ.
func (w *workload) history(want, got map[place]held) string {
	const shown = 12
	both := maps.Clone(got)
	maps.Copy(both, want)
	for at := range both {
		if want[at] == got[at] {
			continue
		}
		var list []string
		for _, e := range w.sink.effects {
			if e.slot == at.Slot && (len(e.args) < 2 || string(e.args[1]) == at.Key) {
				list = append(list, e.String())
			}
		}
		return fmt.Sprintf("the last effects on %q in slot %d:\n%s", at.Key, at.Slot,
			strings.Join(list[max(0, len(list)-shown):], "\n"))
	}
	return ""
}

// familiesOf are the families that make the commands of a group.
var familiesOf = map[string][]redisoracle.Family{
	"bitmap": {redisoracle.Bits}, "generic": {redisoracle.Keys, redisoracle.Sort}, "geo": {redisoracle.Geo}, "hash": {redisoracle.Hashes, redisoracle.HashTTL},
	"hyperloglog": {redisoracle.HLLs}, "list": {redisoracle.Lists}, "server": {redisoracle.Database}, "set": {redisoracle.Sets, redisoracle.Pops},
	"sorted-set": {redisoracle.Zsets}, "stream": {redisoracle.Streams, redisoracle.StreamClock}, "string": {redisoracle.Strings},
}

// TestEffectsReplay: the effects of random commands, replayed slot by slot as they are and from bytes, give the same keys,
// values, encodings and expiries. Every command that writes must have taken part.
func TestEffectsReplay(t *testing.T) {
	const commands, most = 1500, 400
	rounds := uint64(48)
	if testing.Short() {
		rounds = 8
	}
	seed := uint64(time.Now().UnixNano())
	changed := map[*Row]int{}
	unchanged := func(yield func(*Row) bool) {
		for i := range testTable.Len() {
			if row := testTable.At(i); row.Has(Write) && changed[row] == 0 && !yield(row) {
				return
			}
		}
	}
	missing := func() bool {
		for range unchanged {
			return true
		}
		return false
	}
	// Some commands rarely find what they would change: they get more rounds, and in half of these little else is made.
	for round := uint64(0); round < rounds || round < most && missing(); round++ {
		var more []redisoracle.Family
		switch {
		case round >= rounds && round%2 == 0:
			for row := range unchanged {
				more = append(more, slices.Repeat(familiesOf[row.Group], 10)...)
			}
		case round%4 >= 2: // with and without disturbance
			more = oftenStreams
		}
		w := work(t, seed+round, commands, round%2 == 1, more...)
		w.same("effects", w.replay())
		w.same("bytes", w.replayBytes())
		for row, n := range w.changed {
			changed[row] += n
		}
	}
	for row := range unchanged {
		t.Errorf("seed %d: no %s changed anything: have internal/oracle make it, so that its effects are tested",
			seed, strings.ToUpper(row.FullName()))
	}
}

// TestEffectsAreDeterministic: the same commands at the same times have the same effects, byte by byte.
func TestEffectsAreDeterministic(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	for _, disturb := range []bool{false, true} {
		a, b := encode(work(t, seed, 2000, disturb).sink.effects), encode(work(t, seed, 2000, disturb).sink.effects)
		if at := firstDifference(a, b); at >= 0 {
			t.Errorf("seed %d: the effects differ at byte %d:\n%.100q\n%.100q", seed, at, a[at:], b[at:])
		}
		if len(a) < 10_000 {
			t.Errorf("seed %d: only %d bytes of effects", seed, len(a))
		}
	}
}

// firstDifference is where two texts first differ, or -1.
func firstDifference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	if len(a) != len(b) {
		return min(len(a), len(b))
	}
	return -1
}
