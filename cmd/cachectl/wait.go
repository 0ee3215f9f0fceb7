package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ringcache/client"
)

// pollInterval is the time between two looks at the cluster: short against a failover, long against what a look costs.
const pollInterval = 100 * time.Millisecond

// waitCmd is `cachectl wait`.
type waitCmd struct {
	Nodes   int           `default:"0" help:"Nodes that must be up; 0: all that the cluster knows."`
	Timeout time.Duration `default:"30s" help:"Give up after this long."`
}

// Help is shown by `cachectl wait -h`.
func (*waitCmd) Help() string {
	return `A cluster is ready when the nodes are up, all 16384 slots are served and fully replicated, and none is on its way
to another node.

    cachectl wait --nodes 3 --timeout 1m`
}

// Run polls until the cluster is ready.
func (w *waitCmd) Run(e *env) error {
	if w.Nodes < 0 || w.Timeout < 0 {
		return errors.New("--nodes and --timeout must not be negative")
	}
	ctx, cancel := context.WithTimeout(e.ctx, w.Timeout)
	defer cancel()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()

	var last *client.Status // the last answer, and the error of the last look; either may be missing
	var lastErr error
	for {
		s, err := e.status(ctx)
		if ctx.Err() == nil || err == nil { // an error of a look that was cut short says nothing
			lastErr = err
		}
		if err == nil {
			last = s
			if s.Settled(w.Nodes) {
				return e.print(s.Raw, func() { fmt.Fprintf(e.stdout, "ready: %s\n", summary(s, w.Nodes)) })
			}
		}
		var refused *client.ServerError
		if errors.As(err, &refused) && (refused.Code() == "NOAUTH" || refused.Code() == "WRONGPASS" || refused.Code() == "NOPERM") {
			return err // waiting will not help
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return w.gaveUp(e, last, lastErr)
		}
	}
}

// gaveUp says why the wait ended: what was missing at the last look.
func (w *waitCmd) gaveUp(e *env, last *client.Status, lastErr error) error {
	switch {
	case e.ctx.Err() != nil:
		return e.ctx.Err()
	case lastErr != nil:
		return fmt.Errorf("not ready after %s: %w", w.Timeout, lastErr)
	case last == nil:
		return fmt.Errorf("not ready after %s: no answer from %s", w.Timeout, e.addr)
	}
	return fmt.Errorf("not ready after %s: %s", w.Timeout, summary(last, w.Nodes))
}

// summary is the state of the cluster in a line. want is how many nodes were asked for; 0 is all.
func summary(s *client.Status, want int) string {
	if want == 0 {
		want = len(s.Nodes)
	}
	text := fmt.Sprintf("%d of %d nodes up, %d of %d slots served", s.Alive(), want, s.Slots.Assigned-s.Slots.Unserved, client.TotalSlots)
	if n := s.Slots.UnderReplicated; n > 0 {
		text += fmt.Sprintf(", %d under-replicated", n)
	}
	if n := s.Slots.Migrating; n > 0 {
		text += fmt.Sprintf(", %d migrating", n)
	}
	return text
}
