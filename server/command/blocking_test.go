package command

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"ringcache/internal/oracle"
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

// redisClient is a client of redis-server that may wait.
type redisClient struct {
	t  *testing.T
	nc net.Conn
	rd *bufio.Reader
}

func (c *redisClient) send(line string) {
	w := resp.Writer{}
	words := strings.Fields(line)
	w.Array(len(words))
	for _, word := range words {
		w.BulkString(word)
	}
	if _, err := c.nc.Write(w.B); err != nil {
		c.t.Fatal(err)
	}
}

func (c *redisClient) reply() string {
	c.nc.SetReadDeadline(time.Now().Add(10 * time.Second))
	b, err := oracle.ReadReply(c.rd, nil)
	if err != nil {
		c.t.Errorf("redis-server: %v", err)
	}
	return string(b)
}

// TestBlockingOracle has some clients wait for some keys at random, here and at redis-server, while others make and remove them. Who is
// served by what, and in which order, is the same.
func TestBlockingOracle(t *testing.T) {
	steps := 6000
	if testing.Short() {
		steps = 1500
	}
	for _, proto := range []int{2, 3} {
		t.Run(fmt.Sprint("RESP", proto), func(t *testing.T) { compareBlocking(t, proto, steps) })
	}
}

func compareBlocking(t *testing.T, proto, steps int) {
	seed := uint64(time.Now().UnixNano())
	rnd := rand.New(rand.NewPCG(seed, 0))
	addr := oracle.StartRedis(t)
	const clients = 8
	n := newWaitingNode(DefaultWaitLimits)
	n.useKeyspace(newKeyspaceWithoutSink())
	n.proto = proto
	conns := make([]*redisClient, clients+1) // the last one only watches
	for i := range conns {
		nc, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		conns[i] = &redisClient{t: t, nc: nc, rd: bufio.NewReader(nc)}
		conns[i].send(fmt.Sprintf("HELLO %d", proto))
		conns[i].reply()
	}
	watch := conns[clients]
	watch.send("FLUSHALL")
	watch.reply()
	for step := range steps {
		i := rnd.IntN(clients)
		for n.client(i).waiter != nil {
			i = rnd.IntN(clients)
		}
		waiting := 0
		for _, cl := range n.clients {
			if cl.waiter != nil {
				waiting++
			}
		}
		line := randomBlocking(rnd, waiting < clients-1)
		conns[i].send(line)
		if n.do(i, line) {
			want := fmt.Sprintf("blocked_clients:%d\r\n", waiting+1)
			for end := time.Now().Add(10 * time.Second); ; {
				watch.send("INFO clients")
				if strings.Contains(watch.reply(), want) {
					break
				}
				if time.Now().After(end) {
					t.Fatalf("seed %d, step %d: %s waits here and not at redis-server", seed, step, line)
				}
			}
		}
		for j, cl := range n.clients {
			for _, got := range cl.replies {
				if want := conns[j].reply(); got != want {
					t.Fatalf("seed %d, step %d, %s of client %d: client %d got %q, want %q", seed, step, line, i, j, got, want)
				}
			}
			cl.replies = nil
		}
	}
}

// randomBlocking is a random command, one that may wait only if it is allowed.
func randomBlocking(rnd *rand.Rand, mayWait bool) string {
	pick := func(words ...string) string { return words[rnd.IntN(len(words))] }
	key := func() string { return "{t}" + pick("a", "b", "c") }
	keys := func() string {
		s := key()
		for rnd.IntN(3) == 0 {
			s += " " + key()
		}
		return s
	}
	counted := func() string {
		k := keys()
		return fmt.Sprintf("%d %s", strings.Count(k, " ")+1, k)
	}
	count := func() string {
		return pick("", "", " COUNT 1", " COUNT 2", " COUNT 10", " COUNT 0", " COUNT", " FOO 1", " COUNT 1 COUNT 2")
	}
	timeout := func() string { return pick("0", "0", "0", "0", "1000", "x", "-1") }
	side := func() string { return pick("LEFT", "RIGHT", "left", "Right", "LEFT", "RIGHT", "up") }
	elems := func() string {
		s := pick("x", "y", "z")
		for rnd.IntN(2) == 0 {
			s += " " + pick("x", "y", "z", "1")
		}
		return s
	}
	kinds := 17
	if !mayWait {
		kinds = 9
	}
	switch rnd.IntN(kinds) {
	case 0, 1, 2:
		return pick("RPUSH ", "LPUSH ") + key() + " " + elems()
	case 3, 4:
		s := "ZADD " + key()
		return s + fmt.Sprintf(" %d %s", rnd.IntN(9)-4, pick("x", "y", "z"))
	case 5:
		return pick("SET "+key()+" v", "DEL "+key(), "DEL "+keys())
	case 6:
		return pick("RENAME "+key()+" "+key(), "COPY "+key()+" "+key()+" REPLACE")
	case 7:
		return pick("LRANGE "+key()+" 0 -1", "LPOP "+key(), "LMOVE "+key()+" "+key()+" LEFT LEFT", "RPOPLPUSH "+key()+" "+key(), "LINSERT "+key()+" BEFORE x y")
	case 8:
		return "EXISTS " + keys()
	case 9, 10:
		return pick("BLPOP ", "BRPOP ") + keys() + " " + timeout()
	case 11:
		return "BLMOVE " + key() + " " + key() + " " + side() + " " + side() + " " + timeout()
	case 12:
		return "BRPOPLPUSH " + key() + " " + key() + " " + timeout()
	case 13:
		return "BLMPOP " + timeout() + " " + counted() + " " + side() + count()
	case 14, 15:
		return pick("BZPOPMIN ", "BZPOPMAX ") + keys() + " " + timeout()
	default:
		return "BZMPOP " + timeout() + " " + counted() + " " + pick("MIN", "MAX", "min", "left") + count()
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
