package control

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ringcache/ring"
)

var update = flag.Bool("update", false, "rewrite the golden files with what happens now")

// TestDecide runs the scripts in testdata: a command a line, and below it, after "> ", what it must print. Run with -update to
// write what it does print.
//
//	map a b:weight=0 c:drain,zone=z   a first map of these nodes, primary of everything the first of them; one voter, the first
//	time 1500ms                       moves the clock; NodeTimeout is 1s and the leader's term begins at 0
//	asks a [nonempty=0-9] [released=..] [refused=..] [epoch=N] [addr=H:P]   a node asks for a lease and reports (epoch: the map's)
//	gossip-dead a                     gossip gives the node up
//	want 0-9=b 10-19=c                where the ring wants slots (all others: no opinion)
//	want none
//	apply CHANGE                      begin|finish|cancel SLOTS FROM TO; add NODE; remove NODE; drain NODE
//	voters a b -c                     Raft's servers; - for those without a vote
//	decide                            prints the decision; does not carry it out
//	run                               prints the decision and carries it out
//	states                            prints every node's state
//	promote a                         prints whether the slots of a might be given to others
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
	s := newScript()
	var out strings.Builder
	for lines := bufio.NewScanner(strings.NewReader(string(in))); lines.Scan(); {
		line := lines.Text()
		if strings.HasPrefix(line, ">") {
			continue
		}
		out.WriteString(line + "\n")
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		said, err := s.run(strings.Fields(line))
		if err != nil {
			t.Fatalf("%s: %q: %v", file, line, err)
		}
		for _, l := range said {
			out.WriteString("> " + l + "\n")
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if out.String() != string(in) {
		t.Errorf("%s prints now:\n%s", file, out.String())
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
	case "want":
		return nil, s.want(args)
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
		node := ring.Node{ID: id(n), Addr: "host-" + n + ":7000", Bus: "host-" + n + ":17000", Weight: 1}
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
	// Wanted places are indices, which shift with the nodes.
	for i, w := range s.Want {
		if w != ring.None {
			s.Want[i] = next.IndexOf(s.Map.ID(w))
		}
	}
	s.Map = next
	return nil
}

func (s *script) asks(args []string) error {
	n := *s.Map.Node(s.node(args[0]))
	r := &Report{Epoch: s.Map.Epoch}
	for _, a := range args[1:] {
		k, v, _ := strings.Cut(a, "=")
		switch k {
		case "epoch":
			r.Epoch, _ = strconv.ParseUint(v, 10, 64)
		case "addr":
			n.Addr = v
		case "nonempty", "released", "refused":
			set := map[string]*SlotSet{"nonempty": &r.NonEmpty, "released": &r.Released, "refused": &r.Refused}[k]
			ranges, err := parseRanges(v)
			if err != nil {
				return err
			}
			for _, x := range ranges {
				for slot := int(x.Start); slot <= int(x.End); slot++ {
					set.Add(uint16(slot))
				}
			}
		default:
			return fmt.Errorf("unknown argument %q", a)
		}
	}
	s.Nodes[n.ID] = Liveness{LastAsked: s.Now, GrantedUntil: s.Now + leaseFor(s.NodeTimeout), Describes: &n, Report: r}
	return nil
}

func (s *script) want(args []string) error {
	s.Want = slices.Repeat([]ring.Index{ring.None}, ring.Slots)
	if args[0] == "none" {
		s.Want = nil
		return nil
	}
	for _, a := range args {
		slots, n, _ := strings.Cut(a, "=")
		ranges, err := parseRanges(slots)
		if err != nil {
			return err
		}
		for slot := int(ranges[0].Start); slot <= int(ranges[0].End); slot++ {
			s.Want[slot] = s.node(n)
		}
	}
	return nil
}

func (s *script) change(args []string) error {
	switch args[0] {
	case "add":
		n := args[1]
		return s.apply(ring.AddNode{Node: ring.Node{ID: id(n), Addr: "host-" + n + ":7000", Bus: "host-" + n + ":17000", Weight: 1}})
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

func show(d Decision) []string {
	var out []string
	for _, c := range d.Changes {
		switch c := c.(type) {
		case ring.UpdateNode:
			out = append(out, fmt.Sprintf("update %s addr=%s weight=%d zone=%q", name(c.ID), c.Addr, c.Weight, c.Zone))
		case ring.SetSlots:
			var slots []string
			for _, r := range c.Slots {
				slots = append(slots, fmt.Sprintf("%d-%d", r.Start, r.End))
			}
			what := "cancel"
			switch {
			case c.Next != "":
				what = "begin to " + name(c.Next)
			case c.Primary != "":
				what = "finish to " + name(c.Primary)
			}
			out = append(out, fmt.Sprintf("slots %s from %s: %s", strings.Join(slots, ","), name(c.From), what))
		default:
			out = append(out, fmt.Sprintf("%T", c))
		}
	}
	if d.Voter != nil {
		out = append(out, fmt.Sprintf("%s %s", d.Voter.Op, name(d.Voter.Node)))
	}
	if len(out) == 0 {
		out = append(out, "nothing")
	}
	return out
}
