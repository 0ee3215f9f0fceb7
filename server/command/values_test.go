package command

import (
	"strings"
	"testing"

	"ringcache/server/store"
)

// TestWrongType: commands of strings refuse other types, and change nothing.
func TestWrongType(t *testing.T) {
	cl := newCluster(1)
	c := cl.nodes[0]
	packed := store.NewPacked(nil).Append([]byte("a"))
	r := c.KS.Ref(testSlot([]byte("l")), 0, []byte("l"))
	c.KS.LockSlot(r.Slot)
	c.KS.SetPacked(r, c.KS.Lookup(r, 0, 0), store.TypeList, store.EncListpack, packed, 0, 0)
	c.KS.UnlockSlot(r.Slot)
	for _, line := range []string{
		"GET l", "SET l v GET", "GETSET l v", "GETDEL l", "GETEX l PX 10", "STRLEN l", "APPEND l x", "GETRANGE l 0 1", "SUBSTR l 0 1", "SETRANGE l 0 x",
		"INCR l", "DECRBY l 2", "INCRBYFLOAT l 1",
	} {
		if got := string(cl.do(words(line)...)); !strings.HasPrefix(got, "-WRONGTYPE ") {
			t.Errorf("%s: %q", line, got)
		}
	}
	for line, want := range map[string]string{
		"MGET l l": "*2\r\n$-1\r\n$-1\r\n", "TYPE l": "+list\r\n", "SETNX l v": ":0\r\n",
		"LCS l none": "-ERR The specified keys must contain string values\r\n",
	} {
		if got := string(cl.do(words(line)...)); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
	if got := string(c.KS.Lookup(r, 0, 0).Value()); got != string(packed) {
		t.Errorf("the list has become %q", got)
	}
}
