package oracle

import "strconv"

// hllMakes make the commands on HyperLogLogs, and some that meet them.
var hllMakes = []make1{
	{weight: 16, fn: func(g *Gen) []string {
		words := []string{"pfadd", g.hllKey()}
		n := g.rnd.IntN(6)
		if g.chance(12) {
			n = 300
		}
		for range n {
			words = append(words, g.pick("e", "x", "")+strconv.Itoa(g.rnd.IntN(5000)))
		}
		return words
	}},
	{weight: 6, fn: func(g *Gen) []string { return []string{"pfcount", g.hllKey()} }, oneSlot: true},
	{weight: 3, fn: func(g *Gen) []string { return g.hllKeys("pfcount") }, oneSlot: true},
	{weight: 4, fn: func(g *Gen) []string { return g.hllKeys("pfmerge") }, oneSlot: true},
	{weight: 3, fn: func(g *Gen) []string {
		return []string{"pfdebug", g.pick("encoding", "DECODE", "decode", "todense", "x"), g.hllKey()}
	}},
	{weight: 1, fn: func(g *Gen) []string { return []string{"pfdebug", "getreg", g.hllKey()} }},
	{weight: 6, fn: func(g *Gen) []string { return []string{"get", g.hllKey()} }},
	{weight: 2, fn: func(g *Gen) []string { return []string{"object", "encoding", g.hllKey()} }},
	{weight: 1, fn: func(g *Gen) []string {
		return []string{"setrange", g.hllKey(), g.pick("8", "14", "15"), g.pick("\x00", "\x01", "\x80", "\xff", "x")}
	}},
	{weight: 2, fn: func(g *Gen) []string { return []string{g.pick("del", "persist", "del"), g.hllKey()} }},
	{weight: 1, fn: func(g *Gen) []string {
		return []string{g.pick("set", "lpush"), g.hllKey(), g.pick("HYLL", "7", "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff")}
	}},
	{weight: 1, fn: func(g *Gen) []string { return []string{"expire", g.hllKey(), g.after(1)} }},
}

// hllKey is a key: one of few, so that they grow.
func (g *Gen) hllKey() string { return g.pick("{a}1", "{a}2", "{a}3", "{b}1", "n1") }

func (g *Gen) hllKeys(name string) []string {
	key := g.hllKey()
	words := []string{name, key}
	for range g.rnd.IntN(3) {
		words = append(words, g.near(key))
	}
	return words
}
