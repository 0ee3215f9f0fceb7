package clustertest

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/redis/go-redis/v9"
)

// TestReplyOrder sends random pipelines that mix local, remote, split, cluster-wide and local-only commands through one
// connection, and checks every reply against a model. A reply out of place shows at once, because all values differ.
func TestReplyOrder(t *testing.T) {
	c := Start(t, Options{})
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	ctx := context.Background()
	for _, n := range c.Nodes {
		cl := n.Client(func(o *redis.Options) { o.PoolSize = 1; o.DisableIdentity = true })
		if err := cl.FlushAll(ctx).Err(); err != nil {
			t.Fatal(err)
		}
		model := map[string]string{}
		for round := range scaled(60) {
			pipe := cl.Pipeline()
			var want []string
			for range 1 + rng.IntN(300) {
				want = append(want, randomStep(ctx, rng, pipe, model))
			}
			cmds, err := pipe.Exec(ctx)
			if err != nil && err != redis.Nil {
				t.Fatalf("round %d: %v", round, err)
			}
			for i, cmd := range cmds {
				if got := show(cmd.(*redis.Cmd)); got != want[i] {
					t.Fatalf("round %d, reply %d to %v: %s, want %s", round, i, cmd.Args(), got, want[i])
				}
			}
		}
	}
}

func randomStep(ctx context.Context, rng *rand.Rand, p redis.Pipeliner, model map[string]string) (want string) {
	key := func() string { return "o:" + strconv.Itoa(rng.IntN(200)) }
	value := strconv.FormatUint(rng.Uint64(), 36)
	get := func(k string) string {
		if v, ok := model[k]; ok {
			return v
		}
		return "nil"
	}
	switch rng.IntN(20) {
	case 0, 1, 2, 3, 4:
		k := key()
		model[k] = value
		p.Do(ctx, "SET", k, value)
		return "OK"
	case 5, 6, 7, 8, 9:
		k := key()
		p.Do(ctx, "GET", k)
		return get(k)
	case 10, 11, 12:
		args, out := []any{"MGET"}, "["
		for range 1 + rng.IntN(8) {
			k := key()
			args = append(args, k)
			out += get(k) + " "
		}
		p.Do(ctx, args...)
		return out + "]"
	case 13, 14:
		args := []any{"MSET"}
		for i := range 1 + rng.IntN(5) {
			k, v := key(), value+strconv.Itoa(i)
			args = append(args, k, v)
			model[k] = v
		}
		p.Do(ctx, args...)
		return "OK"
	case 15, 16:
		args, n := []any{"DEL"}, 0
		for range 1 + rng.IntN(4) {
			k := key()
			args = append(args, k)
			if _, ok := model[k]; ok {
				n++
			}
			delete(model, k)
		}
		p.Do(ctx, args...)
		return strconv.Itoa(n)
	case 17:
		p.Do(ctx, "ECHO", value)
		return value
	case 18:
		k := key()
		model[k] += value
		p.Do(ctx, "APPEND", k, value)
		return strconv.Itoa(len(model[k]))
	default:
		p.Do(ctx, "DBSIZE")
		return strconv.Itoa(len(model))
	}
}

func show(c *redis.Cmd) string {
	if c.Err() == redis.Nil {
		return "nil"
	}
	if c.Err() != nil {
		return c.Err().Error()
	}
	if list, ok := c.Val().([]any); ok {
		var b bytes.Buffer
		b.WriteByte('[')
		for _, e := range list {
			if e == nil {
				e = "nil"
			}
			fmt.Fprintf(&b, "%v ", e)
		}
		b.WriteByte(']')
		return b.String()
	}
	return fmt.Sprint(c.Val())
}
