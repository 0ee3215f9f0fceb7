package command

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// asReplica makes the node of a the one of the fake topology that only has copies.
func asReplica(a *admin) {
	a.node.topology.Self = 2
	a.node.stats.Replication.Sources = []SourceStats{{ID: idA, Connected: true, LastSec: 1, Offset: 77}}
}

func TestRole(t *testing.T) {
	a := newAdmin(t)
	a.expect("ROLE", "*3|$6|master|:0|*0|")
	a.node.stats.Replication = ReplicationStats{Offset: 500, Replicas: []ReplicaStats{
		{Host: "10.0.0.2", Port: 7001, State: ReplicaOnline, Offset: 480},
		{Host: "10.0.0.3", Port: 7002, State: ReplicaCopies, Offset: 20},
	}}
	a.expect("ROLE", "*3|$6|master|:500|*1|*3|$8|10.0.0.2|$4|7001|$3|480|")
	asReplica(a)
	a.expect("ROLE", "*5|$5|slave|$8|10.0.0.1|:7000|$9|connected|:77|")
	a.node.stats.Replication.Sources[0].Copies = true
	a.expect("ROLE", "*5|$5|slave|$8|10.0.0.1|:7000|$4|sync|:77|")
	a.node.stats.Replication.Sources = nil
	a.expect("ROLE", "*5|$5|slave|$8|10.0.0.1|:7000|$7|connect|:0|")
}

func TestInfoReplication(t *testing.T) {
	a := newAdmin(t)
	a.node.stats.RunID = strings.Repeat("1", 40)
	a.node.stats.Replication = ReplicationStats{Offset: 500, Kept: 20, KeptAtMost: 1 << 20, MinReplicas: 1, Good: 2, Replicas: []ReplicaStats{
		{Host: "10.0.0.2", Port: 7001, State: ReplicaOnline, Offset: 480, LagSec: 1},
		{Host: "10.0.0.3", Port: 7002, State: ReplicaWaits, Offset: 500},
	}}
	tail := "|master_failover_state:no-failover|master_replid:" + a.node.stats.RunID + "|master_replid2:" + noReplID
	want := "# Replication|role:master|connected_slaves:2|min_slaves_good_slaves:2|" +
		"slave0:ip=10.0.0.2,port=7001,state=online,offset=480,lag=1|slave1:ip=10.0.0.3,port=7002,state=wait_bgsave,offset=500,lag=0" +
		tail + "|master_repl_offset:500|second_repl_offset:-1|repl_backlog_active:1|repl_backlog_size:1048576|" +
		"repl_backlog_first_byte_offset:481|repl_backlog_histlen:20|"
	check := func(want string) {
		t.Helper()
		text, _ := parseReply(t, []byte(a.do("INFO replication")))
		if got := strings.ReplaceAll(text.(string), "\r\n", "|"); got != want {
			t.Errorf("INFO replication\n got %s\nwant %s", got, want)
		}
	}
	check(want)
	a.node.stats.Replication = ReplicationStats{}
	asReplica(a)
	check("# Replication|role:slave|master_host:10.0.0.1|master_port:7000|master_link_status:up|master_last_io_seconds_ago:1|" +
		"master_sync_in_progress:0|slave_read_repl_offset:77|slave_repl_offset:77|slave_priority:100|slave_read_only:1|" +
		"replica_announced:1|connected_slaves:0" + tail + "|master_repl_offset:0|second_repl_offset:-1|repl_backlog_active:0|" +
		"repl_backlog_size:0|repl_backlog_first_byte_offset:0|repl_backlog_histlen:0|")
}

// TestReplicationAsRedis compares with a redis-server that has a replica, and with that replica: the lines of INFO replication, and the
// shape of ROLE. Numbers and addresses are their own.
func TestReplicationAsRedis(t *testing.T) {
	primary := startRedis(t)
	port := redisPort(t, primary)
	replica := startRedis(t, "--replicaof", "127.0.0.1 "+port, "--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1")
	for end := time.Now().Add(20 * time.Second); ; {
		primary.do("SET a b") // a replica acknowledges what is new
		if strings.Contains(primary.do("INFO replication"), "state=online") && strings.Contains(primary.do("ROLE"), "*3\r\n$9") {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the replica does not come: %s", primary.do("INFO replication"))
		}
	}
	primary.do("CONFIG SET min-replicas-to-write 1")

	ours := newAdmin(t)
	ours.node.stats.RunID = strings.Repeat("1", 40)
	ours.node.stats.Replication = ReplicationStats{Offset: 9, MinReplicas: 1, Good: 1, Replicas: []ReplicaStats{
		{Host: "127.0.0.1", Port: 7001, State: ReplicaOnline, Offset: 9},
	}}
	theirs := newAdmin(t)
	theirs.node.stats.RunID = strings.Repeat("1", 40)
	asReplica(theirs)
	theirs.node.topology.Nodes[0].Host = "127.0.0.1"
	numbers := regexp.MustCompile(`-?[0-9]+`)
	shape := func(reply string) string {
		return numbers.ReplaceAllString(regexp.MustCompile(`[0-9a-f]{40}`).ReplaceAllString(reply, "ID"), "N")
	}
	for _, at := range []struct {
		what  string
		ours  *admin
		redis *redisSession
	}{{"the primary", ours, primary}, {"the replica", theirs, replica}} {
		text := func(reply string) string {
			v, _ := parseReply(t, []byte(reply))
			return v.(string)
		}
		want, got := shape(text(at.redis.do("INFO replication"))), shape(text(at.ours.do("INFO replication")))
		if want != got {
			t.Errorf("INFO replication of %s\n got %q\nwant %q", at.what, got, want)
		}
		if want, got := shape(at.redis.do("ROLE")), shape(at.ours.do("ROLE")); want != got {
			t.Errorf("ROLE of %s\n got %q\nwant %q", at.what, got, want)
		}
	}
}

// redisPort asks a redis-server for its port.
func redisPort(t *testing.T, redis *redisSession) string {
	t.Helper()
	v, _ := parseReply(t, []byte(redis.do("CONFIG GET port")))
	return v.([]any)[1].(string)
}

func TestClusterReplicas(t *testing.T) {
	a := newAdmin(t)
	lines := func(command string) []string {
		v, _ := parseReply(t, []byte(a.do(command)))
		var out []string
		for _, line := range v.([]any) {
			out = append(out, line.(string))
		}
		return out
	}
	want := []string{
		idB + " 10.0.0.2:7001@17001 slave,fail? " + idA + " 0 6 42 connected",
		idC + " 10.0.0.3:7002@17002 slave " + idA + " 0 0 42 connected",
	}
	for _, name := range []string{"REPLICAS", "SLAVES"} {
		if got := lines("CLUSTER " + name + " " + idA); !slices.Equal(got, want) {
			t.Errorf("CLUSTER %s of the first: %q, want %q", name, got, want)
		}
	}
	if got := lines("CLUSTER REPLICAS " + idB); !slices.Equal(got, []string{idA + " 10.0.0.1:7000@17000 myself,slave " + idB + " 0 0 42 connected"}) {
		t.Errorf("of the second: %q", got)
	}
	a.expect("CLUSTER REPLICAS "+idD, "*0|") // it has no slots, and so no copies of them
	a.expect("CLUSTER REPLICAS "+idC, "-ERR The specified node is not a master|")
	redis := startRedis(t, "--cluster-enabled", "yes", "--cluster-port", freePort(t))
	for _, ask := range []string{"CLUSTER REPLICAS x", "CLUSTER SLAVES x", "CLUSTER REPLICAS", "CLUSTER SLAVES x y"} {
		if want, got := redis.do(ask), a.do(ask); want != got {
			t.Errorf("%s: got %q, want %q", ask, got, want)
		}
	}
}

// TestLaggingCopies: a copy that is not in sync is no place to read from. Only CLUSTER SHARDS has a word for it.
func TestLaggingCopies(t *testing.T) {
	a := newAdmin(t)
	a.node.topology.Slots = []SlotRange{{Start: 0, End: 16383, Primary: 0, Replicas: []int{1}, Lagging: []int{2}}}
	if got := a.do("CLUSTER SLOTS"); strings.Contains(got, idC) || !strings.Contains(got, idB) {
		t.Errorf("CLUSTER SLOTS: %q", got)
	}
	got := a.do("CLUSTER SHARDS")
	if strings.Count(got, "$7\r\nreplica\r\n") != 2 || strings.Count(got, "$7\r\nloading\r\n") != 1 {
		t.Errorf("CLUSTER SHARDS: %q", got)
	}
	if got := a.do("CLUSTER NODES"); !strings.Contains(got, idC+" 10.0.0.3:7002@17002 slave "+idA) {
		t.Errorf("CLUSTER NODES: %q", got)
	}
}

func TestClusterHandover(t *testing.T) {
	a := newAdmin(t)
	a.expect("CLUSTER HANDOVER "+idA, "*2|:7|:2|")
	a.expect("CLUSTER HANDOVER "+idC, "-ERR the node is not in the map|")
	a.expect("CLUSTER HANDOVER", "-ERR wrong number of arguments for 'cluster|handover' command|")
	a.expect("CLUSTER DRAIN "+idB, "*2|:7|:2|")
	if a.node.drained != idB {
		t.Errorf("drained: %q", a.node.drained)
	}
	a.expect("CLUSTER UNDRAIN "+idB, "+OK|")
	if a.node.drained != "" {
		t.Errorf("drained: %q", a.node.drained)
	}
	a.expect("CLUSTER UNDRAIN "+idC, "-ERR the node is not in the map|")
}
