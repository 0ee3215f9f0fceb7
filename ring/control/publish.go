package control

import (
	"context"

	"ringcache/ring"
)

type subscriber struct {
	fn    func(*ring.Map)
	epoch uint64 // of the last map it was told
}

// Subscribe has fn called with every new map, in order and never concurrently; first with the present one if there is one.
// Maps that follow each other faster than fn takes them are skipped but for the last.
func (n *Node) Subscribe(fn func(*ring.Map)) {
	n.subs.Lock()
	n.subs.list = append(n.subs.list, &subscriber{fn: fn})
	n.subs.Unlock()
	signal(n.changed)
}

// Kick has the next report go to the leader now: there is something new to say.
func (n *Node) Kick() { signal(n.kick) }

// Released tells the leader that this node has stopped serving a slot whose handoff to another node (Slot.Next) it has seen in
// the map of that epoch; it is empty, or that node is in sync and has all of it. From then on the slot stays held until a map without that handoff, whatever time
// passes. A release by a map older than the present handoff is ignored: decide again by the newer map.
func (n *Node) Released(slot uint16, epoch uint64) { n.mark(slot, epoch, true) }

// Refused tells the leader that the slot holds keys and this node goes on serving it; the leader will call the handoff off.
func (n *Node) Refused(slot uint16, epoch uint64) { n.mark(slot, epoch, false) }

func (n *Node) mark(slot uint16, epoch uint64, released bool) {
	n.pub.Lock()
	since := n.pub.since[slot]
	if since != 0 && epoch >= since {
		n.pub.marks[slot] = released
	}
	n.pub.Unlock()
	signal(n.kick)
}

// publish makes m the map, unless a newer one is it already: maps come from Raft and with lease replies.
func (n *Node) publish(m *ring.Map) {
	n.pub.Lock()
	old := n.cur.Load()
	if m.Epoch <= old.Epoch {
		n.pub.Unlock()
		return
	}
	self := m.IndexOf(n.Self())
	gap := m.Epoch != old.Epoch+1
	gained := false
	for i := range m.Slots {
		slot := &m.Slots[i]
		gained = gained || slot.Epoch > old.Epoch && slot.Primary == self
		switch {
		case slot.Next == ring.None || slot.Primary != self:
			n.pub.since[i] = 0
			delete(n.pub.marks, uint16(i))
		case gap || n.pub.since[i] == 0 || old.ID(old.Slots[i].Next) != m.ID(slot.Next):
			// Over a gap the handoff may have been called off and begun anew, unseen.
			n.pub.since[i] = m.Epoch
			delete(n.pub.marks, uint16(i))
		}
	}
	if self == ring.None {
		n.leaseUntil.Store(0)
	}
	if n.cfg.Formed != nil && old.ClusterID == "" && m.ClusterID != "" {
		n.cfg.Formed(m)
	}
	n.cur.Store(m)
	n.pub.Unlock()
	signal(n.changed)
	signal(n.stale)
	if gained {
		signal(n.kick) // the leader waits to hear that the new slots are empty
	}
	if l := n.lead.Load(); l != nil {
		signal(l.events)
	}
}

// dispatch tells the subscribers, and notes in the data directory when the node has become a member.
func (n *Node) dispatch(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.changed:
		}
		m := n.Map()
		if n.fromRaft.Load() && m.IndexOf(n.Self()) != ring.None {
			if err := n.dir.enter(n.dir.ClusterID(), phaseMember); err != nil {
				n.log.Error("noting the membership", "err", err)
			}
		}
		n.subs.Lock()
		list := n.subs.list
		n.subs.Unlock()
		for _, s := range list {
			if m.Epoch > s.epoch {
				s.epoch = m.Epoch
				s.fn(m)
			}
		}
	}
}
