package command

import (
	"math"
	"strconv"

	"ringcache/server/resp"
	"ringcache/server/store"
)

// listLlen is LLEN: https://redis.io/docs/latest/commands/llen/
func listLlen(c *Ctx) {
	if l, ok := c.list(); ok {
		c.Out.Int(int64(l.Len()))
	}
}

// listLindex is LINDEX: https://redis.io/docs/latest/commands/lindex/
func listLindex(c *Ctx) {
	l, ok := c.list()
	if !ok {
		return
	}
	if !l.Item().Exists() {
		c.Out.Null()
		return
	}
	index, ok := c.intArg(2)
	if !ok {
		return
	}
	n := int64(l.Len())
	if index < 0 {
		index += n
	}
	if index < 0 || index >= n {
		c.Out.Null()
		return
	}
	e, _ := l.Index(int(index))
	c.element(e)
}

// listLrange is LRANGE: https://redis.io/docs/latest/commands/lrange/
func listLrange(c *Ctx) {
	start, end, ok := c.bounds(2)
	if !ok {
		return
	}
	l, ok := c.list()
	if !ok {
		return
	}
	first, n := within(start, end, l.Len())
	c.Out.Array(n)
	c.elements(&l, first, n)
}

// Errors of LPOS.
const (
	errPosRank = "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start " +
		"from the end of the list"
	errPosRankRange = "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807"
	errPosCount     = "ERR COUNT can't be negative"
	errPosMaxLen    = "ERR MAXLEN can't be negative"
)

// posOptions are the options of LPOS.
type posOptions struct {
	rank   int64
	count  int64 // -1: not given; 0: all
	maxLen int64 // 0: no bound
}

func (c *Ctx) posOptions() (o posOptions, ok bool) {
	o = posOptions{rank: 1, count: -1}
	for i := 3; i < len(c.Args); i += 2 {
		arg := c.Args[i]
		if i+1 == len(c.Args) {
			c.Out.Error(resp.ErrSyntax)
			return o, false
		}
		switch {
		case is(arg, "rank"):
			if o.rank, ok = c.intArg(i + 1); !ok {
				return o, false
			}
			if o.rank == 0 {
				c.Out.Error(errPosRank)
				return o, false
			}
			if o.rank == math.MinInt64 { // it has no opposite: Redis refuses it since 7.2
				c.Out.Error(errPosRankRange)
				return o, false
			}
		case is(arg, "count"):
			if o.count, ok = c.notNegative(i+1, errPosCount); !ok {
				return o, false
			}
		case is(arg, "maxlen"):
			if o.maxLen, ok = c.notNegative(i+1, errPosMaxLen); !ok {
				return o, false
			}
		default:
			c.Out.Error(resp.ErrSyntax)
			return o, false
		}
	}
	return o, true
}

// notNegative reads argument i as an integer from 0 on, or replies refusal.
func (c *Ctx) notNegative(i int, refusal string) (int64, bool) {
	n, ok := store.ParseInt(c.Args[i])
	if !ok || n < 0 {
		c.Out.Error(refusal)
		return 0, false
	}
	return n, true
}

// listLpos is LPOS: https://redis.io/docs/latest/commands/lpos/
func listLpos(c *Ctx) {
	o, ok := c.posOptions()
	if !ok {
		return
	}
	l, ok := c.list()
	if !ok {
		return
	}
	at, found := len(c.Out.B), 0
	size := l.Len()
	looks := size
	if o.maxLen > 0 {
		looks = int(min(o.maxLen, int64(size)))
	}
	skip, most := max(o.rank, -o.rank)-1, o.count
	if most < 0 {
		most = 1
	}
	i, more := 0, true
	look := func(e store.Element) bool {
		if e.Is(c.Args[2]) {
			if skip > 0 {
				skip--
			} else {
				index := i
				if o.rank < 0 {
					index = size - 1 - i
				}
				c.Out.Int(int64(index))
				found++
				more = int64(found) != most
			}
		}
		i++
		return more
	}
	if o.rank > 0 {
		l.Scan(0, looks, look)
	} else {
		l.ScanBack(size-1, looks, look)
	}
	switch {
	case o.count >= 0:
		c.Out.InsertArray(at, found)
	case found == 0:
		c.Out.Null()
	}
}

// Errors of commands that say how many keys they have.
const (
	errNumKeys = "ERR numkeys should be greater than 0"
	errCount   = "ERR count should be greater than 0"
)

// lmpopArgs reads the arguments of LMPOP from numkeys at argument i on, or replies the error.
func (c *Ctx) lmpopArgs(i int) (keys int, left bool, count int64, ok bool) {
	n, ok := store.ParseInt(c.Args[i])
	if !ok || n < 1 {
		c.Out.Error(errNumKeys)
		return 0, false, 0, false
	}
	if n > int64(len(c.Args)-i-2) {
		c.Out.Error(resp.ErrSyntax)
		return 0, false, 0, false
	}
	keys = int(n)
	at := i + 1 + keys
	if left, ok = c.side(at); !ok {
		return 0, false, 0, false
	}
	count = 1
	switch rest := c.Args[at+1:]; {
	case len(rest) == 0:
	case len(rest) >= 2 && is(rest[0], "count"):
		if count, ok = store.ParseInt(rest[1]); !ok || count < 1 {
			c.Out.Error(errCount)
			return 0, false, 0, false
		}
		if len(rest) == 2 {
			break
		}
		fallthrough
	default:
		c.Out.Error(resp.ErrSyntax)
		return 0, false, 0, false
	}
	return keys, left, count, true
}

// listLmpop is LMPOP: https://redis.io/docs/latest/commands/lmpop/
func listLmpop(c *Ctx) {
	keys, left, count, ok := c.lmpopArgs(1)
	if ok && !c.listMpop(2, keys, left, count) {
		c.Out.NullArray()
	}
}

// listMpop pops up to count elements from the first list that is not empty of the keys from argument i on, and replies key and elements,
// or an error. It answers false, and has replied nothing, where all are empty.
func (c *Ctx) listMpop(i, keys int, left bool, count int64) bool {
	for ; keys > 0; i, keys = i+1, keys-1 {
		r, l, ok := c.listToChange(i)
		if !ok {
			return true
		}
		if !l.Item().Exists() {
			continue
		}
		n := int(min(count, int64(l.Len())))
		c.Out.Array(2)
		c.Out.Bulk(r.Key)
		c.listEnds(&l, left, n)
		c.listCut(r, &l, left, n)
		c.emit(r.Slot, r.DB, popName(left), r.Key, strconv.AppendInt(c.eff.num[:0], int64(n), 10))
		return true
	}
	return false
}
