package clustertest

import (
	"context"
	"net"
	"slices"
	"strconv"
	"testing"

	"github.com/redis/go-redis/v9"
)

const (
	hashKeys = 500     // keys of one slot
	hashSlot = "{one}" // what places them there
)

// TestHashOfCluster: keys hash by a secret of the cluster. It is the same on every node and after restarts, so that a cursor of
// SCAN goes on through any node whatever has been restarted meanwhile; another cluster has another.
func TestHashOfCluster(t *testing.T) {
	ctx := context.Background()
	c := Start(t, Options{})
	fill(ctx, t, c.Nodes[0])
	slot := c.Nodes[0].Client().ClusterKeySlot(ctx, hashSlot).Val()
	bystander := slices.IndexFunc(c.Nodes, func(n *Node) bool { return n.Addr() != ownerOf(ctx, t, c.Nodes[0], slot) })
	before := scan(ctx, t, func(step int) *Node {
		if step == 5 { // keys live in memory: the owner of these stays
			c.Nodes[bystander].Stop()
			c.Nodes[bystander].Start()
			c.WaitReady()
		}
		return c.Nodes[step%len(c.Nodes)]
	})

	c.StopAll()
	for _, n := range c.Nodes {
		n.Start()
	}
	c.WaitReady()
	fill(ctx, t, c.Nodes[1])
	after := scan(ctx, t, func(step int) *Node { return c.Nodes[(step+1)%len(c.Nodes)] })
	if !slices.Equal(before, after) {
		t.Errorf("the order of keys has changed with a restart:\n%v\n%v", before, after)
	}

	other := NewNode(t)
	other.Start()
	Eventually(t, readyTimeout, "a lone node to serve", func() bool { return other.Client().Set(ctx, "a", "1", 0).Err() == nil })
	if err := other.Client().Del(ctx, "a").Err(); err != nil {
		t.Fatal(err)
	}
	fill(ctx, t, other)
	if slices.Equal(before, scan(ctx, t, func(int) *Node { return other })) {
		t.Error("two clusters order their keys alike")
	}
}

func fill(ctx context.Context, t *testing.T, n *Node) {
	t.Helper()
	_, err := n.Client().Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range hashKeys {
			p.Set(ctx, hashSlot+strconv.Itoa(i), i, 0)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func ownerOf(ctx context.Context, t *testing.T, n *Node, slot int64) string {
	t.Helper()
	for _, shard := range n.Client().ClusterShards(ctx).Val() {
		if !slices.ContainsFunc(shard.Slots, func(r redis.SlotRange) bool { return slot >= r.Start && slot <= r.End }) {
			continue
		}
		for _, member := range shard.Nodes {
			if member.Role == "master" {
				return net.JoinHostPort(member.IP, strconv.FormatInt(member.Port, 10))
			}
		}
	}
	t.Fatalf("slot %d is nobody's", slot)
	return ""
}

// scan goes through all keys, each step on the node that through names, and answers them in their order: the hash's.
func scan(ctx context.Context, t *testing.T, through func(step int) *Node) (order []string) {
	t.Helper()
	var cursor uint64
	for step := 0; ; step++ {
		if step > 10*hashKeys {
			t.Fatal("the scan has no end")
		}
		keys, next, err := through(step).Client().Scan(ctx, cursor, "", 10).Result()
		if err != nil {
			t.Fatal(err)
		}
		order = append(order, keys...)
		if cursor = next; cursor == 0 {
			break
		}
	}
	sorted := slices.Sorted(slices.Values(order))
	if n := len(slices.Compact(sorted)); n != hashKeys || n != len(order) {
		t.Fatalf("the scan gave %d keys, %d different ones; want %d, each once", len(order), n, hashKeys)
	}
	return order
}
