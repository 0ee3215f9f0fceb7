package front

import (
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"
)

// TestHold: output is written up to what is held, and goes on once it is released, byte for byte.
func TestHold(t *testing.T) {
	conns := make(chan *Conn, 1)
	g, addr := start(t, Options{Loops: 1, NewConn: func(c *Conn) Handler {
		conns <- c
		return &funcs{}
	}})
	nc := dial(t, addr)
	c, l := wait(t, conns), g.Loops()[0]
	say := func(text string, held bool) (end int64) {
		on(t, l, func() {
			if held {
				c.Hold(c.Produced())
			}
			c.Out = append(c.Out, text...)
			c.Dirty()
			end = c.Produced()
		})
		return end
	}
	say("free,", false)
	expect(t, nc, "free,")
	first := say("one,", true)
	say("behind,", false)
	second := say("two,", true)
	expectNothing(t, nc)
	on(t, l, func() { c.Release(first) })
	expect(t, nc, "one,")
	expectNothing(t, nc)
	on(t, l, func() { c.Release(second) })
	expect(t, nc, "behind,two,")
	last := say("end", true)
	on(t, l, c.CloseAfterFlush)
	expectNothing(t, nc)
	on(t, l, func() { c.Release(last) })
	expect(t, nc, "end")
	if rest := expectEnd(t, nc); rest != "" {
		t.Errorf("%q came after the end", rest)
	}
}

// expectNothing gives output that must not come the time to do so.
func expectNothing(t *testing.T, nc net.Conn) {
	t.Helper()
	nc.SetReadDeadline(time.Now().Add(30 * time.Millisecond))
	defer nc.SetReadDeadline(time.Now().Add(patience))
	var b [1]byte
	if n, _ := nc.Read(b[:]); n > 0 {
		t.Fatalf("%q was written though it is held", b[0])
	}
}

// TestHoldAtRandom holds and releases in any order of sizes, with a peer that reads slowly.
func TestHoldAtRandom(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	conns := make(chan *Conn, 1)
	g, addr := start(t, Options{Loops: 1, NewConn: func(c *Conn) Handler {
		conns <- c
		return &funcs{}
	}})
	nc := dial(t, addr)
	c, l := wait(t, conns), g.Loops()[0]
	steps := 2000
	if testing.Short() {
		steps = 300
	}
	var want strings.Builder
	for range steps {
		n, hold, release, ease := rnd.IntN(300), rnd.IntN(2) == 0, rnd.IntN(4) == 0, rnd.IntN(8) == 0
		if rnd.IntN(50) == 0 {
			n = 500_000
		}
		part := strings.Repeat(string('a'+rune(rnd.IntN(26))), n)
		want.WriteString(part)
		on(t, l, func() {
			if hold {
				c.Hold(c.Produced())
			}
			c.Reserve(len(part))
			c.Out = append(c.Out, part...)
			c.Dirty()
			if release && c.held {
				c.Release(c.heldFrom + rnd.Int64N(c.Produced()-c.heldFrom+1))
			}
			if ease {
				c.Ease()
			}
		})
		if rnd.IntN(10) == 0 {
			on(t, l, func() { c.Release(c.Produced()) })
			expect(t, nc, want.String())
			want.Reset()
		}
	}
	on(t, l, func() { c.Release(c.Produced()) })
	expect(t, nc, want.String())
}
