package store

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// auditPool is that of a dictionary: a set has nothing beside.
func (l *largeSet) auditPool() (int, error) {
	for done, from := false, uint64(0); !done && !l.releasing; {
		bad := 0
		from, done = l.Walk(from, 1000, 0, func(it Item) {
			if it.Len() != 0 || it.ExpireAt() != 0 {
				bad++
			}
		})
		if bad > 0 {
			return 0, fmt.Errorf("%d members have a value or an expiry", bad)
		}
	}
	return l.Dict.auditPool()
}

// setModel is some sets in a keyspace, beside what should be in them.
type setModel struct {
	t    *testing.T
	ks   *Keyspace
	rnd  *rand.Rand
	sets map[modelKey]map[string]bool
	keys []modelKey
}

// TestSetsModel: tens of thousands of random changes of sets, in all forms and over all borders between them, with compaction and
// expiry in between, lead to what they lead to on plain maps; the keyspace is whole at any time, and nothing is left in the end.
func TestSetsModel(t *testing.T) {
	seed := modelSeed(t)
	steps := 30_000
	if testing.Short() || raceEnabled {
		steps = 4000
	}
	for i, th := range []Thresholds{
		{SetIntset: 512, SetEntries: 128, SetValue: 64},
		{SetIntset: 4, SetEntries: 6, SetValue: 8},
		{SetIntset: 16, SetValue: 64},
		{SetIntset: 0, SetEntries: 0},
		{SetIntset: 100_000, SetEntries: 100_000, SetValue: 1 << 20},
	} {
		m := setModel{
			t: t, rnd: rand.New(rand.NewPCG(seed, uint64(i))), sets: map[modelKey]map[string]bool{},
			ks: New(Options{Hash: [...]func([]byte) uint64{goodHash, poorHash}[i&1], Poison: true}),
		}
		m.ks.SetThresholds(th)
		for k := range 12 {
			m.keys = append(m.keys, modelKey{uint16(64 * (k % 3)), k % 2, strings.Repeat("k", 1+k*k*k*3)})
		}
		for step := range steps {
			m.step()
			if step%2000 == 0 {
				m.compact()
				m.check()
			}
		}
		m.check()
		for _, k := range m.keys {
			r := m.ks.Ref(k.slot, k.db, []byte(k.key))
			if it := m.ks.Lookup(r, now, 0); it.Exists() {
				m.ks.Delete(r, it)
			}
		}
		maintainAll(m.ks)
		checkAllGone(t, m.ks)
		m.ks.Close()
	}
}

// compact forces a run of compaction through the shard that all sets are in.
func (m *setModel) compact() {
	sh := &m.ks.shards[0]
	sh.mu.Lock()
	if !sh.mu.compaction.running && sh.mu.pool.mark() {
		sh.mu.compaction = compaction{running: true}
	}
	sh.mu.Unlock()
	maintainAll(m.ks)
}

func (m *setModel) member() string {
	switch m.rnd.IntN(20) {
	case 0:
		return strings.Repeat("x", m.rnd.IntN(80))
	case 1:
		return strconv.FormatInt(m.rnd.Int64()>>m.rnd.IntN(63), 10)
	case 2, 3:
		return "m" + strconv.Itoa(m.rnd.IntN(300))
	case 4:
		if m.rnd.IntN(20) == 0 {
			return strings.Repeat("long", m.rnd.IntN(8000))
		}
	}
	return strconv.Itoa(m.rnd.IntN(700))
}

func (m *setModel) step() {
	k := m.keys[m.rnd.IntN(len(m.keys))]
	r := m.ks.Ref(k.slot, k.db, []byte(k.key))
	m.ks.LockSlot(k.slot)
	defer m.ks.UnlockSlot(k.slot)
	it := m.ks.Lookup(r, now, 0)
	want := m.sets[k]
	if (want != nil) != it.Exists() {
		m.t.Fatalf("%q is there: %v", k.key, it.Exists())
	}
	if want == nil {
		want = map[string]bool{}
	}
	s := m.ks.OpenSet(r, it, now)
	switch n := m.rnd.IntN(100); {
	case n < 50:
		count := 1 + m.rnd.IntN(3)
		if m.rnd.IntN(30) == 0 {
			count = m.rnd.IntN(300)
		}
		if m.rnd.IntN(3) == 0 {
			s.Expect(count)
		}
		for range count {
			member := m.member()
			if s.Add([]byte(member)) == want[member] {
				m.t.Fatalf("%q was added wrongly", member)
			}
			want[member] = true
		}
	case n < 80:
		for range 1 + m.rnd.IntN(4) {
			member := m.member()
			if s.Remove([]byte(member)) != want[member] {
				m.t.Fatalf("%q was removed wrongly", member)
			}
			delete(want, member)
			if len(want) == 0 {
				break
			}
		}
	case n < 90 && s.Len() > 1:
		count := 1 + m.rnd.IntN(s.Len()-1)
		popped := 0
		s.Pop(count, func(e Element) {
			if text := string(e.Append(nil)); !want[text] {
				m.t.Fatalf("%q was popped", text)
			} else {
				delete(want, text)
			}
			popped++
		})
		if popped != count {
			m.t.Fatalf("%d of %d popped", popped, count)
		}
	case n < 92 && s.Len() > 0:
		m.ks.SetExpire(r, s.Item(), now+1+m.rnd.Int64N(1000))
		return
	case n < 94:
		m.build(r, it, k)
		return
	case n < 95 && it.Exists():
		m.ks.Delete(r, it)
		delete(m.sets, k)
		return
	}
	m.sets[k] = want
	if len(want) == 0 {
		delete(m.sets, k)
		if it = s.Item(); it.Exists() {
			m.ks.Delete(r, it)
		}
		return
	}
	if s.Len() != len(want) {
		m.t.Fatalf("%q has %d members, should have %d", k.key, s.Len(), len(want))
	}
}

// build gives a key the union of two others, less a third.
func (m *setModel) build(r Ref, it Item, k modelKey) {
	b := m.ks.BuildSet(k.slot, []Encoding{EncIntset, EncListpack, EncHashtable}[m.rnd.IntN(3)])
	want := map[string]bool{}
	for i := range 3 {
		other := m.keys[m.rnd.IntN(len(m.keys))]
		members := MembersOf(m.ks.Lookup(m.ks.Ref(other.slot, other.db, []byte(other.key)), now, 0))
		members.Each(func(e Element) bool {
			text := string(e.Append(nil))
			if i == 2 {
				if b.Remove(e) != want[text] {
					m.t.Fatalf("%q was taken out wrongly", text)
				}
				delete(want, text)
			} else {
				if b.Add(e) == want[text] {
					m.t.Fatalf("%q was united wrongly", text)
				}
				want[text] = true
			}
			return true
		})
	}
	b.ToInts()
	if b.Len() == 0 || m.rnd.IntN(3) == 0 {
		b.Discard()
		return
	}
	b.Store(r, it, 0, now)
	m.sets[k] = want
}

// check compares all sets, by all ways of reading them, and audits the keyspace.
func (m *setModel) check() {
	m.t.Helper()
	for _, k := range m.keys {
		want := m.sets[k]
		members := MembersOf(m.ks.Lookup(m.ks.Ref(k.slot, k.db, []byte(k.key)), now, 0))
		var all []string
		members.Each(func(e Element) bool {
			all = append(all, string(e.Append(nil)))
			return true
		})
		if len(all) != len(want) || len(all) != members.Len() {
			m.t.Fatalf("%q has %d members (Len %d), should have %d", k.key, len(all), members.Len(), len(want))
		}
		for _, text := range all {
			if !want[text] || !members.Has([]byte(text)) {
				m.t.Fatalf("%q holds %q: %v", k.key, text, members.Has([]byte(text)))
			}
		}
		if members.Has([]byte("nobody")) || members.Has([]byte("123456789")) && !want["123456789"] {
			m.t.Fatalf("%q holds what it does not", k.key)
		}
		m.picks(&members, want)
		if members.Encoding() == EncIntset {
			if _, err := CheckIntset(members.small); err != nil {
				m.t.Fatal(err)
			}
		} else if members.Encoding() == EncListpack {
			if _, err := Check(members.small, 1<<30); err != nil {
				m.t.Fatal(err)
			}
		}
	}
	if err := m.ks.audit(); err != nil {
		m.t.Fatal(err)
	}
}

// picks draws members in all ways.
func (m *setModel) picks(members *Members, want map[string]bool) {
	if len(want) == 0 {
		return
	}
	n := 1 + m.rnd.IntN(len(want))
	var picked []string
	m.ks.PickMembers(members, n, func(e Element) { picked = append(picked, string(e.Append(nil))) })
	repeats := 0
	m.ks.RandomMembers(members, 2*n, func(e Element) bool {
		if !want[string(e.Append(nil))] {
			m.t.Fatal("what is no member was drawn")
		}
		repeats++
		return true
	})
	slices.Sort(picked)
	if len(slices.Compact(slices.Clone(picked))) != n || repeats != 2*n {
		m.t.Fatalf("%d members picked, %d drawn, want %d and %d", len(picked), repeats, n, 2*n)
	}
	for _, text := range picked {
		if !want[text] {
			m.t.Fatalf("%q was picked", text)
		}
	}
}
