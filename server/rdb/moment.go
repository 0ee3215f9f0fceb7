package rdb

import "encoding/binary"

// Types of hashes whose fields expire, of Redis 7.4: a payload of one is written as version 12.
const (
	TypeHashMetadata   Type = 24 // fields with their expiries
	TypeHashListpackEx Type = 25 // a listpack of fields, values and expiries

	metadataVersion = 12
	// typeOther is the first type that Valkey, which counts versions on its own, has for something else.
	typeOther Type = 22
)

// versionOf is the version that a payload is to say.
func versionOf(payload []byte) uint16 {
	if len(payload) > 0 && (Type(payload[0]) == TypeHashMetadata || Type(payload[0]) == TypeHashListpackEx) {
		return metadataVersion
	}
	return Version
}

// AppendMillis appends a moment, in unix ms.
func AppendMillis(dst []byte, at int64) []byte {
	return binary.LittleEndian.AppendUint64(dst, uint64(at)) //nolint:gosec // as it is read
}

// Millis reads a moment, in unix ms. It may be any number.
func (r *Reader) Millis() (int64, error) {
	b, err := r.take(8)
	if err != nil {
		return 0, err
	}
	return int64(binary.LittleEndian.Uint64(b)), nil //nolint:gosec // as it was written
}
