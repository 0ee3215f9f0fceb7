package command

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	redisoracle "ringcache/internal/oracle"
	"ringcache/server/resp"
	"ringcache/server/store"
)

// oftenStreams are the families of a workload that is mostly about streams: a group needs entries and consumers before much can happen.
var oftenStreams = slices.Repeat([]redisoracle.Family{redisoracle.Streams}, 40)

// streamContents is what counts of a stream: all but when consumers last asked.
func streamContents(it store.Item) string {
	s := asStream(it)
	var b strings.Builder
	fmt.Fprint(&b, s.Len(), s.LastID(), s.FirstID(), s.MaxDeletedID(), s.Added())
	for i := range s.Nodes() {
		id, node := s.Node(i)
		fmt.Fprintf(&b, "\n%v %q", id, node)
	}
	for _, g := range s.Groups() {
		fmt.Fprintf(&b, "\n%q %v %d", g.Name, g.Last, g.Read)
		for p, found := g.NextPending(store.StreamID{}, nil); found; p, found = pendingAfter(g, p.ID, nil) {
			fmt.Fprintf(&b, "\n %v %d %d %q", p.ID, p.Time, p.Count, p.Consumer.Name)
		}
		for _, c := range g.Consumers() {
			fmt.Fprintf(&b, "\n %q %d", c.Name, c.Pending())
			for p, found := g.NextPending(store.StreamID{}, c); found; p, found = pendingAfter(g, p.ID, c) {
				fmt.Fprint(&b, " ", p.ID)
			}
		}
	}
	return b.String()
}

// TestStreamEffectsInSmallNodes: a replica has the same nodes as its primary, though approximate trimming takes whole ones, also such
// as have only deleted entries left.
func TestStreamEffectsInSmallNodes(t *testing.T) {
	steps := 20_000
	if testing.Short() {
		steps = 4000
	}
	cl, follower := newCluster(1), replica(1)
	for _, c := range []*Ctx{cl.nodes[0], follower} {
		limits := *c.KS.Thresholds()
		limits.StreamLength = 3
		c.KS.SetThresholds(limits)
	}
	seed := rand.Uint64()
	g := redisoracle.NewGen(seed, redisoracle.Options{
		Families: []redisoracle.Family{redisoracle.Streams, redisoracle.StreamClock}, CrossSlot: true,
	})
	applied := 0
	for step := range steps {
		cl.now += int64(step % 3)
		line := g.Next()
		cl.do(line...)
		effects := cl.sinks[0].effects[applied:]
		applied = len(cl.sinks[0].effects)
		for _, e := range effects {
			follower.Out = resp.Writer{}
			if !follower.Apply(e.slot, e.db, e.args) || resp.IsError(follower.Out.B) {
				t.Fatalf("seed %d: %v cannot be applied: %q", seed, e, follower.Out.B)
			}
		}
		if step%10 != 0 { // the streams become long
			continue
		}
		want, got := dump(cl.nodes[0].KS), dump(follower.KS)
		if !maps.Equal(want, got) {
			t.Fatalf("seed %d: step %d: after %s the replica differs (-primary +replica):\n%s\n%v", seed, step, redisoracle.Show(line),
				cmp.Diff(want, got), effects)
		}
	}
}
