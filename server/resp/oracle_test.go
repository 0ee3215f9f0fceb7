package resp

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// oracle is a redis-server of the version whose bytes this package claims to give.
type oracle struct{ socket string }

const oracleVersion = "v=7.0.15"

func startOracle(t *testing.T, flags ...string) *oracle {
	t.Helper()
	unavailable := t.Skipf
	if os.Getenv("CI") == "true" {
		unavailable = t.Fatalf
	}
	path, err := exec.LookPath("redis-server")
	if err != nil {
		unavailable("no redis-server to compare with: %v", err)
	}
	if v, err := exec.Command(path, "--version").Output(); err != nil || !bytes.Contains(v, []byte(oracleVersion)) {
		unavailable("redis-server is not %s: %s %v", oracleVersion, v, err)
	}
	dir, err := os.MkdirTemp("", "oracle") // t.TempDir's names are too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	o := &oracle{socket: filepath.Join(dir, "s")}
	cmd := exec.Command(path, append([]string{"--port", "0", "--unixsocket", o.socket, "--save", "", "--dir", dir}, flags...)...)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() { cmd.Wait(); close(exited) }()
	t.Cleanup(func() { cmd.Process.Kill(); <-exited })

	deadline := time.After(20 * time.Second)
	for {
		if c, err := net.Dial("unix", o.socket); err == nil {
			c.Close()
			return o
		}
		select {
		case <-exited:
			t.Fatalf("redis-server ended:\n%s", log.String())
		case <-deadline:
			t.Fatal("redis-server does not answer")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// send answers all that Redis says to input, which is followed by the end of the connection.
func (o *oracle) send(t *testing.T, input []byte) []byte {
	t.Helper()
	c, err := net.Dial("unix", o.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := c.Write(input); err == nil {
		c.(*net.UnixConn).CloseWrite()
	}
	out, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("reading the reply to %.200q: %v", input, err)
	}
	return out
}

// check compares what Redis makes of input with what the reader makes of it: the error that ends it, the number of requests,
// and the arguments of those that Redis echoes.
func (o *oracle) check(t *testing.T, input []byte, l Limits) {
	t.Helper()
	var r Reader
	r.SetLimits(l)
	got, gotErr := collect(t, &r, input, nil, false)
	out := o.send(t, input)
	said := out
	for i, c := range got {
		n, ok, err := ReplyLen(said)
		if !ok || err != nil {
			t.Fatalf("input %.300q: %d requests are read, Redis answers %d: %.300q", input, len(got), i, out)
		}
		if len(c.args) == 2 && strings.EqualFold(c.args[0], "echo") && !l.PreAuth {
			if echo, _ := ParseBulk(said[:n]); string(echo) != c.args[1] {
				t.Fatalf("input %.300q: argument %q is read, Redis reads %q", input, c.args[1], echo)
			}
		} else if len(c.args) > 2 && strings.EqualFold(c.args[0], "echo") && said[0] != '-' {
			t.Fatalf("input %.300q: Redis does not see %d arguments: %.300q", input, len(c.args), said[:n])
		}
		said = said[n:]
	}
	want := ""
	if gotErr != "" {
		var w Writer
		w.Error("ERR " + gotErr)
		want = string(w.B)
	}
	if string(said) != want {
		t.Fatalf("input %.300q: after %d requests the reader says %q, Redis %.300q", input, len(got), want, said)
	}
}

func TestReaderLikeRedis(t *testing.T) {
	ours := map[string]string{
		"count over the args": "Redis has no bound below 2^31 there",
		"inline too long":     "what Redis says depends on where its reads end",
	}
	t.Run("open", func(t *testing.T) {
		o := startOracle(t)
		for name, in := range inputs() {
			if ours[name] == "" {
				t.Run(name, func(t *testing.T) { o.check(t, []byte(in), DefaultLimits) })
			}
		}
	})
	t.Run("before login", func(t *testing.T) {
		o := startOracle(t, "--requirepass", "secret")
		for name, in := range inputs() {
			if ours[name] == "" && len(in) < 16000 { // longer: Redis may hang up on unread bytes, and its error is lost
				t.Run(name, func(t *testing.T) { o.check(t, []byte(in), PreAuthLimits) })
			}
		}
		for _, in := range []string{
			"*11\r\n", "*1048577\r\n", "*2147483647\r\n", "*2147483648\r\n", "*1\r\n$16385\r\n", "*1\r\n$536870913\r\n",
		} {
			o.check(t, []byte(in), PreAuthLimits)
		}
	})
}

func TestReaderLikeRedisRandom(t *testing.T) {
	o := startOracle(t)
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	defer func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	}()
	pieces := []string{
		"a", "bc", " ", "  ", "\t", "\v", "\f", "\r", "\"", "'", "\"", "'", "\\", "\\x4", "\\x41",
		"\\xZZ", "\\n", "\\\"", "\\'", "\\\\", "\xff", "x", "\"\"", "''",
	}
	signs := []byte("*$\r\n0123459-+ax\x00\xff \"")
	for range 1500 {
		var in []byte
		for range 1 + rng.IntN(3) {
			switch rng.IntN(3) {
			case 0: // an inline request
				in = append(in, "ECHO "...)
				for range rng.IntN(8) {
					in = append(in, pieces[rng.IntN(len(pieces))]...)
				}
				in = append(in, "\r\n"...)
			case 1: // a multibulk request
				in = append(in, encode([]string{"ECHO", strings.Repeat("v", rng.IntN(120))})...)
			case 2: // a spoiled one
				p := []byte(encode([]string{"ECHO", strings.Repeat("v", rng.IntN(12))}))
				for range 1 + rng.IntN(2) {
					at := rng.IntN(len(p))
					switch rng.IntN(3) {
					case 0:
						p[at] = signs[rng.IntN(len(signs))]
					case 1:
						p = append(p[:at], p[at+1:]...)
					case 2:
						p = append(p[:at], append([]byte{signs[rng.IntN(len(signs))]}, p[at:]...)...)
					}
				}
				in = append(in, p...)
			}
		}
		l := DefaultLimits
		l.Args = maxCount
		o.check(t, in, l)
	}
}

func TestDoubleLikeRedis(t *testing.T) {
	o := startOracle(t)
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	var in []byte
	want := map[int]*Writer{2: {Proto: 2}, 3: {Proto: 3}}
	doubles := []float64{
		0, 1, -1, 0.1, 1e15, 1e16, 1e17, 123456789.125, math.Inf(1), math.Inf(-1), 1 << 53, 1<<53 + 2, 5e-324, math.MaxFloat64,
	}
	for range 500 {
		f := math.Float64frombits(rng.Uint64())
		doubles = append(doubles, f, float64(rng.Int64N(1<<60)), rng.NormFloat64(), math.Round(rng.NormFloat64()*1e4)/100)
	}
	for _, f := range doubles {
		if math.IsNaN(f) || f == 0 && math.Signbit(f) {
			continue // no score is NaN; -0 loses its sign in Redis's packed sorted set, before it is printed
		}
		in = append(in, encode([]string{"ZADD", "z", strconv.FormatFloat(f, 'g', -1, 64), "m"})...)
		in = append(in, encode([]string{"ZSCORE", "z", "m"})...)
		in = append(in, encode([]string{"DEL", "z"})...)
		for _, w := range want {
			w.Int(1)
			w.Double(f)
			w.Int(1)
		}
	}
	if got := o.send(t, in); !bytes.Equal(got, want[2].B) {
		t.Errorf("seed %d, RESP2: %s", seed, firstDifference(got, want[2].B))
	}
	hello := []byte("HELLO 3\r\n")
	got := o.send(t, append(hello, in...))
	n, _, _ := ReplyLen(got)
	if got = got[n:]; !bytes.Equal(got, want[3].B) {
		t.Errorf("seed %d, RESP3: %s", seed, firstDifference(got, want[3].B))
	}
}

func firstDifference(got, want []byte) string {
	i := 0
	for i < min(len(got), len(want)) && got[i] == want[i] {
		i++
	}
	from := max(0, i-40)
	return fmt.Sprintf("at %d: Redis %q, here %q", i, got[from:min(len(got), i+40)], want[from:min(len(want), i+40)])
}

// TestErrorsLikeRedis checks the texts of the error replies against those of Redis.
func TestErrorsLikeRedis(t *testing.T) {
	o := startOracle(t)
	before := "SET s x\r\nRPUSH l x\r\nSET big 9223372036854775807\r\nSET f 1\r\n"
	for _, c := range []struct{ request, want string }{
		{"SET a b c d", ErrSyntax},
		{"GET l", ErrWrongType},
		{"INCR s", ErrNotInteger},
		{"INCR big", ErrOverflow},
		{"INCRBYFLOAT s 1", ErrNotFloat},
		{"INCRBYFLOAT f inf", ErrNaN},
		{"LPOP l -1", ErrNotPositive},
		{"LSET l 9 x", ErrIndexRange},
		{"LSET nokey 0 x", ErrNoSuchKey},
		{"RENAME nokey x", ErrNoSuchKey},
		{"COPY s s", ErrSameObject},
		{"SETRANGE s -1 x", ErrOffsetRange},
		{"SETRANGE s 536870912 x", ErrStringTooLong},
		{"ZADD z x m", ErrNotFloat},
		{"ZRANGEBYSCORE z x y", ErrMinMaxFloat},
		{"BLPOP l x", ErrTimeoutFloat},
		{"BLPOP l -1", ErrTimeoutNegative},
		{"SCAN x", ErrInvalidCursor},
		{"SELECT 99", ErrDBIndex},
		{"HELLO 9", ErrNoProto},
		{"AUTH x y", ErrWrongPass},
		{"EXEC", ErrExecNoMulti},
		{"DISCARD", ErrDiscardMulti},
	} {
		lines := bytes.Split(o.send(t, []byte(before+c.request+"\r\nFLUSHALL\r\n")), []byte("\r\n"))
		if got := string(lines[len(lines)-3]); got != "-"+c.want {
			t.Errorf("%s: Redis says %q, here is %q", c.request, got, c.want)
		}
	}
	for request, want := range map[string]string{
		"MULTI\r\nMULTI\r\n":                 ErrNestedMulti,
		"MULTI\r\nWATCH a\r\n":               ErrWatchInMulti,
		"MULTI\r\nNOSUCH\r\nEXEC\r\n":        ErrExecAbort,
		"RESTORE s 0 x\r\nRESTORE s 0 x\r\n": ErrBusyKey,
	} {
		if out := string(o.send(t, []byte(before+request))); !strings.HasSuffix(out, "-"+want+"\r\n") {
			t.Errorf("%q: Redis says %q, here is %q", request, out, want)
		}
	}
	o = startOracle(t, "--requirepass", "secret")
	if out := string(o.send(t, []byte("GET a\r\n"))); out != "-"+ErrNoAuth+"\r\n" {
		t.Errorf("without login: %q", out)
	}
	o = startOracle(t, "--maxmemory", "1")
	if out := string(o.send(t, []byte("SET a b\r\n"))); out != "-"+ErrOOM+"\r\n" {
		t.Errorf("without memory: %q", out)
	}
	o = startOracle(t, "--cluster-enabled", "yes")
	slots := "GET a\r\nCLUSTER ADDSLOTSRANGE 0 16383\r\nMGET a b\r\n"
	if out := string(o.send(t, []byte(slots))); out != "-"+ErrSlotNotServed+"\r\n+OK\r\n-"+ErrCrossSlot+"\r\n" {
		t.Errorf("in a cluster: %q", out)
	}
	o = startOracle(t, "--min-replicas-to-write", "1")
	if out := string(o.send(t, []byte("SET a b\r\n"))); out != "-"+ErrNoReplicas+"\r\n" {
		t.Errorf("without replicas: %q", out)
	}
	o = startOracle(t, "--replicaof", "127.0.0.1 1") // nothing listens there
	if out := string(o.send(t, []byte("SET a b\r\n"))); out != "-"+ErrReadOnly+"\r\n" {
		t.Errorf("on a replica: %q", out)
	}
}
