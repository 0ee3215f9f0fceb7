package server

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ringcache/ring"
)

// TestBlockedStress has clients of three nodes take from few keys, with time-outs, while others make the keys, clients go in the middle
// and are unblocked, and slots change their owners. What was made is taken once, or is still there, or went with a client that had gone;
// nobody waits for what is there.
func TestBlockedStress(t *testing.T) {
	for _, moving := range []bool{false, true} {
		t.Run(fmt.Sprint("moving slots ", moving), func(t *testing.T) { stressBlocked(t, moving) })
	}
}

func stressBlocked(t *testing.T, moving bool) {
	rounds := 300
	if testing.Short() {
		rounds = 80
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	nodes := startNodes(t, 3, 2)
	keys := []string{keyOn(0, 3, "a"), keyOn(1, 3, "b"), keyOn(2, 3, "c")}
	var mu sync.Mutex
	takenOf := map[string]int{}
	var made, gone atomic.Int64
	var makers, takers sync.WaitGroup
	var over atomic.Bool
	for i := range 9 {
		takers.Go(func() {
			rnd := rand.New(rand.NewPCG(seed, uint64(i)))
			var c *tclient
			for !over.Load() {
				if c == nil {
					nc, err := net.Dial("tcp", nodes[i%3].addr)
					if err != nil {
						t.Error(err)
						return
					}
					c = &tclient{tb: t, nc: nc, rd: bufio.NewReader(nc)}
				}
				key := keys[rnd.IntN(3)]
				fmt.Fprint(c.nc, cmd(fmt.Sprintf("TAKE %s 0.%03d", key, 1+rnd.IntN(40))))
				if rnd.IntN(20) == 0 {
					for range rnd.IntN(200) {
						runtime.Gosched() // it goes before, while or after it waits
					}
					c.nc.Close()
					gone.Add(1)
					c = nil
					continue
				}
				reply, err := c.tryReply()
				switch {
				case err != nil:
					t.Errorf("%v", err)
					return
				case strings.HasPrefix(reply, "*2|"):
					mu.Lock()
					takenOf[reply]++
					mu.Unlock()
				case reply != "*-1|" && !strings.HasPrefix(reply, "-UNBLOCKED"):
					t.Errorf("got %q", reply)
				}
			}
			if c != nil {
				c.nc.Close()
			}
		})
	}
	makers.Go(func() { // unblocks whom it meets
		c := nodes[1].client(t)
		for id := 1; !over.Load(); id++ {
			c.do(fmt.Sprintf("CLIENT UNBLOCK %d %s", id%20, []string{"TIMEOUT", "ERROR"}[id%2]))
		}
	})
	for i := range 3 {
		takers.Go(func() {
			rnd := rand.New(rand.NewPCG(seed, uint64(100+i)))
			c := nodes[i].client(t)
			for n := range rounds {
				key := keys[rnd.IntN(3)]
				switch reply := c.do(fmt.Sprintf("SET %s %d-%d NX", key, i, n)); {
				case reply == "+OK|":
					made.Add(1)
				case reply != "$-1|":
					t.Errorf("SET: %q", reply)
				}
			}
			if i == 0 {
				over.Store(true)
			}
		})
	}
	if moving {
		makers.Go(func() {
			rnd, c := rand.New(rand.NewPCG(seed, 200)), nodes[2].client(t)
			for !over.Load() {
				key := keys[rnd.IntN(3)]
				c.do("EXISTS " + key) // so that something comes between two changes
				moveEmpty(nodes, slotOf(key))
			}
		})
	}
	takers.Wait()
	over.Store(true)
	makers.Wait()
	for _, nd := range nodes {
		waitWaiters(t, nd, 0)
	}
	c := nodes[0].client(t)
	left := int64(0)
	for _, key := range keys {
		if c.do("EXISTS "+key) == ":1|" {
			left++
		}
	}
	n := int64(0)
	for what, times := range takenOf {
		if times != 1 {
			t.Errorf("%q was taken %d times", what, times)
		}
		n++
	}
	if missing := made.Load() - n - left; missing < 0 || missing > gone.Load() {
		t.Errorf("%d made, %d taken, %d left, %d clients gone", made.Load(), n, left, gone.Load())
	}
	t.Logf("%d made, %d taken, %d left, %d clients gone", made.Load(), n, left, gone.Load())
}

// TestBlockedWakesUp has clients wait without a time-out, three for each key, on three nodes, while others make the keys: none stays,
// though each is made only when it is not there, and slots change their owners.
func TestBlockedWakesUp(t *testing.T) {
	rounds := 400
	if testing.Short() {
		rounds = 100
	}
	nodes := startNodes(t, 3, 2)
	keys := []string{keyOn(0, 3, "a"), keyOn(1, 3, "b"), keyOn(2, 3, "c")}
	var over atomic.Bool
	var takers, makers sync.WaitGroup
	for i := range 9 {
		c := nodes[i%3].client(t)
		takers.Go(func() {
			for !over.Load() {
				if reply := c.do("TAKE " + keys[i/3] + " 0"); !strings.HasPrefix(reply, "*2|") {
					t.Errorf("got %q", reply)
				}
			}
		})
	}
	for i := range 3 {
		c := nodes[i].client(t)
		makers.Go(func() {
			for n := range rounds {
				key := keys[n%3]
				c.do(fmt.Sprintf("SET %s v NX", key))
				if i == 0 && n%20 == 0 {
					moveEmpty(nodes, slotOf(key))
				}
			}
		})
	}
	makers.Wait()
	c := nodes[0].client(t)
	for _, key := range keys {
		waitFor(t, "the key to be taken", func() bool { return c.do("EXISTS "+key) == ":0|" })
	}
	over.Store(true)
	done := make(chan struct{})
	go func() { takers.Wait(); close(done) }()
	waitFor(t, "the takers to end", func() bool {
		for _, key := range keys {
			c.do("SET " + key + " v NX")
		}
		select {
		case <-done:
			return true
		default:
			return false
		}
	})
}

// moveEmpty gives a slot to the next node by a handoff, unless it holds a key.
func moveEmpty(nodes []*testNode, slot uint16) {
	from := nodes[0].Map().Slots[slot].Primary
	to := (from + 1) % ring.Index(len(nodes))
	change(nodes, func(m *ring.Map) { m.Slots[slot].Next = to })
	nd := nodes[from]
	nd.mu.Lock()
	free := nd.released[slot]
	delete(nd.released, slot)
	nd.mu.Unlock()
	change(nodes, func(m *ring.Map) {
		m.Slots[slot].Next = ring.None
		if free {
			m.Slots[slot].Primary = to
		}
	})
}
