package command

import (
	"cmp"
	"slices"
	"sync"

	"ringcache/server/store"
)

// geoFindings are the members that a search found. They are used again, where they are not too many.
type geoFindings struct {
	list    []geoFinding
	members []byte
}

// geoFinding is one member.
type geoFinding struct {
	start, end int // the member's bytes in geoFindings.members
	at         int // which of the findings it is; equally far ones stay in this order
	score      float64
	place      lonLat
	dist       float64 // metres
}

var findings = sync.Pool{New: func() any { return new(geoFindings) }}

const (
	keepFindings    = 4096
	keepFindingsMem = 256 << 10
)

// geoSearch runs a search of the key at argument source.
func (c *Ctx) geoSearch(source int, kind searchKind) {
	q := geoQuery{kind: kind, it: c.read(c.ref(source))}
	if c.wrongType(q.it, store.TypeZset) || !q.parse(c, source+1) {
		return
	}
	f := findings.Get().(*geoFindings)
	if q.it.Exists() {
		f.search(&q)
	}
	if q.dest > 0 {
		c.storeFindings(&q, f)
	} else {
		c.writeFindings(&q, f)
	}
	if cap(f.list) <= keepFindings && cap(f.members) <= keepFindingsMem {
		f.list, f.members = f.list[:0], f.members[:0]
		findings.Put(f)
	}
}

// search finds the members within the shape, in the order that is asked for, and no more than are.
func (f *geoFindings) search(q *geoQuery) {
	enough := int64(-1)
	if q.any {
		enough = q.count
	}
	q.shape.prepare()
	cells, scores := q.shape.cells(), store.ScoresOf(q.it)
	last := 0
	for i, cell := range cells {
		// Where the map has few cells, neighbours are the same; two in a row are searched once.
		if cell.step == 0 || last > 0 && cell == cells[last] {
			continue
		}
		if enough >= 0 && int64(len(f.list)) >= enough {
			break
		}
		f.searchCell(q, &scores, cell, enough)
		last = i
	}
	f.sort(q)
}

// searchCell adds the members of a cell that lie within the shape, until there are enough; negative = all.
func (f *geoFindings) searchCell(q *geoQuery, scores *store.Scores, cell geoCell, enough int64) {
	from, to := cell.scores()
	rank, n := scores.ByScore(&store.ScoreRange{Min: from, Max: to, BeforeMax: true})
	if n == 0 {
		return
	}
	for it := scores.Range(rank, n, false); ; {
		member, score, ok := it.Next()
		if !ok {
			return
		}
		p := geoPlace(score)
		d, inside := q.shape.distance(p)
		if !inside {
			continue
		}
		start := len(f.members)
		f.members = member.Append(f.members)
		f.list = append(f.list, geoFinding{start, len(f.members), len(f.list), score, p, d})
		if enough >= 0 && int64(len(f.list)) >= enough {
			return
		}
	}
}

// sort orders and cuts the list. COUNT without an order means the nearest, unless it is any that are wanted.
func (f *geoFindings) sort(q *geoQuery) {
	order, n := q.order, len(f.list)
	if q.count > 0 {
		n = int(min(q.count, int64(n)))
		if order == 0 && !q.any {
			order = 1
		}
	}
	switch {
	case order == 0 || n == 0:
	case n == len(f.list):
		slices.SortFunc(f.list, func(x, y geoFinding) int {
			if nearer := cmp.Compare(x.dist, y.dist); nearer != 0 {
				return order * nearer
			}
			return cmp.Compare(x.at, y.at)
		})
	default:
		partialSort(f.list, 0, n-1, func(x, y *geoFinding) int { return order * cmp.Compare(x.dist, y.dist) })
	}
	f.list = f.list[:n]
}

func (f *geoFindings) member(i int) []byte { return f.members[f.list[i].start:f.list[i].end] }

// writeFindings replies the members, each with what was asked for of it.
func (c *Ctx) writeFindings(q *geoQuery, f *geoFindings) {
	more := count(q.withDist, q.withHash, q.withPlace)
	c.Out.Array(len(f.list))
	for i := range f.list {
		e := &f.list[i]
		if more > 0 {
			c.Out.Array(1 + more)
		}
		c.Out.Bulk(f.member(i))
		if q.withDist {
			c.writeDistance(e.dist / q.shape.unit)
		}
		if q.withHash {
			c.Out.Int(int64(scoreBits(e.score))) //nolint:gosec // as wide
		}
		if q.withPlace {
			c.writePlace(e.place)
		}
	}
}

// storeFindings makes a sorted set of the members, by their places or distances, and replies how many they are.
func (c *Ctx) storeFindings(q *geoQuery, f *geoFindings) {
	for i := range f.list {
		if e := &f.list[i]; q.storeDist {
			e.score = e.dist / q.shape.unit
		}
	}
	c.storeScores(c.ref(q.dest), f)
	c.Out.Int(int64(len(f.list)))
}
