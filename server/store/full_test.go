package store

import (
	"fmt"
	"testing"
)

// TestFullShard: a shard that nears the end of its arena says so in time, others do not, and room that comes back counts.
func TestFullShard(t *testing.T) {
	ks := New(Options{Hash: hash, Poison: true})
	defer ks.Close()
	const pages, slot = 256, 5
	ks.shards[slot].mu.pool.limit = pages
	set := ks.SetOf(slot) | ks.SetOf(slot+1)
	value := make([]byte, 1000)
	n := 0
	for ; !ks.Full(set); n++ {
		if n > pages*pageSize/len(value) {
			t.Fatal("a full shard was not told")
		}
		r := ks.Ref(slot, 0, fmt.Appendf(nil, "key%d", n))
		ks.Set(r, Item{}, value, 0, now)
	}
	if ks.Full(ks.SetOf(slot + 1)) {
		t.Error("another shard is full, too")
	}
	for i := range n / fullShare / 2 { // what cannot be refused still has room
		r := ks.Ref(slot, 0, fmt.Appendf(nil, "more%d", i))
		ks.Set(r, Item{}, value, 0, now)
	}
	for i := range n / 2 {
		r := ks.Ref(slot, 0, fmt.Appendf(nil, "key%d", i))
		ks.Delete(r, ks.Lookup(r, now, 0))
	}
	if ks.Full(set) {
		t.Error("it is full with half of its keys")
	}
	if err := ks.audit(); err != nil {
		t.Error(err)
	}
}
