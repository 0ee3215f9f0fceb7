package replication

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"ringcache/ring"
)

// A simulation: three nodes, a leader that decides by what it has heard, a network that cuts, delays and tears, clients that repeat what
// has no reply. Each step is drawn from the seed, and the promises are checked all along:
//
//   - a write that was acknowledged, or seen by an acknowledged read, is at every member of its slot's in-sync set;
//   - copies at equal positions are equal, and an empty position is that of an empty copy;
//   - no copy that the map has in sync is cleared for a sync;
//   - no write is applied twice;
//   - effective offsets and ends do not go back.
//
// At last everything heals, and all copies must be in sync and equal.

// logKey has the tokens of all writes that were applied to its slot. Nothing else touches it.
const logKey = "log"

type simWrite struct {
	id    RequestID
	slot  uint16
	at    *testNode // where it was run, nil = nowhere
	life  uint64    // incarnation of that node
	term  uint64
	waits map[*testLink]uint64
}

type simReport struct {
	epoch          uint64
	synced, behind map[ring.NodeID]*ring.SlotSet
	numbers        map[*testLink]uint64
	replyEpoch     uint64
}

type sim struct {
	*testCluster
	r       *rand.Rand
	steps   int
	slots   []uint16
	writes  map[uint64]*simWrite // in flight, by number
	number  uint64
	acked   map[uint16]map[string]bool
	latest  map[ring.NodeID]*simReport // what the leader knows
	replies map[ring.NodeID]*simReport // on their way to Heard
	states  map[uint16]map[Position]string
	ends    map[*Sender]uint64
	started map[ring.NodeID]uint64 // epoch of the map in which the node last started, or became or ceased to be a replica
}

func newSim(t testing.TB, seed uint64) *sim {
	s := &sim{
		testCluster: newCluster(t, 3), r: rand.New(rand.NewPCG(seed, 0)), slots: []uint16{3, 4, 127, 128, 9000, 16383},
		writes: map[uint64]*simWrite{}, acked: map[uint16]map[string]bool{}, latest: map[ring.NodeID]*simReport{},
		replies: map[ring.NodeID]*simReport{}, states: map[uint16]map[Position]string{}, ends: map[*Sender]uint64{},
		started: map[ring.NodeID]uint64{},
	}
	for i, slot := range s.slots {
		n := s.nodes[i%3]
		s.commit(ring.SetSlots{Slots: one(slot), Primary: n.id})
		s.acked[slot], s.states[slot] = map[string]bool{}, map[Position]string{{}: ""}
	}
	for _, n := range s.nodes {
		s.hook(n)
	}
	s.adoptAll()
	return s
}

// hook has a node's keyspace watched.
func (s *sim) hook(n *testNode) {
	n.buffer = 8 << 10
	n.ks.cleared = func(slot uint16) {
		if s.m.Slots[slot].IsInSync(s.m.IndexOf(n.id)) || s.m.Slots[slot].Primary == s.m.IndexOf(n.id) {
			s.t.Fatalf("slot %d: the copy of %s is cleared, and the map counts on it", slot, n.id)
		}
	}
}

// serves reports whether a node is the slot's primary in truth: it has the lease, and the map of its term.
func (s *sim) serves(n *testNode, slot uint16) bool {
	now := &s.m.Slots[slot]
	return n.up && n.m != nil && s.m.ID(now.Primary) == n.id && n.m.Slots[slot].Epoch == now.Epoch && n.m.ID(n.m.Slots[slot].Primary) == n.id
}

func (s *sim) any() *testNode { return s.nodes[s.r.IntN(len(s.nodes))] }

func (s *sim) slot() uint16 { return s.slots[s.r.IntN(len(s.slots))] }

func (s *sim) link() (*testNode, *testLink) {
	n := s.any()
	to := s.any()
	for to == n {
		to = s.any()
	}
	return n, n.out[to.id]
}

func (n *testNode) log(slot uint16) []string { return n.ks.at(slot).dbs[15][logKey] }

// write runs a write: one command on some key, and its token into the log, in one run.
func (s *sim) write(n *testNode, w *simWrite, token string) {
	slot := w.slot
	n.ks.Lock(slot)
	defer n.ks.Unlock(slot)
	syncing := false
	for _, l := range n.out {
		syncing = syncing || l.s.Syncing(slot)
	}
	key := func() string { return "k" + strconv.Itoa(s.r.IntN(12)) }
	db, cmd, from, swap := s.r.IntN(2), []string(nil), key(), false
	switch s.r.IntN(9) {
	case 0:
		cmd = []string{"SET", from, strings.Repeat("v", s.r.IntN(300)) + token}
	case 1, 2:
		cmd = []string{"RPUSH", from, strconv.Itoa(s.r.IntN(4))}
	case 3:
		cmd = []string{"LTRIM", from, strconv.Itoa(s.r.IntN(3))}
	case 4:
		cmd = []string{"LREM", from, strconv.Itoa(s.r.IntN(4))}
	case 5, 6:
		to := key()
		for to == from {
			to = key()
		}
		cmd = []string{"RENAME", from, to}
	case 7:
		cmd = []string{"DEL", from}
	case 8:
		if swap = s.r.IntN(4) == 0; swap {
			cmd = []string{"SWAPDB", "0", "1"}
		} else {
			cmd = []string{"RPUSH", from, token}
		}
	}
	var run []byte
	put := func(db int, id RequestID, e []string) {
		n.pos.Next(slot, n.m.Slots[slot].Epoch)
		run = AppendEffect(run, slot, db, words(e...), id, []byte(token))
	}
	for _, e := range n.ks.effects(slot, db, syncing, cmd...) {
		put(db, RequestID{}, e)
	}
	push := []string{"RPUSH", logKey, token}
	n.ks.effects(slot, 15, syncing, push...)
	put(15, w.id, push)
	Chain(run)
	n.req.Done(w.id, slot, []byte(token))
	for _, l := range n.out {
		l.s.Append(slot, run)
		if swap {
			l.s.Restart(slot)
		}
	}
	// Another primary of the term would make other effects at this position.
	at, text := n.pos.Get(slot), n.ks.text(slot)
	if old, known := s.states[slot][at]; known && old != text {
		s.t.Fatalf("slot %d has two states at %v", slot, at)
	}
	s.states[slot][at] = text
}

// request sends a new write, or repeats one.
func (s *sim) request() {
	w := &simWrite{slot: s.slot()}
	if len(s.writes) > 0 && s.r.IntN(2) == 0 || len(s.writes) > 20 {
		w = s.writes[slices.Sorted(maps.Keys(s.writes))[s.r.IntN(len(s.writes))]]
	}
	s.send(w)
}

// send sends a write to whoever serves its slot, unless it is there already.
func (s *sim) send(w *simWrite) {
	slot := w.slot
	for _, n := range s.nodes {
		if !s.serves(n, slot) || w.at == n && w.life == n.incarnation && w.term == s.m.Slots[slot].Epoch {
			continue
		}
		if w.id.Origin == 0 {
			s.number++
			w.id = RequestID{Origin: 77, Number: s.number, Low: s.number}
			if len(s.writes) > 0 {
				w.id.Low = slices.Min(slices.Collect(maps.Keys(s.writes)))
			}
			s.writes[s.number] = w
		}
		token := fmt.Sprint("t", w.id.Number)
		if reply, a := n.req.Reply(w.id, slot); a == Applied {
			if string(reply) != token {
				s.t.Fatalf("write %d is answered %q", w.id.Number, reply)
			}
		} else {
			s.write(n, w, token)
		}
		w.at, w.life, w.term, w.waits = n, n.incarnation, s.m.Slots[slot].Epoch, n.waits(slot)
		return
	}
}

// answer has replies leave that may.
func (s *sim) answer() {
	for number, w := range s.writes {
		if w.at == nil || w.at.incarnation != w.life || w.term != s.m.Slots[w.slot].Epoch || !s.serves(w.at, w.slot) || !released(w.waits) {
			continue
		}
		s.acked[w.slot][fmt.Sprint("t", number)] = true
		delete(s.writes, number)
	}
}

// read has a reader see all that a slot's primary has.
func (s *sim) read() {
	slot := s.slot()
	for _, n := range s.nodes {
		if s.serves(n, slot) && released(n.waits(slot)) {
			for _, token := range n.log(slot) {
				s.acked[slot][token] = true
			}
		}
	}
}

// background has a node that thinks itself primary change a slot by itself, as expiry does, lease or not.
func (s *sim) background() {
	n, slot := s.any(), s.slot()
	if n.up && n.m != nil && n.m.ID(n.m.Slots[slot].Primary) == n.id {
		s.number++
		s.write(n, &simWrite{slot: slot}, fmt.Sprint("t", s.number))
	}
}

func (s *sim) step() {
	n, l := s.link()
	switch k := s.r.IntN(100); {
	case k < 20:
		s.request()
	case k < 40:
		s.take(l, 1+s.r.IntN(500))
		s.deliver(l, s.r.IntN(600))
	case k < 55:
		s.back(l, s.r.IntN(100))
	case k < 65:
		l.s.Sync(s.now, 1+s.r.IntN(400))
	case k < 72:
		s.dial(n, l)
	case k < 73:
		s.cut(l, s.r.IntN(3) == 0)
	case k < 78:
		s.report()
	case k < 83:
		s.hear()
	case k < 89:
		s.decide(20)
	case k < 93:
		if n.up {
			s.adopt(n)
		}
	case k < 95:
		s.read()
	case k < 96:
		s.background()
	case k < 99:
		s.pass(testTimeout / 10)
	case s.r.IntN(6) == 0:
		s.crash()
	}
	if n.up && l.s.Broken() != nil && s.r.IntN(3) == 0 {
		s.cut(l, false)
	}
	s.answer()
	if s.steps++; s.steps%4 == 0 { // most of the time goes into looking
		s.check()
	}
}

func (s *sim) check() {
	for _, slot := range s.slots {
		at := &s.m.Slots[slot]
		for _, n := range s.nodes {
			pos, log := n.pos.Get(slot), n.log(slot)
			if text, known := s.states[slot][pos]; !pos.Partial() && known && text != n.ks.text(slot) {
				s.t.Fatalf("slot %d of %s at %v:\n%s\nand was\n%s", slot, n.id, pos, n.ks.text(slot), text)
			}
			seen := make(map[string]bool, len(log))
			for _, token := range log {
				if seen[token] {
					s.t.Fatalf("slot %d of %s: %s was applied twice", slot, n.id, token)
				}
				seen[token] = true
			}
			if i := s.m.IndexOf(n.id); at.Primary != i && !at.IsInSync(i) {
				continue
			}
			if pos.Partial() && at.Primary != s.m.IndexOf(n.id) {
				s.t.Fatalf("slot %d of %s is in sync, and partial", slot, n.id)
			}
			for token := range s.acked[slot] {
				if !seen[token] {
					s.t.Fatalf("slot %d of %s lacks %s, which was acknowledged", slot, n.id, token)
				}
			}
		}
	}
	for _, n := range s.nodes {
		for _, l := range n.out {
			if end := l.s.End(); end < s.ends[l.s] {
				s.t.Fatal("an end goes back")
			} else {
				s.ends[l.s] = end
			}
		}
	}
}

// heal brings every copy into the in-sync set.
func (s *sim) heal() {
	for range 200 {
		s.adoptAll()
		s.pass(testTimeout / 10)
		s.settle()
		s.answer()
		s.check()
		for range 60 {
			s.report()
			s.hear()
			s.decide(16)
		}
		s.adoptAll()
		for _, number := range slices.Sorted(maps.Keys(s.writes)) {
			s.send(s.writes[number])
		}
		missing := len(s.writes)
		for _, slot := range s.slots {
			for _, n := range s.nodes {
				at := &s.m.Slots[slot]
				if i := s.m.IndexOf(n.id); at.Primary != i && !at.IsInSync(i) {
					missing++
				}
			}
		}
		if missing > 0 {
			continue
		}
		s.adoptAll()
		s.settle()
		for _, slot := range s.slots {
			for _, n := range s.nodes {
				s.equal(slot, n, s.nodes[0])
			}
		}
		return
	}
	s.t.Fatal("it does not heal")
}

func simulate(t *testing.T, seed uint64, steps int) {
	t.Helper()
	t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
		s := newSim(t, seed)
		for range steps {
			s.step()
		}
		s.heal()
	})
}

// TestSimulation runs fixed and random seeds. RINGCACHE_SEED=n runs that seed alone.
func TestSimulation(t *testing.T) {
	if text := os.Getenv("RINGCACHE_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		simulate(t, seed, 4000)
		return
	}
	seeds, steps := 20, 4000
	if testing.Short() {
		seeds, steps = 3, 2000
	}
	for seed := range uint64(seeds) {
		simulate(t, seed, steps)
	}
	for range seeds / 3 {
		simulate(t, rand.Uint64(), steps)
	}
}
