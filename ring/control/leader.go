package control

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"ringcache/ring"
	"ringcache/ring/gossip"
)

const (
	// ticksPerTimeout is how often in one NodeTimeout the controller runs when nothing happens.
	ticksPerTimeout = 10
	// eventGather is how long the controller waits after an event for more of its kind, so that one commit takes them all.
	eventGather = 3 * time.Millisecond
	// syncGather is how long after copies were put in sync the next ones are: a full sync completes hundreds a second.
	syncGather = 100 * time.Millisecond
)

// leadership is one term of this node as leader.
type leadership struct {
	n      *Node
	cons   *consensus
	term   uint64        // Raft's
	since  time.Duration // Mono when it began
	ctx    context.Context
	events chan struct{} // capacity 1: something for the controller
	asks   chan *leaseAsk
	view   atomic.Pointer[View]

	// proposing serialises proposals, so that at most one batch is on its way. Taken before mu.
	proposing sync.Mutex

	// mu guards what the controller goes by.
	mu struct {
		sync.Mutex
		nodes map[ring.NodeID]*Liveness
		// floor is the epoch that a lease granted now requires. While a batch is on its way it is the epoch of the map that
		// the batch will make: a node that is about to lose slots must not get a lease by the map in which it still has them.
		floor  uint64
		seen   *ring.Map          // for since
		since  [ring.Slots]uint64 // epoch of the map in which the slot's handoff began, or a later one; 0 none
		copies [ring.Slots]uint64 // epoch of the map in which the slot's replicas last changed, or a later one
		wire   []byte             // the map of epoch wireOf, encoded
		of     uint64
	}

	want      wanted        // touched by the controller alone
	syncedAt  time.Duration // Mono when copies were last put in sync; touched by the controller alone
	voterBusy atomic.Bool

	probes map[ring.NodeID]nodeProbe // touched by the controller alone
	probed chan probeResult
}

// watch leads whenever Raft says that this node does.
func (n *Node) watch(ctx context.Context) {
	c := n.cons.Load()
	var stop func()
	defer func() {
		if stop != nil {
			stop()
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return
		case leads := <-c.LeaderCh():
			if stop != nil {
				stop()
				stop = nil
			}
			if leads {
				stop = n.beginLeading(ctx, c)
			}
		}
	}
}

// beginLeading starts a term; the function it answers ends it.
func (n *Node) beginLeading(ctx context.Context, c *consensus) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	l := &leadership{
		n: n, cons: c, term: c.CurrentTerm(), since: Mono(), ctx: ctx,
		events: make(chan struct{}, 1),
		asks:   make(chan *leaseAsk, askQueue),
		want:   newWanted(),

		probes: map[ring.NodeID]nodeProbe{},
		probed: make(chan probeResult),
	}
	l.mu.nodes = map[ring.NodeID]*Liveness{}
	c.trans.begin()
	var wg sync.WaitGroup
	wg.Add(2)
	go func() { defer wg.Done(); l.control() }()
	go func() { defer wg.Done(); l.verify() }()
	return func() {
		cancel()
		n.lead.CompareAndSwap(l, nil)
		c.trans.wake("")
		wg.Wait()
	}
}

// control is the controller's loop.
func (l *leadership) control() {
	n := l.n
	timeout := n.cfg.NodeTimeout
	// Everything that earlier leaders committed must be in the map before the first decision and the first lease.
	for l.cons.Barrier(timeout).Error() != nil {
		select {
		case <-l.ctx.Done():
			return
		case <-time.After(timeout / ticksPerTimeout):
		}
	}
	if n.Map().Epoch == 0 {
		if err := l.found(); err != nil {
			n.log.Error("founding the cluster", "err", err)
		}
	}
	s := l.survey()
	l.view.Store(l.look(&s))
	n.lead.Store(l)
	defer n.lead.CompareAndSwap(l, nil)
	n.log.Info("leading", "term", l.term, "epoch", n.Map().Epoch)
	signal(n.kick)

	tick := time.NewTicker(timeout / ticksPerTimeout)
	defer tick.Stop()
	var beside sync.WaitGroup
	defer beside.Wait()
	spread := n.Map().Epoch
	for {
		d, s := l.step()
		if len(d.Changes) == 0 && s.Map.Epoch > spread {
			spread = s.Map.Epoch
			beside.Go(l.spread)
		}
		if d.Voter != nil && l.voterBusy.CompareAndSwap(false, true) {
			beside.Go(func() {
				defer l.voterBusy.Store(false)
				l.changeVoter(*d.Voter)
			})
		}
		if q, ok := l.want.ask(&s, &d); ok {
			beside.Go(func() {
				l.want.answer(q, n.log)
				signal(l.events)
			})
		}
		l.probe(&s, beside.Go)
		select {
		case <-l.ctx.Done():
			return
		case <-tick.C:
		case r := <-l.probed:
			l.noteProbe(r)
		case <-l.events:
			select {
			case <-l.ctx.Done():
				return
			case <-time.After(eventGather):
			}
		}
	}
}

// spread has the followers learn of the last change now. They hear that an entry is committed with the next one, or after Raft's
// CommitTimeout, and replies may wait for a replica that waits for its map.
func (l *leadership) spread() { _ = l.cons.Barrier(l.n.cfg.NodeTimeout).Error() }

// found makes the first map: this node alone, primary of every slot.
func (l *leadership) found() error {
	self := l.n.cfg.Self
	_, err := l.propose(
		ring.Form{ClusterID: l.n.dir.ClusterID(), HashKey: ring.NewHashKey()},
		ring.AddNode{Node: self},
		ring.SetSlots{Slots: []ring.SlotRange{{Start: 0, End: ring.Slots - 1}}, Primary: self.ID},
	)
	return err
}

// step runs the controller once and proposes what it wants.
func (l *leadership) step() (Decision, State) {
	l.proposing.Lock()
	defer l.proposing.Unlock()
	l.clearFloor()
	s := l.survey()
	l.want.fill(&s)

	l.mu.Lock()
	s.Now, s.Nodes = Mono(), l.liveness()
	s.HoldSyncs = l.syncedAt != 0 && s.Now-l.syncedAt < syncGather
	d := Decide(s)
	if slices.ContainsFunc(d.Changes, putsInSync) {
		l.syncedAt = s.Now
	}
	l.view.Store(l.look(&s))
	if len(d.Changes) > 0 {
		l.mu.floor = s.Map.Epoch + 1
	}
	l.mu.Unlock()

	if len(d.Changes) > 0 && l.ctx.Err() == nil {
		if _, err := l.commit(d.Changes); err != nil {
			l.n.log.Debug("a proposal failed", "err", err)
		} else {
			l.tell(&s, d.Changes)
		}
	}
	return d, s
}

// putsInSync reports whether a change puts a copy in sync.
func putsInSync(c ring.Change) bool {
	set, ok := c.(ring.SetSlots)
	return ok && len(set.InSync) > 0
}

// survey is what the controller goes by now, but for what the ring wants.
func (l *leadership) survey() State {
	s := State{
		LeaderSince: l.since, NodeTimeout: l.n.cfg.NodeTimeout, Self: l.n.Self(),
		Replicas: l.n.cfg.Replicas, LostSlotsAfter: l.n.cfg.LostSlotsAfter,
		Map: l.n.Map(), Voters: l.servers(),
		HandoffSince: func(slot int) uint64 { return l.mu.since[slot] },
		CopiesSince:  func(slot int) uint64 { return l.mu.copies[slot] },
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.noteHandoffs(s.Map)
	s.Now, s.Nodes = Mono(), l.liveness()
	return s
}

// Propose commits changes of the map as one batch, on the leader; elsewhere it answers an error that CallLeader follows, so
// administration is a HandleCall whose handler proposes. An error of ring.Map.Apply means that nothing changed; another one
// may leave open whether the batch was committed. The answer is a map that has the changes.
func (n *Node) Propose(ctx context.Context, changes ...ring.Change) (*ring.Map, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l := n.lead.Load()
	if l == nil {
		return nil, &notLeaderError{n.leader()}
	}
	return l.propose(changes...)
}

// propose commits changes from elsewhere than the controller.
func (l *leadership) propose(changes ...ring.Change) (*ring.Map, error) {
	l.proposing.Lock()
	defer l.proposing.Unlock()
	return l.proposeLocked(changes)
}

// proposeLocked is propose for who holds proposing.
func (l *leadership) proposeLocked(changes []ring.Change) (*ring.Map, error) {
	l.mu.Lock()
	l.mu.floor = l.n.Map().Epoch + 1
	l.mu.Unlock()
	return l.commit(changes)
}

// commit proposes a batch and waits for it; proposing is held and the floor is raised.
func (l *leadership) commit(changes []ring.Change) (*ring.Map, error) {
	data, err := ring.EncodeChanges(changes)
	if err != nil {
		l.settle()
		return nil, err
	}
	f := l.cons.Apply(data, l.n.cfg.NodeTimeout)
	if err := f.Error(); err != nil {
		// Whether it was committed is not known: the floor stays until clearFloor.
		return nil, fmt.Errorf("control: proposing a change: %w", err)
	}
	a := f.Response().(applied)
	l.settle()
	return a.m, a.err
}

// clearFloor lowers a floor that a batch of unknown fate has left: after a barrier, what was to come has come. proposing is held.
func (l *leadership) clearFloor() {
	l.mu.Lock()
	left := l.mu.floor > l.n.Map().Epoch
	l.mu.Unlock()
	if left && l.cons.Barrier(l.n.cfg.NodeTimeout).Error() == nil {
		l.settle()
	}
}

// settle lowers the floor to the map that stands.
func (l *leadership) settle() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.floor = l.n.Map().Epoch
}

// servers is Raft's configuration: true for voters.
func (l *leadership) servers() map[ring.NodeID]bool {
	out := map[ring.NodeID]bool{}
	for _, s := range l.cons.GetConfiguration().Configuration().Servers {
		out[ring.NodeID(s.ID)] = s.Suffrage == raft.Voter
	}
	return out
}

// liveness copies what is known of the nodes; mu is held (gossip's own lock is a leaf).
func (l *leadership) liveness() map[ring.NodeID]Liveness {
	out := make(map[ring.NodeID]Liveness, len(l.mu.nodes))
	for id, v := range l.mu.nodes {
		c := *v
		if g := l.n.gossip.Load(); g != nil {
			m, known := g.Lookup(id)
			c.GossipDead = known && m.State == gossip.Dead
		}
		out[id] = c
	}
	return out
}

// noteHandoffs keeps since and copies in step with the map; mu is held. Maps that were skipped make a handoff younger than it is, which
// only costs its owner one more report; and so do copies.
func (l *leadership) noteHandoffs(m *ring.Map) {
	old := l.mu.seen
	if old == m {
		return
	}
	for i := range m.Slots {
		next := m.ID(m.Slots[i].Next)
		switch {
		case next == "":
			l.mu.since[i] = 0
		case old == nil || old.Epoch+1 != m.Epoch || old.ID(old.Slots[i].Next) != next || l.mu.since[i] == 0:
			l.mu.since[i] = m.Epoch
		}
		if old == nil || old.Epoch+1 != m.Epoch || !sameCopies(old, m, i) {
			l.mu.copies[i] = m.Epoch
		}
	}
	l.mu.seen = m
	for id := range l.mu.nodes {
		if m.IndexOf(id) == ring.None {
			delete(l.mu.nodes, id)
		}
	}
}

// sameCopies reports whether a slot has the same replicas in two maps.
func sameCopies(old, m *ring.Map, slot int) bool {
	a, b := &old.Slots[slot], &m.Slots[slot]
	if a.ReplicaCount != b.ReplicaCount {
		return false
	}
	for k := range a.Copies() {
		if old.ID(a.Replicas[k]) != m.ID(b.Replicas[k]) {
			return false
		}
	}
	return true
}

// admit commits a node into the map, or its new description.
func (l *leadership) admit(ctx context.Context, node ring.Node) (*ring.Map, error) {
	m := l.n.Map()
	node.Draining = false
	at := m.IndexOf(node.ID)
	if at == ring.None {
		l.n.log.Info("accepting a node", "node", node.ID, "addr", node.Addr)
		return l.propose(ring.AddNode{Node: node})
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	has := *m.Node(at)
	has.Draining, has.Incarnation = false, node.Incarnation
	if has == node {
		return m, nil
	}
	// Its incarnation stays what it is: the controller notes that, with all that follows from it.
	return l.propose(ring.UpdateNode{ID: node.ID, Addr: node.Addr, Bus: node.Bus, Weight: node.Weight, Zone: node.Zone})
}

// changeVoter does one step in Raft's configuration. The address there is the id: addresses come from the provider.
func (l *leadership) changeVoter(c VoterChange) {
	id, at, timeout := raft.ServerID(c.Node), raft.ServerAddress(c.Node), l.n.cfg.NodeTimeout
	var f raft.IndexFuture
	switch c.Op {
	case AddVoter:
		f = l.cons.AddVoter(id, at, 0, timeout)
	case AddNonvoter:
		f = l.cons.AddNonvoter(id, at, 0, timeout)
	case DemoteVoter:
		f = l.cons.DemoteVoter(id, 0, timeout)
	case RemoveServer:
		f = l.cons.RemoveServer(id, 0, timeout)
	}
	err := f.Error()
	if c.Op == RemoveServer {
		l.cons.trans.wake(id)
	}
	if err != nil {
		l.n.log.Debug("changing the voters", "op", string(c.Op), "node", c.Node, "err", err)
		return
	}
	l.n.log.Info("the voters changed", "op", string(c.Op), "node", c.Node)
	signal(l.events)
}
