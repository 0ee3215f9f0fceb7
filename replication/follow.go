package replication

import "fmt"

// How a replica follows a slot.
//
//	          Attach, equal                     SyncBegin
//	  (none) ---------------> live <-------.  .----------- not live <--.
//	     |                     |     SyncEnd \ v                       |
//	     |                     |            syncing                    |
//	     |                     `--------------+------------------------' it must not, or cannot, apply an effect
//	     `-- Attach, unequal --------------------------> not live
//
// Whenever a slot is not live where the primary may think it is, the replica says so (Unequal) before it acknowledges anything beyond.
// The primary then holds back all that waits for the slot. That is why the replica need not break the connection, which carries other
// slots, when its map is newer than the primary's and it has been made primary itself, or is no replica any more.

// attach compares the primary's position with this copy's.
func (r *Receiver) attach(slot uint16, body, out []byte) ([]byte, error) {
	in := r.in
	term := number(body, 1)
	theirs, err := positionAt(body, 2)
	if err != nil {
		return out, err
	}
	f := in.mu.slots.make(slot)
	f.term, f.state = term, followNot
	if in.leads(slot, term) {
		r.opt.Target.Lock(slot)
		if r.opt.Positions.Get(slot).same(theirs) {
			r.opt.Positions.follow(slot, theirs, in.number)
			f.state = followLive
		} else {
			r.opt.Positions.leave(slot, in.number)
		}
		r.opt.Target.Unlock(slot)
	}
	if f.state == followNot {
		out = appendFrame(out, frameUnequal, 0, slot, in.mu.offset+headerSize+uint64(len(body)))
	}
	return out, nil
}

// leave ends the following of a slot. The copy stays what it is.
func (r *Receiver) leave(slot uint16, f *followed) {
	r.opt.Target.Lock(slot)
	r.opt.Positions.leave(slot, r.in.number)
	r.opt.Target.Unlock(slot)
	f.state = notFollowed
}

// lose notes that the slot is not live, nor being synced, from the offset `at` on.
func (r *Receiver) lose(slot uint16, f *followed, at uint64, out []byte) []byte {
	r.opt.Positions.leave(slot, r.in.number)
	f.state = followNot
	return appendFrame(out, frameUnequal, 0, slot, at)
}

// beginSync empties the slot. From here on its position equals nobody's, until the sync ends.
func (r *Receiver) beginSync(slot uint16, f *followed, at uint64, out []byte) []byte {
	r.opt.Target.Lock(slot)
	defer r.opt.Target.Unlock(slot)
	if !r.in.leads(slot, f.term) {
		return r.lose(slot, f, at, out)
	}
	r.opt.Target.Clear(slot)
	r.opt.Requests.Forget(slot)
	r.opt.Positions.follow(slot, partial, r.in.number)
	f.state = followSync
	return out
}

// endSync makes the slot live, unless it has been lost on the way.
func (r *Receiver) endSync(slot uint16, f *followed, body []byte, at uint64, out []byte) ([]byte, error) {
	theirs, err := positionAt(body, 0)
	if err != nil || f.state == followNot {
		return out, err
	}
	if f.state != followSync {
		return out, fmt.Errorf("%w: end of a sync of slot %d that has not begun", ErrOrder, slot)
	}
	r.opt.Target.Lock(slot)
	defer r.opt.Target.Unlock(slot)
	if !r.in.leads(slot, f.term) || !r.opt.Positions.follows(slot, r.in.number) {
		return r.lose(slot, f, at, out), nil
	}
	r.opt.Positions.follow(slot, theirs, r.in.number)
	f.state = followLive
	return out, nil
}

// run applies the effects of one run, which stand at the start of p, once all of them are there.
func (r *Receiver) run(h header, p, out []byte) (n int, outNow []byte, err error) {
	f := r.in.mu.slots.at(h.slot)
	if f == nil || f.state == notFollowed {
		return 0, out, fmt.Errorf("%w: effect on slot %d, which is not attached", ErrOrder, h.slot)
	}
	n, err = r.scan(h.slot, p)
	if n == 0 || err != nil {
		return 0, out, err
	}
	r.scanned = 0
	if f.state == followNot {
		return n, out, nil
	}
	r.opt.Target.Lock(h.slot)
	defer r.opt.Target.Unlock(h.slot)
	if !r.in.leads(h.slot, f.term) || !r.opt.Positions.follows(h.slot, r.in.number) {
		return n, r.lose(h.slot, f, r.in.mu.offset+uint64(n), out), nil
	}
	for left := p[:n]; len(left) > 0; {
		var body []byte
		if h, body, left, _, err = cut(left, false); err != nil {
			return 0, out, err
		}
		if err = r.apply(h, body, f); err != nil {
			return 0, out, err
		}
		if f.state == followNot {
			return n, r.lose(h.slot, f, r.in.mu.offset+uint64(n), out), nil
		}
	}
	return n, out, nil
}

// scan answers the length of the run of effects at the start of p, or 0 where it is not all there yet.
func (r *Receiver) scan(slot uint16, p []byte) (n int, err error) {
	if r.scanned > len(p) {
		r.scanned = 0
	}
	for at := r.scanned; ; {
		h, _, rest, ok, err := cut(p[at:], false)
		switch {
		case err != nil:
			return 0, err
		case !ok:
			r.scanned = at
			return 0, nil
		case h.typ != frameEffect || h.slot != slot:
			return 0, fmt.Errorf("%w: %s of slot %d within a run of slot %d", ErrOrder, h.typ, h.slot, slot)
		}
		if at = len(p) - len(rest); at > MaxRun {
			return 0, fmt.Errorf("%w: a run of more than %d bytes", ErrFrame, MaxRun)
		}
		if h.info&infoMore == 0 {
			return at, nil
		}
	}
}

// apply applies one effect, under the slot's lock. What this node cannot apply loses the slot: its copy is of no use any more.
func (r *Receiver) apply(h header, body []byte, f *followed) error {
	e, err := parseEffect(h, body, r.args)
	if err != nil {
		return err
	}
	known := len(e.args) > 0
	if known {
		known = r.opt.Target.Apply(h.slot, int(h.info&infoDB), e.args) == nil
	}
	if !known {
		r.opt.Positions.follow(h.slot, partial, r.in.number)
		f.state = followNot
		return nil
	}
	r.opt.Positions.applied(h.slot, f.term)
	if e.id.Origin != 0 {
		r.opt.Requests.Done(e.id, h.slot, e.reply)
	}
	clear(e.args) // the bytes are the caller's
	if r.args = e.args[:0]; cap(r.args) > keepArgs {
		r.args = nil
	}
	return nil
}
