package control

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"ringcache/ring"
)

// simStep is the time between two looks at a simulated cluster. A node asks for a lease at every second one, as real ones do.
const simStep = 125 * time.Millisecond

// simSlots are the slots of a simulated cluster that are written to.
var simSlots = []uint16{0, 1, 2, 777, 4000, 5461, 8191, 9999, 12000, 16383}

// simNode is a process, and the machine that it runs on.
type simNode struct {
	id      ring.NodeID
	inc     uint64
	runs    bool // a process is there
	stopped bool // SIGSTOP
	cut     bool // from everybody
	leaving bool
	every   time.Duration // it asks once in so many steps

	m      *ring.Map     // that it knows
	lease  time.Duration // until when it may serve by m
	data   map[uint16]int
	heldAt map[uint16]uint64             // slots that it has released, by the epoch of the map
	claims map[ring.NodeID]SlotSet       // copies that it waits for, beside those of the map
	heard  map[ring.NodeID]time.Duration // when it last had to do with other nodes
	links  map[ring.NodeID]uint64        // the incarnations that it is connected to
}

func (x *simNode) on() bool { return x.runs && !x.stopped && !x.cut }

// sim is a cluster whose nodes do what real ones promise: a primary serves only with a lease, acknowledges a write when all copies that
// it waits for have it, and says truthfully what it knows. A network is cut at a node, or not at all.
type sim struct {
	*script
	nodes  map[ring.NodeID]*simNode
	wanted wanted
	leader *simNode
	slow   int            // steps in which the leader does not get to deciding
	lost   time.Duration  // since when there is no leader that a majority follows
	acked  map[uint16]int // the last acknowledged write
	writes int
	log    []string
}

func newSim(replicas int, specs ...string) (*sim, error) {
	s := &sim{script: newScript(), nodes: map[ring.NodeID]*simNode{}, wanted: newWanted(), acked: map[uint16]int{}}
	s.Replicas = replicas
	if err := s.newMap(specs); err != nil {
		return nil, err
	}
	for i := range s.Map.Nodes {
		n := &simNode{id: s.Map.Nodes[i].ID, every: 2}
		n.start(s.Map)
		s.nodes[n.id] = n
	}
	s.elect(s.nodes[s.Self])
	return s, nil
}

func (x *simNode) start(m *ring.Map) {
	x.inc++
	x.runs, x.stopped, x.leaving, x.m, x.lease = true, false, false, m, 0
	x.data, x.heldAt = map[uint16]int{}, map[uint16]uint64{}
	x.claims, x.heard = map[ring.NodeID]SlotSet{}, map[ring.NodeID]time.Duration{}
	x.links = map[ring.NodeID]uint64{}
}

func (s *sim) elect(n *simNode) {
	s.leader, s.Self, s.LeaderSince = n, n.id, s.Now
	s.Nodes, s.wanted, s.Want, s.WantCopies = map[ring.NodeID]Liveness{}, newWanted(), nil, nil
	for slot := range s.since {
		s.since[slot] = s.Map.Epoch // a new leader does not know since when
	}
	s.Voters = map[ring.NodeID]bool{}
	for id := range s.nodes {
		s.Voters[id] = true
	}
}

func (s *sim) sorted() []*simNode {
	return slices.SortedFunc(maps.Values(s.nodes), func(a, b *simNode) int { return strings.Compare(string(a.id), string(b.id)) })
}

// lead finds a leader where there is none that can be reached: half a NodeTimeout later, the first node with a majority.
func (s *sim) lead() bool {
	if s.leader != nil && s.leader.on() && s.majority() {
		s.lost = -1
		return true
	}
	if s.lost < 0 {
		s.lost = s.Now
	}
	s.leader = nil
	if s.Now-s.lost < s.NodeTimeout/2 || !s.majority() {
		return false
	}
	for _, n := range s.sorted() {
		if n.on() {
			s.elect(n)
			s.log = append(s.log, fmt.Sprintf("%v: %s leads", s.Now, name(n.id)))
			return true
		}
	}
	return false
}

func (s *sim) majority() bool {
	on := 0
	for _, n := range s.nodes {
		if n.on() {
			on++
		}
	}
	return 2*on > len(s.nodes)
}

// step lets time pass.
func (s *sim) step() error {
	s.Now += simStep
	led := s.lead()
	for _, n := range s.sorted() {
		if n.on() {
			s.work(n)
			if led && s.Now/simStep%n.every == 0 {
				s.asksFor(n)
			}
		}
	}
	if s.slow--; !led || s.slow > 0 {
		return nil
	}
	for id, l := range s.Nodes {
		l.GossipDead = !s.nodes[id].on()
		s.Nodes[id] = l
	}
	s.wanted.fill(&s.State)
	d := Decide(s.State)
	before := s.Map
	for _, line := range show(Decision{Changes: d.Changes}) {
		if line != "nothing" {
			s.log = append(s.log, fmt.Sprintf("%v: %s", s.Now, line))
		}
	}
	if len(d.Changes) > 0 {
		if err := s.check(d.Changes); err != nil {
			return err
		}
		if err := s.apply(d.Changes...); err != nil {
			return err
		}
	}
	if q, ok := s.wanted.ask(&s.State, &d); ok && before == s.Map {
		s.wanted.answer(q, discard)
	} else if ok {
		s.wanted.busy, s.wanted.nodes = false, nil // ask by the newer map
	}
	return nil
}

// work is what a node does by itself: it serves, and follows its streams.
func (s *sim) work(n *simNode) {
	self := n.m.IndexOf(n.id)
	for _, o := range s.nodes {
		if o.on() && o != n {
			n.heard[o.id], n.links[o.id] = s.Now, o.inc
		}
	}
	for _, slot := range simSlots {
		e := &n.m.Slots[slot]
		if e.Primary != self {
			continue
		}
		if e.Fresh && n.heldAt[slot] != e.Epoch {
			n.heldAt[slot] = e.Epoch // the term has begun
			delete(n.data, slot)
		}
		if n.lease <= s.Now || e.Next != ring.None {
			continue
		}
		s.writes++
		all, copies := true, []*simNode{}
		for _, r := range e.Copies() {
			o := s.nodes[n.m.ID(r)]
			if !e.IsInSync(r) && !n.claims[o.id].Has(slot) {
				continue
			}
			if o.on() && s.copyOf(o, n, slot) {
				copies = append(copies, o)
			} else {
				all = false
			}
		}
		for _, o := range append(copies, n) {
			o.data[slot] = s.writes
		}
		if all {
			s.acked[slot] = s.writes
		}
	}
}

// copyOf reports whether o has a live copy of a slot of n.
func (s *sim) copyOf(o, n *simNode, slot uint16) bool {
	at := o.m.IndexOf(o.id)
	e := &o.m.Slots[slot]
	return o.m.ID(e.Primary) == n.id && e.Epoch == n.m.Slots[slot].Epoch && at != ring.None && e.ReplicaAt(at) >= 0 && o.data[slot] == n.data[slot]
}

// asksFor has a node ask for a lease, and take what it is answered.
func (s *sim) asksFor(n *simNode) {
	at := s.Map.IndexOf(n.id)
	if at == ring.None {
		return
	}
	r := s.reportOf(n)
	says := s.Map.Nodes[at]
	granted := says.Incarnation == n.inc
	says.Incarnation = n.inc
	l := s.Nodes[n.id]
	l.LastAsked, l.Describes, l.Report = s.Now, &says, r
	if granted {
		l.GrantedUntil = s.Now + leaseFor(s.NodeTimeout)
		n.lease = l.GrantedUntil
		n.claims = r.Synced // it has been heard: claims that it did not make are over, where the map does not have the copies in sync
	}
	s.Nodes[n.id] = l
	n.m = s.Map
}

// reportOf is what a node says, and makes its copies elsewhere complete where it may.
func (s *sim) reportOf(n *simNode) *Report {
	r := &Report{
		Epoch: n.m.Epoch, CopiesEpoch: n.m.Epoch, Leaving: n.leaving,
		Synced: map[ring.NodeID]SlotSet{}, Behind: map[ring.NodeID]SlotSet{}, Incarnations: maps.Clone(n.links),
	}
	for slot := range n.data {
		r.NonEmpty.Add(slot)
	}
	self := n.m.IndexOf(n.id)
	if self == ring.None {
		return r
	}
	peers := make([]*simNode, len(n.m.Nodes))
	synced, behind := make([]SlotSet, len(peers)), make([]SlotSet, len(peers))
	for i := range peers {
		peers[i] = s.nodes[n.m.Nodes[i].ID]
	}
	for i := range n.m.Slots {
		slot, e := uint16(i), &n.m.Slots[i]
		if e.Primary != self {
			continue
		}
		_, written := n.data[slot]
		if e.Next != ring.None {
			if !written || e.IsInSync(e.Next) && s.copyOf(peers[e.Next], n, slot) {
				r.Released.Add(slot)
			} else {
				r.Refused.Add(slot)
			}
		}
		for _, c := range e.Copies() {
			o := peers[c]
			switch {
			case e.IsInSync(c):
				if live := o.on() && (!written || s.copyOf(o, n, slot)); !live && (s.Now-n.heard[o.id] > s.NodeTimeout || o.on()) {
					behind[c].Add(slot)
				}
			case o.on() && o.m.Slots[slot].Epoch == e.Epoch && o.m.ID(o.m.Slots[slot].Primary) == n.id:
				delete(o.data, slot)
				if written {
					o.data[slot] = n.data[slot]
				}
				synced[c].Add(slot)
			}
		}
	}
	for i, o := range peers {
		if len(synced[i]) > 0 {
			r.Synced[o.id] = synced[i]
		}
		if len(behind[i]) > 0 {
			r.Behind[o.id] = behind[i]
		}
	}
	n.claims = maps.Clone(n.claims)
	for id, set := range r.Synced {
		n.claims[id] = union(n.claims[id], set)
	}
	return r
}

func union(a, b SlotSet) SlotSet {
	out := slices.Clone(a)
	for slot := range uint16(ring.Slots) {
		if b.Has(slot) {
			out.Add(slot)
		}
	}
	return out
}

// check holds what must never be decided.
func (s *sim) check(changes []ring.Change) error {
	for _, c := range changes {
		set, ok := c.(ring.SetSlots)
		if !ok || set.Primary == "" {
			continue
		}
		from, to := s.nodes[set.From], s.nodes[set.Primary]
		if from != to && from.runs && from.lease > s.Now && !s.released(from, &set) {
			return fmt.Errorf("%v: %s is given to %s while a lease of the first runs until %v", s.Now, showRanges(set.Slots), name(to.id), from.lease)
		}
		for _, r := range set.Slots {
			for i := int(r.Start); i <= int(r.End); i++ {
				if err := s.checkPrimary(uint16(i), &set); err != nil {
					return fmt.Errorf("%v: slot %d: %w", s.Now, i, err)
				}
			}
		}
	}
	return nil
}

// released reports whether the node itself has let go of the slots.
func (s *sim) released(from *simNode, set *ring.SetSlots) bool {
	for _, r := range set.Slots {
		for i := int(r.Start); i <= int(r.End); i++ {
			if e := &from.m.Slots[i]; e.Next == ring.None || from.m.ID(e.Next) != set.Primary {
				return false
			}
		}
	}
	return true
}

func (s *sim) checkPrimary(slot uint16, set *ring.SetSlots) error {
	e := &s.Map.Slots[slot]
	if !set.Force {
		to := s.nodes[set.Primary]
		empty := s.Map.ID(e.Next) == set.Primary && s.nodes[set.From].data[slot] == 0
		if !e.IsInSync(s.Map.IndexOf(set.Primary)) && !empty {
			return fmt.Errorf("%s becomes primary and is not in sync", name(to.id))
		}
		if slices.Contains(simSlots, slot) && to.inc == s.Map.Node(s.Map.IndexOf(to.id)).Incarnation && to.data[slot] < s.acked[slot] && !empty {
			return fmt.Errorf("%s becomes primary with write %d, and %d is acknowledged", name(to.id), to.data[slot], s.acked[slot])
		}
		return nil
	}
	for _, i := range append(slices.Clone(e.Copies()), e.Primary) {
		if i != e.Primary && !e.IsInSync(i) {
			continue
		}
		n := s.nodes[s.Map.ID(i)]
		said := s.Nodes[n.id].Describes
		if said != nil && said.Incarnation > s.Map.Nodes[i].Incarnation {
			continue // it has started anew
		}
		if last := max(s.Nodes[n.id].LastAsked, s.LeaderSince); s.LostSlotsAfter < 0 || s.Now-last <= s.LostSlotsAfter {
			return fmt.Errorf("given up, and %s may come back: it was heard %v ago", name(n.id), s.Now-last)
		}
	}
	delete(s.acked, slot)
	return nil
}

// checkLeases holds that no slot has two nodes that may serve it.
func (s *sim) checkLeases() error {
	for _, slot := range simSlots {
		var who []string
		for _, n := range s.sorted() {
			e := &n.m.Slots[slot]
			if n.runs && n.lease > s.Now && n.m.ID(e.Primary) == n.id && e.Next == ring.None {
				who = append(who, name(n.id))
			}
		}
		if len(who) > 1 {
			return fmt.Errorf("%v: slot %d is served by %s", s.Now, slot, strings.Join(who, " and "))
		}
	}
	return nil
}

// checkSettled holds that all slots are served, with as many complete copies as there can be.
func (s *sim) checkSettled() error {
	for i := range s.Map.Slots {
		e := &s.Map.Slots[i]
		if n := s.nodes[s.Map.ID(e.Primary)]; !n.on() || n.lease <= s.Now || n.m != s.Map || e.Next != ring.None {
			return fmt.Errorf("%v: slot %d is not served: %s", s.Now, i, showSlot(s.Map, i))
		}
		if want := min(s.Replicas, len(s.nodes)-1); int(e.ReplicaCount) != want || e.InSync != 1<<want-1 {
			return fmt.Errorf("%v: slot %d has not %d complete copies: %s", s.Now, i, want, showSlot(s.Map, i))
		}
	}
	return nil
}

// simScript is the commands of a script that begins with "cluster". Time passes in run alone; what is decided meanwhile is printed.
//
//	cluster REPLICAS a b:zone=z ...   these nodes, all started; a leads, and has all slots; simSlots are written to
//	crash|start|stop|cont|cut|heal|leave NODE   stop and cont are the signals; leave is what a node says that is told to stop
//	lost 10s                          LostSlotsAfter
//	lead b                            another node leads
//	run 5s                            time passes
//	quiet 5s                          the same, and prints nothing but who is primary of how many slots
//	settled                           all slots are served, and all copies in sync
//	slot N                            prints a slot
type simScript struct{ s *sim }

func (x *simScript) run(args []string) (out []string, err error) {
	cmd, args := args[0], args[1:]
	if cmd == "cluster" {
		replicas, _ := strconv.Atoi(args[0])
		x.s, err = newSim(replicas, args[1:]...)
		return nil, err
	}
	s := x.s
	switch cmd {
	case "run", "quiet":
		d, err := time.ParseDuration(args[0])
		s.log = nil
		for end := s.Now + d; s.Now < end && err == nil; {
			if err = s.step(); err == nil {
				err = s.checkLeases()
			}
		}
		if cmd == "quiet" {
			s.log = nil
			for i, c := range s.Map.Counts() {
				s.log = append(s.log, fmt.Sprintf("%s: primary of %d, replica of %d, in sync %d", name(s.Map.Nodes[i].ID), c.Primaries, c.Replicas, c.InSync))
			}
		}
		return s.log, err
	case "settled":
		return nil, s.checkSettled()
	case "lost":
		s.LostSlotsAfter, err = time.ParseDuration(args[0])
		return nil, err
	case "slot":
		n, err := strconv.Atoi(args[0])
		if err != nil {
			return nil, err
		}
		return []string{showSlot(s.Map, n)}, nil
	case "lead":
		s.elect(s.nodes[id(args[0])])
		return nil, nil
	}
	return nil, s.event(cmd, s.nodes[id(args[0])])
}

func (s *sim) event(what string, n *simNode) error {
	switch what {
	case "crash":
		n.runs = false
	case "start", "restart":
		n.start(s.Map)
	case "stop":
		n.stopped = true
	case "cont":
		n.stopped = false
	case "cut":
		n.cut = true
	case "heal":
		n.cut = false
	case "leave":
		n.leaving = true
	default:
		return fmt.Errorf("unknown command %q", what)
	}
	return nil
}
