package control

import (
	"cmp"
	"slices"

	"ringcache/ring"
)

const (
	// maxVoters is how many nodes vote in Raft: five survive the loss of two; more would slow every commit.
	maxVoters = 5
	// voterGrace in multiples of NodeTimeout is how long a voter must be silent before another takes its place: a restart or a
	// short cut must not shuffle the voters.
	voterGrace = 30
)

// voterCount is how many of n nodes should vote: an odd number, since an even one survives no more losses than one less and
// gives more nodes to lose. In particular of two nodes one votes: with two, the loss of either would stop the cluster.
func voterCount(n int) int {
	n = min(n, maxVoters)
	if n > 0 && n%2 == 0 {
		n--
	}
	return n
}

// voter is the next step from Raft's servers to what they should be. A step that takes a vote away waits until everything
// that gives one is done, and a voter that is merely silent keeps its vote until voterGrace is over and another node, up and
// heard of in this leader's own term, can take its place.
func (s *State) voter() *VoterChange {
	for i := range s.Map.Nodes {
		if _, in := s.Voters[s.Map.Nodes[i].ID]; !in {
			return &VoterChange{AddNonvoter, s.Map.Nodes[i].ID}
		}
	}
	for _, id := range sortedIDs(s.Voters) {
		if s.Map.IndexOf(id) == ring.None && id != s.Self {
			return &VoterChange{RemoveServer, id}
		}
	}

	stay := 0
	for i := range s.Map.Nodes {
		if !s.Map.Nodes[i].Draining {
			stay++
		}
	}
	want := max(voterCount(stay), 1)
	var voters, lost, spare []*ring.Node
	for i := range s.Map.Nodes {
		n := &s.Map.Nodes[i]
		switch {
		case s.Voters[n.ID] && s.longSilent(n.ID):
			lost = append(lost, n)
		case s.Voters[n.ID]:
			voters = append(voters, n)
		case s.StateOf(n).Serving() && s.Nodes[n.ID].Report != nil && !n.Draining:
			spare = append(spare, n)
		}
	}
	switch {
	case len(voters)+len(lost) < want, len(voters) < want && len(lost) > 0:
		if n := bestSpare(spare, voters); n != nil {
			return &VoterChange{AddVoter, n.ID}
		}
	case len(voters) >= want && len(lost) > 0:
		return &VoterChange{DemoteVoter, lost[0].ID}
	case len(voters) > want:
		if n := s.leastVoter(voters); n != nil {
			return &VoterChange{DemoteVoter, n.ID}
		}
	}
	return nil
}

// longSilent tells whether a voter has been silent for so long that another may take its place.
func (s *State) longSilent(id ring.NodeID) bool {
	return id != s.Self && s.Now-max(s.Nodes[id].LastAsked, s.LeaderSince) > voterGrace*s.NodeTimeout
}

// bestSpare is the node to get a vote: in the zone with the fewest voters, then by id.
func bestSpare(spare, voters []*ring.Node) *ring.Node {
	inZone := map[string]int{}
	for _, v := range voters {
		inZone[v.Zone]++
	}
	if len(spare) == 0 {
		return nil
	}
	return slices.MinFunc(spare, func(a, b *ring.Node) int {
		return cmp.Or(cmp.Compare(inZone[a.Zone], inZone[b.Zone]), cmp.Compare(a.ID, b.ID))
	})
}

// leastVoter is the voter to lose its vote when there are too many: one that is not well first, then a draining one, then one
// of the zone with the most voters, never the leader itself.
func (s *State) leastVoter(voters []*ring.Node) *ring.Node {
	inZone := map[string]int{}
	for _, v := range voters {
		inZone[v.Zone]++
	}
	rank := func(n *ring.Node) int {
		switch {
		case n.ID == s.Self:
			return 3
		case !s.StateOf(n).Serving():
			return 0
		case n.Draining:
			return 1
		}
		return 2
	}
	least := slices.MinFunc(voters, func(a, b *ring.Node) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(inZone[b.Zone], inZone[a.Zone]), cmp.Compare(a.ID, b.ID))
	})
	if least.ID == s.Self {
		return nil
	}
	return least
}

func sortedIDs[V any](m map[ring.NodeID]V) []ring.NodeID {
	out := make([]ring.NodeID, 0, len(m))
	for id := range m {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}
