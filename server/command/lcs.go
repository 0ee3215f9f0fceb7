package command

import (
	"bytes"
	"slices"

	"ringcache/server/resp"
	"ringcache/server/store"
)

// Errors of LCS.
const (
	errLCSType   = "ERR The specified keys must contain string values"
	errLCSBoth   = "ERR If you want both the length and indexes, please just use IDX."
	errLCSMemory = "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len"
)

// stringLcs is LCS: https://redis.io/docs/latest/commands/lcs/
//
// The work grows with the product of the lengths, so it is done on copies, with no lock held.
func stringLcs(c *Ctx) {
	set, ok := c.lockSet(c.Row)
	if !ok {
		return
	}
	var values [2][]byte
	strings := true
	c.KS.Lock(set)
	for i := range values {
		if it := c.read(c.ref(1 + i)); it.Exists() {
			strings = strings && it.Type() == store.TypeString
			values[i] = bytes.Clone(it.Value())
		}
	}
	c.KS.Unlock(set)
	if !strings {
		c.Out.Error(errLCSType)
		return
	}
	c.lcs(values[0], values[1])
}

// gatherLcs is LCS of two keys with different owners.
func gatherLcs(c *Ctx, replies [][]byte) {
	var values [2][]byte
	for i, reply := range replies {
		v, ok := resp.ParseBulk(reply)
		switch {
		case bytes.HasPrefix(reply, []byte("-WRONGTYPE")):
			c.Out.Error(errLCSType)
			return
		case resp.IsError(reply):
			c.Out.Raw(reply)
			return
		case !ok || i >= len(values):
			c.Out.Error(resp.ErrInternal)
			return
		}
		values[i] = v
	}
	c.lcs(values[0], values[1])
}

type lcsOptions struct {
	length, ranges, withLength bool
	minLength                  int64
}

func (c *Ctx) lcsOptions() (o lcsOptions, ok bool) {
	for i := 3; i < len(c.Args); i++ {
		switch arg := c.Args[i]; {
		case is(arg, "idx"):
			o.ranges = true
		case is(arg, "len"):
			o.length = true
		case is(arg, "withmatchlen"):
			o.withLength = true
		case is(arg, "minmatchlen") && i+1 < len(c.Args):
			i++
			if o.minLength, ok = c.intArg(i); !ok {
				return o, false
			}
		default:
			c.Out.Error(resp.ErrSyntax)
			return o, false
		}
	}
	if o.ranges && o.length {
		c.Out.Error(errLCSBoth)
		return o, false
	}
	return o, true
}

func (c *Ctx) lcs(a, b []byte) {
	o, ok := c.lcsOptions()
	if !ok {
		return
	}
	const cell = 4 // bytes
	if (int64(len(a))+1)*(int64(len(b))+1)*cell > maxString {
		c.Out.Error(errLCSMemory)
		return
	}
	t := newLCSTable(a, b)
	switch {
	case o.length:
		c.Out.Int(int64(t.at(len(a), len(b))))
	case o.ranges:
		c.lcsRanges(t, o)
	default:
		c.Out.Bulk(t.common())
	}
}

// lcsRange is a run of bytes that a and b have in common: a[a:a+n] and b[b:b+n].
type lcsRange struct{ a, b, n int }

func (c *Ctx) lcsRanges(t *lcsTable, o lcsOptions) {
	ranges := slices.DeleteFunc(t.ranges(), func(r lcsRange) bool { return int64(r.n) < o.minLength })
	c.Out.Map(2)
	c.Out.BulkString("matches")
	c.Out.Array(len(ranges))
	for _, r := range ranges {
		if o.withLength {
			c.Out.Array(3)
		} else {
			c.Out.Array(2)
		}
		for _, start := range [2]int{r.a, r.b} {
			c.Out.Array(2)
			c.Out.Int(int64(start))
			c.Out.Int(int64(start + r.n - 1))
		}
		if o.withLength {
			c.Out.Int(int64(r.n))
		}
	}
	c.Out.BulkString("len")
	c.Out.Int(int64(t.at(len(t.a), len(t.b))))
}

// lcsTable holds the lengths of the longest common subsequences of all prefixes of a and b: the textbook's dynamic programming
// (Cormen et al., "Introduction to Algorithms", 15.4). Of several longest ones Redis's choice is kept: going back from the ends,
// it drops a byte of a where that leaves strictly more, else a byte of b.
type lcsTable struct {
	a, b  []byte
	cells []uint32 // (len(a)+1) rows of len(b)+1
}

func newLCSTable(a, b []byte) *lcsTable {
	t := &lcsTable{a: a, b: b, cells: make([]uint32, (len(a)+1)*(len(b)+1))}
	width := len(b) + 1
	for i, x := range a {
		above := t.cells[i*width : (i+1)*width]
		row := t.cells[(i+1)*width : (i+2)*width]
		for j, y := range b {
			if x == y {
				row[j+1] = above[j] + 1
			} else {
				row[j+1] = max(above[j+1], row[j])
			}
		}
	}
	return t
}

func (t *lcsTable) at(i, j int) uint32 { return t.cells[i*(len(t.b)+1)+j] }

// ranges answers the longest common subsequence as runs, the last one first.
func (t *lcsTable) ranges() (runs []lcsRange) {
	run := lcsRange{}
	for i, j := len(t.a), len(t.b); i > 0 && j > 0; {
		switch {
		case t.a[i-1] == t.b[j-1]:
			i--
			j--
			run = lcsRange{i, j, run.n + 1}
			continue
		case t.at(i-1, j) > t.at(i, j-1):
			i--
		default:
			j--
		}
		if run.n > 0 {
			runs = append(runs, run)
			run = lcsRange{}
		}
	}
	if run.n > 0 {
		runs = append(runs, run)
	}
	return runs
}

// common answers the longest common subsequence itself.
func (t *lcsTable) common() []byte {
	var s []byte
	for _, r := range slices.Backward(t.ranges()) {
		s = append(s, t.a[r.a:r.a+r.n]...)
	}
	return s
}
