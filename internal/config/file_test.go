package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseFile(t *testing.T) {
	text := "# comment\n\n  Port 7001  \nbind 127.0.0.1 ::1\r\nrequirepass \"a \\\"b\\\" \\x41\"\nzone 'it\\'s'\nsave \"\"\nclient-output-buffer-limit normal 1mb 0 0"
	got, err := ParseFile(text)
	if err != nil {
		t.Fatal(err)
	}
	want := []Line{
		{3, "port", "7001"},
		{4, "bind", "127.0.0.1 ::1"},
		{5, "requirepass", `a "b" A`},
		{6, "zone", "it's"},
		{7, "save", ""},
		{8, "client-output-buffer-limit", "normal 1mb 0 0"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseFileErrors(t *testing.T) {
	for text, want := range map[string]string{
		"port 7000\nslaveof a 1":                 "line 2: unknown setting 'slaveof'",
		"port":                                   "line 1: port has no value",
		"port x":                                 "line 1: port: argument couldn't be parsed into an integer",
		"\n\nzone \"a":                           "line 3: unbalanced quotes",
		"zone \"a\"b":                            "line 1: unbalanced quotes",
		"config other.conf":                      "line 1: config cannot stand in a config file",
		"save 3600 1":                            "line 1: save: argument must be '': a cache keeps its data in memory",
		"zone \"a\\nb\"":                         "line 1: zone: argument must be one line of text",
		strings.Repeat("\n", maxFileLines) + "x": "line 10001: a config file has at most 10000 lines",
	} {
		if _, err := ParseFile(text); err == nil || err.Error() != want {
			t.Errorf("%.40q\n got  %v\n want %s", text, err, want)
		}
	}
	big := filepath.Join(t.TempDir(), "big.conf")
	if err := os.WriteFile(big, make([]byte, maxFileBytes+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readFile(big); err == nil || !strings.Contains(err.Error(), "at most 1048576 bytes") {
		t.Errorf("a file over the limit: %v", err)
	}
}

// FuzzParseFile feeds any text: an answer must be lines of known settings whose values the settings accept.
func FuzzParseFile(f *testing.F) {
	for _, seed := range []string{
		"", "port 7000\n", "bind 127.0.0.1 ::1\nsave \"\"", "zone \"\\x41\\n\\", "zone 'a\\'b'", "client-output-buffer-limit normal 1mb 0 0 pubsub 1 2 3",
		"# x\n\tmaxmemory 1gb\r\n", "hold 1h\nnode-timeout 1s", "\x00 \xff", "timeout 1m",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		lines, err := ParseFile(text)
		if err != nil && !strings.HasPrefix(err.Error(), "line ") {
			t.Errorf("an error without its line: %v", err)
		}
		for _, l := range lines {
			s := lookup(l.Name)
			if s == nil || l.Number < 1 {
				t.Fatalf("line %+v", l)
			}
			if _, err := s.parse(s.of(defaults()), l.Value); err != nil {
				t.Errorf("line %+v: %v", l, err)
			}
		}
	})
}

// FuzzSet feeds CONFIG SET any name and value: what it accepts must come back from CONFIG GET and be accepted again.
func FuzzSet(f *testing.F) {
	f.Add("maxmemory", "64mb")
	f.Add("hz", "-1")
	f.Add("client-output-buffer-limit", "normal 1 2 3")
	f.Add("requirepass", "x")
	f.Fuzz(func(t *testing.T, name, value string) {
		st := NewStore(Default())
		if err := st.Set([][2]string{{name, value}}); err != nil {
			if strings.ContainsAny(err.Error(), "\r\n") {
				t.Errorf("an error of several lines: %q", err)
			}
			return
		}
		shown := st.Get(strings.ToLower(name))
		if len(shown) != 1 {
			t.Fatalf("%q was set and is not shown", name)
		}
		if err := st.Set([][2]string{{name, shown[0][1]}}); err != nil {
			t.Errorf("%s shows %q and does not accept it: %v", name, shown[0][1], err)
		}
	})
}
