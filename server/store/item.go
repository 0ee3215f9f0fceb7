package store

import (
	"encoding/binary"
	"math"
	"strconv"
	"unsafe"
)

// MaxKey is the longest key in bytes (the reader of requests bounds arguments to 512 MB).
const MaxKey = math.MaxUint32

// Ref names a key and carries its hash, so that one command hashes once.
type Ref struct {
	Slot uint16
	DB   int
	Hash uint64
	Key  []byte
}

// Ref makes the name of a key. No lock is needed.
func (ks *Keyspace) Ref(slot uint16, db int, key []byte) Ref {
	return Ref{Slot: slot, DB: db, Hash: ks.hash(key), Key: key}
}

// Item is a handle of one key and its value. It is valid under the lock of its slot, until the next change of the same key.
type Item struct {
	e  entry
	sh *shard
	r  ref
}

// Exists reports whether there is a key at all.
func (it Item) Exists() bool { return it.r != 0 }

// Key is the key's name. It must not be changed or kept.
func (it Item) Key() []byte { return it.e.key() }

// Value is the string, or the bytes of a packed collection. It must not be changed or kept; that of a string which is an
// integer is valid until the next call of Value for an item of the same shard.
func (it Item) Value() []byte {
	if f := it.e.flags(); f&(formMask|flagLongKey) == formShort { // nearly all
		n := it.e.u8(5)
		return bytesAt(unsafe.Add(it.e.p, uintptr(keyStart[f])+uintptr(it.e.u8(4))), int(n))
	}
	if it.e.isInt() {
		return strconv.AppendInt(it.sh.mu.number[:0], it.e.int(), 10)
	}
	return it.e.stored()
}

// Int is the value of a string that is an integer in its canonical decimal form.
func (it Item) Int() (int64, bool) {
	f := it.e.flags()
	switch {
	case f&flagKind != 0 && it.Type() != TypeString:
		return 0, false
	case f&formMask >= formInt8:
		return it.e.int(), true
	}
	if v := it.e.stored(); len(v) <= maxIntLen {
		return ParseInt(v)
	}
	return 0, false
}

// Len is the length of the Value in bytes.
func (it Item) Len() int {
	if it.e.isInt() {
		return decimalLen(it.e.int())
	}
	return it.e.valueLen()
}

// Type is the type of the value.
func (it Item) Type() Type {
	t, _ := it.e.kind()
	return t
}

// Encoding is how Redis would hold the value.
func (it Item) Encoding() Encoding {
	_, enc := it.e.kind()
	if enc.structured() {
		return it.Object().Encoding()
	}
	return enc
}

// Object is the structure of a large collection, or nil.
func (it Item) Object() Object {
	if _, enc := it.e.kind(); !enc.structured() {
		return nil
	}
	return it.sh.mu.objects.get(it.handle())
}

// handle is that of an Object.
func (it Item) handle() uint32 {
	if it.e.isInt() {
		return uint32(it.e.int())
	}
	return uint32(binary.LittleEndian.Uint64(it.e.stored())) // beside a key too long for a block
}

// ExpireAt is the expiry in unix milliseconds, or 0.
func (it Item) ExpireAt() int64 { return it.e.expiry() }

// Size is the memory that key and value take with their share of the index, in bytes.
func (it Item) Size() int {
	n := it.sh.entryBytes(it.r) + indexShare
	if o := it.Object(); o != nil {
		n += o.Size()
	}
	return n
}

// indexShare is what an entry takes in the index, about, in bytes.
const indexShare = bucketSize / (bucketSlots * 3 / 4)

// entryBytes is the memory of an entry and its large block.
func (sh *shard) entryBytes(r ref) int {
	p := &sh.mu.pool
	e := entry{p.at(r)}
	n := classSize(p.classAt(r))
	if e.flags()&formMask == formLarge {
		n += largeSize(e.besideLen())
	}
	return n
}

// besideLen is what of an entry lies in its large block, in bytes.
func (e entry) besideLen() int {
	_, n, _ := e.large()
	if e.flags()&flagFar != 0 {
		n += e.keyLen()
	}
	return n
}

// HashOf is the hash of an item's key.
func (ks *Keyspace) HashOf(it Item) uint64 { return ks.hash(it.Key()) }

// Mode says what a lookup does besides finding the key.
type Mode uint8

// Bits of a Mode.
const (
	Touch   Mode = 1 << iota // the key counts as accessed now
	Count                    // hits and misses are counted
	Hide                     // an expired key is not seen, but left alone: a copy is expired by its primary
	Expired                  // an expired key is seen like any other: effects of a primary are applied
)

// Lookup finds a key; where there is none, the item's Exists is false. A key that has expired at `now` (unless mode says
// otherwise) is deleted, which is an effect. Under the lock.
func (ks *Keyspace) Lookup(r Ref, now int64, mode Mode) Item {
	sh := ks.shardOf(r.Slot)
	it := Item{sh: sh}
	if d := ks.dbs[r.DB].Load(); d != nil {
		if at := d.tables[r.Slot].find(&sh.mu.pool, r.Hash, r.Key); at != 0 {
			it.r, it.e = at, entry{sh.mu.pool.at(at)}
			if it.e.flags()&flagExpiry != 0 && mode&Expired == 0 {
				if when := it.e.expiry(); when != 0 && when < now {
					if mode&Hide == 0 {
						ks.expire(r.Slot, r.DB, r.Hash, it)
					}
					it = Item{sh: sh}
				}
			}
		}
	}
	if mode&Count != 0 {
		if it.r != 0 {
			sh.mu.hits++
		} else {
			sh.mu.misses++
		}
	}
	if it.r != 0 && mode&Touch != 0 {
		ks.touch(it.e, now)
	}
	return it
}
