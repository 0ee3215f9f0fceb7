package ring

import (
	"bytes"
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// smallMaps are maps whose encodings are short, which is what a fuzzer can alter to some effect.
func smallMaps(t testing.TB) map[string]*Map {
	formed, ids := three(t)
	moving := must(formed.Apply(SetSlots{Slots: []SlotRange{{5, 9}, {16383, 16383}}, From: ids[0], Next: ids[2]}))(t)
	old := *formed // of a cluster that was founded before there were hash keys
	old.HashKey = HashKey{}
	counted := must(moving.Apply(UpdateNode{ID: ids[1], Addr: "h:7000", Incarnation: 300}))(t)
	lost := must(old.Apply(SetSlots{Slots: []SlotRange{{7, 7}}, From: ids[0], Primary: ids[2], Force: true}))(t)
	rebalanced := must(formed.Apply(StartRebalance{sampleRebalance(ids[:])}))(t)
	ended := must(must(counted.Apply(StartRebalance{sampleRebalance(ids[:])}))(t).Apply(EndRebalance{counted.Epoch + 1, true, 1 << 41}))(t)
	return map[string]*Map{
		"new": NewMap(), "three": formed, "moving": moving, "old": &old, "counted": counted, "lost": lost, "rebalanced": rebalanced, "ended": ended,
	}
}

// sampleRebalance is three goals, two of them alike.
func sampleRebalance(ids []NodeID) Rebalance {
	ids = slices.Sorted(slices.Values(ids))
	none := unassigned.Replicas
	one := none
	one[0] = 2
	return Rebalance{Rate: 1 << 20, Began: 1 << 40, Nodes: ids, Goals: []SlotGoal{
		{Slot: 0, Primary: 1, Replicas: one, ReplicaCount: 1, Bytes: 1000},
		{Slot: 7, Primary: 0, Replicas: none},
		{Slot: 16383, Primary: 1, Replicas: one, ReplicaCount: 1, Bytes: 1 << 30},
	}}
}

// sampleMaps are maps of all kinds.
func sampleMaps(t testing.TB) map[string]*Map {
	maps := smallMaps(t)
	zones := testMembers(9, 7)
	for i := range zones {
		zones[i].Zone, zones[i].Weight = string(rune('a'+i%3)), i
	}
	maps["zones"], maps["ten"] = settledMap(t, zones, 4), settledMap(t, testMembers(3, 10), 1)
	maps["three nodes"], maps["hundred"] = settledMap(t, testMembers(3, 3), 1), settledMap(t, testMembers(3, 100), 1)
	return maps
}

func sampleChanges() []Change {
	a, b, c := testID(1, 1), testID(1, 2), testID(1, 3)
	return []Change{
		Form{ClusterID: "cluster"},
		Form{"cluster", HashKey{1, 2, 3, 15: 255}},
		AddNode{Node{ID: a, Addr: "h:7000", Bus: "h:17000", Weight: 3, Zone: "z", Draining: true}},
		UpdateNode{b, "g:1", "g:2", 0, "", 0},
		AddNode{Node{ID: b, Addr: "h:7000", Incarnation: 1 << 63}},
		UpdateNode{a, "g:1", "g:2", 2, "z", 9},
		RemoveNode{c},
		SetDraining{a, true},
		SetDraining{b, false},
		SetSlots{
			Slots: []SlotRange{{0, 0}, {2, 100}, {101, 101}, {16383, 16383}}, From: a, Term: 1 << 60, Primary: b, Next: c, Force: true,
			ClearNext: true, Drop: []NodeID{c}, Add: []NodeID{a, c}, OutOfSync: []NodeID{a}, InSync: []NodeID{c},
		},
		SetSlots{Slots: []SlotRange{{0, 16383}}, Primary: a},
		StartRebalance{sampleRebalance([]NodeID{a, b, c})},
		EndRebalance{12, true, 1 << 41},
		EndRebalance{12, false, 0},
	}
}

func TestMapRoundTrip(t *testing.T) {
	for name, m := range sampleMaps(t) {
		p := must(m.MarshalBinary())(t)
		t.Logf("%s: %d bytes", name, len(p))
		back := must(UnmarshalMap(p))(t)
		if !same(m, back) {
			t.Errorf("%s: it has changed on the way", name)
		}
		for cut := range p {
			if cut > 300 && cut%(len(p)/16) != 0 {
				continue
			}
			if _, err := UnmarshalMap(p[:cut]); !errors.Is(err, ErrEncoding) {
				t.Fatalf("%s: cut to %d bytes: %v", name, cut, err)
			}
		}
		if _, err := UnmarshalMap(append(p, 0)); !errors.Is(err, ErrEncoding) {
			t.Errorf("%s: a byte too many: %v", name, err)
		}
	}
}

// TestOldEncodings: what was written before there were hash keys still reads, and is written no differently.
func TestOldEncodings(t *testing.T) {
	// Epoch 5, cluster c1, no nodes, one state of slots, 16384 slots of it.
	oldMap := []byte("\x01\x05\x02c1\x00\x01\x00\x00\x00\x00\x00\x01\xfe\x7f")
	m := must(UnmarshalMap(oldMap))(t)
	if m.Epoch != 5 || m.ClusterID != "c1" || !m.HashKey.IsZero() {
		t.Errorf("epoch %d of %s, has a key: %v", m.Epoch, m.ClusterID, !m.HashKey.IsZero())
	}
	if p := must(m.MarshalBinary())(t); !bytes.Equal(p, oldMap) {
		t.Errorf("% x became % x", oldMap, p)
	}
	oldForm := []byte("\x01\x00\x01\x01\x02c1")
	changes := must(DecodeChanges(oldForm))(t)
	if diff := cmp.Diff([]Change{Form{ClusterID: "c1"}}, changes); diff != "" {
		t.Error(diff)
	}
	if p := must(EncodeChanges(changes))(t); !bytes.Equal(p, oldForm) {
		t.Errorf("% x became % x", oldForm, p)
	}
}

// TestIncarnationsHaveOneEncoding: version 3 is for what needs it, and what older versions wrote has no incarnation.
func TestIncarnationsHaveOneEncoding(t *testing.T) {
	for name, version := range map[string]byte{"old": 1, "three": 2, "lost": 3, "counted": 4} {
		if p := must(mapOf(t, name).MarshalBinary())(t); p[0] != version {
			t.Errorf("%s is of version %d", name, p[0])
		}
	}
	if _, err := UnmarshalMap([]byte("\x03\x05\x02c1\x00\x01\x00\x00\x00\x00\x00\x01\xfe\x7f")); !errors.Is(err, ErrEncoding) {
		t.Errorf("a map of version 3 without incarnations: %v", err)
	}
	old := must(EncodeChanges([]Change{AddNode{Node{ID: testID(1, 1), Addr: "h:1"}}, UpdateNode{ID: testID(1, 1), Addr: "h:2"}}))(t)
	if old[0] != batchVersion || old[1+1+nodeIDBytes+1] != byte(tagAddNode) {
		t.Errorf("without incarnations it is written as % x", old)
	}
	inc := must(EncodeChanges([]Change{AddNode{Node{ID: testID(1, 1), Addr: "h:1", Incarnation: 5}}}))(t)
	inc[len(inc)-1] = 0
	if _, err := DecodeChanges(inc); !errors.Is(err, ErrEncoding) {
		t.Errorf("an incarnation of 0: %v", err)
	}
}

// TestZeroHashKeyIsRefused: a value has one encoding.
func TestZeroHashKeyIsRefused(t *testing.T) {
	p := must(mapOf(t, "three").MarshalBinary())(t)
	clear(p[1+1+1+len("c1"):][:len(HashKey{})]) // version, epoch, length and text of the cluster id
	if _, err := UnmarshalMap(p); !errors.Is(err, ErrEncoding) {
		t.Errorf("in a map: %v", err)
	}
	p = append([]byte("\x01\x00\x01\x07\x02c1"), make([]byte, len(HashKey{}))...)
	if _, err := DecodeChanges(p); !errors.Is(err, ErrEncoding) {
		t.Errorf("in a change: %v", err)
	}
	p[len(p)-1] = 1
	if diff := cmp.Diff([]Change{Form{"c1", HashKey{15: 1}}}, must(DecodeChanges(p))(t)); diff != "" {
		t.Error(diff)
	}
}

func mapOf(t testing.TB, name string) *Map {
	t.Helper()
	m := smallMaps(t)[name]
	if m.Epoch > 127 {
		t.Fatalf("the epoch %d takes more than a byte", m.Epoch)
	}
	return m
}

func TestChangesRoundTrip(t *testing.T) {
	changes := sampleChanges()
	p := must(EncodeChanges(changes))(t)
	if diff := cmp.Diff(changes, must(DecodeChanges(p))(t)); diff != "" {
		t.Error(diff)
	}
	for cut := range p {
		if _, err := DecodeChanges(p[:cut]); !errors.Is(err, ErrEncoding) {
			t.Fatalf("cut to %d bytes: %v", cut, err)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	id := testID(1, 1)
	for name, c := range map[string]Change{
		"cluster id": Form{ClusterID: strings.Repeat("x", MaxClusterID+1)},
		"weight":     AddNode{Node{ID: id, Addr: "h:1", Weight: -1}},
		"zone":       UpdateNode{ID: id, Addr: "h:1", Zone: strings.Repeat("z", MaxZone+1)},
		"id":         RemoveNode{"short"},
		"ranges":     SetSlots{Slots: []SlotRange{{3, 2}}},
		"lists":      SetSlots{Slots: []SlotRange{{3, 3}}, Add: make([]NodeID, maxListed+1)},
	} {
		if _, err := EncodeChanges([]Change{c}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := EncodeChanges(make([]Change, MaxBatch+1)); !errors.Is(err, ErrEncoding) {
		t.Errorf("too many: %v", err)
	}
}

// TestLargestFit holds that the largest honest values stay within the bounds: every slot different, all names long.
func TestLargestFit(t *testing.T) {
	m := NewMap()
	m.Epoch, m.ClusterID, m.HashKey = 1<<63, strings.Repeat("c", MaxClusterID), NewHashKey()
	var nodes []Change
	for _, member := range testMembers(4, MaxNodes) {
		n := Node{member.ID, strings.Repeat("a", MaxAddr), strings.Repeat("b", MaxAddr), MaxWeight, strings.Repeat("z", MaxZone), true, 1 << 63}
		nodes = append(nodes, AddNode{n})
	}
	m = must(m.Apply(nodes...))(t)
	for slot := range m.Slots {
		at := func(k int) Index { return Index((slot + 100*k) % MaxNodes) }
		m.Slots[slot] = Slot{at(0), at(1), [MaxReplicas]Index{at(2), at(3), at(4), at(5)}, 4, 15, slot%2 == 0, m.Epoch - uint64(slot)}
	}
	p := must(m.MarshalBinary())(t)
	t.Logf("map: %d bytes", len(p))
	if must(UnmarshalMap(p))(t).Slots != m.Slots {
		t.Error("it has changed on the way")
	}

	var changes []Change
	for slot := range m.Slots {
		s := &m.Slots[slot]
		changes = append(changes, SetSlots{
			Slots: []SlotRange{{uint16(slot), uint16(slot)}}, From: m.ID(s.Primary), Term: m.Epoch, Primary: m.ID(s.Next),
			Add: []NodeID{m.ID(s.Replicas[0])}, InSync: []NodeID{m.ID(s.Replicas[0])},
		})
	}
	p = must(EncodeChanges(changes))(t)
	must(DecodeChanges(p))(t)
	t.Logf("a change of its own for each slot: %d bytes", len(p))
}

func FuzzUnmarshalMap(f *testing.F) {
	for _, m := range smallMaps(f) {
		p, _ := m.MarshalBinary()
		f.Add(p)
	}
	f.Add([]byte{mapVersion, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, p []byte) {
		m, err := UnmarshalMap(p)
		if err != nil {
			if !errors.Is(err, ErrEncoding) && !errors.Is(err, ErrMap) {
				t.Fatalf("error of no kind: %v", err)
			}
			return
		}
		if err := m.Validate(); err != nil {
			t.Fatal(err)
		}
		q, _ := m.MarshalBinary()
		again, err := UnmarshalMap(q)
		if err != nil || !same(m, again) {
			t.Fatalf("does not survive a round trip: %v", err)
		}
	})
}

func FuzzDecodeChanges(f *testing.F) {
	p, _ := EncodeChanges(sampleChanges())
	f.Add(p)
	for _, c := range sampleChanges() {
		p, _ := EncodeChanges([]Change{c})
		f.Add(p)
	}
	start, _ := three(f)
	f.Fuzz(func(t *testing.T, p []byte) {
		changes, err := DecodeChanges(p)
		if err != nil {
			if !errors.Is(err, ErrEncoding) {
				t.Fatalf("error of no kind: %v", err)
			}
			return
		}
		// Whatever came, applying it gives a valid map or an error.
		if next, err := start.Apply(changes...); err == nil {
			if err := next.Validate(); err != nil {
				t.Fatal(err)
			}
		}
		q, err := EncodeChanges(changes)
		if err != nil {
			return // a node that no map could hold
		}
		again, err := DecodeChanges(q)
		if err != nil || !cmp.Equal(changes, again) {
			t.Fatalf("does not survive a round trip: %v", err)
		}
	})
}

// TestDecodersAllocateLittle feeds counts that promise far more than there is.
func TestDecodersAllocateLittle(t *testing.T) {
	keyed := append([]byte{mapVersionKeyed, 0, 0}, bytes.Repeat([]byte{1}, len(HashKey{}))...)
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}
	for name, decode := range map[string]func([]byte) error{
		"map":     func(p []byte) error { _, err := UnmarshalMap(p); return err },
		"changes": func(p []byte) error { _, err := DecodeChanges(p); return err },
	} {
		for _, head := range [][]byte{{1}, {1, 0}, {1, 0, 0}, {1, 0, 0, 0}, {1, 0, 1, 6}, keyed} {
			for _, count := range [][]byte{huge, {0xe8, 0x07}, {0x80, 0x80, 0x01}} {
				p := bytes.Join([][]byte{head, count}, nil)
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				err := decode(p)
				runtime.ReadMemStats(&after)
				if used := after.TotalAlloc - before.TotalAlloc; err == nil || used > 1<<20 {
					t.Errorf("%s % x: error %v, %d bytes allocated", name, p, err, used)
				}
			}
		}
	}
}

func BenchmarkMarshal(b *testing.B) {
	m := settledMap(b, testMembers(1, 10), 1)
	for b.Loop() {
		m.MarshalBinary()
	}
}

func BenchmarkUnmarshal(b *testing.B) {
	p, _ := settledMap(b, testMembers(1, 10), 1).MarshalBinary()
	for b.Loop() {
		UnmarshalMap(p)
	}
}
