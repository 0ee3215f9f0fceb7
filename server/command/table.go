package command

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"strings"
)

// Table holds every command of a node.
type Table struct {
	rows  []*Row // commands, by name
	all   []*Row // commands and subcommands, by Index
	index index
}

// NewTable builds the table from its families. It panics on a malformed row: a mistake in a row is a mistake in the program,
// and shows at the first start. More rows are for tests.
func NewTable(more ...*Row) *Table {
	rows := more
	rows = append(rows, connRows()...)
	rows = append(rows, serverRows()...)
	rows = append(rows, clusterRows()...)
	rows = append(rows, introspectRows()...)
	rows = append(rows, keyRows()...)
	rows = append(rows, expireRows()...)
	rows = append(rows, waitRows()...)
	rows = append(rows, dumpRows()...)
	rows = append(rows, stringRows()...)
	rows = append(rows, bitRows()...)
	rows = append(rows, hllRows()...)
	rows = append(rows, hashRows()...)
	rows = append(rows, listRows()...)
	rows = append(rows, blockingListRows()...)
	rows = append(rows, blockingZsetRows()...)
	rows = append(rows, setRows()...)
	rows = append(rows, zsetRows()...)
	rows = append(rows, geoRows()...)
	rows = append(rows, streamRows()...)
	rows = append(rows, sortRows()...)
	return newTable(rows)
}

func newTable(rows []*Row) *Table {
	t := &Table{rows: rows}
	slices.SortFunc(t.rows, func(a, b *Row) int { return strings.Compare(a.Name, b.Name) })
	for _, r := range t.rows {
		t.add(r, nil)
	}
	t.index = newIndex(t.rows)
	return t
}

func (t *Table) add(r, parent *Row) {
	r.parent, r.full = parent, r.Name
	if parent != nil {
		r.full = parent.Name + "|" + r.Name
		if r.Group == "" {
			r.Group = parent.Group
		}
		if r.Route == ByKey && r.FirstKey == 0 && r.Keys == nil {
			r.Route = parent.Route
		}
	}
	switch {
	case r.FirstKey == 0 && r.Keys == nil:
		r.keyed = keyNone
	case r.Keys == nil && r.FirstKey == r.LastKey:
		r.keyed = keyOne
	default:
		r.keyed = keyMany
	}
	r.pairs = r.KeyStep == 2 && r.LastKey == -1
	r.number = len(t.all)
	t.all = append(t.all, r)
	if err := r.check(); err != "" {
		panic("command: row " + r.full + ": " + err)
	}
	if len(r.Sub) > 0 {
		for _, sub := range r.Sub {
			t.add(sub, r)
		}
		r.subs = newIndex(r.Sub)
	}
}

// Groups are the groups that COMMAND DOCS knows.
var Groups = []string{
	"bitmap", "cluster", "connection", "generic", "geo", "hash", "hyperloglog", "list", "pubsub", "scripting", "sentinel",
	"server", "set", "sorted-set", "stream", "string", "transactions",
}

// check answers what is wrong with a row, or "".
func (r *Row) check() string {
	switch {
	case r.Name == "" || r.Name != strings.ToLower(r.Name):
		return "the name is not in lower case"
	case r.Arity == 0:
		return "no arity"
	case !slices.Contains(Groups, r.Group):
		return fmt.Sprintf("unknown group %q", r.Group)
	case r.Summary == "" || r.Since == "":
		return "no summary or since"
	case r.parent != nil && len(r.Sub) > 0:
		return "a subcommand has subcommands"
	case r.Has(Write) && r.Has(ReadOnly):
		return "both write and readonly"
	case r.Route == Everywhere && r.PartFn == nil:
		return "an Everywhere row has no PartFn"
	case r.Route == Everywhere && r.keyed != keyNone:
		return "an Everywhere row has keys"
	case r.Route == Everywhere && r.Has(Write) != (r.ApplyFn != nil):
		return "an Everywhere row that writes needs an ApplyFn"
	case r.Route != Everywhere && r.Fn == nil && len(r.Sub) == 0:
		return "no Fn"
	case r.Route == ByKey && r.keyed == keyNone && r.Fn != nil:
		return "routed by key and has none"
	case (r.Join == JoinCustom) != (r.JoinFn != nil):
		return "JoinFn and Join disagree"
	case r.Join == JoinNone && (r.Route == Everywhere || r.Split == SplitKeys || r.Split == SplitPairs):
		return "split, but not joined"
	case (r.Split == SplitGet) != (r.Gather != nil):
		return "Gather and Split disagree"
	case r.Split == SplitKeys && (r.FirstKey != 1 || r.LastKey != -1 || r.KeyStep != 1):
		return "SplitKeys, but not every argument is a key"
	case r.Has(Blocking) != (r.TimeoutAt != nil) || r.Has(Blocking) && (r.keyed != keyMany || r.Split != NoSplit || r.Has(Slow)):
		return "Blocking rows, and no others, have a TimeoutAt, keys found by a list, and are run by one node"
	case r.Split == SplitPairs && (r.FirstKey != 1 || r.LastKey != -1 || r.KeyStep != 2):
		return "SplitPairs, but the arguments are not pairs"
	}
	if err := r.checkKeys(); err != "" {
		return err
	}
	return checkParams(r.Params, len(r.Specs))
}

func (r *Row) checkKeys() string {
	first := 1
	if r.parent != nil {
		first = 2
	}
	least := max(r.Arity, -r.Arity)
	switch {
	case r.FirstKey == 0 && (r.LastKey != 0 || r.KeyStep != 0):
		return "no first key, but a last or a step"
	case r.FirstKey != 0 && (r.FirstKey < first || r.FirstKey >= least || r.KeyStep < 1):
		return "the first key or the step is impossible"
	case r.FirstKey != 0 && r.LastKey >= 0 && (r.LastKey < r.FirstKey || r.LastKey >= least):
		return "the last key is impossible"
	case r.keyed != keyNone && len(r.Specs) == 0:
		return "keys without specs"
	case r.Keys != nil && !r.Has(MovableKeys):
		return "Keys without MovableKeys"
	case r.SlotArg != nil && (r.Route != Here || r.keyed != keyNone):
		return "SlotArg in a row with keys or another route"
	}
	for i := range r.Specs {
		if s := &r.Specs[i]; (s.FlagsFor != nil) != (s.Flags&KeyVariableFlags != 0) {
			return "FlagsFor and KeyVariableFlags disagree"
		}
	}
	return ""
}

func checkParams(params []Param, specs int) string {
	for i := range params {
		p := &params[i]
		switch {
		case p.Name == "" || p.Type == "":
			return "a parameter without a name or a type"
		case p.Type == TypeKey && (p.Spec < 0 || p.Spec >= specs):
			return "parameter " + p.Name + " names no key spec"
		case (p.Type == TypeOneOf || p.Type == TypeBlock) != (len(p.Sub) > 0):
			return "parameter " + p.Name + " has parts and is no choice or block, or the reverse"
		case p.Type == TypePureToken && p.Token == "":
			return "parameter " + p.Name + " is a token without a word"
		}
		if err := checkParams(p.Sub, specs); err != "" {
			return err
		}
	}
	return ""
}

// Rows lists the commands by name. Subcommands are in their containers' Sub.
func (t *Table) Rows() []*Row { return t.rows }

// Len counts rows and subcommands: each has an Index below it.
func (t *Table) Len() int { return len(t.all) }

// At answers the row with an Index.
func (t *Table) At(index int) *Row { return t.all[index] }

// Lookup finds the row that args (at least one) name, whatever their case: a command, or where a container is called with more
// than its name, a subcommand. It answers nil if there is none, and does not look at the arity. It does not allocate.
func (t *Table) Lookup(args [][]byte) *Row {
	r := t.index.find(args[0])
	if r == nil || len(r.Sub) == 0 || len(args) == 1 {
		return r
	}
	return r.subs.find(args[1])
}

// LookupName finds a row by the name that [Row.FullName] answers, in any case; "config get" is not a name.
func (t *Table) LookupName(name string) *Row {
	name, sub, has := strings.Cut(name, "|")
	r := t.index.find([]byte(name))
	if r == nil || !has {
		return r
	}
	return r.subs.find([]byte(sub))
}

// CheckError answers the error, without '-', with which Redis refuses args: an unknown command or subcommand, a wrong number
// of arguments. It answers "" where there is nothing to refuse.
func (t *Table) CheckError(args [][]byte) string {
	r := t.Lookup(args)
	if r != nil {
		if r.ArityOK(len(args)) {
			return ""
		}
		return "ERR wrong number of arguments for '" + r.full + "' command"
	}
	if t.index.find(args[0]) != nil {
		return oneLine(fmt.Sprintf("ERR unknown subcommand '%s'. Try %s HELP.",
			clip(args[1], previewMax), strings.ToUpper(cstring(args[0]))))
	}
	var preview []byte
	for i := 1; i < len(args) && len(preview) < previewMax; i++ {
		preview = fmt.Appendf(preview, "'%s' ", clip(args[i], previewMax-len(preview)))
	}
	return oneLine(fmt.Sprintf("ERR unknown command '%s', with args beginning with: %s", clip(args[0], previewMax), preview))
}

// previewMax is how many bytes of a name, and of all arguments, errors show.
const previewMax = 128

// cstring is b up to its first NUL, as Redis prints it.
func cstring(b []byte) string {
	if i := slices.Index(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

func clip(b []byte, most int) string { return cstring(b[:min(len(b), most)]) }

// oneLine keeps what a client sent from ending the reply's line.
func oneLine(s string) string { return strings.NewReplacer("\r", " ", "\n", " ").Replace(s) }

// index finds rows by name: an open-addressing table at most a quarter full. A name of up to 8 letters, which is nearly every
// one that is sent often, is folded to lower case, hashed and compared as one word.
type index struct {
	cells []cell // a power of two
	shift uint
}

type cell struct {
	head    uint64 // the first 8 bytes of the name, zero padded
	row     *Row
	letters bool // the whole name is in head, and is letters only: an equal folded word is an equal name
}

const foldCase = 0x2020202020202020

func newIndex(rows []*Row) index {
	size := 1 << bits.Len(uint(len(rows)*4))
	x := index{cells: make([]cell, size), shift: uint(64 - bits.TrailingZeros(uint(size)))}
	for _, r := range rows {
		if x.find([]byte(r.Name)) != nil {
			panic("command: two rows named " + r.Name)
		}
		head := nameHead([]byte(r.Name))
		i := nameHash(head, len(r.Name)) >> x.shift
		for x.cells[i].row != nil {
			i = (i + 1) % uint64(size)
		}
		letters := len(r.Name) <= 8 && strings.Trim(r.Name, "abcdefghijklmnopqrstuvwxyz") == ""
		x.cells[i] = cell{head: head, row: r, letters: letters}
	}
	return x
}

// nameHead packs the first 8 bytes of a name into a word, with bit 5 of each set: letters in lower case.
func nameHead(name []byte) uint64 {
	n := len(name)
	switch {
	case n >= 8:
		return binary.LittleEndian.Uint64(name) | foldCase
	case n >= 4: // two words of four, which may overlap
		lo, hi := binary.LittleEndian.Uint32(name), binary.LittleEndian.Uint32(name[n-4:])
		return uint64(lo) | uint64(hi)<<(8*(n-4)&63) | foldCase>>((64-8*n)&63)
	case n > 0: // the first, the middle and the last byte, which may be the same
		w := uint64(name[0]) | uint64(name[n/2])<<(8*(n/2)&63) | uint64(name[n-1])<<(8*(n-1)&63)
		return w | foldCase>>((64-8*n)&63)
	}
	return 0
}

// nameHash spreads names of the same beginning by their lengths.
func nameHash(head uint64, n int) uint64 { return (head + uint64(n)) * 0x9E3779B97F4A7C15 }

func (x *index) find(name []byte) *Row {
	if len(x.cells) == 0 {
		return nil
	}
	head := nameHead(name)
	for i := nameHash(head, len(name)) >> x.shift; ; i = (i + 1) & uint64(len(x.cells)-1) {
		c := &x.cells[i&uint64(len(x.cells)-1)]
		switch {
		case c.row == nil:
			return nil
		case c.head != head || len(c.row.Name) != len(name):
		case c.letters || equalFold(name, c.row.Name):
			return c.row
		}
	}
}

// equalFold reports whether b is s, which is in lower case and as long, but for the case of ASCII letters.
func equalFold(b []byte, s string) bool {
	for i := range b {
		c := b[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != s[i] {
			return false
		}
	}
	return true
}
