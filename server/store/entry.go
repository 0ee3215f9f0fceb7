package store

import (
	"encoding/binary"
	"math"
	"strconv"
	"unsafe"
)

// An entry is a key with its value, in one block of its shard's pool:
//
//	| flags 1 | access 3 | key length 1 or 4 | value length 0, 1 or 2 | kind 0 or 1 | expiry 0 or 8 | large 0 or 16 | key | value |
//
// The flags say which of them are there, and the form of the value:
//
//	short, medium   the bytes, with a length of one or two bytes
//	large           elsewhere: the 16 bytes are its address, and its length with the class of its large block
//	int8 .. int64   an integer, for a string that is the canonical decimal form of one; a structure's handle (see object.go)
//
// Values that are not strings have a kind: type and encoding; so has an integer beside a very long key, which is kept as its
// digits. A key that does not fit beside the rest lies in the large block too, before the value (far). Numbers are little-endian.
//
// The 3 bytes of access are the time of the last access, in seconds, or a logarithmic counter of accesses (see access.go).
//
// For a key of 17 bytes and a value of 32 that makes 4+1+1+17+32 = 55 bytes: a block of 56.
type entry struct{ p unsafe.Pointer }

// Forms of a value; with the flags in one byte. No form is 0: memory that is zero, or poisoned, is no entry.
const (
	formShort  = 1
	formMedium = 2
	formLarge  = 3
	formInt8   = 4 // int16, int32, int64 follow
	formInt64  = 7
	formMask   = 7

	flagExpiry  = 1 << 3
	flagLongKey = 1 << 4 // the key's length has 4 bytes
	flagFar     = 1 << 5 // the key lies in the large block
	flagKind    = 1 << 6
	flagRaw     = 1 << 7 // a string that Redis would hold raw, whatever its length
)

const (
	maxShort  = math.MaxUint8  // bytes of a short value
	maxMedium = math.MaxUint16 // bytes of a medium value; blocks are smaller

	expirySize = 8
	descSize   = 16 // bytes of what describes a large block
)

// keyStart is where the key begins, by the flags.
var keyStart = func() (t [256]uint8) {
	for f := range t {
		n := 4 + 1
		if f&flagLongKey != 0 {
			n += 3
		}
		switch f & formMask {
		case formShort:
			n++
		case formMedium:
			n += 2
		case formLarge:
			n += descSize
		}
		if f&flagKind != 0 {
			n++
		}
		if f&flagExpiry != 0 {
			n += expirySize
		}
		t[f] = uint8(n)
	}
	return t
}()

func (e entry) flags() uint8 { return *(*uint8)(e.p) }

func (e entry) u8(at uintptr) uint8 { return *(*uint8)(unsafe.Add(e.p, at)) }

func (e entry) u32(at uintptr) uint32 {
	return binary.LittleEndian.Uint32((*[4]byte)(unsafe.Add(e.p, at))[:])
}

func (e entry) u64(at uintptr) uint64 {
	return binary.LittleEndian.Uint64((*[8]byte)(unsafe.Add(e.p, at))[:])
}

func (e entry) putU32(at uintptr, v uint32) {
	binary.LittleEndian.PutUint32((*[4]byte)(unsafe.Add(e.p, at))[:], v)
}

func (e entry) putU64(at uintptr, v uint64) {
	binary.LittleEndian.PutUint64((*[8]byte)(unsafe.Add(e.p, at))[:], v)
}

// access is 24 bits: see access.go.
func (e entry) access() uint32 { return e.u32(0) >> 8 }

func (e entry) setAccess(a uint32) { e.putU32(0, uint32(e.flags())|a<<8) }

func (e entry) keyLen() int {
	if e.flags()&flagLongKey != 0 {
		return int(e.u32(4))
	}
	return int(e.u8(4))
}

func (e entry) key() []byte {
	f := e.flags()
	if f&formMask == 0 {
		panicFreed()
	}
	n := e.keyLen()
	if f&flagFar != 0 {
		p, _, _ := e.large()
		return bytesAt(p, n)
	}
	return bytesAt(unsafe.Add(e.p, keyStart[f]), n)
}

func panicFreed() { panic("store: an entry is used after it was freed") }

// lengthAt is where the value's length stands, and behind it the kind.
func lengthAt(f uint8) uintptr {
	if f&flagLongKey != 0 {
		return 8
	}
	return 5
}

// valueLen is the length of the value as stored, without a far key; for integers their width.
func (e entry) valueLen() int {
	f := e.flags()
	switch form := f & formMask; form {
	case formShort:
		return int(e.u8(lengthAt(f)))
	case formMedium:
		at := lengthAt(f)
		return int(e.u8(at)) | int(e.u8(at+1))<<8
	case formLarge:
		_, n, _ := e.large()
		return n
	case 0:
		panicFreed()
		return 0
	default:
		return 1 << (form - formInt8)
	}
}

// stored is the value as it is stored.
func (e entry) stored() []byte {
	f := e.flags()
	n := e.valueLen()
	if f&formMask != formLarge {
		at := uintptr(keyStart[f]) + uintptr(e.keyLen())
		return bytesAt(unsafe.Add(e.p, at), n)
	}
	p, _, _ := e.large()
	if f&flagFar != 0 {
		p = unsafe.Add(p, e.keyLen())
	}
	return bytesAt(p, n)
}

// isInt reports whether the value is an integer or a handle.
func (e entry) isInt() bool { return e.flags()&formMask >= formInt8 }

// int is the integer of a value that isInt.
func (e entry) int() int64 {
	f := e.flags()
	at := uintptr(keyStart[f]) + uintptr(e.keyLen())
	switch f & formMask {
	case formInt8:
		return int64(int8(e.u8(at)))
	case formInt8 + 1:
		return int64(int16(uint16(e.u8(at)) | uint16(e.u8(at+1))<<8))
	case formInt8 + 2:
		return int64(int32(e.u32(at)))
	default:
		return int64(e.u64(at))
	}
}

func (e entry) putInt(n int64) {
	f := e.flags()
	at := uintptr(keyStart[f]) + uintptr(e.keyLen())
	switch f & formMask {
	case formInt8:
		*(*uint8)(unsafe.Add(e.p, at)) = uint8(n)
	case formInt8 + 1:
		*(*uint8)(unsafe.Add(e.p, at)) = uint8(n)
		*(*uint8)(unsafe.Add(e.p, at+1)) = uint8(n >> 8)
	case formInt8 + 2:
		e.putU32(at, uint32(n))
	default:
		e.putU64(at, uint64(n))
	}
}

// intForm is the narrowest form of an integer.
func intForm(n int64) uint8 {
	switch {
	case int64(int8(n)) == n:
		return formInt8
	case int64(int16(n)) == n:
		return formInt8 + 1
	case int64(int32(n)) == n:
		return formInt8 + 2
	default:
		return formInt64
	}
}

// decimalLen is the length of an integer's decimal form.
func decimalLen(n int64) int {
	var b [20]byte
	return len(strconv.AppendInt(b[:0], n, 10))
}

// kind is type and encoding of a value that is not a string.
func (e entry) kind() (Type, Encoding) {
	f := e.flags()
	if f&flagKind == 0 {
		return TypeString, e.stringEncoding()
	}
	at := lengthAt(f)
	switch f & formMask {
	case formShort:
		at++
	case formMedium:
		at += 2
	}
	k := e.u8(at)
	return Type(k >> 4), Encoding(k & 15)
}

func (e entry) stringEncoding() Encoding {
	switch f := e.flags(); {
	case f&formMask >= formInt8:
		return EncInt
	case f&flagRaw != 0 || e.valueLen() > EmbstrMax:
		return EncRaw
	default:
		return EncEmbstr
	}
}

// expiry is in unix ms; 0 = none.
func (e entry) expiry() int64 {
	f := e.flags()
	if f&flagExpiry == 0 {
		return 0
	}
	return int64(e.u64(expiryAt(f)))
}

func expiryAt(f uint8) uintptr {
	at := uintptr(keyStart[f]) - expirySize
	if f&formMask == formLarge {
		at -= descSize
	}
	return at
}

// putExpiry sets the expiry of an entry that has room for one.
func (e entry) putExpiry(at int64) { e.putU64(expiryAt(e.flags()), uint64(at)) }

// large describes the entry's large block: its address, the length of the value in it, and the class of its address space.
func (e entry) large() (p unsafe.Pointer, n, class int) {
	at := uintptr(keyStart[e.flags()]) - descSize
	addr, w := e.u64(at), e.u64(at+8)
	// The address is the system's, not the Go heap's: the collector need not see it.
	return *(*unsafe.Pointer)(unsafe.Pointer(&addr)), int(w >> 8), int(w & 0xFF)
}

func (e entry) putLarge(p unsafe.Pointer, n, class int) {
	at := uintptr(keyStart[e.flags()]) - descSize
	e.putU64(at, uint64(uintptr(p)))
	e.putU64(at+8, uint64(n)<<8|uint64(class))
}

// layout is what determines an entry's form and size.
type layout struct {
	flags  uint8
	klen   int
	vlen   int // as stored
	size   int // bytes of the entry itself
	beside int // bytes in a large block: the value, and a far key
}

// layoutOf is how an entry is laid out. form is that of an integer, or 0 for vlen bytes; flags may be flagExpiry, flagKind and
// flagRaw.
func layoutOf(klen, vlen int, form, flags uint8) layout {
	l := layout{klen: klen, vlen: vlen}
	if klen > math.MaxUint8 {
		flags |= flagLongKey
	}
	switch {
	case form != 0:
		l.vlen = 1 << (form - formInt8)
	case vlen <= maxShort:
		form = formShort
	default:
		form = formMedium
	}
	l.flags = flags | form
	l.size = int(keyStart[l.flags]) + klen + l.vlen
	if l.size <= maxBlock {
		return l
	}
	if form >= formInt8 { // only a key can be so long: a handle stays beside it, a number becomes its digits
		panic("store: a number with a key beyond a block")
	}
	l.flags = flags | formLarge
	l.size, l.beside = int(keyStart[l.flags])+klen, vlen
	if l.size > maxBlock {
		l.flags |= flagFar
		l.size, l.beside = int(keyStart[l.flags]), klen+vlen
	}
	return l
}

// write fills a new entry but for access and large block; val is not written where the value is large or an integer.
func (l *layout) write(e entry, key, val []byte, kind uint8, at int64) {
	*(*uint8)(e.p) = l.flags
	next := uintptr(5)
	if l.flags&flagLongKey != 0 {
		e.putU32(4, uint32(l.klen))
		next = 8
	} else {
		*(*uint8)(unsafe.Add(e.p, 4)) = uint8(l.klen)
	}
	l.putLen(e, next)
	if l.flags&flagKind != 0 {
		*(*uint8)(unsafe.Add(e.p, next+l.lenSize())) = kind
	}
	if l.flags&flagExpiry != 0 {
		e.putExpiry(at)
	}
	if l.flags&flagFar == 0 {
		copy(bytesAt(unsafe.Add(e.p, keyStart[l.flags]), l.klen), key)
	}
	if form := l.flags & formMask; form == formShort || form == formMedium {
		copy(bytesAt(unsafe.Add(e.p, int(keyStart[l.flags])+l.klen), l.vlen), val)
	}
}

func (l *layout) lenSize() uintptr {
	switch l.flags & formMask {
	case formShort:
		return 1
	case formMedium:
		return 2
	default:
		return 0
	}
}

func (l *layout) putLen(e entry, at uintptr) {
	switch l.flags & formMask {
	case formShort:
		*(*uint8)(unsafe.Add(e.p, at)) = uint8(l.vlen)
	case formMedium:
		*(*uint8)(unsafe.Add(e.p, at)) = uint8(l.vlen)
		*(*uint8)(unsafe.Add(e.p, at+1)) = uint8(l.vlen >> 8)
	}
}
