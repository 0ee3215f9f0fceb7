package store

import (
	"hash/maphash"
	"strconv"
	"testing"
)

// TestSetHash: an empty keyspace takes another hash, and from then on goes by it; one with keys refuses.
func TestSetHash(t *testing.T) {
	ks := New(Options{Hash: hash})
	seed := maphash.MakeSeed()
	other := func(key []byte) uint64 { return maphash.Bytes(seed, key) }
	ks.SetHash(other)
	const keys = 100
	for i := range keys {
		key := []byte(strconv.Itoa(i))
		r := ks.Ref(5, 0, key)
		if r.Hash != other(key) {
			t.Fatalf("%s hashes to %x, want %x", key, r.Hash, other(key))
		}
		ks.LockSlot(5)
		ks.Set(r, ks.Lookup(r, now, 0), key, 0, now)
		ks.UnlockSlot(5)
	}
	if ks.Keys() != keys {
		t.Errorf("%d keys, want %d", ks.Keys(), keys)
	}
	panics := func(fn func(key []byte) uint64) (did bool) {
		defer func() { did = recover() != nil }()
		ks.SetHash(fn)
		return
	}
	if !panics(hash) {
		t.Error("a keyspace with keys took another hash")
	}
	ks.LockSlot(5)
	ks.FlushSlot(5)
	ks.UnlockSlot(5)
	if !panics(nil) || panics(hash) {
		t.Error("an empty keyspace takes no hash, or nil")
	}
}
