package config

import (
	"bytes"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func parse(t *testing.T, args ...string) Config {
	t.Helper()
	c, done, err := Parse(args, "", "", &bytes.Buffer{})
	if err != nil || done {
		t.Fatalf("Parse(%q): %v, done %v", args, err, done)
	}
	return c
}

func TestDefaults(t *testing.T) {
	c := parse(t)
	if diff := cmp.Diff(Default(), c); diff != "" {
		t.Errorf("an empty command line is not the default:\n%s", diff)
	}
	if err := c.Validate(); err != nil {
		t.Errorf("the default does not validate: %v", err)
	}
	if c.Port != 7000 || c.NodeTimeout.Of() != time.Second || c.TCPKeepAlive.Of() != 300*time.Second || c.QueryBufferLimit != 1<<30 {
		t.Errorf("defaults: %+v", c)
	}
	if got := c.DataDir(); got != "ringcache-7000" {
		t.Errorf("data directory: %s", got)
	}
}

func TestPrecedence(t *testing.T) {
	file := filepath.Join(t.TempDir(), "node.conf")
	write(t, file, "# a node\nport 7101\nmaxclients 11\nHOLD 2s\ntimeout 7\n"+
		"client-output-buffer-limit normal 1mb 0 0\nclient-output-buffer-limit replica 2mb 0 0\nsave \"\"\ndatabases 16\n")
	t.Setenv("RINGCACHE_PORT", "7102")
	t.Setenv("RINGCACHE_MAXCLIENTS", "12")
	t.Setenv("RINGCACHE_CONFIG", file)
	c := parse(t, "--port", "7103")
	if c.Port != 7103 || c.MaxClients != 12 || c.Hold.Of() != 2*time.Second || c.Timeout.Of() != 7*time.Second {
		t.Errorf("flag, environment, file: %d, %d, %s, %s", c.Port, c.MaxClients, c.Hold, c.Timeout)
	}
	want := "normal 1048576 0 0 slave 2097152 0 0 pubsub 33554432 8388608 60"
	if got := c.OutputLimits.String(); got != want {
		t.Errorf("two lines of output buffer limits: %s, want %s", got, want)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFlagLists(t *testing.T) {
	c := parse(t, "--bind", "127.0.0.1", "--bind", "::1", "--join", "a:7000,b:7001", "--unixsocketperm", "770")
	if diff := cmp.Diff(Addrs{"127.0.0.1", "::1"}, c.Bind); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"127.0.0.1:17000", "[::1]:17000"}, c.BusAddrs()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(Addrs{"a:7000", "b:7001"}, c.Join); diff != "" {
		t.Error(diff)
	}
	if c.UnixSocketPerm != 0o770 {
		t.Errorf("permissions %s", c.UnixSocketPerm)
	}
}

func TestParseErrors(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.conf")
	write(t, bad, "port 7000\n\nnosuch 1\n")
	for _, test := range []struct{ args, want string }{
		{"--port 0", "--port: argument must be between 1 and 55535 inclusive"},
		{"--port", "--port: needs a value"},
		{"--port 70.5", "--port: argument couldn't be parsed into an integer"},
		{"--hold 11m", "--hold: argument must be between 0s and 10m inclusive"},
		{"--hold 5", "--hold: argument must be a duration such as 500ms or 5s"},
		{"--acks all", "--acks: argument(s) must be one of the following: in-sync, primary"},
		{"--databases 17", "--databases: argument must be '16': the number of databases is fixed"},
		{"--nosuch", "unknown flag --nosuch"},
		{"stray", "unexpected argument stray"},
		{"--config " + bad, bad + ": line 3: unknown setting 'nosuch'"},
		{"--config /no/such", "open /no/such: no such file or directory"},
		{"--bind 0.0.0.0", "--bind 0.0.0.0 lets other machines reach this node: set --cluster-secret, or --protected-mode no"},
		{"--bind ::", "--bind :: lets other machines reach this node: set --cluster-secret, or --protected-mode no"},
		{"--bind 127.0.0.1,*", "--bind * lets other machines reach this node: set --cluster-secret, or --protected-mode no"},
		{"--bind=", "--bind needs at least one address"},
		{"--join host", "--join host: want HOST:PORT, the client address of a node"},
		{"--join host:60000", "--join host:60000: want HOST:PORT, the client address of a node"},
	} {
		_, done, err := Parse(strings.Fields(test.args), "", "", &bytes.Buffer{})
		if done || err == nil || err.Error() != test.want {
			t.Errorf("%s\n got  %v\n want %s", test.args, err, test.want)
		}
	}
	for _, args := range []string{"--bind 0.0.0.0 --cluster-secret s", "--bind 0.0.0.0 --protected-mode no", "--bind localhost,127.0.0.5,::1"} {
		if _, _, err := Parse(strings.Fields(args), "", "", &bytes.Buffer{}); err != nil {
			t.Errorf("%s: %v", args, err)
		}
	}
}

func TestHelp(t *testing.T) {
	for _, arg := range []string{"-h", "--version"} {
		var out bytes.Buffer
		_, done, err := Parse([]string{arg}, "A node.", "ringcache 1", &out)
		if !done || err != nil {
			t.Errorf("%s: done %v, %v", arg, done, err)
		}
		want := []string{"ringcache 1"}
		if arg == "-h" {
			want = []string{"A node.", "Network:", "Cluster:", "--port=7000", "--protected-mode=yes|no"}
		}
		for _, w := range want {
			if !strings.Contains(out.String(), w) {
				t.Errorf("%s does not show %q:\n%s", arg, w, out.String())
			}
		}
	}
}

// TestEverySetting makes sure that whatever is shown is accepted, so that a node's settings can be written down and read.
func TestEverySetting(t *testing.T) {
	c := parse(t, "--maxmemory", "64mb", "--bind", "127.0.0.1,::1", "--timeout", "1m", "--hold", "90s", "--unixsocketperm", "700")
	for _, s := range settings() {
		shown := s.show(s.of(&c))
		v, err := s.parse(s.of(&c), shown)
		if err != nil || s.show(v) != shown {
			t.Errorf("%s: %q becomes %q, %v", s.name, shown, s.show(v), err)
		}
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]Size{
		"0": 0, "1": 1, "7b": 7, "1k": 1000, "1kb": 1024, "2KB": 2048, "1m": 1000000, "64mb": 64 << 20, "1g": 1000000000, "1Gb": 1 << 30,
		"9223372036854775807": 9223372036854775807,
	} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "mb", "-1", "+1", "1.5mb", "10 mb", "1tb", "10%", "9223372036854775808", "9007199254740993gb", "1mbb"} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("%q is read as %d", text, got)
		}
	}
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]string{"500ms": "500ms", "60s": "1m", "1h": "1h", "90m": "1h30m", "0s": "0s", "1m30s": "1m30s", "20m": "20m"} {
		if got, err := ParseDuration(text); err != nil || got.String() != want {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "5", "-5s", "5 s", "s"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q is read as %s", text, got)
		}
	}
}

func TestAdvertised(t *testing.T) {
	ifaces := func(cidrs ...string) func() ([]net.Addr, error) {
		return func() ([]net.Addr, error) {
			var out []net.Addr
			for _, c := range cidrs {
				ip, n, err := net.ParseCIDR(c)
				if err != nil {
					return nil, err
				}
				out = append(out, &net.IPNet{IP: ip, Mask: n.Mask})
			}
			return out, nil
		}
	}
	machine := ifaces("127.0.0.1/8", "::1/128", "fe80::1/64", "2001:db8::5/64", "203.0.113.4/24", "10.0.0.4/8")
	for _, test := range []struct {
		args, want string
		ifaces     func() ([]net.Addr, error)
	}{
		{"", "127.0.0.1:7000", machine},
		{"--bind 127.0.0.1,::1", "127.0.0.1:7000", machine},
		{"--bind ::1", "[::1]:7000", machine},
		{"--bind * --protected-mode no", "10.0.0.4:7000", machine},
		{"--bind * --protected-mode no", "[2001:db8::5]:7000", ifaces("127.0.0.1/8", "2001:db8::5/64")},
		{"--cluster-announce-ip 192.0.2.1 --cluster-announce-port 7777", "192.0.2.1:7777", machine},
		{"--bind * --protected-mode no", "", ifaces("127.0.0.1/8")},
	} {
		c := parse(t, strings.Fields(test.args)...)
		got, err := c.Advertised(test.ifaces)
		if got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%q: %q, %v; want %q", test.args, got, err, test.want)
		}
	}
}

func TestLogHidesSecrets(t *testing.T) {
	c := parse(t, "--requirepass", "hunter2", "--cluster-secret", "s3cr3t", "--port", "7001")
	var out bytes.Buffer
	slog.New(slog.NewTextHandler(&out, nil)).Info("start", "settings", c)
	if s := out.String(); strings.Contains(s, "hunter2") || strings.Contains(s, "s3cr3t") || !strings.Contains(s, "settings.port=7001") {
		t.Errorf("logged: %s", s)
	}
}
