package resp

// inline reads the inline request at pos: a line of words, as people type them. It leaves them in args, and encoded in line;
// a line without words is passed over.
func (r *Reader) inline() verdict {
	end, found := r.lineEnd('\n', r.limits.Inline)
	if !found {
		if len(r.in)-r.pos > r.limits.Inline {
			return r.fail(errInlineTooBig)
		}
		return more
	}
	line := r.in[r.pos:end]
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	r.pos = end + 1

	words := getBuffer(len(line)) // words are never longer than their line: the buffer does not move
	defer putBuffer(words)
	args := r.few[:0]
	for {
		line = skipSpace(line)
		if len(line) == 0 {
			break
		}
		at := len(words)
		var n int
		if words, n = appendWord(words, line); n < 0 {
			return r.fail(errUnbalancedQuotes)
		}
		line = line[n:]
		if len(args) == cap(args) {
			args = r.growArgs(args, 2*cap(args))
		}
		args = append(args, words[at:])
	}
	if len(args) == 0 {
		return passed
	}
	r.encodeLine(args)
	return whole
}

// encodeLine writes words as a multibulk request into r.line and makes r.args point there.
func (r *Reader) encodeLine(words [][]byte) {
	size := len("*") + digits(len(words)) + len(crlf)
	for _, w := range words {
		size += len("$") + digits(len(w)) + len(crlf) + len(w) + len(crlf)
	}
	b := r.line
	if cap(b) < size {
		if b != nil {
			putBuffer(b)
		}
		b = getBuffer(size)
	}
	b = appendHeader(b[:0], '*', len(words))
	for i, w := range words {
		b = appendHeader(b, '$', len(w))
		at := len(b)
		b = append(b, w...)
		words[i] = b[at:len(b):len(b)]
		b = append(b, crlf...)
	}
	r.line, r.args = b, words
}

// appendWord appends the word at the start of line to dst and answers how many bytes of line it took, -1 where its quotes are
// unbalanced. The rules are those of Redis (sdssplitargs):
//
//   - a word ends with the line or at a space, a tab or a line end;
//   - a quote begins anywhere in a word, and where it ends, the word ends: only white space may follow;
//   - between double quotes, \n \r \t \b \a are what they are in C, \xHH is a byte, and \ before any other is that byte;
//   - between single quotes, \' is a quote, and \ is itself otherwise.
func appendWord(dst, line []byte) (_ []byte, n int) {
	for i := range line {
		switch c := line[i]; c {
		case ' ', '\n', '\r', '\t':
			return dst, i
		case '"', '\'':
			var quoted int
			if c == '"' {
				dst, quoted = appendDoubleQuoted(dst, line[i+1:])
			} else {
				dst, quoted = appendSingleQuoted(dst, line[i+1:])
			}
			end := i + 1 + quoted
			if quoted < 0 || end < len(line) && !isSpace(line[end]) {
				return dst, -1
			}
			return dst, end
		default:
			dst = append(dst, c)
		}
	}
	return dst, len(line)
}

// appendDoubleQuoted appends what line holds up to a double quote, and answers how many bytes that took, the quote included;
// -1 where there is none.
func appendDoubleQuoted(dst, line []byte) (_ []byte, n int) {
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == '"':
			return dst, i + 1
		case c != '\\' || i+1 == len(line):
			dst = append(dst, c)
			continue
		}
		i++ // the escaped byte
		if line[i] == 'x' && i+2 < len(line) {
			high, low := hexDigit(line[i+1]), hexDigit(line[i+2])
			if high >= 0 && low >= 0 {
				dst = append(dst, byte(high<<4|low))
				i += 2
				continue
			}
		}
		dst = append(dst, unescape(line[i]))
	}
	return dst, -1
}

// appendSingleQuoted is appendDoubleQuoted for single quotes.
func appendSingleQuoted(dst, line []byte) (_ []byte, n int) {
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == '\'':
			return dst, i + 1
		case c == '\\' && i+1 < len(line) && line[i+1] == '\'':
			i++
			c = '\''
		}
		dst = append(dst, c)
	}
	return dst, -1
}

// unescape answers what a byte stands for after a backslash.
func unescape(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'b':
		return '\b'
	case 'a':
		return '\a'
	}
	return c
}

// hexDigit answers the value of a hexadecimal digit, -1 for any other byte.
func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// isSpace reports what C's isspace does in the C locale.
func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

func skipSpace(s []byte) []byte {
	for len(s) > 0 && isSpace(s[0]) {
		s = s[1:]
	}
	return s
}
