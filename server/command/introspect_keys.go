package command

import (
	"strings"

	"ringcache/server/store"
)

// COMMAND GETKEYS and GETKEYSANDFLAGS: the keys of a call, and what it does to them.

// commandOf resolves the command that GETKEYS is asked about, or writes the error.
func (c *Ctx) commandOf(args [][]byte) *Row {
	r := c.Table.Lookup(args)
	switch {
	case r == nil:
		c.Out.Error(errGetKeysCommand)
	case !r.Keyed():
		c.Out.Error(errGetKeysNone)
	case len(args) != r.Arity && (r.Arity > 0 || len(args) < -r.Arity): // an odd pair is no matter of Redis's arity
		c.Out.Error(errGetKeysArity)
	default:
		return r
	}
	return nil
}

// commandGetKeys is COMMAND GETKEYS command [argument ...].
func commandGetKeys(c *Ctx) {
	args := c.Args[2:]
	r := c.commandOf(args)
	if r == nil {
		return
	}
	pos, err := r.KeyPositions(args, nil)
	if err != nil || r.specMissing(args) || len(pos) == 0 && !r.Has(NoMandatoryKeys) {
		c.Out.Error(errGetKeysArgs)
		return
	}
	c.Out.Array(len(pos))
	for _, i := range pos {
		c.Out.Bulk(args[i])
	}
}

// specMissing reports whether a call ends before the keys that one of the specs tells of: PFMERGE of one key. Redis calls that wrong.
func (r *Row) specMissing(args [][]byte) bool {
	for i := range r.Specs {
		if s := &r.Specs[i]; s.Search == SearchIndex && s.Find == FindRange && s.Index >= len(args) {
			return true
		}
	}
	return false
}

// commandGetKeysAndFlags is COMMAND GETKEYSANDFLAGS command [argument ...]: each key with what is done to it.
func commandGetKeysAndFlags(c *Ctx) {
	args := c.Args[2:]
	r := c.commandOf(args)
	if r == nil {
		return
	}
	var found []specKey
	for i := range r.Specs {
		found = r.Specs[i].find(args, found)
	}
	pos, err := r.KeyPositions(args, nil)
	if err != nil || r.specMissing(args) || min(len(found), len(pos)) == 0 && !r.Has(NoMandatoryKeys) {
		c.Out.Error(errGetKeysArgs)
		return
	}
	c.Out.Array(len(found))
	for _, k := range found {
		c.Out.Array(2)
		c.Out.Bulk(args[k.pos])
		c.writeStatusSet(k.flags.Names(nil), "")
	}
}

// specKey is one key that a KeySpec found.
type specKey struct {
	pos   int
	flags KeyFlag
}

// find appends to dst the keys that s finds in args. A spec that does not fit the arguments finds none.
func (s *KeySpec) find(args [][]byte, dst []specKey) []specKey {
	if s.Positions != nil {
		for _, at := range s.Positions(args) {
			dst = append(dst, specKey{at, s.Flags})
		}
		return dst
	}
	first, ok := s.begin(args)
	if !ok || s.Flags&KeyNotKey != 0 {
		return dst
	}
	flags := s.Flags &^ KeyVariableFlags
	if s.FlagsFor != nil {
		flags = s.FlagsFor(args)
	}
	var last int // inclusive
	switch s.Find {
	case FindRange:
		last = first + s.LastKey
		if s.LastKey < 0 {
			last = len(args) + s.LastKey
			if s.Limit > 1 {
				last = first + (len(args)-first)/s.Limit + s.LastKey
			}
		}
	case FindKeyNum:
		at := first + s.KeyNumIndex
		if at >= len(args) {
			return dst
		}
		n, ok := store.ParseInt(args[at])
		if !ok || n < 0 || n > int64(len(args)) {
			return dst
		}
		first += s.FirstKeyN
		last = first + (int(n)-1)*s.KeyStep
	default:
		return dst
	}
	if last >= len(args) || s.KeyStep < 1 {
		return dst
	}
	for i := first; i <= last; i += s.KeyStep {
		dst = append(dst, specKey{i, flags})
	}
	return dst
}

// begin answers where the keys of s begin.
func (s *KeySpec) begin(args [][]byte) (int, bool) {
	switch s.Search {
	case SearchIndex:
		return s.Index, s.Index < len(args)
	case SearchKeyword:
		i, step := s.StartFrom, 1
		if i < 0 {
			i, step = len(args)+i, -1
		}
		for ; i > 0 && i < len(args); i += step {
			if is(args[i], strings.ToLower(s.Keyword)) {
				return i + 1, i+1 < len(args)
			}
		}
	}
	return 0, false
}
