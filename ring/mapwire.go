package ring

import "fmt"

const (
	// The first byte of an encoded map. What older clusters do not have is not written, so that their maps are as they always were.
	mapVersion         = 1
	mapVersionKeyed    = 2 // the hash key follows the cluster id
	mapVersionInc      = 3 // as 1, with incarnations and fresh slots
	mapVersionKeyedInc = 4 // as 2, with incarnations and fresh slots
	mapVersionMoving   = 4 // added to any of these: a rebalance follows the slots

	// slotFresh is the bit above the in-sync set of a fresh slot, from version 3 on.
	slotFresh = 1 << MaxReplicas

	// MaxMapBytes bounds an encoded map. The largest that a cluster can have, MaxNodes nodes with the longest names and slots that
	// all differ, takes 1.01 MB, and with a rebalance of every slot 1.5 MB; usual ones 16 KB (three nodes), 22 KB (ten), 100 KB (a hundred).
	MaxMapBytes = 2 << 20
)

// MarshalBinary is m as bytes:
//
//	version | epoch | cluster id | hash key (versions 2, 4) | nodes | nodes x (20-byte id | fields | incarnation (versions 3, 4))
//	| states | states x (primary+1 | next+1 | replicas | each | in-sync bits, with the fresh bit (versions 3, 4) | term)
//	| for each run of slots: state<<1 | 1 if a length follows | length-2
//	| rebalance (versions 5 to 8)
//
// Few slots have a state of their own: a state is a pair of nodes, mostly. So the states are listed once, in the order in
// which slots name them. The error is always nil; it is there for [encoding.BinaryMarshaler].
func (m *Map) MarshalBinary() ([]byte, error) {
	e := encoder{buf: make([]byte, 0, 2*Slots)}
	counted, keyed := m.counted(), !m.HashKey.IsZero()
	version := byte(mapVersion)
	if keyed {
		version = mapVersionKeyed
	}
	if counted {
		version += mapVersionInc - mapVersion
	}
	if m.Rebalance != nil {
		version += mapVersionMoving
	}
	e.buf = append(e.buf, version)
	e.uint(m.Epoch)
	e.string(m.ClusterID)
	if keyed {
		e.buf = append(e.buf, m.HashKey[:]...)
	}
	e.uint(uint64(len(m.Nodes)))
	for i := range m.Nodes {
		e.buf = appendID(e.buf, m.Nodes[i].ID)
		e.node(&m.Nodes[i])
		if counted {
			e.uint(m.Nodes[i].Incarnation)
		}
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
	e.buf = append(e.buf, runs.buf...)
	if m.Rebalance != nil {
		e.rebalance(m.Rebalance)
	}
	return e.buf, nil
}

// counted reports whether m has what only versions 3 and 4 can say.
func (m *Map) counted() bool {
	for i := range m.Nodes {
		if m.Nodes[i].Incarnation != 0 {
			return true
		}
	}
	for i := range m.Slots {
		if m.Slots[i].Fresh {
			return true
		}
	}
	return false
}

// UnmarshalMap reads what MarshalBinary wrote. The map is valid, or the error wraps [ErrEncoding] or [ErrMap].
func UnmarshalMap(p []byte) (*Map, error) {
	if len(p) > MaxMapBytes {
		return nil, fmt.Errorf("%w: a map of %d bytes, at most %d", ErrEncoding, len(p), MaxMapBytes)
	}
	d := decoder{p: p}
	version := d.uint(0x7f, "version")
	const newest = mapVersionKeyedInc + mapVersionMoving
	if d.err == nil && (version < mapVersion || version > newest) {
		return nil, fmt.Errorf("%w: map of version %d, this node reads %d to %d", ErrEncoding, version, mapVersion, newest)
	}
	moving := version > mapVersionKeyedInc
	if moving {
		version -= mapVersionMoving
	}
	counted := version >= mapVersionInc
	m := NewMap()
	m.Epoch = d.uint(1<<64-1, "epoch")
	m.ClusterID = d.string(MaxClusterID, "cluster id")
	if version == mapVersionKeyed || version == mapVersionKeyedInc {
		m.HashKey = d.hashKey()
	}
	if n := d.count(MaxNodes, nodeIDBytes+5, "number of nodes"); n > 0 {
		m.Nodes = make([]Node, n)
		for i := range m.Nodes {
			m.Nodes[i] = d.node(d.rawID("node id"))
			if counted {
				m.Nodes[i].Incarnation = d.uint(1<<64-1, "incarnation")
			}
		}
	}
	states := make([]Slot, d.count(Slots, 5, "number of slot states"))
	for i := range states {
		states[i] = d.slot(counted)
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
	if counted && d.err == nil && !m.counted() {
		d.fail("version %d of a map that needs it not", version) // a value has one encoding
	}
	if moving && d.err == nil {
		m.Rebalance = d.rebalance()
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
	bits := uint64(s.InSync)
	if s.Fresh {
		bits |= slotFresh
	}
	e.uint(bits)
	e.uint(s.Epoch)
}

// slot reads what encoder.slot wrote; fresh slots are there in some versions only.
func (d *decoder) slot(fresh bool) Slot {
	s := unassigned
	s.Primary = Index(d.uint(MaxNodes, "primary")) - 1
	s.Next = Index(d.uint(MaxNodes, "handoff target")) - 1
	s.ReplicaCount = uint8(d.uint(MaxReplicas, "number of replicas"))
	for k := range s.Copies() {
		s.Replicas[k] = Index(d.uint(MaxNodes, "replica"))
	}
	limit := uint64(1<<MaxReplicas - 1)
	if fresh {
		limit |= slotFresh
	}
	bits := d.uint(limit, "in-sync set")
	s.InSync, s.Fresh = uint8(bits&^slotFresh), bits&slotFresh != 0
	s.Epoch = d.uint(1<<64-1, "term")
	return s
}
