package command

import (
	"sync/atomic"

	"ringcache/server/store"
)

// Waiters is the registry of a node's commands that wait for keys.
//
// Each key that is waited for has a queue, in the order of coming, of all loops. A queue stands in the shard of its key and is
// guarded by that shard's lock in the keyspace, so that finding nothing and beginning to wait are one step, and so are a change of
// the key and noticing who waits for it. A waiter of several keys stands in several queues; it joins and leaves them under the
// locks of all.
//
// A change of a key marks its queue. The run that made the change collects the marked queues while it still has the locks (see
// Ctx.Ready); its loop then serves them, by [Ctx.Serve], before it runs another command. Meanwhile the queue stays marked: who
// comes in between for the same key queues up, and is met by the same service. So the order holds though the locks are given back
// between two waiters, as they must be: each needs the locks of all its keys.
type Waiters struct {
	ks     *store.Keyspace
	limit  WaitLimits
	number atomic.Int64
	bytes  atomic.Int64
	marked atomic.Int64 // queues that are marked and not collected
	shards [store.Shards]waitShard
}

// WaitLimits bound what a node's waiters take.
type WaitLimits struct {
	Number int64 // of commands that wait
	Bytes  int64 // of their arguments
}

// DefaultWaitLimits let all clients of a few nodes wait at one owner of keys.
var DefaultWaitLimits = WaitLimits{Number: 128 << 10, Bytes: 256 << 20}

// ErrTooManyWait is the reply to a command that cannot wait because too many do already.
const ErrTooManyWait = "ERR too many blocked commands, try again later"

// waitShard is guarded by the lock of the keyspace's shard of the same number.
type waitShard struct {
	queues map[waitKey]*WaitQueue
	marked []*WaitQueue
}

type waitKey struct {
	db  int
	key string
}

// WaitQueue is who waits for one key.
type WaitQueue struct {
	ref        store.Ref
	head, tail *waitNode
	cursor     *waitNode // the next to look at, while it is served
	marked     bool      // since its key changed, until it has been served
	again      bool      // it was marked anew meanwhile: from the head again
	gone       int       // waiters that want to know when the key is gone
	types      [store.TypeStream + 1]int
}

// waitNode is one waiter in one queue.
type waitNode struct {
	w          *Waiter
	q          *WaitQueue
	prev, next *waitNode
}

// Waiter is one command that waits.
type Waiter struct {
	Row    *Row
	Args   [][]byte // own copy
	DB     int
	Proto  int
	Millis int64    // the time-out when the waiting began, 0 = none
	Slots  []uint16 // of all keys of the command
	Reply  []byte   // once it is served
	User   any      // its loop's own

	request RequestID
	home    func(*Waiter)
	ws      *Waiters
	noTouch bool
	typ     store.Type
	gone    bool
	waiting bool // guarded by the locks of set, all to change it, any to look
	set     store.LockSet
	nodes   []waitNode
	bytes   int64
}

// NewWaiters makes the registry of a keyspace.
func NewWaiters(ks *store.Keyspace, limit WaitLimits) *Waiters {
	ws := &Waiters{ks: ks, limit: limit}
	ks.SetWatcher(ws)
	return ws
}

// Len counts the commands that wait.
func (ws *Waiters) Len() int { return int(ws.number.Load()) }

// Marked reports whether queues are marked that no run has collected: their keys were changed beside the loops.
func (ws *Waiters) Marked() bool { return ws.marked.Load() != 0 }

// KeyChanged implements store.Watcher.
func (ws *Waiters) KeyChanged(slot uint16, db int, key []byte) {
	sh := &ws.shards[slot%store.Shards]
	if len(sh.queues) > 0 {
		if q := sh.queues[waitKey{db, string(key)}]; q != nil {
			ws.mark(sh, q)
		}
	}
}

// SlotChanged implements store.Watcher.
func (ws *Waiters) SlotChanged(slot uint16, db int) {
	sh := &ws.shards[slot%store.Shards]
	for _, q := range sh.queues {
		if q.ref.Slot == slot && q.ref.DB == db {
			ws.mark(sh, q)
		}
	}
}

// mark has a queue served.
func (ws *Waiters) mark(sh *waitShard, q *WaitQueue) {
	if q.marked {
		q.again = true
		return
	}
	q.marked, q.again, q.cursor = true, false, q.head
	sh.marked = append(sh.marked, q)
	ws.marked.Add(1)
}

// busy reports whether those who wait for a key are being served.
func (ws *Waiters) busy(r store.Ref) bool {
	sh := &ws.shards[r.Slot%store.Shards]
	if len(sh.queues) == 0 {
		return false
	}
	q := sh.queues[waitKey{r.DB, string(r.Key)}]
	return q != nil && q.marked && q.head != nil
}

// join has the command of the run under way wait, if there is room, else it is answered. Under the locks of set.
func (c *Ctx) join(set store.LockSet) {
	ws := c.Waiters
	wait := c.wait.Wait
	c.wait.Wait = Wait{}
	args := wait.Args
	if args == nil {
		args = cloneArgs(c.Args)
	}
	w := &Waiter{
		Row: c.Row, Args: args, DB: c.DB, Proto: c.Out.Proto, Millis: wait.Millis,
		request: c.Request, home: c.Home, ws: ws, noTouch: c.NoTouch, typ: wait.Type, gone: wait.Gone, set: set, bytes: waiterBytes,
	}
	for _, a := range args {
		w.bytes += int64(len(a)) + argBytes
	}
	pos, _ := c.Row.KeyPositions(c.Args, nil) // Run has seen that they can be told
	w.Slots = make([]uint16, 0, len(pos))
	for _, i := range pos {
		w.Slots = append(w.Slots, c.SlotOf(c.Args[i]))
	}
	w.bytes += int64(len(pos)+len(wait.Keys)) * nodeBytes
	if number, bytes := ws.number.Add(1), ws.bytes.Add(w.bytes); number > ws.limit.Number || bytes > ws.limit.Bytes {
		ws.number.Add(-1)
		ws.bytes.Add(-w.bytes)
		c.Out.Error(ErrTooManyWait)
		return
	}
	w.waiting = true
	w.nodes = make([]waitNode, 0, len(wait.Keys)) // never grows: queues point into it
	for _, i := range wait.Keys {
		w.enter(c.ref(i))
	}
	c.wait.waiter = w
}

// About how many bytes a waiter takes: itself, and each argument and each queue that it stands in.
const (
	waiterBytes = 256
	argBytes    = 32
	nodeBytes   = 192
)

// cloneArgs copies a command into one allocation of bytes.
func cloneArgs(args [][]byte) [][]byte {
	n := 0
	for _, a := range args {
		n += len(a)
	}
	buf := make([]byte, 0, n)
	out := make([][]byte, len(args))
	for i, a := range args {
		start := len(buf)
		buf = append(buf, a...)
		out[i] = buf[start:len(buf):len(buf)]
	}
	return out
}

// enter has w wait for one key, once however often it is named.
func (w *Waiter) enter(r store.Ref) {
	sh := &w.ws.shards[r.Slot%store.Shards]
	k := waitKey{r.DB, string(r.Key)}
	q := sh.queues[k]
	if q == nil {
		if sh.queues == nil {
			sh.queues = make(map[waitKey]*WaitQueue)
		}
		r.Key = []byte(k.key)
		q = &WaitQueue{ref: r}
		sh.queues[k] = q
		w.ws.ks.Watch(r.Slot, true)
	}
	if q.tail != nil && q.tail.w == w {
		return
	}
	w.nodes = append(w.nodes, waitNode{w: w, q: q, prev: q.tail})
	n := &w.nodes[len(w.nodes)-1]
	if q.tail == nil {
		q.head = n
	} else {
		q.tail.next = n
	}
	q.tail = n
	if q.marked && q.cursor == nil {
		q.cursor = n
	}
	q.types[w.typ]++
	if w.gone {
		q.gone++
	}
}

// leave takes a waiter out of all its queues. Under the locks of its set.
func (w *Waiter) leave() {
	w.waiting = false
	for i := range w.nodes {
		n := &w.nodes[i]
		q := n.q
		if n.prev == nil {
			q.head = n.next
		} else {
			n.prev.next = n.next
		}
		if n.next == nil {
			q.tail = n.prev
		} else {
			n.next.prev = n.prev
		}
		if q.cursor == n {
			q.cursor = n.next
		}
		q.types[w.typ]--
		if w.gone {
			q.gone--
		}
		w.ws.drop(q)
	}
	w.nodes = nil
	w.ws.number.Add(-1)
	w.ws.bytes.Add(-w.bytes)
}

// drop forgets a queue in which nobody waits, unless it is being served.
func (ws *Waiters) drop(q *WaitQueue) {
	if q.head != nil || q.marked {
		return
	}
	sh := &ws.shards[q.ref.Slot%store.Shards]
	delete(sh.queues, waitKey{q.ref.DB, string(q.ref.Key)})
	if len(sh.queues) == 0 {
		ws.ks.Watch(q.ref.Slot, false)
	}
}

// End has a command wait no longer. It answers false where it has been served: then its reply is on its way.
func (w *Waiter) End() bool {
	w.ws.ks.Lock(w.set)
	defer w.ws.ks.Unlock(w.set)
	was := w.waiting
	if was {
		w.leave()
	}
	return was
}
