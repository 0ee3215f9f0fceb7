package command

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	redisoracle "ringcache/internal/oracle"
	"ringcache/server/resp"
	"ringcache/server/store"
)

// dump is everything that a keyspace holds.
func dump(ks *store.Keyspace) map[string]string {
	all := map[string]string{}
	for slot := range uint16(store.Slots) {
		for db := range store.Databases {
			ks.LockSlot(slot)
			ks.Walk(slot, db, 0, 1<<30, 0, func(it store.Item) {
				all[fmt.Sprintf("%d/%d %q", slot, db, it.Key())] = fmt.Sprintf("%q until %d", it.Value(), it.ExpireAt())
			})
			ks.UnlockSlot(slot)
		}
	}
	return all
}

// replay applies effects to an empty keyspace.
func replay(t *testing.T, effects []effect) *store.Keyspace {
	t.Helper()
	// The replica's clock is a century ahead: it must not matter.
	c := Ctx{KS: store.New(store.Options{Hash: testHash}), SlotOf: testSlot, Table: testTable, Now: testNow + 100*365*86400*1000}
	for _, e := range effects {
		c.Out = resp.Writer{}
		if !c.Apply(e.slot, e.db, e.args) {
			t.Fatalf("the effect %v cannot be applied", e)
		}
		if resp.IsError(c.Out.B) {
			t.Fatalf("the effect %v: %s", e, c.Out.B)
		}
	}
	return c.KS
}

// TestEffectsReplay runs random commands while time jumps, and replays their effects: the same must come out.
func TestEffectsReplay(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	for round := range uint64(20) {
		g := redisoracle.NewGen(seed+round, redisoracle.Options{CrossSlot: true, Families: []redisoracle.Family{
			redisoracle.Strings, redisoracle.Strings, redisoracle.Keys, redisoracle.Keys, redisoracle.Database,
		}})
		cl := newCluster(1)
		for step := range 2000 {
			args := g.Next()
			before := len(cl.sinks[0].effects)
			cl.db = step / 7 % 3
			if step%50 == 0 {
				cl.now += 40_000_000_000 // more than a year: some of the far expiries pass
			}
			cl.do(args...)
			row := testTable.Lookup(args)
			if after := cl.sinks[0].effects[before:]; len(after) > 0 && !row.Has(Write) && string(after[0].args[0]) != "DEL" {
				t.Fatalf("seed %d: %s wrote %v", seed+round, redisoracle.Show(args), after)
			}
		}
		if diff := cmp.Diff(dump(cl.nodes[0].KS), dump(replay(t, cl.sinks[0].effects))); diff != "" {
			t.Fatalf("seed %d: the replica differs (-primary +replica):\n%s", seed+round, diff)
		}
	}
}

func TestEffects(t *testing.T) {
	for _, tc := range []struct{ setup, line, want string }{
		{"", "SET k v", "[0: [\"SET\" \"k\" \"v\"]]"},
		{"", "set k v EX 10", "[0: [\"SET\" \"k\" \"v\" \"PXAT\" \"1750000010000\"]]"},
		{"SET k v PX 10", "SET k w KEEPTTL", "[0: [\"SET\" \"k\" \"w\" \"PXAT\" \"1750000000010\"]]"},
		{"SET k v", "SET k w NX", "[]"},
		{"", "SET k w XX", "[]"},
		{"", "GET k", "[]"},
		{"SET k v", "GETDEL k", "[0: [\"GETDEL\" \"k\"]]"},
		{"", "GETDEL k", "[]"},
		{"SET k v", "GETEX k", "[]"},
		{"SET k v", "GETEX k EX 1", "[0: [\"PEXPIREAT\" \"k\" \"1750000001000\"]]"},
		{"SET k v", "GETEX k EXAT 1", "[0: [\"DEL\" \"k\"]]"},
		{"SET k v EX 1", "GETEX k PERSIST", "[0: [\"PERSIST\" \"k\"]]"},
		{"SET k v", "GETEX k PERSIST", "[]"},
		{"", "SETEX k 1 v", "[0: [\"SET\" \"k\" \"v\" \"PXAT\" \"1750000001000\"]]"},
		{"", "APPEND k v", "[0: [\"APPEND\" \"k\" \"v\"]]"},
		{"", "INCRBY k 5", "[0: [\"INCRBY\" \"k\" \"5\"]]"},
		{"SET k v", "INCR k", "[]"},
		{"SET k 1 PX 9", "INCRBYFLOAT k 0.1", "[0: [\"SET\" \"k\" \"1.1\" \"PXAT\" \"1750000000009\"]]"},
		{"", "MSET a 1 b 2", "[0: [\"SET\" \"a\" \"1\"] 0: [\"SET\" \"b\" \"2\"]]"},
		{"SET b 1", "MSETNX a 1 b 2", "[]"},
		{"MSET a 1 b 2", "DEL a b c", "[0: [\"DEL\" \"a\"] 0: [\"DEL\" \"b\"]]"},
		{"SET k v", "EXPIRE k 10", "[0: [\"PEXPIREAT\" \"k\" \"1750000010000\"]]"},
		{"SET k v", "EXPIRE k -10", "[0: [\"DEL\" \"k\"]]"},
		{"SET k v", "EXPIRE k 10 XX", "[]"},
		{"SET k v EX 10", "PERSIST k", "[0: [\"PERSIST\" \"k\"]]"},
		{"SET a 1 PX 9", "RENAME a b", "[0: [\"SET\" \"b\" \"1\" \"PXAT\" \"1750000000009\"] 0: [\"DEL\" \"a\"]]"},
		{"SET a 1", "RENAME a a", "[]"},
		{"SET a 1", "COPY a b DB 3", "[3: [\"SET\" \"b\" \"1\"]]"},
		{"SET a 1", "MOVE a 3", "[3: [\"SET\" \"a\" \"1\"] 0: [\"DEL\" \"a\"]]"},
		{"SET a 1", "SETRANGE a 1 x", "[0: [\"SETRANGE\" \"a\" \"1\" \"x\"]]"},
		{"SET a 1", "SETRANGE a 1 \"\"", "[]"},
		{"SET a 1", "TOUCH a", "[]"},
		{"SET a 1", "FLUSHALL", "[0: [\"FLUSHALL\"]]"},
		{"SET a 1", "FLUSHDB", "[0: [\"FLUSHDB\"]]"},
		{"", "FLUSHALL", "[]"},
		{"SET a 1", "SWAPDB 0 3", "[0: [\"SWAPDB\" \"0\" \"3\"]]"},
		{"SET a 1", "SWAPDB 2 3", "[]"},
	} {
		cl := newCluster(1)
		if tc.setup != "" {
			cl.text(tc.setup)
		}
		cl.sinks[0].effects = nil
		cl.text(tc.line)
		if got := fmt.Sprint(cl.sinks[0].effects); got != tc.want {
			t.Errorf("%s; %s\n  want %s\n  got  %s", tc.setup, tc.line, tc.want, got)
		}
	}
}

// TestApplyRefuses: what is no effect does nothing.
func TestApplyRefuses(t *testing.T) {
	cl := newCluster(1)
	cl.text("SET k v")
	for _, line := range [][]byte{[]byte("GET"), []byte("NOSUCH"), []byte("MSET"), []byte("DBSIZE"), []byte("SET")} {
		if cl.nodes[0].Apply(testSlot([]byte("k")), 0, [][]byte{line, []byte("k")}) {
			t.Errorf("%s was applied", line)
		}
	}
	if n := cl.nodes[0].KS.Keys(); n != 1 {
		t.Errorf("%d keys", n)
	}
}

// TestNoTouch: with CLIENT NO-TOUCH only TOUCH counts as using a key.
func TestNoTouch(t *testing.T) {
	cl := newCluster(1)
	cl.text("SET k v")
	cl.nodes[0].NoTouch = true
	cl.now += 60_000
	cl.text("GET k")
	wantReply(t, cl, "OBJECT IDLETIME k", ":60")
	cl.text("TOUCH k")
	wantReply(t, cl, "OBJECT IDLETIME k", ":0")
}
