package store

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// dictObject is a Dict as the whole of an Object.
type dictObject struct{ Dict }

func (d *dictObject) Type() Type         { return TypeSet }
func (d *dictObject) Encoding() Encoding { return EncHashtable }

// dictModel is a dictionary twice: that of a key, and a map.
type dictModel struct {
	t    *testing.T
	rnd  *rand.Rand
	ks   *Keyspace
	r    Ref
	d    *dictObject
	want map[string]modelField
}

func newDictModel(t *testing.T, seed uint64) *dictModel {
	m := &dictModel{
		t: t, rnd: rand.New(rand.NewPCG(seed, 4)), ks: New(Options{Hash: goodHash, Poison: true}), want: map[string]modelField{},
	}
	m.r = m.ks.Ref(0, 0, []byte("dictionary"))
	m.d = &dictObject{Dict: m.ks.newDict(0)}
	m.ks.SetObject(m.r, Item{}, m.d, 0, now)
	m.d.adopted()
	return m
}

// name is that of a member: short, longer than 255 bytes, or longer than a block.
func (m *dictModel) name() string {
	n := m.rnd.IntN(1500)
	switch {
	case n%100 == 1:
		return fmt.Sprint(strings.Repeat("long", 64+n/100*8), n)
	case n%500 == 2:
		return fmt.Sprint(strings.Repeat("longest", 3000), n)
	}
	return fmt.Sprint("member", n)
}

// value is none, short, or longer than a block.
func (m *dictModel) value() string {
	switch m.rnd.IntN(20) {
	case 0:
		return strings.Repeat("large", 3000+m.rnd.IntN(20_000))
	case 1, 2, 3:
		return strings.Repeat("medium", m.rnd.IntN(600))
	case 4, 5, 6:
		return ""
	}
	return strings.Repeat("s", m.rnd.IntN(40))
}

func (m *dictModel) expiry() int64 {
	if m.rnd.IntN(3) > 0 {
		return 0
	}
	return now + m.rnd.Int64N(2000) - 1000
}

func (m *dictModel) step() {
	name := m.name()
	hash := m.d.Hash([]byte(name))
	it := m.d.Find(hash, []byte(name))
	f, there := m.want[name]
	if it.Exists() != there || there && (string(it.Value()) != f.val || it.ExpireAt() != f.at || string(it.Key()) != name) {
		m.t.Fatalf("%.30q is there: %v, should be %v", name, it.Exists(), there)
	}
	switch op := m.rnd.IntN(10); {
	case op < 5:
		f = modelField{val: m.value(), at: m.expiry()}
		if it = m.d.Put(hash, it, []byte(name), []byte(f.val), f.at); string(it.Value()) != f.val || it.ExpireAt() != f.at {
			m.t.Fatalf("%.30q until %d was put as %.30q until %d", f.val, f.at, it.Value(), it.ExpireAt())
		}
		m.want[name] = f
	case there && op < 7:
		f.at = m.expiry()
		if it = m.d.SetExpire(hash, it, f.at); it.ExpireAt() != f.at || string(it.Value()) != f.val {
			m.t.Fatalf("%.30q expires at %d, should at %d", name, it.ExpireAt(), f.at)
		}
		m.want[name] = f
	case there:
		m.d.Delete(hash, it)
		delete(m.want, name)
	}
	m.d.settle(m.r)
}

// compare looks at all members, and draws some.
func (m *dictModel) compare() {
	volatile, alive := 0, 0
	for _, f := range m.want {
		if f.at != 0 {
			volatile++
		}
		if f.alive(now) {
			alive++
		}
	}
	if m.d.Len() != len(m.want) || m.d.Volatile() != volatile {
		m.t.Fatalf("%d members, %d volatile, should be %d, %d", m.d.Len(), m.d.Volatile(), len(m.want), volatile)
	}
	for from, done := uint64(0), false; !done; {
		from, done = m.d.Walk(from, 1+m.rnd.IntN(200), now, func(it Item) {
			alive--
			if f := m.want[string(it.Key())]; f.val != string(it.Value()) || !f.alive(now) {
				m.t.Fatalf("%.30q is walked through with %.30q", it.Key(), it.Value())
			}
		})
	}
	if alive != 0 {
		m.t.Fatalf("%d members too few in a walk", alive)
	}
	for range 20 {
		if it := m.d.Random(now); it.Exists() && !m.want[string(it.Key())].alive(now) {
			m.t.Fatalf("%.30q is drawn and has expired", it.Key())
		}
	}
	if err := m.ks.audit(); err != nil {
		m.t.Fatal(err)
	}
}

// TestDictModel: random changes of a dictionary, of members of all lengths, with and without an expiry, lead to what they lead to in a map,
// while its blocks are moved.
func TestDictModel(t *testing.T) {
	rounds := 60
	if testing.Short() || raceEnabled {
		rounds = 10
	}
	m := newDictModel(t, modelSeed(t))
	for range rounds {
		for range 1000 {
			m.step()
		}
		sh := &m.ks.shards[0]
		if !sh.mu.compaction.running && sh.mu.pool.mark() {
			sh.mu.compaction = compaction{running: true}
		}
		for range m.rnd.IntN(100) {
			m.ks.maintain(0)
		}
		m.compare()
	}
	m.ks.Delete(m.r, m.ks.Lookup(m.r, now, 0))
	maintainAll(m.ks)
	if err := m.ks.audit(); err != nil || m.ks.MemoryUsed() != 0 {
		t.Errorf("%d bytes are left: %v", m.ks.MemoryUsed(), err)
	}
}

// TestDictReleasesInSteps: a call of Release gives back about as many members as it may.
func TestDictReleasesInSteps(t *testing.T) {
	m := newDictModel(t, 1)
	for i := range 20_000 {
		name := fmt.Append(nil, "member", i)
		m.d.Put(m.d.Hash(name), Item{}, name, nil, 0)
	}
	m.d.settle(m.r)
	calls := 0
	for left := m.d.Len(); ; calls++ {
		done := m.d.Release(releaseStep)
		if n := left - m.d.Len(); n > releaseStep+maxSegment*bucketSlots {
			t.Fatalf("a call released %d members", n)
		}
		if left = m.d.Len(); done {
			break
		}
	}
	if calls < 20_000/(releaseStep+maxSegment*bucketSlots) {
		t.Errorf("%d calls", calls)
	}
}

// TestHashReleasesInSteps: a large hash whose fields expire goes a little at a time.
func TestHashReleasesInSteps(t *testing.T) {
	ks, r, fields := benchHash(100_000)
	defer ks.Close()
	for i, field := range fields {
		h := ks.Hash(r, ks.Lookup(r, now, 0), now, false)
		h.SetExpiry(field, now+int64(i))
	}
	ks.Delete(r, ks.Lookup(r, now, 0))
	worst, steps := worstHold(ks)
	if steps < 100 || worst > holdBound() {
		t.Errorf("the longest of %d steps took %v", steps, worst)
	}
	if err := ks.audit(); err != nil || ks.MemoryUsed() != 0 {
		t.Errorf("%d bytes are left: %v", ks.MemoryUsed(), err)
	}
}

// TestFieldsExpireInSteps: a hash of which many fields expire at once is emptied a little at a time, and all of it at once where none is
// left.
func TestFieldsExpireInSteps(t *testing.T) {
	ks, r, fields := benchHash(100_000)
	defer ks.Close()
	for _, field := range fields[1:] {
		h := ks.Hash(r, ks.Lookup(r, now, 0), now, false)
		h.SetExpiry(field, now+1)
	}
	sh := ks.shardOf(r.Slot)
	steps := 0
	for before := len(fields); sh.fieldsDue.Load() < now+2; steps++ {
		sh.mu.Lock()
		ks.reapShard(sh, now+2, nil)
		sh.mu.Unlock()
		h := ks.Hash(r, ks.Lookup(r, now, 0), now, true)
		if n := before - h.Stored(); n > reapStep {
			t.Fatalf("%d fields were removed at once", n)
		}
		before = h.Stored()
	}
	h := ks.Hash(r, ks.Lookup(r, now, 0), now, true)
	if h.Stored() != 1 || steps < len(fields)/reapStep {
		t.Errorf("%d fields are left after %d steps", h.Stored(), steps)
	}
	if err := ks.audit(); err != nil {
		t.Error(err)
	}
}
