package client

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"ringcache/internal/testenv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func reader(text string) *replyReader {
	return &replyReader{r: bufio.NewReaderSize(strings.NewReader(text), 16), max: 1 << 20}
}

func TestReplies(t *testing.T) {
	long := strings.Repeat("x", 200<<10)
	for text, want := range map[string]Value{
		"+OK\r\n":                     {Kind: KindSimple, Str: "OK"},
		"-ERR no\r\n":                 {Kind: KindError, Str: "ERR no"},
		"!6\r\nERR no\r\n":            {Kind: KindError, Str: "ERR no"},
		":-12\r\n":                    {Kind: KindInt, Int: -12},
		"$3\r\na\r\n\r\n":             {Kind: KindBulk, Str: "a\r\n"},
		"$0\r\n\r\n":                  {Kind: KindBulk},
		"$-1\r\n":                     {},
		"*-1\r\n":                     {},
		"_\r\n":                       {},
		"#t\r\n":                      {Kind: KindBool, Int: 1},
		"#f\r\n":                      {Kind: KindBool},
		",1.5\r\n":                    {Kind: KindDouble, Float: 1.5, Str: "1.5"},
		"(-123456789012345678\r\n":    {Kind: KindBigInt, Str: "-123456789012345678"},
		"=7\r\ntxt:abc\r\n":           {Kind: KindBulk, Str: "abc"},
		"*2\r\n:1\r\n*0\r\n":          {Kind: KindArray, Elems: []Value{{Kind: KindInt, Int: 1}, {Kind: KindArray, Elems: []Value{}}}},
		"~1\r\n+a\r\n":                {Kind: KindSet, Elems: []Value{{Kind: KindSimple, Str: "a"}}},
		"%1\r\n+a\r\n:1\r\n":          {Kind: KindMap, Elems: []Value{{Kind: KindSimple, Str: "a"}, {Kind: KindInt, Int: 1}}},
		"|1\r\n+a\r\n:1\r\n:2\r\n":    {Kind: KindInt, Int: 2},
		">1\r\n+a\r\n":                {Kind: KindPush, Elems: []Value{{Kind: KindSimple, Str: "a"}}},
		"$204800\r\n" + long + "\r\n": {Kind: KindBulk, Str: long},
	} {
		got, err := reader(text).read()
		if err != nil {
			t.Errorf("%.40q: %v", text, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%.40q:\n%s", text, diff)
		}
	}
}

func TestBadReplies(t *testing.T) {
	for _, text := range []string{
		"\r\n", "x\r\n", "+OK\n", ":\r\n", ":1x\r\n", "$-2\r\n", "$x\r\n", "$3\r\nabcd\r\n", "*9223372036854775807\r\n", "%9223372036854775807\r\n",
		"$9223372036854775807\r\n", "*1000000\r\n", "$2000000\r\n", "#x\r\n", ",x\r\n", "(\r\n", "(1x\r\n", "_x\r\n", "=3\r\nabc\r\n", "=4\r\nabcd\r\n",
		"$?\r\n", "*?\r\n", strings.Repeat("*1\r\n", 100), "+" + strings.Repeat("x", maxLine) + "\r\n", strings.Repeat("|0\r\n", 10) + "?\r\n",
	} {
		if v, err := reader(text).read(); !errors.Is(err, ErrProtocol) {
			t.Errorf("%.40q: %+v, %v", text, v, err)
		}
	}
	for _, text := range []string{"", "+OK", "$3\r\nab", "*2\r\n:1\r\n", "$1000000\r\nx"} {
		if v, err := reader(text).read(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%.40q: %+v, %v", text, v, err)
		}
	}
}

func FuzzReply(f *testing.F) {
	for _, seed := range []string{
		"+OK\r\n", "*2\r\n$1\r\na\r\n:1\r\n", "%1\r\n+a\r\n_\r\n", "|1\r\n+a\r\n+b\r\n,inf\r\n", "$-1\r\n", "=5\r\ntxt:a\r\n", ">1\r\n#t\r\n",
		"*3\r\n:0\r\n:9\r\n*3\r\n+h\r\n:7000\r\n+id\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := &replyReader{r: bufio.NewReader(bytes.NewReader(data)), max: 1 << 20}
		for {
			v, err := r.read()
			if err != nil {
				return
			}
			_ = v.Err()
			if r, err := slotRange(v); err == nil && (r.Start < 0 || r.Start > r.End || r.End >= TotalSlots) {
				t.Errorf("a row of slots %+v", r)
			}
			if _, err := v.Text(); err != nil && err.Error() == "" {
				t.Error("an error without text")
			}
		}
	})
}

// serve runs fn on each connection to a listener of this test.
func serve(t *testing.T, network string, fn func(net.Conn)) (addr string) {
	t.Helper()
	at := "127.0.0.1:0"
	if network == "unix" {
		at = filepath.Join(t.TempDir(), "s")
	}
	l, err := net.Listen(network, at)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			fn(c)
			c.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return l.Addr().String()
}

func TestContextEnds(t *testing.T) {
	addr := serve(t, "tcp", func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }) // never answers
	c, err := Dial(t.Context(), addr, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := c.Do(ctx, "PING"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("deadline: %v", err)
	}
	if _, err := c.Do(t.Context(), "PING"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a broken connection was used: %v", err)
	}

	c, err = Dial(t.Context(), addr, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	big := strings.Repeat("x", 1<<20)
	if _, err := c.Pipeline(ctx, []string{"SET", "a", big}, []string{"SET", "b", big}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestPushAndUnix(t *testing.T) {
	addr := serve(t, "unix", func(c net.Conn) {
		r := bufio.NewReader(c)
		for range 3 { // *1, $4, PING
			if _, err := r.ReadString('\n'); err != nil {
				return
			}
		}
		_, _ = io.WriteString(c, ">1\r\n+news\r\n+PONG\r\n")
	})
	var pushed []Value
	c, err := Dial(t.Context(), "unix:"+addr, Options{Push: func(v Value) { pushed = append(pushed, v) }})
	if err != nil {
		t.Fatal(err)
	}
	v, err := c.Do(t.Context(), "PING")
	if err != nil || v.Str != "PONG" || len(pushed) != 1 || pushed[0].Elems[0].Str != "news" {
		t.Errorf("%+v, %v, pushed %+v", v, err, pushed)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, err := c.Do(t.Context(), "PING"); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestSlotRanges(t *testing.T) {
	node := func(port int64, id string) Value {
		return Value{Kind: KindArray, Elems: []Value{{Kind: KindBulk, Str: "127.0.0.1"}, {Kind: KindInt, Int: port}, {Kind: KindBulk, Str: id}, {Kind: KindArray}}}
	}
	row := func(elems ...Value) Value { return Value{Kind: KindArray, Elems: elems} }
	i := func(n int64) Value { return Value{Kind: KindInt, Int: n} }
	got, err := slotRange(row(i(0), i(9), node(7000, "a"), node(7001, "b")))
	want := SlotRange{0, 9, SlotNode{"a", "127.0.0.1:7000"}, []SlotNode{{"b", "127.0.0.1:7001"}}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	for _, bad := range []Value{
		row(), row(i(0), i(1)), row(i(1), i(0), node(1, "a")), row(i(0), i(16384), node(1, "a")), row(i(-1), i(0), node(1, "a")),
		row(i(0), i(1), row()), row(i(0), i(1), row(i(0), Value{}, i(1))), row(Value{}, i(1), node(1, "a")),
	} {
		if got, err := slotRange(bad); err == nil {
			t.Errorf("%+v is read as %+v", bad, got)
		}
	}
}

func TestSettled(t *testing.T) {
	up := NodeStatus{State: StateUp}
	full := SlotCounts{Assigned: TotalSlots}
	for _, test := range []struct {
		s     Status
		nodes int
		want  bool
	}{
		{Status{Slots: full, Nodes: []NodeStatus{up, up, {State: StateStandby}}}, 0, true},
		{Status{Slots: full, Nodes: []NodeStatus{up, up}}, 3, false},
		{Status{Slots: full, Nodes: []NodeStatus{up, {State: StateDown}}}, 0, false},
		{Status{Slots: full, Nodes: []NodeStatus{up, {State: StateDown}}}, 1, true},
		{Status{Slots: full}, 0, false},
		{Status{Nodes: []NodeStatus{up}}, 0, false},
		{Status{Slots: SlotCounts{Assigned: TotalSlots, Unserved: 1}, Nodes: []NodeStatus{up}}, 0, false},
		{Status{Slots: SlotCounts{Assigned: TotalSlots, UnderReplicated: 1}, Nodes: []NodeStatus{up}}, 0, false},
		{Status{Slots: SlotCounts{Assigned: TotalSlots, Migrating: 1}, Nodes: []NodeStatus{up}}, 0, false},
	} {
		if got := test.s.Settled(test.nodes); got != test.want {
			t.Errorf("%+v settled for %d nodes: %v", test.s, test.nodes, got)
		}
	}
}

func TestAgainstRedis(t *testing.T) {
	addr := testenv.RedisServer(t, "--requirepass", "secret")
	if _, err := Dial(t.Context(), addr, Options{Password: "wrong"}); err == nil || !strings.Contains(err.Error(), "WRONGPASS") {
		t.Errorf("a wrong password: %v", err)
	}
	for _, o := range []Options{{Password: "secret"}, {User: "default", Password: "secret"}, {Password: "secret", Proto: 3}} {
		c, err := Dial(t.Context(), addr, o)
		if err != nil {
			t.Fatal(err)
		}
		big := strings.Repeat("v", 4<<20)
		requests := [][]string{{"SET", "k", big}, {"GET", "k"}, {"GET", "none"}, {"LPUSH", "k", "x"}, {"HSET", "h", "f", "1"}, {"HGETALL", "h"}}
		for range 5000 {
			requests = append(requests, []string{"GET", "h"}, []string{"ECHO", big[:1000]})
		}
		replies, err := c.Pipeline(t.Context(), requests...)
		if err != nil {
			t.Fatal(err)
		}
		var se *ServerError
		switch {
		case len(replies) != len(requests), replies[1].Str != big, !replies[2].IsNull(), len(replies[5].Elems) != 2:
			t.Errorf("%d replies, %.80v", len(replies), replies[2:6])
		case !errors.As(replies[3].Err(), &se) || se.Code() != "WRONGTYPE":
			t.Errorf("LPUSH on a string: %+v", replies[3])
		}
		if _, err := c.Do(t.Context(), "FLUSHALL"); err != nil {
			t.Error(err)
		}
		c.Close()
	}
}
