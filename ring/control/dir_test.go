package control

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ringcache/ring"
)

func TestDirKeepsIdentity(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b")
	d, err := OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenDir(path); !errors.Is(err, ErrDirInUse) {
		t.Fatalf("a second opening answers %v", err)
	}
	id := d.NodeID()
	if err := d.enter(newClusterID(), phaseJoining); err != nil {
		t.Fatal(err)
	}
	cluster := d.ClusterID()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if again.NodeID() != id || again.ClusterID() != cluster || again.phase() != phaseJoining || again.Incarnation() != 2 {
		t.Errorf("it came back as %s of %s, phase %s, start %d", again.NodeID(), again.ClusterID(), again.phase(), again.Incarnation())
	}
	left, err := filepath.Glob(filepath.Join(path, "*.new-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}

func TestDirRefusesDamage(t *testing.T) {
	id := strings.Repeat("a", 40)
	tests := map[string]map[string]string{
		"node id cut off":            {nodeFile: `{"id":"abc"}`},
		"no JSON":                    {nodeFile: "\x00\x00\x00"},
		"cluster without a node":     {clusterFile: `{"cluster_id":"` + id + `","phase":"member"}`},
		"cluster id of another form": {nodeFile: `{"id":"` + id + `"}`, clusterFile: `{"cluster_id":"x","phase":"member"}`},
		"unknown phase":              {nodeFile: `{"id":"` + id + `"}`, clusterFile: `{"cluster_id":"` + id + `","phase":"later"}`},
		"too large":                  {nodeFile: strings.Repeat(" ", maxStateFile+1)},
	}
	for name, files := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, content := range files {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if d, err := OpenDir(dir); !errors.Is(err, ErrDirState) {
				t.Errorf("it answers %v", err)
				if d != nil {
					_ = d.Close()
				}
			}
			// A refused directory is not left locked.
			if _, err := OpenDir(dir); errors.Is(err, ErrDirInUse) {
				t.Error("the directory stays locked")
			}
		})
	}
}

// TestLostStateIsRefused: a member whose Raft state has vanished must not vote or found anything.
func TestLostStateIsRefused(t *testing.T) {
	x := newTestNode(t).mustStart()
	ready(t, x)
	wait(t, "the membership is noted", func() bool { return x.node.dir.phase() == phaseMember })
	x.stop()
	if err := os.Remove(filepath.Join(x.dir, raftFile)); err != nil {
		t.Fatal(err)
	}
	if err := x.start(); !errors.Is(err, ErrDirState) {
		t.Errorf("it answers %v", err)
	}
	if err := os.Remove(filepath.Join(x.dir, clusterFile)); err != nil {
		t.Fatal(err)
	}
}

// TestInterruptedFounding: a crash between choosing the cluster id and Raft's first entry is repaired by the next start.
func TestInterruptedFounding(t *testing.T) {
	x := newTestNode(t)
	d, err := OpenDir(x.dir)
	if err != nil {
		t.Fatal(err)
	}
	cluster := newClusterID()
	if err := d.enter(cluster, phaseBootstrapping); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	x.mustStart()
	ready(t, x)
	if got := x.node.Map().ClusterID; got != cluster {
		t.Errorf("cluster %s became %s", cluster, got)
	}
}

func TestSlotSet(t *testing.T) {
	var s SlotSet
	for _, slot := range []uint16{0, 7, 8, ring.Slots - 1} {
		if s.Has(slot) {
			t.Errorf("%d is in the empty set", slot)
		}
		s.Add(slot)
		if !s.Has(slot) {
			t.Errorf("%d is not in the set", slot)
		}
	}
	if s.Len() != 4 || s.Has(1) {
		t.Errorf("the set has %d slots", s.Len())
	}
}

func TestBusOf(t *testing.T) {
	if got, err := busOf("host:7000"); err != nil || got != "host:17000" {
		t.Errorf("%q, %v", got, err)
	}
	for _, bad := range []string{"host", "host:", "host:0", "host:60000", "host:x"} {
		if _, err := busOf(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}
