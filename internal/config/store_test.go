package config

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// pairs makes the arguments of CONFIG SET from words.
func pairs(words ...string) (out [][2]string) {
	for i := 0; i+1 < len(words); i += 2 {
		out = append(out, [2]string{words[i], words[i+1]})
	}
	return out
}

// The texts are what redis-server 7.0.15 answered to the same CONFIG SET.
func TestSetErrors(t *testing.T) {
	failed := func(name, why string) string {
		return "ERR CONFIG SET failed (possibly related to argument '" + name + "') - " + why
	}
	for _, test := range []struct {
		set  [][2]string
		want string
	}{
		{pairs("nosuch", "1"), "ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'"},
		{pairs("maxmemory", "100", "nosuch", "1"), "ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'"},
		{pairs("nosuch", "1", "maxmemory", "abc"), "ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'"},
		{pairs("no\r\nsuch", "1"), "ERR Unknown option or number of arguments for CONFIG SET - 'no  such'"},
		{pairs("databases", "4", "nosuch", "2"), failed("databases", "can't set immutable config")},
		{pairs("tcp-backlog", "5"), failed("tcp-backlog", "can't set immutable config")},
		{pairs("cluster-enabled", "maybe"), failed("cluster-enabled", "can't set immutable config")},
		{pairs("MAXMEMORY", "1", "maxmemory", "2"), failed("maxmemory", "duplicate parameter")},
		{pairs("maxmemory", "abc"), failed("maxmemory", "argument must be a memory value")},
		{pairs("maxmemory", "-1"), failed("maxmemory", "argument must be a memory value")},
		{pairs("maxmemory-policy", "foo"), failed("maxmemory-policy", "argument(s) must be one of the following: volatile-lru, volatile-lfu, "+
			"volatile-random, volatile-ttl, allkeys-lru, allkeys-lfu, allkeys-random, noeviction")},
		{pairs("loglevel", "foo"), failed("loglevel", "argument(s) must be one of the following: debug, verbose, notice, warning")},
		{pairs("maxclients", "abc"), failed("maxclients", "argument couldn't be parsed into an integer")},
		{pairs("maxclients", "0"), failed("maxclients", "argument must be between 1 and 4294967295 inclusive")},
		{pairs("timeout", "-1"), failed("timeout", "argument must be between 0 and 2147483647 inclusive")},
		{pairs("timeout", "9999999999"), failed("timeout", "argument must be between 0 and 2147483647 inclusive")},
		{pairs("tcp-keepalive", "abc"), failed("tcp-keepalive", "argument couldn't be parsed into an integer")},
		{pairs("timeout", "1500ms"), failed("timeout", "argument must be a whole number of seconds")},
		{pairs("appendonly", "maybe"), failed("appendonly", "argument must be 'yes' or 'no'")},
		{pairs("appendonly", "yes"), failed("appendonly", "argument must be 'no': a cache keeps its data in memory")},
		{pairs("proto-max-bulk-len", "10"), failed("proto-max-bulk-len", "argument must be between 1048576 and 9223372036854775807 inclusive")},
		{pairs("maxmemory-samples", "0"), failed("maxmemory-samples", "argument must be between 1 and 2147483647 inclusive")},
		{pairs("client-output-buffer-limit", "normal 0 0"), failed("client-output-buffer-limit", "Wrong number of arguments in buffer limit configuration.")},
		{pairs("client-output-buffer-limit", "foo 1mb 0 0"), failed("client-output-buffer-limit", "Invalid client class specified in buffer limit configuration.")},
		{pairs("client-output-buffer-limit", "normal 1zb 0 0"), failed("client-output-buffer-limit", "Error in hard, soft or soft_seconds setting in buffer limit configuration.")},
		{pairs("client-output-buffer-limit", "normal 1 1 -1"), failed("client-output-buffer-limit", "Error in hard, soft or soft_seconds setting in buffer limit configuration.")},
	} {
		st := NewStore(Default())
		before := st.Load()
		err := st.Set(test.set)
		if err == nil || err.Error() != test.want {
			t.Errorf("%v\n got  %v\n want %s", test.set, err, test.want)
		}
		if st.Load() != before {
			t.Errorf("%v failed, but something was published", test.set)
		}
	}
}

func TestSetAllOrNone(t *testing.T) {
	st := NewStore(Default())
	calls := 0
	st.OnSet(func(old, now *Config) {
		calls++
		if old.MaxMemory != 0 || now.MaxMemory != 64<<20 || st.Load() != now {
			t.Errorf("hook: %d to %d", old.MaxMemory, now.MaxMemory)
		}
	})
	if err := st.Set(pairs("maxmemory", "64mb", "maxclients", "0")); err == nil || st.Load().MaxMemory != 0 || calls != 0 {
		t.Fatalf("half of a Set was done: %v, %d, %d calls", err, st.Load().MaxMemory, calls)
	}
	err := st.Set(pairs("MaxMemory", "64mb", "hz", "9999", "client-output-buffer-limit", "replica 1mb 0 0", "timeout", "2m", "save", ""))
	if err != nil || calls != 1 {
		t.Fatalf("Set: %v, %d calls", err, calls)
	}
	want := [][2]string{{"hz", "500"}, {"maxmemory", "67108864"}, {"timeout", "120"}}
	var got [][2]string
	for _, name := range []string{"HZ", "maxmemory", "timeout"} {
		got = append(got, st.Get(name)...)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if shown := st.Get("client-output*")[0][1]; shown != "normal 0 0 0 slave 1048576 0 0 pubsub 33554432 8388608 60" {
		t.Error(shown)
	}
	if d := st.Load().Timeout.Of(); d != 2*time.Minute {
		t.Error(d)
	}
}

func TestGet(t *testing.T) {
	st := NewStore(parse(t, "--cluster-secret", "s"))
	want := [][2]string{{"maxmemory", "0"}, {"maxmemory-policy", "noeviction"}, {"maxmemory-samples", "5"}}
	if diff := cmp.Diff(want, st.Get("MAXMEM*")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([][2]string{{"cluster-secret", "(hidden)"}}, st.Get("cluster-secret")); diff != "" {
		t.Error(diff)
	}
	if got := st.Get("*"); len(got) != len(byName()) {
		t.Errorf("* shows %d of %d", len(got), len(byName()))
	}
	if got := st.Get("nosuch"); got != nil {
		t.Errorf("nosuch: %v", got)
	}
	for _, name := range []string{"save", "appendonly", "dir", "databases", "cluster-enabled"} {
		want := map[string]string{"save": "", "appendonly": "no", "dir": "ringcache-7000", "databases": "16", "cluster-enabled": "yes"}[name]
		if got := st.Get(name); len(got) != 1 || got[0][1] != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestConcurrentReaders(t *testing.T) {
	st := NewStore(Default())
	var readers sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if c := st.Load(); int(c.MaxMemory) != c.LFUDecayTime-1 {
					t.Errorf("a torn snapshot: %d and %d", c.MaxMemory, c.LFUDecayTime)
					return
				}
			}
		})
	}
	for i := range 500 {
		n := Size(i)
		decimal := NewStore(Config{MaxMemory: n}).Get("maxmemory")[0][1]
		next := NewStore(Config{MaxMemory: n + 1}).Get("maxmemory")[0][1]
		if err := st.Set(pairs("maxmemory", decimal, "lfu-decay-time", next)); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	readers.Wait()
}

func TestMatch(t *testing.T) {
	for _, test := range []struct {
		pattern, name string
		want          bool
	}{
		{"*", "", true},
		{"", "", true},
		{"", "a", false},
		{"a*c", "abbc", true},
		{"a*c", "abbd", false},
		{"a?c", "abc", true},
		{"a?c", "ac", false},
		{"[a-c]x", "bx", true},
		{"[^a-c]x", "bx", false},
		{"[c-a]x", "bx", true},
		{`[\]]`, "]", true},
		{`\*`, "*", true},
		{`\*`, "a", false},
		{`a\`, `a\`, true},
		{"[abc", "c", true},
		{"[", "[", false},
		{"*a*b*", "xxaxxbxx", true},
		{"max*-*s", "maxmemory-samples", true},
	} {
		if got := match(test.pattern, test.name); got != test.want {
			t.Errorf("match(%q, %q) = %v", test.pattern, test.name, got)
		}
	}
	start := time.Now()
	match(strings.Repeat("*a", 2000)+"b", strings.Repeat("a", 2000))
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("a hostile pattern took %s", d)
	}
}

// TestOlderName: Redis knows the setting by two names, and shows both.
func TestOlderName(t *testing.T) {
	st := NewStore(Default())
	if err := st.Set([][2]string{{"min-slaves-to-write", "2"}}); err != nil {
		t.Fatal(err)
	}
	want := [][2]string{{"min-replicas-to-write", "2"}, {"min-slaves-to-write", "2"}}
	if got := st.Get("min-*"); !slices.Equal(got, want) || st.Load().MinReplicas != 2 {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := st.Set([][2]string{{"min-slaves-to-write", "1"}, {"min-replicas-to-write", "2"}}); err == nil {
		t.Error("the same setting twice")
	}
	if err := st.Set([][2]string{{"min-replicas-to-write", "-1"}}); err == nil ||
		err.Error() != "ERR CONFIG SET failed (possibly related to argument 'min-replicas-to-write') - argument must be between 0 and 2147483647 inclusive" {
		t.Error(err)
	}
	lines, err := ParseFile("min-slaves-to-write 3\n")
	if err != nil || len(lines) != 1 || lines[0].Name != "min-replicas-to-write" {
		t.Errorf("%v, %v", lines, err)
	}
}
