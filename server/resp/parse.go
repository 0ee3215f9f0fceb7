package resp

import "bytes"

const crlf = "\r\n"

// verdict is where the parser stopped.
type verdict uint8

const (
	more   verdict = iota // in ends before the request does
	whole                 // a request was read
	failed                // err is set
	passed                // a line was read: go on
)

// parse goes on with the request at start until it is whole or in ends.
//
// Nearly all counts have one digit and nearly all lengths one or two, so these are read in place; every other line, be it
// longer, cut off or wrong, takes the slow way (countLine, bulkLine), which alone knows the errors.
//
// It answers the two halves of a Command: the compiler keeps slices in registers, but not a struct of two.
func (r *Reader) parse() (_ [][]byte, raw []byte, _ verdict) {
	in, pos, args, left, need := r.in, r.pos, r.args, r.left, r.need
	if left == 0 {
		for left == 0 {
			r.start = pos
			if pos == len(in) {
				return nil, nil, more
			}
			if in[pos] != '*' {
				if v := r.inline(); v == whole {
					r.start = r.pos
					return r.args, r.line, whole
				} else if v != passed {
					return nil, nil, v
				}
				pos = r.pos
				continue
			}
			if h := in[pos:]; len(h) >= 4 && h[2] == '\r' && h[1]-'1' < 9 && int(h[1]-'0') <= r.limits.Args {
				left = int(h[1] - '0')
				pos += 4
				break
			}
			if v := r.countLine(); v != passed {
				return nil, nil, v
			}
			pos, left = r.pos, r.left
		}
		args = r.few[:0]
		if left > len(r.few) {
			args = r.longList(left)
		}
	}
	for {
		if need == 0 {
			n, size := r.limits.Bulk+1, 0
			if h := in[pos:]; len(h) >= 5 && h[0] == '$' {
				tens := h[1] - '0'
				if ones := h[2] - '0'; h[2] == '\r' && tens <= 9 {
					n, size = int(tens), 4
				} else if h[3] == '\r' && tens-1 < 9 && ones <= 9 {
					n, size = int(tens)*10+int(ones), 5
				}
			}
			if n <= r.limits.Bulk {
				pos += size
				need = n + len(crlf)
			} else {
				r.pos, r.left, r.args, r.need = pos, left, args, 0
				if v := r.bulkLine(); v != passed {
					return nil, nil, v
				}
				pos, need = r.pos, r.need
			}
			if pos-r.start+need > r.limits.Buffer {
				return nil, nil, r.fail(errBufferFull)
			}
		}
		// The two bytes behind an argument are passed over unseen, as Redis does.
		if len(in)-pos < need {
			r.pos, r.left, r.args, r.need = pos, left, args, need
			return nil, nil, more
		}
		if len(args) == cap(args) {
			args = r.growArgs(args, len(args)+left)
		}
		end := pos + need - len(crlf)
		args = append(args, in[pos:end:end])
		pos += need
		need = 0
		left--
		if left == 0 {
			raw = in[r.start:pos:pos]
			r.start, r.pos, r.left, r.need = pos, pos, 0, 0
			return args, raw, whole
		}
	}
}

// countLine reads the line "*count" at pos. A count below one is passed over: left stays 0.
func (r *Reader) countLine() verdict {
	s, v := r.headerLine(errCountTooBig)
	if v != passed {
		return v
	}
	n, ok := parseInt(s[1:])
	if !ok {
		return r.fail(errCountInvalid)
	}
	if err := r.limits.countError(n); err != nil {
		return r.fail(err)
	}
	r.left = int(max(n, 0))
	return passed
}

// bulkLine reads the line "$length" at pos, and sets need.
func (r *Reader) bulkLine() verdict {
	s, v := r.headerLine(errBulkTooBig)
	if v != passed {
		return v
	}
	if first := r.in[r.pos-len(s)-len(crlf)]; first != '$' {
		return r.fail(errExpectedDollar(first))
	}
	n, ok := parseInt(s[1:])
	if !ok {
		return r.fail(errBulkInvalid)
	}
	if err := r.limits.bulkError(n); err != nil {
		return r.fail(err)
	}
	r.need = int(n) + len(crlf)
	return passed
}

// headerLine reads the line at pos up to '\r', and passes over the byte behind, whichever it is, as Redis does.
func (r *Reader) headerLine(tooBig *ProtocolError) ([]byte, verdict) {
	end, found := r.lineEnd('\r', maxHeaderBytes)
	switch {
	case found && end+1 < len(r.in):
		s := r.in[r.pos:end]
		r.pos = end + len(crlf)
		return s, passed
	case !found && len(r.in)-r.pos > maxHeaderBytes:
		return nil, r.fail(tooBig)
	}
	return nil, more
}

// lineEnd looks for the end of the line at pos among its first limit+1 bytes and answers its offset in in. Redis takes a
// zero byte for the end of all input here, so that a line which holds one never ends.
func (r *Reader) lineEnd(end byte, limit int) (at int, found bool) {
	line := r.in[r.pos:]
	line = line[:min(len(line), limit+1)]
	seen := max(r.seen-r.pos, 0)
	if seen >= len(line) || line[seen] == 0 {
		return 0, false
	}
	unseen := line[seen:]
	i := bytes.IndexByte(unseen, end)
	if i >= 0 {
		unseen = unseen[:i]
	}
	if zero := bytes.IndexByte(unseen, 0); zero >= 0 {
		r.seen = r.pos + seen + zero
		return 0, false
	}
	r.seen = r.pos + seen + len(unseen)
	return r.seen, i >= 0
}

// longList answers an empty list for a request of n arguments, more than few holds. The count alone commits no memory to
// speak of: a list for more than 1<<minArgsBits grows as they arrive.
func (r *Reader) longList(n int) [][]byte {
	if cap(r.list) > 1<<maxArgsBits { // of a request that had very many
		r.list = nil
	}
	if r.list == nil {
		r.list = getArgs(min(n, 1<<minArgsBits))
	}
	return r.list[:0]
}

// growArgs answers args with room for one more at least, of total that are to come.
func (r *Reader) growArgs(args [][]byte, total int) [][]byte {
	if cap(args) >= cap(r.list) { // else few is full, and the list is not in use
		old := r.list
		r.list = getArgs(max(1<<minArgsBits, min(2*cap(args), total)))
		copy(r.list[:len(args)], args)
		if old != nil {
			putArgs(old)
		}
		return r.list[:len(args)]
	}
	return append(r.list[:0], args...)
}
