package ring

import "fmt"

const (
	// MaxBatchBytes bounds an encoded batch. A change of its own for each slot, with its replica, takes 487 KB among 1000 nodes.
	// Raft keeps whole entries in memory and sends them in one message, which larger ones would hold up.
	MaxBatchBytes = 1 << 20

	// MaxBatch is the most changes in a batch: one for each slot and each node.
	MaxBatch = Slots + MaxNodes

	// batchVersion is the first byte of an encoded batch.
	batchVersion = 1

	// maxBatchNodes bounds a batch's table of ids: the nodes of a map, and as many again that leave or join.
	maxBatchNodes = 2 * MaxNodes

	// maxListed bounds each list of nodes in a SetSlots: all replicas of a slot replaced, and slack for repeated ones.
	maxListed = 2 * MaxReplicas
)

// tag is the byte that tells the changes apart. Numbers are never used again for something else.
type tag byte

const (
	tagForm        tag = 1
	tagAddNode     tag = 2
	tagUpdateNode  tag = 3
	tagRemoveNode  tag = 4
	tagSetDraining tag = 5
	tagSetSlots    tag = 6
	tagFormKeyed   tag = 7 // a Form with its hash key; tagForm has none
	tagAddNodeInc  tag = 8 // an AddNode with an incarnation; tagAddNode has none
	tagUpdateInc   tag = 9 // an UpdateNode with an incarnation; tagUpdateNode has none

	tagStartRebalance tag = 10
	tagEndRebalance   tag = 11
)

// The tags of the changes.
func (RemoveNode) tag() tag  { return tagRemoveNode }
func (SetDraining) tag() tag { return tagSetDraining }
func (SetSlots) tag() tag    { return tagSetSlots }

func (StartRebalance) tag() tag { return tagStartRebalance }
func (EndRebalance) tag() tag   { return tagEndRebalance }

func (c AddNode) tag() tag {
	if c.Node.Incarnation == 0 {
		return tagAddNode
	}
	return tagAddNodeInc
}

func (c UpdateNode) tag() tag {
	if c.Incarnation == 0 {
		return tagUpdateNode
	}
	return tagUpdateInc
}

func (c Form) tag() tag {
	if c.HashKey.IsZero() {
		return tagForm
	}
	return tagFormKeyed
}

// EncodeChanges is a batch as bytes, for one Raft entry:
//
//	version | nodes | nodes x 20-byte id | changes | changes x (tag | fields)
//
// It fails when the batch exceeds a bound or a field is none that a map could hold, so that what it gives can be decoded.
func EncodeChanges(changes []Change) ([]byte, error) {
	if len(changes) > MaxBatch {
		return nil, fmt.Errorf("%w: %d changes in a batch, at most %d", ErrEncoding, len(changes), MaxBatch)
	}
	var body encoder
	body.uint(uint64(len(changes)))
	for _, c := range changes {
		if err := encodable(c); err != nil {
			return nil, err
		}
		body.buf = append(body.buf, byte(c.tag()))
		c.encode(&body)
	}
	for _, id := range body.ids {
		if !id.Valid() {
			return nil, fmt.Errorf("%w: node id %.60q", ErrEncoding, string(id))
		}
	}
	head := encoder{buf: make([]byte, 0, 4+nodeIDBytes*len(body.ids)+len(body.buf))}
	head.buf = append(head.buf, batchVersion)
	head.uint(uint64(len(body.ids)))
	for _, id := range body.ids {
		head.buf = appendID(head.buf, id)
	}
	p := append(head.buf, body.buf...)
	if len(p) > MaxBatchBytes || len(body.ids) > maxBatchNodes {
		return nil, fmt.Errorf("%w: a batch of %d bytes and %d nodes, at most %d and %d", ErrEncoding,
			len(p), len(body.ids), MaxBatchBytes, maxBatchNodes)
	}
	return p, nil
}

// DecodeChanges reads what EncodeChanges wrote. It checks the form; whether the changes make sense is Apply's to say.
func DecodeChanges(p []byte) ([]Change, error) {
	if len(p) > MaxBatchBytes {
		return nil, fmt.Errorf("%w: a batch of %d bytes, at most %d", ErrEncoding, len(p), MaxBatchBytes)
	}
	d := decoder{p: p}
	if v := d.uint(0x7f, "version"); d.err == nil && v != batchVersion {
		return nil, fmt.Errorf("%w: batch of version %d, this node reads %d", ErrEncoding, v, batchVersion)
	}
	if n := d.count(maxBatchNodes, nodeIDBytes, "number of nodes"); n > 0 {
		d.ids = make([]NodeID, n)
		for i := range d.ids {
			d.ids[i] = d.rawID("node id")
		}
	}
	n := d.count(MaxBatch, 2, "number of changes")
	changes := make([]Change, 0, n)
	for range n {
		c := d.change()
		if d.err != nil {
			break
		}
		changes = append(changes, c)
	}
	if err := d.end(); err != nil {
		return nil, err
	}
	return changes, nil
}

// change reads one change with its tag.
func (d *decoder) change() Change {
	switch t := tag(d.uint(0x7f, "tag")); t {
	case tagForm:
		return Form{ClusterID: d.string(MaxClusterID, "cluster id")}
	case tagFormKeyed:
		return Form{d.string(MaxClusterID, "cluster id"), d.hashKey()}
	case tagAddNode:
		return AddNode{d.node(d.id("node"))}
	case tagAddNodeInc:
		n := d.node(d.id("node"))
		n.Incarnation = d.incarnation()
		return AddNode{n}
	case tagUpdateNode, tagUpdateInc:
		n := d.node(d.id("node"))
		if t == tagUpdateInc {
			n.Incarnation = d.incarnation()
		}
		return UpdateNode{n.ID, n.Addr, n.Bus, n.Weight, n.Zone, n.Incarnation}
	case tagRemoveNode:
		return RemoveNode{d.id("node")}
	case tagSetDraining:
		return SetDraining{d.id("node"), d.bool("draining")}
	case tagSetSlots:
		return d.setSlots()
	case tagStartRebalance:
		return StartRebalance{*d.rebalance()}
	case tagEndRebalance:
		return EndRebalance{d.uint(1<<64-1, "rebalance"), d.bool("cancelled"), int64(d.uint(maxInt64, "end"))}
	default:
		d.fail("unknown change %d", t)
		return nil
	}
}

func (c Form) encode(e *encoder) {
	e.string(c.ClusterID)
	if !c.HashKey.IsZero() {
		e.buf = append(e.buf, c.HashKey[:]...)
	}
}

func (c AddNode) encode(e *encoder) {
	e.id(c.Node.ID)
	e.node(&c.Node)
	if c.Node.Incarnation != 0 {
		e.uint(c.Node.Incarnation)
	}
}

func (c UpdateNode) encode(e *encoder) {
	e.id(c.ID)
	e.node(&Node{Addr: c.Addr, Bus: c.Bus, Weight: c.Weight, Zone: c.Zone})
	if c.Incarnation != 0 {
		e.uint(c.Incarnation)
	}
}

func (c RemoveNode) encode(e *encoder) { e.id(c.ID) }

func (c StartRebalance) encode(e *encoder) { e.rebalance(&c.Rebalance) }

func (c EndRebalance) encode(e *encoder) {
	e.uint(c.ID)
	e.bool(c.Cancelled)
	e.uint(uint64(c.At))
}

func (c SetDraining) encode(e *encoder) {
	e.id(c.ID)
	e.bool(c.Draining)
}

// node appends all of n but its id and its incarnation.
func (e *encoder) node(n *Node) {
	e.string(n.Addr)
	e.string(n.Bus)
	e.uint(uint64(n.Weight))
	e.string(n.Zone)
	e.bool(n.Draining)
}

// node reads what encoder.node wrote.
func (d *decoder) node(id NodeID) Node {
	return Node{
		ID:       id,
		Addr:     d.string(MaxAddr, "address"),
		Bus:      d.string(MaxAddr, "bus address"),
		Weight:   int(d.uint(MaxWeight, "weight")),
		Zone:     d.string(MaxZone, "zone"),
		Draining: d.bool("draining"),
	}
}

// incarnation reads an incarnation, which is there only where it is not zero.
func (d *decoder) incarnation() uint64 {
	v := d.uint(1<<64-1, "incarnation")
	if d.err == nil && v == 0 {
		d.fail("incarnation 0")
	}
	return v
}

// Flags of an encoded SetSlots.
const (
	flagForce     = 1 << 0
	flagClearNext = 1 << 1
	flagsKnown    = flagForce | flagClearNext
)

// encodable checks what the decoder would refuse.
func encodable(c Change) error {
	switch c := c.(type) {
	case Form:
		if len(c.ClusterID) > MaxClusterID {
			return fmt.Errorf("%w: cluster id of %d bytes", ErrEncoding, len(c.ClusterID))
		}
	case AddNode:
		return c.Node.Validate()
	case UpdateNode:
		return (&Node{ID: c.ID, Addr: c.Addr, Bus: c.Bus, Weight: c.Weight, Zone: c.Zone}).Validate()
	case StartRebalance:
		r := c.Rebalance
		r.ID, r.Slots, r.Bytes = 1, len(r.Goals), 0
		for i := range r.Goals {
			r.Bytes += r.Goals[i].Bytes
		}
		if err := r.validate(1); err != nil {
			return fmt.Errorf("%w: %w", ErrEncoding, err)
		}
	case EndRebalance:
		if c.At < 0 {
			return fmt.Errorf("%w: a rebalance that ended at %d", ErrEncoding, c.At)
		}
	case SetSlots:
		for _, list := range [][]NodeID{c.Drop, c.Add, c.OutOfSync, c.InSync} {
			if len(list) > maxListed {
				return fmt.Errorf("%w: %d nodes listed, at most %d", ErrEncoding, len(list), maxListed)
			}
		}
		return checkRanges(c.Slots)
	}
	return nil
}

func (c SetSlots) encode(e *encoder) {
	e.uint(uint64(len(c.Slots)))
	after := uint64(0) // the first slot after the last range: ranges are written as distances, mostly one byte each
	for _, r := range c.Slots {
		e.uint(uint64(r.Start) - after)
		e.uint(uint64(r.End - r.Start))
		after = uint64(r.End) + 1
	}
	flags := uint64(0)
	if c.Force {
		flags |= flagForce
	}
	if c.ClearNext {
		flags |= flagClearNext
	}
	e.uint(flags)
	e.id(c.From)
	e.uint(c.Term)
	e.id(c.Primary)
	e.id(c.Next)
	for _, list := range [][]NodeID{c.Drop, c.Add, c.OutOfSync, c.InSync} {
		e.idList(list)
	}
}

// setSlots reads a SetSlots.
func (d *decoder) setSlots() SetSlots {
	var c SetSlots
	n := d.count(Slots, 2, "number of slot ranges")
	if n > 0 {
		c.Slots = make([]SlotRange, n)
	}
	after := uint64(0)
	for i := range c.Slots {
		if after >= Slots {
			d.fail("slots beyond the last")
			break
		}
		start := after + d.uint(Slots-1-after, "first slot")
		end := start + d.uint(Slots-1-start, "length of slots")
		c.Slots[i] = SlotRange{uint16(start), uint16(end)}
		after = end + 1
	}
	flags := d.uint(flagsKnown, "flags")
	c.Force, c.ClearNext = flags&flagForce != 0, flags&flagClearNext != 0
	c.From, c.Term = d.id("expected primary"), d.uint(1<<64-1, "expected term")
	c.Primary, c.Next = d.id("primary"), d.id("handoff target")
	c.Drop, c.Add = d.idList("dropped replicas"), d.idList("new replicas")
	c.OutOfSync, c.InSync = d.idList("out of sync"), d.idList("in sync")
	return c
}
