package command

import (
	"ringcache/server/resp"
	"ringcache/server/store"
)

// How those who wait are served: a run collects the queues of the keys that it has changed, and its loop runs the commands in them again.

// collect takes the queues that this run has marked. Under the locks of set. Nearly always there are none, which is found out
// without a call.
func (c *Ctx) collect(set store.LockSet) {
	if c.Waiters != nil && c.Waiters.Marked() {
		c.collectMarked(set)
	}
}

func (c *Ctx) collectMarked(set store.LockSet) {
	for i := range store.Shards {
		if set&(1<<i) != 0 {
			sh := &c.Waiters.shards[i]
			c.Ready = append(c.Ready, sh.marked...)
			c.Waiters.marked.Add(-int64(len(sh.marked)))
			clear(sh.marked)
			sh.marked = sh.marked[:0]
		}
	}
}

// CollectAll takes the queues that were marked by what runs beside the loops, or reaches beyond its keys: expiry, eviction, whole
// databases. No lock may be held.
func (c *Ctx) CollectAll() {
	for i := range store.Shards {
		if c.Waiters == nil || !c.Waiters.Marked() {
			return
		}
		set := store.LockSet(1) << i
		c.KS.Lock(set)
		c.collect(set)
		c.KS.Unlock(set)
	}
}

// Serve runs the commands that wait for the key of q again, first come first served, as long as the key may serve one. Those that
// are served have their Reply and are handed home. It collects what these change in turn. No lock may be held; a queue is served
// by one at a time, who has collected it.
func (c *Ctx) Serve(q *WaitQueue) {
	later := false
	for w := c.next(q); w != nil; w = c.next(q) {
		if !c.ownsAll(w.Slots) {
			later = true
			continue
		}
		c.KS.Lock(w.set)
		served := w.waiting && c.retry(w, q.ref)
		if served {
			w.leave()
		}
		c.collect(w.set)
		c.KS.Unlock(w.set)
		if served {
			w.home(w)
		}
	}
	if later { // the map has changed: until this loop and theirs go by the same one
		c.KS.LockSlot(q.ref.Slot)
		c.Waiters.KeyChanged(q.ref.Slot, q.ref.DB, q.ref.Key)
		c.KS.UnlockSlot(q.ref.Slot)
	}
}

func (c *Ctx) ownsAll(slots []uint16) bool {
	for _, slot := range slots {
		if !c.Owned(slot) {
			return false
		}
	}
	return true
}

// next answers whom the key of q may serve next; nil ends the service.
func (c *Ctx) next(q *WaitQueue) *Waiter {
	c.KS.LockSlot(q.ref.Slot)
	defer c.KS.UnlockSlot(q.ref.Slot)
	it := c.KS.Lookup(q.ref, c.Now, 0)
	for {
		if !it.Exists() && q.gone == 0 || it.Exists() && q.gone == 0 && q.types[it.Type()] == 0 {
			q.cursor = nil // for nobody here, and they may be many
		}
		for q.cursor != nil {
			w := q.cursor.w
			q.cursor = q.cursor.next
			if fits := it.Exists() && it.Type() == w.typ; fits || w.gone {
				return w
			}
		}
		if !q.again {
			q.marked = false
			c.Waiters.drop(q)
			return nil
		}
		q.again, q.cursor = false, q.head
	}
}

// retry runs a waiter's command again, for the key at, and reports whether it was served. Under its locks.
func (c *Ctx) retry(w *Waiter, at store.Ref) (served bool) {
	c.Args, c.DB, c.Row, c.Conn, c.NoTouch, c.Slot = w.Args, w.DB, w.Row, nil, w.noTouch, w.Slots[0]
	c.Out = resp.Writer{B: c.Out.B[:0], Proto: w.Proto}
	c.begin(w.Row)
	c.wait.retried, c.wait.at, c.wait.asked = w, at, false
	c.Request = w.request
	c.Request.Repeat = true // the same may wait a second time, its connection cut, and have been served
	if w.Row.Flags&DenyOOM == 0 || !c.full(w.set) {
		c.perform(w.Row)
	}
	c.Request = RequestID{}
	c.wait.retried, c.wait.Wait = nil, Wait{}
	if c.wait.asked {
		return false
	}
	w.Reply = append(w.Reply, c.Out.B...)
	if cap(c.Out.B) > maxKeptRetry {
		c.Out.B = nil
	}
	return true
}

// maxKeptRetry is the size up to which the buffer for the replies of commands that are run again is kept.
const maxKeptRetry = 64 << 10
