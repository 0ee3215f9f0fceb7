package gossip

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"

	"ringcache/ring"
)

// delegate is what memberlist calls, under its lock: it touches our own table and the event queue, never memberlist.
type delegate List

func (d *delegate) NotifyJoin(n *memberlist.Node)   { d.note(n, Alive) }
func (d *delegate) NotifyUpdate(n *memberlist.Node) { d.note(n, Alive) }
func (d *delegate) NotifyLeave(n *memberlist.Node)  { d.note(n, Dead) }

func (d *delegate) note(n *memberlist.Node, s State) {
	m, err := decodeMeta(n.Meta)
	if err != nil {
		d.log.Warn("a gossip member describes itself badly", "node", n.Name, "addr", n.Address(), "err", err)
		return
	}
	m.ID, m.State = ring.NodeID(n.Name), s
	d.mu.Lock()
	if _, known := d.mu.table[m.ID]; !known && len(d.mu.table) >= tableMax {
		d.evict()
	}
	d.mu.table[m.ID] = m
	d.mu.Unlock()
	(*List)(d).push(Event{m})
}

// evict makes room by forgetting a dead node, or any other than this one when all are alive. d.mu is held.
func (d *delegate) evict() {
	var victim ring.NodeID
	for id, m := range d.mu.table {
		if id == d.cfg.Self.ID {
			continue
		}
		victim = id
		if m.State == Dead {
			break
		}
	}
	delete(d.mu.table, victim)
}

// NotifyConflict is called when two processes say they are the same node: a copied data directory, or a node that came back
// at a new address before its old one counts as dead.
func (d *delegate) NotifyConflict(existing, other *memberlist.Node) {
	d.log.Warn("two addresses claim one node id", "node", existing.Name, "known", existing.Address(), "other", other.Address())
}

func (d *delegate) NodeMeta(limit int) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.mu.meta[:min(limit, len(d.mu.meta))]
}

func (d *delegate) NotifyMsg([]byte)                {}
func (d *delegate) GetBroadcasts(_, _ int) [][]byte { return nil }
func (d *delegate) LocalState(bool) []byte          { return nil }
func (d *delegate) MergeRemoteState([]byte, bool)   {}

// A node's description, at most memberlist.MetaMaxSize (512) bytes:
// version (1), incarnation (uvarint), weight (uvarint), and client address, bus address and zone, each a length byte and text.
const metaVersion = 1

// MaxWeight bounds a node's weight.
const MaxWeight = ring.MaxWeight

var errMeta = errors.New("gossip: malformed description of a node")

func encodeMeta(m Member) ([]byte, error) {
	if m.Weight < 0 || m.Weight > MaxWeight {
		return nil, fmt.Errorf("gossip: weight %d is not in 0..%d", m.Weight, MaxWeight)
	}
	b := []byte{metaVersion}
	b = binary.AppendUvarint(b, m.Incarnation)
	b = binary.AppendUvarint(b, uint64(m.Weight))
	for _, s := range []string{m.Addr, m.Bus, m.Zone} {
		if len(s) > 255 {
			return nil, fmt.Errorf("gossip: %.40q... is longer than 255 bytes", s)
		}
		b = append(b, byte(len(s)))
		b = append(b, s...)
	}
	if len(b) > memberlist.MetaMaxSize {
		return nil, fmt.Errorf("gossip: addresses and zone take %d bytes, at most %d", len(b), memberlist.MetaMaxSize)
	}
	return b, nil
}

func decodeMeta(b []byte) (Member, error) {
	var m Member
	if len(b) == 0 || len(b) > memberlist.MetaMaxSize || b[0] != metaVersion {
		return m, errMeta
	}
	b = b[1:]
	inc, n := binary.Uvarint(b)
	if n <= 0 {
		return m, errMeta
	}
	b = b[n:]
	weight, n := binary.Uvarint(b)
	if n <= 0 || weight > MaxWeight {
		return m, errMeta
	}
	b = b[n:]
	m.Incarnation, m.Weight = inc, int(weight)
	for _, s := range []*string{&m.Addr, &m.Bus, &m.Zone} {
		if len(b) == 0 || len(b) < 1+int(b[0]) {
			return Member{}, errMeta
		}
		*s = string(b[1 : 1+b[0]])
		b = b[1+b[0]:]
	}
	if len(b) != 0 {
		return Member{}, errMeta
	}
	return m, nil
}

// logEvery is the least time between two warnings of memberlist: a stranger's packets must not fill the disk.
const logEvery = time.Second

// logWriter takes memberlist's lines ("[WARN] memberlist: ...") to slog. Its warnings are about single packets and probes, so
// they are debug lines here; its errors become rate-limited warnings.
type logWriter struct {
	log *slog.Logger
	mu  struct {
		sync.Mutex
		last    time.Time
		skipped int
	}
}

func stdLogger(l *slog.Logger) *log.Logger { return log.New(&logWriter{log: l}, "", 0) }

func (w *logWriter) Write(p []byte) (int, error) {
	line := strings.TrimSpace(string(p))
	level, rest, _ := strings.Cut(strings.TrimPrefix(line, "["), "] ")
	msg := strings.TrimPrefix(rest, "memberlist: ")
	if level != "ERR" && level != "ERROR" {
		w.log.Debug(msg, "from", "memberlist")
		return len(p), nil
	}
	w.mu.Lock()
	now := time.Now()
	if now.Sub(w.mu.last) < logEvery {
		w.mu.skipped++
		w.mu.Unlock()
		return len(p), nil
	}
	skipped := w.mu.skipped
	w.mu.last, w.mu.skipped = now, 0
	w.mu.Unlock()
	w.log.Warn(msg, "from", "memberlist", "unlogged_before", skipped)
	return len(p), nil
}
