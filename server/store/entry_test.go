package store

import (
	"bytes"
	"math/rand/v2"
	"strconv"
	"testing"
	"unsafe"
)

// entryCase is what one entry is to hold.
type entryCase struct {
	key, val []byte
	n        int64
	form     uint8 // of an integer, or 0
	flags    uint8 // flagExpiry, flagKind, flagRaw
	kind     uint8
	at       int64
	access   uint32
}

// checkEntry lays an entry out, writes it and reads everything back.
func checkEntry(t *testing.T, c entryCase) {
	t.Helper()
	l := layoutOf(len(c.key), len(c.val), c.form, c.flags)
	if l.size > maxBlock || l.size < int(keyStart[l.flags]) {
		t.Fatalf("an entry of %d bytes for a key of %d and a value of %d", l.size, len(c.key), len(c.val))
	}
	block := bytes.Repeat([]byte{0xEE}, l.size+16)
	e := entry{unsafe.Pointer(&block[0])}
	val := c.val
	l.write(e, c.key, val, c.kind, c.at)
	beside := make([]byte, l.beside+1)
	switch form := l.flags & formMask; {
	case form >= formInt8:
		e.putInt(c.n)
	case form == formLarge:
		p := unsafe.Pointer(&beside[0])
		e.putLarge(p, l.vlen, 33)
		if l.flags&flagFar != 0 {
			copy(beside, c.key)
		}
		copy(beside[l.beside-l.vlen:], c.val)
		if q, n, class := e.large(); q != p || n != len(c.val) || class != 33 || e.besideLen() != l.beside {
			t.Fatalf("the large block is %p, %d, %d", q, n, class)
		}
	}
	e.setAccess(c.access)
	if e.access() != c.access || e.flags() != l.flags {
		t.Fatalf("flags %x, access %x; should be %x, %x", e.flags(), e.access(), l.flags, c.access)
	}
	if e.keyLen() != len(c.key) || !bytes.Equal(e.key(), c.key) || !keyIs(e.p, c.key) || keyIs(e.p, append([]byte("x"), c.key...)) {
		t.Fatalf("the key of %d bytes is %.50q", len(c.key), e.key())
	}
	if c.form != 0 {
		if !e.isInt() || e.int() != c.n || e.valueLen() != 1<<(c.form-formInt8) {
			t.Fatalf("the integer %d is %d", c.n, e.int())
		}
	} else if e.isInt() || e.valueLen() != len(val) || !bytes.Equal(e.stored(), val) {
		t.Fatalf("the value of %d bytes is %.50q", len(val), e.stored())
	}
	if c.flags&flagExpiry == 0 {
		c.at = 0
	} else {
		e.putExpiry(c.at)
	}
	if e.expiry() != c.at {
		t.Fatalf("the expiry %d is %d", c.at, e.expiry())
	}
	if typ, enc := e.kind(); c.flags&flagKind != 0 && kindOf(typ, enc) != c.kind {
		t.Fatalf("the kind %x is %v, %v", c.kind, typ, enc)
	}
	if string(block[l.size:]) != string(bytes.Repeat([]byte{0xEE}, 16)) || beside[l.beside] != 0 {
		t.Fatalf("an entry of %d bytes wrote beyond its end", l.size)
	}
	if uint(len(c.key)+len(c.val)+5+1) <= maxBlock/2 && l.beside != 0 {
		t.Fatalf("a key of %d and a value of %d bytes need a large block", len(c.key), len(c.val))
	}
}

func randomEntry(rnd *rand.Rand, text []byte) entryCase {
	length := func() int {
		borders := [...]int{0, 1, 254, 255, 256, 257, 16_000, 16_350, 16_360, 16_370, 16_384, 16_400, 40_000}
		switch rnd.IntN(4) {
		case 0:
			return borders[rnd.IntN(len(borders))]
		case 1:
			return maxBlock - 60 + rnd.IntN(80)
		default:
			return rnd.IntN(600)
		}
	}
	c := entryCase{
		key: text[:length()], flags: uint8(rnd.Uint32()) & (flagExpiry | flagKind | flagRaw),
		kind: kindOf(Type(rnd.IntN(6)), Encoding(rnd.IntN(9))), at: int64(rnd.Uint64()), access: rnd.Uint32() & accessMask,
	}
	if rnd.IntN(3) == 0 && len(c.key) <= maxIntKey {
		c.n = int64(rnd.Uint64()) >> rnd.IntN(64)
		c.form = intForm(c.n)
	} else {
		c.val = text[len(text)-length():]
	}
	return c
}

func TestEntryKeepsAll(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	seen := map[uint8]bool{}
	text := make([]byte, 50_000)
	for i := range text {
		text[i] = byte(rnd.Uint32())
	}
	for range 10_000 {
		c := randomEntry(rnd, text)
		checkEntry(t, c)
		l := layoutOf(len(c.key), len(c.val), c.form, c.flags)
		seen[l.flags] = true
	}
	// Every combination: 8 of expiry, kind and raw; integers of 4 widths and values of 3 forms with short and long keys; far keys.
	if want := 8 * (4*2 + 3*2 + 1); len(seen) != want {
		t.Errorf("%d combinations of flags were tried, should be %d", len(seen), want)
	}
}

func FuzzEntry(f *testing.F) {
	f.Add([]byte("key"), []byte("value"), int64(0), uint8(0), uint8(0), int64(0))
	f.Add([]byte(""), []byte(""), int64(-129), uint8(flagExpiry), uint8(0x34), int64(now))
	f.Add(make([]byte, 256), make([]byte, 256), int64(1)<<40, uint8(flagKind), uint8(0x34), int64(now))
	f.Add(make([]byte, 16_384), []byte("x"), int64(0), uint8(flagRaw|flagKind|flagExpiry), uint8(0x10), int64(-1))
	f.Fuzz(func(t *testing.T, key, val []byte, n int64, flags, kind uint8, at int64) {
		c := entryCase{
			key: key, val: val, n: n, flags: flags & (flagExpiry | flagKind | flagRaw), kind: kind, at: at,
			access: uint32(n) & accessMask,
		}
		checkEntry(t, c)
		if len(key) <= maxIntKey {
			c.val, c.form = nil, intForm(n)
			checkEntry(t, c)
		}
	})
}

func TestIntForms(t *testing.T) {
	for _, n := range []int64{
		0, 1, -1, 127, 128, -128, -129, 32767, 32768, -32768, -32769, 1<<31 - 1, 1 << 31, -1 << 31, -1<<31 - 1, 1<<63 - 1, -1 << 63,
	} {
		width := 1 << (intForm(n) - formInt8)
		if width > 1 && n>>(width*4-1) == n>>63 || n>>(width*8-1) != n>>63 {
			t.Errorf("%d is kept in %d bytes", n, width)
		}
		if got := decimalLen(n); got != len(strconv.FormatInt(n, 10)) {
			t.Errorf("%d has %d digits", n, got)
		}
		checkEntry(t, entryCase{key: []byte("k"), n: n, form: intForm(n)})
	}
}
