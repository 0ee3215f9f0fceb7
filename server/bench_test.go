package server

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// pipelined is a client that sends the same bytes again and again and knows how many come back: it allocates nothing, so that what
// the process allocates is the nodes'.
type pipelined struct {
	nc    net.Conn
	send  []byte
	reply []byte
	n     int // requests in send
}

// steady starts nodes and answers a client of the first that has set its keys, which are those of the last node.
func steady(tb testing.TB, nodes, depth int, request func(key string) (raw, reply string)) *pipelined {
	tb.Helper()
	list := startNodes(tb, nodes, 1)
	c := list[0].client(tb)
	var send, reply strings.Builder
	for i := range depth {
		key := keyOn(nodes-1, nodes, "key:"+string(rune('a'+i)))
		c.want("SET "+key+" "+benchValue, "+OK|")
		raw, want := request(key)
		send.WriteString(raw)
		reply.WriteString(want)
	}
	p := &pipelined{nc: c.nc, send: []byte(send.String()), reply: make([]byte, reply.Len()), n: depth}
	if err := c.nc.SetDeadline(time.Time{}); err != nil {
		tb.Fatal(err)
	}
	for range 200 { // buffers, pools and counters find their sizes
		p.round(tb)
	}
	if string(p.reply) != reply.String() {
		tb.Fatalf("got %q, want %q", p.reply, reply.String())
	}
	return p
}

// round sends the pipeline once and reads its replies.
func (p *pipelined) round(tb testing.TB) {
	if _, err := p.nc.Write(p.send); err != nil {
		tb.Fatal(err)
	}
	if _, err := io.ReadFull(p.nc, p.reply); err != nil {
		tb.Fatal(err)
	}
}

const (
	benchValue = "0123456789abcdef0123456789abcdef"
	benchDepth = 16
)

func get(key string) (raw, reply string) { return cmd("GET " + key), "$32\r\n" + benchValue + "\r\n" }
func set(key string) (raw, reply string) { return cmd("SET " + key + " " + benchValue), "+OK\r\n" }

func benchmark(b *testing.B, nodes int, request func(string) (string, string)) {
	p := steady(b, nodes, benchDepth, request)
	b.ReportAllocs() // of the whole process: both nodes and the client
	b.ResetTimer()
	for done := 0; done < b.N; done += p.n {
		p.round(b)
	}
}

func BenchmarkLocalGet(b *testing.B)   { benchmark(b, 1, get) }
func BenchmarkLocalSet(b *testing.B)   { benchmark(b, 1, set) }
func BenchmarkProxiedGet(b *testing.B) { benchmark(b, 2, get) }
func BenchmarkProxiedSet(b *testing.B) { benchmark(b, 2, set) }
