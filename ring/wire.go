package ring

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
)

// ErrEncoding is what every error of a decoder wraps. The decoders never allocate more than a small multiple of the bytes
// that they were given, whatever these say.
var ErrEncoding = errors.New("ring: bad encoding")

// encoder builds an encoding. Integers are unsigned varints; a node is its number in a table of ids that stands in front.
type encoder struct {
	buf    []byte
	ids    []NodeID
	number map[NodeID]uint64
}

func (e *encoder) uint(v uint64) { e.buf = binary.AppendUvarint(e.buf, v) }

func (e *encoder) bool(v bool) {
	b := byte(0)
	if v {
		b = 1
	}
	e.buf = append(e.buf, b)
}

func (e *encoder) string(s string) {
	e.uint(uint64(len(s)))
	e.buf = append(e.buf, s...)
}

// id appends the number of a node id: 0 for "", else one more than its place in the table.
func (e *encoder) id(id NodeID) {
	if id == "" {
		e.uint(0)
		return
	}
	n, known := e.number[id]
	if !known {
		if e.number == nil {
			e.number = make(map[NodeID]uint64)
		}
		e.ids = append(e.ids, id)
		n = uint64(len(e.ids))
		e.number[id] = n
	}
	e.uint(n)
}

func (e *encoder) idList(ids []NodeID) {
	e.uint(uint64(len(ids)))
	for _, id := range ids {
		e.id(id)
	}
}

// decoder reads an encoding. The first error sticks, and every read after it gives zero.
type decoder struct {
	p   []byte
	ids []NodeID
	err error
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", ErrEncoding, fmt.Sprintf(format, args...))
		d.p = nil
	}
}

// uint reads an integer of at most limit.
func (d *decoder) uint(limit uint64, what string) uint64 {
	v, n := binary.Uvarint(d.p)
	switch {
	case d.err != nil:
		return 0
	case n <= 0:
		d.fail("%s is cut off", what)
		return 0
	case v > limit:
		d.fail("%s is %d, at most %d", what, v, limit)
		return 0
	}
	d.p = d.p[n:]
	return v
}

// count reads the number of things to come, each of at least size bytes.
func (d *decoder) count(limit, size int, what string) int {
	n := int(d.uint(uint64(limit), what))
	if n*size > len(d.p) {
		d.fail("%s is %d and %d bytes are left", what, n, len(d.p))
		return 0
	}
	return n
}

func (d *decoder) bytes(n int, what string) []byte {
	if n > len(d.p) {
		d.fail("%s is cut off", what)
		return nil
	}
	b := d.p[:n]
	d.p = d.p[n:]
	return b
}

func (d *decoder) bool(what string) bool {
	return d.uint(1, what) == 1
}

func (d *decoder) string(limit int, what string) string {
	return string(d.bytes(d.count(limit, 1, what), what))
}

// id reads the number of a node id of the table.
func (d *decoder) id(what string) NodeID {
	n := d.uint(uint64(len(d.ids)), what)
	if n == 0 {
		return ""
	}
	return d.ids[n-1]
}

func (d *decoder) idList(what string) []NodeID {
	n := d.count(maxListed, 1, what)
	if n == 0 {
		return nil
	}
	ids := make([]NodeID, n)
	for i := range ids {
		ids[i] = d.id(what)
	}
	return ids
}

// appendID appends the bytes of an id. One that is no hex has no encoding: it is written as zeros, which no node has.
func appendID(dst []byte, id NodeID) []byte {
	var raw [nodeIDBytes]byte
	if id.Valid() {
		_, _ = hex.Decode(raw[:], []byte(id)) // ids are valid: Validate has seen them
	}
	return append(dst, raw[:]...)
}

// rawID reads the bytes of an id.
func (d *decoder) rawID(what string) NodeID {
	return NodeID(hex.EncodeToString(d.bytes(nodeIDBytes, what)))
}

// hashKey reads the bytes of a hash key, which is there only where it is not zero.
func (d *decoder) hashKey() (k HashKey) {
	copy(k[:], d.bytes(len(k), "hash key"))
	if d.err == nil && k.IsZero() {
		d.fail("hash key of zeros")
	}
	return k
}

// end reports the first error, or that bytes are left over.
func (d *decoder) end() error {
	if len(d.p) > 0 {
		d.fail("%d bytes too many", len(d.p))
	}
	return d.err
}
