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
	grow int // arguments that one more member adds
}{
	{"set", func(key string, i int) []any { return []any{"SADD", key, "member:" + strconv.Itoa(i)} }, 1},
	{"hash", func(key string, i int) []any { return []any{"HSET", key, "field:" + strconv.Itoa(i), "value"} }, 2},
	{"zset", func(key string, i int) []any {
		return []any{"ZADD", key, i * 7919 % 1_000_003, "member:" + strconv.Itoa(i)}
	}, 2},
	{"list", func(key string, i int) []any { return []any{"RPUSH", key, "element:" + strconv.Itoa(i)} }, 1},
	{"stream", func(key string, i int) []any { return []any{"XADD", key, "*", "field", "value"} }, 0},
}

// fillCollection adds n members, many by one command where the command takes many.
func fillCollection(ctx context.Context, t *testing.T, c *redis.Client, key string, n int, args func(string, int) []any, grow int) {
	t.Helper()
	const batch, commands = 100, 20
	for i := 0; i < n; {
		pipe := c.Pipeline()
		for range commands {
			words := args(key, i)
			i++
			for j := 1; j < batch && grow > 0; j++ {
				more := args(key, i)
				words = append(words, more[len(more)-grow:]...)
				i++
			}
			pipe.Do(ctx, words...)
		}
		if _, err := pipe.Exec(ctx); err != nil {
			t.Fatal(err)
		}
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
				fillCollection(ctx, t, c, "{k}large", count, kind.args, kind.grow)
				quiet := worstDelay(ctx, t, n, func() { time.Sleep(300 * time.Millisecond) })
				busy := worstDelay(ctx, t, n, func() {
					var err error
					switch end {
					case "DEL":
						err = c.Del(ctx, "{k}large").Err()
					case "EXPIRE":
						err = c.PExpire(ctx, "{k}large", time.Millisecond).Err()
					case "SET":
						err = c.Set(ctx, "{k}large", "v", 0).Err()
					case "FLUSHALL":
						err = c.FlushAll(ctx).Err()
					}
					if err != nil {
						t.Error(err)
					}
					time.Sleep(300 * time.Millisecond)
				})
				t.Logf("%d members: worst delay %v, %v without", count, busy, quiet)
				if busy > maxDelay && busy > 2*quiet {
					t.Errorf("another client was delayed by %v; without it the worst was %v", busy, quiet)
				}
			})
		}
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
