package command

import (
	"fmt"
	"strings"
	"testing"

	"ringcache/server/resp"
)

// TestAdminScripts runs commands by their text. In a reply, "|" stands for a line end; one that ends in "..." is a beginning.
func TestAdminScripts(t *testing.T) {
	type step struct{ command, reply string }
	for _, tc := range []struct {
		name  string
		setup func(a *admin)
		steps []step
		check func(t *testing.T, a *admin)
	}{
		{name: "login", setup: func(a *admin) {
			a.node.password = "secret"
			a.conn.authenticated = false
		}, steps: []step{
			{"AUTH wrong", "-" + resp.ErrWrongPass + "|"},
			{"AUTH default wrong", "-" + resp.ErrWrongPass + "|"},
			{"AUTH other secret", "-" + resp.ErrWrongPass + "|"},
			{"HELLO", "-" + errHelloAuth + "|"},
			{"HELLO 3", "-" + errHelloAuth + "|"},
			{"HELLO 3 AUTH default wrong", "-" + resp.ErrWrongPass + "|"},
			{"HELLO 3 AUTH default wrong SETNAME x", "-" + resp.ErrWrongPass + "|"},
			{"HELLO 3 SETNAME x AUTH default secret", "%7|$6|server|$5|redis|$7|version|$5|7.2.4|$5|proto|:3|$2|id|:7|" +
				"$4|mode|$7|cluster|$4|role|$6|master|$7|modules|*0|"},
			{"CLIENT GETNAME", "$1|x|"},
			{"AUTH secret", "+OK|"},
		}, check: func(t *testing.T, a *admin) {
			if !a.conn.authenticated || a.conn.info.User != DefaultUser || a.conn.info.Proto != 3 {
				t.Errorf("the session: %+v", a.conn)
			}
		}},
		{name: "a refused HELLO changes nothing", steps: []step{
			{"HELLO 3 SETNAME good FOO", "-ERR Syntax error in HELLO option 'FOO'|"},
			{"CLIENT GETNAME", "$-1|"},
			{"HELLO 2", "*14|..."},
		}},
		{name: "session state", steps: []step{
			{"SELECT 5", "+OK|"},
			{"READONLY", "+OK|"},
			{"ASKING", "+OK|"},
			{"CLIENT NO-TOUCH ON", "+OK|"},
			{"CLIENT NO-EVICT ON", "+OK|"},
			{"CLIENT SETINFO lib-name go-redis(,go1.26)", "+OK|"},
			{"CLIENT SETINFO LIB-VER 9.1", "+OK|"},
			{"CLIENT SETINFO lib-x y", "-ERR Unrecognized option 'lib-x'|"},
			{"CLIENT SETINFO LIB-VER \"a b\"", "-ERR LIB-VER cannot contain spaces, newlines or special characters.|"},
			{"CLIENT ID", ":7|"},
			{"CLIENT INFO", "$289|id=7 addr=127.0.0.1:1000 laddr=127.0.0.1:7000 fd=9 name= age=5 idle=0 flags=eT db=5 sub=0 psub=0 " +
				"ssub=0 multi=-1 qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=0 events=r " +
				"cmd=client|info user=default redir=-1 resp=2 lib-name=go-redis(,go1.26) lib-ver=9.1\n|"},
		}, check: func(t *testing.T, a *admin) {
			if a.conn.info.DB != 5 || !a.conn.readOnly || !a.conn.asking {
				t.Errorf("the session: %+v", a.conn)
			}
		}},
		{
			name: "reset", steps: []step{{"HELLO 3", "%7|..."}, {"RESET", "+RESET|"}, {"CLIENT GETNAME", "$-1|"}},
			check: func(t *testing.T, a *admin) {
				if !a.conn.wasReset {
					t.Error("the session was not reset")
				}
			},
		},
		{name: "quit", steps: []step{{"QUIT", "+OK|"}}, check: closes(true)},
		{name: "reply off", steps: []step{{"CLIENT REPLY OFF", ""}}, check: replyMode(ReplyOff)},
		{name: "reply skip", steps: []step{{"CLIENT REPLY SKIP", ""}}, check: replyMode(ReplySkip)},
		{name: "reply on", steps: []step{{"CLIENT REPLY OFF", ""}, {"CLIENT REPLY ON", "+OK|"}}, check: replyMode(ReplyOn)},
		{name: "client list", steps: []step{
			{"CLIENT LIST ID 8", "$263|id=8 ..."},
			{"CLIENT LIST ID 9 100 8", "$524|id=9 addr=127.0.0.2:1001 laddr=127.0.0.9:7000 fd=0 name= age=50 idle=0 flags=r ..."},
			{"CLIENT LIST TYPE PUBSUB", "$0||"},
			{"CLIENT LIST TYPE Normal", "$792|..."},
		}},
		{name: "kill by old form", steps: []step{
			{"CLIENT KILL 127.0.0.1:1001", "+OK|"},
			{"CLIENT KILL 127.0.0.1:1001", "-ERR No such client|"},
		}, check: onlyLeft(9)},
		{name: "kill by age", steps: []step{
			{"CLIENT KILL MAXAGE 0", "-ERR maxage should be greater than 0|"},
			{"CLIENT KILL MAXAGE x", "-ERR maxage is not an integer or out of range|"},
			{"CLIENT KILL MAXAGE 60", ":1|"},
		}, check: onlyLeft(9)},
		{name: "kill by all filters", steps: []step{
			{"CLIENT KILL ADDR 127.0.0.2:1001 LADDR 127.0.0.9:7000 TYPE normal USER default ID 8", ":0|"},
			{"CLIENT KILL ADDR 127.0.0.2:1001 LADDR 127.0.0.9:7000 TYPE normal USER default ID 9", ":1|"},
		}, check: onlyLeft(8)},
		{name: "kill all but oneself", steps: []step{{"CLIENT KILL TYPE normal SKIPME yes", ":2|"}}, check: closes(false)},
		{name: "kill all", steps: []step{{"CLIENT KILL TYPE normal SKIPME no", ":3|"}}, check: closes(true)},
		{name: "kill oneself by address", steps: []step{{"CLIENT KILL 127.0.0.1:1000", "+OK|"}}, check: closes(true)},
		{
			name: "unblock", steps: []step{{"CLIENT UNBLOCK 7", ":1|"}, {"CLIENT UNBLOCK 8 TIMEOUT", ":0|"}, {"CLIENT UNBLOCK 9 error", ":0|"}},
			check: func(t *testing.T, a *admin) {
				if got := strings.Join(a.node.unblocked, ","); got != "7 false,8 false,9 true" {
					t.Errorf("unblocked %q", got)
				}
			},
		},
		{name: "config", steps: []step{
			{"CONFIG GET save appendonly", "*4|$4|save|$0||$10|appendonly|$2|no|"},
			{"CONFIG SET maxmemory 5 save x", "+OK|"},
			{"CONFIG SET maxmemory 6 nosuch x", "-ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'|"},
			{"CONFIG GET maxmemory", "*2|$9|maxmemory|$1|5|"},
			{"CONFIG RESETSTAT", "+OK|"},
		}, check: func(t *testing.T, a *admin) {
			if a.node.resets != 1 {
				t.Errorf("the statistics were reset %d times", a.node.resets)
			}
		}},
		{name: "shutdown", steps: []step{{"SHUTDOWN", ""}}, check: stopped("later")},
		{name: "shutdown now", steps: []step{{"SHUTDOWN NOSAVE NOW", ""}}, check: stopped("now")},
		{name: "shutdown would lose data", steps: []step{{"SHUTDOWN SAVE", "-" + errShutdownSave + "|"}}, check: stopped("")},
		{name: "shutdown by force", steps: []step{{"SHUTDOWN SAVE FORCE", ""}}, check: stopped("later")},
		{name: "memory and debug", setup: func(a *admin) {
			a.put("k", "hello")
			a.put("n", "12345")
			a.put("e", "")
		}, steps: []step{
			{"MEMORY USAGE nokey", "$-1|"},
			{"MEMORY USAGE k", ":..."},
			{"MEMORY USAGE k SAMPLES 0", ":..."},
			{"DEBUG OBJECT nokey", "-ERR no such key|"},
			{"DEBUG OBJECT k", "+Value at:0x0 refcount:1 encoding:embstr serializedlength:6 lru:5501184 lru_seconds_idle:0|"},
			{"DEBUG OBJECT n", "+Value at:0x0 refcount:1 encoding:int serializedlength:3 ..."},
			{"DEBUG OBJECT e", "+Value at:0x0 refcount:1 encoding:embstr serializedlength:1 ..."},
			{"DEBUG SLEEP x", "-ERR value is not a valid float|"},
			{"DEBUG SLEEP -1", "-ERR value is not a valid float|"},
			{"DEBUG SLEEP nan", "-ERR value is not a valid float|"},
			{"DEBUG SLEEP 0.001", "+OK|"},
			{"DEBUG SEGFAULT", "-ERR unknown subcommand 'SEGFAULT'. Try DEBUG HELP.|"},
		}},
		{name: "sleep ends when the node stops", setup: func(a *admin) { close(a.node.stop) }, steps: []step{{"DEBUG SLEEP 1e300", "+OK|"}}},
		{name: "time", steps: []step{{"TIME", "*2|$10|..."}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := newAdmin(t)
			if tc.setup != nil {
				tc.setup(a)
			}
			for _, s := range tc.steps {
				a.expect(s.command, s.reply)
			}
			if tc.check != nil {
				tc.check(t, a)
			}
		})
	}
}

// expect runs a command and compares its reply, in the notation of TestAdminScripts.
func (a *admin) expect(command, want string) {
	a.tb.Helper()
	got := strings.ReplaceAll(a.do(command), "\r\n", "|")
	if begin, open := strings.CutSuffix(want, "..."); got != want && (!open || !strings.HasPrefix(got, begin)) {
		a.tb.Errorf("%s\n got %q\nwant %q", command, got, want)
	}
}

func closes(want bool) func(*testing.T, *admin) {
	return func(t *testing.T, a *admin) {
		if a.conn.closing != want {
			t.Errorf("the session closes: %v, want %v", a.conn.closing, want)
		}
	}
}

func replyMode(want ReplyMode) func(*testing.T, *admin) {
	return func(t *testing.T, a *admin) {
		if a.conn.mode != want {
			t.Errorf("the reply mode is %d, want %d", a.conn.mode, want)
		}
	}
}

// onlyLeft checks which of the other sessions is left.
func onlyLeft(id uint64) func(*testing.T, *admin) {
	return func(t *testing.T, a *admin) {
		if len(a.node.others) != 1 || a.node.others[0].ID != id {
			t.Errorf("left are %+v, want only %d", a.node.others, id)
		}
	}
}

func stopped(want string) func(*testing.T, *admin) {
	return func(t *testing.T, a *admin) {
		if a.node.shutdown != want || a.conn.closing != (want != "") {
			t.Errorf("shutdown %q, closing %v; want %q", a.node.shutdown, a.conn.closing, want)
		}
	}
}

// TestHelp has every container describe all of its subcommands, and nothing else.
func TestHelp(t *testing.T) {
	a := newAdmin(t)
	for _, r := range a.ctx.Table.Rows() {
		if len(r.Sub) == 0 {
			continue
		}
		help := a.do(r.Name + " HELP")
		if !strings.Contains(help, "+"+strings.ToUpper(r.Name)+" <subcommand> [<arg> [value] [opt] ...]. Subcommands are:\r\n") ||
			!strings.HasSuffix(help, "+HELP\r\n+    Prints this help.\r\n") {
			t.Errorf("%s HELP has not Redis's frame: %q", r.Name, help)
		}
		described := map[string]bool{}
		for line := range strings.SplitSeq(help, "\r\n") {
			word, _, _ := strings.Cut(strings.TrimPrefix(line, "+"), " ")
			described[strings.ToLower(word)] = word != ""
		}
		for _, s := range r.Sub {
			if !described[s.Name] {
				t.Errorf("%s HELP does not tell of %s", r.Name, s.Name)
			}
			delete(described, s.Name)
		}
		delete(described, r.Name)
		for word, real := range described {
			if real && !strings.HasPrefix(word, "*") && !strings.HasPrefix(word, "(") {
				t.Errorf("%s HELP tells of %q, which does not exist", r.Name, word)
			}
		}
	}
}

// TestWithoutSession runs every row that a node might be sent over the bus: without a session it may refuse, but not crash.
func TestWithoutSession(t *testing.T) {
	a := newAdmin(t)
	a.ctx.Conn = nil
	for i := range a.ctx.Table.Len() {
		r := a.ctx.Table.At(i)
		if r.Route != Here || r.Fn == nil || r.FullName() == "debug|sleep" {
			continue
		}
		call := strings.Split(r.FullName(), "|")
		for len(call) < max(r.Arity, -r.Arity) {
			call = append(call, fmt.Sprint(len(call)))
		}
		a.do(strings.Join(call, " "))
	}
}
