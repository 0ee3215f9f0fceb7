package store_test

import (
	"encoding/binary"
	"testing"

	"github.com/cespare/xxhash/v2"

	"ringcache/server/store"
)

// What the measurements of the storage engine share: keys and values of the size that the targets speak of (docs/measuring.md),
// each a function of its number, so that tens of millions need no memory of the test's own.

// Sizes in bytes.
const (
	keySize   = 17
	valueSize = 32
)

// engineNow is the time of all measurements, unix milliseconds.
const engineNow = 1_750_000_000_000

// newEngine answers an empty keyspace with the hash that nodes use.
func newEngine() *store.Keyspace { return store.New(store.Options{Hash: xxhash.Sum64}) }

// release gives back what a keyspace holds outside the Go heap, if it does: a benchmark makes one after another.
func release(ks *store.Keyspace) {
	switch c := any(ks).(type) {
	case interface{ Close() }:
		c.Close()
	case interface{ Close() error }:
		_ = c.Close() // nothing is measured after it
	}
}

// appendKey appends the 17 bytes of key i.
func appendKey(b []byte, i uint64) []byte {
	b = append(b, "key:0000000000000"...)
	for p := len(b) - 1; i > 0; p-- {
		b[p] = byte('0' + i%10)
		i /= 10
	}
	return b
}

// fillValue writes random bytes into v, the first eight of them the mark of key i, the others of version too.
func fillValue(v []byte, i, version uint64) {
	binary.LittleEndian.PutUint64(v, mix(i))
	state := mix(i ^ mix(version))
	for at := 8; at+8 <= len(v); at += 8 {
		state = mix(state)
		binary.LittleEndian.PutUint64(v[at:], state)
	}
}

// anySlot spreads keys over all slots. It goes by another hash than the keyspace's, as CRC16 does.
func anySlot(i uint64) uint16 { return uint16(mix(^i) % store.Slots) }

// sameSlot is the slot of keys that share a hash tag.
func sameSlot(uint64) uint16 { return 4711 }

// mix is the output function of splitmix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// put sets one key under the lock of its slot, as a command does.
func put(ks *store.Keyspace, slot uint16, key, value []byte) {
	ks.LockSlot(slot)
	r := ks.Ref(slot, 0, key)
	ks.Set(r, ks.Lookup(r, engineNow, store.Touch), value, 0, engineNow)
	ks.UnlockSlot(slot)
}

// checkEngine checks that the keyspace holds the keys 0 to n-1, as far as a sample and the counts show.
func checkEngine(t *testing.T, ks *store.Keyspace, n uint64, slotOf func(uint64) uint16) {
	t.Helper()
	if got := ks.Keys(); got != int64(n) {
		t.Errorf("%d keys, want %d", got, n)
	}
	if used := ks.MemoryUsed(); used < int64(n)*(keySize+valueSize) {
		t.Errorf("MemoryUsed is %d: less than keys and values", used)
	}
	var key []byte
	const sample = 10_000
	for j := range uint64(sample) {
		i := mix(j) % n
		slot := slotOf(i)
		key = appendKey(key[:0], i)
		ks.LockSlot(slot)
		it := ks.Lookup(ks.Ref(slot, 0, key), engineNow, 0)
		ok := it.Exists()
		if ok {
			v := it.Value()
			ok = len(v) >= valueSize && binary.LittleEndian.Uint64(v) == mix(i)
		}
		ks.UnlockSlot(slot)
		if !ok {
			t.Fatalf("%s is not there, or has another key's value", key)
		}
	}
}
