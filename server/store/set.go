package store

import (
	"encoding/binary"
	"strconv"
	"unsafe"
)

// value is what a key is to hold.
type value struct {
	layout
	bytes []byte // of a string or a packed collection
	n     int64  // an integer, or a structure's handle, where the layout's form is one
	kind  uint8
	at    int64 // expiry in unix ms; 0 = none
}

// Set gives the key r the string val and the expiry at (0 = none). it is what Lookup found. Under the lock.
func (ks *Keyspace) Set(r Ref, it Item, val []byte, at, now int64) Item {
	return ks.SetAs(r, it, val, EncodingOf(val), at, now)
}

// SetAs is Set where the encoding is known. val may be the value of another item.
func (ks *Keyspace) SetAs(r Ref, it Item, val []byte, enc Encoding, at, now int64) Item {
	if it.r != 0 && at == 0 && enc == EncEmbstr && it.e.flags() == formShort && int(it.e.u8(5)) == len(val) {
		// A value of the same length, and nothing special about either: the same entry, with other bytes.
		copy(bytesAt(unsafe.Add(it.e.p, int(keyStart[formShort])+int(it.e.u8(4))), len(val)), val)
		ks.touch(it.e, now)
		return it
	}
	flags := expiryFlag(at)
	switch {
	case enc == EncInt:
		if n, ok := ParseInt(val); ok {
			return ks.SetInt(r, it, n, at, now)
		}
	case enc == EncRaw && len(val) <= EmbstrMax:
		flags |= flagRaw
	}
	return ks.store(r, it, value{layout: layoutOf(len(r.Key), len(val), 0, flags), bytes: val, at: at}, now)
}

// maxIntKey is the longest key whose integer is kept as one; beside longer ones the few bytes do not matter.
const maxIntKey = 4096

// SetInt is Set for the decimal form of n.
func (ks *Keyspace) SetInt(r Ref, it Item, n int64, at, now int64) Item {
	if form := intForm(n); it.r != 0 && at == 0 && it.e.flags() == form {
		it.e.putInt(n)
		ks.touch(it.e, now)
		return it
	}
	if len(r.Key) > maxIntKey {
		var digits [maxIntLen]byte
		val := strconv.AppendInt(digits[:0], n, 10)
		l := layoutOf(len(r.Key), len(val), 0, flagKind|expiryFlag(at))
		return ks.store(r, it, value{layout: l, bytes: val, kind: kindOf(TypeString, EncInt), at: at}, now)
	}
	return ks.store(r, it, value{layout: layoutOf(len(r.Key), 0, intForm(n), expiryFlag(at)), n: n, at: at}, now)
}

// SetPacked gives the key r a small collection: its bytes, in the packed encoding enc of type t. Under the lock.
func (ks *Keyspace) SetPacked(r Ref, it Item, t Type, enc Encoding, packed []byte, at, now int64) Item {
	l := layoutOf(len(r.Key), len(packed), 0, flagKind|expiryFlag(at))
	return ks.store(r, it, value{layout: l, bytes: packed, kind: kindOf(t, enc), at: at}, now)
}

// SetObject gives the key r a large collection, which from now on belongs to the keyspace: it is released with the key. Under the
// lock.
func (ks *Keyspace) SetObject(r Ref, it Item, o Object, at, now int64) Item {
	h := ks.shardOf(r.Slot).mu.objects.add(o)
	v := value{n: int64(h), kind: kindOf(o.Type(), o.Encoding()), at: at}
	if len(r.Key) <= maxIntKey {
		v.layout = layoutOf(len(r.Key), 0, formInt8+2, flagKind|expiryFlag(at))
	} else {
		v.bytes = binary.LittleEndian.AppendUint64(nil, uint64(h))
		v.layout = layoutOf(len(r.Key), len(v.bytes), 0, flagKind|expiryFlag(at))
	}
	it = ks.store(r, it, v, now)
	ks.grew(it.sh, r.Slot, r.DB, o.Size())
	if t, ok := o.(*hashTable); ok {
		t.enter(r, h)
	}
	return it
}

// TakeObject removes a key and answers its Object, for SetObject of a key of the same shard. it is what Lookup found. Under the lock.
func (ks *Keyspace) TakeObject(r Ref, it Item) Object {
	if it.sh.mu.watched {
		ks.watcher.KeyChanged(r.Slot, r.DB, r.Key)
	}
	o := it.sh.mu.objects.remove(it.handle())
	if at := it.e.expiry(); at != 0 {
		ks.noteExpiry(r.Slot, r.DB, at, 0)
	}
	bytes := ks.dbs[r.DB].Load().tables[r.Slot].remove(&it.sh.mu.pool, r.Hash, it.r)
	ks.grew(it.sh, r.Slot, r.DB, bytes-o.Size()-ks.freeBlocks(it))
	ks.counted(r.Slot, r.DB, -1)
	return o
}

// ObjectGrew notes that the Object of r, in place, takes delta bytes more than before. Under the lock.
func (ks *Keyspace) ObjectGrew(r Ref, delta int) { ks.grew(ks.shardOf(r.Slot), r.Slot, r.DB, delta) }

func expiryFlag(at int64) uint8 {
	if at != 0 {
		return flagExpiry
	}
	return 0
}

// store writes a key's value: in place where the block there is fits, else in a new one.
func (ks *Keyspace) store(r Ref, it Item, v value, now int64) Item {
	if it.r == 0 {
		return ks.create(r, &v, now)
	}
	was := it.e.expiry()
	if it.changesType(&v) {
		ks.watcher.KeyChanged(r.Slot, r.DB, r.Key)
	}
	if it.fits(&v.layout) {
		ks.grew(it.sh, r.Slot, r.DB, ks.overwrite(it, &v))
	} else {
		old := it
		it = ks.newEntry(it.sh, r.Key, &v)
		it.e.setAccess(old.e.access())
		ks.replace(r, old, it)
		ks.grew(it.sh, r.Slot, r.DB, it.sh.entryBytes(it.r)-ks.freeEntry(old))
	}
	ks.touch(it.e, now)
	if was != v.at {
		ks.noteExpiry(r.Slot, r.DB, was, v.at)
	}
	return it
}

// create adds a key that is not there.
func (ks *Keyspace) create(r Ref, v *value, now int64) Item {
	sh := ks.shardOf(r.Slot)
	d := ks.database(r.DB)
	it := ks.newEntry(sh, r.Key, v)
	it.e.setAccess(ks.accessOfNew(now))
	bytes := d.tables[r.Slot].insert(ks, &sh.mu.pool, r.Hash, it.r)
	ks.grew(sh, r.Slot, r.DB, bytes+sh.entryBytes(it.r))
	ks.counted(r.Slot, r.DB, 1)
	if v.at != 0 {
		ks.noteExpiry(r.Slot, r.DB, 0, v.at)
	}
	if sh.mu.watched {
		ks.watcher.KeyChanged(r.Slot, r.DB, r.Key)
	}
	return it
}

// newEntry writes an entry into a block of its own, which no table knows of yet.
func (ks *Keyspace) newEntry(sh *shard, key []byte, v *value) Item {
	r := sh.mu.pool.alloc(classOf(v.size))
	e := entry{sh.mu.pool.at(r)}
	v.write(e, key, v.bytes, v.kind, v.at)
	switch form := v.flags & formMask; {
	case form == formLarge:
		p := ks.large.alloc(v.beside)
		e.putLarge(p, v.vlen, largeClass(v.beside))
		if v.flags&flagFar != 0 {
			copy(bytesAt(p, v.klen), key)
			p = unsafe.Add(p, v.klen)
		}
		copy(bytesAt(p, v.vlen), v.bytes)
	case form >= formInt8:
		e.putInt(v.n)
	}
	return Item{e: e, sh: sh, r: r}
}

// replace has the index lead to the entry it instead of old.
func (ks *Keyspace) replace(r Ref, old, it Item) {
	ks.dbs[r.DB].Load().tables[r.Slot].replace(&it.sh.mu.pool, r.Hash, old.r, it.r)
}

// freeEntry gives an entry's memory back, and answers how many bytes that was.
func (ks *Keyspace) freeEntry(it Item) (bytes int) {
	if it.e.flags()&flagKind != 0 {
		if _, enc := it.e.kind(); enc.structured() {
			bytes = it.sh.bury(it.handle())
		}
	}
	return bytes + ks.freeBlocks(it)
}

// freeBlocks gives back an entry's own memory.
func (ks *Keyspace) freeBlocks(it Item) (bytes int) {
	bytes = it.sh.entryBytes(it.r)
	if it.e.flags()&formMask == formLarge {
		p, _, class := it.e.large()
		ks.large.free(p, class, it.e.besideLen())
	}
	it.sh.mu.pool.free(it.r)
	return bytes
}

// fits reports whether a value can be written over that of an item: the entry has the same parts, or an expiry besides that
// stays empty, and the block is what a new one would be.
func (it Item) fits(l *layout) bool {
	f := it.e.flags()
	if (f|l.flags)&flagKind != 0 || (f^l.flags)&^(flagRaw|flagExpiry) != 0 || l.flags&flagExpiry > f&flagExpiry {
		return false
	}
	if f&formMask == formLarge {
		_, _, class := it.e.large()
		return class == largeClass(l.beside)
	}
	size := l.size
	if f&flagExpiry > l.flags&flagExpiry {
		size += expirySize
	}
	return size <= maxBlock && classOf(size) == it.sh.mu.pool.classAt(it.r)
}

// overwrite writes a value that fits, and answers by how many bytes the memory changed. It may overlap the present one.
func (ks *Keyspace) overwrite(it Item, v *value) (bytes int) {
	e := it.e
	f := e.flags()&^flagRaw | v.flags&flagRaw
	*(*uint8)(e.p) = f
	if f&flagExpiry != 0 {
		e.putExpiry(v.at)
	}
	switch f & formMask {
	case formShort, formMedium:
		copy(bytesAt(unsafe.Add(e.p, int(keyStart[f])+v.klen), v.vlen), v.bytes)
		v.putLen(e, lengthAt(f))
	case formLarge:
		was := e.besideLen()
		p, _, class := e.large()
		copy(bytesAt(unsafe.Add(p, v.beside-v.vlen), v.vlen), v.bytes)
		e.putLarge(p, v.vlen, class)
		ks.large.trim(p, v.beside, was)
		return largeSize(v.beside) - largeSize(was)
	default:
		e.putInt(v.n)
	}
	return 0
}

// Resize makes the value n bytes long, new bytes being zero, and answers it for changing in place. The key must exist and hold a
// string. Room grows geometrically, so that many appends cost a constant each. Under the lock.
func (ks *Keyspace) Resize(r Ref, it Item, n int, now int64) (Item, []byte) {
	f := it.e.flags()
	l := layoutOf(len(r.Key), n, 0, f&flagExpiry|flagRaw)
	was := it.Len()
	switch {
	case (f^l.flags)&^flagRaw != 0:
		it = ks.rewrite(r, it, l, it.Value())
	case l.flags&formMask == formLarge:
		p, _, class := it.e.large()
		if l.beside > 1<<class || largeClass(l.beside) < class-1 {
			it = ks.rewrite(r, it, l, it.Value())
			break
		}
		old := it.e.besideLen()
		it.e.putLarge(p, n, class)
		ks.large.trim(p, l.beside, old)
		ks.grew(it.sh, r.Slot, r.DB, largeSize(l.beside)-largeSize(old))
	default:
		if room := classSize(it.sh.mu.pool.classAt(it.r)); l.size > room || room > 2*l.size+wasteMin {
			it = ks.rewrite(r, it, l, it.Value())
			break
		}
		l.putLen(it.e, lengthAt(f))
	}
	*(*uint8)(it.e.p) = it.e.flags() | flagRaw
	ks.touch(it.e, now)
	val := it.e.stored()
	if n > was {
		clear(val[was:])
	}
	return it, val
}

// wasteMin is the unused room in bytes from which on a value that became much smaller gets a new block.
const wasteMin = 64

// rewrite moves an item to a new block of another layout, with room to grow where the value becomes longer than val, what it holds
// now.
func (ks *Keyspace) rewrite(r Ref, it Item, l layout, val []byte) Item {
	old := it
	v := value{layout: l, bytes: val[:min(len(val), l.vlen)], at: old.e.expiry()}
	if l.flags&flagKind != 0 {
		v.kind = kindOf(old.e.kind())
	}
	if l.vlen > len(val) && len(val) > 0 && l.flags&formMask != formLarge {
		v.size = min(l.size+l.size/2, maxBlock)
	}
	it = ks.newEntry(it.sh, r.Key, &v)
	it.e.setAccess(old.e.access())
	ks.replace(r, old, it)
	ks.grew(it.sh, r.Slot, r.DB, it.sh.entryBytes(it.r)-ks.freeBlocks(old))
	return it
}

// Delete removes a key that Lookup found. Under the lock.
func (ks *Keyspace) Delete(r Ref, it Item) { ks.drop(r.Slot, r.DB, r.Hash, it) }

// drop removes an entry. Under the lock.
func (ks *Keyspace) drop(slot uint16, db int, hash uint64, it Item) {
	if it.sh.mu.watched {
		ks.watcher.KeyChanged(slot, db, it.Key())
	}
	if at := it.e.expiry(); at != 0 {
		ks.noteExpiry(slot, db, at, 0)
	}
	bytes := ks.dbs[db].Load().tables[slot].remove(&it.sh.mu.pool, hash, it.r)
	ks.grew(it.sh, slot, db, bytes-ks.freeEntry(it))
	ks.counted(slot, db, -1)
}

// SetExpire sets or, with at 0, removes the expiry of a key that Lookup found, and answers the item anew: the old one is not
// valid any more. Under the lock.
func (ks *Keyspace) SetExpire(r Ref, it Item, at int64) Item {
	was := it.e.expiry()
	if at == was {
		return it
	}
	if it.e.flags()&flagExpiry == 0 {
		it = ks.makeRoomForExpiry(r, it)
	}
	it.e.putExpiry(at)
	ks.noteExpiry(r.Slot, r.DB, was, at)
	return it
}

// makeRoomForExpiry moves what follows an entry's expiry by its size: in the block, if it has room, or in a new one.
func (ks *Keyspace) makeRoomForExpiry(r Ref, it Item) Item {
	p := &it.sh.mu.pool
	f := it.e.flags()
	size := int(keyStart[f])
	if f&flagFar == 0 {
		size += it.e.keyLen()
	}
	if f&formMask != formLarge {
		size += it.e.valueLen()
	}
	head := int(expiryAt(f | flagExpiry))
	class := p.classAt(it.r)
	if size+expirySize > maxBlock { // the value goes into a large block
		l := layoutOf(it.e.keyLen(), it.e.valueLen(), 0, f&(flagKind|flagRaw)|flagExpiry)
		return ks.rewrite(r, it, l, it.e.stored())
	}
	to := it
	if size+expirySize > classSize(class) {
		to.r = p.alloc(classOf(size + expirySize))
		to.e = entry{p.at(to.r)}
		copy(bytesAt(to.e.p, head), bytesAt(it.e.p, head))
	}
	copy(bytesAt(unsafe.Add(to.e.p, head+expirySize), size-head), bytesAt(unsafe.Add(it.e.p, head), size-head))
	*(*uint8)(to.e.p) = f | flagExpiry
	to.e.putExpiry(0)
	if to.r != it.r {
		ks.replace(r, it, to)
		ks.grew(it.sh, r.Slot, r.DB, classSize(p.classAt(to.r))-classSize(class))
		p.free(it.r)
	}
	return to
}
