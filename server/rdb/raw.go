package rdb

import "encoding/binary"

// TypeStreamListpacks and those after it are streams: nodes, ids and counts, and groups. The second adds what Redis 7.0 counts, the
// third when a consumer was last active.
const (
	TypeStreamListpacks  Type = 15
	TypeStreamListpacks2 Type = 19
	TypeStreamListpacks3 Type = 21
)

// Raw reads n bytes that stand there as they are: a part of the payload.
func (r *Reader) Raw(n int) ([]byte, error) { return r.take(uint64(n)) } //nolint:gosec // the caller's constant

// Int64 reads a number of 8 bytes, as times in streams are.
func (r *Reader) Int64() (int64, error) {
	b, err := r.take(8)
	if err != nil {
		return 0, err
	}
	return int64(binary.LittleEndian.Uint64(b)), nil //nolint:gosec // with its sign
}

// AppendInt64 appends a number in 8 bytes.
func AppendInt64(dst []byte, n int64) []byte {
	return binary.LittleEndian.AppendUint64(dst, uint64(n)) //nolint:gosec // with its sign
}
