package store

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// largeOf makes a large set of members by number.
func largeOf(ks *Keyspace, r Ref, n int) Set {
	ks.LockSlot(r.Slot)
	defer ks.UnlockSlot(r.Slot)
	s := ks.OpenSet(r, ks.Lookup(r, now, 0), now)
	s.Expect(math.MaxInt32)
	var text [24]byte
	for i := range n {
		s.Add(strconv.AppendInt(append(text[:0], "member:"...), int64(i), 10))
	}
	return s
}

// unevenly is how far from uniform counts are, in standard deviations of what chance makes of them: chi-square.
func unevenly(counts map[string]int, members, draws int) float64 {
	expected := float64(draws) / float64(members)
	chi := expected * float64(members-len(counts)) // those that were never drawn
	for _, n := range counts {
		d := float64(n) - expected
		chi += d * d / expected
	}
	freedom := float64(members - 1)
	return (chi - freedom) / math.Sqrt(2*freedom)
}

// TestRandomMembersAreFair draws from sets of all forms and from dictionaries of uneven shape: half of the hashes' range nearly empty
// after deletes, segments of very different depth, few members left of many.
func TestRandomMembersAreFair(t *testing.T) {
	seed := modelSeed(t)
	rnd := rand.New(rand.NewPCG(seed, 0))
	ks := New(Options{Hash: goodHash, Random: rnd})
	defer ks.Close()
	most := 20_000
	if raceEnabled {
		most = 3000
	}
	for name, stays := range map[string]func(h uint64, i int) bool{
		"all of 1":               func(_ uint64, i int) bool { return i < 1 },
		"all of 7":               func(_ uint64, i int) bool { return i < 7 },
		"all of 200":             func(_ uint64, i int) bool { return i < 200 },
		"all":                    func(uint64, int) bool { return true },
		"one in fifty":           func(_ uint64, i int) bool { return i%50 == 0 },
		"one half nearly empty":  func(h uint64, i int) bool { return h>>63 == 1 || i%40 == 0 },
		"an eighth and a little": func(h uint64, i int) bool { return h>>61 == 3 || i%100 == 0 },
		"steps": func(h uint64, i int) bool { // ever fewer towards the greatest hashes
			return i%(1<<(h>>61)) == 0
		},
	} {
		for _, form := range []Encoding{EncHashtable, EncListpack} {
			r := ks.Ref(7, 0, []byte(name))
			s := largeOf(ks, r, most)
			members := most
			for i := range most {
				if text := fmt.Appendf(nil, "member:%d", i); !stays(goodHash(text), i) {
					s.Remove(text)
					members--
				}
			}
			if form == EncListpack {
				if members > 300 {
					ks.Delete(r, s.Item())
					continue
				}
				th := DefaultThresholds
				th.SetEntries = 1000
				ks.SetThresholds(th)
				b := ks.BuildSet(7, EncListpack)
				s.Each(func(e Element) bool { return b.Add(e) })
				s.replace(&b)
			}
			if s.Len() != members || s.Encoding() != form {
				t.Fatalf("%s: %d members in a %v, want %d in a %v", name, s.Len(), s.Encoding(), members, form)
			}
			draws := max(50*members, 1000)
			each, several, picked := map[string]int{}, map[string]int{}, map[string]int{}
			for range draws {
				e := ks.RandomMember(&s.Members)
				each[string(e.Str)]++
			}
			ks.RandomMembers(&s.Members, draws, func(e Element) bool {
				several[string(e.Str)]++
				return true
			})
			if n := max(1, members/10); members > 1 {
				for range draws / n {
					ks.PickMembers(&s.Members, n, func(e Element) { picked[string(e.Str)]++ })
				}
				// Different ones are drawn together, so they spread more evenly than chance has it: that is no fault.
				if z := unevenly(picked, members, draws/n*n); z > 5 {
					t.Errorf("%s, %v: members picked are off by %.1f deviations", name, form, z)
				}
			}
			for how, counts := range map[string]map[string]int{"one by one": each, "several": several} {
				if z := unevenly(counts, members, draws); members > 1 && math.Abs(z) > 5 {
					t.Errorf("%s, %v: %d members drawn %s are off by %.1f deviations", name, form, members, how, z)
				}
			}
			ks.Delete(r, s.Item())
		}
	}
}

// TestPopIsFair: of a set in each form every member is popped equally often, whether few are popped or nearly all.
func TestPopIsFair(t *testing.T) {
	seed := modelSeed(t)
	ks := New(Options{Hash: goodHash, Random: rand.New(rand.NewPCG(seed, 0))})
	defer ks.Close()
	const members = 40
	rounds := 4000
	if raceEnabled {
		rounds = 400
	}
	for _, form := range []Encoding{EncIntset, EncListpack, EncHashtable} {
		for _, n := range []int{1, 3, 20, 38} {
			counts := map[string]int{}
			for range rounds {
				r := ks.Ref(7, 0, []byte("k"))
				s := ks.OpenSet(r, ks.Lookup(r, now, 0), now)
				b := ks.BuildSet(7, form)
				for i := range members {
					if form == EncIntset {
						b.Add(Element{Int: int64(i), IsInt: true})
					} else {
						b.Add(Element{Str: fmt.Append(nil, "m", i)})
					}
				}
				s.replace(&b)
				if s.Encoding() != form {
					t.Fatalf("a %v", s.Encoding())
				}
				s.Pop(n, func(e Element) { counts[string(e.Append(nil))]++ })
			}
			if z := unevenly(counts, members, rounds*n); z > 5 {
				t.Errorf("%v: popping %d of %d is off by %.1f deviations", form, n, members, z)
			}
		}
	}
}

// TestSetScanGuarantee scans a large set in steps while members come and go, the dictionary grows and shrinks and its memory moves:
// every member that is there throughout is seen exactly once.
func TestSetScanGuarantee(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ks := New(Options{Hash: hash, Poison: true})
		defer ks.Close()
		r := ks.Ref(0, 0, []byte("set"))
		s := largeOf(ks, r, rapid.IntRange(1, 300).Draw(t, "stay"))
		stay := s.Len()
		seen := map[string]int{}
		for from, done := uint64(0), false; !done; {
			for range rapid.IntRange(0, 3).Draw(t, "changes") {
				many := rapid.IntRange(1, 900).Draw(t, "many")
				drop := rapid.Bool().Draw(t, "drop")
				for i := range many {
					if text := fmt.Append(nil, "come and go", i); drop {
						s.Remove(text)
					} else {
						s.Add(text)
					}
				}
			}
			if rapid.Bool().Draw(t, "compact") {
				(&setModel{ks: ks}).compact()
			}
			last := from
			from, done = s.Scan(from, rapid.IntRange(1, 50).Draw(t, "limit"), func(e Element) { seen[string(e.Str)]++ })
			if !done && (from <= last || from&0xFFFF != 0) {
				t.Fatalf("cursor %x after %x", from, last)
			}
		}
		for i := range stay {
			if n := seen["member:"+strconv.Itoa(i)]; n != 1 {
				t.Fatalf("member %d was seen %d times", i, n)
			}
		}
		for text, n := range seen {
			if n > 1 {
				t.Fatalf("%q was seen %d times", text, n)
			}
		}
	})
}

// TestSetIsReleasedInSteps: deleting a set of millions takes no time that a request would notice, neither at once nor in any step of
// what is left to do; so does throwing away one that was never stored.
func TestSetIsReleasedInSteps(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	members := 10_000_000
	if testing.Short() || raceEnabled {
		members = 300_000
	}
	ks := New(Options{Hash: goodHash})
	defer ks.Close()
	r := ks.Ref(12, 3, []byte("large"))
	s := largeOf(ks, r, members)
	used := ks.MemoryUsed()
	begin := cpuTime()
	ks.Delete(r, s.Item())
	took := cpuTime() - begin
	if ks.MemoryUsed() > 1000 || took > holdBound() {
		t.Errorf("deleting took %v, %d bytes of %d are used", took, ks.MemoryUsed(), used)
	}
	if members < 1_000_000 { // it takes long
		if err := ks.audit(); err != nil {
			t.Error(err)
		}
	}
	worst, steps := worstHold(ks)
	if steps < members/2000 || worst > holdBound() {
		t.Errorf("%d members were released in %d steps, the longest of %v", members, steps, worst)
	}
	maintainAll(ks)
	checkAllGone(t, ks)
	t.Logf("%d members of %d bytes: deleted in %v, released in %d steps of at most %v", members, used/int64(members), took, steps, worst)

	b := ks.BuildSet(12, EncHashtable)
	for i := range 10_000 {
		b.Add(Element{Int: int64(i), IsInt: true})
	}
	b.Discard()
	if err := ks.audit(); err != nil || ks.MemoryUsed() != 0 {
		t.Errorf("%d bytes used: %v", ks.MemoryUsed(), err)
	}
	maintainAll(ks)
	checkAllGone(t, ks)
}

// TestRandomMemberIsQuick: one member of a large set costs no more than of a small one, but for what is not in the caches, though most
// members are gone.
func TestRandomMemberIsQuick(t *testing.T) {
	ks := New(Options{Hash: goodHash})
	defer ks.Close()
	members := 200_000
	if raceEnabled {
		members = 20_000
	}
	r := ks.Ref(12, 0, []byte("large"))
	s := largeOf(ks, r, members)
	for i := range members {
		if i%50 > 0 {
			s.Remove(fmt.Appendf(nil, "member:%d", i))
		}
	}
	begin := time.Now()
	const draws = 10_000
	for range draws {
		ks.RandomMember(&s.Members)
	}
	if took := time.Since(begin) / draws; took > 20*time.Microsecond && !raceEnabled {
		t.Errorf("a draw takes %v", took)
	} else {
		t.Logf("a draw takes %v", took)
	}
}
