package clustertest

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"
)

// clientKeys is how many keys the tests with client libraries write: enough to reach every node many times.
const clientKeys = 500

func TestGoRedisPlain(t *testing.T) {
	c := Start(t, Options{})
	ctx := context.Background()
	for proto := 2; proto <= 3; proto++ {
		for i, n := range c.Nodes {
			exerciseGoRedis(ctx, t, n.Client(func(o *redis.Options) { o.Protocol = proto }), fmt.Sprintf("plain-%d-%d", proto, i))
		}
	}
	// One cache: what one node was told, the others know.
	for i := range clientKeys {
		key := fmt.Sprintf("shared:%d", i)
		if err := c.Nodes[i%3].Client().Set(ctx, key, i, 0).Err(); err != nil {
			t.Fatal(err)
		}
		got, err := c.Nodes[(i+1)%3].Client().Get(ctx, key).Int()
		if err != nil || got != i {
			t.Fatalf("%s through another node: %d, %v", key, got, err)
		}
		if i >= 20 {
			break
		}
	}
}

func TestGoRedisCluster(t *testing.T) {
	c := Start(t, Options{})
	ctx := context.Background()
	cc := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{c.Nodes[1].Addr()}})
	defer cc.Close()
	exerciseGoRedis(ctx, t, cc, "cluster")

	// It must have gone straight to the owners: it knows three primaries.
	var masters atomic.Int32
	err := cc.ForEachMaster(ctx, func(ctx context.Context, m *redis.Client) error {
		masters.Add(1)
		return m.Ping(ctx).Err()
	})
	if err != nil || masters.Load() != 3 {
		t.Fatalf("%d masters, want 3 (%v)", masters.Load(), err)
	}
	slots, err := cc.ClusterSlots(ctx).Result() //nolint:staticcheck // what older clients ask is what is tested
	if err != nil {
		t.Fatal(err)
	}
	owners := map[string]bool{}
	for _, s := range slots {
		owners[s.Nodes[0].Addr] = true
	}
	if len(owners) != 3 {
		t.Fatalf("CLUSTER SLOTS names %d owners, want 3: %v", len(owners), owners)
	}
}

// exerciseGoRedis uses what applications use, and checks every answer.
func exerciseGoRedis(ctx context.Context, t *testing.T, c redis.UniversalClient, prefix string) {
	t.Helper()
	key := func(i int) string { return prefix + ":" + strconv.Itoa(i) }
	pipe := c.Pipeline()
	for i := range clientKeys {
		pipe.Set(ctx, key(i), i, time.Hour)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		t.Fatalf("%s: pipelined SET: %v", prefix, err)
	}
	pipe = c.Pipeline()
	for i := range clientKeys {
		pipe.IncrBy(ctx, key(i), 1000)
	}
	replies, err := pipe.Exec(ctx)
	if err != nil {
		t.Fatalf("%s: pipelined INCRBY: %v", prefix, err)
	}
	for i, r := range replies {
		if got := r.(*redis.IntCmd).Val(); got != int64(i+1000) {
			t.Fatalf("%s: reply %d is %d: the order is broken", prefix, i, got)
		}
	}
	if err := c.Get(ctx, prefix+":missing").Err(); err != redis.Nil {
		t.Fatalf("%s: a missing key: %v", prefix, err)
	}
	if ttl := c.TTL(ctx, key(7)).Val(); ttl < 59*time.Minute || ttl > time.Hour {
		t.Fatalf("%s: TTL %v", prefix, ttl)
	}
	if ok := c.SetNX(ctx, key(1), "x", 0).Val(); ok {
		t.Fatalf("%s: SETNX of an existing key", prefix)
	}
	if _, cluster := c.(*redis.ClusterClient); !cluster {
		// A cluster-aware client refuses keys of several slots by itself.
		got, err := c.MGet(ctx, key(0), prefix+":missing", key(1), key(2)).Result()
		if err != nil || len(got) != 4 || got[0] != "1000" || got[1] != nil || got[2] != "1001" || got[3] != "1002" {
			t.Fatalf("%s: MGET %v, %v", prefix, got, err)
		}
		if n := c.Del(ctx, key(0), key(1), key(2), prefix+":missing").Val(); n != 3 {
			t.Fatalf("%s: DEL removed %d", prefix, n)
		}
		seen := map[string]bool{}
		it := c.Scan(ctx, 0, prefix+":*", 100).Iterator()
		for it.Next(ctx) {
			seen[it.Val()] = true
		}
		if it.Err() != nil || len(seen) != clientKeys-3 {
			t.Fatalf("%s: SCAN found %d keys, want %d (%v)", prefix, len(seen), clientKeys-3, it.Err())
		}
	}
}

func TestRueidis(t *testing.T) {
	c := Start(t, Options{})
	ctx := context.Background()
	for name, opt := range map[string]rueidis.ClientOption{
		"plain":   {InitAddress: []string{c.Nodes[2].Addr()}, ForceSingleClient: true},
		"cluster": {InitAddress: []string{c.Nodes[0].Addr(), c.Nodes[1].Addr()}},
	} {
		t.Run(name, func(t *testing.T) {
			opt.DisableCache = true // client-side caching (CLIENT TRACKING) is not offered yet
			r, err := rueidis.NewClient(opt)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			var cmds rueidis.Commands
			for i := range clientKeys {
				cmds = append(cmds, r.B().Set().Key(name+strconv.Itoa(i)).Value(strconv.Itoa(i)).Build())
			}
			for i := range clientKeys {
				cmds = append(cmds, r.B().Get().Key(name+strconv.Itoa(i)).Build())
			}
			for i, resp := range r.DoMulti(ctx, cmds...) {
				text, err := resp.ToString()
				if err != nil {
					t.Fatal(err)
				}
				if i >= clientKeys && text != strconv.Itoa(i-clientKeys) {
					t.Fatalf("reply %d is %q", i, text)
				}
			}
			if n, err := r.Do(ctx, r.B().Incr().Key(name+"7").Build()).AsInt64(); err != nil || n != 8 {
				t.Fatalf("INCR: %d, %v", n, err)
			}
		})
	}
}

func TestUnixSocket(t *testing.T) {
	path := t.TempDir() + "/s"
	n := NewNode(t, "--unixsocket", path)
	n.Start()
	c := redis.NewClient(&redis.Options{Network: "unix", Addr: path, MaxRetries: -1, Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}})
	defer c.Close()
	ctx := context.Background()
	Eventually(t, readyTimeout, "an answer on the unix socket", func() bool { return c.Set(ctx, "k", "v", 0).Err() == nil })
	if v, err := c.Get(ctx, "k").Result(); v != "v" || err != nil {
		t.Fatal(v, err)
	}
}
