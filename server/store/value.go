package store

import "math"

// Type is the type of a key's value.
type Type uint8

// The types.
const (
	TypeString Type = iota
	TypeList
	TypeSet
	TypeZset
	TypeHash
	TypeStream
)

var typeNames = [...]string{"string", "list", "set", "zset", "hash", "stream"}

// String is Redis's name.
func (t Type) String() string { return typeNames[t] }

// Encoding is how Redis would hold a value, for OBJECT ENCODING.
type Encoding uint8

// The encodings.
const (
	EncRaw       Encoding = iota
	EncEmbstr             // at most EmbstrMax bytes and not changed in place
	EncInt                // the canonical decimal form of an int64
	EncListpack           // a small list, set, zset or hash
	EncIntset             // a small set of integers
	EncQuicklist          // a large list
	EncHashtable          // a large set or hash
	EncSkiplist           // a large zset
	EncStream
	EncListpackEx // a small hash whose fields may expire
)

var encodingNames = [...]string{
	"raw", "embstr", "int", "listpack", "intset", "quicklist", "hashtable", "skiplist", "stream", "listpackex",
}

// String is Redis's name.
func (e Encoding) String() string { return encodingNames[e] }

// structured reports whether values of the encoding are Objects, not bytes.
func (e Encoding) structured() bool { return e >= EncQuicklist }

// kindOf is type and encoding in one byte, as entries have it.
func kindOf(t Type, e Encoding) uint8 { return uint8(t)<<4 | uint8(e) }

// EmbstrMax is the longest embstr in bytes: with its headers it fills a 64-byte block of Redis's allocator.
const EmbstrMax = 44

// EncodingOf is the encoding that Redis would choose for a new string v.
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
