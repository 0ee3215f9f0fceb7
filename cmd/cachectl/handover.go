package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"ringcache/client"
)

// quietLooks is how many looks in a row must find nothing on its way before what is left counts as left: a node may hear of a change a
// little later than the leader has made it.
const quietLooks = 10

// failoverCmd is `cachectl failover`.
type failoverCmd struct {
	Node    string        `arg:"" help:"Id of the node, the beginning of it, or HOST:PORT."`
	Timeout time.Duration `default:"30s" help:"Give up watching after this long."`
}

// Help is shown by `cachectl failover -h`.
func (*failoverCmd) Help() string {
	return `The node hands over what it is primary of to other nodes that have it in sync. No request fails and no write is lost; the node
keeps its copies. Nothing keeps it from getting slots again: see drain. Slots without keys may come back at once.

    cachectl failover 127.0.0.1:7001`
}

// Run has the node hand over, and watches.
func (f *failoverCmd) Run(e *env) error {
	return e.handOver(f.Node, f.Timeout, (*client.Conn).Handover, false)
}

// drainCmd is `cachectl drain`.
type drainCmd struct {
	Node    string        `arg:"" help:"Id of the node, the beginning of it, or HOST:PORT."`
	Undo    bool          `help:"Let a drained node get slots again."`
	Timeout time.Duration `default:"30s" help:"Give up watching after this long; the node goes on being drained."`
}

// Help is shown by `cachectl drain -h`.
func (*drainCmd) Help() string {
	return `The node hands over what it is primary of, and gets neither slots nor copies until the drain is undone, also after it was started
anew. Copies of other nodes' slots stay there until it is stopped. Where nobody else has a slot in sync, nothing is done.

    cachectl drain 127.0.0.1:7001 && stop-that-machine
    cachectl drain --undo 127.0.0.1:7001`
}

// Run drains the node, and watches.
func (d *drainCmd) Run(e *env) error {
	if !d.Undo {
		return e.handOver(d.Node, d.Timeout, (*client.Conn).Drain, true)
	}
	s, err := e.status(e.ctx)
	if err != nil {
		return err
	}
	n, err := findNode(s, d.Node)
	if err != nil {
		return err
	}
	if err := e.ask(e.ctx, func(ctx context.Context, c *client.Conn) error { return c.Undrain(ctx, n.ID) }); err != nil {
		return err
	}
	return e.result(handedOver{Node: n.ID, PrimarySlots: n.PrimarySlots}, fmt.Sprintf("%s may get slots again", n.Addr))
}

// handedOver is what failover and drain print with -o json.
type handedOver struct {
	Node         string `json:"node"`
	Handed       int    `json:"handed"`        // slots that were to be handed over
	Stuck        int    `json:"stuck"`         // slots that nobody else has in sync
	PrimarySlots int    `json:"primary_slots"` // that the node is primary of now
}

// result prints r, or text for people.
func (e *env) result(r handedOver, text string) error {
	if e.json {
		return e.writeJSON(r)
	}
	fmt.Fprintln(e.stdout, text)
	return nil
}

// handOver asks for a handover, and watches until it is done. With all, until the node is primary of nothing.
func (e *env) handOver(name string, timeout time.Duration, ask func(*client.Conn, context.Context, string) (client.Handover, error), all bool) error {
	if timeout < 0 {
		return errors.New("--timeout must not be negative")
	}
	before, err := e.status(e.ctx)
	if err != nil {
		return err
	}
	node, err := findNode(before, name)
	if err != nil {
		return err
	}
	var h client.Handover
	err = e.ask(e.ctx, func(ctx context.Context, c *client.Conn) error {
		h, err = ask(c, ctx, node.ID)
		return err
	})
	if err != nil {
		return err
	}
	left, err := e.watch(node, before, h, timeout, all)
	if err != nil {
		return err
	}
	r := handedOver{Node: node.ID, Handed: h.Handed, Stuck: h.Stuck, PrimarySlots: left}
	if err := e.result(r, fmt.Sprintf("%s has handed over %d slots, and is primary of %d", node.Addr, h.Handed, left)); err != nil {
		return err
	}
	if h.Stuck > 0 {
		return fmt.Errorf("%d slots stay at %s: no other node has them in sync", h.Stuck, node.Addr)
	}
	return nil
}

// watch looks until the node is primary of no more than it must be, or nothing is on its way any more; it answers of how many it is.
func (e *env) watch(node client.NodeStatus, before *client.Status, h client.Handover, timeout time.Duration, all bool) (left int, err error) {
	ctx, cancel := context.WithTimeout(e.ctx, timeout)
	defer cancel()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	left = node.PrimarySlots
	for quiet := 0; ; {
		s, err := e.status(ctx)
		if err == nil {
			n, err := findNode(s, node.ID)
			if err != nil {
				return 0, err
			}
			if n.PrimarySlots != left {
				e.progress(fmt.Sprintf("%s is primary of %d slots", node.Addr, n.PrimarySlots))
			}
			left, quiet = n.PrimarySlots, quiet+1
			if s.Slots.Migrating > 0 || s.Epoch == before.Epoch && h.Handed > 0 {
				quiet = 0
			}
			if left <= h.Stuck || quiet >= quietLooks && !all {
				return left, nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if e.ctx.Err() != nil {
				return 0, e.ctx.Err()
			}
			return 0, fmt.Errorf("not done after %s: %s is still primary of %d slots", timeout, node.Addr, left)
		}
	}
}

// progress tells people who watch how far it is.
func (e *env) progress(text string) {
	if e.tty && !e.json {
		fmt.Fprintln(e.stdout, text)
	}
}

// findNode is the node that a name means: its id, the beginning of it, or its address.
func findNode(s *client.Status, name string) (client.NodeStatus, error) {
	var found []client.NodeStatus
	for _, n := range s.Nodes {
		if n.Addr == name || n.ID == name {
			return n, nil
		}
		if name != "" && strings.HasPrefix(n.ID, name) {
			found = append(found, n)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return client.NodeStatus{}, fmt.Errorf("no node %q: cachectl nodes shows them", name)
	}
	return client.NodeStatus{}, fmt.Errorf("%d nodes have ids that begin with %q", len(found), name)
}
