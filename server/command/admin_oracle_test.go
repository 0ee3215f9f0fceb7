package command

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringcache/internal/oracle"
)

// sameAsRedis are commands of the families connection, server and COMMAND whose replies do not depend on the node: they must
// be Redis's, byte for byte. Each is sent on the same session, in this order.
const sameAsRedis = `
PING
PING a
PING a b
ECHO ""
ECHO "a\r\nb"
ECHO
SELECT a
SELECT 99
SELECT 16
SELECT -1
SELECT 99999999999999999999
SELECT 01
SELECT 3
SELECT 0
HELLO x
HELLO 4
HELLO 1
HELLO 3 FOO
HELLO 2 SETNAME
HELLO 2 SETNAME "a b"
HELLO 2 AUTH foo x
HELLO 2 AUTH a
HELLO 2 SETNAME x AUTH
AUTH x
AUTH default x
AUTH foo x
AUTH a b c
AUTH
CLIENT
CLIENT FOO
CLIENT "fo\r\no"
CLIENT ID x
CLIENT LIST TYPE foo
CLIENT LIST TYPE master
CLIENT LIST TYPE SLAVE
CLIENT LIST TYPE
CLIENT LIST TYPE normal x
CLIENT LIST ID 1 2
CLIENT LIST ID x
CLIENT LIST ID -1
CLIENT LIST ID
CLIENT LIST foo bar
CLIENT KILL
CLIENT KILL 1.2.3.4:5
CLIENT KILL ID x
CLIENT KILL ID 0
CLIENT KILL ID -5
CLIENT KILL ID 9999 SKIPME
CLIENT KILL ID 9999 SKIPME maybe
CLIENT KILL ID 9999 SKIPME no
CLIENT KILL TYPE foo
CLIENT KILL TYPE master
CLIENT KILL USER foo
CLIENT KILL USER default ID 99
CLIENT KILL FOO bar
CLIENT KILL ADDR 1.2.3.4:1
CLIENT KILL LADDR 1.2.3.4:1
CLIENT KILL ID 9999 ADDR
CLIENT UNBLOCK
CLIENT UNBLOCK x
CLIENT UNBLOCK x TIMEOUT
CLIENT UNBLOCK 99999 TIMEOUT
CLIENT UNBLOCK 99999 error
CLIENT UNBLOCK 0
CLIENT UNBLOCK -5
CLIENT UNBLOCK x foo
CLIENT unblock 1 TIMEOUT x
CLIENT REPLY foo
CLIENT REPLY on
CLIENT NO-EVICT foo
CLIENT NO-EVICT on
CLIENT NO-EVICT OFF
CLIENT SETNAME "a b"
CLIENT SETNAME "abc\n"
CLIENT SETNAME "\x7f"
CLIENT SETNAME "~!"
CLIENT GETNAME
CLIENT SETNAME ""
CLIENT GETNAME
CONFIG
CONFIG FOO
CONFIG SET a
CONFIG SET a b
CONFIG SET a b c
CONFIG GET
CONFIG GET save
CONFIG GET nonexistent
CONFIG REWRITE
CONFIG RESETSTAT
CONFIG RESETSTAT x
CONFIG HELP
CONFIG HELP x
INFO foo
INFO modules
INFO MODULES nothing
TIME x
MEMORY USAGE nokey
MEMORY USAGE nokey SAMPLES
MEMORY USAGE nokey SAMPLES x
MEMORY USAGE nokey SAMPLES -1
MEMORY USAGE nokey SAMPLES 5
MEMORY USAGE nokey foo 1
MEMORY USAGE
SHUTDOWN foo
SHUTDOWN ABORT
SHUTDOWN ABORT NOW
SHUTDOWN SAVE NOSAVE
SHUTDOWN ABORT ABORT
COMMAND FOO
COMMAND INFO nosuch
COMMAND INFO nosuch ping client|nosuch
COMMAND INFO client|id
COMMAND DOCS nosuch
COMMAND DOCS nosuch ping client|id
COMMAND GETKEYS ping
COMMAND GETKEYS ping x
COMMAND GETKEYS nosuch x
COMMAND GETKEYS memory foo x
COMMAND GETKEYS memory usage x
COMMAND GETKEYS memory help
COMMAND GETKEYS memory usage
COMMAND GETKEYSANDFLAGS memory usage x
COMMAND GETKEYSANDFLAGS ping x
COMMAND LIST FILTERBY ACLCAT nosuch
COMMAND LIST FILTERBY ACLCAT @admin
COMMAND LIST FILTERBY PATTERN nosuch*
COMMAND LIST FILTERBY PATTERN client|id
COMMAND LIST FILTERBY PATTERN CLIENT|I?
COMMAND LIST FILTERBY MODULE foo
COMMAND LIST FILTERBY FOO foo
COMMAND LIST FOO foo
COMMAND LIST FILTERBY PATTERN
COMMAND LIST FILTERBY
COMMAND HELP
DEBUG
RESET
CLIENT GETNAME
RESET x
QUIT now
`

// sameInCluster likewise, against a redis-server that is a cluster of one node without slots.
const sameInCluster = `
READONLY
READONLY x
READWRITE
ASKING
CLUSTER
CLUSTER FOO
CLUSTER MYID x
CLUSTER KEYSLOT
CLUSTER COUNTKEYSINSLOT x
CLUSTER COUNTKEYSINSLOT -1
CLUSTER COUNTKEYSINSLOT 0
CLUSTER COUNTKEYSINSLOT 16384
CLUSTER COUNTKEYSINSLOT 99999999999999999999
CLUSTER GETKEYSINSLOT x 1
CLUSTER GETKEYSINSLOT 1 x
CLUSTER GETKEYSINSLOT 1 -1
CLUSTER GETKEYSINSLOT -1 1
CLUSTER GETKEYSINSLOT 16384 1
CLUSTER GETKEYSINSLOT 1 0
CLUSTER GETKEYSINSLOT 1 1
CLUSTER GETKEYSINSLOT 1 9223372036854775807
`

func TestSameAsRedis(t *testing.T) {
	for _, proto := range []string{"2", "3"} {
		t.Run("resp"+proto, func(t *testing.T) {
			compareScript(t, startRedis(t), proto, sameAsRedis)
			compareScript(t, startRedis(t, "--cluster-enabled", "yes", "--cluster-port", freePort(t)), proto, sameInCluster)
		})
	}
}

func compareScript(t *testing.T, redis *redisSession, proto, script string) {
	t.Helper()
	ours := newAdmin(t)
	ours.node.others = nil
	redis.do("HELLO " + proto)
	ours.do("HELLO " + proto)
	for line := range strings.Lines(script) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		want, got := redis.do(line), ours.do(line)
		if strings.Contains(line, "FILTERBY PATTERN CLIENT") { // the order is free
			want, got = sortedLines(want), sortedLines(got)
		}
		if got != want {
			t.Errorf("%s\n got %q\nwant %q", line, got, want)
		}
	}
}

func sortedLines(s string) string {
	lines := strings.Split(s, "\r\n")
	slices.Sort(lines)
	return strings.Join(lines, "\r\n")
}

// shownOtherwise are the rows that COMMAND INFO or DOCS shall show otherwise than Redis 7.0, with the reason.
var shownOtherwise = map[string]string{
	"debug": "a container here, so that DEBUG OBJECT can be routed by its key; Redis has one command with words of its own",
	"zrank": "as from Redis 7.2 on, with WITHSCORE", "zrevrank": "as from Redis 7.2 on, with WITHSCORE",
}

// TestCommandInfoAsRedis compares what COMMAND says of every row with what Redis says of it.
func TestCommandInfoAsRedis(t *testing.T) {
	redis, ours := startRedis(t), newAdmin(t)
	redis.do("HELLO 3")
	ours.do("HELLO 3")
	known := 0
	for i := range ours.ctx.Table.Len() {
		r := ours.ctx.Table.At(i)
		for _, ask := range []string{"COMMAND INFO ", "COMMAND DOCS "} {
			want, got := redis.do(ask+r.FullName()), ours.do(ask+r.FullName())
			if strings.HasPrefix(want, "*1\r\n_") || want == "%0\r\n" {
				continue // a command of a later Redis, or ours
			}
			known++
			if shownOtherwise[r.FullName()] != "" || r.Parent() != nil && shownOtherwise[r.Parent().FullName()] != "" {
				continue
			}
			wantV, _ := parseReply(t, []byte(want))
			gotV, _ := parseReply(t, []byte(got))
			have := func(name string) bool { return strings.Contains(ours.do("COMMAND INFO "+name), "$") }
			older := func(name string) bool { return strings.Contains(redis.do("COMMAND INFO "+name), "$") }
			wantT, gotT := render(nil, "", normalize(wantV, have)), render(nil, "", normalize(gotV, older))
			if slices.Equal(wantT, gotT) {
				continue
			}
			if diff := cmp.Diff(wantT, gotT); diff != "" {
				t.Errorf("%s%s (-redis +ours):\n%s", ask, r.FullName(), diff)
			}
		}
	}
	t.Logf("compared %d replies about %d rows", known, ours.ctx.Table.Len())
}

// normalize drops subcommands that the other side does not have, and orders the rest by name.
func normalize(v any, keep func(name string) bool) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, 0, len(v))
		for _, e := range v {
			if name := subName(e); name == "" || keep(name) {
				out = append(out, normalize(e, keep))
			}
		}
		slices.SortStableFunc(out, func(a, b any) int { return strings.Compare(subName(a), subName(b)) })
		return out
	case pairs:
		out := make(pairs, 0, len(v))
		for _, p := range v {
			name, _ := p[0].(string)
			if strings.Contains(name, "|") && !keep(name) {
				continue
			}
			out = append(out, [2]any{p[0], normalize(p[1], keep)})
		}
		if len(out) > 0 && strings.Contains(out[0][0].(string), "|") {
			slices.SortFunc(out, func(a, b [2]any) int { return strings.Compare(a[0].(string), b[0].(string)) })
		}
		return out
	}
	return v
}

// render lays a reply out in lines. Comparing those is quick; a structural comparison of replies this deep takes minutes.
func render(lines []string, indent string, v any) []string {
	switch v := v.(type) {
	case []any:
		lines = append(lines, indent+"array")
		for _, e := range v {
			lines = render(lines, indent+"  ", e)
		}
		return lines
	case pairs:
		lines = append(lines, indent+"map")
		for _, p := range v {
			lines = render(render(lines, indent+"  ", p[0]), indent+"    ", p[1])
		}
		return lines
	}
	return append(lines, fmt.Sprintf("%s%T %v", indent, v, v))
}

// subName is the name of the subcommand that an entry of COMMAND INFO is about.
func subName(v any) string {
	if a, ok := v.([]any); ok && len(a) == 10 {
		if name, ok := a[0].(string); ok && strings.Contains(name, "|") {
			return name
		}
	}
	return ""
}

// TestCommandGetKeysAsRedis asks for the keys of calls of every row, with as few arguments as it takes and with some more.
func TestCommandGetKeysAsRedis(t *testing.T) {
	redis, ours := startRedis(t), newAdmin(t)
	redis.do("HELLO 3")
	ours.do("HELLO 3")
	for i := range ours.ctx.Table.Len() {
		r := ours.ctx.Table.At(i)
		container, _, _ := strings.Cut(r.FullName(), "|")
		if strings.Contains(redis.do("COMMAND INFO "+r.FullName()), "_\r\n") || shownOtherwise[container] != "" {
			continue
		}
		call := strings.Split(r.FullName(), "|")
		for len(call) < max(r.Arity, -r.Arity) {
			call = append(call, "arg"+string(rune('a'+len(call))))
		}
		for range 4 {
			for _, ask := range []string{"COMMAND GETKEYS ", "COMMAND GETKEYSANDFLAGS "} {
				line := ask + strings.Join(call, " ")
				if want, got := redis.do(line), ours.do(line); got != want {
					t.Errorf("%s\n got %q\nwant %q", line, got, want)
				}
			}
			call = append(call, "more")
		}
	}
	for _, line := range []string{
		"COMMAND GETKEYSANDFLAGS SET a b GET", "COMMAND GETKEYSANDFLAGS SET a b EX 10 get", "COMMAND GETKEYSANDFLAGS SET a GET",
		"COMMAND GETKEYSANDFLAGS SET a b EX GET",
	} {
		if ours.ctx.Table.LookupName("set") == nil {
			break
		}
		if want, got := redis.do(line), ours.do(line); got != want {
			t.Errorf("%s\n got %q\nwant %q", line, got, want)
		}
	}
}

// redisSession is a connection to a real redis-server, for commands by their text.
type redisSession struct {
	tb   testing.TB
	conn *oracle.Conn
}

func startRedis(tb testing.TB, options ...string) *redisSession {
	tb.Helper()
	conn, err := oracle.Dial(oracle.StartRedis(tb, options...))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(conn.Close)
	return &redisSession{tb, conn}
}

func (s *redisSession) do(text string) string {
	s.tb.Helper()
	reply, err := s.conn.Do(splitArgs(s.tb, text)...)
	if err != nil {
		s.tb.Fatalf("%s: %v", text, err)
	}
	return string(reply)
}

func freePort(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}
