package command

import (
	"bytes"
	"strconv"

	"ringcache/server/resp"
	"ringcache/server/store"
)

// geoPos is GEOPOS: https://redis.io/docs/latest/commands/geopos/
func geoPos(c *Ctx) {
	it := c.read(c.ref(1))
	if c.wrongType(it, store.TypeZset) {
		return
	}
	c.Out.Array(len(c.Args) - 2)
	for _, member := range c.Args[2:] {
		if score, ok := geoScoreOf(it, member); ok {
			c.writePlace(geoPlace(score))
		} else {
			c.Out.NullArray()
		}
	}
}

// geoHash is GEOHASH: https://redis.io/docs/latest/commands/geohash/
func geoHash(c *Ctx) {
	it := c.read(c.ref(1))
	if c.wrongType(it, store.TypeZset) {
		return
	}
	c.Out.Array(len(c.Args) - 2)
	for _, member := range c.Args[2:] {
		if score, ok := geoScoreOf(it, member); ok {
			var buf [16]byte
			c.Out.Bulk(appendGeohash(buf[:0], geoPlace(score)))
		} else {
			c.Out.Null()
		}
	}
}

// geoDist is GEODIST: https://redis.io/docs/latest/commands/geodist/
func geoDist(c *Ctx) {
	unit := 1.0
	switch {
	case len(c.Args) > 5:
		c.Out.Error(resp.ErrSyntax)
		return
	case len(c.Args) == 5:
		var ok bool
		if unit, ok = c.unitArg(4); !ok {
			return
		}
	}
	it := c.read(c.ref(1))
	if c.wrongType(it, store.TypeZset) {
		return
	}
	a, ok := geoScoreOf(it, c.Args[2])
	b, ok2 := geoScoreOf(it, c.Args[3])
	if !ok || !ok2 {
		c.Out.Null()
		return
	}
	c.writeDistance(greatCircle(geoPlace(a), geoPlace(b)) / unit)
}

// writeDistance writes a distance in the client's unit.
func (c *Ctx) writeDistance(d float64) {
	var buf [32]byte
	c.Out.Bulk(strconv.AppendFloat(buf[:0], d, 'f', 4, 64))
}

// writePlace writes longitude and latitude.
func (c *Ctx) writePlace(p lonLat) {
	c.Out.Array(2)
	c.writeDegrees(p.lon)
	c.writeDegrees(p.lat)
}

// writeDegrees writes a number as Redis writes those of the C type long double: 17 digits after the point, without zeros at the end.
func (c *Ctx) writeDegrees(f float64) {
	var buf [32]byte
	s := strconv.AppendFloat(buf[:0], f, 'f', 17, 64)
	s = bytes.TrimSuffix(bytes.TrimRight(s, "0"), []byte("."))
	if string(s) == "-0" {
		s = s[1:]
	}
	if c.Out.Proto != 3 {
		c.Out.Bulk(s)
		return
	}
	c.Out.B = append(c.Out.B, ',')
	c.Out.B = append(c.Out.B, s...)
	c.Out.B = append(c.Out.B, '\r', '\n')
}

// placeArg reads arguments i and i+1 as longitude and latitude, or replies the error.
func (c *Ctx) placeArg(i int) (p lonLat, ok bool) {
	if p.lon, ok = c.geoFloatArg(i, resp.ErrNotFloat); !ok {
		return p, false
	}
	if p.lat, ok = c.geoFloatArg(i+1, resp.ErrNotFloat); !ok {
		return p, false
	}
	if !p.onMap() {
		c.Out.Error("ERR invalid longitude,latitude pair " + sixDigits(p.lon) + "," + sixDigits(p.lat))
		return p, false
	}
	return p, true
}

// sixDigits prints what C prints by "%f".
func sixDigits(f float64) string {
	switch s := strconv.FormatFloat(f, 'f', 6, 64); s {
	case "+Inf":
		return "inf"
	case "-Inf":
		return "-inf"
	default:
		return s
	}
}

// geoFloatArg reads argument i as a number, or replies the error given.
func (c *Ctx) geoFloatArg(i int, refusal string) (float64, bool) {
	f, ok := store.ParseScore(c.Args[i])
	if !ok {
		c.Out.Error(refusal)
	}
	return f, ok
}

// unitArg reads argument i as a unit of length: so many metres. Or it replies the error.
func (c *Ctx) unitArg(i int) (metres float64, ok bool) {
	switch arg := c.Args[i]; {
	case is(arg, "m"):
		return 1, true
	case is(arg, "km"):
		return 1000, true
	case is(arg, "ft"):
		return 0.3048, true
	case is(arg, "mi"):
		return 1609.34, true
	}
	c.Out.Error("ERR unsupported unit provided. please use M, KM, FT, MI")
	return 0, false
}
