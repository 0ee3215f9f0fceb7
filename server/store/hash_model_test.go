package store

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// modelField is what a field of the model holds.
type modelField struct {
	val string
	at  int64 // unix ms; 0 = never
}

// hashModel is hashes twice: in a keyspace, and in maps.
type hashModel struct {
	t    *testing.T
	rnd  *rand.Rand
	ks   *Keyspace
	want map[modelKey]map[string]modelField
	now  int64
	big  bool // hashes are to become large
}

func (m *hashModel) fail(format string, args ...any) {
	m.t.Helper()
	m.t.Fatalf(format, args...)
}

// key picks one of few, in few slots of two shards, one of them with a long name.
func (m *hashModel) key() modelKey {
	n := m.rnd.IntN(12)
	name := fmt.Sprint("key", n)
	switch n {
	case 7:
		name = strings.Repeat("long key ", 700)
	case 8:
		name = strings.Repeat("longest key ", 2000)
	}
	return modelKey{slot: uint16(n%2 + Shards*(n%3)), db: m.rnd.IntN(2), key: name}
}

func (m *hashModel) field() string {
	fields := 20
	if m.big {
		fields = 900
	}
	n := m.rnd.IntN(fields)
	switch {
	case n == 3:
		return strings.Repeat("f", 300)
	case n == 4 && m.rnd.IntN(20) == 0:
		return strings.Repeat("g", 20_000)
	case n%5 == 0:
		return fmt.Sprint(n * 1000)
	}
	return fmt.Sprint("field", n)
}

func (m *hashModel) value() string {
	switch m.rnd.IntN(12) {
	case 0:
		return fmt.Sprint(m.rnd.Int64() >> m.rnd.IntN(64))
	case 1:
		return ""
	case 2:
		return strings.Repeat("m", m.rnd.IntN(6000))
	case 3:
		if m.rnd.IntN(8) == 0 {
			return strings.Repeat("large", 3300+m.rnd.IntN(9000))
		}
	}
	return strings.Repeat("v", m.rnd.IntN(70))
}

func (m *hashModel) open(k modelKey) (Ref, Hash) {
	r := m.ks.Ref(k.slot, k.db, []byte(k.key))
	return r, m.ks.Hash(r, m.ks.Lookup(r, m.now, 0), m.now, false)
}

func (f modelField) alive(now int64) bool { return f.at == 0 || f.at >= now }

// forget drops the fields of the model that have expired.
func (m *hashModel) forget(k modelKey) map[string]modelField {
	fields := m.want[k]
	if fields == nil {
		fields = map[string]modelField{}
		m.want[k] = fields
	}
	for name, f := range fields {
		if !f.alive(m.now) {
			delete(fields, name)
		}
	}
	return fields
}

func (m *hashModel) step() {
	m.now += m.rnd.Int64N(3)
	k := m.key()
	fields := m.forget(k)
	r, h := m.open(k)
	name := m.field()
	_, there := fields[name]
	switch op := m.rnd.IntN(100); {
	case op < 45:
		h.Reap()
		f := modelField{val: m.value()}
		at := int64(0)
		switch m.rnd.IntN(8) {
		case 0:
			at = m.soon()
			f.at = at
		case 1:
			h.Bury([]byte(name))
			at, f.at = KeepExpiry, fields[name].at
		}
		if created := h.Set([]byte(name), []byte(f.val), at); created == there {
			m.fail("Set of %.20q, which was there: %v, answers %v", name, there, created)
		}
		fields[name] = f
	case op < 60:
		h.Reap()
		if gone := h.Delete([]byte(name)); gone != there {
			m.fail("Delete of %.20q, which was there: %v, answers %v", name, there, gone)
		}
		delete(fields, name)
		if h.Exists() && h.Stored() == 0 {
			m.ks.Delete(r, h.Item())
		}
	case op < 75:
		h.Reap()
		if there {
			f := fields[name]
			if f.at = 0; m.rnd.IntN(4) > 0 {
				f.at = m.soon()
			}
			h.SetExpiry([]byte(name), f.at)
			fields[name] = f
		}
	case op < 97:
		m.look(&h, name, fields)
	case op < 98:
		if h.Exists() {
			m.ks.Delete(r, h.Item())
		}
		delete(m.want, k)
	default:
		m.rename(k, r, &h)
	}
}

func (m *hashModel) soon() int64 { return m.now + m.rnd.Int64N(1+int64(1)<<m.rnd.IntN(14)) }

// look compares one field, and now and then all.
func (m *hashModel) look(h *Hash, name string, fields map[string]modelField) {
	f, there := fields[name]
	val, ok := h.Get([]byte(name))
	at, ok2 := h.Expiry([]byte(name))
	if ok != there || ok2 != there || there && (string(val.Append(nil)) != f.val || at != f.at) {
		m.fail("%.20q holds %.30q until %d, %v, should hold %.30q until %d, %v", name, val.Append(nil), at, ok, f.val, f.at, there)
	}
	if n := h.Len(); n != len(fields) {
		m.fail("%d fields, should be %d", n, len(fields))
	}
	if m.rnd.IntN(10) > 0 {
		return
	}
	n := 0
	h.Each(func(field, val Element) {
		n++
		if f, ok := fields[string(field.Append(nil))]; !ok || f.val != string(val.Append(nil)) {
			m.fail("%.20q holds %.30q, should hold %.30q, %v", field.Append(nil), val.Append(nil), f.val, ok)
		}
	})
	if n != len(fields) {
		m.fail("%d fields, should be %d", n, len(fields))
	}
	if n > 0 {
		want := m.rnd.IntN(n + 1)
		met := map[string]bool{}
		h.Sample(want, func(field, _ Element) { met[string(field.Append(nil))] = true })
		if len(met) != want {
			m.fail("a sample of %d has %d different fields", want, len(met))
		}
	}
}

// rename moves a hash to another key of its shard.
func (m *hashModel) rename(k modelKey, r Ref, h *Hash) {
	to := m.key()
	h.Reap()
	if !h.Exists() || h.Item().Object() == nil || to == k || to.slot%Shards != k.slot%Shards {
		return
	}
	at := h.Item().ExpireAt()
	obj := m.ks.TakeObject(r, h.Item())
	toRef := m.ks.Ref(to.slot, to.db, []byte(to.key))
	m.ks.SetObject(toRef, m.ks.Lookup(toRef, m.now, 0), obj, at, m.now)
	m.want[to] = m.want[k]
	delete(m.want, k)
}

// beside is what others do meanwhile.
func (m *hashModel) beside() {
	switch m.rnd.IntN(8) {
	case 0:
		m.now += m.rnd.Int64N(2000)
	case 1, 2, 3:
		m.ks.ExpireSlice(m.now, time.Duration(m.rnd.IntN(300))*time.Microsecond, nil)
	case 4:
		m.ks.MaintainSlice(time.Duration(m.rnd.IntN(300)) * time.Microsecond)
	case 5:
		for i := range 2 { // as if it paid
			sh := &m.ks.shards[i]
			if sh.mu.Lock(); !sh.mu.compaction.running && sh.mu.pool.mark() {
				sh.mu.compaction = compaction{running: true}
			}
			sh.mu.Unlock()
		}
		for i := range 2 {
			for range m.rnd.IntN(60) {
				m.ks.maintain(i)
			}
		}
	case 6:
		if m.rnd.IntN(20) > 0 {
			return
		}
		k := m.key()
		m.ks.LockSlot(k.slot)
		m.ks.FlushSlotDB(k.slot, k.db)
		m.ks.UnlockSlot(k.slot)
		for other := range m.want {
			if other.slot == k.slot && other.db == k.db {
				delete(m.want, other)
			}
		}
	case 7:
		if m.rnd.IntN(5) > 0 {
			return
		}
		slot := m.key().slot
		m.ks.LockSlot(slot)
		m.ks.SwapSlot(slot, 0, 1)
		m.ks.UnlockSlot(slot)
		swapped := map[modelKey]map[string]modelField{}
		for k, v := range m.want {
			if k.slot == slot {
				k.db = 1 - k.db
			}
			swapped[k] = v
		}
		m.want = swapped
	}
}

// TestHashModel: random changes of hashes lead to what they lead to in maps, while keys go, databases are exchanged and memory is compacted.
func TestHashModel(t *testing.T) {
	steps := 120_000
	if testing.Short() || raceEnabled {
		steps = 15_000
	}
	first := modelSeed(t)
	for round := range uint64(4) {
		m := &hashModel{
			t: t, rnd: rand.New(rand.NewPCG(first+round, 3)), ks: New(Options{Hash: goodHash, Poison: true}),
			want: map[modelKey]map[string]modelField{}, now: now, big: round%2 == 1,
		}
		th := DefaultThresholds
		th.HashEntries, th.HashValue = 12, []int{60, 60, 8000, 200}[round]
		m.ks.SetThresholds(th)
		for i := range steps {
			m.ks.Lock(3)
			m.step()
			m.ks.Unlock(3)
			if m.rnd.IntN(20) == 0 {
				m.beside()
			}
			if i%500 == 0 {
				if err := m.ks.audit(); err != nil {
					t.Fatalf("seed %d, step %d: %v", first, i, err)
				}
			}
		}
		m.end()
	}
}

// end lets all fields that ever will expire, and leaves nothing behind.
func (m *hashModel) end() {
	m.now += 1 << 20
	for more := true; more; {
		_, more = m.ks.ExpireSlice(m.now, time.Hour, nil)
	}
	for k := range m.want {
		fields := m.forget(k)
		_, h := m.open(k)
		if h.Stored() != len(fields) || h.Exists() != (len(fields) > 0) {
			m.fail("%d fields are left, should be %d", h.Stored(), len(fields))
		}
		if h.Exists() {
			r, h := m.open(k)
			m.ks.Delete(r, h.Item())
		}
	}
	maintainAll(m.ks)
	if err := m.ks.audit(); err != nil {
		m.fail("%v", err)
	}
	if n := m.ks.MemoryUsed(); n != 0 || m.ks.Keys() != 0 {
		m.fail("%d bytes are left of %d keys", n, m.ks.Keys())
	}
}
