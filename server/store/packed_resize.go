package store

// packedSpare is which part of a packed collection that grows is left free behind it: one in so many bytes. Size classes leave as much
// again.
const packedSpare = 64

// resizePacked makes the bytes of a packed collection n bytes long, so that it can be changed where it lies: what was there stays, as far
// as n reaches; what comes after it is undefined. Under the lock.
func (ks *Keyspace) resizePacked(r Ref, it Item, n int) Item {
	f := it.e.flags()
	l := layoutOf(len(r.Key), n, 0, f&(flagExpiry|flagKind))
	switch {
	case f != l.flags:
		return ks.movePacked(r, it, l)
	case l.flags&formMask == formLarge:
		p, _, class := it.e.large()
		if l.beside > 1<<class || largeClass(l.beside) < class-1 {
			return ks.movePacked(r, it, l)
		}
		old := it.e.besideLen()
		it.e.putLarge(p, n, class)
		ks.large.trim(p, l.beside, old)
		ks.grew(it.sh, r.Slot, r.DB, largeSize(l.beside)-largeSize(old))
	default:
		if room := classSize(it.sh.mu.pool.classAt(it.r)); l.size > room || room > 2*l.size+wasteMin {
			return ks.movePacked(r, it, l)
		}
		l.putLen(it.e, lengthAt(f))
	}
	return it
}

// movePacked gives a packed collection a new block.
func (ks *Keyspace) movePacked(r Ref, old Item, l layout) Item {
	val := old.e.stored()
	v := value{layout: l, bytes: val[:min(len(val), l.vlen)], kind: kindOf(old.e.kind()), at: old.e.expiry()}
	if l.vlen > len(val) && l.flags&formMask != formLarge {
		v.size = min(l.size+l.vlen/packedSpare, maxBlock)
	}
	it := ks.newEntry(old.sh, r.Key, &v)
	it.e.setAccess(old.e.access())
	ks.replace(r, old, it)
	ks.grew(it.sh, r.Slot, r.DB, it.sh.entryBytes(it.r)-ks.freeBlocks(old))
	return it
}
