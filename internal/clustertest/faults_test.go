package clustertest

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"ringcache/internal/clustertest/history"
)

// What is promised to clients of nodes that stay well while another is in trouble. The node timeout is its default, 1 s.
const (
	worstPause       = 1500 * time.Millisecond // of any client
	worstPauseLeader = 2 * time.Second         // if the node in trouble leads: a new leader waits out one lease
	medianPause      = time.Second             // of the worst pauses of all repetitions
	orderlyPause     = 200 * time.Millisecond  // where a node is stopped with SIGTERM
)

// busySlack is how often longer pauses may be where other tests run on the same processors: unless RINGCACHE_FAULTS=full says that the
// machine is this test's. Nor are the nodes held to their default --hold there.
const busySlack = 4

// stallExcuses is a part of a lease that passes with nobody noticing: who is silent for so long in the middle of other trouble may lose its slots,
// and then its clients do not have their connections any more. The machine is to blame, unless it is this test's own.
const stallExcuses = 250 * time.Millisecond

// Bounds of the tests.
const (
	faultHold    = "5s"                    // of the nodes, in full: the default, not this package's
	faultClients = 32                      // of nodes that stay well
	medianFrom   = 3                       // repetitions: of fewer a median says nothing
	perVictim    = 8                       // of them for each client of the node in trouble
	settledFor   = 1500 * time.Millisecond // how long a cluster is whole with the same map before the next trouble; longer than a failover takes
	shownFaults  = 3                       // violations that are printed
)

// fault is a kind of trouble for one node.
type fault struct {
	name       string
	cut        bool // it takes a network
	orderly    bool // the node is told, and its clients leave it before
	begin, end func(f *faulty, n *Node)
}

var (
	kill = fault{name: "kill -9", begin: func(_ *faulty, n *Node) { n.Kill() }, end: func(_ *faulty, n *Node) { n.Start() }}
	stop = fault{
		name: "SIGSTOP",
		begin: func(f *faulty, n *Node) {
			n.Signal(syscall.SIGSTOP)
			Eventually(f.t, readyTimeout, "the node to be stopped", func() bool { return isStopped(n.PID()) })
		},
		end: func(_ *faulty, n *Node) { n.Signal(syscall.SIGCONT) },
	}
	restart = fault{name: "SIGTERM", orderly: true, begin: func(_ *faulty, n *Node) { n.Stop() }, end: func(_ *faulty, n *Node) { n.Start() }}

	isolate = fault{name: "cut both ways", cut: true, begin: func(f *faulty, n *Node) { f.net.Isolate(n) }, end: heal}
	mute    = fault{name: "cut one way: what it sends", cut: true, begin: func(f *faulty, n *Node) {
		for _, m := range f.others(n) {
			f.net.CutOneWay(n, m)
		}
	}, end: heal}
	deaf = fault{name: "cut one way: what it is sent", cut: true, begin: func(f *faulty, n *Node) {
		for _, m := range f.others(n) {
			f.net.CutOneWay(m, n)
		}
	}, end: heal}
)

func heal(f *faulty, _ *Node) { f.net.Heal() }

// trouble is a fault that has been: what its node's clients met until the cluster was whole again is not held against anybody.
type trouble struct {
	fault    *fault
	victim   *Node
	leader   bool
	primary  int // slots
	from, to time.Duration
	worst    Pause // of clients of the others
}

// faulty is a cluster under a load that gets into trouble. Several loads follow each other, each on keys of its own, so that none grows
// too large to be judged.
type faulty struct {
	t        *testing.T
	c        *Cluster
	net      *Network // nil: the nodes share the machine's
	load     *Load
	loads    int
	seed     uint64
	busy     bool                // the machine is kept busy: pauses say little
	troubles []*trouble          // of this load
	past     []*trouble          // of those before
	kept     []map[string]string // what the loads before have left, by key
	log      []string

	acked, unknown int
	errors         map[string]int // of clients of nodes that were well, by text
	stalled        time.Duration  // the longest
	excused        bool           // the machine has stood still for so long that nodes may have been deposed, and closed their clients' connections
}

// startFaulty starts a cluster, in a network of its own where cuts are wanted.
func startFaulty(t *testing.T, cuts bool, seed uint64) *faulty {
	t.Helper()
	f := &faulty{t: t, seed: seed, errors: map[string]int{}}
	opt := Options{}
	if inFull() {
		opt.Args = []string{"--hold", faultHold}
	}
	if cuts {
		f.c, f.net = StartApart(t, opt)
	} else {
		f.c = Start(t, opt)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("what happened:\n%s", strings.Join(f.log, "\n"))
		}
	})
	return f
}

func (f *faulty) note(format string, args ...any) {
	at := time.Duration(0)
	if f.load != nil {
		at = f.load.Now()
	}
	f.log = append(f.log, fmt.Sprintf("%s load %d %9.4f %s", time.Now().Format("15:04:05.000"), f.loads, at.Seconds(), fmt.Sprintf(format, args...)))
}

func (f *faulty) others(n *Node) []*Node {
	return slices.DeleteFunc(slices.Clone(f.c.Nodes), func(m *Node) bool { return m == n })
}

// begin starts a load.
func (f *faulty) begin() {
	f.t.Helper()
	f.loads++
	f.load = StartLoad(f.t, LoadOptions{
		Clients: faultClients + faultClients/perVictim, Prefix: fmt.Sprintf("load%d", f.loads), Seed: f.seed + uint64(f.loads), Via: f.c.Nodes,
	})
}

// victim chooses who gets into trouble: the leader, or of the others the one with most primaries.
func (f *faulty) victim(leader bool) *Node {
	f.t.Helper()
	st := f.status()
	best, most := f.c.Nodes[0], -1
	for _, m := range st.Nodes {
		if m.Leader == leader && m.PrimarySlots > most {
			best, most = f.nodeAt(m.Addr), m.PrimarySlots
		}
	}
	return best
}

func (f *faulty) nodeAt(addr string) *Node {
	i := slices.IndexFunc(f.c.Nodes, func(n *Node) bool { return n.Addr() == addr })
	return f.c.Nodes[i]
}

func (f *faulty) status() *Status {
	f.t.Helper()
	return f.c.WaitStatus(f.c.Nodes[0], "a leader", func(st *Status) bool { return st.Leader != "" })
}

// suffer has a node get into trouble for a time, and waits until the cluster is whole again. A few clients stay with the node, which must
// tell nobody what is not true; what else they meet does not count.
func (f *faulty) suffer(what *fault, victim *Node, lasts time.Duration) {
	f.t.Helper()
	tr := &trouble{fault: what, victim: victim}
	for _, m := range f.status().Nodes {
		if m.Addr == victim.Addr() {
			tr.leader, tr.primary = m.Leader, m.PrimarySlots
		}
	}
	var via []*Node
	for i, others := 0, f.others(victim); i < perVictim; i++ {
		via = append(via, others[i%len(others)])
	}
	if !what.orderly {
		via = append(via, victim)
	}
	f.load.Through(via...)
	f.load.AwaitFlowing(f.t)
	tr.from = f.load.Now()
	f.troubles = append(f.troubles, tr)
	f.note("%s of %s (leader: %v, %d primaries)", what.name, victim.Addr(), tr.leader, tr.primary)
	what.begin(f, victim)
	time.Sleep(lasts)
	f.note("its end")
	what.end(f, victim)
	f.settle(victim)
	f.load.Through(f.c.Nodes...)
	f.load.AwaitFlowing(f.t)
	tr.to = f.load.Now()
	f.note("whole again")
}

// settle waits until the cluster is whole, knows the victim's process, and has been so for a while: a node that was away for a short
// time may not have been noticed yet.
func (f *faulty) settle(victim *Node) {
	f.t.Helper()
	var epoch uint64
	var since time.Time
	f.c.WaitStatus(f.c.Nodes[0], "the cluster to settle", func(st *Status) bool {
		if !whole(st, len(f.c.Nodes)) || st.Epoch != epoch || !knows(st, victim) {
			epoch, since = st.Epoch, time.Now()
			return false
		}
		return time.Since(since) >= settledFor
	})
	f.c.WaitWhole()
}

// knows reports whether the status speaks of a node's present process.
func knows(st *Status, n *Node) bool {
	return slices.ContainsFunc(st.Nodes, func(m NodeStatus) bool { return m.Addr == n.Addr() && m.PID == n.PID() })
}

// judge ends the load, and checks everything that its clients saw.
func (f *faulty) judge() {
	f.t.Helper()
	res := f.load.Result(f.c.Nodes...)
	f.note("the load has ended")
	f.acked += res.Count(history.Done)
	f.unknown += res.Count(history.Unknown)
	for _, u := range res.Unread {
		f.t.Errorf("a key cannot be read at the end: %s", u)
	}
	found := res.Check()
	for i, v := range found {
		if i < shownFaults {
			f.t.Errorf("seed %d: %v", f.seed, v)
		}
	}
	if len(found) > shownFaults {
		f.t.Errorf("and %d more keys", len(found)-shownFaults)
	}
	for _, s := range res.Stalls {
		f.stalled = max(f.stalled, s.To-s.From)
	}
	f.excused = !inFull() && f.stalled >= stallExcuses
	for _, c := range res.Clients {
		f.judgeErrors(c.Errors)
		for _, p := range c.Pauses {
			f.judgePause(p)
		}
	}
	f.kept = append(f.kept, res.Final)
	f.past, f.troubles = append(f.past, f.troubles...), nil
}

func (f *faulty) judgeErrors(errors []Error) {
	for _, e := range errors {
		if f.inTrouble(e.Via, e.At, e.At) {
			continue
		}
		text := plain(e.Text)
		if f.excused && closed(text) {
			f.t.Logf("client %d of %s lost its connection at %.4f, and the machine had stood still for %v: %s", e.Client, e.Via.Addr(), e.At.Seconds(),
				f.stalled, text)
			continue
		}
		if f.errors[text]++; f.errors[text] <= shownFaults {
			f.t.Errorf("seed %d: load %d: client %d of %s, which was well, met an error at %.4f: %s", f.seed, f.loads, e.Client, e.Via.Addr(),
				e.At.Seconds(), e.Text)
		}
	}
}

func (f *faulty) judgePause(p Pause) {
	if f.inTrouble(p.Via[0], p.From, p.To) || f.inTrouble(p.Via[1], p.From, p.To) {
		return
	}
	for _, tr := range f.troubles {
		if p.From <= tr.to && p.To >= tr.from && p.To-p.From > tr.worst.To-tr.worst.From {
			tr.worst = p
		}
	}
}

// inTrouble reports whether a node was in trouble within a time.
func (f *faulty) inTrouble(n *Node, from, to time.Duration) bool {
	return slices.ContainsFunc(f.troubles, func(tr *trouble) bool { return tr.victim == n && from <= tr.to && to >= tr.from })
}

// finish reads once more what all the loads have left, prints the figures, and compares the pauses with what is promised.
func (f *faulty) finish() {
	f.t.Helper()
	f.rereadKept()
	var worst []time.Duration
	for _, tr := range f.past {
		worst = append(worst, tr.worst.To-tr.worst.From)
	}
	slices.Sort(worst)
	f.t.Logf("seed %d: %d answered, %d unknown; this process stood still for %v at most", f.seed, f.acked, f.unknown, f.stalled.Round(time.Millisecond))
	f.t.Logf("errors to clients of nodes that were well: %v", f.errors)
	for _, tr := range f.past {
		p := tr.worst
		f.t.Logf("worst pause %6d ms, from %.3f, client %d: %s of %s, leader: %v, %d primaries, from %.3f to %.3f", (p.To - p.From).Milliseconds(),
			p.From.Seconds(), p.Client, tr.fault.name, tr.victim.Addr(), tr.leader, tr.primary, tr.from.Seconds(), tr.to.Seconds())
		if bound := slack(tr.bound()); p.To-p.From > bound && f.timed() {
			f.t.Errorf("%s of %s (leader: %v): a client of another node had no answer for %v; promised are %v", tr.fault.name, tr.victim.Addr(),
				tr.leader, p.To-p.From, bound)
		}
	}
	if len(worst) == 0 {
		return
	}
	median := (worst[(len(worst)-1)/2] + worst[len(worst)/2]) / 2
	f.t.Logf("median of the worst pauses: %d ms", median.Milliseconds())
	if median > slack(medianPause) && len(worst) >= medianFrom && f.timed() {
		f.t.Errorf("the median of the worst pauses is %v; promised are %v", median, medianPause)
	}
}

// timed reports whether pauses are held against the nodes: the race detector makes them ten times slower.
func (f *faulty) timed() bool { return !raceEnabled && !f.busy }

// slack is what is promised, as far as this machine lets it be seen.
func slack(promised time.Duration) time.Duration {
	if inFull() {
		return promised
	}
	return busySlack * promised
}

func (tr *trouble) bound() time.Duration {
	switch {
	case tr.fault.orderly:
		return orderlyPause
	case tr.leader:
		return worstPauseLeader
	default:
		return worstPause
	}
}

// rereadKept checks that what the loads before have left is there still, whatever has happened since.
func (f *faulty) rereadKept() {
	f.t.Helper()
	ctx := context.Background()
	cl := f.c.Nodes[len(f.c.Nodes)-1].Client()
	wrong := 0
	for _, kept := range f.kept {
		for key, want := range kept {
			got, err := cl.Get(ctx, key).Result()
			if err == nil && got == want {
				continue
			}
			if wrong++; wrong <= shownFaults {
				f.t.Errorf("seed %d: %s was %s when its load had ended, and is now %s, %v", f.seed, key, want, got, err)
			}
		}
	}
	if wrong > shownFaults {
		f.t.Errorf("and %d more keys", wrong-shownFaults)
	}
}

var addresses = regexp.MustCompile(`[0-9.]+:[0-9]+`)

// closed reports whether an error says that the node has closed the connection.
func closed(text string) bool {
	return strings.Contains(text, "EOF") || strings.Contains(text, "reset by peer") || strings.Contains(text, "broken pipe")
}

// plain is an error's text without what differs from connection to connection.
func plain(text string) string { return addresses.ReplaceAllString(text, "ADDR") }

// inFull reports whether the fault tests are to be run in full.
func inFull() bool { return os.Getenv("RINGCACHE_FAULTS") == "full" }
