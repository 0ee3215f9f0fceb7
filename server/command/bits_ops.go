package command

import (
	"encoding/binary"
	"math/bits"

	"ringcache/server/resp"
	"ringcache/server/store"
)

// Bit 0 of a string is the highest of its first byte.

// Errors of commands on bits.
const (
	errBitOffset = "ERR bit offset is not an integer or out of range"
	errBit       = "ERR bit is not an integer or out of range"
	errBitPos    = "ERR The bit argument must be 1 or 0."
	errBitopNot  = "ERR BITOP NOT must be called with a single source key."
)

// bitOffset reads argument i as the number of a bit, or replies the error. With width above 0 it may count fields of so many bits, behind a hash sign.
func (c *Ctx) bitOffset(i, width int) (int64, bool) {
	arg := c.Args[i]
	factor := int64(1)
	if width > 0 && len(arg) > 0 && arg[0] == '#' {
		arg, factor = arg[1:], int64(width)
	}
	n, ok := store.ParseInt(arg)
	if !ok || n < 0 || n > (maxString*8-1)/factor {
		c.Out.Error(errBitOffset)
		return 0, false
	}
	return n * factor, true
}

// bitsToChange finds the string at argument 1, or makes one, at least size bytes long, and answers its bytes for changing in place. The
// row is an effect itself.
func (c *Ctx) bitsToChange(r store.Ref, it store.Item, size int) []byte {
	if !it.Exists() {
		it = c.setAs(r, it, nil, store.EncRaw, 0)
	}
	_, val := c.resize(r, it, max(size, it.Len()))
	return val
}

// bitSetbit is SETBIT: https://redis.io/docs/latest/commands/setbit/
func bitSetbit(c *Ctx) {
	offset, ok := c.bitOffset(2, 0)
	if !ok {
		return
	}
	on, ok := store.ParseInt(c.Args[3])
	if !ok || on < 0 || on > 1 {
		c.Out.Error(errBit)
		return
	}
	r := c.ref(1)
	it := c.find(r)
	if c.wrongType(it, store.TypeString) {
		return
	}
	at, mask := int(offset>>3), byte(0x80>>(offset&7))
	if it.Exists() && it.Encoding() == store.EncRaw && at < it.Len() && (it.Value()[at]&mask != 0) == (on == 1) {
		c.Out.Int(on) // as it is
		return
	}
	val := c.bitsToChange(r, it, at+1)
	was := int64(0)
	if val[at]&mask != 0 {
		was = 1
	}
	val[at] &^= mask
	if on == 1 {
		val[at] |= mask
	}
	c.Out.Int(was)
}

// bitGetbit is GETBIT: https://redis.io/docs/latest/commands/getbit/
func bitGetbit(c *Ctx) {
	offset, ok := c.bitOffset(2, 0)
	if !ok {
		return
	}
	it := c.read(c.ref(1))
	if c.wrongType(it, store.TypeString) {
		return
	}
	bit := int64(0)
	if it.Exists() {
		if val := it.Value(); offset>>3 < int64(len(val)) {
			bit = int64(val[offset>>3] >> (7 - offset&7) & 1)
		}
	}
	c.Out.Int(bit)
}

// bitUnit reads argument i as BIT or BYTE, or replies the error.
func (c *Ctx) bitUnit(i int) (isBit, ok bool) {
	switch {
	case is(c.Args[i], "bit"):
		return true, true
	case is(c.Args[i], "byte"):
		return false, true
	}
	c.Out.Error(resp.ErrSyntax)
	return false, false
}

// bitRange are the first and the last bit, from 0 on, of indexes that may count from the end, in bits or bytes of a string of size bytes;
// or false where there is none between them.
func bitRange(start, end int64, isBit bool, size int) (first, last int64, ok bool) {
	total := int64(size)
	if isBit {
		total *= 8
	}
	start, end = fromStart(start, total), min(fromStart(end, total), total-1)
	if start > end {
		return 0, 0, false
	}
	if !isBit {
		return start * 8, end*8 + 7, true
	}
	return start, end, true
}

// bitBitcount is BITCOUNT: https://redis.io/docs/latest/commands/bitcount/
func bitBitcount(c *Ctx) {
	it := c.read(c.ref(1))
	if !it.Exists() {
		c.Out.Int(0)
		return
	}
	if c.wrongType(it, store.TypeString) {
		return
	}
	val := it.Value()
	first, last := int64(0), int64(len(val))*8-1
	switch len(c.Args) {
	case 2:
	case 4, 5:
		start, end, ok := c.bounds(2)
		if !ok {
			return
		}
		isBit := false
		if start < 0 && end < 0 && start > end {
			c.Out.Int(0)
			return
		}
		if len(c.Args) == 5 {
			if isBit, ok = c.bitUnit(4); !ok {
				return
			}
		}
		if first, last, ok = bitRange(start, end, isBit, len(val)); !ok {
			c.Out.Int(0)
			return
		}
	default:
		c.Out.Error(resp.ErrSyntax)
		return
	}
	c.Out.Int(countBits(val, first, last))
}

// countBits counts the bits that are set from first to last.
func countBits(val []byte, first, last int64) int64 {
	if first > last {
		return 0
	}
	part := val[first>>3 : last>>3+1]
	n := 0
	n -= bits.OnesCount8(part[0] &^ (0xFF >> (first & 7)))
	n -= bits.OnesCount8(part[len(part)-1] << (last&7 + 1))
	for ; len(part) >= 32; part = part[32:] { // the bounds are checked once for four words
		w := part[:32]
		n += bits.OnesCount64(binary.LittleEndian.Uint64(w)) + bits.OnesCount64(binary.LittleEndian.Uint64(w[8:])) +
			bits.OnesCount64(binary.LittleEndian.Uint64(w[16:])) + bits.OnesCount64(binary.LittleEndian.Uint64(w[24:]))
	}
	for ; len(part) >= 8; part = part[8:] {
		n += bits.OnesCount64(binary.LittleEndian.Uint64(part))
	}
	for _, b := range part {
		n += bits.OnesCount8(b)
	}
	return int64(n)
}

// bitBitpos is BITPOS: https://redis.io/docs/latest/commands/bitpos/
func bitBitpos(c *Ctx) {
	bit, ok := c.intArg(2)
	if !ok {
		return
	}
	if bit != 0 && bit != 1 {
		c.Out.Error(errBitPos)
		return
	}
	it := c.read(c.ref(1))
	if !it.Exists() {
		c.Out.Int(-bit)
		return
	}
	if c.wrongType(it, store.TypeString) {
		return
	}
	val := it.Value()
	first, last, bounded := int64(0), int64(len(val))*8-1, false
	if n := len(c.Args); n > 3 {
		if n > 6 {
			c.Out.Error(resp.ErrSyntax)
			return
		}
		start, ok := c.intArg(3)
		if !ok {
			return
		}
		isBit, end := false, int64(-1)
		if n == 6 {
			if isBit, ok = c.bitUnit(5); !ok {
				return
			}
		}
		if bounded = n >= 5; bounded {
			if end, ok = c.intArg(4); !ok {
				return
			}
		}
		if first, last, ok = bitRange(start, end, isBit, len(val)); !ok {
			c.Out.Int(-1)
			return
		}
	}
	if first > last { // an empty string
		c.Out.Int(-1)
		return
	}
	pos := findBit(val, bit == 1, first, last)
	if pos < 0 && bit == 0 && !bounded {
		pos = last + 1 // behind the string there are zeros
	}
	c.Out.Int(pos)
}

// findBit is the first bit from first to last that is on, or off; -1 if there is none.
func findBit(val []byte, on bool, first, last int64) int64 {
	flip := uint64(0)
	if !on {
		flip = ^flip
	}
	for at := first >> 3; at <= last>>3; {
		if at&7 == 0 && at+8 <= int64(len(val)) && at*8 >= first {
			w := binary.BigEndian.Uint64(val[at:]) ^ flip
			if w == 0 {
				at += 8
				at += int64(sameWords(val[at:], flip))
				continue
			}
			return within64(at*8+int64(bits.LeadingZeros64(w)), last)
		}
		b := val[at] ^ byte(flip)
		if at == first>>3 {
			b &= 0xFF >> (first & 7)
		}
		if b != 0 {
			return within64(at*8+int64(bits.LeadingZeros8(b)), last)
		}
		at++
	}
	return -1
}

// sameWords is how many bytes val begins with that are all of a word, in whole steps of four: most of a string in which little is set.
func sameWords(val []byte, word uint64) int {
	rest := val
	for ; len(rest) >= 32; rest = rest[32:] {
		w := rest[:32]
		if (binary.LittleEndian.Uint64(w)^word)|(binary.LittleEndian.Uint64(w[8:])^word)|
			(binary.LittleEndian.Uint64(w[16:])^word)|(binary.LittleEndian.Uint64(w[24:])^word) != 0 {
			break
		}
	}
	return len(val) - len(rest)
}

func within64(pos, last int64) int64 {
	if pos > last {
		return -1
	}
	return pos
}

// bitBitop is BITOP: https://redis.io/docs/latest/commands/bitop/
func bitBitop(c *Ctx) {
	var op func(a, b uint64) uint64
	not := false
	switch name := c.Args[1]; {
	case is(name, "and"):
		op = func(a, b uint64) uint64 { return a & b }
	case is(name, "or"):
		op = func(a, b uint64) uint64 { return a | b }
	case is(name, "xor"):
		op = func(a, b uint64) uint64 { return a ^ b }
	case is(name, "not"):
		not = true
	default:
		c.Out.Error(resp.ErrSyntax)
		return
	}
	if not && len(c.Args) != 4 {
		c.Out.Error(errBitopNot)
		return
	}
	longest := 0
	sources := make([][]byte, 0, len(c.Args)-3)
	for i := 3; i < len(c.Args); i++ {
		it := c.read(c.ref(i))
		if c.wrongType(it, store.TypeString) {
			return
		}
		var val []byte
		if it.Exists() {
			if val = it.Value(); it.Encoding() == store.EncInt {
				val = append([]byte(nil), val...) // else the next one's digits take its place
			}
		}
		longest = max(longest, len(val))
		sources = append(sources, val)
	}
	r := c.ref(2)
	if longest == 0 {
		if it := c.find(r); it.Exists() {
			c.del(r, it)
		}
		c.Out.Int(0)
		return
	}
	out := make([]byte, (longest+7)&^7)
	copy(out, sources[0])
	for _, val := range sources[1:] {
		combine(out, val, op)
	}
	if not {
		for i := range out {
			out[i] = ^out[i]
		}
	}
	c.setAs(r, c.find(r), out[:longest], store.EncRaw, 0)
	c.Out.Int(int64(longest))
}

// combine puts op(dst, src) into dst, whose length is a multiple of 8; beyond its end src is zeros.
func combine(dst, src []byte, op func(a, b uint64) uint64) {
	for i := 0; i < len(dst); i += 8 {
		var w uint64
		if i+8 <= len(src) {
			w = binary.LittleEndian.Uint64(src[i:])
		} else if i < len(src) {
			var last [8]byte
			copy(last[:], src[i:])
			w = binary.LittleEndian.Uint64(last[:])
		}
		binary.LittleEndian.PutUint64(dst[i:], op(binary.LittleEndian.Uint64(dst[i:]), w))
	}
}
