package clustertest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"ringcache/internal/oracle"
)

// waitClients is how many clients wait or serve in the comparison, over all nodes.
const waitClients = 12

// TestWaitsOracle has clients of three nodes wait for lists, sorted sets and streams of all nodes, and compares with a redis-server
// who is served, when and by what: one command at a time, so that the order is the same.
func TestWaitsOracle(t *testing.T) {
	redis := oracle.StartRedis(t)
	c := Start(t, Options{Args: []string{"--threads", "1"}}) // one loop, so that requests of a node reach an owner in their order
	for _, proto := range []int{2, 3} {
		t.Run(fmt.Sprint("RESP", proto), func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			crowd, err := oracle.NewCrowd(redis, waitClients, proto)
			if err != nil {
				t.Fatal(err)
			}
			defer crowd.Close()
			w := &waits{t: t, gen: oracle.NewWaits(seed, "{a}", "{b}", "{c}", "{d}"), redis: crowd}
			for i := range waitClients {
				conn := connect(t, c.Nodes[i%len(c.Nodes)].Addr(), fmt.Sprint(proto))
				id, err := conn.Do([]byte("CLIENT"), []byte("ID"))
				if err != nil {
					t.Fatal(err)
				}
				w.clients, w.ids = append(w.clients, conn), append(w.ids, strings.Trim(string(id), ":\r\n"))
			}
			for _, n := range c.Nodes {
				w.watches = append(w.watches, connect(t, n.Addr(), "2"))
			}
			must(t, w.watches[0], "FLUSHALL")
			must(t, connect(t, redis, "2"), "FLUSHALL")
			for range scaled(10_000) {
				w.step()
			}
			if least := scaled(10_000) / 200; w.served < least {
				t.Errorf("seed %d: only %d of those that waited were served", seed, w.served)
			}
			for crowd.Waiting() > 0 {
				w.unblock() // who was served here only has another reply
			}
		})
	}
}

type waits struct {
	t       *testing.T
	gen     *oracle.Waits
	redis   *oracle.Crowd
	clients []*oracle.Conn // of node i%3
	ids     []string       // of theirs, as CLIENT LIST has them
	watches []*oracle.Conn // of each node
	served  int            // that have waited
	before  []string
}

// step has an idle client send a command, and now and then a waiting one unblocked.
func (w *waits) step() {
	w.t.Helper()
	if w.redis.Waiting() > 0 && w.gen.Pick(60) == 0 {
		w.unblock()
	}
	i := w.redis.Any(false, w.gen.Pick(waitClients))
	line := w.gen.Next(w.gen.Pick(waitClients) > w.redis.Waiting())
	args := bytes.Fields([]byte(line))
	w.before = append(w.before, fmt.Sprintf("%d: %s", i, line))
	w.before = w.before[max(0, len(w.before)-80):]
	want, err := w.redis.Do(i, args...)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.clients[i].Send(args...); err != nil {
		w.t.Fatal(err)
	}
	if want[i] == nil {
		w.awaitBlocked(i, args)
		return
	}
	for j, reply := range want {
		w.compare(j, reply)
	}
	w.served += len(want) - 1
}

// unblock ends the waiting of some client.
func (w *waits) unblock() {
	w.t.Helper()
	i := w.redis.Any(true, w.gen.Pick(waitClients))
	reason := []string{"TIMEOUT", "ERROR"}[w.gen.Pick(2)]
	w.before = append(w.before, fmt.Sprintf("%d is unblocked: %s", i, reason))
	want, err := w.redis.Unblock(i, reason)
	if err != nil {
		w.t.Fatal(err)
	}
	must(w.t, w.watches[i%len(w.watches)], "CLIENT", "UNBLOCK", w.ids[i], reason)
	w.compare(i, want)
}

func (w *waits) compare(i int, want []byte) {
	w.t.Helper()
	got, err := w.clients[i].Receive()
	if err != nil || !bytes.Equal(got, want) {
		w.t.Fatalf("client %d got %q, %v, want %q\nthe commands before:\n  %s", i, got, err, want, strings.Join(w.before, "\n  "))
	}
}

// awaitBlocked returns once a client's command waits at its owner: its node says that it waits, and has sent a later command there.
func (w *waits) awaitBlocked(i int, args [][]byte) {
	w.t.Helper()
	watch := w.watches[i%len(w.watches)]
	if w.clients[i].Readable(0) {
		got, err := w.clients[i].Receive()
		w.t.Fatalf("client %d got %q, %v where it is to wait\nthe commands before:\n  %s", i, got, err, strings.Join(w.before, "\n  "))
	}
	waiting := []byte("id=" + w.ids[i] + " ")
	Eventually(w.t, 10*time.Second, fmt.Sprintf("client %d to wait after\n  %s", i, strings.Join(w.before, "\n  ")), func() bool {
		list, err := watch.Do([]byte("CLIENT"), []byte("LIST"))
		if err != nil {
			w.t.Fatal(err)
		}
		for line := range bytes.SplitSeq(list, []byte("\n")) {
			if bytes.HasPrefix(line, waiting) {
				return bytes.Contains(line, []byte(" flags=b "))
			}
		}
		return false
	})
	for _, arg := range args {
		if arg[0] == '{' {
			must(w.t, watch, "EXISTS", string(arg))
			return
		}
	}
}
