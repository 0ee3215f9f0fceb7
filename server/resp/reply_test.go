package resp

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

var wholeReplies = []string{
	"+OK\r\n", "+\r\n", "-ERR x\r\n", ":1\r\n", ":-1\r\n", "$0\r\n\r\n", "$3\r\na\r\n\r\n", "$-1\r\n", "*-1\r\n", "*0\r\n", "_\r\n",
	"#t\r\n", "#f\r\n", ",1.5\r\n", ",inf\r\n", "(123\r\n", "!5\r\nERR x\r\n", "=5\r\ntxt:a\r\n", "~0\r\n", ">1\r\n:1\r\n",
	"%0\r\n", "%1\r\n+a\r\n*1\r\n$1\r\nx\r\n", "*2\r\n*0\r\n*2\r\n:1\r\n*-1\r\n", "|1\r\n+a\r\n+b\r\n:1\r\n", "|0\r\n:1\r\n",
	"*2\r\n|1\r\n+a\r\n+b\r\n:1\r\n:2\r\n", "*1\r\n%2\r\n+a\r\n~2\r\n:1\r\n:2\r\n+b\r\n_\r\n",
	strings.Repeat("*1\r\n", MaxReplyDepth) + ":1\r\n",
	"*1000\r\n" + strings.Repeat("$5\r\nhello\r\n", 1000),
}

var brokenReplies = []string{
	"x\r\n", "\r\n", "+OK\n", "+a\rb\r\n", ":\r\n", ":x\r\n", ":01\r\n", ":99999999999999999999\r\n",
	"$-2\r\n", "$x\r\n", "$\r\n", "*-2\r\n", "%-1\r\n", "~-1\r\n",
	"$1073741825\r\n", "*9223372036854775807\r\n", "%9223372036854775807\r\n", "$1\r\nabc", "$1\r\na\rb", "_x\r\n", "#x\r\n", "#\r\n",
	"*?\r\n", "$?\r\n", ";4\r\n", ".\r\n", "*" + strings.Repeat("1", 100), strings.Repeat("*1\r\n", MaxReplyDepth+1),
	"*2\r\n:1\r\nx",
}

func TestReplyLen(t *testing.T) {
	for _, in := range wholeReplies {
		p := []byte(in + "+next\r\n")
		if n, ok, err := ReplyLen(p); n != len(in) || !ok || err != nil {
			t.Errorf("%.60q: %d %v %v, want %d", in, n, ok, err, len(in))
		}
		for cut := range min(len(in), 200) {
			if n, ok, err := ReplyLen(p[:cut]); n != 0 || ok || err != nil {
				t.Errorf("%.60q cut at %d: %d %v %v", in, cut, n, ok, err)
			}
		}
		var s ReplyScanner
		for round := range 2 { // a scanner can be used again
			for end := range len(p) + 1 {
				n, ok, err := s.Scan(p[:end])
				if err != nil || ok != (end >= len(in)) || ok && n != len(in) {
					t.Fatalf("%.60q, round %d, %d bytes: %d %v %v", in, round, end, n, ok, err)
				}
				if ok {
					break
				}
			}
		}
	}
	for _, in := range brokenReplies {
		if n, ok, err := ReplyLen([]byte(in)); n != 0 || ok || !errors.Is(err, ErrReply) {
			t.Errorf("%.60q: %d %v %v, want an error", in, n, ok, err)
		}
	}
}

func TestParseReplies(t *testing.T) {
	for in, want := range map[string]string{
		":42\r\n": "42 true", ":-1\r\n": "-1 true",
		"$2\r\n42\r\n": "0 false", "-ERR x\r\n": "0 false", ":42": "0 false", "": "0 false",
	} {
		n, ok := ParseInt([]byte(in))
		if got := fmt.Sprint(n, ok); got != want {
			t.Errorf("ParseInt(%q): %s, want %s", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"$2\r\n42\r\n": `"42" false true`, "+OK\r\n": `"OK" false true`, "$-1\r\n": `"" true true`, "_\r\n": `"" true true`,
		"$0\r\n\r\n": `"" false true`, "=5\r\ntxt:a\r\n": `"a" false true`, ":1\r\n": `"" true false`, "$5\r\nab": `"" true false`,
	} {
		s, ok := ParseBulk([]byte(in))
		if got := fmt.Sprintf("%q %v %v", s, s == nil, ok); got != want {
			t.Errorf("ParseBulk(%q): %s, want %s", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"*2\r\n:1\r\n:2\r\n": `2 ":1\r\n:2\r\n" true`, "%1\r\n:1\r\n:2\r\n": `2 ":1\r\n:2\r\n" true`, "~0\r\n": `0 "" true`,
		"*-1\r\n": `0 "" true`, "_\r\n": `0 "" true`, ":1\r\n": `0 "" false`, "*": `0 "" false`,
	} {
		n, body, ok := ParseArray([]byte(in))
		if got := fmt.Sprintf("%d %q %v", n, body, ok); got != want {
			t.Errorf("ParseArray(%q): %s, want %s", in, got, want)
		}
	}
	if !IsError([]byte("-ERR\r\n")) || !IsError([]byte("!3\r\nERR\r\n")) || IsError([]byte("+OK\r\n")) || IsError(nil) {
		t.Error("IsError")
	}
}

// referenceReply is ReplyLen by plain recursion: -1 where p is too short, -2 where it is broken.
func referenceReply(p []byte, depth int) int {
	if len(p) == 0 {
		return -1
	}
	if !bytes.ContainsRune([]byte("+-:_,(#$!=*~>%|"), rune(p[0])) {
		return -2
	}
	i := bytes.IndexByte(p, '\n')
	if i < 0 {
		if len(p) > maxReplyHeader && !bytes.ContainsRune([]byte("+-,("), rune(p[0])) {
			return -2
		}
		return -1
	}
	if i < 2 || p[i-1] != '\r' {
		return -2
	}
	s, at := p[1:i-1], i+1
	n, isInt := referenceInt(s)
	ok, children := true, int64(0)
	switch p[0] {
	case '+', '-', ',', '(':
		ok = !bytes.Contains(s, []byte("\r"))
	case ':':
		ok = isInt
	case '_':
		ok = len(s) == 0
	case '#':
		ok = string(s) == "t" || string(s) == "f"
	case '$', '!', '=':
		ok = isInt && n <= maxReplyCount && (n >= 0 || n == -1 && p[0] == '$')
		if ok && n >= 0 {
			if len(p) < at+int(n)+2 {
				return -1
			}
			at += int(n) + 2
			ok = string(p[at-2:at]) == "\r\n"
		}
	case '*', '~', '>', '%', '|':
		ok = isInt && n <= maxReplyCount && (n >= 0 || n == -1 && p[0] == '*')
		children = n
		if p[0] == '%' || p[0] == '|' {
			children = 2 * n
		}
	}
	if !ok {
		return -2
	}
	if children > 0 && depth == MaxReplyDepth {
		return -2
	}
	for range max(children, 0) {
		m := referenceReply(p[at:], depth+1)
		if m < 0 {
			return m
		}
		at += m
	}
	if p[0] == '|' {
		m := referenceReply(p[at:], depth)
		if m < 0 {
			return m
		}
		at += m
	}
	return at
}

func FuzzReplyLen(f *testing.F) {
	for _, in := range append(wholeReplies, brokenReplies...) {
		f.Add([]byte(in), 3)
	}
	f.Fuzz(func(t *testing.T, p []byte, cut int) {
		n, ok, err := ReplyLen(p)
		want := referenceReply(p, 0)
		got := n
		if err != nil {
			got = -2
		} else if !ok {
			got = -1
		}
		if got != want {
			t.Fatalf("%q: %d, want %d", p, got, want)
		}
		var s ReplyScanner
		if cut >= 0 && cut < len(p) {
			if m, ok, err := s.Scan(p[:cut]); ok || err != nil {
				if n != m && err == nil || (err != nil) && got != -2 {
					t.Fatalf("%q: %d, %v of the first %d bytes", p, m, err, cut)
				}
				return
			}
		}
		if m, ok2, err2 := s.Scan(p); m != n || ok2 != ok || (err2 != nil) != (err != nil) {
			t.Fatalf("%q: in two pieces: %d %v %v, in one: %d %v %v", p, m, ok2, err2, n, ok, err)
		}
	})
}
