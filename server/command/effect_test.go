package command

import (
	"fmt"
	"testing"
)

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
		{"SET a 1", "SWAPDB 0 0", "[]"},
		{"SET k 1", "INCRBYFLOAT k 2", "[0: [\"SET\" \"k\" \"3\"] 0: [\"INCRBYFLOAT\" \"k\" \"0\"]]"},
		{"SETRANGE a 0 5", "COPY a b", "[0: [\"SET\" \"b\" \"5\"] 0: [\"APPEND\" \"b\" \"\"]]"},
		{"SETRANGE a 0 x", "RENAME a b", "[0: [\"SET\" \"b\" \"x\"] 0: [\"APPEND\" \"b\" \"\"] 0: [\"DEL\" \"a\"]]"},
		{"INCRBYFLOAT a 5", "MOVE a 3", "[3: [\"SET\" \"a\" \"5\"] 3: [\"INCRBYFLOAT\" \"a\" \"0\"] 0: [\"DEL\" \"a\"]]"},
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

// TestReplicateAs: an effect may have any number of arguments.
func TestReplicateAs(t *testing.T) {
	cl := newCluster(1)
	c := cl.nodes[0]
	args := [][]byte{[]byte("DEL")}
	for i := range 2 * keepPositions {
		args = append(args, fmt.Append(nil, i))
		if n := len(args); n > 8 && n != 2*keepPositions {
			continue
		}
		c.ReplicateAs(7, 3, args...)
		last := cl.sinks[0].effects[len(cl.sinks[0].effects)-1]
		if want := (effect{7, 3, args}); last.slot != want.slot || last.String() != want.String() {
			t.Fatalf("emitted %.100v of %d arguments, want %.100v of %d", last, len(last.args), want, len(args))
		}
	}
	if len(c.eff.args) > 0 && c.eff.args[0] != nil || cap(c.eff.args) > keepPositions {
		t.Error("arguments are kept")
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
