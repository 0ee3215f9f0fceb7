package command

import (
	"strconv"
)

// ReplicationStats is what INFO replication and ROLE show of the streams of a node. Offsets count bytes of all its streams together, so that
// what a replica lacks is the difference between the two.
type ReplicationStats struct {
	Offset      int64 // bytes of streams; never goes back
	Kept        int64 // the last of them, which replicas have not acknowledged yet
	KeptAtMost  int64 // bytes, for one replica: --replica-buffer
	Replicas    []ReplicaStats
	Sources     []SourceStats
	MinReplicas int // min-replicas-to-write
	Good        int // replicas in sync of the slot that has fewest, of those that this node is primary of
}

// ReplicaStats is a node that gets this one's effects over a connection that stands.
type ReplicaStats struct {
	Host   string
	Port   int
	State  string // one of the Replica states
	Offset int64  // up to which it has acknowledged
	LagSec int64  // seconds since it was last heard
}

// The states of a [ReplicaStats], in Redis's words.
const (
	ReplicaWaits   = "wait_bgsave" // slots wait to be copied to it
	ReplicaCopies  = "send_bulk"   // a slot is being copied to it
	ReplicaOnline  = "online"
	failoverNone   = "no-failover"
	noReplID       = "0000000000000000000000000000000000000000"
	noReplSwitched = -1 // second_repl_offset: there is no second history
)

// SourceStats is a node whose effects this one applies.
type SourceStats struct {
	ID        string
	Connected bool
	Copies    bool  // a slot is being copied from it
	LastSec   int64 // seconds since its last word, -1 = never
	Offset    int64 // up to which its stream has been applied
}

// roleRow is ROLE: https://redis.io/docs/latest/commands/role/
func roleRow() *Row {
	return &Row{
		Name: "role", Arity: 1, Flags: NoScript | Loading | Stale | Fast | Slow, ACL: []string{"admin", "dangerous"},
		Group: "server", Since: "2.8.12", Complexity: "O(1)",
		Summary: "Return the role of the instance in the context of replication",
		Note: "A node that is primary of a slot is a master, whatever it has copies of; one that only has copies is slave of the " +
			"primary it copies most of.",
		Route: Here, Fn: role,
	}
}

func role(c *Ctx) {
	t, s := c.Node.Topology(), c.Node.Stats()
	w, r := &c.Out, &s.Replication
	from := mastersOf(t)[t.Self]
	if from < 0 {
		w.Array(3)
		w.BulkString("master")
		w.Int(r.Offset)
		online := 0
		for i := range r.Replicas {
			if r.Replicas[i].State == ReplicaOnline {
				online++
			}
		}
		w.Array(online)
		for i := range r.Replicas {
			if rep := &r.Replicas[i]; rep.State == ReplicaOnline {
				w.Array(3)
				w.BulkString(rep.Host)
				w.BulkInt(int64(rep.Port))
				w.BulkInt(rep.Offset)
			}
		}
		return
	}
	n, src := &t.Nodes[from], r.source(t.Nodes[from].ID)
	state := "connected"
	switch {
	case !src.Connected:
		state = "connect"
	case src.Copies:
		state = "sync"
	}
	w.Array(5)
	w.BulkString("slave")
	w.BulkString(n.Host)
	w.Int(int64(n.Port))
	w.BulkString(state)
	w.Int(src.Offset)
}

// source finds what is known of the stream of a node.
func (r *ReplicationStats) source(id string) SourceStats {
	for i := range r.Sources {
		if r.Sources[i].ID == id {
			return r.Sources[i]
		}
	}
	return SourceStats{ID: id, LastSec: -1}
}

// infoReplication shows a node that is primary of a slot as master, and one that only has copies as slave of the primary that it copies
// most of, as CLUSTER NODES does. What Redis says once of its one stream is here the sum of all streams of the node.
func infoReplication(w *infoWriter, c *Ctx, s *Stats) {
	w.title("Replication")
	t, r := c.Node.Topology(), &s.Replication
	if from := mastersOf(t)[t.Self]; from < 0 {
		w.str("role", "master")
	} else {
		infoSource(w, &t.Nodes[from], r.source(t.Nodes[from].ID))
	}
	w.int("connected_slaves", int64(len(r.Replicas)))
	if r.MinReplicas > 0 {
		w.int("min_slaves_good_slaves", int64(r.Good))
	}
	for i := range r.Replicas {
		rep := &r.Replicas[i]
		w.str("slave"+strconv.Itoa(i), "ip="+rep.Host+",port="+strconv.Itoa(rep.Port)+",state="+rep.State+
			",offset="+strconv.FormatInt(rep.Offset, 10)+",lag="+strconv.FormatInt(rep.LagSec, 10))
	}
	w.str("master_failover_state", failoverNone)
	w.str("master_replid", s.RunID)
	w.str("master_replid2", noReplID)
	w.int("master_repl_offset", r.Offset)
	w.int("second_repl_offset", noReplSwitched)
	active := r.Offset > 0 || len(r.Replicas) > 0
	w.flag("repl_backlog_active", active)
	w.int("repl_backlog_size", r.KeptAtMost)
	first := int64(0)
	if active {
		first = r.Offset - r.Kept + 1
	}
	w.int("repl_backlog_first_byte_offset", first)
	w.int("repl_backlog_histlen", r.Kept)
}

// infoSource are the lines of a node that only has copies.
func infoSource(w *infoWriter, n *TopologyNode, src SourceStats) {
	w.str("role", "slave")
	w.str("master_host", n.Host)
	w.int("master_port", int64(n.Port))
	link := "down"
	if src.Connected {
		link = "up"
	}
	w.str("master_link_status", link)
	w.int("master_last_io_seconds_ago", src.LastSec)
	w.flag("master_sync_in_progress", src.Copies)
	w.int("slave_read_repl_offset", src.Offset)
	w.int("slave_repl_offset", src.Offset)
	if !src.Connected {
		w.int("master_link_down_since_seconds", src.LastSec)
	}
	w.int("slave_priority", 100)
	w.int("slave_read_only", 1)
	w.int("replica_announced", 1)
}
