package command

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestClusterNodes(t *testing.T) {
	a := newAdmin(t)
	want := strings.Join([]string{
		idA + " 10.0.0.1:7000@17000 myself,master - 0 0 42 connected 0-100 16001",
		idB + " 10.0.0.2:7001@17001 master,fail? - 0 6 42 connected 101-16000",
		idC + " 10.0.0.3:7002@17002 slave " + idA + " 0 0 42 connected",
		idD + " 10.0.0.4:7003@17003 master,fail - 3 0 42 disconnected",
		"",
	}, "\n")
	text, _ := parseReply(t, []byte(a.do("CLUSTER NODES")))
	if diff := cmp.Diff(want, text); diff != "" {
		t.Errorf("CLUSTER NODES (-want +got):\n%s", diff)
	}
}

func TestClusterSlots(t *testing.T) {
	a := newAdmin(t)
	node := func(host string, port int64, id string) []any { return []any{host, port, id, []any{}} }
	nodeA, nodeB, nodeC := node("10.0.0.1", 7000, idA), node("10.0.0.2", 7001, idB), node("10.0.0.3", 7002, idC)
	want := []any{
		[]any{int64(0), int64(99), nodeA, nodeB},
		[]any{int64(100), int64(100), nodeA, nodeC},
		[]any{int64(101), int64(16000), nodeB, nodeA},
		[]any{int64(16001), int64(16001), nodeA, nodeB},
	}
	got, rest := parseReply(t, []byte(a.do("CLUSTER SLOTS")))
	if diff := cmp.Diff(any(want), got); diff != "" || len(rest) > 0 {
		t.Errorf("CLUSTER SLOTS (-want +got), and %q after it:\n%s", rest, diff)
	}
	a.do("HELLO 3")
	if reply := a.do("CLUSTER SLOTS"); strings.Count(reply, "%0\r\n") != 8 {
		t.Errorf("in RESP3 the metadata of each node is a map: %q", reply)
	}
}

func TestClusterShards(t *testing.T) {
	a := newAdmin(t)
	a.do("HELLO 3")
	v, rest := parseReply(t, []byte(a.do("CLUSTER SHARDS")))
	if len(rest) > 0 {
		t.Errorf("after the reply: %q", rest)
	}
	var got []string
	for _, s := range v.([]any) {
		p := s.(pairs)
		line := fmt.Sprint(p[0][1])
		for _, n := range p[1][1].([]any) {
			f := n.(pairs)
			if f[0][0] != "id" || f[4][0] != "role" || f[6][0] != "health" {
				t.Fatalf("the fields of a node: %v", f)
			}
			line += fmt.Sprint(" ", f[0][1].(string)[:1], " ", f[2][1], ":", f[1][1], " ", f[4][1], " ", f[6][1])
		}
		got = append(got, line)
	}
	want := []string{
		"[0 100 16001 16001] a 10.0.0.1:7000 master online b 10.0.0.2:7001 replica online c 10.0.0.3:7002 replica online",
		"[101 16000] b 10.0.0.2:7001 master online a 10.0.0.1:7000 replica online",
		"[] d 10.0.0.4:7003 master fail",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("CLUSTER SHARDS (-want +got):\n%s", diff)
	}
}

func TestClusterInfoAndLinks(t *testing.T) {
	a := newAdmin(t)
	a.node.stats.BusSent, a.node.stats.BusRecv = 11, 12
	a.expect("CLUSTER INFO", "$318|cluster_state:ok|cluster_slots_assigned:16002|cluster_slots_ok:102|cluster_slots_pfail:15900|"+
		"cluster_slots_fail:0|cluster_known_nodes:4|cluster_size:2|cluster_current_epoch:42|cluster_my_epoch:42|"+
		"cluster_stats_messages_sent:11|cluster_stats_messages_received:12|total_cluster_links_buffer_limit_exceeded:0||")
	a.expect("CLUSTER LINKS", "*2|*12|$9|direction|$2|to|$4|node|$40|"+idB+"|$11|create-time|:5|$6|events|$1|r|"+
		"$21|send-buffer-allocated|:0|$16|send-buffer-used|:0|*12|$9|direction|$2|to|$4|node|$40|"+idC+"|$11|create-time|:0|"+
		"$6|events|$2|rw|$21|send-buffer-allocated|:10|$16|send-buffer-used|:10|")
	a.expect("CLUSTER MYID", "$40|"+idA+"|")
	a.expect("CLUSTER STATUS", `$11|{"epoch":7}|`)
}

// TestClusterShapeAsRedis compares a cluster of one node that serves every slot with Redis's picture of the same.
func TestClusterShapeAsRedis(t *testing.T) {
	for _, proto := range []string{"2", "3"} {
		redis := startRedis(t, "--cluster-enabled", "yes", "--cluster-port", freePort(t), "--cluster-announce-ip", "10.0.0.1",
			"--cluster-announce-port", "7000", "--cluster-announce-bus-port", "17000")
		redis.do("CLUSTER ADDSLOTSRANGE 0 5000 5002 16382")
		redis.do("HELLO " + proto)
		id, _ := parseReply(t, []byte(redis.do("CLUSTER MYID")))
		a := newAdmin(t)
		a.do("HELLO " + proto)
		a.node.topology = Topology{
			Nodes: []TopologyNode{{ID: id.(string), Host: "10.0.0.1", Port: 7000, BusPort: 17000, State: NodeUp}},
			Slots: []SlotRange{{Start: 0, End: 5000}, {Start: 5001, End: 5001, Primary: -1}, {Start: 5002, End: 16382}},
		}
		for _, ask := range []string{"MYID", "INFO", "NODES", "SLOTS", "SHARDS", "LINKS"} {
			if want, got := redis.do("CLUSTER "+ask), a.do("CLUSTER "+ask); want != got {
				t.Errorf("CLUSTER %s\n got %q\nwant %q", ask, got, want)
			}
		}
	}
}

func TestKeysInSlot(t *testing.T) {
	a := newAdmin(t)
	want := map[string]bool{}
	for i := range 3000 {
		key := fmt.Sprintf("12:%d", i)
		want[key] = true
		a.put(key, "v")
	}
	a.put("13:x", "v")
	a.expect("CLUSTER COUNTKEYSINSLOT 12", ":3000|")
	a.expect("CLUSTER COUNTKEYSINSLOT 13", ":1|")
	a.expect("CLUSTER COUNTKEYSINSLOT 14", ":0|")
	for _, n := range []int{0, 1, 255, 256, 257, 2999, 3000, 5000} {
		v, _ := parseReply(t, []byte(a.do(fmt.Sprintf("CLUSTER GETKEYSINSLOT 12 %d", n))))
		keys := v.([]any)
		seen := map[string]bool{}
		for _, k := range keys {
			if !want[k.(string)] || seen[k.(string)] {
				t.Fatalf("with count %d: %v is twice there or not in the slot", n, k)
			}
			seen[k.(string)] = true
		}
		if len(keys) != min(n, 3000) {
			t.Errorf("with count %d: %d keys", n, len(keys))
		}
	}
	a.do("SELECT 1")
	a.expect("CLUSTER COUNTKEYSINSLOT 12", ":0|")
}

// TestSlotArg: what is about a slot is sent to the slot's owner; what is wrong is answered where it arrives.
func TestSlotArg(t *testing.T) {
	for _, tc := range []struct {
		command string
		slot    uint16
		ok      bool
		slow    bool
	}{
		{"CLUSTER COUNTKEYSINSLOT 16383", 16383, true, false},
		{"CLUSTER COUNTKEYSINSLOT 16384", 0, false, false},
		{"CLUSTER COUNTKEYSINSLOT -1", 0, false, false},
		{"CLUSTER COUNTKEYSINSLOT x", 0, false, false},
		{"CLUSTER GETKEYSINSLOT 5 10", 5, true, false},
		{"CLUSTER GETKEYSINSLOT 5 100000", 5, true, true},
	} {
		args := splitArgs(t, tc.command)
		row := testTable.Lookup(args)
		slot, ok := row.SlotArg(args)
		slow := row.SlowIf != nil && row.SlowIf(args)
		if slot != tc.slot || ok != tc.ok || slow != tc.slow || row.Route != Here {
			t.Errorf("%s: slot %d %v, slow %v", tc.command, slot, ok, slow)
		}
	}
}

// scattered is what a ring of n nodes makes of the slots: neighbours rarely have the same owner.
func scattered(n int) *Topology {
	t := &Topology{OK: true}
	for i := range n {
		t.Nodes = append(t.Nodes, TopologyNode{ID: fmt.Sprintf("%040d", i), Host: "10.0.0.1", Port: 7000 + i, State: NodeUp})
	}
	for s := range 16384 {
		p := (s * 7) % n
		t.Slots = append(t.Slots, SlotRange{Start: uint16(s), End: uint16(s), Primary: p, Replicas: []int{(p + 1 + s%(n-1)) % n}})
	}
	return t
}

func BenchmarkClusterViews(b *testing.B) {
	for _, view := range []string{"SLOTS", "SHARDS", "NODES"} {
		b.Run(view, func(b *testing.B) {
			a := newAdmin(b)
			a.node.topology = *scattered(5)
			args := splitArgs(b, "CLUSTER "+view)
			for b.Loop() {
				b.SetBytes(int64(len(a.run(args))))
			}
		})
	}
}
