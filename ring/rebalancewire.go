package ring

// A rebalance as bytes:
//
//	id | state | rate | began | ended | slots | slots done | bytes | bytes done
//	| nodes | nodes x 20-byte id | states | states x (primary | replicas | each) | goals | goals x (distance | state | bytes)
//
// Few goals have a state of their own, as in a map.

// rebalance appends r.
func (e *encoder) rebalance(r *Rebalance) {
	for _, v := range []uint64{
		r.ID, uint64(r.State), uint64(r.Rate), uint64(r.Began), uint64(r.Ended), uint64(r.Slots), uint64(r.SlotsDone), uint64(r.Bytes), uint64(r.BytesDone),
	} {
		e.uint(v)
	}
	e.uint(uint64(len(r.Nodes)))
	for _, id := range r.Nodes {
		e.buf = appendID(e.buf, id)
	}
	number := make(map[SlotGoal]uint64)
	var states []SlotGoal
	runs := encoder{buf: make([]byte, 0, 4*len(r.Goals))}
	after := uint64(0)
	for i := range r.Goals {
		g := r.Goals[i]
		slot, bytes := uint64(g.Slot), g.Bytes
		g.Slot, g.Bytes = 0, 0
		n, known := number[g]
		if !known {
			n = uint64(len(states))
			number[g] = n
			states = append(states, g)
		}
		runs.uint(slot - after)
		runs.uint(n)
		runs.uint(uint64(bytes))
		after = slot + 1
	}
	e.uint(uint64(len(states)))
	for i := range states {
		g := &states[i]
		e.uint(uint64(g.Primary))
		e.uint(uint64(g.ReplicaCount))
		for _, c := range g.Copies() {
			e.uint(uint64(c))
		}
	}
	e.uint(uint64(len(r.Goals)))
	e.buf = append(e.buf, runs.buf...)
}

// maxInt64 bounds what is read into an int64.
const maxInt64 = 1<<63 - 1

// rebalance reads what encoder.rebalance wrote. Whether it makes sense is validate's to say.
func (d *decoder) rebalance() *Rebalance {
	r := &Rebalance{
		ID: d.uint(1<<64-1, "rebalance"), State: RebalanceState(d.uint(uint64(RebalanceCancelled), "state of the rebalance")),
		Rate: int64(d.uint(MaxRate, "rate")), Began: int64(d.uint(maxInt64, "begin")), Ended: int64(d.uint(maxInt64, "end")),
		Slots: int(d.uint(Slots, "slots to move")), SlotsDone: int(d.uint(Slots, "slots moved")),
		Bytes: int64(d.uint(maxInt64, "bytes to move")), BytesDone: int64(d.uint(maxInt64, "bytes moved")),
	}
	if n := d.count(MaxNodes, nodeIDBytes, "nodes of the rebalance"); n > 0 {
		r.Nodes = make([]NodeID, n)
		for i := range r.Nodes {
			r.Nodes[i] = d.rawID("node id")
		}
	}
	states := make([]SlotGoal, d.count(Slots, 2, "goal states"))
	for i := range states {
		g := &states[i]
		g.Replicas = unassigned.Replicas
		g.Primary = Index(d.uint(MaxNodes-1, "primary"))
		g.ReplicaCount = uint8(d.uint(MaxReplicas, "number of replicas"))
		for k := range g.Copies() {
			g.Replicas[k] = Index(d.uint(MaxNodes-1, "replica"))
		}
	}
	n := d.count(Slots, 3, "number of goals")
	if n > 0 {
		r.Goals = make([]SlotGoal, n)
	}
	used, after := uint64(0), uint64(0)
	for i := range r.Goals {
		if after >= Slots {
			d.fail("goals beyond the last slot")
			break
		}
		slot, state := after+d.uint(Slots-1-after, "slot of a goal"), d.uint(Slots, "state of a goal")
		if state > used || state >= uint64(len(states)) {
			d.fail("goal of state %d, of %d, after %d", state, len(states), used)
			break
		}
		used = max(used, state+1)
		r.Goals[i] = states[state]
		r.Goals[i].Slot, r.Goals[i].Bytes = uint16(slot), int64(d.uint(maxCost, "bytes of a goal"))
		after = slot + 1
	}
	if used != uint64(len(states)) {
		d.fail("%d states of goals, %d in use", len(states), used) // a value has one encoding
	}
	return r
}
