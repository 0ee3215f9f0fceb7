package main

import (
	"context"
	"strings"

	"ringcache/client"
)

// slotsCmd is `cachectl slots`.
type slotsCmd struct{}

// Help is shown by `cachectl slots -h`.
func (*slotsCmd) Help() string {
	return `Runs of slots that have the same primary and replicas. Consistent hashing spreads a node's slots, so there are many.

    cachectl slots -o json | jq 'map(.end - .start + 1) | add'`
}

// Run prints the placement of the slots.
func (*slotsCmd) Run(e *env) error {
	var ranges []client.SlotRange
	err := e.ask(e.ctx, func(ctx context.Context, c *client.Conn) (err error) {
		ranges, err = c.Slots(ctx)
		return err
	})
	if err != nil {
		return err
	}
	if e.json {
		return e.writeJSON(ranges)
	}
	rows := make([][]any, len(ranges))
	for i, r := range ranges {
		replicas := make([]string, len(r.Replicas))
		for j, n := range r.Replicas {
			replicas[j] = n.Addr
		}
		rows[i] = []any{r.Start, r.End, r.End - r.Start + 1, r.Primary.Addr, dash(strings.Join(replicas, ","))}
	}
	e.table([]any{"first", "last", "count", "primary", "replicas"}, rows)
	return nil
}
