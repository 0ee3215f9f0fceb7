package server

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"math/bits"
	"slices"
	"strings"
	"time"

	"ringcache/ring"
	"ringcache/ring/control"
	"ringcache/server/command"
	"ringcache/server/resp"
)

// replicationStats is what INFO and ROLE show of this node's streams, those to its replicas and those of which it applies the effects.
func (s *Server) replicationStats() command.ReplicationStats {
	m, now := s.opt.Cluster.Map(), control.Mono()
	r := command.ReplicationStats{KeptAtMost: int64(s.copies.opt.Buffer), MinReplicas: s.settings.Load().MinReplicas, Good: s.leastInSync(m)}
	r.Offset = int64(s.copies.offsets())
	s.copies.each(func(st *stream) {
		state := st.sender.State()
		r.Kept += int64(state.LagBytes)
		n := m.Node(m.IndexOf(st.id))
		if !state.Connected || n == nil {
			return
		}
		rep := command.ReplicaStats{State: command.ReplicaOnline, Offset: int64(state.LagBytes), LagSec: seconds(now - state.Heard)}
		rep.Host, rep.Port = splitAddr(n.Addr)
		switch {
		case state.Syncing > 0:
			rep.State = command.ReplicaCopies
		case state.Waiting > 0:
			rep.State = command.ReplicaWaits
		}
		r.Replicas = append(r.Replicas, rep)
	})
	slices.SortFunc(r.Replicas, func(a, b command.ReplicaStats) int {
		return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Port, b.Port))
	})
	for i := range r.Replicas {
		r.Replicas[i].Offset = max(0, r.Offset-r.Replicas[i].Offset)
	}
	for _, in := range s.copies.received.States() {
		src := command.SourceStats{ID: string(in.Sender), Connected: in.Open, Copies: in.Syncing > 0, LastSec: -1, Offset: int64(in.Offset)}
		if in.Heard > 0 {
			src.LastSec = seconds(now - in.Heard)
		}
		r.Sources = append(r.Sources, src)
	}
	return r
}

func seconds(d time.Duration) int64 { return int64(max(0, d) / time.Second) }

// leastInSync is how many replicas are in sync of the slot that has fewest, of those that this node is primary of; 0 = it is of none.
func (s *Server) leastInSync(m *ring.Map) int {
	self, least := m.IndexOf(s.opt.Self.ID), ring.MaxReplicas+1
	for slot := range m.Slots {
		if e := &m.Slots[slot]; e.Primary == self && self != ring.None {
			least = min(least, bits.OnesCount8(e.InSync))
		}
	}
	if least > ring.MaxReplicas {
		return 0
	}
	return least
}

// enough reports whether a slot has so many replicas in sync.
func enough(m *ring.Map, slot uint16, n int) bool { return bits.OnesCount8(m.Slots[slot].InSync) >= n }

// refused reports whether a command that writes, and is for several owners, is refused before any of them has done a part of it. They look
// again by their own maps and settings.
func (l *loop) refused(r *request, slots iter.Seq[uint16]) bool {
	if l.ctx.Good == nil || !r.row.Has(command.Write) || r.id.Repeat {
		return false
	}
	for slot := range slots {
		if !l.ctx.Good(slot) {
			l.fail(r.to, r.tag, resp.ErrNoReplicas)
			return true
		}
	}
	return false
}

// everySlot are all slots.
func everySlot(yield func(uint16) bool) {
	for slot := range uint16(ring.Slots) {
		if !yield(slot) {
			return
		}
	}
}

// offsets is the sum of the ends of all streams that there have been: it never goes back.
func (c *Copies) offsets() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	sum := c.mu.ended
	for _, st := range c.mu.streams {
		sum += st.sender.End()
	}
	return sum
}

// adminTimeout bounds what a client asks of the leader.
const adminTimeout = 5 * time.Second

// Failover has a node hand over what it is primary of; see [control.Node.Failover].
func (n *node) Failover(id string) (handed, stuck int, err error) {
	return n.srv().ask(func(ctx context.Context) (control.Handover, error) {
		return n.opt.Cluster.Failover(ctx, ring.NodeID(id))
	})
}

// Drain has a node be primary of nothing, or no longer; see [control.Node.Drain].
func (n *node) Drain(id string, on bool) (handed, stuck int, err error) {
	return n.srv().ask(func(ctx context.Context) (control.Handover, error) {
		return n.opt.Cluster.Drain(ctx, ring.NodeID(id), on)
	})
}

func (s *Server) ask(fn func(context.Context) (control.Handover, error)) (handed, stuck int, err error) {
	ctx, cancel := context.WithTimeout(s.ctx, adminTimeout)
	defer cancel()
	h, err := fn(ctx)
	if err != nil {
		err = errors.New("ERR " + strings.TrimPrefix(err.Error(), "control: "))
	}
	return h.Slots, h.Stuck, err
}
