package command

import (
	"math"

	"ringcache/server/resp"
	"ringcache/server/store"
)

// Errors of BITFIELD.
const (
	errFieldType     = "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is."
	errFieldOverflow = "ERR Invalid OVERFLOW type specified"
	errFieldReadOnly = "ERR BITFIELD_RO only supports the GET subcommand"
)

// overflow says what becomes of a number that does not fit its field.
type overflow uint8

const (
	wrap     overflow = iota // its low bits
	saturate                 // the nearest that fits
	fail                     // nothing
)

// fieldOp is one operation of BITFIELD.
type fieldOp struct {
	kind     byte // 'g', 's', 'i'
	signed   bool
	width    int   // bits
	offset   int64 // of the first bit
	value    int64
	overflow overflow
}

// fewOps is how many operations one BITFIELD may have without allocating.
const fewOps = 8

// fieldOps reads the operations from argument 2 on, into room while they fit, or replies the error. need is how many bytes the string
// must have for those that write, or 0 where none does.
func (c *Ctx) fieldOps(room []fieldOp) (ops []fieldOp, need int, ok bool) {
	ops = room
	mode := wrap
	for i := 2; i < len(c.Args); {
		left := len(c.Args) - i - 1
		op := fieldOp{overflow: mode}
		switch word := c.Args[i]; {
		case is(word, "get") && left >= 2:
			op.kind = 'g'
		case is(word, "set") && left >= 3:
			op.kind = 's'
		case is(word, "incrby") && left >= 3:
			op.kind = 'i'
		case is(word, "overflow") && left >= 1:
			switch how := c.Args[i+1]; {
			case is(how, "wrap"):
				mode = wrap
			case is(how, "sat"):
				mode = saturate
			case is(how, "fail"):
				mode = fail
			default:
				c.Out.Error(errFieldOverflow)
				return nil, 0, false
			}
			i += 2
			continue
		default:
			c.Out.Error(resp.ErrSyntax)
			return nil, 0, false
		}
		if op.signed, op.width, ok = fieldType(c.Args[i+1]); !ok {
			c.Out.Error(errFieldType)
			return nil, 0, false
		}
		if op.offset, ok = c.bitOffset(i+2, op.width); !ok {
			return nil, 0, false
		}
		i += 3
		if op.kind != 'g' {
			if op.value, ok = c.intArg(i); !ok {
				return nil, 0, false
			}
			i++
			need = max(need, int((op.offset+int64(op.width)-1)>>3)+1)
		}
		ops = append(ops, op)
	}
	return ops, need, true
}

// fieldType reads u1 to u63, or i1 to i64.
func fieldType(arg []byte) (signed bool, width int, ok bool) {
	if len(arg) < 2 || arg[0] != 'i' && arg[0] != 'u' {
		return false, 0, false
	}
	signed = arg[0] == 'i'
	n, ok := store.ParseInt(arg[1:])
	if !ok || n < 1 || n > 64 || n == 64 && !signed {
		return false, 0, false
	}
	return signed, int(n), true
}

// bitBitfield is BITFIELD: https://redis.io/docs/latest/commands/bitfield/
func bitBitfield(c *Ctx) { c.bitfield(false) }

// bitBitfieldRO is BITFIELD_RO: https://redis.io/docs/latest/commands/bitfield_ro/
func bitBitfieldRO(c *Ctx) { c.bitfield(true) }

func (c *Ctx) bitfield(readOnly bool) {
	var room [fewOps]fieldOp
	ops, need, ok := c.fieldOps(room[:0])
	if !ok {
		return
	}
	r := c.ref(1)
	var it store.Item
	switch {
	case need == 0:
		it = c.read(r)
	case readOnly:
		c.Out.Error(errFieldReadOnly)
		return
	default:
		it = c.find(r)
	}
	if c.wrongType(it, store.TypeString) {
		return
	}
	var val []byte
	switch {
	case need > 0:
		if int64(need) > maxString {
			c.Out.Error(resp.ErrStringTooLong)
			return
		}
		val = c.bitsToChange(r, it, need)
	case it.Exists():
		val = it.Value()
	}
	c.Out.Array(len(ops))
	for i := range ops {
		c.fieldOp(val, &ops[i])
	}
}

// fieldOp does one operation and replies what comes of it.
func (c *Ctx) fieldOp(val []byte, op *fieldOp) {
	raw := readField(val, op.offset, op.width)
	was := int64(raw)
	if op.signed && op.width < 64 {
		was = int64(raw<<(64-op.width)) >> (64 - op.width)
	}
	if op.kind == 'g' {
		c.Out.Int(was)
		return
	}
	base, delta := was, op.value
	if op.kind == 's' {
		base, delta = op.value, 0
	}
	var (
		now int64
		fit bool
	)
	if op.signed {
		now, fit = addSigned(base, delta, op.width, op.overflow)
	} else {
		var n uint64
		n, fit = addUnsigned(uint64(base), delta, op.width, op.overflow)
		now = int64(n)
	}
	if !fit && op.overflow == fail {
		c.Out.Null()
		return
	}
	if op.kind == 's' {
		c.Out.Int(was)
	} else {
		c.Out.Int(now)
	}
	writeField(val, op.offset, op.width, uint64(now))
}

// addUnsigned is value+delta in so many bits, below 64. fit is false where it had to be made fit.
func addUnsigned(value uint64, delta int64, width int, how overflow) (n uint64, fit bool) {
	most := uint64(1)<<width - 1
	low := (value + uint64(delta)) & most
	switch {
	case value > most || delta > 0 && uint64(delta) > most-value:
		if how == saturate {
			return most, false
		}
		return low, false
	case delta < 0 && delta < -int64(value):
		if how == saturate {
			return 0, false
		}
		return low, false
	}
	return value + uint64(delta), true
}

// addSigned is value+delta in so many bits, the sign among them. How far value is from the bounds may itself not fit 64 bits: SET of a
// number far below the least of a narrow field saturates to the greatest then, as it does in Redis.
func addSigned(value, delta int64, width int, how overflow) (n int64, fit bool) {
	most := int64(math.MaxInt64) >> (64 - width)
	least := -most - 1
	up, down := most-value, least-value
	low := int64(uint64(value)+uint64(delta)) << (64 - width) >> (64 - width)
	switch {
	case value > most || width < 64 && delta > up || value >= 0 && delta > 0 && delta > up:
		if how == saturate {
			return most, false
		}
		return low, false
	case value < least || width < 64 && delta < down || value < 0 && delta < 0 && delta < down:
		if how == saturate {
			return least, false
		}
		return low, false
	}
	return value + delta, true
}

// readField is the number in width bits from bit offset on; beyond its end a string is zeros.
func readField(val []byte, offset int64, width int) (n uint64) {
	for width > 0 {
		at, skip := offset>>3, int(offset&7)
		take := min(8-skip, width)
		var b byte
		if at < int64(len(val)) {
			b = val[at]
		}
		n = n<<take | uint64(b<<skip>>(8-take))
		offset += int64(take)
		width -= take
	}
	return n
}

// writeField puts the low bits of n into width bits from bit offset on.
func writeField(val []byte, offset int64, width int, n uint64) {
	for width > 0 {
		at, skip := offset>>3, int(offset&7)
		take := min(8-skip, width)
		shift := 8 - skip - take
		mask := byte(0xFF) >> (8 - take) << shift
		val[at] = val[at]&^mask | byte(n>>(width-take))<<shift&mask
		offset += int64(take)
		width -= take
	}
}

// bitfieldKeyFlags is what one BITFIELD does to its key: without an operation that writes, it reads. What is wrong counts as a write.
func bitfieldKeyFlags(args [][]byte) KeyFlag {
	for i := 2; i < len(args); {
		left := len(args) - i - 1
		switch word := args[i]; {
		case is(word, "get") && left >= 2:
			i += 3
		case is(word, "overflow") && left >= 1:
			i += 2
		default:
			return KeyRW | KeyAccess | KeyUpdate
		}
	}
	return KeyRO | KeyAccess
}
