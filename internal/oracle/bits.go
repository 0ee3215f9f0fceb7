package oracle

import (
	"slices"
	"strconv"
)

// bitMakes make the commands on the bits of strings, and some that meet them.
var bitMakes = []make1{
	{weight: 8, fn: func(g *Gen) []string {
		return []string{"setbit", g.key(), g.bitOffset(), g.pick("0", "1", "1", "1", "2", "x")}
	}},
	{weight: 5, fn: func(g *Gen) []string { return []string{"getbit", g.key(), g.bitOffset()} }},
	{weight: 6, fn: func(g *Gen) []string { return append([]string{"bitcount", g.key()}, g.bitRange(false)...) }},
	{weight: 6, fn: func(g *Gen) []string {
		return append([]string{"bitpos", g.key(), g.pick("0", "1", "0", "1", "0", "1", "2", "x")}, g.bitRange(true)...)
	}},
	{weight: 6, fn: genBitop, oneSlot: true},
	{weight: 8, fn: genBitfield},
	{weight: 3, fn: func(g *Gen) []string { return []string{"set", g.key(), g.value()} }},
	{weight: 2, fn: func(g *Gen) []string { return []string{"get", g.key()} }},
	{weight: 2, fn: func(g *Gen) []string { return []string{"incr", g.key()} }},
	{weight: 2, fn: func(g *Gen) []string { return []string{"object", "encoding", g.key()} }},
	{weight: 1, fn: func(g *Gen) []string { return []string{g.pick("del", "persist"), g.key()} }},
	{weight: 1, fn: func(g *Gen) []string { return []string{"lpush", g.key(), "7"} }},
	{weight: 1, fn: func(g *Gen) []string { return []string{"expire", g.key(), g.after(1)} }},
}

func (g *Gen) bitOffset() string {
	switch g.rnd.IntN(12) {
	case 0:
		return g.pick("4294967296", "-1", "x", "9223372036854775807", "#1")
	case 1:
		return strconv.Itoa(g.rnd.IntN(4000))
	}
	return strconv.Itoa(g.rnd.IntN(100))
}

// bitRange is a range of bits or bytes, or none; of which the end may be missing.
func (g *Gen) bitRange(open bool) []string {
	index := func() string {
		if g.chance(20) {
			return g.pick("x", "9223372036854775807", "-9223372036854775808")
		}
		return strconv.Itoa(g.rnd.IntN(60) - 30)
	}
	switch g.rnd.IntN(6) {
	case 0:
		return nil
	case 1:
		if open {
			return []string{index()}
		}
	case 2, 3:
		return []string{index(), index(), g.pick("bit", "BYTE", "BIT", "byte", "bits")}
	}
	return []string{index(), index()}
}

func genBitop(g *Gen) []string {
	key := g.key()
	words := []string{"bitop", g.pick("and", "OR", "xor", "not", "and", "or", "xor", "nor"), key}
	for range 1 + g.rnd.IntN(3) {
		words = append(words, g.near(key))
	}
	if words[1] == "not" && !g.chance(5) {
		words = words[:4]
	}
	return words
}

func genBitfield(g *Gen) []string {
	words := []string{g.pick("bitfield", "bitfield", "bitfield", "bitfield_ro"), g.key()}
	field := func() []string {
		kind := g.pick("u", "i") + strconv.Itoa(1+g.rnd.IntN(64))
		offset := strconv.Itoa(g.rnd.IntN(80))
		switch g.rnd.IntN(15) {
		case 0:
			kind = g.pick("u64", "i65", "u0", "x8", "u", "i-1", "u1x")
		case 1:
			offset = g.pick("-1", "x", "4294967296", "#-1", "#4294967296", "9223372036854775807")
		case 2, 3, 4:
			offset = "#" + strconv.Itoa(g.rnd.IntN(6))
		}
		return []string{kind, offset}
	}
	number := func() string {
		return g.pick("0", "1", "-1", "7", "255", "-128", "127", "65535", "9223372036854775807", "-9223372036854775808", "x", strconv.Itoa(g.rnd.IntN(4096)-2048))
	}
	for range 1 + g.rnd.IntN(3) {
		switch op := g.pick("get", "set", "INCRBY", "overflow", "get", "set", "incrby"); op {
		case "get":
			words = slices.Concat(words, []string{op}, field())
		case "overflow":
			words = append(words, op, g.pick("wrap", "SAT", "fail", "sat", "fail", "none"))
		default:
			words = slices.Concat(words, []string{op}, field(), []string{number()})
		}
	}
	return words
}
