package command

import (
	"fmt"
	"strings"
	"testing"

	"ringcache/server/resp"
)

// waitStep is a command of one client, and what has come for whom after it.
type waitStep struct {
	client int
	line   string
	want   map[int]string
}

func (n *waitingNode) play(t *testing.T, steps []waitStep) {
	t.Helper()
	for _, s := range steps {
		n.do(s.client, s.line)
		for i, cl := range n.clients {
			if got := cl.take(); got != s.want[i] {
				t.Errorf("after %q of %d: client %d got %q, want %q", s.line, s.client, i, got, s.want[i])
			}
		}
	}
	if n.waiters.Marked() {
		t.Error("queues stay marked")
	}
}

func TestWaiters(t *testing.T) {
	type m = map[int]string
	x := func(elem string) string { return "*2|$4|{t}l|$1|" + elem + "|" }
	for _, tc := range []struct {
		name  string
		steps []waitStep
	}{
		{"several elements serve several", []waitStep{
			{1, "BLPOP {t}l 0", nil},
			{2, "BRPOP {t}l 0", nil},
			{3, "BLMPOP 0 1 {t}l LEFT COUNT 2", nil},
			{4, "BLPOP {t}l 0", nil},
			{0, "RPUSH {t}l a b c d e", m{0: ":5|", 1: x("a"), 2: x("e"), 3: "*2|$4|{t}l|*2|$1|b|$1|c|", 4: x("d")}},
			{0, "EXISTS {t}l", m{0: ":0|"}},
		}},
		{"another type keeps it waiting", []waitStep{
			{1, "BLPOP {t}l {t}m 0", nil},
			{2, "BZPOPMIN {t}l 0", nil},
			{0, "SET {t}l x", m{0: "+OK|"}},
			{0, "DEL {t}l", m{0: ":1|"}},
			{0, "ZADD {t}l 1 x", m{0: ":1|", 2: "*3|$4|{t}l|$1|x|$1|1|"}},
			{0, "SET {t}l x", m{0: "+OK|"}},
			{0, "RPUSH {t}m a", m{0: ":1|", 1: "*2|$4|{t}m|$1|a|"}},
		}},
		{"a chain", []waitStep{
			{1, "BLMOVE {t}l {t}m LEFT RIGHT 0", nil},
			{2, "BLMOVE {t}m {t}l LEFT RIGHT 0", nil},
			{3, "BRPOPLPUSH {t}l {t}x 0", nil},
			{0, "RPUSH {t}l a", m{0: ":1|", 1: "$1|a|", 2: "$1|a|", 3: "$1|a|"}},
			{0, "LRANGE {t}x 0 -1", m{0: "*1|$1|a|"}},
			{1, "BLMOVE {t}l {t}x LEFT RIGHT 0", nil},
			{0, "SET {t}x 1", m{0: "+OK|"}},
			{0, "RPUSH {t}l b", m{0: ":1|", 1: "-" + resp.ErrWrongType + "|"}},
			{0, "LRANGE {t}l 0 -1", m{0: "*1|$1|b|"}},
		}},
		{"not twice for one key", []waitStep{
			{1, "BLPOP {t}l {t}l {t}l 0", nil},
			{0, "RPUSH {t}l a b", m{0: ":2|", 1: x("a")}},
			{1, "BLPOP {t}m {t}l 0", m{1: x("b")}},
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := newWaitingNode(DefaultWaitLimits)
			n.proto = 2
			n.play(t, tc.steps)
		})
	}
}

// TestWaitersEffects: what is served is replicated as the command that does not wait.
func TestWaitersEffects(t *testing.T) {
	n := newWaitingNode(DefaultWaitLimits)
	for i, line := range []string{"BLPOP {t}l 0", "BLMPOP 0 1 {t}l RIGHT COUNT 5", "BZPOPMAX {t}z 0", "BZMPOP 0 1 {t}z MIN COUNT 3"} {
		n.do(i+1, line)
	}
	n.do(0, "RPUSH {t}l a b c")
	n.do(0, "ZADD {t}z 1 a")
	n.do(0, "ZADD {t}z 2 b")
	var got []string
	for _, e := range n.sinks[0].effects {
		got = append(got, fmt.Sprintf("%s", e.args))
	}
	want := "[RPUSH {t}l a b c],[LPOP {t}l],[RPOP {t}l 2],[ZADD {t}z 1 a],[ZPOPMAX {t}z],[ZADD {t}z 2 b],[ZPOPMIN {t}z 1]"
	if s := strings.Join(got, ","); s != want {
		t.Errorf("emitted %s\nwant    %s", s, want)
	}
}

// TestNewcomersQueueUp: who comes while a key is given out to those who wait for it waits behind them, on whatever loop.
func TestNewcomersQueueUp(t *testing.T) {
	n := newWaitingNode(DefaultWaitLimits)
	n.do(1, "BLPOP {t}l 0")
	w := n.client(0)
	n.run(w, "RPUSH {t}l a b") // its loop has not come to serve yet
	if !n.do(2, "BLPOP {t}l 0") {
		t.Fatal("the newcomer was first")
	}
	n.serve(&w.ctx)
	for i, want := range map[int]string{1: "*2|$4|{t}l|$1|a|", 2: "*2|$4|{t}l|$1|b|"} {
		if got := n.client(i).take(); got != want {
			t.Errorf("%d got %q, want %q", i, got, want)
		}
	}
	if n.do(3, "BLPOP {t}l 0"); n.waiters.Len() != 1 {
		t.Errorf("%d wait", n.waiters.Len())
	}
}

// TestWaiterEnds: a waiter has one end.
func TestWaiterEnds(t *testing.T) {
	n := newWaitingNode(DefaultWaitLimits)
	n.do(1, "BLPOP {t}l {t}m 0")
	n.do(2, "BLPOP {t}l 0")
	first, second := n.client(1).waiter, n.client(2).waiter
	if !first.End() || first.End() {
		t.Error("it did not end once")
	}
	n.do(0, "RPUSH {t}l a")
	if second.End() {
		t.Error("it was served and ended")
	}
	if n.client(1).take() != "" || n.client(2).take() == "" || n.waiters.Len() != 0 {
		t.Error("the wrong one was served")
	}
	for i := range n.waiters.shards {
		if len(n.waiters.shards[i].queues) > 0 {
			t.Error("a queue stays")
		}
	}
	if n.waiters.bytes.Load() != 0 || n.waiters.Marked() {
		t.Errorf("%d bytes stay", n.waiters.bytes.Load())
	}
}

func TestWaitLimits(t *testing.T) {
	n := newWaitingNode(WaitLimits{Number: 2, Bytes: 1 << 20})
	n.do(1, "BLPOP {t}l 0")
	n.do(2, "BLPOP {t}l 0")
	if n.do(3, "BLPOP {t}l 0"); n.client(3).take() != "-"+ErrTooManyWait+"|" {
		t.Error("a third waits")
	}
	n.client(1).waiter.End()
	if !n.do(3, "BLPOP {t}l 0") {
		t.Error("no room though one went")
	}
	n = newWaitingNode(WaitLimits{Number: 2, Bytes: 10_000})
	if n.do(1, "BLPOP {t}l {t}"+strings.Repeat("x", 10_000)+" 0"); n.client(1).take() != "-"+ErrTooManyWait+"|" || n.waiters.bytes.Load() != 0 {
		t.Error("too many bytes wait")
	}
}

// TestMayNotWait: what is applied as an effect, or may not wait, replies as at its time-out.
func TestMayNotWait(t *testing.T) {
	n := newWaitingNode(DefaultWaitLimits)
	for line, want := range map[string]string{
		"BLPOP {t}l 0": "*-1|", "BLMOVE {t}l {t}m LEFT LEFT 0": "$-1|", "BRPOPLPUSH {t}l {t}m 0": "$-1|", "BZMPOP 0 1 {t}l MIN": "*-1|",
		"BLMPOP 0 1 {t}l LEFT": "*-1|", "BZPOPMIN {t}l {t}m 0": "*-1|", "BLPOP {t}l x": "-" + errTimeoutNotFloat + "|",
	} {
		cl := n.client(1)
		cl.ctx.NoBlock = true
		if n.do(1, line) {
			t.Errorf("%s waits", line)
		}
		if got := cl.take(); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

func TestTimeouts(t *testing.T) {
	redis := startRedis(t)
	seconds, millis := &Row{}, &Row{TimeoutMillis: true}
	for _, s := range []string{
		"x", "", "-1", "-0.002", "1e300", "inf", "-inf", "nan", "9223372036854775807", "-1e300", "1e16", "0x", "1.5x", " 1", "1_0", "--1",
	} {
		want := redis.do(fmt.Sprintf("BLPOP nokey %q", s))
		if _, err := seconds.timeout([]byte(s)); "-"+err+"\r\n" != want {
			t.Errorf("%q s: %q, want %q", s, err, want)
		}
		if s == "9223372036854775807" {
			continue // as milliseconds it is none too many
		}
		want = redis.do(fmt.Sprintf("XREAD BLOCK %q STREAMS nokey $", s))
		if _, err := millis.timeout([]byte(s)); "-"+err+"\r\n" != want {
			t.Errorf("%q ms: %q, want %q", s, err, want)
		}
	}
	for s, want := range map[string]int64{"0": 0, "-0.0": 0, "-0.0005": 0, "1": 1000, "0.0001": 1, "1.0005": 1001, "0x1p-1": 500, "1e3": 1_000_000, "9223372036854775": 9223372036854775000} {
		if got, err := seconds.timeout([]byte(s)); got != want || err != "" {
			t.Errorf("%s s: %d, %q, want %d", s, got, err, want)
		}
	}
	row := testTable.LookupName("blmpop")
	args := [][]byte{[]byte("BLMPOP"), []byte("5"), []byte("1"), []byte("k"), []byte("LEFT")}
	if got := string(row.AppendWithTimeout(nil, args, 1)); got != "*5\r\n$6\r\nBLMPOP\r\n$5\r\n0.001\r\n$1\r\n1\r\n$1\r\nk\r\n$4\r\nLEFT\r\n" {
		t.Errorf("got %q", got)
	}
	if got := string(appendSeconds(nil, 61_234)); got != "61.234" {
		t.Errorf("got %q", got)
	}
}

// TestReady: a key that was there before serves those who wait when its handler says so.
func TestReady(t *testing.T) {
	n := newWaitingNode(DefaultWaitLimits)
	n.do(1, "BLPOP {t}l 0")
	c := &n.client(0).ctx
	slot := testSlot([]byte("{t}l"))
	r := c.KS.Ref(slot, 0, []byte("{t}l"))
	c.KS.LockSlot(slot)
	c.ready(r)
	c.ready(c.KS.Ref(slot, 0, []byte("{t}other")))
	c.collect(c.KS.SetOf(slot))
	c.KS.UnlockSlot(slot)
	if len(c.Ready) != 1 {
		t.Fatalf("%d queues are ready", len(c.Ready))
	}
	n.serve(c) // in vain
	if n.waiters.Len() != 1 {
		t.Error("it does not wait on")
	}
	other := c.KS.Ref(slot, 0, []byte("{t}other"))
	if allocs := testing.AllocsPerRun(100, func() {
		c.KS.LockSlot(slot)
		c.ready(other)
		c.KS.UnlockSlot(slot)
	}); allocs > 0 {
		t.Errorf("%v allocations to notice that nobody waits", allocs)
	}
}
