package clustertest

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// diskBytes is the size of the disk that gets full; a node's directory takes about a tenth of it.
const diskBytes = "8m"

// TestFaultFullDisk: the disk of a node's directory is full while the cluster changes: a node joins, which takes commits. The node with the
// disk, be it the leader, may end, saying why, but must hold up nobody. With room again it is a member like the others.
func TestFaultFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a small disk needs root, to mount it")
	}
	for name, leader := range map[string]bool{"leader": true, "follower": false} {
		t.Run(name, func(t *testing.T) {
			f := &faulty{t: t, seed: 1, errors: map[string]int{}, c: &Cluster{t: t}}
			var small *Node
			for i := range 3 {
				args := []string{"--hold", faultHold}
				if i > 0 {
					args = append(args, "--join", f.c.Nodes[0].Addr())
				}
				n := NewNode(t, args...)
				if (i == 0) == leader && small == nil {
					small = n
					mountDisk(t, n.Dir)
				}
				f.c.Nodes = append(f.c.Nodes, n)
				n.Start()
			}
			f.c.WaitReady()
			f.c.WaitStatus(small, "the leader to be who founded the cluster", func(st *Status) bool {
				for _, m := range st.Nodes {
					if m.Addr == small.Addr() {
						return m.Leader == leader
					}
				}
				return false
			})
			f.begin()
			f.suffer(&fullDisk, small, time.Second)
			f.judge()
			f.finish()
		})
	}
}

// fullDisk fills the disk, has a node join, and makes room again.
var fullDisk = fault{
	name: "full disk",
	begin: func(f *faulty, n *Node) {
		fillDisk(f.t, n.Dir)
		joined := NewNode(f.t, "--join", f.others(n)[0].Addr(), "--hold", faultHold)
		joined.Start()
		f.c.WaitStatus(f.others(n)[0], "a node to join while the disk of another is full", func(st *Status) bool {
			for _, m := range st.Nodes {
				if m.Addr == joined.Addr() {
					return m.State == "up"
				}
			}
			return false
		})
		f.c.Nodes = append(f.c.Nodes, joined)
	},
	end: func(f *faulty, n *Node) {
		if err := os.Remove(filepath.Join(n.Dir, "filler")); err != nil {
			f.t.Fatal(err)
		}
		if !strings.Contains(n.Log(), "no space left on device") {
			f.t.Errorf("the node says nothing of its disk")
		}
		if !n.running() {
			f.note("it had ended")
			n.Start()
		}
	},
}

// mountDisk gives a directory a small disk of its own.
func mountDisk(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("ringcache-test", dir, "tmpfs", 0, "mode=700,size="+diskBytes); err != nil {
		t.Skipf("no disk can be mounted on this machine: %v", err)
	}
	t.Cleanup(func() {
		// Detached at once, since the node ends after this; it is gone when nobody has it open.
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
}

// fillDisk fills the disk of a directory.
func fillDisk(t testing.TB, dir string) {
	t.Helper()
	file, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for n := 1 << 20; n > 0; {
		if _, err := file.Write(make([]byte, n)); errors.Is(err, syscall.ENOSPC) {
			n /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
