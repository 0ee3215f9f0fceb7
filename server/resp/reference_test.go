package resp

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// This file holds a request parser that is as simple as can be: it sees all input at once, copies everything and starts
// each request anew. The reader is compared with it.

var integer = regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`)

func referenceInt(s []byte) (int64, bool) {
	if !integer.Match(s) {
		return 0, false
	}
	n, err := strconv.ParseInt(string(s), 10, 64)
	return n, err == nil
}

// request is a Command that owns its bytes.
type request struct {
	args []string
	raw  string
}

func (r request) equal(o request) bool { return r.raw == o.raw && slices.Equal(r.args, o.args) }

func encode(args []string) string {
	var s strings.Builder
	fmt.Fprintf(&s, "*%d\r\n", len(args))
	for _, a := range args {
		fmt.Fprintf(&s, "$%d\r\n%s\r\n", len(a), a)
	}
	return s.String()
}

// reference answers the requests in input, and the text of the error that ends them, "" where there is none.
func reference(input []byte, l Limits) (got []request, errText string) {
	p := input
	// line cuts off p what precedes end and trailing bytes behind it.
	line := func(end byte, limit, trailing int) (s []byte, ok, tooLong bool) {
		i := bytes.IndexByte(p, end)
		if zero := bytes.IndexByte(p, 0); i < 0 || zero >= 0 && zero < i || i > limit {
			return nil, false, len(p) > limit
		}
		if i+trailing > len(p) {
			return nil, false, false
		}
		s, p = p[:i], p[i+trailing:]
		return s, true, false
	}
	for len(p) > 0 {
		start := p
		if p[0] != '*' {
			s, ok, tooLong := line('\n', l.Inline, 1)
			if tooLong {
				return got, "Protocol error: too big inline request"
			}
			if !ok {
				return got, ""
			}
			args, ok := referenceWords(string(bytes.TrimSuffix(s, []byte("\r"))))
			if !ok {
				return got, "Protocol error: unbalanced quotes in request"
			}
			if len(args) > 0 {
				got = append(got, request{args, encode(args)})
			}
			continue
		}
		s, ok, tooLong := line('\r', 65536, 2)
		if tooLong {
			return got, "Protocol error: too big mbulk count string"
		}
		if !ok {
			return got, ""
		}
		count, ok := referenceInt(s[1:])
		if !ok || count > 1<<31-1 || !l.PreAuth && count > int64(l.Args) {
			return got, "Protocol error: invalid multibulk length"
		}
		if count > int64(l.Args) {
			return got, "Protocol error: unauthenticated multibulk length"
		}
		if count <= 0 {
			continue
		}
		var args []string
		for range count {
			s, ok, tooLong := line('\r', 65536, 2)
			if tooLong {
				return got, "Protocol error: too big bulk count string"
			}
			if !ok {
				return got, ""
			}
			if first := string(append(s, '\r')[:1]); first != "$" {
				if first == "\r" || first == "\n" {
					first = " "
				}
				return got, "Protocol error: expected '$', got '" + first + "'"
			}
			n, ok := referenceInt(s[1:])
			if !ok || n < 0 || n > 512<<20 || !l.PreAuth && n > int64(l.Bulk) {
				return got, "Protocol error: invalid bulk length"
			}
			if n > int64(l.Bulk) {
				return got, "Protocol error: unauthenticated bulk length"
			}
			if len(start)-len(p)+int(n)+2 > l.Buffer {
				return got, "Protocol error: too big request"
			}
			if len(p) < int(n)+2 {
				return got, ""
			}
			args = append(args, string(p[:n]))
			p = p[n+2:]
		}
		got = append(got, request{args, string(start[:len(start)-len(p)])})
	}
	return got, ""
}

const spaces = " \t\n\v\f\r"

var (
	doubleQuoted = regexp.MustCompile(`^(?s)"((?:[^"\\]|\\.)*)"`)
	escape       = regexp.MustCompile(`(?s)\\x[0-9a-fA-F]{2}|\\.`)
	bare         = regexp.MustCompile(`^[^ \t\n\r"']+`)
)

// referenceWords splits an inline request. Bytes above 0x7f are mapped to runes of the same number, since regular expressions
// match runes.
func referenceWords(line string) (words []string, ok bool) {
	runes := make([]rune, len(line))
	for i := range len(line) {
		runes[i] = rune(line[i])
	}
	narrow := func(s string) string {
		var b []byte
		for _, c := range s {
			b = append(b, byte(c))
		}
		return string(b)
	}
	rest := string(runes)
	isBlank := func(s string) bool { return s == "" || bytes.IndexByte([]byte(spaces), s[0]) >= 0 }
	for {
		for rest != "" && isBlank(rest) {
			rest = rest[1:]
		}
		if rest == "" {
			return words, true
		}
		word := bare.FindString(rest)
		rest = rest[len(word):]
		switch {
		case rest != "" && rest[0] == '"':
			m := doubleQuoted.FindStringSubmatch(rest)
			if m == nil {
				return nil, false
			}
			rest = rest[len(m[0]):]
			word += escape.ReplaceAllStringFunc(m[1], func(e string) string {
				if len(e) == 4 && e[1] == 'x' {
					n, _ := strconv.ParseUint(e[2:], 16, 8)
					return string(rune(n))
				}
				if c, ok := map[string]string{"n": "\n", "r": "\r", "t": "\t", "b": "\b", "a": "\a"}[e[1:]]; ok {
					return c
				}
				return e[1:]
			})
			if !isBlank(rest) {
				return nil, false
			}
		case rest != "" && rest[0] == '\'':
			m := referenceSingle(rest)
			if m < 0 {
				return nil, false
			}
			word += strings.ReplaceAll(rest[1:m], `\'`, "'")
			rest = rest[m+1:]
			if !isBlank(rest) {
				return nil, false
			}
		}
		words = append(words, narrow(word))
	}
}

// referenceSingle answers where the single-quoted word at the start of s ends, -1 if it does not.
func referenceSingle(s string) int {
	for i := 1; i < len(s); i++ {
		if s[i] == '\'' && s[i-1] != '\\' {
			return i
		}
	}
	return -1
}
