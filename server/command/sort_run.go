package command

import (
	"bytes"
	"cmp"
	"slices"
	"sync"

	"ringcache/server/resp"
	"ringcache/server/store"
)

// SORT: the elements are copied, as looking up other keys may change what lies in the keyspace (they may have expired); each gets what it
// is compared by; they are put in order, or only those that LIMIT asks for; then replied or stored, or what GET finds for them.

// sorting is one call of SORT.
type sorting struct {
	desc, alpha   bool
	unsorted      bool  // BY a pattern without '*'
	offset, count int64 // LIMIT; count is negative where there is none
	by            sortPattern
	byGiven       bool
	get           []sortPattern
	dest          int // position of the key to store to, or 0
	slot          uint16

	elems []sortElem
	order []int  // of elems
	arena []byte // what elems point to
	key   []byte // scratch
}

// sortElem is an element and what it is compared by.
type sortElem struct {
	elem  []byte
	by    []byte // ALPHA with BY: what the pattern means; nil is nothing, and comes first
	score float64
}

// sortings are used again. Only those of moderate size are kept.
var sortings = sync.Pool{New: func() any { return new(sorting) }}

const (
	keepSortElems = 4096
	keepSortBytes = 256 << 10
)

// sortStore is SORT: https://redis.io/docs/latest/commands/sort/
func sortStore(c *Ctx) { c.sort() }

// sortRead is SORT_RO: https://redis.io/docs/latest/commands/sort_ro/
func sortRead(c *Ctx) { c.sort() }

func (c *Ctx) sort() {
	s := sortings.Get().(*sorting)
	*s = sorting{count: -1, get: s.get[:0], elems: s.elems[:0], order: s.order[:0], arena: s.arena[:0], key: s.key[:0]}
	if s.parse(c) {
		s.run(c)
	}
	if cap(s.elems) <= keepSortElems && cap(s.arena) <= keepSortBytes {
		clear(s.elems)
		clear(s.get)
		s.by = sortPattern{}
		sortings.Put(s)
	}
}

// parse reads the options, or replies the error.
func (s *sorting) parse(c *Ctx) bool {
	for i := 2; i < len(c.Args); i++ {
		switch arg, left := c.Args[i], len(c.Args)-i-1; {
		case is(arg, "asc"):
			s.desc = false
		case is(arg, "desc"):
			s.desc = true
		case is(arg, "alpha"):
			s.alpha = true
		case is(arg, "limit") && left >= 2:
			var ok, ok2 bool
			if s.offset, ok = c.intArg(i + 1); !ok {
				return false
			}
			if s.count, ok2 = c.intArg(i + 2); !ok2 {
				return false
			}
			i += 2
		case is(arg, "store") && left >= 1 && c.Row.Has(Write):
			i++
			s.dest = i
		case is(arg, "by") && left >= 1:
			i++
			s.by, s.byGiven = parseSortPattern(c.Args[i]), true
			if !s.by.star {
				s.unsorted = true
			} else if !c.inSlot(&s.by, c.Args[1]) {
				c.Out.Error("ERR BY option of SORT denied in Cluster mode.")
				return false
			}
		case is(arg, "get") && left >= 1:
			i++
			p := parseSortPattern(c.Args[i])
			if !c.inSlot(&p, c.Args[1]) {
				c.Out.Error("ERR GET option of SORT denied in Cluster mode.")
				return false
			}
			s.get = append(s.get, p)
		default:
			c.Out.Error(resp.ErrSyntax)
			return false
		}
	}
	return true
}

func (s *sorting) run(c *Ctx) {
	r := c.ref(1)
	s.slot = r.Slot
	it := c.read(r)
	size, ok := sortSize(it)
	if !ok {
		c.Out.Error(resp.ErrWrongType)
		return
	}
	first, end := s.window(size)
	if size > 0 {
		first, end = s.load(it, size, first, end)
	}
	if !s.unsorted {
		if !s.weigh(c) {
			c.Out.Error("ERR One or more scores can't be converted into double")
			return
		}
		s.sort(first, end)
	}
	if s.dest > 0 {
		s.store(c, s.order[first:end])
	} else {
		s.reply(c, s.order[first:end])
	}
}

// window is the range of elements that LIMIT asks for, the end not included.
func (s *sorting) window(size int) (first, end int) {
	n := int64(size)
	from := min(max(s.offset, 0), n)
	if s.count < 0 {
		return int(from), size
	}
	return int(from), int(min(from+min(s.count, n), n))
}

// load copies the elements, and answers where those from first to end are among them: where their order is the collection's own, no
// others were copied.
func (s *sorting) load(it store.Item, size, first, end int) (int, int) {
	set := it.Type() == store.TypeSet
	if set && s.unsorted && s.dest > 0 { // a set has no order of its own that would be worth keeping
		s.unsorted, s.byGiven, s.alpha = false, false, true
	}
	from, to := 0, size
	if s.unsorted && !set {
		from, to = first, end
		first, end = 0, end-first
	}
	if from < to {
		sortEach(it, from, to, s.unsorted && s.desc, func(e store.Element) {
			s.order = append(s.order, len(s.elems))
			s.elems = append(s.elems, sortElem{elem: s.keep(e)})
		})
	}
	return first, end
}

// keep copies an element's text into the arena. A full arena is left to those who point to it. What is kept is never nil.
func (s *sorting) keep(e store.Element) []byte {
	const (
		least   = 4 << 10
		integer = 20 // the longest in bytes
	)
	if need := max(len(e.Str), integer); len(s.arena)+need > cap(s.arena) {
		s.arena = make([]byte, 0, max(least, need, min(2*cap(s.arena), keepSortBytes)))
	}
	at := len(s.arena)
	s.arena = e.Append(s.arena)
	return s.arena[at:len(s.arena):len(s.arena)]
}

// weigh finds what each element is compared by. False: some scores are no numbers.
func (s *sorting) weigh(c *Ctx) (ok bool) {
	ok = true
	for i := range s.elems {
		e := &s.elems[i]
		by, found := store.Element{Str: e.elem}, true
		if s.byGiven {
			by, found = s.meaning(c, &s.by, e.elem)
		}
		switch {
		case !found:
		case !s.alpha && by.IsInt:
			e.score = float64(by.Int)
		case !s.alpha:
			var number bool
			e.score, number = sortScore(by.Str)
			ok = ok && number
		case s.byGiven:
			e.by = s.keep(by)
		}
	}
	return ok
}

// sort orders the elements, or with LIMIT of BY only those from first to end.
func (s *sorting) sort(first, end int) {
	switch {
	case end <= first:
	case s.byGiven && end-first < len(s.elems):
		partialSort(s.order, first, end-1, func(i, j *int) int { return s.compare(&s.elems[*i], &s.elems[*j]) })
	default:
		slices.SortFunc(s.order, func(i, j int) int {
			if order := s.compare(&s.elems[i], &s.elems[j]); order != 0 {
				return order
			}
			return cmp.Compare(i, j) // equal ones stay in the order of the collection
		})
	}
}

// compare tells which of two elements comes first.
func (s *sorting) compare(x, y *sortElem) (order int) {
	switch {
	case !s.alpha && x.score < y.score:
		order = -1
	case !s.alpha && x.score > y.score:
		order = 1
	case !s.alpha || !s.byGiven:
		order = bytes.Compare(x.elem, y.elem)
	case x.by == nil || y.by == nil:
		order = count(x.by != nil) - count(y.by != nil)
	default:
		order = bytes.Compare(x.by, y.by)
	}
	if s.desc {
		return -order
	}
	return order
}

func (s *sorting) reply(c *Ctx, order []int) {
	c.Out.Array(len(order) * max(1, len(s.get)))
	for _, i := range order {
		if len(s.get) == 0 {
			c.Out.Bulk(s.elems[i].elem)
		}
		for j := range s.get {
			if val, ok := s.meaning(c, &s.get[j], s.elems[i].elem); ok {
				c.element(val)
			} else {
				c.Out.Null()
			}
		}
	}
}

// store makes a list of the result, and replies its length. What GET does not find is an empty element.
func (s *sorting) store(c *Ctx, order []int) {
	var list [][]byte
	for _, i := range order {
		if len(s.get) == 0 {
			list = append(list, s.elems[i].elem)
		}
		for j := range s.get {
			val, _ := s.meaning(c, &s.get[j], s.elems[i].elem)
			list = append(list, s.keep(val))
		}
	}
	c.storeList(c.ref(s.dest), list)
	c.Out.Int(int64(len(list)))
}
