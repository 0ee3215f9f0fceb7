package server

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"ringcache/ring"
)

var (
	randomSeed = flag.Uint64("random.seed", 0, "seed of TestRandomPipelines; 0 = a new one")
	randomFor  = flag.Duration("random.for", 1500*time.Millisecond, "how long TestRandomPipelines runs")
)

// TestRandomPipelines has clients send random pipelines of all kinds of commands through all nodes while maps change and links are
// cut. Each client knows what its own keys hold, so each reply must be the one to its own request: a reply that is lost, doubled,
// or in another's place shows at once, and so does a write that is done twice or not at all.
func TestRandomPipelines(t *testing.T) {
	seed := *randomSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d (go test -run TestRandomPipelines -random.seed %d)", seed, seed)
	nodes := startNodes(t, 3, 2)
	stop := make(chan struct{})
	var load sync.WaitGroup
	var clients []*randomClient
	for i := range 8 {
		m := &randomClient{
			t: t, id: i, rnd: rand.New(rand.NewPCG(seed, uint64(i))), c: nodes[i%3].client(t), values: map[string]string{},
		}
		clients = append(clients, m)
		load.Go(func() {
			for !t.Failed() {
				select {
				case <-stop:
					return
				default:
					m.pipeline()
				}
			}
		})
	}
	rnd := rand.New(rand.NewPCG(seed, 1000))
	for end := time.Now().Add(*randomFor); time.Now().Before(end) && !t.Failed(); {
		switch rnd.IntN(4) {
		case 0:
			change(nodes, func(*ring.Map) {}) // another epoch and nothing else: all sessions drain
		case 1:
			moveEmptySlots(nodes, rnd)
		case 2:
			nd := nodes[rnd.IntN(3)]
			l := nd.loops[rnd.IntN(len(nd.loops))]
			n := rnd.IntN(2)
			for _, other := range nodes {
				if other != nd { // so that requests are on the way when the link is cut
					for _, l := range other.loops {
						l.ev.Post(func() { time.Sleep(4 * time.Millisecond) })
					}
				}
			}
			time.Sleep(2 * time.Millisecond)
			l.ev.Post(func() {
				for _, k := range l.links {
					if k.c != nil && n == 0 {
						k.c.Close(errPeerDown)
						return
					}
					n--
				}
			})
		case 3:
			nd := nodes[rnd.IntN(3)]
			nd.setLease(0)
			time.Sleep(time.Duration(rnd.IntN(5)) * time.Millisecond)
			nd.setLease(1 << 62)
		}
		time.Sleep(time.Duration(rnd.IntN(10)) * time.Millisecond)
	}
	close(stop)
	load.Wait()
	for _, nd := range nodes {
		waitFor(t, "all that was held to be answered", func() bool {
			return nd.sum(cHeld) == 0 && nd.sum(cParked) == 0 && nd.sum(cInflight) == 0 && nd.slowTasks.Load() == 0
		})
		for _, l := range nd.loops {
			onLoop(t, l, func() {
				if l.heldBytes != 0 || len(l.heldSlots) != 0 {
					t.Errorf("held bytes %d, slots %v are left", l.heldBytes, l.heldSlots)
				}
			})
		}
	}
	requests := 0
	for _, m := range clients {
		requests += m.seq
	}
	held := int64(0)
	for _, nd := range nodes {
		held += nd.sum(cHeldTotal)
	}
	t.Logf("%d requests, %d held", requests, held)
	if t.Failed() {
		t.Logf("failed with seed %d", seed)
	}
}

// moveEmptySlots offers a random part of the slots to other nodes, and moves those that are released.
func moveEmptySlots(nodes []*testNode, rnd *rand.Rand) {
	from, step := rnd.IntN(ring.Slots), 1+rnd.IntN(50)
	m := change(nodes, func(m *ring.Map) {
		for s := from; s < ring.Slots; s += step {
			m.Slots[s].Next = ring.Index((int(m.Slots[s].Primary) + 1 + rnd.IntN(2)) % 3)
		}
	})
	change(nodes, func(next *ring.Map) {
		for s := range next.Slots {
			e := &next.Slots[s]
			if e.Next == ring.None {
				continue
			}
			owner := nodes[e.Primary]
			owner.mu.Lock()
			if owner.released[uint16(s)] {
				e.Primary, e.Epoch = e.Next, m.Epoch+1
			}
			delete(owner.released, uint16(s))
			owner.mu.Unlock()
			e.Next = ring.None
		}
	})
}

// randomClient is one client and what it knows.
type randomClient struct {
	t      *testing.T
	id     int
	rnd    *rand.Rand
	c      *tclient
	seq    int
	values map[string]string // by key; a missing one does not exist
	gen    [40]int           // by number: which of the keys of that number is in use
}

// expectation checks one reply; what it answers is an error, or "".
type expectation func(reply string) string

func (m *randomClient) key() string {
	n := m.rnd.IntN(len(m.gen))
	return fmt.Sprintf("r%d:%d:%d", m.id, n, m.gen[n])
}

func bulk(v string, ok bool) string {
	if !ok {
		return "$-1|"
	}
	return fmt.Sprintf("$%d|%s|", len(v), v)
}

// pipeline sends some commands at once and checks their replies.
func (m *randomClient) pipeline() {
	var raw strings.Builder
	var wants []expectation
	var names []string
	for range 1 + m.rnd.IntN(60) {
		line, want := m.next()
		names = append(names, line)
		wants = append(wants, want)
		switch {
		case m.rnd.IntN(8) == 0:
			raw.WriteString(line + "\r\n")
		default:
			raw.WriteString(cmd(line))
		}
	}
	whole := raw.String()
	for len(whole) > 0 { // in pieces, so that requests are cut in two
		n := min(len(whole), 1+m.rnd.IntN(2000))
		m.c.send(whole[:n])
		whole = whole[n:]
	}
	for i, want := range wants {
		got, err := m.c.tryReply()
		if err != nil {
			m.t.Errorf("client %d, %s: %v", m.id, names[i], err)
			return
		}
		if problem := want(got); problem != "" {
			m.t.Errorf("client %d, reply %d, %s: got %q, want %s", m.id, i, names[i], got, problem)
			return
		}
	}
}

// reads expects a reply, or that it cannot be told any more: a later write of the pipeline was on the same link.
func (m *randomClient) reads(want string) expectation {
	is := m.is(want)
	return func(got string) string {
		if got == "-"+errLostRead+"|" {
			return ""
		}
		return is(got)
	}
}

// is expects a reply.
func (m *randomClient) is(want string) expectation {
	return func(got string) string {
		if got != want {
			return fmt.Sprintf("%q", want)
		}
		return ""
	}
}

// next makes a command, does it to the model, and answers what its reply must be.
func (m *randomClient) next() (string, expectation) {
	m.seq++
	key := m.key()
	old, had := m.values[key]
	switch m.rnd.IntN(16) {
	case 0, 1, 2:
		v := fmt.Sprintf("v%d.%d", m.id, m.seq)
		m.values[key] = v
		return "SET " + key + " " + v, m.is("+OK|")
	case 3, 4, 5:
		return "GET " + key, m.reads(bulk(old, had))
	case 6:
		m.values[key] = old + "x"
		return "APPEND " + key + " x", m.is(fmt.Sprintf(":%d|", len(old)+1))
	case 7:
		other := m.key()
		_, hadOther := m.values[other]
		n := 0
		if had {
			n++
		}
		if hadOther && other != key {
			n++
		}
		delete(m.values, key)
		delete(m.values, other)
		return "DEL " + key + " " + other, m.is(fmt.Sprintf(":%d|", n))
	case 8:
		other, third := m.key(), m.key()
		v2, ok2 := m.values[other]
		v3, ok3 := m.values[third]
		return "MGET " + key + " " + other + " " + third,
			m.reads("*3|" + bulk(old, had) + bulk(v2, ok2) + bulk(v3, ok3))
	case 9:
		other := m.key()
		a, b := fmt.Sprintf("a%d", m.seq), fmt.Sprintf("b%d", m.seq)
		m.values[key] = a
		m.values[other] = b
		return "MSET " + key + " " + a + " " + other + " " + b, m.is("+OK|")
	case 10:
		msg := fmt.Sprintf("echo%d.%d", m.id, m.seq)
		return "ECHO " + msg, m.is(bulk(msg, true))
	case 11:
		name := fmt.Sprintf("NOSUCH%d", m.seq)
		return name, func(got string) string {
			if !strings.HasPrefix(got, "-ERR unknown command '"+name+"'") {
				return "an unknown command"
			}
			return ""
		}
	case 12:
		return "DBSIZE", func(got string) string {
			if got[0] != ':' {
				return "an integer"
			}
			return ""
		}
	case 13:
		n := len(m.values)
		return fmt.Sprintf("KEYS r%d:*", m.id), func(got string) string {
			if !strings.HasPrefix(got, fmt.Sprintf("*%d|", n)) {
				return fmt.Sprintf("%d keys", n)
			}
			return ""
		}
	case 14:
		other := m.key()
		return "LCS " + key + " " + other + " LEN", func(got string) string {
			if got[0] != ':' && got != "-"+errLostRead+"|" {
				return "an integer"
			}
			return ""
		}
	default:
		return "DEBUG SLEEP 0.001", m.is("+OK|")
	}
}
