package oracle

import (
	"math"
	"strconv"
	"strings"
)

// geoMakes make the commands of the family, and a few of others that make or show what it works on.
var geoMakes = []make1{
	{weight: 14, fn: genGeoadd},
	{weight: 3, fn: func(g *Gen) []string { return g.geoMembers("geopos", 4) }},
	{weight: 2, fn: func(g *Gen) []string { return g.geoMembers("geohash", 4) }},
	{weight: 4, fn: genGeodist},
	{weight: 14, fn: genGeosearch},
	{weight: 6, fn: genGeosearchstore, oneSlot: true},
	{weight: 6, fn: genGeoradius, oneSlot: true},
	{weight: 6, fn: genGeoradiusbymember, oneSlot: true},
	{weight: 3, fn: func(g *Gen) []string { return []string{"zrange", g.key(), "0", "-1", "withscores"} }},
	{weight: 2, fn: func(g *Gen) []string { return []string{"zrange", g.distanceKey(g.key()), "0", "-1", "withscores"} }},
	{weight: 1, fn: func(g *Gen) []string {
		return []string{"zadd", g.key(), g.pick("-1", "1.5", "inf", "-inf", "1e19", "-1e300", "4503599627370497", "0"), g.geoMember()}
	}},
	{weight: 1, fn: func(g *Gen) []string { return []string{g.pick("set", "set", "getset"), g.key(), "a string"} }},
	{weight: 1, fn: func(g *Gen) []string { return []string{g.pick("del", "unlink"), g.key(), g.key(), g.key()} }},
}

// geoNormal makes equal what may differ in replies of the family.
var geoNormal map[string]normalizer

// sameDistances reports whether two replies show what STOREDIST stored, and differ in the last digits only: two C libraries do not round
// a sine the same way.
func sameDistances(args [][]byte, want, got []byte) bool {
	if len(args) < 2 || !strings.HasSuffix(string(args[1]), distances) {
		return false
	}
	w, g := elements(want), elements(got)
	if len(w) != len(g) {
		return false
	}
	for i := range w {
		if w[i] != g[i] && !aboutEqual(w[i], g[i]) && !sameDistances(args, []byte(w[i]), []byte(g[i])) {
			return false
		}
	}
	return len(w) > 0
}

func aboutEqual(want, got string) bool {
	const much = 1e-9 // of the number: between the ends of the earth, a bit more or less is many
	number := func(reply string) (float64, bool) {
		if lines := strings.Split(reply, "\r\n"); len(lines) > 1 && lines[0][0] == '$' {
			reply = lines[1]
		}
		f, err := strconv.ParseFloat(strings.Trim(reply, ",\r\n"), 64)
		return f, err == nil
	}
	w, ok := number(want)
	g, ok2 := number(got)
	return ok && ok2 && math.Abs(w-g) <= much*math.Abs(w)
}

// distances ends the names of keys that hold what STOREDIST stored.
const distances = "distances"

// distanceKey is such a key in the slot of key.
func (g *Gen) distanceKey(key string) string {
	if strings.HasPrefix(key, "{") {
		return key[:3] + distances
	}
	if key == "" || strings.Contains(key, "{") { // no tag says the slot of the empty key
		return key
	}
	return "{" + key + "}" + distances
}

func (g *Gen) geoMember() string {
	if g.chance(3) { // many enough for large results
		return "m" + strconv.Itoa(g.rnd.IntN(80))
	}
	return g.pick("Palermo", "Catania", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "m9", "", "\x00\r\n\xff", "4711")
}

// centre is a member that most keys have.
func (g *Gen) centre() string {
	if g.chance(5) {
		return g.geoMember()
	}
	return g.pick("Palermo", "Catania", "m1", "")
}

func (g *Gen) geoMembers(name string, n int) []string {
	words := []string{name, g.key()}
	for range g.rnd.IntN(n) {
		words = append(words, g.geoMember())
	}
	return words
}

// place is a longitude and a latitude: around a few places, near or far, so that searches find some and miss some.
func (g *Gen) place() (lon, lat string) {
	if g.chance(30) {
		return g.pick("181", "-180.0000001", "inf", "x", "", "nan", "1e5", " 1", "0x10", "1e400"), g.pick("85.06", "-86", "1", "y", "-inf")
	}
	centres := [][2]float64{
		{13.361389, 38.115556},
		{15.087269, 37.502669},
		{0, 0},
		{179.99, 10},
		{-179.99, 10},
		{-122.27652, 37.805186},
		{30, 84.9},
		{-70, -84.99},
		{100, 67},
		{50, -66.5},
		{2.35, 48.85},
		{-58.4, -34.6},
	}
	c := centres[g.rnd.IntN(len(centres))]
	if g.chance(8) {
		return g.pick("180", "-180", "0", "13.361389"), g.pick("85.05112878", "-85.05112878", "0", "38.115556")
	}
	spread := math.Pow(10, float64(g.rnd.IntN(9)-6))
	if g.chance(4) {
		spread = 0
	}
	x := math.Max(-180, math.Min(180, c[0]+(g.rnd.Float64()-.5)*spread))
	y := math.Max(-85, math.Min(85, c[1]+(g.rnd.Float64()-.5)*spread))
	digits := g.rnd.IntN(12)
	return strconv.FormatFloat(x, 'f', digits, 64), strconv.FormatFloat(y, 'f', digits, 64)
}

func (g *Gen) unit() string {
	if g.chance(40) {
		return g.pick("miles", "", "x")
	}
	return g.pick("m", "km", "ft", "mi", "KM", "Mi")
}

// length is a radius, width or height: of any order of magnitude.
func (g *Gen) length() string {
	if g.chance(25) {
		return g.pick("-1", "x", "", "inf", "nan", "1e300", "-0", "1e-320", " 5")
	}
	if g.chance(15) {
		return "0"
	}
	return strconv.FormatFloat(g.rnd.Float64()*math.Pow(10, float64(g.rnd.IntN(9)-1)), 'g', 1+g.rnd.IntN(15), 64)
}

func genGeoadd(g *Gen) []string {
	words := []string{"geoadd", g.key()}
	for g.chance(4) {
		words = append(words, g.pick("NX", "XX", "CH", "nx", "xx", "ch"))
	}
	for range 1 + g.rnd.IntN(4) {
		lon, lat := g.place()
		words = append(words, lon, lat, g.pick(g.geoMember(), g.centre()))
	}
	return words
}

func genGeodist(g *Gen) []string {
	words := []string{"geodist", g.key(), g.geoMember(), g.geoMember()}
	if g.chance(2) {
		words = append(words, g.unit())
	}
	return words
}

// searchOptions are those that all searches have.
func (g *Gen) searchOptions(words []string, with bool) []string {
	if with {
		for _, w := range []string{"WITHCOORD", "WITHDIST", "withhash"} {
			if g.chance(3) {
				words = append(words, w)
			}
		}
	}
	if g.chance(2) {
		words = append(words, g.pick("ASC", "DESC", "asc"))
	}
	if g.chance(2) {
		words = append(words, "COUNT", g.pick("1", "2", "3", "5", "10", "100000", "9223372036854775807"))
		if g.chance(3) {
			words = append(words, g.pick("ANY", "any"))
		}
	}
	if g.chance(40) {
		words = append(words, g.pick("COUNT", "0", "ANY", "FROMMEMBER", "BYBOX", "WITHDIST", "x"), g.pick("-1", "0", "x"))
	}
	if g.chance(40) && (words[0] == "geosearch" || strings.HasSuffix(words[0], "_ro")) {
		words = append(words, g.pick("STORE", "STOREDIST"), "x")
	}
	return words
}

// searched are the options of GEOSEARCH, in any order of centre and shape.
func (g *Gen) searched(words []string, with bool) []string {
	from := []string{"FROMMEMBER", g.centre()}
	if g.chance(2) {
		lon, lat := g.place()
		from = []string{"FROMLONLAT", lon, lat}
	}
	by := []string{"BYRADIUS", g.length(), g.unit()}
	if g.chance(2) {
		by = []string{"BYBOX", g.length(), g.length(), g.unit()}
	}
	if g.chance(5) {
		from, by = by, from
	}
	if g.chance(30) {
		from = nil
	}
	words = append(append(words, from...), by...)
	if g.chance(30) {
		words = append(words, by...)
	}
	return g.searchOptions(words, with)
}

func genGeosearch(g *Gen) []string { return g.searched([]string{"geosearch", g.key()}, true) }

func genGeosearchstore(g *Gen) []string {
	key := g.key()
	if dest := g.distanceKey(key); g.chance(3) && dest != key {
		return append(g.searched([]string{"geosearchstore", dest, key}, g.chance(30)), g.pick("STOREDIST", "storedist"))
	}
	return g.searched([]string{"geosearchstore", g.near(key), key}, g.chance(30))
}

func genGeoradius(g *Gen) []string {
	lon, lat := g.place()
	return g.radius([]string{"georadius", g.key(), lon, lat})
}

func genGeoradiusbymember(g *Gen) []string {
	return g.radius([]string{"georadiusbymember", g.key(), g.centre()})
}

// radius goes on with GEORADIUS or GEORADIUSBYMEMBER from the radius on.
func (g *Gen) radius(words []string) []string {
	key := words[1]
	words = append(words, g.length(), g.unit())
	if g.chance(2) {
		words[0] += "_ro"
		return g.searchOptions(words, true)
	}
	stores := g.chance(3)
	words = g.searchOptions(words, !stores || g.chance(30))
	switch dest := g.distanceKey(key); {
	case stores && g.chance(2) && dest != key:
		words = append(words, g.pick("STOREDIST", "storedist"), dest)
	case stores:
		words = append(words, g.pick("STORE", "store"), g.near(key))
	}
	return words
}
