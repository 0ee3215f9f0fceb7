package ring

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// testID is the i-th node id of a seed: random digits, so that the order of ids is not that of the calls.
func testID(seed uint64, i int) NodeID {
	r := rand.New(rand.NewPCG(seed, uint64(i)))
	return NodeID(fmt.Sprintf("%016x%016x%08x", r.Uint64(), r.Uint64(), r.Uint32()))
}

// testMembers is n members of weight 1 in one zone.
func testMembers(seed uint64, n int) []Member {
	members := make([]Member, n)
	for i := range members {
		members[i] = Member{ID: testID(seed, i), Weight: 1}
	}
	return members
}

// sizes are the clusters that the promises are held on: 3 to 20 nodes, with -short a few of them, which is enough for -race.
func sizes() []int {
	if testing.Short() {
		return []int{3, 10, 20}
	}
	all := make([]int, 18)
	for i := range all {
		all[i] = 3 + i
	}
	return all
}

func testNode(m Member) Node {
	return Node{ID: m.ID, Addr: "127.0.0.1:7000", Bus: "127.0.0.1:17000", Weight: m.Weight, Zone: m.Zone}
}

// must is v, or the end of the test.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// settledMap is a cluster of the members whose slots are where Target wants them, all copies in sync.
func settledMap(t testing.TB, members []Member, replicas int) *Map {
	t.Helper()
	m := withNodes(t, NewMap(), members...)
	return synced(must(Target(m, Goal{Replicas: replicas}))(t))
}

func withNodes(t testing.TB, m *Map, members ...Member) *Map {
	t.Helper()
	changes := make([]Change, 0, len(members))
	for _, member := range members {
		changes = append(changes, AddNode{testNode(member)})
	}
	return must(m.Apply(changes...))(t)
}

// same reports whether two maps are equal.
func same(a, b *Map) bool {
	return a.Epoch == b.Epoch && a.ClusterID == b.ClusterID && a.HashKey == b.HashKey && slices.Equal(a.Nodes, b.Nodes) &&
		a.Slots == b.Slots && reflect.DeepEqual(a.Rebalance, b.Rebalance)
}

// synced is m with all copies in sync: what it becomes when a plan has been carried out.
func synced(m *Map) *Map {
	c := m.clone()
	for i := range c.Slots {
		c.Slots[i].InSync = 1<<c.Slots[i].ReplicaCount - 1
	}
	return c
}

// allSlots is the set of all slots.
func allSlots() *SlotSet {
	var s SlotSet
	for i := range s {
		s[i] = math.MaxUint64
	}
	return &s
}

// worst is the largest relative distance of the counts from their shares.
func worst(counts []int, share []float64) float64 {
	most := 0.0
	for i, n := range counts {
		if share[i] > 0 {
			most = max(most, math.Abs(float64(n)/share[i]-1))
		}
	}
	return most
}

// pairs is, of each node, how many of its slots have their first copy at each other node.
func pairs(m *Map) [][]int {
	counts := make([][]int, len(m.Nodes))
	for i := range counts {
		counts[i] = make([]int, len(m.Nodes))
	}
	for i := range m.Slots {
		if s := &m.Slots[i]; s.ReplicaCount > 0 {
			counts[s.Primary][s.Replicas[0]]++
		}
	}
	return counts
}
