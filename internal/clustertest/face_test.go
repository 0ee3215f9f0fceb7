package clustertest

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"
)

// infoOf reads a section of INFO as names and values.
func infoOf(t *testing.T, cl *redis.Client, section string) map[string]string {
	t.Helper()
	text, err := cl.Info(context.Background(), section).Result()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			out[name] = value
		}
	}
	return out
}

// standby is three nodes, of which the last only has copies.
func standby(t *testing.T) *Cluster {
	t.Helper()
	c := &Cluster{t: t}
	c.Add()
	c.Add()
	c.Add("--weight", "0")
	c.WaitStatus(c.Nodes[0], "the standby to have copies", func(st *Status) bool {
		if len(st.Nodes) != 3 || st.Slots.Unserved+st.Slots.Migrating+st.Slots.UnderReplicated > 0 {
			return false
		}
		for _, n := range st.Nodes {
			if (n.Addr == c.Nodes[2].Addr()) != (n.PrimarySlots == 0) || n.ReplicaSlots == 0 {
				return false
			}
		}
		return true
	})
	return c
}

var slaveLine = regexp.MustCompile(`^ip=127\.0\.0\.1,port=(\d+),state=online,offset=(\d+),lag=[01]$`)

// TestReplicationShown: INFO replication, ROLE and the CLUSTER views tell of the streams and the copies that there are.
func TestReplicationShown(t *testing.T) {
	c := standby(t)
	ctx := context.Background()
	first, last := c.Nodes[0].Client(), c.Nodes[2].Client()
	for i := range 200 {
		if err := first.Set(ctx, "k"+strconv.Itoa(i), i, 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	Eventually(t, readyTimeout, "the replicas to be online, and to have everything", func() bool {
		info := infoOf(t, first, "replication")
		n, err := strconv.Atoi(info["connected_slaves"])
		if err != nil || n < 1 || info["role"] != "master" || info["repl_backlog_active"] != "1" {
			return false
		}
		for i := range n {
			m := slaveLine.FindStringSubmatch(info["slave"+strconv.Itoa(i)])
			if m == nil || m[2] != info["master_repl_offset"] {
				return false
			}
		}
		return info["repl_backlog_histlen"] == "0"
	})
	role, err := first.Do(ctx, "ROLE").Slice()
	if err != nil || len(role) != 3 || role[0] != "master" || len(role[2].([]any)) == 0 {
		t.Errorf("ROLE of a primary: %v, %v", role, err)
	}
	info := infoOf(t, last, "replication")
	if info["role"] != "slave" || info["master_link_status"] != "up" || info["connected_slaves"] != "0" || info["master_sync_in_progress"] != "0" {
		t.Errorf("INFO replication of a standby: %v", info)
	}
	role, err = last.Do(ctx, "ROLE").Slice()
	if err != nil || len(role) != 5 || role[0] != "slave" || role[3] != "connected" || fmt.Sprint(role[2]) != info["master_port"] {
		t.Errorf("ROLE of a standby: %v, %v", role, err)
	}

	// Each range of slots has a primary and one replica, and every view says so.
	ids := ids(t, c)
	for _, n := range c.Nodes {
		cl := n.Client()
		slots, err := cl.ClusterSlots(ctx).Result() //nolint:staticcheck // what older clients ask is what is tested
		if err != nil {
			t.Fatal(err)
		}
		pairs := map[string]int{}
		for _, s := range slots {
			if len(s.Nodes) != 2 || s.Nodes[0].ID == s.Nodes[1].ID || s.Nodes[0].ID == ids[2] {
				t.Fatalf("CLUSTER SLOTS: %+v", s)
			}
			pairs[s.Nodes[0].ID] += s.End - s.Start + 1
		}
		shards, err := cl.ClusterShards(ctx).Result()
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range shards {
			if len(shards) != 2 || s.Nodes[0].Role != "master" || len(s.Nodes) < 2 || s.Nodes[1].Role != "replica" || s.Nodes[1].Health != "online" {
				t.Fatalf("CLUSTER SHARDS: %+v", s)
			}
			for _, r := range s.Slots {
				pairs[s.Nodes[0].ID] -= int(r.End - r.Start + 1)
			}
		}
		for pair, left := range pairs {
			if left != 0 {
				t.Errorf("%s: CLUSTER SLOTS and SHARDS differ by %d slots", pair, left)
			}
		}
		for _, id := range ids[:2] {
			lines, err := cl.Do(ctx, "CLUSTER", "REPLICAS", id).StringSlice()
			if err != nil || len(lines) == 0 || !strings.Contains(strings.Join(lines, "\n"), ids[2]) {
				t.Errorf("CLUSTER REPLICAS %s: %q, %v", id, lines, err)
			}
		}
		if err := cl.Do(ctx, "CLUSTER", "REPLICAS", ids[2]).Err(); err == nil || err.Error() != "ERR The specified node is not a master" {
			t.Errorf("CLUSTER REPLICAS of a standby: %v", err)
		}
	}

	// A client that reads from replicas finds everything, by the map that it is given.
	cc := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{c.Nodes[1].Addr()}, ReadOnly: true, RouteRandomly: true})
	defer cc.Close()
	for i := range 200 {
		if got, err := cc.Get(ctx, "k"+strconv.Itoa(i)).Int(); got != i || err != nil {
			t.Fatalf("k%d: %d, %v", i, got, err)
		}
	}
	r, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{c.Nodes[1].Addr()}, DisableCache: true, SendToReplicas: func(cmd rueidis.Completed) bool { return cmd.IsReadOnly() },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for i := range 200 {
		if got, err := r.Do(ctx, r.B().Get().Key("k"+strconv.Itoa(i)).Build()).AsInt64(); got != int64(i) || err != nil {
			t.Fatalf("k%d: %d, %v", i, got, err)
		}
	}
}

// TestWaitForReplicas: WAIT through any node, with each --acks; a replica that hangs is not counted, and the time-out is kept.
func TestWaitForReplicas(t *testing.T) {
	for _, acks := range []string{"in-sync", "primary"} {
		t.Run(acks, func(t *testing.T) {
			c := Start(t, Options{Args: []string{"--acks", acks, "--node-timeout", "5s"}})
			ctx := context.Background()
			for _, n := range c.Nodes {
				conn := n.Client().Conn()
				defer conn.Close()
				if got, err := conn.Wait(ctx, 1, time.Second).Result(); got != 1 || err != nil {
					t.Fatalf("before any write: %d, %v", got, err)
				}
				for i := range 100 {
					if err := conn.Set(ctx, "k"+strconv.Itoa(i), i, 0).Err(); err != nil {
						t.Fatal(err)
					}
				}
				if got, err := conn.Wait(ctx, 1, 10*time.Second).Result(); got != 1 || err != nil {
					t.Fatalf("%d, %v", got, err)
				}
				Eventually(t, readyTimeout, "a time-out within which all primaries answer", func() bool {
					began := time.Now()
					got, err := conn.Wait(ctx, 2, 150*time.Millisecond).Result()
					if took := time.Since(began); took < 150*time.Millisecond || got > 1 || err != nil {
						t.Fatalf("for more replicas than there are: %d, %v, after %v", got, err, took)
					}
					return got == 1
				})
			}
			if acks == "in-sync" {
				return // replies wait for a replica that hangs: there is nothing to ask
			}
			key := ownedBy(t, c, c.Nodes[0])
			conn := c.Nodes[1].Client().Conn()
			defer conn.Close()
			if err := conn.Set(ctx, key, "v", 0).Err(); err != nil {
				t.Fatal(err)
			}
			victim := replicaOf(t, c, key)
			victim.Signal(syscall.SIGSTOP)
			Eventually(t, readyTimeout, "the node to be stopped", func() bool { return isStopped(victim.PID()) })
			if victim != c.Nodes[1] {
				if err := conn.Set(ctx, key, "w", 0).Err(); err != nil {
					t.Fatal(err)
				}
				if got, err := conn.Wait(ctx, 1, 100*time.Millisecond).Result(); got != 0 || err != nil {
					t.Errorf("of a replica that hangs: %d, %v", got, err)
				}
			}
			victim.Signal(syscall.SIGCONT)
			if victim != c.Nodes[1] {
				if got, err := conn.Wait(ctx, 1, 30*time.Second).Result(); got != 1 || err != nil {
					t.Errorf("of a replica that goes on: %d, %v", got, err)
				}
			}
		})
	}
}

// replicaOf is a node that has a copy of a key's slot.
func replicaOf(t *testing.T, c *Cluster, key string) *Node {
	t.Helper()
	ctx := context.Background()
	cl := c.Nodes[0].Client()
	slot, err := cl.ClusterKeySlot(ctx, key).Result()
	if err != nil {
		t.Fatal(err)
	}
	slots, err := cl.ClusterSlots(ctx).Result() //nolint:staticcheck // it names the replicas
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range slots {
		if int(slot) < s.Start || int(slot) > s.End || len(s.Nodes) < 2 {
			continue
		}
		for _, n := range c.Nodes {
			if n.Addr() == s.Nodes[1].Addr {
				return n
			}
		}
	}
	t.Fatalf("slot %d has no replica", slot)
	return nil
}

// TestMinReplicas: where no replica is in sync writes are refused, and go on once there is one.
func TestMinReplicas(t *testing.T) {
	c := &Cluster{t: t}
	n := c.Add("--min-replicas-to-write", "1")
	ctx := context.Background()
	cl := n.Client()
	const refused = "NOREPLICAS Not enough good replicas to write."
	Eventually(t, readyTimeout, "the node to serve", func() bool {
		err := cl.Set(ctx, "k", "v", 0).Err()
		return err != nil && err.Error() == refused
	})
	if err := cl.Get(ctx, "k").Err(); err != redis.Nil {
		t.Errorf("the refused write: %v", err)
	}
	if got := infoOf(t, cl, "replication")["min_slaves_good_slaves"]; got != "0" {
		t.Errorf("min_slaves_good_slaves:%s", got)
	}
	c.Add("--min-replicas-to-write", "1")
	Eventually(t, readyTimeout, "a write with a replica in sync", func() bool { return cl.Set(ctx, "k", "v", 0).Err() == nil })
	c.WaitWhole()
	if got := infoOf(t, cl, "replication")["min_slaves_good_slaves"]; got != "1" {
		t.Errorf("min_slaves_good_slaves:%s", got)
	}
	for _, name := range []string{"min-replicas-to-write", "min-slaves-to-write"} {
		if got, err := cl.ConfigGet(ctx, name).Result(); got[name] != "1" || err != nil {
			t.Errorf("CONFIG GET %s: %v, %v", name, got, err)
		}
	}
	if err := cl.ConfigSet(ctx, "min-replicas-to-write", "2").Err(); err != nil {
		t.Fatal(err)
	}
	if err := cl.Set(ctx, ownedBy(t, c, n), "v", 0).Err(); err == nil || err.Error() != refused {
		t.Errorf("one replica where two are asked for: %v", err)
	}
}

// forwarded is how many requests a node has sent to others.
func forwarded(t *testing.T, cl *redis.Client) int {
	t.Helper()
	n, err := strconv.Atoi(infoOf(t, cl, "stats")["requests_forwarded"])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestReadOnly: a connection that asked for READONLY gets reads of keys that its node has copies of answered there; they change nothing.
func TestReadOnly(t *testing.T) {
	c := Start(t, Options{})
	ctx := context.Background()
	key := "{" + ownedBy(t, c, c.Nodes[0]) + "}"
	replica, writer := replicaOf(t, c, key), c.Nodes[0].Client()
	cl := replica.Client()
	conn := cl.Conn()
	defer conn.Close()
	for _, err := range []error{
		writer.Set(ctx, key, "v", 0).Err(), writer.PFAdd(ctx, key+"hll", "a", "b").Err(), writer.RPush(ctx, key+"list", "a", "b").Err(),
		writer.Set(ctx, key+"short", "v", 30*time.Millisecond).Err(), writer.HSet(ctx, key+"hash", "f", "v").Err(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	hll := writer.Get(ctx, key+"hll").Val()

	reads := func() int { // how many of the reads below are forwarded
		t.Helper()
		before := forwarded(t, cl)
		if v, err := conn.Get(ctx, key).Result(); v != "v" || err != nil {
			t.Fatalf("GET: %q, %v", v, err)
		}
		if v, err := conn.MGet(ctx, key, key+"none").Result(); err != nil || v[0] != "v" || v[1] != nil {
			t.Fatalf("MGET: %v, %v", v, err)
		}
		if v, err := conn.LRange(ctx, key+"list", 0, -1).Result(); len(v) != 2 || err != nil {
			t.Fatalf("LRANGE: %v, %v", v, err)
		}
		if v, err := conn.HGetAll(ctx, key+"hash").Result(); v["f"] != "v" || err != nil {
			t.Fatalf("HGETALL: %v, %v", v, err)
		}
		if v, err := conn.PFCount(ctx, key+"hll").Result(); v != 2 || err != nil {
			t.Fatalf("PFCOUNT: %d, %v", v, err)
		}
		return forwarded(t, cl) - before
	}
	if n := reads(); n != 5 {
		t.Errorf("without READONLY %d reads were forwarded, not 5", n)
	}
	if err := conn.ReadOnly(ctx).Err(); err != nil {
		t.Fatal(err)
	}
	Eventually(t, readyTimeout, "reads to be answered from copies", func() bool {
		writer.Set(ctx, key+"hll", hll, 0) // without the count that PFCOUNT keeps at the primary
		return reads() == 0
	})
	if got := writer.Get(ctx, key+"hll").Val(); got != hll {
		t.Error("PFCOUNT of a copy has changed it")
	}
	if got := conn.Get(ctx, key+"hll").Val(); got != hll {
		t.Error("PFCOUNT of a copy has changed the copy")
	}
	// A key that has expired is missing, at once and by this node's clock.
	Eventually(t, readyTimeout, "the key to expire", func() bool { return conn.Exists(ctx, key+"short").Val() == 0 })
	if ttl, err := conn.TTL(ctx, key+"short").Result(); ttl != -2 || err != nil {
		t.Errorf("TTL of an expired key: %v, %v", ttl, err)
	}
	// Writes, and reads of what is elsewhere, go where they must.
	if err := conn.Set(ctx, key, "w", 0).Err(); err != nil {
		t.Fatal(err)
	}
	Eventually(t, readyTimeout, "the write to come to the copy", func() bool { return conn.Get(ctx, key).Val() == "w" })
	for _, n := range c.Nodes {
		far := ownedBy(t, c, n)
		if err := conn.Set(ctx, far, "far", 0).Err(); err != nil {
			t.Fatal(err)
		}
		if v, err := writer.Get(ctx, far).Result(); v != "far" || err != nil {
			t.Fatalf("%q, %v", v, err)
		}
		Eventually(t, readyTimeout, "the write to be read", func() bool { return conn.Get(ctx, far).Val() == "far" })
	}
	writer.Set(ctx, key, "v", 0)
	if err := conn.ReadWrite(ctx).Err(); err != nil {
		t.Fatal(err)
	}
	if n := reads(); n != 5 {
		t.Errorf("after READWRITE %d reads were forwarded, not 5", n)
	}
}

// TestReadOnlyAfterAStop: a replica that was stopped, while its primary wrote on, answers nothing from the copy that it had.
func TestReadOnlyAfterAStop(t *testing.T) {
	c := Start(t, Options{})
	ctx := context.Background()
	key := ownedBy(t, c, c.Nodes[0])
	replica, writer := replicaOf(t, c, key), c.Nodes[0].Client()
	if err := writer.Set(ctx, key, 0, 0).Err(); err != nil {
		t.Fatal(err)
	}
	conn := replica.Client(func(o *redis.Options) { o.ReadTimeout = time.Minute }).Conn()
	defer conn.Close()
	if err := conn.ReadOnly(ctx).Err(); err != nil {
		t.Fatal(err)
	}
	plain := replica.Client()
	Eventually(t, readyTimeout, "a read to be answered from the copy", func() bool {
		before := forwarded(t, plain)
		return conn.Get(ctx, key).Err() == nil && forwarded(t, plain) == before
	})
	replica.Signal(syscall.SIGSTOP)
	Eventually(t, readyTimeout, "the node to be stopped", func() bool { return isStopped(replica.PID()) })
	if err := writer.Set(ctx, key, 1, 0).Err(); err != nil { // which waits until the replica is out of sync
		t.Fatal(err)
	}
	got := make(chan error, 1)
	go func() {
		for range 200 { // the first of them is read as soon as the node goes on
			if v, err := conn.Get(ctx, key).Result(); v != "1" || err != nil {
				got <- fmt.Errorf("read %q, %w", v, err)
				return
			}
		}
		got <- nil
	}()
	replica.Signal(syscall.SIGCONT)
	if err := <-got; err != nil {
		t.Error(err)
	}
}

// TestHandoverAndDrain: a node hands over what it is primary of while clients count, who see no error and no number twice; it stays drained
// when it is started anew, until that is undone.
func TestHandoverAndDrain(t *testing.T) {
	c := Start(t, Options{})
	ctx := context.Background()
	ids := ids(t, c)
	admin := c.Nodes[0].Client()
	stop, failed := make(chan struct{}), make(chan error, 2)
	for i, n := range []*Node{c.Nodes[0], c.Nodes[2]} {
		cl := n.Client()
		go func() {
			for round := int64(1); ; round++ {
				for k := range 50 {
					key := fmt.Sprintf("count:%d:%d", i, k)
					if got, err := cl.Incr(ctx, key).Result(); got != round || err != nil {
						failed <- fmt.Errorf("INCR %s: %d, want %d, %w", key, got, round, err)
						return
					}
				}
				select {
				case <-stop:
					failed <- nil
					return
				default:
				}
			}
		}()
	}
	primary := func(st *Status, n *Node) int {
		for _, m := range st.Nodes {
			if m.Addr == n.Addr() {
				return m.PrimarySlots
			}
		}
		return -1
	}
	handed, err := admin.Do(ctx, "CLUSTER", "HANDOVER", ids[1]).Int64Slice()
	if err != nil || len(handed) != 2 || handed[0] < 5000 || handed[1] != 0 {
		t.Fatalf("CLUSTER HANDOVER: %v, %v", handed, err)
	}
	// Some of the slots have no keys, and may come back.
	c.WaitStatus(c.Nodes[0], "the handover to be done", func(st *Status) bool { return st.Slots.Migrating == 0 && st.Slots.UnderReplicated == 0 })
	if err := admin.Do(ctx, "CLUSTER", "DRAIN", ids[1]).Err(); err != nil {
		t.Fatal(err)
	}
	drained := func(st *Status) bool {
		return primary(st, c.Nodes[1]) == 0 && stateOf(st, c.Nodes[1]) == "draining" && st.Slots.Migrating+st.Slots.Unserved+st.Slots.UnderReplicated == 0
	}
	c.WaitStatus(c.Nodes[0], "the node to be drained", drained)
	c.Nodes[1].Stop()
	c.Nodes[1].Start()
	c.WaitStatus(c.Nodes[0], "it to be drained when it is back", drained)
	close(stop)
	for range 2 {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
	if err := admin.Do(ctx, "CLUSTER", "DRAIN", "nobody").Err(); err == nil || !strings.HasPrefix(err.Error(), "ERR ") {
		t.Errorf("a drain of nobody: %v", err)
	}
	if err := admin.Do(ctx, "CLUSTER", "UNDRAIN", ids[1]).Err(); err != nil {
		t.Fatal(err)
	}
	c.WaitStatus(c.Nodes[2], "it to get slots again", func(st *Status) bool {
		return stateOf(st, c.Nodes[1]) == "up" && primary(st, c.Nodes[1]) > 0
	})
}
