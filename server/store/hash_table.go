package store

import "unsafe"

// hashTable is the large form of a hash: a [Dict] whose members are the fields, with their expiries in a heap (see dueFields).
//
// A small hash takes this form too when a field of it is given an expiry, as a packed one has no place for that, and counts as small as
// long as it stays below the thresholds.
type hashTable struct {
	Dict
	due dueFields

	small  bool  // it is called listpackex, as in Redis
	db     uint8 // where its key was last: see holder
	slot   uint16
	object uint32 // its number among the shard's Objects
	place  int32  // in the shard's dueHashes, from 1 on; 0 = it is not there
	hash   uint64 // of its key
	latest int64  // no field expires later, unix ms
}

// hashTableSize is what a hashTable takes on the Go heap, with its place among the Objects, in bytes.
const hashTableSize = int(unsafe.Sizeof(hashTable{}) + unsafe.Sizeof(Object(nil)))

func (ks *Keyspace) newHashTable(slot uint16, small bool) *hashTable {
	t := &hashTable{Dict: ks.newDict(slot), small: small}
	t.bytes = hashTableSize
	return t
}

// Type is that of an [Object].
func (t *hashTable) Type() Type { return TypeHash }

// Encoding is that of an [Object].
func (t *hashTable) Encoding() Encoding {
	if t.small {
		return EncListpackEx
	}
	return EncHashtable
}

// Release is that of an [Object].
func (t *hashTable) Release(budget int) (done bool) {
	t.due.free(&t.parts)
	return t.Dict.Release(budget)
}

// Evacuate is that of an [Object].
func (t *hashTable) Evacuate(from uint64, budget int) (looked int, next uint64) {
	if from == 0 {
		t.due.at.evacuate(&t.parts)
	}
	return t.evacuateMembers(from, budget, func(from, to ref) {
		if (entry{t.at(to)}).expiry() != 0 {
			t.due.moved(&t.parts, from, to)
		}
	})
}

// set gives a field a value and an expiry. it is what Find answered.
func (t *hashTable) set(hash uint64, it Item, field, val []byte, at int64) {
	pos := t.unexpire(it, at)
	t.latest = max(t.latest, at)
	it = t.Put(hash, it, field, val, at)
	t.due.put(&t.parts, pos, it.r, at)
}

// expire gives a field that is there an expiry.
func (t *hashTable) expire(hash uint64, it Item, at int64) {
	pos := t.unexpire(it, at)
	t.latest = max(t.latest, at)
	it = t.SetExpire(hash, it, at)
	t.due.put(&t.parts, pos, it.r, at)
}

// unset removes a field that is there.
func (t *hashTable) unset(hash uint64, it Item) {
	t.unexpire(it, 0)
	t.Delete(hash, it)
}

// unexpire answers where a field whose expiry will be `at` is in the heap, or -1. It is taken out where it will have none.
func (t *hashTable) unexpire(it Item, at int64) (pos int) {
	if it.r == 0 || it.e.expiry() == 0 {
		return -1
	}
	pos = t.due.find(&t.parts, it.r)
	if at == 0 {
		t.due.remove(&t.parts, pos)
		return -1
	}
	return pos
}

// soonest is the least expiry of a field, or never.
func (t *hashTable) soonest() int64 {
	if t.due.n == 0 {
		return never
	}
	return t.due.all(&t.parts)[0].when()
}

// expired counts the fields that have expired at now.
func (t *hashTable) expired(now int64) int { return t.due.before(&t.parts, now) }
