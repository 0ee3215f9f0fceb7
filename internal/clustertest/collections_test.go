//go:build linux

package clustertest

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// members is how many members a large collection of the test has: 10 million is what the node is to bear.
func members(t *testing.T) int {
	t.Helper()
	if text := os.Getenv("RINGCACHE_MEMBERS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return scaled(200_000)
}

// adding is the command that adds member i to a collection, by type.
var adding = []struct {
	name string
	args func(key string, i int) []any
	more int // arguments that one more member adds; 0 = a command adds one
}{
	{"set", func(key string, i int) []any { return []any{"SADD", key, "member:" + strconv.Itoa(i)} }, 1},
	{"hash", func(key string, i int) []any { return []any{"HSET", key, "field:" + strconv.Itoa(i), "value"} }, 2},
	{"zset", func(key string, i int) []any {
		return []any{"ZADD", key, i * 7919 % 1_000_003, "member:" + strconv.Itoa(i)}
	}, 2},
	{"list", func(key string, i int) []any { return []any{"RPUSH", key, "element:" + strconv.Itoa(i)} }, 1},
	{"stream", func(key string, i int) []any { return []any{"XADD", key, "*", "field", strconv.Itoa(i)} }, 0},
}

// fillCollection adds n members, many by one command.
func fillCollection(ctx context.Context, t *testing.T, c *redis.Client, key string, n int, args func(string, int) []any, more int) {
	t.Helper()
	batch, commands := 100, 20
	if more == 0 {
		batch, commands = 1, 2000
	}
	for i := 0; i < n; {
		pipe := c.Pipeline()
		for range commands {
			words := args(key, i)
			i++
			for range batch - 1 {
				next := args(key, i)
				words = append(words, next[len(next)-more:]...)
				i++
			}
			pipe.Do(ctx, words...)
		}
		if _, err := pipe.Exec(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if more == 0 {
		deliver(ctx, t, c, key, n)
	}
}

// deliver has a group read a whole stream, so that all n entries are pending.
func deliver(ctx context.Context, t *testing.T, c *redis.Client, key string, n int) {
	t.Helper()
	if err := c.XGroupCreate(ctx, key, "group", "0").Err(); err != nil {
		t.Fatal(err)
	}
	for read := 0; read < n; {
		got, err := c.XReadGroup(ctx, &redis.XReadGroupArgs{Group: "group", Consumer: "one", Streams: []string{key, ">"}, Count: 10_000}).Result()
		if err != nil || len(got) != 1 {
			t.Fatalf("after %d entries: %v, %v", read, got, err)
		}
		read += len(got[0].Messages)
	}
}

// maxDelay is by how much the end of a large collection may delay another client.
const maxDelay = 5 * time.Millisecond

// TestLargeCollectionsGo: deleting, overwriting, expiring or flushing a large collection delays no other client, not even one that uses
// the same slot. What the machine itself delays is measured beside it.
func TestLargeCollectionsGo(t *testing.T) {
	n, c := startLone(t)
	ctx := context.Background()
	count := members(t)
	for _, kind := range adding {
		for _, end := range []string{"DEL", "EXPIRE", "SET", "FLUSHALL"} {
			t.Run(kind.name+"/"+end, func(t *testing.T) {
				const tries = 10 // the best of some: what others do with the machine only ever adds to a delay
				for try := 1; ; try++ {
					if err := c.FlushAll(ctx).Err(); err != nil {
						t.Fatal(err)
					}
					fillCollection(ctx, t, c, "{k}large", count, kind.args, kind.more)
					quiet := worstDelay(ctx, t, n, func() { time.Sleep(delaySpan) })
					busy := worstDelay(ctx, t, n, func() {
						endCollection(ctx, t, c, "{k}large", end)
						time.Sleep(delaySpan)
					})
					t.Logf("%d members: worst delay %v, %v without", count, busy, quiet)
					if busy <= maxDelay || busy <= 2*quiet {
						return
					}
					if try == tries {
						t.Fatalf("another client was delayed by %v; without it the worst was %v", busy, quiet)
					}
				}
			})
		}
	}
}

// delaySpan is how long delays are looked for.
const delaySpan = 300 * time.Millisecond

// endCollection has a key end in one of several ways.
func endCollection(ctx context.Context, t *testing.T, c *redis.Client, key, how string) {
	t.Helper()
	var err error
	switch how {
	case "DEL":
		err = c.Del(ctx, key).Err()
	case "EXPIRE":
		err = c.PExpire(ctx, key, time.Millisecond).Err()
	case "SET":
		err = c.Set(ctx, key, "v", 0).Err()
	case "FLUSHALL":
		err = c.FlushAll(ctx).Err()
	}
	if err != nil {
		t.Error(err)
	}
}

// worstDelay is the longest that a client with one request at a time waited for a reply while fn ran.
func worstDelay(ctx context.Context, t *testing.T, n *Node, fn func()) time.Duration {
	t.Helper()
	c := n.Client()
	done := make(chan struct{})
	var (
		wg    sync.WaitGroup
		worst time.Duration
	)
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
			}
			began := time.Now()
			if err := c.Set(ctx, fmt.Sprint("{k}", i%100), "v", 0).Err(); err != nil {
				t.Error(err)
				return
			}
			worst = max(worst, time.Since(began))
		}
	})
	fn()
	close(done)
	wg.Wait()
	return worst
}
