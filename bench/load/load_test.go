package load

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// serve answers each line with reply; pause is called before the answer to each.
func serve(t *testing.T, reply string, pause func(n int)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer nc.Close()
				rd := bufio.NewReader(nc)
				for n := 0; ; n++ {
					if _, err := rd.ReadString('\n'); err != nil {
						return
					}
					pause(n)
					if _, err := io.WriteString(nc, reply); err != nil {
						return
					}
				}
			}()
		}
	}()
	return ln.Addr().String()
}

func line(b []byte, _ uint64) []byte { return append(b, "x\n"...) }

// run offers a load until n replies have come.
func run(t *testing.T, o Options, n int64) (Window, error) {
	t.Helper()
	l, err := Start(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.After(time.Minute)
	for {
		l.mu.Lock()
		have, broken := l.hist.TotalCount(), l.broken
		l.mu.Unlock()
		if have >= n || broken != nil {
			err := l.Stop()
			return l.Take(), err
		}
		select {
		case <-deadline:
			t.Fatalf("%d replies in a minute", have)
		case <-time.After(time.Millisecond):
		}
	}
}

// TestStallIsFeltByAll: while a server stands still, everything that should have been sent meanwhile counts as late; a client that waits
// for each reply would have seen one slow request.
func TestStallIsFeltByAll(t *testing.T) {
	const stall = 300 * time.Millisecond
	addr := serve(t, "+OK\r\n", func(n int) {
		if n == 500 {
			<-time.After(stall)
		}
	})
	w, err := run(t, Options{Addrs: []string{addr}, Conns: 1, Rate: 1000, Request: line}, 1500)
	if err != nil {
		t.Fatal(err)
	}
	late := int64(0)
	for _, bar := range w.Latency.Distribution() {
		if bar.From > int64(stall/3/time.Microsecond) {
			late += bar.Count
		}
	}
	if late < 150 { // two thirds of 300 requests were due while two thirds of the stall or less had passed
		t.Errorf("%d requests were late; worst %.1f ms", late, w.Milli(100))
	}
	if worst := w.Milli(100); worst < 290 {
		t.Errorf("the worst took %.1f ms", worst)
	}
}

// TestRate: what is offered is what was asked for, over all connections and addresses.
func TestRate(t *testing.T) {
	addrs := []string{serve(t, "$3\r\nabc\r\n", func(int) {}), serve(t, "*2\r\n:1\r\n$-1\r\n", func(int) {})}
	began := time.Now()
	w, err := run(t, Options{Addrs: addrs, Conns: 5, Rate: 5000, Request: line}, 2500)
	took := time.Since(began)
	if err != nil || w.Errors != 0 {
		t.Fatal(err, w.First)
	}
	if n := w.Latency.TotalCount(); n < 2500 || float64(n) > 5000*took.Seconds()+1 || took < 490*time.Millisecond {
		t.Errorf("%d replies in %v", n, took)
	}
}

func TestErrorReplies(t *testing.T) {
	w, err := run(t, Options{Addrs: []string{serve(t, "-ERR no\r\n", func(int) {})}, Conns: 2, Rate: 1000, Request: line}, 20)
	if err != nil || w.Errors != uint64(w.Latency.TotalCount()) || w.First != "ERR no" {
		t.Errorf("%d errors of %d, the first %q; %v", w.Errors, w.Latency.TotalCount(), w.First, err)
	}
}

// TestBroken: a server that goes, or answers what is no reply, ends the load with an error, and Stop returns.
func TestBroken(t *testing.T) {
	for _, reply := range []string{"what?\r\n", "+OK\n", "$x\r\n", "$99999999999\r\n"} {
		if _, err := run(t, Options{Addrs: []string{serve(t, reply, func(int) {})}, Conns: 3, Rate: 1000, Request: line}, 1e9); err == nil {
			t.Errorf("%q ended nothing", reply)
		}
	}
	for _, o := range []Options{
		{Conns: 1, Rate: 1, Request: line},
		{Addrs: []string{"127.0.0.1:1"}, Rate: 1, Request: line},
		{Addrs: []string{"127.0.0.1:1"}, Conns: 1, Request: line},
		{Addrs: []string{"127.0.0.1:1"}, Conns: 1, Rate: MaxRate * 2, Request: line},
		{Addrs: []string{"127.0.0.1:1"}, Conns: 1, Rate: 1},
		{Addrs: []string{"127.0.0.1:1"}, Conns: 1, Rate: 1, Request: line}, // nobody listens
	} {
		if _, err := Start(context.Background(), o); err == nil {
			t.Errorf("started with %+v", o)
		}
	}
}

func TestSkipReply(t *testing.T) {
	for _, reply := range []string{
		"+OK\r\n", ":1\r\n", "$0\r\n\r\n", "$-1\r\n", "*0\r\n", "*-1\r\n", "*2\r\n*1\r\n:1\r\n$1\r\na\r\n", "%1\r\n+a\r\n:1\r\n", "~1\r\n_\r\n",
		"#t\r\n", ",1.5\r\n", "=5\r\ntxt:a\r\n", "(1\r\n", ">1\r\n+a\r\n",
	} {
		rd := bufio.NewReader(strings.NewReader(reply + "+next\r\n"))
		if message, err := skipReply(rd); err != nil || message != "" {
			t.Errorf("%q: %q, %v", reply, message, err)
		}
		if rest, _ := io.ReadAll(rd); string(rest) != "+next\r\n" {
			t.Errorf("%q: %q is left", reply, rest)
		}
	}
	if message, err := skipReply(bufio.NewReader(strings.NewReader("*2\r\n-ERR a\r\n-ERR b\r\n"))); err != nil || message != "ERR a" {
		t.Errorf("%q, %v", message, err)
	}
}

func FuzzSkipReply(f *testing.F) {
	f.Add("*2\r\n:1\r\n$3\r\nabc\r\n")
	f.Add("%1\r\n+a\r\n-ERR x\r\n")
	f.Fuzz(func(_ *testing.T, reply string) {
		_, _ = skipReply(bufio.NewReader(strings.NewReader(reply)))
	})
}
