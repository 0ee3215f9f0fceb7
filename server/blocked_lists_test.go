package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ringcache/ring"
)

func TestBlockedLists(t *testing.T) {
	clusters(t, func(t *testing.T, nodes []*testNode, at func(int) *testNode) {
		owner := nodes[len(nodes)-1]
		a, b, d := lastKey(nodes, "a"), lastKey(nodes, "b"), lastKey(nodes, "d")
		w := at(0).client(t)
		for _, null := range []string{"*-1|", "_|"} {
			clients := make([]*tclient, 4)
			for i := range clients {
				clients[i] = at(i).client(t)
				if null == "_|" {
					clients[i].do("HELLO 3")
				}
			}
			// One push of several elements serves several, in the order in which they came.
			for i, line := range []string{
				"BLPOP " + a + " 0", "BRPOP " + b + " " + a + " 0", "BLMPOP 0 2 " + b + " " + a + " LEFT COUNT 2", "BLMOVE " + a + " " + d + " RIGHT LEFT 0",
			} {
				clients[i].block(t, owner, i+1, line)
			}
			w.send(cmd("RPUSH "+a+" 1 2 3 4 5 6"), cmd("LRANGE "+a+" 0 -1"), cmd("LRANGE "+d+" 0 -1"))
			for _, want := range []string{":6|", "*1|$1|4|", "*1|$1|5|"} {
				w.wantReply(want)
			}
			for i, want := range []string{taken(a, "1"), taken(a, "6"), fmt.Sprintf("*2|$%d|%s|*2|$1|2|$1|3|", len(a), a), "$1|5|"} {
				clients[i].wantReply(want)
			}
			w.do("DEL " + a + " " + d)
			// A chain of moves, as far as it goes.
			clients[0].block(t, owner, 1, "BRPOPLPUSH "+a+" "+b+" 0")
			clients[1].block(t, owner, 2, "BLMOVE "+b+" "+d+" LEFT RIGHT 0")
			clients[2].block(t, owner, 3, "BLPOP "+d+" 0")
			w.send(cmd("LPUSH "+a+" x"), cmd("EXISTS "+a+" "+b+" "+d))
			w.wantReply(":1|")
			w.wantReply(":0|")
			clients[0].wantReply("$1|x|")
			clients[1].wantReply("$1|x|")
			clients[2].wantReply(taken(d, "x"))
			// Another type keeps it waiting; a target of another type is an error, and takes nothing.
			clients[0].block(t, owner, 1, "BLPOP "+a+" 0")
			clients[1].block(t, owner, 2, "BLMOVE "+a+" "+b+" LEFT LEFT 0")
			w.want("SET "+a+" s", "+OK|")
			w.want("SET "+b+" s", "+OK|")
			w.want("DEL "+a, ":1|")
			w.want("RPUSH "+d+" y z", ":2|")
			w.want("RENAME "+d+" "+a, "+OK|")
			clients[0].wantReply(taken(a, "y"))
			clients[1].wantReply("-WRONGTYPE Operation against a key holding the wrong kind of value|")
			w.want("LPOP "+a, "$1|z|")
			w.do("DEL " + b)
			// Time-outs and errors.
			for i, line := range []string{"BLPOP " + a + " 0.01", "BLMPOP 0.01 1 " + a + " RIGHT", "BLMOVE " + a + " " + b + " LEFT LEFT 0.01", "BRPOPLPUSH " + a + " " + b + " 0.01"} {
				clients[i].want(line, null)
			}
			clients[0].want("BLPOP "+a+" -1", "-ERR timeout is negative|")
			clients[0].want("BLPOP "+a+" x", "-ERR timeout is not a float or out of range|")
			clients[0].want("BLMPOP 0 0 "+a+" LEFT", "-ERR numkeys should be greater than 0|")
			w.do("SET " + a + " s")
			clients[0].want("BLPOP "+a+" 0", "-WRONGTYPE Operation against a key holding the wrong kind of value|")
			w.do("DEL " + a)
			for _, c := range clients {
				c.nc.Close()
			}
		}
	})
}

// TestBlockedListsGone: clients that go, are unblocked or time out take nothing, and those behind them are served.
func TestBlockedListsGone(t *testing.T) {
	clusters(t, func(t *testing.T, nodes []*testNode, at func(int) *testNode) {
		owner, key := nodes[len(nodes)-1], lastKey(nodes, "k")
		for i := range 3 {
			goes, ends, out, stays, w := at(i).client(t), at(i).client(t), at(i).client(t), at(i+1).client(t), at(i).client(t)
			id := strings.Trim(ends.do("CLIENT ID"), ":|")
			goes.block(t, owner, 1, "BLPOP "+key+" 0")
			ends.block(t, owner, 2, "BLPOP "+key+" 0")
			stays.block(t, owner, 3, "BLPOP "+key+" 0")
			out.want("BLPOP "+key+" 0.01", "*-1|")
			goes.nc.Close()
			w.want("CLIENT UNBLOCK "+id+" ERROR", ":1|")
			ends.wantReply("-" + errUnblocked + "|")
			waitWaiters(t, owner, 1)
			w.want("RPUSH "+key+" 1 2", ":2|")
			stays.wantReply(taken(key, "1"))
			w.want("LPOP "+key, "$1|2|")
		}
	})
}

// TestBlockedListMoves: BLPOP goes with its slot.
func TestBlockedListMoves(t *testing.T) {
	nodes := startNodes(t, 3, 1)
	key := keyOn(2, 3, "k")
	c, out, w := nodes[0].client(t), nodes[2].client(t), nodes[1].client(t)
	c.block(t, nodes[2], 1, "BLMPOP 100 1 "+key+" LEFT")
	start := time.Now()
	out.block(t, nodes[2], 2, "BLPOP "+key+" 0.2")
	change(nodes, func(m *ring.Map) { m.Slots[slotOf(key)].Primary = 1 })
	out.wantReply("*-1|")
	if took := time.Since(start); took < 200*time.Millisecond {
		t.Errorf("timed out after %v", took)
	}
	waitWaiters(t, nodes[1], 1)
	w.want("RPUSH "+key+" v", ":1|")
	c.wantReply(fmt.Sprintf("*2|$%d|%s|*1|$1|v|", len(key), key))
}
