package main

import (
	"context"
	"net"
	"strconv"
	"strings"
	"testing"

	"ringcache/client"
	"ringcache/internal/testenv"
)

func TestDataset(t *testing.T) {
	d := dataset{keys: 20_000_000, keyLen: 17, valueLen: 12, seed: 7, deletePercent: 90}
	for i, want := range map[uint64]string{0: "key:0000000000000", 1: "key:0000000000001", 19_999_999: "key:0000019999999"} {
		if got := string(d.appendKey(nil, i)); got != want {
			t.Errorf("key %d is %q, want %q", i, got, want)
		}
	}
	set := string(d.appendSet(nil, 5))
	if value := string(d.appendValue(nil, 5)); len(value) != 12 ||
		set != "*3\r\n$3\r\nSET\r\n$17\r\nkey:0000000000005\r\n$12\r\n"+value+"\r\n" {
		t.Errorf("value %q in request %q", value, set)
	}
	if string(d.appendValue(nil, 5)) == string(d.appendValue(nil, 6)) {
		t.Error("two keys have the same value")
	}
	if got, want := string(d.appendDel(nil, 5)), "*2\r\n$3\r\nDEL\r\n$17\r\nkey:0000000000005\r\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	const n = 100_000
	gone := 0
	for i := range uint64(n) {
		if d.doomed(i) {
			gone++
		}
	}
	if gone < n*89/100 || gone > n*91/100 {
		t.Errorf("%d of %d keys are picked, want 90 percent", gone, n)
	}
}

// TestScattered: the order of deleting meets each key once, and neighbours lie apart.
func TestScattered(t *testing.T) {
	for _, n := range []uint64{1, 2, 3, 10, 1000, 6180, 10_007} {
		at := (&dataset{keys: n}).scattered()
		seen, near := make([]bool, n), 0
		for j := range n {
			i := at(j)
			if i >= n || seen[i] {
				t.Fatalf("of %d: %d comes at %d, and before", n, i, j)
			}
			seen[i] = true
			if j > 0 && max(i, at(j-1))-min(i, at(j-1)) < n/4 {
				near++
			}
		}
		if n >= 1000 && near > 0 {
			t.Errorf("of %d: %d neighbours lie near each other", n, near)
		}
	}
}

func TestSend(t *testing.T) {
	server := testenv.RedisServer(t)
	ctx := t.Context()
	d := dataset{keys: 10_000, keyLen: 17, valueLen: 32, ttl: true, seed: 1, deletePercent: 90}
	if n, err := send(ctx, server, d.keys, "+OK\r\n", d.appendSet); err != nil || n != 10_000 {
		t.Fatalf("%d sent, %v", n, err)
	}
	c, err := client.Dial(ctx, server, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, i := range []uint64{0, 9_999} {
		key := string(d.appendKey(nil, i))
		got, err := c.Pipeline(ctx, []string{"GET", key}, []string{"TTL", key})
		if err != nil || got[0].Str != string(d.appendValue(nil, i)) || got[1].Int < minLife-60 || got[1].Int > maxLife {
			t.Errorf("%s: %+v, %v", key, got, err)
		}
	}
	order := d.scattered()
	gone, err := send(ctx, server, d.keys, ":1\r\n", func(b []byte, j uint64) []byte {
		if i := order(j); d.doomed(i) {
			return d.appendDel(b, i)
		}
		return b
	})
	if err != nil || gone < 8_900 || gone > 9_100 {
		t.Fatalf("%d deleted, %v", gone, err)
	}
	if v, err := c.Do(ctx, "DBSIZE"); err != nil || v.Int != 10_000-gone {
		t.Errorf("%d keys left, %v; want %d", v.Int, err, 10_000-gone)
	}
}

// TestSendRefused: what the server says instead of the reply expected is in the error, and nothing waits for more.
func TestSendRefused(t *testing.T) {
	d := dataset{keys: 100_000, keyLen: 17, valueLen: 32}
	full := testenv.RedisServer(t, "--maxmemory", "2mb", "--maxmemory-policy", "noeviction")
	if n, err := send(t.Context(), full, d.keys, "+OK\r\n", d.appendSet); err == nil || !strings.Contains(err.Error(), "-OOM") {
		t.Errorf("%d sent, %v; want what the server said", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if n, err := send(ctx, full, d.keys, "+OK\r\n", d.appendSet); err == nil {
		t.Errorf("%d sent after the context was over", n)
	}
}

// TestSendHungUp: a server that hangs up after half a reply is an error that quotes the half.
func TestSendHungUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			if _, err := nc.Read(make([]byte, 10)); err == nil {
				_, _ = nc.Write([]byte("+O"))
			}
			nc.Close()
		}
	}()
	d := dataset{keys: 1, keyLen: 17, valueLen: 32}
	if n, err := send(t.Context(), l.Addr().String(), d.keys, "+OK\r\n", d.appendSet); err == nil || n != 0 {
		t.Errorf("%d sent, %v", n, err)
	}
}

func TestParseMemory(t *testing.T) {
	const good = "-keys 10,2000000 -ttl -key 20 -value 0 -delete 90 -subjects redis-server,./old/cached"
	o, err := parseMemory(strings.Fields(good), t.Output())
	if err != nil || len(o.sizes) != 2 || o.sizes[1] != 2_000_000 || !o.data.ttl || o.data.keyLen != 20 || o.data.valueLen != 0 ||
		o.data.deletePercent != 90 || len(o.subjects) != 2 {
		t.Errorf("%+v, %v", o, err)
	}
	for _, bad := range []string{
		"-keys 0", "-keys x", "-keys 1,,2", "-key 10 -keys 10000000", "-key 1025", "-value -1", "-value " + strconv.Itoa(maxValue+1),
		"-delete 100", "-subjects ringcache-3-proxied", "more", "-nothing",
	} {
		if o, err := parseMemory(strings.Fields(bad), t.Output()); err == nil {
			t.Errorf("%s gave %+v", bad, o)
		}
	}
}
