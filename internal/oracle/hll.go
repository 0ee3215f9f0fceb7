package oracle

import "strconv"

// hllMakes make the commands on HyperLogLogs. Some keys are theirs alone and are given many elements. To the others, which the commands
// of strings spoil, elements are added singly: Redis keeps what it has done before it finds out that one is corrupt.
var hllMakes = []make1{
	{weight: 12, fn: func(g *Gen) []string { return g.elements(g.rnd.IntN(4)) }, keep: true},
	{weight: 4, fn: func(g *Gen) []string { return g.elements(200 + g.rnd.IntN(500)) }, keep: true},
	{weight: 10, fn: func(g *Gen) []string {
		words := []string{"pfadd", g.key(), g.element()}
		return words[:len(words)-g.rnd.IntN(4)/3]
	}, keep: true},
	{weight: 10, fn: func(g *Gen) []string { return []string{"pfcount", g.anyHLL()} }},
	{weight: 6, fn: func(g *Gen) []string {
		words := []string{"pfcount", g.anyHLL(), g.anyHLL()}
		if g.chance(3) {
			words = append(words, g.anyHLL(), g.anyHLL())
		}
		return words
	}},
	{weight: 8, fn: genPfmerge, oneSlot: true},
	{weight: 4, fn: func(g *Gen) []string {
		return []string{"pfdebug", g.pick("ENCODING", "encoding", "decode", "decode", "GETREG", "todense", "nosuch"), g.anyHLL()}
	}},
	{weight: 12, fn: func(g *Gen) []string { return []string{g.pick("get", "get", "dump", "strlen"), g.anyHLL()} }},
	{weight: 3, fn: func(g *Gen) []string { return []string{"object", "encoding", g.anyHLL()} }},
	{weight: 3, fn: func(g *Gen) []string { return []string{"del", g.anyHLL()} }},
	{weight: 2, fn: func(g *Gen) []string { return []string{"expire", g.anyHLL(), g.after(1)} }},
	{weight: 1, fn: func(g *Gen) []string { return []string{"lpush", g.key(), "7"} }},
	{weight: 5, fn: func(g *Gen) []string { return []string{"set", g.key(), g.pick(sketches...)} }, keep: true},
	{weight: 3, fn: func(g *Gen) []string {
		return []string{"append", g.pick(g.key(), shortKey), g.pick("\x00", "\x84", "\x7f\xff", "\x00\x40\x00")}
	}, keep: true},
	{weight: 2, fn: func(g *Gen) []string {
		return []string{"setrange", g.key(), g.pick("0", "4", "5", "8", "15"), g.pick("\x00", "\x01", "\x02", "\x80", "\xff")}
	}, keep: true},
	{weight: 2, fn: func(g *Gen) []string { return []string{"set", shortKey, g.pick(shortSketches...)} }, keep: true},
	{weight: 3, fn: func(g *Gen) []string { return []string{"pfadd", shortKey, g.element()} }, keep: true},
}

// hllKeys are for sound HyperLogLogs alone.
var hllKeys = []string{"{a}h1", "{a}h2", "{a}h3", "{b}h1"}

// shortKey is for sketches that have too few registers. A run that is cut off is not made there: Redis reads on behind the string's end.
const shortKey = "short"

var shortSketches = []string{sketchHead, sketchHead + "\x60\x00", sketchHead + "\x40\x00\x84\x7f\x00"}

const sketchHead = "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80"

// sketches are strings that are HyperLogLogs, or nearly: empty ones with the header's parts in all states; ones of a few registers; with
// neighbours that could be one run; too long ones; and what is none.
var sketches = []string{
	sketchHead + "\x7f\xff",
	"HYLL\x01abc\x05\x00\x00\x00\x00\x00\x00\x00\x7f\xff",
	sketchHead + "\x5f\xff\x84\x3e\x5f\xbf",
	sketchHead + "\x80\x80\x80\x80\x84\x84\x87\x87\x7f\xef",
	sketchHead + "\x00\x00\x40\x00\x00\x7f\xfb",
	sketchHead + "\xff\xfe\x00\xfd\x7f\xf5",
	sketchHead + "\x7f\xff\x00",
	sketchHead[:15],
	"HYLL\x00" + sketchHead[5:],
	"HYLL\x02" + sketchHead[5:] + "\x7f\xff",
	"hyll" + sketchHead[4:] + "\x7f\xff",
	"12345",
}

func (g *Gen) hllKey() string { return g.pick(hllKeys...) }

func (g *Gen) anyHLL() string {
	switch g.rnd.IntN(16) {
	case 0:
		return shortKey
	case 1, 2, 3, 4, 5, 6, 7:
		return g.key()
	}
	return g.hllKey()
}

func (g *Gen) element() string {
	if g.chance(10) {
		return g.value()
	}
	return strconv.Itoa(g.rnd.IntN(1 << (3 + g.rnd.IntN(20))))
}

func (g *Gen) elements(n int) []string {
	words := []string{"pfadd", g.hllKey()}
	for range n {
		words = append(words, g.element())
	}
	return words
}

func genPfmerge(g *Gen) []string {
	words := []string{"pfmerge", g.key()}
	if g.chance(2) {
		words[1] = g.hllKey()
	}
	for range g.rnd.IntN(4) {
		source := g.near(words[1])
		if len(source) > 2 && source[:3] == "{a}" && g.chance(2) {
			source = g.pick("{a}h1", "{a}h2", "{a}h3")
		}
		words = append(words, source)
	}
	return words
}
