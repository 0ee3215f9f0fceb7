package oracle

import (
	"slices"
	"strconv"
	"strings"
)

// sortMakes make the commands of the family, and those of others that make what it sorts. All keys have one hash tag, as patterns need it.
//
// Left out are numbers beyond those that a double holds, as after one of them redis-server may take any number for such, and zero bytes,
// which end a text where redis-server compares by the locale. Other families make such numbers: beside them nothing is sorted by number.
var sortMakes = []make1{
	{weight: 30, fn: genSort, exact: true},
	{weight: 4, exact: true, fn: func(g *Gen) []string {
		return append([]string{g.pick("rpush", "lpush"), g.numbered("{s}list")}, g.sortElems(6)...)
	}},
	{weight: 4, exact: true, fn: func(g *Gen) []string { return append([]string{"sadd", g.numbered("{s}set")}, g.sortElems(6)...) }},
	{weight: 4, exact: true, fn: func(g *Gen) []string {
		words := []string{"zadd", g.numbered("{s}zset")}
		for _, e := range g.sortElems(6) {
			words = append(words, strconv.Itoa(g.rnd.IntN(9)-4), e)
		}
		return words
	}},
	{weight: 8, exact: true, fn: func(g *Gen) []string { return []string{"set", "{s}w_" + g.sortElem(), g.sortWeight()} }},
	{weight: 8, exact: true, fn: func(g *Gen) []string {
		return []string{"hset", "{s}h_" + g.sortElem(), g.pick("f", "weight", "->", "f"), g.sortWeight()}
	}},
	{weight: 2, fn: func(g *Gen) []string {
		return []string{"del", g.pick("{s}w_", "{s}h_") + g.sortElem(), g.sortKey(g.pick("list", "set", "zset", "dest"))}
	}},
	{weight: 3, fn: func(g *Gen) []string { return []string{"lrange", g.sortKey("dest"), "0", "-1"} }},
	{weight: 1, fn: func(g *Gen) []string { return []string{"type", g.sortKey(g.pick("list", "set", "zset", "dest"))} }},
}

// sortNormal makes equal what may differ in replies of the family.
var sortNormal = map[string]normalizer{"sort": normalSort, "sort_ro": normalSort}

// normalSort takes away the order where there is none: elements of a set that are not sorted, or that compare as equal, come in the order
// of a hash table. Where LIMIT takes some of them, only their number compares.
func normalSort(args [][]byte, reply []byte) string {
	by, given, alpha, store, limit, get := "", false, false, false, false, 0
	for i := 2; i < len(args); i++ {
		switch strings.ToLower(string(args[i])) {
		case "by":
			by, given = string(args[min(i+1, len(args)-1)]), true
			i++
		case "get":
			get++
			i++
		case "limit":
			limit = true
			i += 2
		case "store":
			store = true
			i++
		case "alpha":
			alpha = true
		}
	}
	list, star := strings.HasPrefix(string(args[1]), "{s}list"), strings.Contains(by, "*")
	unordered := given && (star && alpha && !list || !star && strings.HasPrefix(string(args[1]), "{s}set"))
	switch {
	case !unordered || store:
		return string(reply)
	case limit:
		return strconv.Itoa(len(elements(reply)))
	}
	var groups []string
	for group := range slices.Chunk(elements(reply), max(get, 1)) {
		groups = append(groups, strings.Join(group, ""))
	}
	return strings.Join(sorted(groups), "")
}

// numbered is one of a few keys of one kind.
func (g *Gen) numbered(kind string) string { return kind + strconv.Itoa(1+g.rnd.IntN(3)) }

// sortKey is a key that mostly has the type, and sometimes another. Only those named so are lists.
func (g *Gen) sortKey(kind string) string {
	if g.chance(60) {
		return g.pick("{s}w_1", "{s}list1", "{s}zset1", "{s}h_2", "{s}dest1")
	}
	return g.numbered("{s}" + kind)
}

func (g *Gen) sortElem() string {
	if g.chance(80) {
		return g.pick("abc", "ab", "nan", "Z", "\xff", "b c")
	}
	if g.chance(12) {
		return g.pick("", "-0", "1.5", "1e3", "inf", "-inf", "0x1p3", " 7", "007")
	}
	return strconv.Itoa(g.rnd.IntN(30) - 5)
}

func (g *Gen) sortElems(n int) []string {
	var list []string
	for range 1 + g.rnd.IntN(n) {
		list = append(list, g.sortElem())
	}
	return list
}

// sortWeight is what a key that a pattern means holds; few different ones, so that elements compare as equal.
func (g *Gen) sortWeight() string {
	if g.chance(25) {
		return g.pick("", "a", "b", "1.5", "-2e1", "nan", "1 ", "inf")
	}
	return strconv.Itoa(g.rnd.IntN(8))
}

func (g *Gen) sortPattern() string {
	if g.chance(20) {
		return g.pick("{s}w_", "{s}h_*->", "{s}*", "{s}h_*->f->", "{s}w_*x", "{s}->*", "#x", "")
	}
	return g.pick("{s}w_*", "{s}w_*", "{s}h_*->f", "{s}h_*->weight", "{s}h_*->->")
}

func genSort(g *Gen) []string {
	words := []string{g.pick("sort", "sort", "SORT"), g.sortKey(g.pick("list", "set", "zset"))}
	stores := g.chance(4)
	if !stores && g.chance(3) {
		words[0] = "sort_ro"
		stores = g.chance(30)
	}
	others := len(g.opt.Families) > 1
	alpha := others || g.chance(2)
	if g.chance(2) {
		pattern := g.pick("nosort", g.sortPattern(), g.sortPattern())
		if stores && !strings.HasPrefix(words[1], "{s}list") { // equal elements would be stored in the order of a hash table
			if others {
				pattern = "nosort"
			}
			alpha = false
		}
		words = append(words, g.pick("BY", "by"), pattern)
	}
	if g.chance(3) {
		words = append(words, g.pick("LIMIT", "limit"), g.pick("0", "1", "2", "5", "-1", "100", "9223372036854775807", "x"),
			g.pick("0", "1", "2", "5", "10", "-1", "-7", "100", "9223372036854775807", "x"))
	}
	for g.chance(3) {
		words = append(words, g.pick("GET", "get"), g.pick("#", g.sortPattern(), g.sortPattern()))
	}
	if g.chance(2) {
		words = append(words, g.pick("ASC", "DESC", "desc"))
	}
	if alpha {
		words = append(words, g.pick("ALPHA", "alpha"))
	}
	if stores {
		words = append(words, g.pick("STORE", "store"), g.sortKey("dest"))
	}
	if g.chance(40) {
		words = append(words, g.pick("BY", "GET", "LIMIT", "x"))
	}
	return words
}
