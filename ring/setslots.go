package ring

import "fmt"

// slotStep is a SetSlots with its ids looked up, so that a change of many slots looks them up once.
type slotStep struct {
	*SetSlots
	from, primary, next          Index
	drop, add, outOfSync, inSync []Index
}

func (c SetSlots) apply(m *Map) error {
	step, err := c.resolve(m)
	if err != nil {
		return err
	}
	if len(c.Slots) == 0 {
		return fmt.Errorf("%w: no slots", ErrChange)
	}
	if err := checkRanges(c.Slots); err != nil {
		return err
	}
	for _, r := range c.Slots {
		for slot := int(r.Start); slot <= int(r.End); slot++ {
			if err := step.run(&m.Slots[slot], m.Epoch); err != nil {
				return fmt.Errorf("%w (slot %d)", err, slot)
			}
		}
	}
	return nil
}

// checkRanges reports ranges that are not ascending or overlap or leave 0..Slots-1.
func checkRanges(ranges []SlotRange) error {
	after := 0
	for _, r := range ranges {
		if int(r.Start) < after || r.End < r.Start || r.End >= Slots {
			return fmt.Errorf("%w: slots %d-%d are out of range or order", ErrChange, r.Start, r.End)
		}
		after = int(r.End) + 1
	}
	return nil
}

// resolve looks up the ids of c in m.
func (c *SetSlots) resolve(m *Map) (*slotStep, error) {
	var bad error
	one := func(id NodeID) Index {
		if id == "" {
			return None
		}
		i := m.IndexOf(id)
		if i == None && bad == nil {
			bad = unknown(id)
		}
		return i
	}
	many := func(ids []NodeID) []Index {
		if len(ids) == 0 {
			return nil
		}
		list := make([]Index, len(ids))
		for k, id := range ids {
			if id == "" && bad == nil {
				bad = unknown(id)
			}
			list[k] = one(id)
		}
		return list
	}
	step := &slotStep{
		SetSlots: c, from: one(c.From), primary: one(c.Primary), next: one(c.Next),
		drop: many(c.Drop), add: many(c.Add), outOfSync: many(c.OutOfSync), inSync: many(c.InSync),
	}
	return step, bad
}

// run makes the step in one slot of a map of that epoch.
func (c *slotStep) run(s *Slot, epoch uint64) error {
	if s.Primary != c.from || c.Term != 0 && s.Epoch != c.Term {
		return fmt.Errorf("%w: its primary is node %d of term %d", ErrStale, s.Primary, s.Epoch)
	}
	for _, i := range c.drop {
		if at := s.ReplicaAt(i); at >= 0 {
			// Promoting what is dropped in the same step is a contradiction that the check below would miss.
			if i == c.primary {
				return fmt.Errorf("%w: it drops and promotes one node", ErrChange)
			}
			s.dropReplica(at)
		}
	}
	if c.primary != None {
		if err := c.promote(s, epoch); err != nil {
			return err
		}
	}
	if s.Primary == None {
		return fmt.Errorf("%w: it has no primary", ErrChange)
	}
	if c.ClearNext {
		s.Next = None
	}
	if c.next != None {
		if c.next == s.Primary {
			return fmt.Errorf("%w: handoff from a node to itself", ErrChange)
		}
		s.Next = c.next
	}
	return c.copies(s)
}

// promote gives the slot its new primary.
func (c *slotStep) promote(s *Slot, epoch uint64) error {
	knows := s.Primary == None || s.Primary == c.primary || s.IsInSync(c.primary) // it has what there is of the slot
	safe := knows || s.Next == c.primary
	if !safe && !c.Force {
		return fmt.Errorf("%w: it is neither in sync nor the target of a handoff", ErrUnsafe)
	}
	if at := s.ReplicaAt(c.primary); at >= 0 {
		s.dropReplica(at)
	}
	s.Primary, s.Next, s.Epoch, s.Fresh = c.primary, None, epoch, c.Force || !knows
	if s.Fresh {
		s.InSync = 0 // the copies are of what is lost
	}
	return nil
}

// copies adds replicas and alters the in-sync set.
func (c *slotStep) copies(s *Slot) error {
	for _, i := range c.add {
		switch {
		case i == s.Primary:
			return fmt.Errorf("%w: a primary is no replica of itself", ErrChange)
		case s.ReplicaAt(i) >= 0:
		case s.ReplicaCount == MaxReplicas:
			return fmt.Errorf("%w: it has its %d replicas", ErrChange, MaxReplicas)
		default:
			s.addReplica(i)
		}
	}
	for _, i := range c.outOfSync {
		if at := s.ReplicaAt(i); at >= 0 {
			s.InSync &^= 1 << at
		}
	}
	for _, i := range c.inSync {
		at := s.ReplicaAt(i)
		if at < 0 {
			return fmt.Errorf("%w: node %d is in sync and no replica", ErrChange, i)
		}
		s.InSync |= 1 << at
	}
	return nil
}
