package command

import (
	"encoding/binary"

	"ringcache/server/rdb"
	"ringcache/server/store"
)

// Small hashes as older versions of Redis dumped them.

// zipmapFields are the fields of a zipmap: a number of fields, then of each field its length, itself, the length of its value, a number
// of unused bytes, the value and those bytes; 0xFF ends it. Lengths below 254 have one byte, others follow a 254 in four, little endian.
// The number is 254 where there are as many or more.
func zipmapFields(b []byte) ([]store.HashField, error) {
	const (
		long = 254
		end  = 255
	)
	if len(b) < 2 {
		return nil, errHash
	}
	count, b := int(b[0]), b[1:]
	text := func(unused int) (s []byte, ok bool) {
		if len(b) == 0 || b[0] == end {
			return nil, false
		}
		n, head := uint64(b[0]), 1
		if n == long {
			if head = 5; len(b) < head {
				return nil, false
			}
			n = uint64(binary.LittleEndian.Uint32(b[1:]))
		}
		if b = b[head:]; len(b) < unused {
			return nil, false
		}
		free := uint64(0)
		if unused > 0 {
			free = uint64(b[0])
			b = b[1:]
		}
		if n+free > uint64(len(b)) {
			return nil, false
		}
		s, b = b[:n:n], b[n+free:]
		return s, true
	}
	var fields []store.HashField
	for len(b) > 0 && b[0] != end {
		name, ok := text(0)
		if !ok {
			return nil, errHash
		}
		value, ok := text(1)
		if !ok {
			return nil, errHash
		}
		fields = append(fields, store.HashField{Name: name, Value: value})
	}
	if len(b) != 1 || count < long && count != len(fields) {
		return nil, errHash
	}
	return fields, nil
}

// ziplistFields are the fields of a ziplist in which each stands before its value.
func ziplistFields(b []byte) ([]store.HashField, error) {
	elements, err := rdb.Ziplist(b)
	if err != nil || len(elements)%2 != 0 {
		return nil, errHash
	}
	fields := make([]store.HashField, len(elements)/2)
	for i := range fields {
		fields[i] = store.HashField{Name: elements[2*i], Value: elements[2*i+1]}
	}
	return fields, nil
}
