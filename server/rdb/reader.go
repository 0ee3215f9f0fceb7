package rdb

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"
)

// Reader reads a value, front to back. After an error it stands anywhere, and is of no more use. The zero value is at its end.
type Reader struct {
	p    []byte // what is still to be read
	room int    // how many more bytes the strings may have

	valkey bool // the payload is of a version that Valkey counts
}

// Open answers a reader of a payload once its version and its checksum are right: otherwise ErrFooter. All strings that will be
// read may have limit bytes together, decompressed: a payload of a megabyte could hold 88 otherwise.
func Open(payload []byte, limit int) (Reader, error) {
	p, err := body(payload)
	return Reader{p: p, room: limit, valkey: err == nil && binary.LittleEndian.Uint16(payload[len(p):]) == ValkeyVersion}, err
}

// Remaining is how many bytes are still to be read. A whole value has been read when it is 0.
func (r *Reader) Remaining() int { return len(r.p) }

// Type reads the type that a payload begins with: any byte at all, but for those that mean something else to Valkey than to Redis.
func (r *Reader) Type() (Type, error) {
	b, err := r.take(1)
	if err != nil {
		return 0, err
	}
	if t := Type(b[0]); !r.valkey || t < typeOther {
		return t, nil
	}
	return 0, errType
}

// Length reads a length. It may be larger than anything that is there: see Count.
func (r *Reader) Length() (uint64, error) {
	n, head, err := r.length()
	if err == nil && head&special == special {
		err = errLength
	}
	return n, err
}

// Count reads a number of elements, each of which takes at least size bytes (1 or more). It is an error where they could not be
// there, so that room may be made for as many.
func (r *Reader) Count(size int) (int, error) {
	n, err := r.Length()
	if err == nil && n > uint64(len(r.p)/size) {
		err = errShort
	}
	if err != nil {
		return 0, err
	}
	return int(n), nil
}

// String reads a string. It is a part of the payload where it stands there as it is; otherwise it is made in buf, from its
// beginning, or in a new slice where buf has too little room.
func (r *Reader) String(buf []byte) ([]byte, error) {
	n, head, err := r.length()
	if err != nil {
		return nil, err
	}
	switch head {
	case encInt8:
		b, err := r.take(1)
		if err != nil {
			return nil, err
		}
		return r.decimal(buf, int64(int8(b[0])))
	case encInt16:
		b, err := r.take(2)
		if err != nil {
			return nil, err
		}
		return r.decimal(buf, int64(int16(binary.LittleEndian.Uint16(b))))
	case encInt32:
		b, err := r.take(4)
		if err != nil {
			return nil, err
		}
		return r.decimal(buf, int64(int32(binary.LittleEndian.Uint32(b))))
	case encLZF:
		return r.lzf(buf)
	}
	if head&special == special {
		return nil, errEncoding
	}
	s, err := r.take(n)
	if err != nil {
		return nil, err
	}
	return s, r.charge(n)
}

// Float64 reads a number of 8 bytes.
func (r *Reader) Float64() (float64, error) {
	b, err := r.take(8)
	if err != nil {
		return 0, err
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(b)), nil
}

// length reads a length and answers the byte that it begins with. Where that byte is an encoding, n means nothing.
func (r *Reader) length() (n uint64, head byte, err error) {
	b, err := r.take(1)
	if err != nil {
		return 0, 0, err
	}
	head = b[0]
	switch head & special {
	case len6:
		return uint64(head &^ special), head, nil
	case len14:
		if b, err = r.take(1); err != nil {
			return 0, 0, err
		}
		return uint64(head&^special)<<8 | uint64(b[0]), head, nil
	case special:
		return 0, head, nil
	}
	switch head {
	case len32:
		if b, err = r.take(4); err != nil {
			return 0, 0, err
		}
		return uint64(binary.BigEndian.Uint32(b)), head, nil
	case len64:
		if b, err = r.take(8); err != nil {
			return 0, 0, err
		}
		return binary.BigEndian.Uint64(b), head, nil
	}
	return 0, 0, errLength
}

// take reads n bytes.
func (r *Reader) take(n uint64) ([]byte, error) {
	if n > uint64(len(r.p)) {
		return nil, errShort
	}
	b := r.p[:n:n]
	r.p = r.p[n:]
	return b, nil
}

// charge takes the n bytes of a string from what strings may have.
func (r *Reader) charge(n uint64) error {
	if r.room < 0 || n > uint64(r.room) {
		return errLimit
	}
	r.room -= int(n)
	return nil
}

func (r *Reader) decimal(buf []byte, n int64) ([]byte, error) {
	s := strconv.AppendInt(buf[:0], n, 10)
	return s, r.charge(uint64(len(s)))
}

// lzf reads the rest of a compressed string. Its length is believed no further than its data could make it.
func (r *Reader) lzf(buf []byte) ([]byte, error) {
	packed, err := r.Length()
	if err != nil {
		return nil, err
	}
	n, err := r.Length()
	if err != nil {
		return nil, err
	}
	p, err := r.take(packed)
	if err != nil {
		return nil, err
	}
	if packed == 0 || n > packed*lzfMaxRatio { // packed is the length of a slice: no overflow
		return nil, errLZF
	}
	if err := r.charge(n); err != nil {
		return nil, err
	}
	s := slices.Grow(buf[:0], int(n))[:n]
	if !decompress(s, p) {
		return nil, errLZF
	}
	return s, nil
}
