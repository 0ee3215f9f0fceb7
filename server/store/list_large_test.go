package store

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"
)

// listOf is a list of n elements of a size, in slot 7 of a new keyspace. Each begins with its index.
func listOf(tb testing.TB, n, size, limit int) (*Keyspace, Ref) {
	ks := New(Options{Hash: goodHash})
	tb.Cleanup(ks.Close)
	th := DefaultThresholds
	th.ListSize = limit
	ks.SetThresholds(th)
	r := ks.Ref(7, 0, []byte("list"))
	var batch [][]byte
	for i := range n {
		batch = append(batch, numbered(i, size))
		if len(batch) == 1000 || i == n-1 {
			l := ks.List(r, ks.Lookup(r, now, 0), now)
			l.Push(false, batch...)
			batch = batch[:0]
		}
	}
	return ks, r
}

// numbered is an element of size bytes that begins with its index.
func numbered(i, size int) []byte {
	b := strconv.AppendInt(make([]byte, 0, size), int64(i), 10)
	for len(b) < size {
		b = append(b, '.')
	}
	return b
}

// TestListGroups: lists of very many chunks, cut at both ends and in the middle.
func TestListGroups(t *testing.T) {
	const n, size = 3000, 12
	for _, limit := range []int{1, 3, 100} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			seed := modelSeed(t)
			rnd := rand.New(rand.NewPCG(seed, 0))
			ks, r := listOf(t, n, size, limit)
			m := &listModel{t: t, ks: ks, r: r}
			for i := range n {
				m.want = append(m.want, string(numbered(i, size)))
			}
			m.check()
			for i := range 600 {
				l := m.list()
				at, e := rnd.IntN(len(m.want)), "new "+strconv.Itoa(i)
				switch rnd.IntN(4) {
				case 0:
					l.Insert(true, []byte(m.want[at]), []byte(e))
					m.want = slices.Insert(m.want, at, e)
				case 1:
					l.Remove(0, []byte(m.want[at]))
					m.want = slices.Delete(m.want, at, at+1)
				case 2:
					l.Push(true, []byte(e))
					m.want = slices.Insert(m.want, 0, e)
				default:
					l.Set(at, []byte(e))
					m.want[at] = e
				}
				if i%100 == 0 {
					m.check()
					emptyPages(ks, 7, rnd)
				}
			}
			m.check()
			for i := 0; len(m.want) > 10; i++ {
				k, left := min(1+rnd.IntN(1000), len(m.want)-1), i%2 == 0
				l := m.list()
				l.Cut(left, k)
				if left {
					m.want = m.want[k:]
				} else {
					m.want = m.want[:len(m.want)-k]
				}
				m.check()
			}
			maintainAll(ks)
			m.check()
			if left := ks.shardOf(7).mu.graves; len(left.objects) > 0 || left.bytes != 0 {
				t.Errorf("%d parts of lists, of %d bytes, are left", len(left.objects), left.bytes)
			}
		})
	}
}

// TestListAdd: what is added in runs is what would be pushed, and is cut into as few chunks.
func TestListAdd(t *testing.T) {
	for _, limit := range []int{-2, 5} {
		ks, r := listOf(t, 1, 5, limit)
		m := &listModel{t: t, ks: ks, r: r, want: []string{"0...."}}
		for i, n := range []int{1, 0, 3, 1, 2, 4, 5, 6, 100, 2000, 1, 1} {
			p := NewPacked(nil)
			for j := range n {
				e := numbered(i*j, 1+i*j%40)
				if i == 8 && j == 50 {
					e = numbered(j, 100_000)
				}
				p = p.Append(e)
				m.want = append(m.want, string(e))
			}
			l := m.list()
			l.Add(p)
			m.check()
		}
		l := m.list()
		if most := map[int]int{-2: 9, 5: 500}[limit]; l.Chunks() > most {
			t.Errorf("limit %d: %d elements in %d chunks", limit, l.Len(), l.Chunks())
		}
	}
}

// TestListCrumbs: a list of which little is left takes little memory, however that little was spread.
func TestListCrumbs(t *testing.T) {
	for _, back := range []int{1, -1} {
		ks, r := listOf(t, 0, 0, -2)
		l := ks.List(r, ks.Lookup(r, now, 0), now)
		for i := range 100_000 {
			e := "goes"
			if i%100 == 0 {
				e = "stays " + strconv.Itoa(i)
			}
			l.Push(false, []byte(e))
		}
		if n := l.Remove(back*99_000, []byte("goes")); n != 99_000 {
			t.Fatalf("%d were removed", n)
		}
		if size := l.Item().Size(); size > 25*l.Len() || l.Chunks() > 5 {
			t.Errorf("%d elements in %d chunks take %d bytes", l.Len(), l.Chunks(), size)
		}
		if err := ks.audit(); err != nil {
			t.Error(err)
		}
	}
}

// TestListReleaseSteps: no step of deleting or cutting a list of a million elements takes a time that a request would notice.
func TestListReleaseSteps(t *testing.T) {
	n := 1_000_000
	if testing.Short() || raceEnabled {
		n /= 10
	}
	for _, cut := range []bool{false, true} {
		ks, r := listOf(t, n, 60, -2)
		begin := time.Now()
		it := ks.Lookup(r, now, 0)
		if cut {
			l := ks.List(r, it, now)
			l.Cut(true, n-1)
		} else {
			ks.Delete(r, it)
		}
		took := time.Since(begin)
		worst, steps := worstHold(ks)
		t.Logf("cut %v: %v, then %d steps of at most %v", cut, took, steps, worst)
		if worst > holdBound() || steps == 0 {
			t.Errorf("cut %v: %d steps, the longest took %v", cut, steps, worst)
		}
		if err := ks.audit(); err != nil {
			t.Error(err)
		}
	}
}

// BenchmarkListMiddle looks at, sets and inserts beside an element in the middle of a list.
func BenchmarkListMiddle(b *testing.B) {
	for _, c := range []struct{ n, size int }{{10_000_000, 8}, {10_000_000, 100}} {
		n := c.n
		if testing.Short() {
			n /= 100
		}
		ks, r := listOf(b, n, c.size, -2)
		l := ks.List(r, ks.Lookup(r, now, 0), now)
		elem := numbered(1, c.size)
		b.Run(fmt.Sprintf("index/n=%d,size=%d", n, c.size), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				l.Index(n/2 + i*7919%(n/100))
			}
		})
		b.Run(fmt.Sprintf("set/n=%d,size=%d", n, c.size), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				l.Set(n/2+i*7919%(n/100), elem)
			}
		})
	}
}

// BenchmarkListEnds pushes to and pops from an end of a list of a million elements.
func BenchmarkListEnds(b *testing.B) {
	for _, left := range []bool{true, false} {
		ks, r := listOf(b, 1_000_000, 20, -2)
		elem := numbered(1, 20)
		args := [][]byte{elem}
		b.Run(fmt.Sprintf("push/left=%v", left), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				l := ks.List(r, ks.Lookup(r, now, 0), now)
				l.Push(left, args...)
			}
		})
		b.Run(fmt.Sprintf("pushpop/left=%v", left), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				l := ks.List(r, ks.Lookup(r, now, 0), now)
				l.Push(left, args...)
				l.Cut(left, 1)
			}
		})
	}
}
