package store

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"
)

// auditPool checks a large sorted set: its dictionary, its tree, and that both hold the same.
func (z *ranked) auditPool() (inPool int, err error) {
	a := tableAudit{ks: z.ks, sh: z.sh, t: &z.t, seen: map[string]bool{}, grave: z.releasing}
	if err := a.run(); err != nil {
		return 0, err
	}
	b := ranksAudit{z: z, grave: z.releasing || z.ranks.n != z.Len()}
	if z.ranks.root != 0 {
		if err := b.node(z.ranks.root, z.ranks.height); err != nil {
			return 0, err
		}
	}
	if b.grave { // what is being released
		return a.inPool + b.bytes, nil
	}
	if a.bytes+b.bytes != z.bytes {
		return 0, fmt.Errorf("%d bytes of members, %d of the tree; it has %d", a.bytes, b.bytes, z.bytes)
	}
	if b.members != z.ranks.n || b.members != a.keys {
		return 0, fmt.Errorf("%d members in the tree, %d counted, %d in the dictionary", b.members, z.ranks.n, a.keys)
	}
	return a.inPool + b.bytes, nil
}

type ranksAudit struct {
	z              *ranked
	grave          bool
	members, bytes int
	leaves         int
	last           Scored
}

func (a *ranksAudit) node(at ref, level int) error {
	n := a.z.node(at, level)
	a.bytes += a.z.room(at)
	if n.used() < 1 || n.used() > mostOf(level) {
		return fmt.Errorf("a node of level %d with %d entries", level, n.used())
	}
	if level == 0 {
		a.leaves++
		return a.leaf(n)
	}
	for i := range n.used() {
		child := a.z.node(n.child(i), level-1)
		if f, r := child.first(); !a.grave && (f != n.score(i) || r != n.member(i)) {
			return fmt.Errorf("entry %d of level %d names %v %d, the child begins with %v %d", i, level, n.score(i), n.member(i), f, r)
		}
		before := a.members
		if err := a.node(n.child(i), level-1); err != nil {
			return err
		}
		if !a.grave && a.members-before != n.below(i) {
			return fmt.Errorf("%d members below entry %d of level %d, which says %d", a.members-before, i, level, n.below(i))
		}
	}
	return nil
}

func (a *ranksAudit) leaf(n rankNode) error {
	for i := range n.used() {
		a.members++
		if a.grave {
			continue
		}
		e := entry{a.z.at(n.member(i))}
		m := Scored{e.key(), n.score(i)}
		if entryScore(e) != m.Score {
			return fmt.Errorf("%q has the score %v, in the tree %v", m.Member, entryScore(e), m.Score)
		}
		if a.members > 1 && CompareScored(a.last, m) >= 0 {
			return fmt.Errorf("%q %v stands before %q %v", a.last.Member, a.last.Score, m.Member, m.Score)
		}
		a.last = m
	}
	return nil
}

// zsetModel is random operations on sorted sets, here and on plain maps.
type zsetModel struct {
	t     *testing.T
	ks    *Keyspace
	rnd   *rand.Rand
	sets  []map[string]float64
	names int
}

func (m *zsetModel) ref(i int) Ref {
	key := fmt.Appendf(nil, "zset:%d", i)
	return m.ks.Ref(uint16(7+64*(i%3)), 0, key) // one shard
}

func (m *zsetModel) name() string {
	s := strconv.Itoa(m.rnd.IntN(m.names))
	if m.rnd.IntN(3) == 0 {
		return "a member with a longer name: " + s
	}
	return s
}

func (m *zsetModel) score() float64 {
	switch m.rnd.IntN(8) {
	case 0:
		return float64(m.rnd.IntN(3))
	case 1:
		return math.Inf(m.rnd.IntN(3) - 1)
	case 2:
		return m.rnd.NormFloat64()
	}
	return float64(m.rnd.IntN(m.names))
}

// sorted is what a set must hold.
func (m *zsetModel) sorted(i int) []Scored {
	var all []Scored
	for name, f := range m.sets[i] {
		all = append(all, Scored{[]byte(name), f})
	}
	SortScored(all)
	return all
}

func (m *zsetModel) open(i int) Zset {
	r := m.ref(i)
	return m.ks.OpenZset(r, m.ks.Lookup(r, now, 0), now)
}

func (m *zsetModel) step(i int) {
	z := m.open(i)
	switch op := m.rnd.IntN(100); {
	case op < 55:
		for range 1 + m.rnd.IntN(4) {
			m.add(&z, i)
		}
	case op < 75:
		name := m.name()
		_, has := m.sets[i][name]
		if z.Remove([]byte(name)) != has {
			m.t.Fatalf("removing %q: it is there: %v", name, has)
		}
		delete(m.sets[i], name)
	case op < 82:
		m.removeRange(&z, i)
	case op < 99:
		m.look(&z, i)
	default:
		m.store(i)
		return
	}
	if z.Len() != len(m.sets[i]) {
		m.t.Fatalf("%d members, want %d", z.Len(), len(m.sets[i]))
	}
	if z.Len() == 0 && z.Item().Exists() {
		m.ks.Delete(m.ref(i), z.Item())
	}
}

func (m *zsetModel) add(z *Zset, i int) {
	name, f := m.name(), m.score()
	was, has := m.sets[i][name]
	mode := AddMode(0)
	if m.rnd.IntN(4) == 0 {
		mode = []AddMode{AddNX, AddXX, AddGT, AddLT, AddIncr, AddXX | AddGT}[m.rnd.IntN(6)]
	}
	got, res := z.Add([]byte(name), f, mode)
	want := AddNew
	sum := f
	if mode == AddIncr && has {
		sum += was
	}
	switch {
	case has && mode == AddNX || !has && mode&AddXX != 0, has && mode&AddGT != 0 && f <= was, has && mode&AddLT != 0 && f >= was:
		want = AddNot
	case math.IsNaN(sum):
		want = AddNaN
	case has && sum == was:
		want = AddSame
	case has:
		want = AddUpdated
	}
	if res != want || (res == AddNew || res == AddUpdated) && got != sum {
		m.t.Fatalf("Add(%q, %v, %b) of %v, %v: %v, %d; want %v, %d", name, f, mode, was, has, got, res, sum, want)
	}
	if res == AddNew || res == AddUpdated {
		m.sets[i][name] = sum
	}
}

func (m *zsetModel) removeRange(z *Zset, i int) {
	all := m.sorted(i)
	if len(all) == 0 {
		return
	}
	rank := []int{0, m.rnd.IntN(len(all)), len(all) - 1}[m.rnd.IntN(3)]
	n := min(len(all)-rank, 1+m.rnd.IntN(1+len(all)/(1+m.rnd.IntN(20))))
	z.RemoveRange(rank, n)
	for _, gone := range all[rank : rank+n] {
		delete(m.sets[i], string(gone.Member))
	}
}

// look compares all that can be asked.
func (m *zsetModel) look(z *Zset, i int) {
	all := m.sorted(i)
	name := m.name()
	want, has := m.sets[i][name]
	if f, ok := z.Score([]byte(name)); ok != has || f != want {
		m.t.Fatalf("Score(%q) = %v, %v; want %v, %v", name, f, ok, want, has)
	}
	rank, _, ok := z.Rank([]byte(name))
	if at := slices.IndexFunc(all, func(s Scored) bool { return string(s.Member) == name }); ok != has || has && rank != at {
		m.t.Fatalf("Rank(%q) = %d, %v; want %d, %v", name, rank, ok, at, has)
	}
	if len(all) == 0 {
		return
	}
	rank = m.rnd.IntN(len(all))
	n := min(len(all)-rank, m.rnd.IntN(100))
	part := slices.Clone(all[rank : rank+n])
	reverse := m.rnd.IntN(2) == 0
	if reverse {
		slices.Reverse(part)
	}
	it := z.Range(rank, n, reverse)
	for _, want := range part {
		e, f, ok := it.Next()
		if !ok || string(e.Append(nil)) != string(want.Member) || f != want.Score {
			m.t.Fatalf("Range(%d, %d, %v): %q %v, want %q %v", rank, n, reverse, e.Append(nil), f, want.Member, want.Score)
		}
	}
	if _, _, more := it.Next(); more {
		m.t.Fatalf("Range(%d, %d, %v) goes on", rank, n, reverse)
	}
	r := ScoreRange{Min: m.score(), Max: m.score(), AfterMin: m.rnd.IntN(2) == 0, BeforeMax: m.rnd.IntN(2) == 0}
	first, count := -1, 0
	for j, s := range all {
		if (s.Score > r.Min || s.Score == r.Min && !r.AfterMin) && (s.Score < r.Max || s.Score == r.Max && !r.BeforeMax) {
			if count == 0 {
				first = j
			}
			count++
		}
	}
	if rank, n := z.ByScore(&r); n != count || n > 0 && rank != first {
		m.t.Fatalf("ByScore(%+v) = %d, %d; want %d, %d", r, rank, n, first, count)
	}
	seen := map[string]float64{}
	for from, done := uint64(0), false; !done; {
		from, done = z.Scan(from, 20, func(e Element, f float64) { seen[string(e.Append(nil))] = f })
	}
	if len(seen) != len(all) {
		m.t.Fatalf("Scan sees %d members of %d", len(seen), len(all))
	}
}

// store puts a union of two sets in the place of one of them.
func (m *zsetModel) store(i int) {
	from := m.rnd.IntN(len(m.sets))
	union := map[string]float64{}
	for _, j := range []int{i, from} {
		for name, f := range m.sets[j] {
			union[name] = f
		}
	}
	r := m.ref(i)
	it := m.ks.Lookup(r, now, 0)
	if len(union) == 0 {
		return
	}
	var list []Scored
	for _, j := range []int{from, i} { // names as they lie in the pool
		s := ScoresOf(m.ks.Lookup(m.ref(j), now, 0))
		for it := s.Range(0, s.Len(), false); ; {
			e, _, ok := it.Next()
			if !ok {
				break
			}
			name := e.Str
			if e.IsInt {
				name = e.Append(nil)
			}
			if !slices.ContainsFunc(list, func(s Scored) bool { return string(s.Member) == string(name) }) {
				list = append(list, Scored{name, union[string(name)]})
			}
		}
	}
	m.ks.StoreScored(r, it, list, m.rnd.IntN(4) == 0, 0, now)
	m.sets[i] = union
}

// TestZsetModel: tens of thousands of random operations, with compaction between, lead to what they lead to on maps.
func TestZsetModel(t *testing.T) {
	for _, tc := range []struct{ sets, names, entries, ops int }{
		{3, 40, 128, 20_000}, {3, 400, 8, 20_000}, {2, 3000, 128, 40_000}, {3, 20, 0, 20_000},
	} {
		t.Run(fmt.Sprintf("%d names, %d packed", tc.names, tc.entries), func(t *testing.T) {
			seed := modelSeed(t)
			m := &zsetModel{
				t: t, ks: New(Options{Hash: goodHash, Poison: true}), rnd: rand.New(rand.NewPCG(seed, 3)), names: tc.names,
			}
			defer m.ks.Close()
			th := DefaultThresholds
			th.ZsetEntries = tc.entries
			m.ks.SetThresholds(th)
			for range tc.sets {
				m.sets = append(m.sets, map[string]float64{})
			}
			ops := tc.ops
			if testing.Short() || raceEnabled {
				ops /= 8
			}
			for op := range ops {
				i := m.rnd.IntN(tc.sets)
				m.step(i)
				if m.rnd.IntN(400) == 0 { // the whole key goes
					if r := m.ref(i); m.ks.Lookup(r, now, 0).Exists() {
						m.ks.Delete(r, m.ks.Lookup(r, now, 0))
					}
					clear(m.sets[i])
				}
				if op%64 == 0 {
					m.compactSome()
				}
				if op%500 == 0 {
					if err := m.ks.audit(); err != nil {
						t.Fatalf("seed %d, operation %d: %v", seed, op, err)
					}
				}
			}
			for i := range m.sets {
				if r := m.ref(i); m.ks.Lookup(r, now, 0).Exists() {
					m.ks.Delete(r, m.ks.Lookup(r, now, 0))
				}
			}
			maintainAll(m.ks)
			if err := m.ks.audit(); err != nil {
				t.Fatal(err)
			}
			checkAllGone(t, m.ks)
		})
	}
}

// compactSome marks pages at random, whatever would be gained, and does a part of a run of compaction, or all of it.
func (m *zsetModel) compactSome() {
	sh := m.ks.shardOf(7)
	sh.mu.Lock()
	c, p := &sh.mu.compaction, &sh.mu.pool
	if !c.running {
		for i := range p.pages {
			if pg := &p.pages[i]; pg.state == pageUsed && m.rnd.IntN(2) == 0 {
				if pg.used < classes.blocks[pg.class] {
					p.unlink(&p.partial[pg.class], uint32(i))
				}
				pg.state = pageMarked
			}
		}
		*c = compaction{running: true}
	}
	sh.mu.Unlock()
	for range m.rnd.IntN(40) {
		if !m.ks.maintain(7) {
			break
		}
	}
}

// TestRanksFill: leaves are well filled, in whatever order members come and go.
func TestRanksFill(t *testing.T) {
	const n = 20_000
	for name, tc := range map[string]struct {
		order func(i int) float64
		cut   func(i int) bool
		least float64
	}{
		"ascending":   {func(i int) float64 { return float64(i) }, nil, 0.95},
		"descending":  {func(i int) float64 { return float64(-i) }, nil, 0.95},
		"random":      {func(int) float64 { return rand.Float64() }, nil, 0.75},
		"all equal":   {func(int) float64 { return 0 }, nil, 0.6},
		"thinned out": {func(int) float64 { return rand.Float64() }, func(int) bool { return rand.IntN(10) > 0 }, 0.6},
	} {
		t.Run(name, func(t *testing.T) {
			ks := New(Options{Hash: goodHash, Poison: true})
			defer ks.Close()
			r := ks.Ref(7, 0, []byte("key"))
			z := ks.OpenZset(r, Item{}, now)
			for i := range n {
				z.Add(fmt.Appendf(nil, "member:%06d", goodHash([]byte{byte(i), byte(i >> 8), byte(i >> 16)})%1e6+uint64(i)*1e6), tc.order(i), 0)
			}
			for i := 0; tc.cut != nil && i < z.Len(); {
				if tc.cut(i) {
					z.RemoveRange(i, 1)
				} else {
					i++
				}
			}
			if err := ks.audit(); err != nil {
				t.Fatal(err)
			}
			a := ranksAudit{z: z.large}
			if err := a.node(z.large.ranks.root, z.large.ranks.height); err != nil {
				t.Fatal(err)
			}
			fill := float64(a.members) / float64(a.leaves*leafMost)
			t.Logf("%d members, %d leaves, %.0f%% full, height %d", a.members, a.leaves, fill*100, z.large.ranks.height)
			if fill < tc.least {
				t.Errorf("leaves are %.0f%% full", fill*100)
			}
		})
	}
}

// TestRankedGoesQuickly: no step of giving a large sorted set back, or of compacting it, takes long.
func TestRankedGoesQuickly(t *testing.T) {
	n := 200_000
	if raceEnabled || testing.Short() {
		n /= 4
	}
	ks := New(Options{Hash: goodHash})
	defer ks.Close()
	r := ks.Ref(7, 0, []byte("key"))
	z := ks.OpenZset(r, Item{}, now)
	for i := range n {
		z.Add(fmt.Appendf(nil, "member:%d", i), rand.Float64(), 0)
	}
	z.RemoveRange(n/4, n/2)
	worst, steps := worstHold(ks)
	t.Logf("compaction: the longest of %d steps took %v", steps, worst)
	if err := ks.audit(); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	ks.Delete(r, ks.Lookup(r, now, 0))
	if d := time.Since(begin); d > holdBound() {
		t.Errorf("the key's deletion took %v", d)
	}
	gone, more := worstHold(ks)
	t.Logf("release: the longest of %d steps took %v", more, gone)
	if worst > holdBound() || gone > holdBound() || more < n/2/releaseStep/2 {
		t.Errorf("steps take up to %v and %v", worst, gone)
	}
	checkAllGone(t, ks)
}
