package command

import (
	"bytes"

	"ringcache/server/resp"
	"ringcache/server/store"
)

// list finds the list at argument 1 for reading, or replies WRONGTYPE. A key that is not there is an empty list.
func (c *Ctx) list() (l store.List, ok bool) {
	r := c.ref(1)
	it := c.read(r)
	return c.KS.List(r, it, c.Now), !c.wrongType(it, store.TypeList)
}

// listToChange finds the list at argument i, which is about to be changed.
func (c *Ctx) listToChange(i int) (r store.Ref, l store.List, ok bool) {
	r = c.ref(i)
	it := c.find(r)
	return r, c.KS.List(r, it, c.Now), !c.wrongType(it, store.TypeList)
}

// element replies an element of a list.
func (c *Ctx) element(e store.Element) {
	if e.IsInt {
		c.Out.BulkInt(e.Int)
	} else {
		c.Out.Bulk(e.Str)
	}
}

// elements replies n elements of a list from first on.
func (c *Ctx) elements(l *store.List, first, n int) {
	l.Runs(first, n, func(p store.Packed, pos store.Pos, n int) {
		for range n {
			str, num, after := p.Take(pos)
			if str != nil {
				c.Out.Bulk(str)
			} else {
				c.Out.BulkInt(num)
			}
			pos = after
		}
	})
}

// listCut removes n elements, which are there, from an end of a list, and the key with the last one. It emits nothing.
func (c *Ctx) listCut(r store.Ref, l *store.List, left bool, n int) {
	if n == l.Len() {
		c.KS.Delete(r, l.Item())
		return
	}
	l.Cut(left, n)
	l.Shrink()
}

func listLpush(c *Ctx)  { c.push(true, false) }
func listRpush(c *Ctx)  { c.push(false, false) }
func listLpushx(c *Ctx) { c.push(true, true) }
func listRpushx(c *Ctx) { c.push(false, true) }

// push is LPUSH, RPUSH, LPUSHX and RPUSHX: https://redis.io/docs/latest/commands/lpush/
func (c *Ctx) push(left, ifThere bool) {
	_, l, ok := c.listToChange(1)
	if !ok {
		return
	}
	if !l.Item().Exists() && ifThere {
		c.Out.Int(0)
		return
	}
	l.Push(left, c.Args[2:]...)
	c.touched()
	c.Out.Int(int64(l.Len()))
}

func listLpop(c *Ctx) { c.pop(true) }
func listRpop(c *Ctx) { c.pop(false) }

const errNotPositive = "ERR value is out of range, must be positive"

// pop is LPOP and RPOP: https://redis.io/docs/latest/commands/lpop/
func (c *Ctx) pop(left bool) {
	if len(c.Args) > 3 {
		c.Out.Error("ERR wrong number of arguments for '" + c.Row.FullName() + "' command")
		return
	}
	count := int64(-1)
	if len(c.Args) == 3 {
		n, ok := store.ParseInt(c.Args[2])
		if !ok || n < 0 {
			c.Out.Error(errNotPositive)
			return
		}
		count = n
	}
	r, l, ok := c.listToChange(1)
	switch {
	case !ok:
		return
	case !l.Item().Exists() && count >= 0:
		c.Out.NullArray()
		return
	case !l.Item().Exists():
		c.Out.Null()
		return
	case count == 0:
		c.Out.Array(0)
		return
	}
	if count < 0 {
		c.listEnd(&l, left)
		c.listCut(r, &l, left, 1)
	} else {
		n := int(min(count, int64(l.Len())))
		c.listEnds(&l, left, n)
		c.listCut(r, &l, left, n)
	}
	c.touched()
}

// listEnd replies the element at an end.
func (c *Ctx) listEnd(l *store.List, left bool) {
	i := 0
	if !left {
		i = l.Len() - 1
	}
	e, _ := l.Index(i)
	c.element(e)
}

// listEnds replies an array of n elements from an end on.
func (c *Ctx) listEnds(l *store.List, left bool, n int) {
	c.Out.Array(n)
	if left {
		c.elements(l, 0, n)
		return
	}
	l.ScanBack(l.Len()-1, n, func(e store.Element) bool {
		c.element(e)
		return true
	})
}

// listLinsert is LINSERT: https://redis.io/docs/latest/commands/linsert/
func listLinsert(c *Ctx) {
	before := is(c.Args[2], "before")
	if !before && !is(c.Args[2], "after") {
		c.Out.Error(resp.ErrSyntax)
		return
	}
	_, l, ok := c.listToChange(1)
	switch {
	case !ok:
	case !l.Item().Exists():
		c.Out.Int(0)
	case !l.Insert(before, c.Args[3], c.Args[4]):
		c.Out.Int(-1)
	default:
		c.touched()
		c.Out.Int(int64(l.Len()))
	}
}

// listLset is LSET: https://redis.io/docs/latest/commands/lset/
func listLset(c *Ctx) {
	_, l, ok := c.listToChange(1)
	if !ok {
		return
	}
	if !l.Item().Exists() {
		c.Out.Error(resp.ErrNoSuchKey)
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
		c.Out.Error("ERR index out of range")
		return
	}
	l.Set(int(index), c.Args[3])
	l.Shrink()
	c.touched()
	c.Out.OK()
}

// listLrem is LREM: https://redis.io/docs/latest/commands/lrem/
func listLrem(c *Ctx) {
	count, ok := c.intArg(2)
	if !ok {
		return
	}
	r, l, ok := c.listToChange(1)
	if !ok {
		return
	}
	removed := l.Remove(int(count), c.Args[3])
	if removed > 0 {
		c.touched()
		if l.Len() == 0 {
			c.KS.Delete(r, l.Item())
		} else {
			l.Shrink()
		}
	}
	c.Out.Int(int64(removed))
}

// listLtrim is LTRIM: https://redis.io/docs/latest/commands/ltrim/
func listLtrim(c *Ctx) {
	start, end, ok := c.bounds(2)
	if !ok {
		return
	}
	r, l, ok := c.listToChange(1)
	if !ok {
		return
	}
	if !l.Item().Exists() {
		c.Out.OK()
		return
	}
	first, n := within(start, end, l.Len())
	switch size := l.Len(); {
	case n == 0:
		c.KS.Delete(r, l.Item())
		c.touched()
	case n < size:
		l.Cut(true, first)
		l.Cut(false, size-first-n)
		l.Shrink()
		c.touched()
	}
	c.Out.OK()
}

// bounds reads two indexes from argument i on.
func (c *Ctx) bounds(i int) (start, end int64, ok bool) {
	if start, ok = c.intArg(i); !ok {
		return 0, 0, false
	}
	end, ok = c.intArg(i + 1)
	return start, end, ok
}

// within makes two indexes, which may count from the end, and are both part of what they mean, those of n elements from first on, as
// far as there are size.
func within(start, end int64, size int) (first, n int) {
	start = fromStart(start, int64(size))
	if end < 0 {
		end += int64(size)
	}
	end = min(end, int64(size)-1)
	if start > end {
		return 0, 0
	}
	return int(start), int(end - start + 1)
}

// side reads an argument that is LEFT or RIGHT, or replies the error.
func (c *Ctx) side(i int) (left, ok bool) {
	switch {
	case is(c.Args[i], "left"):
		return true, true
	case is(c.Args[i], "right"):
		return false, true
	}
	c.Out.Error(resp.ErrSyntax)
	return false, false
}

// listLmove is LMOVE: https://redis.io/docs/latest/commands/lmove/
func listLmove(c *Ctx) {
	from, ok := c.side(3)
	if !ok {
		return
	}
	if to, ok := c.side(4); ok && !c.moveElement(from, to) {
		c.Out.Null()
	}
}

// listRpoplpush is RPOPLPUSH: https://redis.io/docs/latest/commands/rpoplpush/
func listRpoplpush(c *Ctx) {
	if !c.moveElement(false, true) {
		c.Out.Null()
	}
}

// moveElement moves an element from an end of the list at argument 1 to one of that at argument 2, and replies it, or an error. It
// answers false, and has replied nothing, where there is none.
func (c *Ctx) moveElement(fromLeft, toLeft bool) bool {
	r, l, ok := c.listToChange(1)
	if !ok {
		return true
	}
	if !l.Item().Exists() {
		return false
	}
	if c.wrongType(c.find(c.ref(2)), store.TypeList) {
		return true
	}
	at := len(c.Out.B)
	c.listEnd(&l, fromLeft)
	if l.Len() == 1 && bytes.Equal(c.Args[1], c.Args[2]) {
		return true // it stays where it is
	}
	elem := bulkText(c.Out.B[at:])
	c.listCut(r, &l, fromLeft, 1)
	c.emit(r.Slot, r.DB, popName(fromLeft), r.Key)
	to, dst, _ := c.listToChange(2)
	c.elem[0] = elem
	dst.Push(toLeft, c.elem[:]...)
	c.elem[0] = nil
	c.emit(to.Slot, to.DB, pushName(toLeft), to.Key, elem)
	return true
}

// bulkText is the string in a reply that is one.
func bulkText(reply []byte) []byte {
	return reply[bytes.IndexByte(reply, '\n')+1 : len(reply)-len("\r\n")]
}

var (
	lpopName  = []byte("LPOP")
	rpopName  = []byte("RPOP")
	lpushName = []byte("LPUSH")
	rpushName = []byte("RPUSH")
)

func popName(left bool) []byte {
	if left {
		return lpopName
	}
	return rpopName
}

func pushName(left bool) []byte {
	if left {
		return lpushName
	}
	return rpushName
}
