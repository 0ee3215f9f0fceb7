package clustertest

import (
	"context"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"ringcache/internal/testenv"
)

// TestSteadyUnderLoad: with every node's loop busy, leases, Raft and gossip keep their beat: no lease is lost, the leader stays,
// and the map does not change.
func TestSteadyUnderLoad(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes the loops ten times slower, which is not what is measured")
	}
	bench := testenv.Tool(t, "redis-benchmark")
	c := Start(t, Options{})
	ctx := context.Background()
	before := c.WaitStatus(c.Nodes[0], "a leader", func(st *Status) bool { return st.Leader != "" })
	var runs []*exec.Cmd
	for _, n := range c.Nodes {
		cmd := exec.Command(bench, "-p", strconv.Itoa(n.Port), "-t", "set,get", "-n", "1000000", "-c", "50", "-P", "100", "-r", "100000", "--csv")
		cmd.SysProcAttr = sysProcAttr()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		runs = append(runs, cmd)
	}
	for _, cmd := range runs {
		if err := cmd.Wait(); err != nil {
			t.Errorf("redis-benchmark: %v", err)
		}
	}
	for i, n := range c.Nodes {
		info := n.Client().Info(ctx, "ringcache").Val()
		if !strings.Contains(info, "\nleases_lost:0\r\n") {
			t.Errorf("node %d lost a lease under load:\n%s", i, info)
		}
	}
	after, err := c.Nodes[1].Status(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if after.Leader != before.Leader || after.Epoch != before.Epoch {
		t.Errorf("leader %s at epoch %d before, %s at %d after", before.Leader, before.Epoch, after.Leader, after.Epoch)
	}
}
