package control

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/hashicorp/raft"

	"ringcache/ring"
)

// maxSnapshot bounds in bytes what is read of a snapshot: a map of ring.MaxNodes nodes with four replicas everywhere has less
// than 1 MB.
const maxSnapshot = 16 << 20

// fsm is Raft's state machine: the Map, changed by batches of ring.Change. Raft calls it from one goroutine.
type fsm struct {
	cur     *ring.Map
	publish func(*ring.Map)
	log     *slog.Logger
}

// applied is what one entry's Apply answers to the proposer.
type applied struct {
	m   *ring.Map
	err error // the changes were refused, on every node alike
}

func (f *fsm) Apply(l *raft.Log) any {
	changes, err := ring.DecodeChanges(l.Data)
	if err == nil {
		var next *ring.Map
		if next, err = f.cur.Apply(changes...); err == nil {
			f.cur = next
			f.publish(next)
			return applied{m: next}
		}
	}
	f.log.Debug("a change of the map was refused", "index", l.Index, "err", err)
	return applied{m: f.cur, err: err}
}

func (f *fsm) Snapshot() (raft.FSMSnapshot, error) { return mapSnapshot{f.cur}, nil }

func (f *fsm) Restore(r io.ReadCloser) error {
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxSnapshot+1))
	if err != nil {
		return fmt.Errorf("control: reading a snapshot: %w", err)
	}
	if len(b) > maxSnapshot {
		return fmt.Errorf("control: a snapshot of more than %d bytes", maxSnapshot)
	}
	m, err := ring.UnmarshalMap(b)
	if err != nil {
		return fmt.Errorf("control: reading a snapshot: %w", err)
	}
	f.cur = m
	f.publish(m)
	return nil
}

// mapSnapshot is a snapshot: maps are immutable, so it is the map itself.
type mapSnapshot struct{ m *ring.Map }

func (s mapSnapshot) Persist(sink raft.SnapshotSink) error {
	b, err := s.m.MarshalBinary()
	if err == nil {
		_, err = sink.Write(b)
	}
	if err != nil {
		_ = sink.Cancel()
		return fmt.Errorf("control: writing a snapshot: %w", err)
	}
	return sink.Close()
}

func (s mapSnapshot) Release() {}
