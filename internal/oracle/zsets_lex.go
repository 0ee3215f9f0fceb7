package oracle

import "strconv"

// lexMakes are ranges of names of any sorted set.
var lexMakes = []make1{
	{weight: 10, fn: func(g *Gen) []string { return g.zlex(g.zsetKey()) }},
	{weight: 2, fn: func(g *Gen) []string {
		key := g.zsetKey()
		return []string{"zrangestore", g.zsetNear(key), key, g.lexEnd(), g.lexEnd(), "bylex"}
	}, oneSlot: true},
}

// lexKeys hold members of the score 0 only, so that ranges of their names have a meaning.
var lexKeys = []string{"{a}lex", "{b}lex", "lex"}

func genZlexAlike(g *Gen) []string {
	key := lexKeys[g.rnd.IntN(len(lexKeys))]
	if g.chance(8) {
		return []string{g.pick("zpopmin", "zpopmax", "del"), key}
	}
	words := []string{"zadd", key}
	first := g.rnd.IntN(100)
	for i := range 1 + g.rnd.IntN(9) {
		words = append(words, "0", g.pick(g.member(), "m"+strconv.Itoa(first+i)))
	}
	return words
}

// zlex makes a command on a range of names.
func (g *Gen) zlex(key string) []string {
	switch g.rnd.IntN(8) {
	case 0:
		return []string{"zlexcount", key, g.lexEnd(), g.lexEnd()}
	case 1, 5:
		return []string{"zremrangebylex", key, g.lexEnd(), g.lexEnd()}
	case 2, 3:
		words := []string{"zrange", key, g.lexEnd(), g.lexEnd(), "bylex"}
		if g.chance(2) {
			words = append(words, "rev")
		}
		if g.chance(3) {
			words = append(words, g.limit()...)
		}
		if g.chance(15) {
			words = append(words, g.pick("withscores", "byscore", "limit"))
		}
		return words
	}
	words := []string{g.pick("zrangebylex", "zrevrangebylex"), key, g.lexEnd(), g.lexEnd()}
	if g.chance(3) {
		words = append(words, g.limit()...)
	}
	return words
}

func (g *Gen) lexEnd() string {
	if g.chance(12) {
		return g.pick("", "x", "++", "-x", "+\x00x", "(", "[", "[\xff", "(\x00")
	}
	return g.pick("-", "+", "["+g.member(), "("+g.member(), "[m"+g.pick("1", "20", "3", "5", "9"), "(m"+g.pick("1", "20", "3", "5", "9"))
}
