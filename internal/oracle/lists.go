package oracle

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
)

// listMakes make the commands of the family, and some that meet lists.
var listMakes = []make1{
	{weight: 60, fn: func(g *Gen) []string {
		words := []string{g.pick("lpush", "rpush", "lpushx", "rpushx"), g.listKey()}
		for range 1 + g.rnd.IntN(5) {
			words = append(words, g.listElement())
		}
		return words
	}},
	{weight: 16, fn: func(g *Gen) []string {
		words := []string{g.pick("lpop", "rpop"), g.listKey()}
		switch g.rnd.IntN(12) {
		case 0, 1, 2:
			words = append(words, g.pick("0", "1", "2", "3"))
		case 3:
			words = append(words, g.pick("100", "-1", "x", "9223372036854775807"))
		}
		return words
	}},
	{weight: 3, fn: func(g *Gen) []string { return []string{"llen", g.listKey()} }},
	{weight: 5, fn: func(g *Gen) []string { return []string{"lindex", g.listKey(), g.listIndex()} }},
	{weight: 8, fn: func(g *Gen) []string { return []string{"lset", g.listKey(), g.listIndex(), g.listElement()} }},
	{weight: 8, fn: func(g *Gen) []string { return []string{"lrange", g.listKey(), g.listIndex(), g.listIndex()} }},
	{weight: 14, fn: func(g *Gen) []string {
		return []string{"linsert", g.listKey(), g.pick("before", "AFTER", "after", "BEFORE", "before", "after", "at"), g.listElement(), g.listElement()}
	}},
	{weight: 16, fn: func(g *Gen) []string {
		return []string{"lrem", g.listKey(), g.pick("0", "1", "-1", "2", "-2", "-9223372036854775808", "9223372036854775807"), g.listElement()}
	}},
	{weight: 6, fn: func(g *Gen) []string { return []string{"ltrim", g.listKey(), g.listIndex(), g.listIndex()} }},
	{weight: 6, fn: genLpos},
	{weight: 10, fn: func(g *Gen) []string {
		key := g.listKey()
		return []string{"lmove", key, g.listNear(key), g.pick("left", "RIGHT", "right", "LEFT"), g.pick("left", "right", "left", "right", "up")}
	}, oneSlot: true},
	{weight: 10, fn: func(g *Gen) []string {
		key := g.listKey()
		return []string{"rpoplpush", key, g.listNear(key)}
	}, oneSlot: true},
	{weight: 10, fn: genLmpop, oneSlot: true},
	{weight: 2, fn: func(g *Gen) []string { return []string{"object", "encoding", g.listKey()} }},
	{weight: 1, fn: func(g *Gen) []string { return []string{"dump", g.listKey()} }},
	{weight: 1, fn: func(g *Gen) []string { return []string{g.pick("del", "persist", "type"), g.key()} }},
	{weight: 1, fn: func(g *Gen) []string { return []string{"set", g.key(), "7"} }},
	{weight: 1, fn: func(g *Gen) []string { return []string{"expire", g.listKey(), g.after(1)} }},
	{weight: 1, fn: genRename, oneSlot: true},
	{weight: 1, fn: genCopy, oneSlot: true},
}

// listKey is a key, most often one that hardly anything but lists is set to: they should live a while, and meet.
func (g *Gen) listKey() string {
	if g.chance(3) {
		return g.key()
	}
	return g.pick("{l}1", "{l}2", "list")
}

// listNear is a key of the same slot as key, or where CrossSlot allows it any.
func (g *Gen) listNear(key string) string {
	if strings.HasPrefix(key, "{l}") && !g.chance(3) {
		return g.pick("{l}1", "{l}2")
	}
	return g.near(key)
}

// listElement is an element: mostly one of few, so that they are found.
func (g *Gen) listElement() string {
	switch g.rnd.IntN(20) {
	case 0:
		return strings.Repeat("l", g.rnd.IntN(3000))
	case 1:
		return g.value()
	case 2:
		return g.pick("", "\x00\r\n\xff", "9223372036854775807", "-129", "70000", "4095", "-4097", "8388608")
	}
	return g.pick("a", "b", "c", "1", "2", "300", "element", strings.Repeat("x", 64))
}

func (g *Gen) listIndex() string {
	if g.chance(15) {
		return g.pick("100", "-100", "9223372036854775807", "-9223372036854775808", "x", "1.0")
	}
	return strconv.Itoa(g.rnd.IntN(16) - 7)
}

func genLpos(g *Gen) []string {
	words := []string{"lpos", g.listKey(), g.listElement()}
	if g.chance(2) {
		words = append(words, g.pick("rank", "RANK"), g.pick("1", "2", "-1", "-2", "3", "0", "-9223372036854775807", "x"))
	}
	if g.chance(2) {
		words = append(words, "count", g.pick("0", "1", "2", "3", "-1", "x"))
	}
	if g.chance(3) {
		words = append(words, "maxlen", g.pick("0", "1", "3", "10", "-1"))
	}
	return words
}

// lposLowestRank reports whether a command is LPOS with the one rank that has no opposite, refused: Redis refuses it from 7.2 on, and the
// server that we compare with counts with what the compiler made of the overflow.
func lposLowestRank(args [][]byte, got []byte) bool {
	return strings.EqualFold(string(args[0]), "lpos") && strings.HasPrefix(string(got), "-ERR value is out of range, value must between") &&
		slices.ContainsFunc(args[3:], func(a []byte) bool { return string(a) == "-9223372036854775808" })
}

func genLmpop(g *Gen) []string {
	n := 1 + g.rnd.IntN(3)
	words := []string{"lmpop", strconv.Itoa(n)}
	if g.chance(20) {
		words[1] = g.pick("0", "-1", "x", "9223372036854775807")
	}
	key := g.listKey()
	for range n {
		words = append(words, key)
		key = g.listNear(key)
	}
	words = append(words, g.pick("left", "RIGHT"))
	if g.chance(2) {
		words = append(words, "count", g.pick("1", "2", "3", "100", "0", "-1", "x"))
	}
	return words
}

// listNormal makes equal what may differ in replies of the family: Redis 7.0 has no small lists, and how a large one is cut into nodes is
// each server's own.
var listNormal = map[string]normalizer{
	"object": func(args [][]byte, reply []byte) string {
		if len(args) == 3 && (bytes.HasSuffix(reply, []byte("listpack\r\n")) || bytes.HasSuffix(reply, []byte("quicklist\r\n"))) {
			return "a list, or something small"
		}
		return ""
	},
	"dump": func(_ [][]byte, reply []byte) string {
		if i := bytes.Index(reply, []byte("\r\n")); i > 0 && i+2 < len(reply) && reply[i+2] == quicklist2 {
			return "a list"
		}
		return ""
	},
}

// quicklist2 begins the payload of a list.
const quicklist2 = 18
