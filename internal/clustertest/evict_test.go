//go:build linux

package clustertest

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// infoInt is one number of INFO.
func infoInt(t *testing.T, c *redis.Client, name string) int64 {
	t.Helper()
	for _, line := range strings.Split(c.Info(context.Background(), "everything").Val(), "\r\n") {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("INFO has no %s", name)
	return 0
}

// TestMaxMemorySettings: what CONFIG SET says of memory holds at once, on a real node.
func TestMaxMemorySettings(t *testing.T) {
	const limit = 1 << 20
	n, c := startLone(t, "--maxmemory", strconv.Itoa(limit), "--maxmemory-policy", "volatile-ttl")
	ctx := context.Background()
	fill := func(prefix string, ttl time.Duration) error {
		for from := 0; from < 20_000; from += 500 {
			pipe := c.Pipeline()
			for i := from; i < from+500; i++ {
				pipe.Set(ctx, fmt.Sprint(prefix, i), strings.Repeat("v", 100), ttl)
			}
			if _, err := pipe.Exec(ctx); err != nil {
				return err
			}
		}
		return nil
	}
	within := func(limit int64) {
		t.Helper()
		if used := infoInt(t, c, "used_memory"); used > limit*102/100 {
			t.Errorf("%d bytes used, limit %d", used, limit)
		}
	}
	set := func(name, value string) {
		t.Helper()
		if err := c.ConfigSet(ctx, name, value).Err(); err != nil {
			t.Fatal(err)
		}
	}
	const oom = "OOM command not allowed when used memory > 'maxmemory'."
	if err := fill("volatile", time.Hour); err != nil {
		t.Fatalf("%v\n%s", err, n.Log())
	}
	within(limit)
	if err := fill("lasting", 0); err == nil || err.Error() != oom {
		t.Errorf("with nothing to evict: %v", err)
	}
	if infoInt(t, c, "evicted_keys") == 0 {
		t.Error("nothing was evicted")
	}
	Eventually(t, readyTimeout, "INFO to say that memory is over its limit", func() bool {
		return infoInt(t, c, "current_eviction_exceeded_time") > 0
	})
	within(limit)
	set("maxmemory-policy", "allkeys-lfu")
	if err := fill("again", 0); err != nil {
		t.Error(err)
	}
	within(limit)
	set("maxmemory", strconv.Itoa(limit/2))
	Eventually(t, readyTimeout, "memory to return under the new limit", func() bool { return infoInt(t, c, "used_memory") <= limit/2 })
	set("maxmemory-policy", "noeviction")
	if err := fill("more", 0); err == nil || err.Error() != oom {
		t.Errorf("with noeviction: %v", err)
	}
	set("maxmemory", "0")
	set("maxmemory-policy", "allkeys-lfu")
	set("lfu-log-factor", "0")
	c.Set(ctx, "counted", 1, 0)
	for range 50 {
		c.Get(ctx, "counted")
	}
	if f := c.ObjectFreq(ctx, "counted").Val(); f < 50 || f > 55 {
		t.Errorf("with a factor of 0 a key used 50 times has a frequency of %d", f)
	}
}
