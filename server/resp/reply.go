package resp

import (
	"bytes"
	"errors"
)

// ErrReply says that bytes cannot be the beginning of a reply.
var ErrReply = errors.New("resp: malformed reply")

const (
	// MaxReplyDepth is how many aggregates of a reply may be open at once. Redis's deepest reply, COMMAND DOCS, stays under 16.
	MaxReplyDepth = 32

	// maxReplyCount bounds what one header may announce, bytes or elements: a frame between nodes carries no more.
	maxReplyCount = 1 << 30

	// maxReplyHeader bounds in bytes a line that holds a number: type, sign, 19 digits, line end, and some.
	maxReplyHeader = 32
)

// ReplyScanner finds the end of a reply that arrives in pieces, reading each byte once and descending without recursion.
// The zero value is ready; it is so again after Scan has found an end.
type ReplyScanner struct {
	pos   int // bytes known to be of this reply: whole headers, and whole strings
	line  int // bytes after pos known to hold no line end
	depth int // levels in use in left; 0 = no reply begun
	// left counts the elements still to come: of the reply itself, which is one, in left[0], then of each open aggregate.
	left [MaxReplyDepth + 1]int
}

// ReplyLen answers the length in bytes of the first whole reply at the start of p, of any type of RESP2 and RESP3 and
// however nested, and ok=false where p holds only the beginning of one. An attribute belongs to the reply that follows it.
// The error is ErrReply; RESP3's streamed strings and aggregates, which Redis does not use, are errors too.
//
// Each call reads from the start of p: who waits for the rest of a long reply keeps a [ReplyScanner].
func ReplyLen(p []byte) (n int, ok bool, err error) {
	var s ReplyScanner
	return s.Scan(p)
}

// Scan is [ReplyLen] that goes on where the last call stopped: p must begin with the bytes of that call.
func (s *ReplyScanner) Scan(p []byte) (n int, ok bool, err error) {
	if s.depth == 0 {
		s.depth, s.left[0] = 1, 1
	}
	for {
		h, ok, err := s.header(p)
		if err != nil || !ok {
			return 0, false, err
		}
		end := h.end
		if h.text >= 0 {
			end += h.text + 2
			if end > len(p) {
				return 0, false, nil
			}
			if p[end-2] != '\r' || p[end-1] != '\n' {
				return 0, false, ErrReply
			}
		}
		s.pos, s.line = end, 0
		if h.kind != '|' { // an attribute is no element: the reply that follows it is
			s.left[s.depth-1]--
		}
		if h.elements > 0 {
			if s.depth == len(s.left) {
				return 0, false, ErrReply
			}
			s.left[s.depth] = h.elements
			s.depth++
		}
		for s.depth > 0 && s.left[s.depth-1] == 0 {
			s.depth--
		}
		if s.depth == 0 {
			n, s.pos = s.pos, 0
			return n, true, nil
		}
	}
}

// replyHeader is the first line of a reply.
type replyHeader struct {
	kind     byte
	end      int // offset after the line
	text     int // bytes of the string that follows, its line end not counted; -1 = none does
	elements int // replies that follow as this one's elements
}

// header reads the line at s.pos.
func (s *ReplyScanner) header(p []byte) (h replyHeader, ok bool, err error) {
	if s.pos >= len(p) {
		return h, false, nil
	}
	h.kind = p[s.pos]
	number := false
	switch h.kind {
	case '+', '-', ',', '(':
	case ':', '_', '#', '$', '!', '=', '*', '~', '>', '%', '|':
		number = true
	default:
		return h, false, ErrReply
	}
	i := bytes.IndexByte(p[s.pos+s.line:], '\n')
	if i < 0 {
		s.line = len(p) - s.pos
		if number && s.line > maxReplyHeader {
			return h, false, ErrReply
		}
		return h, false, nil
	}
	h.end = s.pos + s.line + i + 1
	if h.end-s.pos < 3 || p[h.end-2] != '\r' {
		return h, false, ErrReply
	}
	if !h.value(p[s.pos+1 : h.end-2]) {
		return h, false, ErrReply
	}
	return h, true, nil
}

// value reads what follows the type in a header, and reports whether it is valid there.
func (h *replyHeader) value(s []byte) bool {
	h.text = -1
	switch h.kind {
	case '_':
		return len(s) == 0
	case '#':
		return len(s) == 1 && (s[0] == 't' || s[0] == 'f')
	case '+', '-', ',', '(':
		return bytes.IndexByte(s, '\r') < 0
	}
	n, ok := parseInt(s)
	if h.kind == ':' {
		return ok
	}
	if !ok || n < -1 || n > maxReplyCount || (n < 0 && h.kind != '$' && h.kind != '*') {
		return false
	}
	switch h.kind {
	case '$', '!', '=':
		h.text = int(n)
	case '%', '|':
		h.elements = 2 * int(n)
	default:
		h.elements = max(int(n), 0)
	}
	return true
}

// parseHeader reads the first line of the whole reply p.
func parseHeader(p []byte) (h replyHeader, ok bool) {
	var s ReplyScanner
	h, ok, err := s.header(p)
	return h, ok && err == nil
}

// ParseInt reads a reply that is an integer.
func ParseInt(reply []byte) (n int64, ok bool) {
	h, ok := parseHeader(reply)
	if !ok || h.kind != ':' {
		return 0, false
	}
	return parseInt(reply[1 : h.end-2])
}

// ParseBulk reads a reply that is a string (simple, bulk or verbatim, the last without its format). A null is a nil string.
// The answer aliases reply.
func ParseBulk(reply []byte) (s []byte, ok bool) {
	h, ok := parseHeader(reply)
	switch {
	case !ok:
		return nil, false
	case h.kind == '+':
		return reply[1 : h.end-2], true
	case h.kind == '_' || h.kind == '$' && h.text < 0:
		return nil, true
	case (h.kind != '$' && h.kind != '=') || len(reply) < h.end+h.text:
		return nil, false
	}
	s = reply[h.end : h.end+h.text]
	const format = len("txt:")
	if h.kind == '=' && len(s) >= format {
		s = s[format:]
	}
	return s, true
}

// ParseArray reads the header of a reply that is an aggregate: n elements lie in body, which aliases reply and ends where
// reply does; [ReplyLen] tells them apart. A map counts keys and values. A null array has no elements.
func ParseArray(reply []byte) (n int, body []byte, ok bool) {
	h, ok := parseHeader(reply)
	if !ok {
		return 0, nil, false
	}
	switch h.kind {
	case '*', '~', '>', '%', '_':
		return h.elements, reply[h.end:], true
	}
	return 0, nil, false
}

// IsError reports whether reply is an error, in either spelling.
func IsError(reply []byte) bool { return len(reply) > 0 && (reply[0] == '-' || reply[0] == '!') }
