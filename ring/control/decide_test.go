package control

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringcache/ring"
)

var update = flag.Bool("update", false, "rewrite the golden files with what happens now")

// TestDecide runs the scripts in testdata. A script is blocks with an empty line between them: commands, a line "----", and what the
// commands print. With -update what they do print is written. Lines that begin with # are comments, before the "----".
//
// Commands that make a State by hand:
//
//	map a b:weight=0 c:drain,zone=z   a first map of these nodes, primary of everything the first of them; one voter, the first
//	set replicas=1 lost=-1s           settings; without it no replicas, and 30s
//	time 1500ms                       moves the clock; NodeTimeout is 1s and the leader's term begins at 0
//	asks a [nonempty=0-9] [released=..] [refused=..] [synced=b:0-9] [behind=b:0-9] [of=b:1] [leaving] [epoch=N] [inc=N] [addr=H:P]
//	                                  a node asks for a lease and reports (epoch: the map's; inc: of its last request; of: the
//	                                  incarnation that synced speaks of, without it the map's)
//	gossip-dead a                     gossip gives the node up
//	want 0-9=b 10-19=c:ab             where the ring wants slots, and their copies (all others: no opinion)
//	want none
//	apply CHANGE                      begin|finish|cancel SLOTS FROM TO; add NODE; remove NODE; drain NODE
//	hold SLOTS P A+ B-                the slots' primary, and copies, in sync or not
//	voters a b -c                     Raft's servers; - for those without a vote
//	decide                            prints the decision; does not carry it out
//	run                               prints the decision and carries it out
//	states                            prints every node's state
//	promote a                         prints whether the slots of a might be given to others
//	failover a                        prints what Failover would propose
//	slot N                            prints the slot as the map has it
//
// Commands that let a cluster live by itself are at simScript.
func TestDecide(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { runScript(t, file) })
	}
}

func runScript(t *testing.T, file string) {
	in, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var run func(args []string) ([]string, error)
	var out, said []string
	commands := true // not what they print
	for _, line := range strings.Split(strings.TrimRight(string(in), "\n")+"\n", "\n") {
		switch args := strings.Fields(line); {
		case commands && line == "----":
			out = append(append(append(out, line), said...), "")
			commands, said = false, nil
		case !commands:
			commands = line == ""
		case len(args) == 0 || line[0] == '#':
			out = append(out, line)
		default:
			out = append(out, line)
			if run == nil {
				run = newScript().run
				if args[0] == "cluster" {
					run = (&simScript{}).run
				}
			}
			lines, err := run(args)
			if err != nil {
				t.Fatalf("%s: %q: %v", file, line, err)
			}
			said = append(said, lines...)
		}
	}
	got := strings.TrimRight(strings.Join(out, "\n"), "\n") + "\n"
	switch {
	case *update:
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	case got != string(in):
		t.Errorf("%s: %s", file, cmp.Diff(string(in), got))
	}
}

// script is a State that commands alter.
type script struct {
	State
	since map[int]uint64
}

func newScript() *script {
	s := &script{since: map[int]uint64{}}
	s.NodeTimeout = time.Second
	s.LostSlotsAfter = DefaultLostSlotsAfter
	s.Nodes = map[ring.NodeID]Liveness{}
	s.HandoffSince = func(slot int) uint64 { return s.since[slot] }
	return s
}

// id makes a node's id of its one-letter name, and name the other way round.
func id(name string) ring.NodeID           { return ring.NodeID(strings.Repeat(name, 40)) }
func name(id ring.NodeID) string           { return string(id[:1]) }
func (s *script) node(n string) ring.Index { return s.Map.IndexOf(id(n)) }

func (s *script) run(args []string) ([]string, error) {
	cmd, args := args[0], args[1:]
	switch cmd {
	case "map":
		return nil, s.newMap(args)
	case "time":
		d, err := time.ParseDuration(args[0])
		s.Now = d
		return nil, err
	case "asks":
		return nil, s.asks(args)
	case "gossip-dead":
		l := s.Nodes[id(args[0])]
		l.GossipDead = true
		s.Nodes[id(args[0])] = l
		return nil, nil
	case "refused":
		l := s.Nodes[id(args[0])]
		l.Unreached = true
		s.Nodes[id(args[0])] = l
		return nil, nil
	case "want":
		return nil, s.want(args)
	case "set":
		for _, a := range args {
			k, v, _ := strings.Cut(a, "=")
			switch k {
			case "replicas":
				s.Replicas, _ = strconv.Atoi(v)
			case "hold-syncs":
				s.HoldSyncs = v == "true"
			default:
				s.LostSlotsAfter, _ = time.ParseDuration(v)
			}
		}
		return nil, nil
	case "hold":
		return nil, s.hold(args)
	case "failover":
		changes, n, err := s.failover(id(args[0]))
		if err != nil {
			return []string{strings.ReplaceAll(err.Error(), string(id(args[0])), args[0])}, nil
		}
		return append(show(Decision{Changes: changes}), fmt.Sprintf("%d slots, %d stuck", n.Slots, n.Stuck)), nil
	case "slot":
		n, err := strconv.Atoi(args[0])
		return []string{showSlot(s.Map, n)}, err
	case "apply":
		return nil, s.change(args)
	case "voters":
		s.Voters = map[ring.NodeID]bool{}
		for _, v := range args {
			s.Voters[id(strings.TrimPrefix(v, "-"))] = v[0] != '-'
		}
		return nil, nil
	case "decide":
		return show(Decide(s.State)), nil
	case "run":
		d := Decide(s.State)
		out := show(d)
		if len(d.Changes) > 0 {
			if err := s.apply(d.Changes...); err != nil {
				return nil, err
			}
			out = append(out, fmt.Sprintf("epoch %d", s.Map.Epoch))
		}
		s.vote(d.Voter)
		return out, nil
	case "states":
		var out []string
		for i := range s.Map.Nodes {
			out = append(out, name(s.Map.Nodes[i].ID)+" "+string(s.StateOf(&s.Map.Nodes[i])))
		}
		return out, nil
	case "promote":
		return []string{strconv.FormatBool(s.MayPromote(id(args[0])))}, nil
	}
	return nil, fmt.Errorf("unknown command %q", cmd)
}

func (s *script) newMap(args []string) error {
	s.Map = ring.NewMap()
	var changes []ring.Change
	for _, a := range args {
		n, opts, _ := strings.Cut(a, ":")
		node := ring.Node{ID: id(n), Addr: "host-" + n + ":7000", Bus: "host-" + n + ":17000", Weight: 1, Incarnation: 1}
		for o := range strings.SplitSeq(opts, ",") {
			switch k, v, _ := strings.Cut(o, "="); k {
			case "weight":
				node.Weight, _ = strconv.Atoi(v)
			case "zone":
				node.Zone = v
			case "drain":
				node.Draining = true
			}
		}
		changes = append(changes, ring.AddNode{Node: node})
	}
	first := id(args[0][:1])
	s.Self = first
	s.Voters = map[ring.NodeID]bool{first: true}
	changes = append(changes, ring.SetSlots{Slots: []ring.SlotRange{{Start: 0, End: ring.Slots - 1}}, Primary: first})
	return s.apply(changes...)
}

func (s *script) apply(changes ...ring.Change) error {
	next, err := s.Map.Apply(changes...)
	if err != nil {
		return err
	}
	for i := range next.Slots {
		switch {
		case next.Slots[i].Next == ring.None:
			delete(s.since, i)
		case s.since[i] == 0:
			s.since[i] = next.Epoch
		}
	}
	if len(next.Nodes) != len(s.Map.Nodes) {
		s.Want, s.WantCopies = nil, nil // places shift with the nodes
	}
	s.Map = next
	return nil
}

func (s *script) asks(args []string) error {
	n := *s.Map.Node(s.node(args[0]))
	if d := s.Nodes[n.ID].Describes; d != nil {
		n.Incarnation = max(n.Incarnation, d.Incarnation)
	}
	r := &Report{Epoch: s.Map.Epoch, Synced: map[ring.NodeID]SlotSet{}, Behind: map[ring.NodeID]SlotSet{}, Incarnations: map[ring.NodeID]uint64{}}
	for i := range s.Map.Nodes {
		r.Incarnations[s.Map.Nodes[i].ID] = s.Map.Nodes[i].Incarnation
	}
	for _, a := range args[1:] {
		k, v, _ := strings.Cut(a, "=")
		switch k {
		case "epoch":
			r.Epoch, _ = strconv.ParseUint(v, 10, 64)
		case "inc":
			n.Incarnation, _ = strconv.ParseUint(v, 10, 64)
		case "addr":
			n.Addr = v
		case "leaving":
			r.Leaving = true
		case "of":
			who, inc, _ := strings.Cut(v, ":")
			r.Incarnations[id(who)], _ = strconv.ParseUint(inc, 10, 64)
		case "synced", "behind":
			who, slots, _ := strings.Cut(v, ":")
			sets := map[string]map[ring.NodeID]SlotSet{"synced": r.Synced, "behind": r.Behind}[k]
			set := sets[id(who)]
			if err := addRanges(&set, slots); err != nil {
				return err
			}
			sets[id(who)] = set
		case "nonempty", "released", "refused":
			set := map[string]*SlotSet{"nonempty": &r.NonEmpty, "released": &r.Released, "refused": &r.Refused}[k]
			if err := addRanges(set, v); err != nil {
				return err
			}
		default:
			return fmt.Errorf("unknown argument %q", a)
		}
	}
	s.Nodes[n.ID] = Liveness{LastAsked: s.Now, GrantedUntil: s.Now + leaseFor(s.NodeTimeout), Describes: &n, Report: r}
	return nil
}

// hold gives slots to nodes as if it had always been so.
func (s *script) hold(args []string) error {
	ranges, err := parseRanges(args[0])
	if err != nil {
		return err
	}
	for _, r := range ranges {
		c := ring.SetSlots{Slots: []ring.SlotRange{r}, From: s.Map.ID(s.Map.Slots[r.Start].Primary), Primary: id(args[1])}
		if c.Primary != c.From {
			c.Next, c.Primary = c.Primary, ""
			if err := s.apply(c); err != nil {
				return err
			}
			c.Next, c.Primary = "", id(args[1])
		}
		for _, a := range args[2:] {
			c.Add = append(c.Add, id(a[:1]))
			if a[1:] == "+" {
				c.InSync = append(c.InSync, id(a[:1]))
			}
		}
		if err := s.apply(c); err != nil {
			return err
		}
	}
	return nil
}

func addRanges(set *SlotSet, text string) error {
	ranges, err := parseRanges(text)
	for _, x := range ranges {
		for slot := int(x.Start); slot <= int(x.End); slot++ {
			set.Add(uint16(slot))
		}
	}
	return err
}

func (s *script) want(args []string) error {
	if args[0] == "none" {
		s.Want, s.WantCopies = nil, nil
		return nil
	}
	s.Want, s.WantCopies = slices.Repeat([]ring.Index{ring.None}, ring.Slots), slices.Repeat([]copySet{noCopies}, ring.Slots)
	for _, a := range args {
		slots, where, _ := strings.Cut(a, "=")
		n, copies, _ := strings.Cut(where, ":")
		ranges, err := parseRanges(slots)
		if err != nil {
			return err
		}
		for slot := int(ranges[0].Start); slot <= int(ranges[0].End); slot++ {
			s.Want[slot] = s.node(n)
			for _, c := range copies {
				s.WantCopies[slot].add(s.node(string(c)))
			}
		}
	}
	return nil
}

func (s *script) change(args []string) error {
	switch args[0] {
	case "add":
		n := args[1]
		return s.apply(ring.AddNode{Node: ring.Node{ID: id(n), Addr: "host-" + n + ":7000", Bus: "host-" + n + ":17000", Weight: 1, Incarnation: 1}})
	case "remove":
		return s.apply(ring.RemoveNode{ID: id(args[1])})
	case "drain":
		return s.apply(ring.SetDraining{ID: id(args[1]), Draining: true})
	}
	ranges, err := parseRanges(args[1])
	if err != nil {
		return err
	}
	c := ring.SetSlots{Slots: ranges, From: id(args[2])}
	switch args[0] {
	case "begin":
		c.Next = id(args[3])
	case "finish":
		c.Primary = id(args[3])
	case "cancel":
		c.ClearNext = true
	}
	return s.apply(c)
}

func (s *script) vote(c *VoterChange) {
	if c == nil {
		return
	}
	switch c.Op {
	case AddVoter:
		s.Voters[c.Node] = true
	case AddNonvoter, DemoteVoter:
		s.Voters[c.Node] = false
	case RemoveServer:
		delete(s.Voters, c.Node)
	}
}

func parseRanges(v string) ([]ring.SlotRange, error) {
	var out []ring.SlotRange
	for r := range strings.SplitSeq(v, ",") {
		lo, hi, ok := strings.Cut(r, "-")
		if !ok {
			hi = lo
		}
		a, err := strconv.ParseUint(lo, 10, 16)
		if err != nil {
			return nil, err
		}
		b, err := strconv.ParseUint(hi, 10, 16)
		if err != nil {
			return nil, err
		}
		out = append(out, ring.SlotRange{Start: uint16(a), End: uint16(b)})
	}
	return out, nil
}

// show is a decision as text. Steps that differ in nothing but the term are one line.
func show(d Decision) []string {
	var out []string
	slots, order := map[string][]ring.SlotRange{}, []string{}
	for _, c := range d.Changes {
		switch c := c.(type) {
		case ring.UpdateNode:
			out = append(out, fmt.Sprintf("update %s addr=%s weight=%d zone=%q incarnation=%d", name(c.ID), c.Addr, c.Weight, c.Zone, c.Incarnation))
		case ring.SetSlots:
			line := showStep(&c)
			if slots[line] == nil {
				order = append(order, line)
			}
			slots[line] = append(slots[line], c.Slots...)
		default:
			out = append(out, fmt.Sprintf("%T", c))
		}
	}
	for _, line := range order {
		out = append(out, fmt.Sprintf("slots %s %s", showRanges(slots[line]), line))
	}
	if d.Voter != nil {
		out = append(out, fmt.Sprintf("%s %s", d.Voter.Op, name(d.Voter.Node)))
	}
	if len(out) == 0 {
		out = append(out, "nothing")
	}
	return out
}

// showRanges is ranges as text, or how many slots they are where they are many.
func showRanges(ranges []ring.SlotRange) string {
	const few = 6
	var text []string
	n := 0
	for _, r := range ranges {
		n += int(r.End) - int(r.Start) + 1
		text = append(text, fmt.Sprintf("%d-%d", r.Start, r.End))
	}
	if len(ranges) > few {
		return fmt.Sprintf("(%d)", n)
	}
	return strings.Join(text, ",")
}

func showStep(c *ring.SetSlots) string {
	parts := []string{"of " + name(c.From) + ":"}
	list := func(what string, ids []ring.NodeID) {
		if len(ids) == 0 {
			return
		}
		parts = append(parts, what)
		for _, id := range ids {
			parts = append(parts, name(id))
		}
	}
	list("drop", c.Drop)
	if c.Force {
		parts = append(parts, "give up to", name(c.Primary))
	} else if c.Primary != "" {
		parts = append(parts, "primary", name(c.Primary))
	}
	if c.ClearNext {
		parts = append(parts, "cancel")
	}
	if c.Next != "" {
		parts = append(parts, "begin to", name(c.Next))
	}
	list("add", c.Add)
	list("out", c.OutOfSync)
	list("in", c.InSync)
	return strings.Join(parts, " ")
}

// showSlot is a slot as the map has it: its primary, then its copies, + for those in sync.
func showSlot(m *ring.Map, i int) string {
	slot := &m.Slots[i]
	text := name(m.ID(slot.Primary))
	if slot.Next != ring.None {
		text += ">" + name(m.ID(slot.Next))
	}
	for _, r := range slot.Copies() {
		text += " " + name(m.ID(r)) + map[bool]string{true: "+", false: "-"}[slot.IsInSync(r)]
	}
	if slot.Fresh {
		text += " fresh"
	}
	return text
}
