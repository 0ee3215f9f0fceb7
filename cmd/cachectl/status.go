package main

import (
	"fmt"

	"ringcache/client"
)

// statusCmd is `cachectl status`.
type statusCmd struct{}

// Help is shown by `cachectl status -h`.
func (*statusCmd) Help() string {
	return `The cluster as its leader sees it: the version of its map, the state of its slots, and a line for each node. Keys
are those that a node is primary of. With -o json, exactly what CLUSTER STATUS answers:

    cachectl status -o json | jq .slots.unserved`
}

// Run prints the state of the cluster.
func (*statusCmd) Run(e *env) error {
	s, err := e.status(e.ctx)
	if err != nil {
		return err
	}
	return e.print(s.Raw, func() {
		leader := "none"
		for _, n := range s.Nodes {
			if n.ID == s.Leader {
				leader = n.Addr
			}
		}
		c := s.Slots
		fmt.Fprintf(e.stdout, "epoch   %d\nleader  %s\nnodes   %d of %d up\n", s.Epoch, leader, s.Alive(), len(s.Nodes))
		fmt.Fprintf(e.stdout, "slots   %d assigned, %d unserved, %d under-replicated, %d migrating\n\n", c.Assigned, c.Unserved, c.UnderReplicated, c.Migrating)
		rows := make([][]any, len(s.Nodes))
		for i, n := range s.Nodes {
			rows[i] = []any{n.Addr, stateOf(n), n.PrimarySlots, n.ReplicaSlots, n.Keys, bytesText(n.MemoryBytes), int64(n.OpsPerSec)}
		}
		e.table([]any{"node", "state", "primary", "replica", "keys", "memory", "ops/s"}, rows)
	})
}

// stateOf is a node's state, and that it leads.
func stateOf(n client.NodeStatus) string {
	if n.Leader {
		return n.State + ", leader"
	}
	return n.State
}
