package command

// RunOnCopies executes a row with the flag ReadOnly on keys of which this node may have copies only. Nothing of them changes: what has
// expired is not seen, and stays until its primary says so. live reports, under the locks of all keys, whether what is here of a slot
// may be read; where it may not, nothing is replied and the answer is false. The row neither waits nor is Slow.
func (c *Ctx) RunOnCopies(row *Row, live func(slot uint16) bool) bool {
	c.Row = row
	c.begin(row)
	set := c.KS.SetOf(c.Slot)
	if row.keyed != keyOne {
		var ok bool
		if set, ok = c.lockSet(row); !ok {
			return true // it has replied why
		}
	}
	c.KS.Lock(set)
	defer c.KS.Unlock(set)
	if !c.live(row, live) {
		return false
	}
	c.onCopies = true
	row.Fn(c)
	c.onCopies = false
	return true
}

func (c *Ctx) live(row *Row, live func(slot uint16) bool) bool {
	if row.keyed == keyOne {
		return live(c.Slot)
	}
	pos, err := row.KeyPositions(c.Args, c.pos[:0])
	for _, i := range pos {
		if !live(c.SlotOf(c.Args[i])) {
			return false
		}
	}
	return err == nil
}
