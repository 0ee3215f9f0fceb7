package client

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// Bounds of a reply beside the memory that it may take.
const (
	maxDepth         = 32       // of arrays within arrays: the deepest of Redis, COMMAND DOCS, has 7
	maxLine          = 64 << 10 // bytes of a line: sizes, numbers, errors
	maxFirstElements = 1024     // elements for which room is made before they are seen, whatever a header claims
	maxFirstBytes    = 64 << 10 // the same for the bytes of a string
	valueBytes       = 80       // what a Value takes beside its contents, rounded up
)

// ErrProtocol is what every error about a reply that is not RESP, or goes beyond a bound, wraps.
var ErrProtocol = errors.New("client: bad reply")

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrProtocol}, args...)...)
}

// replyReader reads replies, RESP2 and RESP3. What it allocates is bounded by max and by a small multiple of the bytes that
// have really come: a header that claims a gigabyte costs its sender the gigabyte first.
type replyReader struct {
	r    *bufio.Reader
	max  int // bytes of memory of one reply
	left int // of max, for the reply that is being read
}

// read reads one whole reply. Attributes before a value are read and dropped.
func (r *replyReader) read() (Value, error) {
	r.left = r.max
	return r.value(0)
}

// take counts n bytes of memory.
func (r *replyReader) take(n int) error {
	if n > r.left {
		return bad("more than %d bytes", r.max)
	}
	r.left -= n
	return nil
}

func (r *replyReader) value(depth int) (Value, error) {
	if depth > maxDepth {
		return Value{}, bad("more than %d levels", maxDepth)
	}
	for {
		line, err := r.line()
		if err != nil {
			return Value{}, err
		}
		if line[0] != '|' {
			return r.rest(line[0], line[1:], depth)
		}
		if _, err := r.aggregate(KindMap, line[1:], depth); err != nil {
			return Value{}, err
		}
	}
}

// rest reads the value whose first line is the type and text.
func (r *replyReader) rest(kind byte, text string, depth int) (Value, error) {
	if err := r.take(valueBytes + len(text)); err != nil {
		return Value{}, err
	}
	switch kind {
	case '+':
		return Value{Kind: KindSimple, Str: text}, nil
	case '-':
		return Value{Kind: KindError, Str: text}, nil
	case ':':
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return Value{}, bad("integer %.40q", text)
		}
		return Value{Kind: KindInt, Int: n}, nil
	case '$', '=', '!':
		return r.bulk(kind, text)
	case '*':
		return r.aggregate(KindArray, text, depth)
	case '~':
		return r.aggregate(KindSet, text, depth)
	case '>':
		return r.aggregate(KindPush, text, depth)
	case '%':
		return r.aggregate(KindMap, text, depth)
	}
	return scalar(kind, text)
}

// scalar is a value of RESP3 that is all on its first line.
func scalar(kind byte, text string) (Value, error) {
	switch kind {
	case '_':
		if text == "" {
			return Value{}, nil
		}
	case '#':
		switch text {
		case "t":
			return Value{Kind: KindBool, Int: 1}, nil
		case "f":
			return Value{Kind: KindBool}, nil
		}
	case ',':
		f, err := strconv.ParseFloat(text, 64)
		if err == nil || math.IsInf(f, 0) { // out of range is infinite
			return Value{Kind: KindDouble, Float: f, Str: text}, nil
		}
	case '(':
		digits := strings.TrimPrefix(text, "-")
		if digits != "" && strings.Trim(digits, "0123456789") == "" {
			return Value{Kind: KindBigInt, Str: text}, nil
		}
	}
	return Value{}, bad("%.40q", string(kind)+text)
}

// line reads a line that has at least a byte, without its end.
func (r *replyReader) line() (string, error) {
	var long []byte
	for {
		part, err := r.r.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return "", cut(err)
		}
		if len(long)+len(part) > maxLine {
			return "", bad("a line of more than %d bytes", maxLine)
		}
		if err != nil {
			long = append(long, part...)
			continue
		}
		if long != nil {
			part = append(long, part...)
		}
		if len(part) < 3 || part[len(part)-2] != '\r' {
			return "", bad("line %.40q", part)
		}
		return string(part[:len(part)-2]), nil
	}
}

// size reads the length in a header; -1 is null.
func size(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < -1 {
		return 0, bad("length %.40q", text)
	}
	return n, nil
}

// bulk reads a string of stated length. A verbatim one loses its format, "txt:".
func (r *replyReader) bulk(kind byte, text string) (Value, error) {
	n, err := size(text)
	if err != nil || n < 0 {
		return Value{}, err
	}
	if err := r.take(n); err != nil {
		return Value{}, err
	}
	body := make([]byte, 0, min(n+2, maxFirstBytes))
	for len(body) < n+2 {
		if len(body) == cap(body) {
			body = append(body, 0)[:len(body)] // twice the room, now that as much has come
		}
		next := body[len(body):min(cap(body), n+2)]
		if _, err := io.ReadFull(r.r, next); err != nil {
			return Value{}, cut(err)
		}
		body = body[:len(body)+len(next)]
	}
	if body[n] != '\r' || body[n+1] != '\n' {
		return Value{}, bad("a string that is not of its length %d", n)
	}
	v := Value{Kind: KindBulk, Str: string(body[:n])}
	switch {
	case kind == '!':
		v.Kind = KindError
	case kind == '=' && (n < 4 || body[3] != ':'):
		return Value{}, bad("a verbatim string without a format")
	case kind == '=':
		v.Str = v.Str[4:]
	}
	return v, nil
}

// aggregate reads the elements that a header announces.
func (r *replyReader) aggregate(kind Kind, text string, depth int) (Value, error) {
	n, err := size(text)
	if err != nil || n < 0 {
		return Value{}, err
	}
	if kind == KindMap {
		if n > math.MaxInt/2 {
			return Value{}, bad("length %d", n)
		}
		n *= 2
	}
	if n > r.left/valueBytes {
		return Value{}, bad("more than %d bytes", r.max)
	}
	v := Value{Kind: kind, Elems: make([]Value, 0, min(n, maxFirstElements))}
	for range n {
		e, err := r.value(depth + 1)
		if err != nil {
			return Value{}, err
		}
		v.Elems = append(v.Elems, e)
	}
	return v, nil
}

// cut is the error of a reply that ends too early.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
