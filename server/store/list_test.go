package store

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func (q *quicklist) auditPool() (inPool int, err error) {
	n, size, large := 0, 0, 0
	for i := range q.groups {
		g := &q.groups[i]
		inPool += q.room(g.at)
		in := 0
		for j := range q.chunksOf(g) {
			c := q.chunkOf(g, j)
			if c.large != 0 {
				large += c.memory(&q.parts)
			} else {
				inPool += c.memory(&q.parts)
			}
			p, err := Check(c.packed(&q.parts), 1<<30)
			if err != nil {
				return 0, err
			}
			if p.Len() != int(c.count) || c.count == 0 || c.elementBytes() != len(p)-packedFrame {
				return 0, fmt.Errorf("a chunk of %d elements counts %d", p.Len(), c.count)
			}
			in += p.Len()
			size += c.elementBytes()
		}
		if in != g.n && !q.releasing || g.chunks == 0 {
			return 0, fmt.Errorf("a group of %d chunks and %d elements counts %d", g.chunks, in, g.n)
		}
		n += in
	}
	if (n != q.n || size != q.size) && !q.releasing {
		return 0, fmt.Errorf("%d elements, %d bytes of them; it has %d, %d", q.n, q.size, n, size)
	}
	if bytes := large + inPool + len(q.groups)*chunkGroupBytes; bytes != q.bytes {
		return 0, fmt.Errorf("%d bytes; it has %d", q.bytes, bytes)
	}
	return inPool, nil
}

// listModel is a list beside what it should hold.
type listModel struct {
	t    *testing.T
	ks   *Keyspace
	r    Ref
	want []string
}

func (m *listModel) list() List { return m.ks.List(m.r, m.ks.Lookup(m.r, now, 0), now) }

func (m *listModel) check() {
	m.t.Helper()
	l := m.list()
	var got []string
	keep := func(e Element) bool {
		got = append(got, string(e.Append(nil)))
		return true
	}
	l.Scan(0, l.Len(), keep)
	if !slices.Equal(got, m.want) {
		m.t.Fatalf("the list is %q, want %q", got, m.want)
	}
	got = nil
	l.ScanBack(l.Len()-1, l.Len(), keep)
	slices.Reverse(got)
	if !slices.Equal(got, m.want) {
		m.t.Fatalf("backwards the list is %q, want %q", got, m.want)
	}
	got = nil
	first, n := len(m.want)/3, len(m.want)/2
	l.Runs(first, n, func(p Packed, pos Pos, n int) {
		for range n {
			str, num, after := p.Take(pos)
			got = append(got, string(Element{Str: str, Int: num, IsInt: str == nil}.Append(nil)))
			pos = after
		}
	})
	if !slices.Equal(got, m.want[first:first+n]) {
		m.t.Fatalf("elements %d to %d are %q, want %q", first, first+n, got, m.want[first:first+n])
	}
	if err := m.ks.audit(); err != nil {
		m.t.Fatal(err)
	}
}

func (m *listModel) step(rnd *rand.Rand) {
	elem := func() string {
		switch rnd.IntN(20) {
		case 0:
			return strings.Repeat("long ", rnd.IntN(5000))
		case 1, 2, 3:
			return strings.Repeat("x", rnd.IntN(200))
		default:
			return fmt.Sprint(rnd.IntN(30))
		}
	}
	l := m.list()
	n := len(m.want)
	switch op := rnd.IntN(12); {
	case op < 4 || n == 0:
		var add [][]byte
		var names []string
		for range 1 + rnd.IntN(8) {
			e := elem()
			add, names = append(add, []byte(e)), append(names, e)
		}
		left := rnd.IntN(2) == 0
		l.Push(left, add...)
		if left {
			slices.Reverse(names)
			m.want = append(names, m.want...)
		} else {
			m.want = append(m.want, names...)
		}
	case op < 6:
		k, left := 1+rnd.IntN(min(n, 5)), rnd.IntN(2) == 0
		if rnd.IntN(60) == 0 {
			k = 1 + rnd.IntN(n)
		}
		if k == n {
			m.ks.Delete(m.r, l.Item())
			m.want = nil
			return
		}
		l.Cut(left, k)
		if left {
			m.want = m.want[k:]
		} else {
			m.want = m.want[:n-k]
		}
	case op < 8:
		i, e := rnd.IntN(n), elem()
		l.Set(i, []byte(e))
		m.want = slices.Clone(m.want)
		m.want[i] = e
	case op < 10:
		before, pivot, e := rnd.IntN(2) == 0, m.want[rnd.IntN(n)], elem()
		if !l.Insert(before, []byte(pivot), []byte(e)) {
			m.t.Fatal("the pivot is not found")
		}
		i := slices.Index(m.want, pivot)
		if !before {
			i++
		}
		m.want = slices.Insert(slices.Clone(m.want), i, e)
	case op < 11:
		count, e := rnd.IntN(9)-4, m.want[rnd.IntN(n)]
		removed := l.Remove(count, []byte(e))
		want := without(m.want, count, e)
		if removed != len(m.want)-len(want) {
			m.t.Fatalf("%d removed, want %d", removed, len(m.want)-len(want))
		}
		m.want = want
	default:
		i := rnd.IntN(n)
		if e, ok := l.Index(i); !ok || string(e.Append(nil)) != m.want[i] {
			m.t.Fatalf("element %d is %q, want %q", i, e.Append(nil), m.want[i])
		}
	}
	l = m.list()
	if l.Len() == 0 {
		m.ks.Delete(m.r, l.Item())
	} else {
		l.Shrink()
	}
}

// without is list less count times e, from the end where count is negative, or all of them for 0.
func without(list []string, count int, e string) (out []string) {
	list = slices.Clone(list)
	if count < 0 {
		slices.Reverse(list)
		defer func() { slices.Reverse(out) }()
		count = -count
	}
	if count == 0 {
		count = len(list)
	}
	for _, x := range list {
		if x == e && count > 0 {
			count--
			continue
		}
		out = append(out, x)
	}
	return out
}

// TestListModel: random changes of lists under several limits, beside slices, while pages are emptied.
func TestListModel(t *testing.T) {
	for _, size := range []int{-5, -2, -1, 1, 4, 128} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			seed := modelSeed(t)
			rnd := rand.New(rand.NewPCG(seed, 0))
			ks := New(Options{Hash: goodHash, Poison: true})
			defer ks.Close()
			th := DefaultThresholds
			th.ListSize = size
			ks.SetThresholds(th)
			m := &listModel{t: t, ks: ks, r: ks.Ref(7, 0, []byte("list"))}
			steps := 3000
			if testing.Short() {
				steps = 800
			}
			for range steps {
				m.step(rnd)
				if rnd.IntN(50) == 0 {
					emptyPages(ks, 7, rnd)
				}
				if rnd.IntN(20) == 0 {
					m.check()
				}
				if rnd.IntN(300) == 0 {
					if it := ks.Lookup(m.r, now, 0); it.Exists() {
						ks.Delete(m.r, it)
					}
					m.want = nil
				}
			}
			m.check()
		})
	}
}

// emptyPages marks random pages of a slot's shard and moves all that lies there, as compaction does.
func emptyPages(ks *Keyspace, slot uint16, rnd *rand.Rand) {
	sh := ks.shardOf(slot)
	p := &sh.mu.pool
	for i := range p.pages {
		pg := &p.pages[i]
		if pg.state != pageUsed || rnd.IntN(2) == 0 {
			continue
		}
		if pg.used < classes.blocks[pg.class] {
			p.unlink(&p.partial[pg.class], uint32(i))
		}
		pg.state = pageMarked
	}
	sh.mu.compaction = compaction{running: true}
	for ks.compact(int(slot%Shards), sh) {
	}
}
