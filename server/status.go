package server

import (
	"encoding/json"
	"math/bits"

	"ringcache/ring"
	"ringcache/ring/control"
)

// status is the cluster as `cachectl status -o json` shows it. Other tools rely on its names.
type status struct {
	Epoch  uint64       `json:"epoch"`
	Leader string       `json:"leader"`
	Slots  statusSlots  `json:"slots"`
	Nodes  []statusNode `json:"nodes"`
}

type statusSlots struct {
	Assigned        int `json:"assigned"`
	Unserved        int `json:"unserved"`
	UnderReplicated int `json:"under_replicated"`
	Migrating       int `json:"migrating"`
}

type statusNode struct {
	ID           string `json:"id"`
	Addr         string `json:"addr"`
	State        string `json:"state"`
	PID          int    `json:"pid"`
	Leader       bool   `json:"leader"`
	Weight       int    `json:"weight"`
	Zone         string `json:"zone"`
	PrimarySlots int    `json:"primary_slots"`
	ReplicaSlots int    `json:"replica_slots"`
	Keys         int64  `json:"keys"`
	MemoryBytes  int64  `json:"memory_bytes"`
	OpsPerSec    int64  `json:"ops_per_sec"`
}

// able counts the nodes that may hold a copy: a slot can have no more of them.
func (st *status) able() (n int) {
	for i := range st.Nodes {
		if st.Nodes[i].State != string(control.StateDraining) {
			n++
		}
	}
	return n
}

// statusJSON is the cluster by this node's map and the leader's last word on the nodes. Without a lease this node cannot know
// that any slot is served.
func (s *Server) statusJSON() []byte {
	m, view := s.opt.Cluster.Map(), s.opt.Cluster.View()
	leased := s.leased()
	st := status{Epoch: m.Epoch, Leader: string(view.Leader), Nodes: []statusNode{}}
	counts := m.Counts()
	down := make([]bool, len(m.Nodes))
	for i := range m.Nodes {
		n := &m.Nodes[i]
		load := view.Nodes[n.ID]
		down[i] = !leased || load.State == control.StateDown
		st.Nodes = append(st.Nodes, statusNode{
			ID: string(n.ID), Addr: n.Addr, State: string(load.State), PID: load.PID, Leader: view.Leader == n.ID, Weight: n.Weight,
			Zone: n.Zone, PrimarySlots: counts[i].Primaries, ReplicaSlots: counts[i].Replicas, Keys: load.Keys,
			MemoryBytes: load.MemoryBytes, OpsPerSec: load.OpsPerSec,
		})
	}
	copies := max(0, min(s.copies.opt.Replicas, st.able()-1))
	for i := range m.Slots {
		e := &m.Slots[i]
		if e.Primary != ring.None && bits.OnesCount8(e.InSync) < copies {
			st.Slots.UnderReplicated++
		}
		if e.Primary == ring.None {
			st.Slots.Unserved++
			continue
		}
		st.Slots.Assigned++
		if down[e.Primary] {
			st.Slots.Unserved++
		}
		if e.Next != ring.None {
			st.Slots.Migrating++
		}
	}
	text, err := json.Marshal(st)
	if err != nil {
		return []byte("{}") // cannot be: the types above all marshal
	}
	return text
}
