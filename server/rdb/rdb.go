// Package rdb is the serialization that Redis calls RDB, as far as DUMP and RESTORE need it: values as bytes, and payloads of
// one value with a version and a checksum behind it. It knows no keyspace: bytes go in, bytes and errors come out.
//
// A payload is
//
//	type    1 byte                     [Type]: what follows, and how it is encoded
//	value   any number of bytes        of lengths, strings and numbers: [AppendLength], [AppendString], [AppendFloat64]
//	version 2 bytes, little endian     [Version]
//	crc     8 bytes, little endian     CRC-64 of everything before it
//
// Writing appends to the caller's buffer. Reading is by a [Reader], which trusts nothing: what it hands out is bounded by the
// bytes that are there and by the limit that it was opened with, before anything is allocated.
//
// Source: https://rdb.fnordig.de/file_format.html describes the format; that redis-server 7.0.15 reads and writes the same is
// tested.
package rdb

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Versions of the format. A version says which types there may be; how a type is encoded never changes, as what is encoded
// another way is another type. So everything up to MaxVersion is read alike.
const (
	Version       = 10 // written, but for types that it lacks: Redis 7.0's, which Redis and Valkey of all later versions read as well
	MaxVersion    = 12 // read: Redis 7.2 and Valkey 8 write 11, Redis 7.4 and 8.0 write 12
	ValkeyVersion = 80 // read: Valkey from 9.0 on counts on its own from here
)

// Type is the first byte of a payload: the type of a value and its encoding.
type Type uint8

// TypeString is a string: one string follows.
const TypeString Type = 0

// Errors of reading. Those of a value wrap ErrFormat, and say what is wrong.
var (
	ErrFooter = errors.New("rdb: version or checksum is wrong")
	ErrFormat = errors.New("rdb: bad data format")

	errShort    = fmt.Errorf("%w: the data ends too early", ErrFormat)
	errLength   = fmt.Errorf("%w: no length", ErrFormat)
	errEncoding = fmt.Errorf("%w: unknown encoding of a string", ErrFormat)
	errLZF      = fmt.Errorf("%w: compressed data is wrong", ErrFormat)
	errType     = fmt.Errorf("%w: a type of Valkey's own", ErrFormat)
	errLimit    = fmt.Errorf("%w: more data than may be", ErrFormat)
	errNumber   = fmt.Errorf("%w: no number", ErrFormat)
	errZiplist  = fmt.Errorf("%w: no ziplist", ErrFormat)
)

// Bytes of a footer.
const (
	versionLen = 2
	crcLen     = 8
	footerLen  = versionLen + crcLen
)

// AppendFooter ends the payload that begins at offset from of dst: version and checksum.
func AppendFooter(dst []byte, from int) []byte {
	dst = binary.LittleEndian.AppendUint16(dst, versionOf(dst[from:]))
	return binary.LittleEndian.AppendUint64(dst, checksum(0, dst[from:]))
}

// body is a payload without its footer, or ErrFooter where that is not right.
func body(payload []byte) ([]byte, error) {
	end := len(payload) - footerLen
	if end < 0 {
		return nil, ErrFooter
	}
	version := binary.LittleEndian.Uint16(payload[end:])
	crc := binary.LittleEndian.Uint64(payload[end+versionLen:])
	if version > MaxVersion && version != ValkeyVersion || crc != checksum(0, payload[:end+versionLen]) {
		return nil, ErrFooter
	}
	return payload[:end], nil
}
