package command

import (
	"ringcache/server/resp"
	"ringcache/server/store"
)

// geoAdd is GEOADD: https://redis.io/docs/latest/commands/geoadd/
//
// It is ZADD of the places' scores. All places are read before any is added.
func geoAdd(c *Ctx) {
	var mode store.AddMode
	ch, i := false, 2
options:
	for ; i < len(c.Args); i++ {
		switch arg := c.Args[i]; {
		case is(arg, "nx"):
			mode |= store.AddNX
		case is(arg, "xx"):
			mode |= store.AddXX
		case is(arg, "ch"):
			ch = true
		default:
			break options
		}
	}
	if i == len(c.Args) || (len(c.Args)-i)%3 != 0 || mode == store.AddNX|store.AddXX {
		c.Out.Error(resp.ErrSyntax)
		return
	}
	var few [16]float64
	scores := few[:0]
	for at := i; at < len(c.Args); at += 3 {
		p, ok := c.placeArg(at)
		if !ok {
			return
		}
		scores = append(scores, geoScore(p))
	}
	added, updated, ok := c.addPlaces(scores, i+2, mode)
	switch {
	case !ok:
	case ch:
		c.Out.Int(added + updated)
	default:
		c.Out.Int(added)
	}
}
