package ring

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/buraksezer/consistent"
	"pgregory.net/rapid"
)

func TestPlaceRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		members  []Member
		replicas int
	}{
		"nobody":            {nil, 1},
		"twice":             {[]Member{{"a", 1, ""}, {"a", 1, ""}}, 1},
		"no id":             {[]Member{{"", 1, ""}}, 1},
		"negative weight":   {[]Member{{"a", -1, ""}}, 1},
		"heavy":             {[]Member{{"a", MaxWeight + 1, ""}}, 1},
		"negative replicas": {[]Member{{"a", 1, ""}}, -1},
		"many replicas":     {[]Member{{"a", 1, ""}}, MaxReplicas + 1},
		"many members":      {make([]Member, MaxNodes+1), 1},
	} {
		if _, err := Place(test.members, test.replicas); !errors.Is(err, ErrPlace) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPlaceIsFair holds the promises of the ring itself on equal nodes: all slots owned, within 5 % of the share, copies
// too, and the first copies of each node's slots spread over all others within 25 %.
func TestPlaceIsFair(t *testing.T) {
	for _, n := range sizes() {
		members := testMembers(uint64(n), n)
		p := must(Place(members, 2))(t)
		primaries, replicas, share := make([]int, n), make([]int, n), make([]float64, n)
		first := make([][]int, n)
		for i := range first {
			first[i], share[i] = make([]int, n), Slots/float64(n)
		}
		for slot := range Slots {
			owner, list := p.Primary[slot], p.Replicas[slot]
			if owner < 0 || int(owner) >= n || len(list) != 2 || list[0] == owner || list[1] == owner || list[0] == list[1] {
				t.Fatalf("%d nodes, slot %d: %d and %v", n, slot, owner, list)
			}
			primaries[owner]++
			first[owner][list[0]]++
			replicas[list[0]]++
			replicas[list[1]]++
		}
		if off := worst(primaries, share); off > 0.05 {
			t.Errorf("%d nodes: a primary's share is off by %.3f", n, off)
		}
		for i := range share {
			share[i] *= 2
		}
		if off := worst(replicas, share); off > 0.05 {
			t.Errorf("%d nodes: a replica's share is off by %.3f", n, off)
		}
		for i, row := range first {
			fair := float64(primaries[i]) / float64(n-1)
			for j, got := range row {
				if off := math.Abs(float64(got)/fair - 1); i != j && off > 0.25 {
					t.Errorf("%d nodes: of the %d slots of %d, %d go to %d: off by %.2f", n, primaries[i], i, got, j, off)
				}
			}
		}
	}
}

func TestPlaceIgnoresOrder(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		members := testMembers(rapid.Uint64().Draw(r, "seed"), rapid.IntRange(1, 8).Draw(r, "nodes"))
		for i := range members {
			members[i].Weight = rapid.IntRange(0, 3).Draw(r, "weight")
			members[i].Zone = rapid.SampledFrom([]string{"", "a", "b"}).Draw(r, "zone")
		}
		a := must(Place(members, 2))(t)
		shuffled := slices.Clone(members)
		rand.Shuffle(len(members), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		b := must(Place(shuffled, 2))(t)
		if !slices.Equal(a.Members, b.Members) || a.Primary != b.Primary {
			r.Fatal("another order, another placement")
		}
		for slot := range Slots {
			if !slices.Equal(a.Replicas[slot], b.Replicas[slot]) {
				r.Fatalf("slot %d: copies %v and %v", slot, a.Replicas[slot], b.Replicas[slot])
			}
		}
	})
}

func TestPlaceWeights(t *testing.T) {
	for _, weights := range [][]int{
		{1, 2}, {1, 1, 2}, {1, 2, 3, 4}, {100, 100, 50}, {1, 10, 10, 10}, {0, 1, 1}, {0, 0, 5}, {0, 0, 0}, {100, 99, 1, 0},
	} {
		members := testMembers(7, len(weights))
		total := 0
		for i, w := range weights {
			members[i].Weight = w
			total += w
		}
		p := must(Place(members, 1))(t)
		counts, copies, share := make([]int, len(weights)), make([]int, len(weights)), make([]float64, len(weights))
		for slot := range Slots {
			counts[p.Primary[slot]]++
			copies[p.Replicas[slot][0]]++
		}
		for i, m := range p.Members {
			share[i] = Slots * float64(m.Weight) / float64(max(total, 1))
			if total == 0 {
				share[i] = Slots / float64(len(weights))
			}
			if m.Weight == 0 && total > 0 && (counts[i] > 0 || copies[i] == 0) {
				t.Errorf("%v: a standby has %d slots and %d copies", weights, counts[i], copies[i])
			}
		}
		if off := worst(counts, share); off > 0.05 {
			t.Errorf("%v: off by %.3f: %v", weights, off, counts)
		}
	}
}

func TestPlaceZones(t *testing.T) {
	zoned := func(zones ...string) []Member {
		members := testMembers(8, len(zones))
		for i, z := range zones {
			members[i].Zone = z
		}
		return members
	}
	for name, test := range map[string]struct {
		members  []Member
		replicas int
		apart    int // zones that each slot's holders are in
	}{
		"one zone":               {zoned("a", "a", "a"), 1, 1},
		"two":                    {zoned("a", "a", "b", "b"), 1, 2},
		"two, three copies":      {zoned("a", "a", "b", "b"), 2, 2},
		"uneven":                 {zoned("a", "a", "a", "b"), 1, 2},
		"three":                  {zoned("a", "b", "c", "a", "b", "c"), 2, 3},
		"unnamed is a zone":      {zoned("", "", "b"), 1, 2},
		"more copies than nodes": {zoned("a", "b"), 4, 2},
	} {
		p := must(Place(test.members, test.replicas))(t)
		for slot := range Slots {
			holders := append([]Index{p.Primary[slot]}, p.Replicas[slot]...)
			zones := make(map[string]bool)
			for _, h := range holders {
				zones[p.Members[h].Zone] = true
			}
			if want := min(test.replicas+1, len(test.members)); len(zones) != test.apart || len(holders) != want {
				t.Fatalf("%s: slot %d: %d holders in %d zones, want %d in %d", name, slot, len(holders), len(zones), want, test.apart)
			}
		}
	}
}

// TestCircle holds that our walk goes round the library's circle: on a ring whose loads are not bounded, the owner without a
// node is the next other node clockwise. An update of the library that moves its points fails here.
func TestCircle(t *testing.T) {
	p := &Placement{Members: testMembers(5, 5)}
	parts := []int{1, 1, 1, 1, 1}
	points := p.circle(parts)
	var members []consistent.Member
	for i := 1; i < len(parts); i++ { // without node 0
		members = append(members, newRingMember(i, p.Members[i].ID, 0))
	}
	ring := consistent.New(members, consistent.Config{
		Hasher: ringHasher{}, PartitionCount: Slots, ReplicationFactor: pointsOf(len(parts)), Load: float64(len(parts)),
	})
	for slot := range Slots {
		at, _ := slices.BinarySearchFunc(points, slotHash(slot), func(pt point, h uint64) int {
			if pt.hash < h {
				return -1
			}
			return 1
		})
		for points[at%len(points)].node == 0 {
			at++
		}
		got, want := points[at%len(points)].node, ring.GetPartitionOwner(slot).(ringMember).node
		if got != want {
			t.Fatalf("slot %d: the walk finds %d, the library %d", slot, got, want)
		}
	}
}

// TestPlaceFollowsTheRing holds that first copies lie where the primary would be without the present one, mostly.
func TestPlaceFollowsTheRing(t *testing.T) {
	members := testMembers(6, 10)
	p, without := must(Place(members, 1))(t), must(Place(members[1:], 0))(t)
	agree, all := 0, 0
	for slot := range Slots {
		if p.Members[p.Primary[slot]].ID == members[0].ID {
			all++
			if p.Members[p.Replicas[slot][0]].ID == without.Members[without.Primary[slot]].ID {
				agree++
			}
		}
	}
	if share := float64(agree) / float64(all); share < 0.8 {
		t.Errorf("only %.2f of the first copies lie where the ring without the primary puts the slot", share)
	}
}

func BenchmarkPlace(b *testing.B) {
	for _, n := range []int{3, 10, 20, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			members := testMembers(1, n)
			for b.Loop() {
				Place(members, 1)
			}
		})
	}
}
