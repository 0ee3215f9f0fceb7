package store

import (
	"math"
	"slices"
)

// Encoding is how Redis would hold a string, for OBJECT ENCODING.
type Encoding uint8

// The encodings.
const (
	EncRaw    Encoding = iota
	EncEmbstr          // at most EmbstrMax bytes and not changed in place
	EncInt             // the canonical decimal form of an int64
)

// EmbstrMax is the longest embstr in bytes: with its headers it fills a 64-byte block of Redis's allocator.
const EmbstrMax = 44

// MaxKey is the longest key in bytes (the reader of requests bounds arguments to 512 MB).
const MaxKey = math.MaxUint32

// String is Redis's name.
func (e Encoding) String() string {
	switch e {
	case EncInt:
		return "int"
	case EncEmbstr:
		return "embstr"
	default:
		return "raw"
	}
}

// Type is the type of a key's value.
type Type uint8

// TypeString is the type of strings.
const TypeString Type = 0

// String is Redis's name.
func (Type) String() string { return "string" }

// EncodingOf is the encoding that Redis would choose for a new value v.
func EncodingOf(v []byte) Encoding {
	if len(v) > EmbstrMax {
		return EncRaw
	}
	if len(v) <= maxIntLen {
		if _, ok := ParseInt(v); ok {
			return EncInt
		}
	}
	return EncEmbstr
}

const maxIntLen = len("-9223372036854775808")

// ParseInt reads the canonical decimal form of an int64: no sign but '-', no leading zeros or spaces. (Redis: string2ll.)
func ParseInt(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > maxIntLen {
		return 0, false
	}
	neg := b[0] == '-'
	d := b
	if neg {
		d = b[1:]
	}
	if len(d) == 0 || d[0] < '0' || d[0] > '9' || d[0] == '0' && len(b) > 1 {
		return 0, false
	}
	var v uint64
	for i, c := range d {
		c -= '0'
		if c > 9 {
			return 0, false
		}
		if i == 19 || i == 18 && (v > math.MaxUint64/10) {
			return 0, false
		}
		v = v*10 + uint64(c)
	}
	if neg {
		if v > 1<<63 {
			return 0, false
		}
		return -int64(v), true //nolint:gosec // 1<<63 wraps to the least int64, as wanted
	}
	if v > math.MaxInt64 {
		return 0, false
	}
	return int64(v), true
}

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
type Item struct{ e *entry }

// Exists reports whether there is a key at all.
func (it Item) Exists() bool { return it.e != nil }

// Key is the key's name. It must not be changed or kept.
func (it Item) Key() []byte { return it.e.key() }

// Hash is the key's hash.
func (it Item) Hash() uint64 { return it.e.hash }

// Value is the string value. It must not be changed or kept.
func (it Item) Value() []byte { return it.e.value() }

// Len is the length of the string value in bytes.
func (it Item) Len() int { return len(it.e.buf) - int(it.e.klen) }

// Type is the type of the value.
func (it Item) Type() Type { return TypeString }

// Encoding is how Redis would hold the value.
func (it Item) Encoding() Encoding { return it.e.enc }

// ExpireAt is the expiry in unix milliseconds, or 0.
func (it Item) ExpireAt() int64 { return it.e.at }

// Size estimates the memory that key and value take, in bytes.
func (it Item) Size() int { return it.e.size() + bucketSize }

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
	var e *entry
	if t := ks.tables[r.DB][r.Slot]; t != nil {
		e = t.find(r.Hash, r.Key)
	}
	if e != nil && e.at != 0 && e.at < now && mode&Expired == 0 {
		if mode&Hide == 0 {
			ks.expire(r.Slot, r.DB, e)
		}
		e = nil
	}
	if mode&Count != 0 {
		if mu := &ks.shardOf(r.Slot).mu; e != nil {
			mu.hits++
		} else {
			mu.misses++
		}
	}
	if e != nil && mode&Touch != 0 {
		ks.touch(e, now)
	}
	return Item{e}
}

// Set gives the key r the string val and the expiry at (0 = none). it is what Lookup found. An item whose room fits val is
// overwritten without an allocation. Under the lock.
func (ks *Keyspace) Set(r Ref, it Item, val []byte, at, now int64) Item {
	return ks.SetAs(r, it, val, EncodingOf(val), at, now)
}

// SetAs is Set where the encoding is known. val may be the value of another item.
func (ks *Keyspace) SetAs(r Ref, it Item, val []byte, enc Encoding, at, now int64) Item {
	sh := ks.shardOf(r.Slot)
	e := it.e
	if e == nil {
		e = newEntry(len(r.Key) + max(len(val), minRoom))
		e.hash, e.klen, e.enc = r.Hash, uint32(len(r.Key)), enc
		e.buf = append(append(e.buf, r.Key...), val...)
		ks.created(e, now)
		ks.add(sh, r.Slot, r.DB, e)
		if at != 0 {
			ks.setAt(sh, r.Slot, r.DB, e, at)
		}
		return Item{e}
	}
	if need := int(e.klen) + len(val); need <= cap(e.buf) && (!e.moved || fits(cap(e.buf), need)) {
		e.buf = append(e.buf[:e.klen], val...)
	} else {
		old := e.size()
		buf := append(slices.Grow([]byte(nil), need), e.key()...)
		e.buf, e.moved = append(buf, val...), true
		ks.grew(sh, r, e.size()-old)
	}
	e.enc = enc
	ks.touch(e, now)
	if at != e.at {
		ks.setAt(sh, r.Slot, r.DB, e, at)
	}
	return it
}

// minRoom is the least room for a new value, in bytes: 8 let short counters grow in place.
const minRoom = 8

// wasteMin is the unused room in bytes from which on a value that became much smaller gets a new buffer.
const wasteMin = 64

func fits(room, need int) bool { return need <= room && room <= 2*need+wasteMin }

// Resize makes the value n bytes long, new bytes being zero, and answers it for changing in place. The key must exist. Room
// grows geometrically, so that many appends cost a constant each. Under the lock.
func (ks *Keyspace) Resize(r Ref, it Item, n int, now int64) (Item, []byte) {
	e := it.e
	old, was := e.size(), len(e.buf)
	need := int(e.klen) + n
	if need > cap(e.buf) {
		e.buf, e.moved = append(e.buf, make([]byte, need-was)...), true
		ks.grew(ks.shardOf(r.Slot), r, e.size()-old)
	} else {
		e.buf = e.buf[:need]
		if need > was {
			clear(e.buf[was:])
		}
	}
	e.enc = EncRaw
	ks.touch(e, now)
	return it, e.value()
}

// Delete removes a key that Lookup found. Under the lock.
func (ks *Keyspace) Delete(r Ref, it Item) { ks.drop(r.Slot, r.DB, it.e) }

// SetExpire sets or, with at 0, removes the expiry of a key that Lookup found. Under the lock.
func (ks *Keyspace) SetExpire(r Ref, it Item, at int64) {
	if at != it.e.at {
		ks.setAt(ks.shardOf(r.Slot), r.Slot, r.DB, it.e, at)
	}
}

// grew notes that the buffer of the entry named r grew by delta bytes.
func (ks *Keyspace) grew(sh *shard, r Ref, delta int) {
	ks.tables[r.DB][r.Slot].bytes += delta
	ks.account(sh, delta)
}

func (ks *Keyspace) add(sh *shard, slot uint16, db int, e *entry) {
	t := ks.tables[db][slot]
	before := 0
	if t == nil {
		t = newTable()
		ks.tables[db][slot] = t
	} else {
		before = t.size()
	}
	t.insert(e)
	t.bytes += e.size()
	ks.account(sh, e.size()+t.size()-before)
	ks.counted(slot, db, 1)
}

// drop removes an entry. The table of a slot's last key goes with it.
func (ks *Keyspace) drop(slot uint16, db int, e *entry) {
	sh := ks.shardOf(slot)
	if e.at != 0 {
		ks.setAt(sh, slot, db, e, 0)
	}
	t := ks.tables[db][slot]
	before := t.size()
	t.remove(e)
	t.bytes -= e.size()
	after := t.size()
	if t.n == 0 {
		ks.tables[db][slot] = nil
		after = 0
		ks.refreshDue(slot)
	}
	ks.account(sh, after-before-e.size())
	ks.counted(slot, db, -1)
}
