package command

import (
	"math"
	"strconv"

	"ringcache/server/resp"
	"ringcache/server/store"
)

// The blocking commands of lists and sorted sets. What they do to a collection the families know.
//
// Each is what its sibling that does not wait is, LPOP or ZMPOP, once a key can serve it, and is replicated as that.

// What several of the rows have.
var (
	floatTimeout    = [][2]string{{"6.0.0", "`timeout` is interpreted as a double instead of an integer."}}
	timeoutParam    = typedParam("timeout", TypeDouble)
	keysThenTimeout = []Param{keyParam("key", 0).multiple(), timeoutParam}
	takenSpecs      = []KeySpec{rangeSpec(KeyRW|KeyAccess|KeyDelete, 1, -2, 1)}
	countedSpecs    = []KeySpec{{
		Flags: KeyRW | KeyAccess | KeyDelete, Search: SearchIndex, Index: 2, Find: FindKeyNum, FirstKeyN: 1, KeyStep: 1,
	}}
)

// countedParams is the syntax of BLMPOP and BZMPOP.
func countedParams(where Param) []Param {
	return []Param{
		timeoutParam, intParam("numkeys"), keyParam("key", 0).multiple(), where, intParam("count").withToken("COUNT").optional(),
	}
}

// blockingListRows are the commands of lists that wait.
func blockingListRows() []*Row {
	sourceAndTarget := []KeySpec{oneKeySpec(KeyRW|KeyAccess|KeyDelete, 1), oneKeySpec(KeyRW|KeyInsert, 2)}
	leftRight := func(name string) Param {
		return oneOf(name, tokenParam("left", "LEFT"), tokenParam("right", "RIGHT"))
	}
	return []*Row{
		{
			Name: "blpop", Arity: -3, Flags: Write | NoScript | Blocking, FirstKey: 1, LastKey: -2, KeyStep: 1, ACL: []string{"list"},
			Group: "list", Since: "2.0.0", Complexity: "O(N) where N is the number of provided keys.",
			Summary: "Remove and get the first element in a list, or block until one is available",
			Specs:   takenSpecs, Params: keysThenTimeout, History: floatTimeout,
			TimeoutAt: lastArg, Fn: func(c *Ctx) { c.popList(true) },
		},
		{
			Name: "brpop", Arity: -3, Flags: Write | NoScript | Blocking, FirstKey: 1, LastKey: -2, KeyStep: 1, ACL: []string{"list"},
			Group: "list", Since: "2.0.0", Complexity: "O(N) where N is the number of provided keys.",
			Summary: "Remove and get the last element in a list, or block until one is available",
			Specs:   takenSpecs, Params: keysThenTimeout, History: floatTimeout,
			TimeoutAt: lastArg, Fn: func(c *Ctx) { c.popList(false) },
		},
		{
			Name: "blmove", Arity: 6, Flags: Write | DenyOOM | NoScript | Blocking, FirstKey: 1, LastKey: 2, KeyStep: 1, ACL: []string{"list"},
			Group: "list", Since: "6.2.0", Complexity: "O(1)",
			Summary: "Pop an element from a list, push it to another list and return it; or block until one is available",
			Specs:   sourceAndTarget, Params: []Param{
				keyParam("source", 0), keyParam("destination", 1), leftRight("wherefrom"), leftRight("whereto"), timeoutParam,
			},
			TimeoutAt: lastArg, Fn: listBlmove,
		},
		{
			Name: "brpoplpush", Arity: 4, Flags: Write | DenyOOM | NoScript | Blocking, FirstKey: 1, LastKey: 2, KeyStep: 1, ACL: []string{"list"},
			Group: "list", Since: "2.2.0", Complexity: "O(1)",
			Summary: "Pop an element from a list, push it to another list and return it; or block until one is available",
			Specs:   sourceAndTarget, Params: []Param{keyParam("source", 0), keyParam("destination", 1), timeoutParam}, History: floatTimeout,
			DeprecatedSince: "6.2.0", ReplacedBy: "`BLMOVE` with the `RIGHT` and `LEFT` arguments",
			TimeoutAt: lastArg, Fn: func(c *Ctx) { c.moveList(false, true) },
		},
		{
			Name: "blmpop", Arity: -5, Flags: Write | Blocking | MovableKeys, Keys: keysAfterCount(2), ACL: []string{"list"},
			Group: "list", Since: "7.0.0",
			Complexity: "O(N+M) where N is the number of provided keys and M is the number of elements returned.",
			Summary:    "Pop elements from a list, or block until one is available",
			Specs:      countedSpecs, Params: countedParams(leftRight("where")), TimeoutAt: firstArg, Fn: listBlmpop,
		},
	}
}

// blockingZsetRows are the commands of sorted sets that wait.
func blockingZsetRows() []*Row {
	return []*Row{
		{
			Name: "bzpopmin", Arity: -3, Flags: Write | NoScript | Blocking | Fast, FirstKey: 1, LastKey: -2, KeyStep: 1, ACL: []string{"sortedset"},
			Group: "sorted-set", Since: "5.0.0", Complexity: "O(log(N)) with N being the number of elements in the sorted set.",
			Summary: "Remove and return the member with the lowest score from one or more sorted sets, or block until one is available",
			Specs:   takenSpecs, Params: keysThenTimeout, History: floatTimeout,
			TimeoutAt: lastArg, Fn: func(c *Ctx) { c.popZset(false) },
		},
		{
			Name: "bzpopmax", Arity: -3, Flags: Write | NoScript | Blocking | Fast, FirstKey: 1, LastKey: -2, KeyStep: 1, ACL: []string{"sortedset"},
			Group: "sorted-set", Since: "5.0.0", Complexity: "O(log(N)) with N being the number of elements in the sorted set.",
			Summary: "Remove and return the member with the highest score from one or more sorted sets, or block until one is available",
			Specs:   takenSpecs, Params: keysThenTimeout, History: floatTimeout,
			TimeoutAt: lastArg, Fn: func(c *Ctx) { c.popZset(true) },
		},
		{
			Name: "bzmpop", Arity: -5, Flags: Write | Blocking | MovableKeys, Keys: keysAfterCount(2), ACL: []string{"sortedset"},
			Group: "sorted-set", Since: "7.0.0",
			Complexity: "O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of elements in the " +
				"sorted set, and M being the number of elements popped.",
			Summary: "Remove and return members with scores in a sorted set or block until one is available",
			Specs:   countedSpecs, Params: countedParams(oneOf("where", tokenParam("min", "MIN"), tokenParam("max", "MAX"))),
			TimeoutAt: firstArg, Fn: zsetBzmpop,
		},
	}
}

// keysAfterCount finds the keys behind their number at position i. Where it is wrong there are none, and the handler has the words.
func keysAfterCount(i int) func(args [][]byte, dst []int) ([]int, error) {
	return func(args [][]byte, dst []int) ([]int, error) {
		n, ok := store.ParseInt(args[i])
		if ok && n > 0 && n < int64(len(args)-i) {
			for k := range int(n) {
				dst = append(dst, i+1+k)
			}
		}
		return dst, nil
	}
}

// firstServing answers the first of the keys at positions from to end that has a value of type t. Where there is none the command
// waits, for millis; ok is false then, as after an error.
func (c *Ctx) firstServing(from, end int, t store.Type, millis int64) (r store.Ref, it store.Item, ok bool) {
	for i := from; i < end; i++ {
		r, it, ok := c.await(i, t)
		if !ok {
			return r, it, false
		}
		if it.Exists() {
			return r, it, true
		}
	}
	keys := make([]int, 0, end-from)
	for i := from; i < end; i++ {
		keys = append(keys, i)
	}
	c.Block(Wait{Type: t, Keys: keys, Millis: millis})
	return r, it, false
}

// keyThenTimeout is firstServing for the rows whose last argument is the time-out.
func (c *Ctx) keyThenTimeout(t store.Type) (r store.Ref, it store.Item, ok bool) {
	last := len(c.Args) - 1
	millis, ok := c.timeoutArg(last)
	if !ok {
		return r, it, false
	}
	return c.firstServing(1, last, t, millis)
}

// popList is BLPOP and BRPOP: https://redis.io/docs/latest/commands/blpop/
func (c *Ctx) popList(left bool) {
	r, it, ok := c.keyThenTimeout(store.TypeList)
	if !ok {
		return
	}
	c.Out.Array(2)
	c.Out.Bulk(r.Key)
	l := c.KS.List(r, it, c.Now)
	c.listEnd(&l, left)
	c.listCut(r, &l, left, 1)
	c.ReplicateAs(r.Slot, r.DB, popName(left), r.Key)
}

func zsetPopName(highest bool) []byte {
	if highest {
		return zpopmaxName
	}
	return zpopminName
}

var (
	zpopminName = []byte("ZPOPMIN")
	zpopmaxName = []byte("ZPOPMAX")
)

// popZset is BZPOPMIN and BZPOPMAX: https://redis.io/docs/latest/commands/bzpopmin/
func (c *Ctx) popZset(highest bool) {
	r, it, ok := c.keyThenTimeout(store.TypeZset)
	if !ok {
		return
	}
	c.Out.Array(3)
	c.Out.Bulk(r.Key)
	takeScores(c, r, it, highest, 1, func(member []byte, score float64) {
		c.Out.Bulk(member)
		c.Out.Double(score)
	})
	c.ReplicateAs(r.Slot, r.DB, zsetPopName(highest), r.Key)
}

// either reports whether argument i is the first of two words, or replies the error where it is neither.
func (c *Ctx) either(i int, first, second string) (isFirst, ok bool) {
	switch {
	case is(c.Args[i], first):
		return true, true
	case is(c.Args[i], second):
		return false, true
	}
	c.Out.Error(resp.ErrSyntax)
	return false, false
}

// listBlmove is BLMOVE: https://redis.io/docs/latest/commands/blmove/
func listBlmove(c *Ctx) {
	fromLeft, ok := c.side(3)
	if !ok {
		return
	}
	if toLeft, ok := c.side(4); ok {
		c.moveList(fromLeft, toLeft)
	}
}

// moveList is what BLMOVE and BRPOPLPUSH are: https://redis.io/docs/latest/commands/brpoplpush/
func (c *Ctx) moveList(fromLeft, toLeft bool) {
	millis, ok := c.timeoutArg(len(c.Args) - 1)
	if !ok {
		return
	}
	_, it, ok := c.await(1, store.TypeList)
	switch {
	case !ok:
	case it.Exists():
		c.moveElement(fromLeft, toLeft)
	case !c.mayBlock():
		c.Out.Null() // not the null array that ends its waiting: so is Redis
	default:
		c.Block(Wait{Type: store.TypeList, Keys: []int{1}, Millis: millis})
	}
}

// listBlmpop is BLMPOP: https://redis.io/docs/latest/commands/blmpop/
func listBlmpop(c *Ctx) {
	keys, left, count, ok := c.lmpopArgs(2)
	if !ok {
		return
	}
	millis, ok := c.timeoutArg(1)
	if !ok {
		return
	}
	r, it, ok := c.firstServing(3, 3+keys, store.TypeList, millis)
	if !ok {
		return
	}
	l := c.KS.List(r, it, c.Now)
	n := int(min(count, int64(l.Len())))
	c.Out.Array(2)
	c.Out.Bulk(r.Key)
	c.listEnds(&l, left, n)
	c.listCut(r, &l, left, n)
	c.ReplicateAs(r.Slot, r.DB, popName(left), r.Key, strconv.AppendInt(nil, int64(n), 10))
}

// mpopCall is a parsed BZMPOP.
type mpopCall struct {
	first, end int // positions of the keys
	where      bool
	count      int
	millis     int64
}

// mpopArgs reads the arguments of BZMPOP; where is whether the first of the two words is there.
func (c *Ctx) mpopArgs(word, other string) (m mpopCall, ok bool) {
	n, ok := c.positive(2, "numkeys")
	if !ok {
		return m, false
	}
	m.first, m.count = 3, 1
	if n >= int64(len(c.Args)-m.first) {
		c.Out.Error(resp.ErrSyntax)
		return m, false
	}
	m.end = m.first + int(n)
	if m.where, ok = c.either(m.end, word, other); !ok {
		return m, false
	}
	if rest := c.Args[m.end+1:]; len(rest) > 0 {
		if !is(rest[0], "count") || len(rest) == 1 {
			c.Out.Error(resp.ErrSyntax)
			return m, false
		}
		count, ok := c.positive(m.end+2, "count")
		if !ok {
			return m, false
		}
		if len(rest) > 2 {
			c.Out.Error(resp.ErrSyntax)
			return m, false
		}
		m.count = int(min(count, math.MaxInt))
	}
	m.millis, ok = c.timeoutArg(1)
	return m, ok
}

// positive reads argument i as a number above 0, or replies the error with its name.
func (c *Ctx) positive(i int, name string) (int64, bool) {
	n, ok := store.ParseInt(c.Args[i])
	if !ok || n < 1 {
		c.Out.Error("ERR " + name + " should be greater than 0")
		return 0, false
	}
	return n, true
}

// zsetBzmpop is BZMPOP: https://redis.io/docs/latest/commands/bzmpop/
func zsetBzmpop(c *Ctx) {
	m, ok := c.mpopArgs("min", "max")
	if !ok {
		return
	}
	r, it, ok := c.firstServing(m.first, m.end, store.TypeZset, m.millis)
	if !ok {
		return
	}
	c.Out.Array(2)
	c.Out.Bulk(r.Key)
	at := len(c.Out.B)
	n := takeScores(c, r, it, !m.where, m.count, func(member []byte, score float64) {
		c.Out.Array(2)
		c.Out.Bulk(member)
		c.Out.Double(score)
	})
	c.Out.InsertArray(at, n)
	c.ReplicateAs(r.Slot, r.DB, zsetPopName(!m.where), r.Key, strconv.AppendInt(nil, int64(n), 10))
}
