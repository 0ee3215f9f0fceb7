package store

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"
)

// modelStream is a stream as simple as it can be.
type modelStream struct {
	ids    []StreamID
	fields map[StreamID]string
	last   StreamID
	groups map[string]map[StreamID]modelPending
}

type modelPending struct {
	consumer    string
	time, count int64
}

// streamModel runs random operations on some streams of one shard and on models of them.
type streamModel struct {
	t    *testing.T
	ks   *Keyspace
	rnd  *rand.Rand
	has  map[string]*modelStream
	seed uint64
}

func (m *streamModel) ref(key string) Ref { return m.ks.Ref(uint16(3+64*len(key)), 0, []byte(key)) }

func (m *streamModel) stream(key string) (Ref, *Stream) {
	r := m.ref(key)
	it := m.ks.Lookup(r, now, 0)
	if !it.Exists() {
		if m.has[key] != nil {
			m.t.Fatalf("seed %d: %s is lost", m.seed, key)
		}
		s := m.ks.NewStream(r.Slot)
		m.ks.SetObject(r, it, s, 0, now)
		s.Adopted()
		m.has[key] = &modelStream{fields: map[StreamID]string{}, groups: map[string]map[StreamID]modelPending{}}
		return r, s
	}
	return r, it.Object().(*Stream)
}

func (m *streamModel) step() {
	key := []string{"s", "ss", "sss"}[m.rnd.IntN(3)]
	r := m.ref(key)
	m.ks.LockSlot(r.Slot)
	defer m.ks.UnlockSlot(r.Slot)
	r, s := m.stream(key)
	w := m.has[key]
	switch n := m.rnd.IntN(1000); {
	case n < 1:
		m.ks.Delete(r, m.ks.Lookup(r, now, 0))
		delete(m.has, key)
		return
	case n < 500:
		m.add(s, w)
	case n < 600:
		for range 1 + m.rnd.IntN(20) {
			m.delete(s, w)
		}
	case n < 610:
		m.trim(s, w)
	default:
		m.pending(s, w)
	}
	s.Settle(r)
	if s.Len() != len(w.ids) || s.LastID() != w.last {
		m.t.Fatalf("seed %d: %d entries up to %v, want %d, %v", m.seed, s.Len(), s.LastID(), len(w.ids), w.last)
	}
	if m.rnd.IntN(40) == 0 {
		m.compare(s, w)
	}
}

func (m *streamModel) add(s *Stream, w *modelStream) {
	id := StreamID{w.last.Ms + uint64(m.rnd.IntN(2)), w.last.Seq + 1 + uint64(m.rnd.IntN(3))}
	pairs := [][]byte{[]byte("field"), fmt.Append(nil, m.rnd.IntN(1e6))}
	switch m.rnd.IntN(30) {
	case 0:
		pairs = append(pairs, []byte("other"), []byte(strings.Repeat("long ", m.rnd.IntN(200))))
	case 1:
		pairs[1] = make([]byte, m.rnd.IntN(100_000))
	case 2, 3:
		pairs[0] = []byte("7")
	}
	s.Append(id, pairs, nil)
	w.ids = append(w.ids, id)
	w.last = id
	w.fields[id] = fmt.Sprintf("%q", pairs)
}

func (m *streamModel) delete(s *Stream, w *modelStream) {
	id := StreamID{1, 1}
	if len(w.ids) > 0 && m.rnd.IntN(5) > 0 {
		id = w.ids[m.rnd.IntN(len(w.ids))]
	}
	i := slices.Index(w.ids, id)
	if got := s.Delete(id); got != (i >= 0) {
		m.t.Fatalf("seed %d: deleting %v: %v", m.seed, id, got)
	}
	if i >= 0 {
		w.ids = slices.Delete(w.ids, i, i+1)
	}
}

func (m *streamModel) trim(s *Stream, w *modelStream) {
	keep := m.rnd.IntN(len(w.ids) + 2)
	trim := Trim{MaxLen: int64(keep)}
	if m.rnd.IntN(2) == 0 && len(w.ids) > 0 {
		trim = Trim{MinID: true, ID: w.ids[max(0, len(w.ids)-1-keep)]}
		keep = min(len(w.ids), keep+1)
	}
	want := max(0, len(w.ids)-keep)
	if got, _ := s.Trim(&trim); int(got) != want {
		m.t.Fatalf("seed %d: %+v removed %d of %d, want %d", m.seed, trim, got, len(w.ids), want)
	}
	w.ids = slices.Clone(w.ids[want:])
}

func (m *streamModel) pending(s *Stream, w *modelStream) {
	name := []string{"g", "h"}[m.rnd.IntN(2)]
	g := s.Group([]byte(name))
	if (g == nil) != (w.groups[name] == nil) {
		m.t.Fatalf("seed %d: group %s is there or not", m.seed, name)
	}
	if g == nil {
		g = s.AddGroup([]byte(name), StreamID{}, 0)
		w.groups[name] = map[StreamID]modelPending{}
	}
	p := w.groups[name]
	who := fmt.Sprint("consumer", m.rnd.IntN(4))
	c := g.Consumer([]byte(who))
	switch n := m.rnd.IntN(400); {
	case n == 0:
		s.DeleteGroup(g)
		delete(w.groups, name)
	case n < 3 && c != nil:
		g.DeleteConsumer(c)
		for id, e := range p {
			if e.consumer == who {
				delete(p, id)
			}
		}
	case n < 260:
		if c == nil {
			c = g.AddConsumer([]byte(who), now)
		}
		for range 1 + m.rnd.IntN(30) {
			id := StreamID{uint64(m.rnd.IntN(3000)), uint64(m.rnd.IntN(2))}
			if m.rnd.IntN(2) == 0 {
				id.Ms = uint64(len(p)) + 1500
			}
			e := modelPending{who, m.rnd.Int64(), m.rnd.Int64N(10)}
			g.Deliver(id, c, e.time, e.count)
			p[id] = e
		}
	default:
		from := StreamID{uint64(m.rnd.IntN(3000)), 0}
		for range m.rnd.IntN(60) {
			e, found := g.NextPending(from, nil)
			if !found {
				break
			}
			from = e.ID
			if m.rnd.IntN(3) == 0 {
				from.Ms++
			} else if !g.Ack(e.ID) || g.Ack(e.ID) {
				m.t.Fatalf("seed %d: %v is pending, and is not", m.seed, e.ID)
			} else {
				delete(p, e.ID)
			}
		}
	}
}

func (m *streamModel) compare(s *Stream, w *modelStream) {
	for _, rev := range []bool{false, true} {
		ids := slices.Clone(w.ids)
		lo, hi := StreamID{}, MaxStreamID
		if len(ids) > 0 && m.rnd.IntN(2) == 0 {
			i := m.rnd.IntN(len(ids))
			j := i + m.rnd.IntN(len(ids)-i)
			lo, hi, ids = ids[i], ids[j], ids[i:j+1]
		}
		if rev {
			slices.Reverse(ids)
		}
		var got []StreamID
		for it := s.Iter(lo, hi, rev); it.Next(); {
			got = append(got, it.ID())
			var pairs [][]byte
			for range m.rnd.IntN(2) * it.Fields() { // read them or not
				f, v := it.Pair()
				pairs = append(pairs, f.Append(nil), v.Append(nil))
			}
			if text := fmt.Sprintf("%q", pairs); pairs != nil && text != w.fields[it.ID()] {
				m.t.Fatalf("seed %d: entry %v is %.200s, want %.200s", m.seed, it.ID(), text, w.fields[it.ID()])
			}
		}
		if !slices.Equal(got, ids) {
			m.t.Fatalf("seed %d: from %v to %v: %v, want %v", m.seed, lo, hi, got, ids)
		}
	}
	for name, p := range w.groups {
		g := s.Group([]byte(name))
		var ids []StreamID
		for id := range p {
			ids = append(ids, id)
		}
		sort.Slice(ids, func(i, j int) bool { return ids[i].Less(ids[j]) })
		at := StreamID{}
		for _, id := range ids {
			e, found := g.NextPending(at, nil)
			if want := p[id]; !found || e.ID != id || e.Time != want.time || e.Count != want.count || e.Consumer.Name != want.consumer {
				m.t.Fatalf("seed %d: pending %+v, want %v %+v", m.seed, e, id, want)
			}
			at, _ = id.Next()
		}
		if e, found := g.NextPending(at, nil); found || g.Pending() != len(ids) {
			m.t.Fatalf("seed %d: %d pending, %v, want %d", m.seed, g.Pending(), e, len(ids))
		}
	}
}

// TestStreamModel runs random operations beside a model, with compaction and audits in between.
func TestStreamModel(t *testing.T) {
	steps := 30_000
	if testing.Short() || raceEnabled {
		steps = 6000
	}
	for range 3 {
		ks := New(Options{Hash: goodHash, Poison: true})
		limits := *ks.Thresholds()
		seed := rand.Uint64()
		m := &streamModel{t: t, ks: ks, seed: seed, rnd: rand.New(rand.NewPCG(seed, 0)), has: map[string]*modelStream{}}
		limits.StreamLength = []int{0, 5, 100}[m.rnd.IntN(3)]
		limits.StreamBytes = []int{200, 4096, 0}[m.rnd.IntN(3)]
		if limits.StreamLength == 0 && limits.StreamBytes == 0 {
			limits.StreamLength = 30
		}
		ks.SetThresholds(limits)
		for i := range steps {
			m.step()
			if i%50 == 0 {
				forceCompaction(ks)
				ks.MaintainSlice(time.Millisecond)
			}
			if i%1000 == 0 {
				if err := ks.audit(); err != nil {
					t.Fatalf("seed %d, step %d: %v", seed, i, err)
				}
			}
		}
		for key := range m.has {
			r := m.ref(key)
			ks.Delete(r, ks.Lookup(r, now, 0))
		}
		maintainAll(ks)
		if err := ks.audit(); err != nil || ks.MemoryUsed() != 0 {
			t.Fatalf("seed %d: %d bytes are left: %v", seed, ks.MemoryUsed(), err)
		}
		ks.Close()
	}
}

// forceCompaction marks every second page of each shard, so that a run has to move what is there.
func forceCompaction(ks *Keyspace) {
	for i := range ks.shards {
		sh := &ks.shards[i]
		sh.mu.Lock()
		if p := &sh.mu.pool; !sh.mu.compaction.running && p.base != nil {
			for n := range p.pages {
				if pg := &p.pages[n]; pg.state == pageUsed && n%2 == 0 {
					if pg.used < classes.blocks[pg.class] {
						p.unlink(&p.partial[pg.class], uint32(n))
					}
					pg.state = pageMarked
				}
			}
			sh.mu.compaction = compaction{running: true}
		}
		sh.mu.Unlock()
	}
}

// TestStreamRelease: a large stream with a large group goes in small steps.
func TestStreamRelease(t *testing.T) {
	const entries = 200_000
	ks := New(Options{Hash: goodHash})
	defer ks.Close()
	r := ks.Ref(3, 0, []byte("s"))
	s := ks.NewStream(3)
	g := s.AddGroup([]byte("g"), StreamID{}, 0)
	c := g.AddConsumer([]byte("c"), now)
	var buf []byte
	for i := range entries {
		id := StreamID{uint64(i + 1), 0}
		buf = s.Append(id, [][]byte{[]byte("field"), []byte("value")}, buf)
		g.Deliver(id, c, now, 1)
	}
	ks.SetObject(r, Item{}, s, 0, now)
	s.Adopted()
	if err := ks.audit(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes an entry that is pending", s.Size()/entries)
	ks.Delete(r, ks.Lookup(r, now, 0))
	worst, steps := worstHold(ks)
	t.Logf("%d steps, the longest %v", steps, worst)
	if steps < 20 || worst > holdBound() {
		t.Errorf("%d steps, the longest %v", steps, worst)
	}
	if err := ks.audit(); err != nil || ks.MemoryUsed() != 0 {
		t.Errorf("%d bytes are left: %v", ks.MemoryUsed(), err)
	}
}
