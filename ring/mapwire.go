package ring

import "fmt"

const (
	// The first byte of an encoded map. Maps without a hash key, of clusters older than it, are written as they always were.
	mapVersion      = 1
	mapVersionKeyed = 2 // the hash key follows the cluster id

	// MaxMapBytes bounds an encoded map. The largest that a cluster can have, MaxNodes nodes with the longest names and slots that
	// all differ, takes 1.01 MB; usual ones 16 KB (three nodes), 22 KB (ten), 100 KB (a hundred).
	MaxMapBytes = 2 << 20
)

// MarshalBinary is m as bytes:
//
//	version | epoch | cluster id | hash key (version 2) | nodes | nodes x (20-byte id | fields)
//	| states | states x (primary+1 | next+1 | replicas | each | in-sync bits | term)
//	| for each run of slots: state<<1 | 1 if a length follows | length-2
//
// Few slots have a state of their own: a state is a pair of nodes, mostly. So the states are listed once, in the order in
// which slots name them. The error is always nil; it is there for [encoding.BinaryMarshaler].
func (m *Map) MarshalBinary() ([]byte, error) {
	e := encoder{buf: make([]byte, 0, 2*Slots)}
	if m.HashKey.IsZero() {
		e.buf = append(e.buf, mapVersion)
	} else {
		e.buf = append(e.buf, mapVersionKeyed)
	}
	e.uint(m.Epoch)
	e.string(m.ClusterID)
	if !m.HashKey.IsZero() {
		e.buf = append(e.buf, m.HashKey[:]...)
	}
	e.uint(uint64(len(m.Nodes)))
	for i := range m.Nodes {
		e.buf = appendID(e.buf, m.Nodes[i].ID)
		e.node(&m.Nodes[i])
	}

	number := make(map[Slot]uint64)
	states := make([]*Slot, 0, 64)
	runs := encoder{buf: make([]byte, 0, 2*Slots)}
	for i := 0; i < Slots; {
		s := &m.Slots[i]
		n, known := number[*s]
		if !known {
			n = uint64(len(states))
			number[*s] = n
			states = append(states, s)
		}
		end := i + 1
		for end < Slots && m.Slots[end] == *s {
			end++
		}
		if end-i == 1 {
			runs.uint(n << 1)
		} else {
			runs.uint(n<<1 | 1)
			runs.uint(uint64(end - i - 2))
		}
		i = end
	}
	e.uint(uint64(len(states)))
	for _, s := range states {
		e.slot(s)
	}
	return append(e.buf, runs.buf...), nil
}

// UnmarshalMap reads what MarshalBinary wrote. The map is valid, or the error wraps [ErrEncoding] or [ErrMap].
func UnmarshalMap(p []byte) (*Map, error) {
	if len(p) > MaxMapBytes {
		return nil, fmt.Errorf("%w: a map of %d bytes, at most %d", ErrEncoding, len(p), MaxMapBytes)
	}
	d := decoder{p: p}
	version := d.uint(0x7f, "version")
	if d.err == nil && version != mapVersion && version != mapVersionKeyed {
		return nil, fmt.Errorf("%w: map of version %d, this node reads %d and %d", ErrEncoding, version, mapVersion, mapVersionKeyed)
	}
	m := NewMap()
	m.Epoch = d.uint(1<<64-1, "epoch")
	m.ClusterID = d.string(MaxClusterID, "cluster id")
	if version == mapVersionKeyed {
		m.HashKey = d.hashKey()
	}
	if n := d.count(MaxNodes, nodeIDBytes+5, "number of nodes"); n > 0 {
		m.Nodes = make([]Node, n)
		for i := range m.Nodes {
			m.Nodes[i] = d.node(d.rawID("node id"))
		}
	}
	states := make([]Slot, d.count(Slots, 5, "number of slot states"))
	for i := range states {
		states[i] = d.slot()
	}
	for i := 0; i < Slots && d.err == nil; {
		ref := d.uint(2*Slots, "slot state")
		run := 1
		if ref&1 == 1 {
			run = 2 + int(d.uint(Slots, "length of run"))
		}
		if int(ref>>1) >= len(states) || run > Slots-i {
			d.fail("slot %d: state %d of %d, run of %d", i, ref>>1, len(states), run)
			break
		}
		for range run {
			m.Slots[i] = states[ref>>1]
			i++
		}
	}
	if err := d.end(); err != nil {
		return nil, err
	}
	if err := m.Validate(); err != nil {
		return nil, err
	}
	return m, nil
}

// slot appends one slot's state.
func (e *encoder) slot(s *Slot) {
	e.uint(uint64(s.Primary + 1))
	e.uint(uint64(s.Next + 1))
	e.uint(uint64(s.ReplicaCount))
	for _, r := range s.Copies() {
		e.uint(uint64(r))
	}
	e.uint(uint64(s.InSync))
	e.uint(s.Epoch)
}

// slot reads what encoder.slot wrote.
func (d *decoder) slot() Slot {
	s := unassigned
	s.Primary = Index(d.uint(MaxNodes, "primary")) - 1
	s.Next = Index(d.uint(MaxNodes, "handoff target")) - 1
	s.ReplicaCount = uint8(d.uint(MaxReplicas, "number of replicas"))
	for k := range s.Copies() {
		s.Replicas[k] = Index(d.uint(MaxNodes, "replica"))
	}
	s.InSync = uint8(d.uint(1<<MaxReplicas-1, "in-sync set"))
	s.Epoch = d.uint(1<<64-1, "term")
	return s
}
