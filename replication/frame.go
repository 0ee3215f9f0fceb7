package replication

import (
	"encoding/binary"
	"errors"
	"fmt"

	"ringcache/internal/bus"
	"ringcache/ring"
)

// Frames.
//
// Everything on a stream's connection is a frame: eight bytes of header, little endian, and a payload.
//
//	0       4      5      6      8
//	| bytes | type | info | slot | payload ...
//
// bytes is the length of the payload. From the primary, Hello and Start belong to the connection; the others are the stream, and
// each byte of them counts in its offset. From the replica come Welcome, Ack and Unequal.
//
//	Hello     info = version; incarnation, stream, first offset kept, end, number of the connection   (8 bytes each)
//	Start     stream, offset of the byte that follows
//	Attach    the map's epoch, term, the primary's position (term, seq)
//	Detach    -
//	SyncBegin -
//	SyncEnd   position (term, seq)
//	Term      the slot's new term
//	Record    request id (origin, number, low); the reply
//	Effect    info = database and flags; [request id, length of the reply, the reply;] number of arguments, then each
//	          argument's length and bytes; these numbers are varints
//	Ping      offset up to which the replica's acknowledgements have come
//	Welcome   info = version; incarnation, stream that was followed last (0 = none), its offset
//	Ack       offset up to which all has been applied
//	Unequal   offset up to which the stream has been read at that moment: the slot is not live from there on

// Bounds of frames, in bytes where nothing else is said.
const (
	headerSize = 8

	// MaxArgs is how many arguments an effect has at most: those of the longest request, and what replicating one adds.
	MaxArgs = 1<<20 + 1<<10
	// MaxReply is the longest reply that is kept with a proxied write. Of a longer one is kept that it was given.
	MaxReply = 1 << 20
	// MaxEffect bounds the payload of one effect: the largest request or value, with a reply.
	MaxEffect = bus.MaxPayload + 2*MaxReply
	// MaxRun bounds the effects of one run that must be applied together (see Chain), headers counted.
	MaxRun = MaxEffect + 64<<20

	requestSize = 24 // of a RequestID on the wire
	// maxControl is the longest frame but for effects and records, header counted.
	maxControl = headerSize + 40
)

// version is that of the frames. A peer of another one is refused in its Hello or Welcome.
const version = 1

type frameType uint8

const (
	frameHello frameType = 1 + iota
	frameStart
	frameAttach
	frameDetach
	frameSyncBegin
	frameSyncEnd
	frameTerm
	frameRecord
	frameEffect
	framePing
	frameWelcome
	frameAck
	frameUnequal
)

// frames is what each type is called, and how long its payload may be.
var frames = [...]struct {
	name      string
	least     uint32
	most      uint32
	byReplica bool
}{
	frameHello:     {name: "hello", least: 40, most: 40},
	frameStart:     {name: "start", least: 16, most: 16},
	frameAttach:    {name: "attach", least: 32, most: 32},
	frameDetach:    {name: "detach"},
	frameSyncBegin: {name: "begin of a sync"},
	frameSyncEnd:   {name: "end of a sync", least: 16, most: 16},
	frameTerm:      {name: "term", least: 8, most: 8},
	frameRecord:    {name: "record", least: requestSize, most: requestSize + MaxReply},
	frameEffect:    {name: "effect", least: 1, most: MaxEffect},
	framePing:      {name: "ping", least: 8, most: 8},
	frameWelcome:   {name: "welcome", least: 24, most: 24, byReplica: true},
	frameAck:       {name: "acknowledgement", least: 8, most: 8, byReplica: true},
	frameUnequal:   {name: "unequal", least: 8, most: 8, byReplica: true},
}

func (t frameType) String() string {
	if int(t) < len(frames) && t > 0 {
		return frames[t].name
	}
	return fmt.Sprintf("type %d", uint8(t))
}

// What is wrong with what the other end sends, or with the other end. After any of them the connection is to be closed.
var (
	ErrFrame    = errors.New("replication: malformed frame")
	ErrOrder    = errors.New("replication: frame out of order")
	ErrVersion  = errors.New("replication: the peer speaks another version")
	ErrReplaced = errors.New("replication: a newer connection of the peer has taken over the stream")
	ErrOverflow = errors.New("replication: the replica is too far behind")
	ErrSilent   = errors.New("replication: the replica is silent")
)

type header struct {
	bytes uint32
	typ   frameType
	info  uint8
	slot  uint16
}

// cut reads the frame at the start of p. ok=false: it is not all there yet.
func cut(p []byte, byReplica bool) (h header, body, rest []byte, ok bool, err error) {
	if len(p) < headerSize {
		return header{}, nil, p, false, nil
	}
	h = header{binary.LittleEndian.Uint32(p), frameType(p[4]), p[5], binary.LittleEndian.Uint16(p[6:])}
	if h.typ == 0 || int(h.typ) >= len(frames) || frames[h.typ].byReplica != byReplica {
		return header{}, nil, nil, false, fmt.Errorf("%w: type %d", ErrFrame, uint8(h.typ))
	}
	if f := &frames[h.typ]; h.bytes < f.least || h.bytes > f.most {
		return header{}, nil, nil, false, fmt.Errorf("%w: %s of %d bytes", ErrFrame, f.name, h.bytes)
	}
	if h.slot >= ring.Slots {
		return header{}, nil, nil, false, fmt.Errorf("%w: %s of slot %d", ErrFrame, h.typ, h.slot)
	}
	p = p[headerSize:]
	if uint64(len(p)) < uint64(h.bytes) {
		return h, nil, nil, false, nil
	}
	return h, p[:h.bytes:h.bytes], p[h.bytes:], true, nil
}

// FrameSize is how many bytes the frame at the start of rest has, or 0 where too little of it is there to tell. Who reads into a
// growing buffer thus makes room for a long frame once.
func FrameSize(rest []byte) int {
	if len(rest) < headerSize {
		return 0
	}
	return headerSize + int(binary.LittleEndian.Uint32(rest))
}

func appendHeader(dst []byte, bytes uint32, t frameType, info uint8, slot uint16) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, bytes)
	dst = append(dst, byte(t), info)
	return binary.LittleEndian.AppendUint16(dst, slot)
}

// appendFrame appends a frame that consists of numbers.
func appendFrame(dst []byte, t frameType, info uint8, slot uint16, numbers ...uint64) []byte {
	dst = appendHeader(dst, uint32(8*len(numbers)), t, info, slot)
	for _, n := range numbers {
		dst = binary.LittleEndian.AppendUint64(dst, n)
	}
	return dst
}

// number is the i-th number of a frame's payload.
func number(body []byte, i int) uint64 { return binary.LittleEndian.Uint64(body[8*i:]) }

// positionAt is the position of which the term is the i-th number of a frame's payload.
func positionAt(body []byte, i int) (Position, error) {
	p := Position{number(body, i), number(body, i+1)}
	if p.Partial() {
		return p, fmt.Errorf("%w: the position of a partial copy", ErrFrame)
	}
	return p, nil
}
