package command

import (
	"strings"
	"testing"
	"time"
)

// refGlob is the definition: it tries everything.
func refGlob(p, s string) bool {
	if s == "" {
		return strings.Trim(p, "*") == ""
	}
	if p == "" {
		return false
	}
	if p[0] == '*' {
		for i := 0; i <= len(s); i++ {
			if refGlob(p[1:], s[i:]) {
				return true
			}
		}
		return false
	}
	n, ok := matchOne([]byte(p), s[0])
	return ok && refGlob(p[n:], s[1:])
}

func TestGlob(t *testing.T) {
	for _, tc := range []struct {
		pattern, text string
		want          bool
	}{
		{"*", "abc", true},
		{"a*c", "abc", true},
		{"a*c", "abcd", false},
		{"a**", "a", true},
		{"?", "", false},
		{"", "", true},
		{"*", "", false}, // as Redis; callers let "*" through
		{"h[ae]llo", "hello", true},
		{"h[^e]llo", "hello", false},
		{"h[^e]llo", "hallo", true},
		{"h[a-b]llo", "hbllo", true},
		{"h[b-a]llo", "hallo", true},
		{"h\\*llo", "h*llo", true},
		{"h\\*llo", "hello", false},
		{"[\\]]", "]", true},
		{"[", "[", false},
		{"[^", "x", true},
		{"[a", "a", true},
		{"[]", "]", false},
		{"[^]x", "ax", true},
		{"[a-", "-", true},
		{"[a-]", "b", false},
		{"\\", "\\", true},
		{"a\\", "a\\", true},
		{"[a-c]*[!]", "b??!", true},
		{"\x00*\xff", "\x00\r\n\xff", true},
	} {
		if got := globMatch([]byte(tc.pattern), []byte(tc.text)); got != tc.want {
			t.Errorf("%q matches %q: %v", tc.pattern, tc.text, got)
		}
	}
}

// TestGlobWork: the worst pattern takes a bounded time.
func TestGlobWork(t *testing.T) {
	start := time.Now()
	pattern := []byte(strings.Repeat("*a", 20) + strings.Repeat("a", 100_000) + "b")
	if globMatch(pattern, []byte(strings.Repeat("a", 10_000_000))) {
		t.Error("it matches")
	}
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("it took %v", d)
	}
}

func FuzzGlob(f *testing.F) {
	for _, s := range []string{"*", "a*b?c", "[a-c]x", "[^a]*", "\\*", "[\\", "**a**", "[]", "[a-"} {
		f.Add(s, "abcabc")
	}
	f.Fuzz(func(t *testing.T, p, s string) {
		if len(p) > 20 || len(s) > 30 || strings.Count(p, "*") > 5 {
			return
		}
		want := refGlob(p, s)
		if s == "" {
			want = p == ""
		}
		if got := globMatch([]byte(p), []byte(s)); got != want {
			t.Errorf("%q matches %q: %v, by definition %v", p, s, got, want)
		}
	})
}
