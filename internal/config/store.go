package config

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// maxErrorName bounds, in bytes, how much of a name from outside an error repeats.
const maxErrorName = 128

// Store holds the settings of a running node: any number of readers take the present snapshot without waiting, CONFIG SET
// publishes the next.
type Store struct {
	cur atomic.Pointer[Config]

	mu    sync.Mutex // one Set at a time; guards hooks. Held while hooks run: a hook must not call Set or OnSet.
	hooks []func(old, now *Config)
}

// NewStore starts with c. An empty Dir becomes what it stands for, as those who ask for dir want a path.
func NewStore(c Config) *Store {
	c.Dir = c.DataDir()
	st := new(Store)
	st.cur.Store(&c)
	return st
}

// Load is the present snapshot. It never changes; take it anew to see a later one.
func (st *Store) Load() *Config { return st.cur.Load() }

// OnSet has fn called after each Set that changed something, in the order of the Sets and never concurrently, once the new
// snapshot is what Load answers.
func (st *Store) OnSet(fn func(old, now *Config)) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.hooks = append(st.hooks, fn)
}

// Get answers name and value of every setting whose name matches a glob pattern (* ? [a-z] [^a] \), in the order of names
// and without regard to case: CONFIG GET.
func (st *Store) Get(pattern string) [][2]string {
	c := st.Load()
	pattern = strings.ToLower(pattern)
	var out [][2]string
	for _, s := range settings() {
		if match(pattern, s.name) {
			out = append(out, [2]string{s.name, s.show(s.of(c))})
		}
		if s.older != "" && match(pattern, s.older) {
			out = append(out, [2]string{s.older, s.show(s.of(c))})
		}
	}
	slices.SortFunc(out, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	return out
}

// Set changes all of the settings in pairs (name, value), or none: CONFIG SET. The error is the whole text of Redis's
// reply, without the leading '-'.
func (st *Store) Set(pairs [][2]string) error {
	chosen := make([]*setting, len(pairs))
	for i, p := range pairs {
		s := lookup(p[0])
		switch {
		case s == nil:
			return fmt.Errorf("ERR Unknown option or number of arguments for CONFIG SET - '%s'", printable(p[0]))
		case s.immutable:
			return setError(s, "can't set immutable config")
		case slices.Contains(chosen[:i], s):
			return setError(s, "duplicate parameter")
		}
		chosen[i] = s
	}

	st.mu.Lock()
	defer st.mu.Unlock()
	old := st.cur.Load()
	now := *old
	for i, s := range chosen {
		v, err := s.parse(s.of(&now), pairs[i][1])
		if err != nil {
			return setError(s, err.Error())
		}
		s.of(&now).Set(v)
	}
	if err := now.Validate(); err != nil {
		return setError(chosen[0], err.Error())
	}
	if len(chosen) == 0 {
		return nil
	}
	st.cur.Store(&now)
	for _, hook := range st.hooks {
		hook(old, &now)
	}
	return nil
}

func setError(s *setting, why string) error {
	return fmt.Errorf("ERR CONFIG SET failed (possibly related to argument '%s') - %s", s.name, why)
}

// printable cuts a name that came from a client to what an error may repeat on one line.
func printable(name string) string {
	if len(name) > maxErrorName {
		name = name[:maxErrorName]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, name)
}
