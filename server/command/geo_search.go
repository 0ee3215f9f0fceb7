package command

import (
	"ringcache/server/resp"
	"ringcache/server/store"
)

// Searches: GEOSEARCH, GEORADIUS and their kin have one grammar each, and one way of finding members.

// searchKind says which of the commands it is.
type searchKind uint8

const (
	fromPlace  searchKind = 1 << iota // GEORADIUS
	fromMember                        // GEORADIUSBYMEMBER
	storable                          // STORE and STOREDIST are options
	byOptions                         // GEOSEARCH and GEOSEARCHSTORE: the centre and the shape are options
	toKey                             // GEOSEARCHSTORE
)

// geoSearch is GEOSEARCH: https://redis.io/docs/latest/commands/geosearch/
func geoSearch(c *Ctx) { c.geoSearch(1, byOptions) }

// geoSearchStore is GEOSEARCHSTORE: https://redis.io/docs/latest/commands/geosearchstore/
func geoSearchStore(c *Ctx) { c.geoSearch(2, byOptions|toKey) }

// geoRadius is GEORADIUS: https://redis.io/docs/latest/commands/georadius/
func geoRadius(c *Ctx) { c.geoSearch(1, fromPlace|storable) }

// geoRadiusRO is GEORADIUS_RO: https://redis.io/docs/latest/commands/georadius_ro/
func geoRadiusRO(c *Ctx) { c.geoSearch(1, fromPlace) }

// geoRadiusByMember is GEORADIUSBYMEMBER: https://redis.io/docs/latest/commands/georadiusbymember/
func geoRadiusByMember(c *Ctx) { c.geoSearch(1, fromMember|storable) }

// geoRadiusByMemberRO is GEORADIUSBYMEMBER_RO: https://redis.io/docs/latest/commands/georadiusbymember_ro/
func geoRadiusByMemberRO(c *Ctx) { c.geoSearch(1, fromMember) }

// geoQuery is one search.
type geoQuery struct {
	kind                          searchKind
	it                            store.Item // the sorted set
	shape                         geoShape
	member, place                 bool // FROMMEMBER, FROMLONLAT
	circle, box                   bool // BYRADIUS, BYBOX
	withDist, withHash, withPlace bool
	order                         int // 1 ascending, -1 descending, 0 as found
	any                           bool
	count                         int64 // 0 = all
	dest                          int   // position of the key to store to, or 0
	storeDist                     bool
}

// parse reads the arguments from i on, or replies the error. Members are looked up on the way, as that is an error in its turn.
func (q *geoQuery) parse(c *Ctx, i int) bool {
	switch {
	case q.kind&fromPlace != 0:
		var ok bool
		if q.shape.centre, ok = c.placeArg(i); !ok || !q.circleArgs(c, i+2) {
			return false
		}
		i += 4
	case q.kind&fromMember != 0:
		if q.it.Exists() && (!q.memberArg(c, i) || !q.circleArgs(c, i+1)) {
			return false
		}
		i += 3
	case q.kind&toKey != 0:
		q.dest = 1
	}
	for i < len(c.Args) {
		n, known, ok := q.plainOption(c, i)
		if !known && q.kind&byOptions != 0 {
			n, known, ok = q.shapeOption(c, i)
		}
		if !known {
			c.Out.Error(resp.ErrSyntax)
		}
		if !known || !ok {
			return false
		}
		i += n
	}
	if refusal := q.contradiction(c); refusal != "" {
		c.Out.Error(refusal)
		return false
	}
	return true
}

// plainOption reads an option at argument i that is none of the centre or the shape. It answers how many arguments that is, whether there
// is one, and false after an error reply.
func (q *geoQuery) plainOption(c *Ctx, i int) (n int, known, ok bool) {
	switch arg, left := c.Args[i], len(c.Args)-i-1; {
	case is(arg, "withdist"):
		q.withDist = true
	case is(arg, "withhash"):
		q.withHash = true
	case is(arg, "withcoord"):
		q.withPlace = true
	case is(arg, "any"):
		q.any = true
	case is(arg, "asc"):
		q.order = 1
	case is(arg, "desc"):
		q.order = -1
	case is(arg, "storedist") && q.kind&toKey != 0:
		q.storeDist = true
	case is(arg, "count") && left >= 1:
		if q.count, ok = c.intArg(i + 1); ok && q.count <= 0 {
			c.Out.Error("ERR COUNT must be > 0")
			ok = false
		}
		return 2, true, ok
	case (is(arg, "store") || is(arg, "storedist")) && left >= 1 && q.kind&storable != 0:
		q.dest, q.storeDist = i+1, is(arg, "storedist")
		return 2, true, true
	default:
		return 0, false, false
	}
	return 1, true, true
}

// shapeOption is plainOption for the centre and the shape.
func (q *geoQuery) shapeOption(c *Ctx, i int) (n int, known, ok bool) {
	switch arg, left := c.Args[i], len(c.Args)-i-1; {
	case is(arg, "frommember") && left >= 1 && !q.place:
		q.member = true
		return 2, true, !q.it.Exists() || q.memberArg(c, i+1)
	case is(arg, "fromlonlat") && left >= 2 && !q.member:
		q.place = true
		q.shape.centre, ok = c.placeArg(i + 1)
		return 3, true, ok
	case is(arg, "byradius") && left >= 2 && !q.box:
		q.circle = true
		return 3, true, q.circleArgs(c, i+1)
	case is(arg, "bybox") && left >= 3 && !q.circle:
		q.box = true
		return 4, true, q.boxArgs(c, i+1)
	}
	return 0, false, false
}

// contradiction answers the error of options that do not go together, or "".
func (q *geoQuery) contradiction(c *Ctx) string {
	searching := q.kind&byOptions != 0
	switch {
	case q.dest > 0 && (q.withDist || q.withHash || q.withPlace):
		name := "STORE option in GEORADIUS"
		if searching {
			name = "GEOSEARCHSTORE"
		}
		return "ERR " + name + " is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
	case searching && !q.member && !q.place:
		return "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for " + string(c.Args[0])
	case searching && !q.circle && !q.box:
		return "ERR exactly one of BYRADIUS and BYBOX can be specified for " + string(c.Args[0])
	case q.any && q.count == 0:
		return "ERR the ANY argument requires COUNT argument"
	}
	return ""
}

// memberArg makes the place of the member named by argument i the centre, or replies the error.
func (q *geoQuery) memberArg(c *Ctx, i int) bool {
	score, ok := geoScoreOf(q.it, c.Args[i])
	if !ok {
		c.Out.Error("ERR could not decode requested zset member")
		return false
	}
	q.shape.centre = geoPlace(score)
	return true
}

// circleArgs reads a radius and its unit at argument i, or replies the error.
func (q *geoQuery) circleArgs(c *Ctx, i int) (ok bool) {
	s := &q.shape
	if s.radius, ok = c.geoFloatArg(i, "ERR need numeric radius"); !ok {
		return false
	}
	if s.radius < 0 {
		c.Out.Error("ERR radius cannot be negative")
		return false
	}
	s.box = false
	s.unit, ok = c.unitArg(i + 1)
	return ok
}

// boxArgs reads width, height and their unit at argument i, or replies the error.
func (q *geoQuery) boxArgs(c *Ctx, i int) (ok bool) {
	s := &q.shape
	if s.width, ok = c.geoFloatArg(i, "ERR need numeric width"); !ok {
		return false
	}
	if s.height, ok = c.geoFloatArg(i+1, "ERR need numeric height"); !ok {
		return false
	}
	if s.width < 0 || s.height < 0 {
		c.Out.Error("ERR height or width cannot be negative")
		return false
	}
	s.box = true
	s.unit, ok = c.unitArg(i + 2)
	return ok
}
