package bus

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// HeaderSize is the length in bytes of the header in front of every frame of a proxy link.
const HeaderSize = 24

// MaxPayload bounds the payload of one frame in bytes: the largest request a session accepts (its query buffer, 1 GiB)
// and the largest reply to it.
const MaxPayload = 1 << 30

// FrameType says what a frame of a proxy link carries.
type FrameType uint8

// The frame types of a proxy link.
const (
	FrameRequest FrameType = 1 // one RESP request, as the client sent it
	FrameReply   FrameType = 2 // the RESP reply to the request with the same id
	FrameCancel  FrameType = 3 // end the waiting of the request with the same id; no payload, and no answer but the request's reply
)

// Flags of a frame.
const (
	FlagProto3 uint8 = 1 << 0 // the client speaks RESP3: so must the reply
	FlagPart   uint8 = 1 << 1 // run the receiver's own part of a cluster-wide command
	// FlagMoved marks the reply to a request that waited for its keys until they were given to another node. Nothing was done; the
	// payload is the request to send there, with what is left of its time-out.
	FlagMoved    uint8 = 1 << 2
	FlagTimedOut uint8 = 1 << 3 // cancel: the reply is to be that at the time-out; without it, an error
	FlagNumbered uint8 = 1 << 4 // request: a RequestID stands in front of the payload
	FlagRepeat   uint8 = 1 << 5 // numbered request: it may have been run already, here or on a former primary
)

// ErrFrame is what every malformed frame's error wraps.
var ErrFrame = errors.New("bus: malformed frame")

// Header stands in front of every frame of a proxy link. On the wire it is HeaderSize bytes, little endian:
//
//	0       4       8     9      10   11    12    14   16
//	| bytes | id    | type| flags| db | hops| slot|conn| epoch (8) |
type Header struct {
	Bytes uint32    // length of the payload
	ID    uint32    // pairs a reply with its request; chosen by the requester, unique among those in flight on the link
	Type  FrameType // what the payload is
	Flags uint8     // FlagProto3 and so on
	DB    uint8     // database of the request
	Hops  uint8     // how often the request has been forwarded between nodes
	Slot  uint16    // slot of the request's first key
	Conn  uint16    // the requester counts its connections to the receiver, modulo 2^16; of numbered requests
	Epoch uint64    // epoch of the map that the requester routed by
}

// AppendHeader appends the header's HeaderSize bytes to dst.
func AppendHeader(dst []byte, h Header) []byte {
	var b [HeaderSize]byte
	binary.LittleEndian.PutUint32(b[0:], h.Bytes)
	binary.LittleEndian.PutUint32(b[4:], h.ID)
	b[8], b[9], b[10], b[11] = byte(h.Type), h.Flags, h.DB, h.Hops
	binary.LittleEndian.PutUint16(b[12:], h.Slot)
	binary.LittleEndian.PutUint16(b[14:], h.Conn)
	binary.LittleEndian.PutUint64(b[16:], h.Epoch)
	return append(dst, b[:]...)
}

// ParseHeader reads the header at the start of p. It answers ok=false where p is shorter than a header, and an error that
// wraps ErrFrame where the bytes cannot be a header.
func ParseHeader(p []byte) (h Header, ok bool, err error) {
	if len(p) < HeaderSize {
		return Header{}, false, nil
	}
	h = Header{
		Bytes: binary.LittleEndian.Uint32(p[0:]),
		ID:    binary.LittleEndian.Uint32(p[4:]),
		Type:  FrameType(p[8]),
		Flags: p[9],
		DB:    p[10],
		Hops:  p[11],
		Slot:  binary.LittleEndian.Uint16(p[12:]),
		Conn:  binary.LittleEndian.Uint16(p[14:]),
		Epoch: binary.LittleEndian.Uint64(p[16:]),
	}
	switch {
	case h.Type < FrameRequest || h.Type > FrameCancel:
		return Header{}, false, fmt.Errorf("%w: type %d", ErrFrame, h.Type)
	case h.Bytes > MaxPayload:
		return Header{}, false, fmt.Errorf("%w: %d bytes of payload, at most %d", ErrFrame, h.Bytes, MaxPayload)
	case h.Type == FrameCancel && h.Bytes > 0:
		return Header{}, false, fmt.Errorf("%w: %d bytes of payload of a cancel", ErrFrame, h.Bytes)
	case h.Slot >= 16384 || h.DB >= 16:
		return Header{}, false, fmt.Errorf("%w: slot %d, database %d", ErrFrame, h.Slot, h.DB)
	}
	return h, true, nil
}

// RequestIDSize is the length in bytes of a RequestID.
const RequestIDSize = 24

// RequestID names a request that may be sent again when its link is lost. Three numbers of 8 bytes, little endian.
type RequestID struct {
	Origin uint64 // who sends: its node, start and loop, hashed; not 0
	Number uint64 // the origin counts its requests
	Low    uint64 // the lowest number to which the origin has no reply yet; at most Number
}

// AppendRequestID appends the id's RequestIDSize bytes to dst.
func AppendRequestID(dst []byte, id RequestID) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, id.Origin)
	dst = binary.LittleEndian.AppendUint64(dst, id.Number)
	return binary.LittleEndian.AppendUint64(dst, id.Low)
}

// ParseRequestID reads the id at the start of p, and answers what follows it; false where it cannot be one.
func ParseRequestID(p []byte) (id RequestID, rest []byte, ok bool) {
	if len(p) < RequestIDSize {
		return id, p, false
	}
	id = RequestID{
		Origin: binary.LittleEndian.Uint64(p), Number: binary.LittleEndian.Uint64(p[8:]), Low: binary.LittleEndian.Uint64(p[16:]),
	}
	return id, p[RequestIDSize:], id.Origin != 0 && id.Low <= id.Number
}
