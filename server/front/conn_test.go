package front

import "testing"

// TestReserveGrowsLargeOutputs: what many small replies to a client that does not read cost is linear in their bytes.
func TestReserveGrowsLargeOutputs(t *testing.T) {
	g, addr := start(t, Options{Loops: 1, NewConn: always(&funcs{data: echo})})
	nc := dial(t, addr)
	send(t, nc, "x")
	expect(t, nc, "x")
	on(t, g.Loops()[0], func() {
		g.Loops()[0].Each(func(c *Conn) {
			const total, piece = 32 << 20, 100
			moves, room := 0, cap(c.Out)
			for len(c.Out) < total {
				c.Reserve(piece)
				if cap(c.Out) != room {
					room, moves = cap(c.Out), moves+1
				}
				c.Out = append(c.Out, make([]byte, piece)...)
			}
			if moves > 50 {
				t.Errorf("the output was moved %d times", moves)
			}
			c.Out = nil
		})
	})
}
