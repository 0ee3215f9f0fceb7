package replication

import (
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"ringcache/ring"
)

// keyspace is a keyspace of lists of words, with commands that depend on what is there.
type keyspace struct {
	t     testing.TB
	slots [ring.Slots]*testSlot

	cleared func(slot uint16) // called by Clear
}

type testSlot struct {
	sync.Mutex
	held bool
	dbs  [16]map[string][]string
}

func newKeyspace(t testing.TB) *keyspace { return &keyspace{t: t, cleared: func(uint16) {}} }

// at is a slot, which is there from its first use on: tests with goroutines use it before.
func (k *keyspace) at(slot uint16) *testSlot {
	if k.slots[slot] == nil {
		k.slots[slot] = new(testSlot)
	}
	return k.slots[slot]
}

func (k *keyspace) Lock(slot uint16) {
	s := k.at(slot)
	s.Lock()
	s.held = true
}

func (k *keyspace) Unlock(slot uint16) {
	s := k.at(slot)
	s.held = false
	s.Unlock()
}

// held is the slot, whose lock must be held.
func (k *keyspace) held(slot uint16) *testSlot {
	s := k.at(slot)
	if !s.held {
		panic("a slot is used without its lock")
	}
	return s
}

func (k *keyspace) Clear(slot uint16) {
	k.cleared(slot)
	k.held(slot).dbs = [16]map[string][]string{}
}

var errUnknown = errors.New("unknown effect")

func (k *keyspace) Apply(slot uint16, db int, args [][]byte) error {
	words := make([]string, len(args))
	for i, a := range args {
		words[i] = string(a)
	}
	return k.held(slot).apply(db, words)
}

func (s *testSlot) apply(db int, w []string) error {
	if s.dbs[db] == nil {
		s.dbs[db] = map[string][]string{}
	}
	d := s.dbs[db]
	switch w[0] {
	case "SET":
		d[w[1]] = slices.Clone(w[2:])
	case "DEL":
		delete(d, w[1])
	case "RPUSH":
		d[w[1]] = append(d[w[1]], w[2:]...)
	case "LTRIM": // keeps the first so many
		n, _ := strconv.Atoi(w[2])
		d[w[1]] = d[w[1]][:min(n, len(d[w[1]]))]
	case "LREM":
		d[w[1]] = slices.DeleteFunc(slices.Clone(d[w[1]]), func(v string) bool { return v == w[2] })
	case "RENAME":
		if v, ok := d[w[1]]; ok {
			d[w[2]] = v
			delete(d, w[1])
		}
	case "SWAPDB":
		a, _ := strconv.Atoi(w[1])
		b, _ := strconv.Atoi(w[2])
		s.dbs[a], s.dbs[b] = s.dbs[b], s.dbs[a]
	case "FLUSHALL":
		s.dbs = [16]map[string][]string{}
	default:
		return errUnknown
	}
	for key, v := range s.dbs[db] {
		if len(v) == 0 {
			delete(s.dbs[db], key)
		}
	}
	return nil
}

func place(db int, key string) uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, key)
	return uint64(db)<<56 | h.Sum64()>>8
}

func (k *keyspace) Walk(slot uint16, cursor uint64, dst []byte, budget int) (out []byte, next uint64, done bool) {
	s := k.held(slot)
	type entry struct {
		at  uint64
		db  int
		key string
	}
	var all []entry
	for db, d := range s.dbs {
		for key := range d {
			if at := place(db, key); at >= cursor {
				all = append(all, entry{at, db, key})
			}
		}
	}
	slices.SortFunc(all, func(a, b entry) int {
		if a.at < b.at {
			return -1
		}
		return 1
	})
	start := len(dst)
	for _, e := range all {
		if len(dst)-start >= budget {
			return dst, e.at, false
		}
		dst = AppendEffect(dst, slot, e.db, words(append([]string{"SET", e.key}, s.dbs[e.db][e.key]...)...), RequestID{}, nil)
	}
	return dst, 0, true
}

func words(w ...string) [][]byte {
	args := make([][]byte, len(w))
	for i := range w {
		args[i] = []byte(w[i])
	}
	return args
}

// text is what a slot holds.
func (k *keyspace) text(slot uint16) string {
	var b strings.Builder
	for db, d := range k.at(slot).dbs {
		for _, key := range slices.Sorted(maps.Keys(d)) {
			fmt.Fprintf(&b, "%d %s=%s\n", db, key, strings.Join(d[key], ","))
		}
	}
	return b.String()
}

// effects is what running w on the slot emits: as the server does, w itself, or while the slot is walked what needs no other key and
// leaves none behind. It runs w.
func (k *keyspace) effects(slot uint16, db int, syncing bool, w ...string) (effects [][]string) {
	s := k.held(slot)
	before := s.dbs[db][w[min(1, len(w)-1)]]
	if err := s.apply(db, w); err != nil {
		panic(err)
	}
	switch {
	case !syncing, w[0] == "SWAPDB", w[0] == "FLUSHALL":
		return [][]string{w}
	case w[0] == "RENAME" && before == nil:
		return [][]string{{"DEL", w[1]}}
	case w[0] == "RENAME":
		return [][]string{append([]string{"SET", w[2]}, before...), {"DEL", w[1]}}
	case s.dbs[db][w[1]] == nil:
		return [][]string{{"DEL", w[1]}}
	}
	return [][]string{w}
}
