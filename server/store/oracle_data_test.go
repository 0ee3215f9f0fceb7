package store

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"strconv"
)

// What the oracle's random operations are made of: keys by number, values cut from one random text, and structures.

const oracleKeys = 100_000 // numbers of keys

// oracleNames are the keys by number: mostly short, some about the borders where an entry's layout changes.
func oracleNames(rnd *rand.Rand) []string {
	borders := []int{0, 254, 255, 256, 257, 4095, 4096, 4097, 16_100, 16_350, 16_360, 16_370, 16_384, 16_400, 20_000}
	names := make([]string, oracleKeys)
	for i := range names {
		b := strconv.AppendInt(nil, int64(i), 36)
		n := 3 + rnd.IntN(24)
		switch {
		case i == 0:
			b, n = nil, 0
		case i%2000 < len(borders):
			n = borders[i%2000]
		case i%1000 == 500:
			n = rnd.IntN(5000)
		}
		for len(b) < n {
			b = append(b, byte('!'+len(b)%60))
		}
		names[i] = string(b)
	}
	return names
}

const (
	oracleTextSize = 4 << 20
	oracleHuge     = 3 << 20 // bytes of the longest values
)

// oracleText is what values are cut from.
func oracleText(rnd *rand.Rand) []byte {
	text := make([]byte, oracleTextSize)
	for i := 0; i < len(text); i += 8 {
		binary.LittleEndian.PutUint64(text[i:], rnd.Uint64())
	}
	return text
}

// length is that of a value in bytes: mostly short, then about the borders of layouts, then long.
func (o *oracle) length() int {
	switch n := o.rnd.IntN(100_000); {
	case n < 60_000:
		return o.rnd.IntN(70)
	case n < 80_000:
		return o.rnd.IntN(300)
	case n < 90_000:
		borders := [...]int{0, 1, 43, 44, 45, 128, 254, 255, 256, 257, 1024, 2048, 4096}
		return borders[o.rnd.IntN(len(borders))]
	case n < 99_000:
		return o.rnd.IntN(2000)
	case n < 99_500:
		return maxBlock - 100 + o.rnd.IntN(150)
	case n < 99_950:
		return o.rnd.IntN(4 * pageSize)
	case n < 99_995 || o.ops%5 != 0:
		return o.rnd.IntN(300_000)
	default:
		return oracleHuge - o.rnd.IntN(100_000)
	}
}

// value is one for a string; it must not be changed.
func (o *oracle) value() []byte {
	if o.rnd.IntN(4) == 0 {
		return strconv.AppendInt(nil, o.integer(), 10)
	}
	return o.bytes()
}

func (o *oracle) bytes() []byte {
	n := o.length()
	at := o.rnd.IntN(len(o.text) - n + 1)
	return o.text[at : at+n : at+n]
}

// integer is one of any width, often at a border between two.
func (o *oracle) integer() int64 {
	n := int64(o.rnd.Uint64()) >> o.rnd.IntN(64)
	if o.rnd.IntN(3) == 0 {
		n = int64(1)<<[...]int{7, 15, 31, 63}[o.rnd.IntN(4)] + int64(o.rnd.IntN(5)) - 2
		if o.rnd.IntN(2) == 0 {
			n = -n
		}
	}
	return n
}

// expiryTime is in the past, near or far; 0 = none.
func (o *oracle) expiryTime() int64 {
	switch o.rnd.IntN(8) {
	case 0:
		return o.now - int64(o.rnd.IntN(20))
	case 1:
		return o.now + int64(o.rnd.IntN(100))
	case 2:
		return o.now + int64(o.rnd.IntN(100_000))
	case 3:
		return o.now + int64(o.rnd.IntN(1<<30))
	default:
		return 0
	}
}

// goodHash spreads keys over all of its bits; a seed repeats it, as maphash's does not.
func goodHash(key []byte) uint64 {
	const m = 0x9E3779B97F4A7C15
	h := uint64(len(key)) * m
	for len(key) >= 8 {
		hi, lo := bits.Mul64(h^binary.LittleEndian.Uint64(key), m)
		h, key = hi^lo, key[8:]
	}
	var last [8]byte
	copy(last[:], key)
	hi, lo := bits.Mul64(h^binary.LittleEndian.Uint64(last[:]), 0xD1B54A32D192ED03)
	hi, lo = bits.Mul64(hi^lo^0x8CB92BA72F3D8DD7, m)
	return hi ^ lo
}

// poorHash has whole groups of keys begin alike, and many the same.
func poorHash(key []byte) uint64 {
	h := goodHash(key)
	switch h & 7 {
	case 0:
		return 0
	case 1:
		return ^uint64(0)
	case 2:
		return h & 0xFF
	case 3:
		return h >> 24
	case 4:
		return h >> 20 << 58
	default:
		return 0x5A5A << 48 & h
	}
}

// fakeObject is a structure that is nothing but its number of members.
type fakeObject struct {
	typ      Type
	enc      Encoding
	members  int
	released bool
	steps    int  // calls of Release
	most     int  // members that one of them released
	alive    *int // counts structures that have not been released; may be nil
}

const fakeMember = 40 // bytes

func (f *fakeObject) Type() Type         { return f.typ }
func (f *fakeObject) Encoding() Encoding { return f.enc }
func (f *fakeObject) Size() int          { return 100 + f.members*fakeMember }

func (f *fakeObject) Evacuate(uint64, int) (looked int, next uint64) { return 0, 0 }

func (f *fakeObject) Release(budget int) bool {
	if f.released {
		panic("a structure is released after its end")
	}
	n := min(budget, f.members)
	f.members -= n
	f.most = max(f.most, n)
	f.steps++
	f.released = f.members == 0
	if f.released && f.alive != nil {
		*f.alive--
	}
	return f.released
}

func (o *oracle) object() *fakeObject {
	kinds := [...]fakeObject{
		{typ: TypeList, enc: EncQuicklist},
		{typ: TypeSet, enc: EncHashtable},
		{typ: TypeHash, enc: EncHashtable},
		{typ: TypeZset, enc: EncSkiplist},
		{typ: TypeStream, enc: EncStream},
	}
	f := kinds[o.rnd.IntN(len(kinds))]
	f.members = 1 + o.rnd.IntN(200)
	if o.rnd.IntN(100) == 0 {
		f.members = o.rnd.IntN(5000)
	}
	f.alive = &o.objects
	o.objects++
	return &f
}
