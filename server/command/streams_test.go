package command

import (
	"fmt"
	"slices"
	"strings"

	redisoracle "ringcache/internal/oracle"
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
