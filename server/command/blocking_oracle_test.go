package command

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"ringcache/internal/oracle"
)

// TestBlockingOracle has some clients wait for some keys at random, here and at redis-server, while others make, change and remove
// them: lists, sorted sets, and streams with their groups. Who is served when, by what, and in which order is the same.
func TestBlockingOracle(t *testing.T) {
	steps := 20_000
	if testing.Short() {
		steps = 5000
	}
	for _, proto := range []int{2, 3} {
		t.Run(fmt.Sprint("RESP", proto), func(t *testing.T) { compareBlocking(t, proto, steps) })
	}
}

func compareBlocking(t *testing.T, proto, steps int) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	gen := oracle.NewWaits(seed, "{t}")
	const clients = 12
	redis, err := oracle.NewCrowd(oracle.StartRedis(t), clients, proto)
	if err != nil {
		t.Fatal(err)
	}
	defer redis.Close()
	n := newWaitingNode(DefaultWaitLimits)
	n.useKeyspace(newKeyspaceWithoutSink())
	n.proto = proto
	var before []string
	ends := make(map[string]int)
	for step := range steps {
		if redis.Waiting() > 0 && gen.Pick(60) == 0 {
			i := redis.Any(true, gen.Pick(clients))
			if _, err := redis.Unblock(i, "ERROR"); err != nil {
				t.Fatalf("seed %d, step %d: %v", seed, step, err)
			}
			n.client(i).waiter.End()
			n.client(i).waiter = nil
		}
		i := redis.Any(false, gen.Pick(clients))
		line := gen.Next(gen.Pick(clients) > redis.Waiting()) // the fewer are idle, the more serve
		before = append(before, fmt.Sprintf("%d: %s", i, line))
		before = before[max(0, len(before)-60):]
		want, err := redis.Do(i, bytes.Fields([]byte(line))...)
		if err != nil {
			t.Fatalf("seed %d, step %d: %v", seed, step, err)
		}
		n.do(i, line)
		for j := range clients {
			got := n.client(j).replies
			n.client(j).replies = nil
			if w, replied := want[j]; len(got) > 1 || len(got) == 1 != replied || replied && got[0] != string(w) {
				t.Fatalf("seed %d, step %d, %s of client %d: client %d got %q, want %q\nthe commands before:\n  %s", seed, step, line, i, j, got, w,
					strings.Join(before, "\n  "))
			}
			if j != i && len(got) == 1 {
				ends[howServed(got[0])]++
			}
		}
	}
	for how, least := range map[string]int{"stream": steps / 100, "other": steps / 500, "gone": 1} {
		if ends[how] < least {
			t.Errorf("seed %d: of those that waited %d were served by %s, all: %v", seed, ends[how], how, ends)
		}
	}
}

// howServed says what kind of reply ended the waiting of a command.
func howServed(reply string) string {
	switch {
	case strings.HasPrefix(reply, "-UNBLOCKED"), strings.HasPrefix(reply, "-NOGROUP"):
		return "gone"
	case strings.Contains(reply, "\r\n$1\r\nf\r\n"), strings.HasSuffix(reply, "*0\r\n"):
		return "stream"
	}
	return "other"
}
