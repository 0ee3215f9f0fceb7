package replication

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// RequestID names a proxied write: see Requests. The zero value is none.
type RequestID struct {
	Origin uint64 // who sends: its node's incarnation and its loop, hashed; 0 = none
	Number uint64 // the origin counts its requests
	Low    uint64 // the lowest number to which the origin has no reply yet
}

// Flags of an effect, beside its database.
const (
	infoDB      = 0x0f
	infoRequest = 0x10 // it carries a request id and a reply
	infoMore    = 0x20 // the next effect is of the same run: both are applied, or none
)

// AppendEffect appends an effect, args on a slot's database db, to dst: bytes that are made once and given to every stream of the
// slot. id and reply are those of the proxied write that the effect is of, or zero; of a reply beyond MaxReply only is kept that it
// was given. An effect that no frame can carry (MaxArgs, MaxEffect) is appended as a mark in its place: replicas that meet it know that
// they have lost the slot.
func AppendEffect(dst []byte, slot uint16, db int, args [][]byte, id RequestID, reply []byte) []byte {
	start, info := len(dst), uint8(db)&infoDB
	dst = appendHeader(dst, 0, frameEffect, info, slot)
	if id.Origin != 0 {
		dst[start+5] |= infoRequest
		dst = appendRequest(dst, id)
		if len(reply) > MaxReply {
			reply = nil
		}
		dst = binary.AppendUvarint(dst, uint64(len(reply)))
		dst = append(dst, reply...)
	}
	if !carriable(args, len(dst)-start-headerSize) {
		args = nil
	}
	dst = binary.AppendUvarint(dst, uint64(len(args)))
	for _, arg := range args {
		if len(arg) < 0x80 {
			dst = append(dst, byte(len(arg)))
		} else {
			dst = binary.AppendUvarint(dst, uint64(len(arg)))
		}
		dst = append(dst, arg...)
	}
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(dst)-start-headerSize))
	return dst
}

// carriable reports whether args fit into a frame that has so many bytes of payload already.
func carriable(args [][]byte, bytes int) bool {
	if len(args) == 0 || len(args) > MaxArgs {
		return false
	}
	bytes += binary.MaxVarintLen32
	for _, arg := range args {
		if bytes += binary.MaxVarintLen32 + len(arg); bytes > MaxEffect {
			return false
		}
	}
	return true
}

// appendLost appends the mark that stands for what no frame can carry.
func appendLost(dst []byte, slot uint16) []byte {
	return append(appendHeader(dst, 1, frameEffect, 0, slot), 0)
}

// Chain marks effects that stand one behind the other, all of one run and slot, as belonging together: a replica applies all of them or
// none, wherever its connection breaks. They go into one call of [Sender.Append]. The request id belongs to the last.
func Chain(effects []byte) {
	for len(effects) >= headerSize {
		size := FrameSize(effects)
		if size >= len(effects) {
			return
		}
		effects[5] |= infoMore
		effects = effects[size:]
	}
}

// Name gives the last of some effects, which begins at last and was made without a request id, an id and a reply: of a proxied write is
// known only at its end which effect was its last, and what it was answered.
func Name(effects []byte, last int, id RequestID, reply []byte) []byte {
	if len(reply) > MaxReply {
		reply = nil
	}
	body, old := last+headerSize, len(effects)
	more := requestSize + len(binary.AppendUvarint(nil, uint64(len(reply)))) + len(reply)
	effects = slices.Grow(effects, more)[:old+more]
	copy(effects[body+more:], effects[body:old])
	head := binary.AppendUvarint(appendRequest(effects[:body], id), uint64(len(reply)))
	copy(effects[len(head):], reply)
	effects[last+5] |= infoRequest
	binary.LittleEndian.PutUint32(effects[last:], uint32(len(effects)-body))
	return effects
}

func appendRequest(dst []byte, id RequestID) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, id.Origin)
	dst = binary.LittleEndian.AppendUint64(dst, id.Number)
	return binary.LittleEndian.AppendUint64(dst, id.Low)
}

func requestAt(body []byte) RequestID {
	return RequestID{number(body, 0), number(body, 1), number(body, 2)}
}

// effect is an Effect frame, read. Its slices are views of the frame.
type effect struct {
	id    RequestID
	reply []byte
	args  [][]byte // none: the mark of what could not be carried
}

// parseEffect reads the payload of an Effect frame; args is room for its arguments.
func parseEffect(h header, body []byte, args [][]byte) (e effect, err error) {
	if h.info&^(infoDB|infoRequest|infoMore) != 0 {
		return e, fmt.Errorf("%w: flags %#x of an effect", ErrFrame, h.info)
	}
	if h.info&infoRequest != 0 {
		if len(body) < requestSize {
			return e, fmt.Errorf("%w: an effect's request id is cut", ErrFrame)
		}
		e.id, body = requestAt(body), body[requestSize:]
		if e.reply, body, err = field(body); err != nil {
			return e, err
		}
		if e.id.Origin == 0 || len(e.reply) > MaxReply {
			return e, fmt.Errorf("%w: an effect's request of origin %d with %d bytes of reply", ErrFrame, e.id.Origin, len(e.reply))
		}
	}
	n, body, err := varint(body)
	if err != nil {
		return e, err
	}
	if n > MaxArgs || n > uint64(len(body)) {
		return e, fmt.Errorf("%w: an effect with %d arguments in %d bytes", ErrFrame, n, len(body))
	}
	e.args = args[:0]
	for range n {
		var arg []byte
		if arg, body, err = field(body); err != nil {
			return e, err
		}
		e.args = append(e.args, arg)
	}
	if len(body) > 0 {
		return e, fmt.Errorf("%w: %d bytes behind an effect", ErrFrame, len(body))
	}
	return e, nil
}

// varint reads the number at the start of p.
func varint(p []byte) (n uint64, rest []byte, err error) {
	if len(p) > 0 && p[0] < 0x80 {
		return uint64(p[0]), p[1:], nil
	}
	n, size := binary.Uvarint(p)
	if size <= 0 {
		return 0, nil, fmt.Errorf("%w: a number of an effect is cut", ErrFrame)
	}
	return n, p[size:], nil
}

// field reads a length and as many bytes from the start of p.
func field(p []byte) (b, rest []byte, err error) {
	n, p, err := varint(p)
	if err != nil {
		return nil, nil, err
	}
	if n > uint64(len(p)) {
		return nil, nil, fmt.Errorf("%w: %d of %d bytes of an argument", ErrFrame, len(p), n)
	}
	return p[:n:n], p[n:], nil
}
