package oracle

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Waits makes random commands for clients that wait for keys, and for those that serve them: the same for the same seed. The keys
// are few, of each hash tag, and change their types; no time-out comes to pass; no id is the clock's. Their words have no spaces.
type Waits struct {
	rnd  *rand.Rand
	tags []string
	tag  string // of the command under way
}

// NewWaits answers a generator for keys with these hash tags. Those of one command have the same.
func NewWaits(seed uint64, tags ...string) *Waits {
	return &Waits{rnd: rand.New(rand.NewPCG(seed, 0)), tags: tags}
}

// Next makes the next command, one that may wait only if that is allowed.
func (w *Waits) Next(mayWait bool) string {
	w.tag = w.pick(w.tags...)
	number := w.rnd.IntN(100)
	switch {
	case number < 55 && mayWait && w.chance(2):
		return w.readStreams(true)
	case number < 55:
		return w.stream()
	case number < 75 && mayWait:
		return w.pop()
	case number < 91:
		return w.collection()
	default:
		return w.whole()
	}
}

// Pick answers a number below n.
func (w *Waits) Pick(n int) int { return w.rnd.IntN(n) }

func (w *Waits) pick(words ...string) string { return words[w.rnd.IntN(len(words))] }
func (w *Waits) chance(n int) bool           { return w.rnd.IntN(n) == 0 }

// key is any key; those of one type alone live longer.
func (w *Waits) key() string { return w.tag + w.pick("a", "b") }

func (w *Waits) streamKey() string {
	if w.chance(6) {
		return w.key()
	}
	return w.tag + w.pick("s", "s", "r")
}

func (w *Waits) popKey() string {
	if w.chance(2) {
		return w.key()
	}
	return w.tag + w.pick("c", "d")
}

// takeKey is one that an element is taken from: more than are pushed to.
func (w *Waits) takeKey() string {
	if w.chance(8) {
		return w.tag + w.pick("sorted", "union")
	}
	return w.popKey()
}

// several is one key, or some, of which one may be named twice.
func (w *Waits) several(key func() string) string {
	s := key()
	for w.chance(3) {
		s += " " + key()
	}
	return s
}

func (w *Waits) counted() string {
	keys := w.several(w.takeKey)
	return fmt.Sprint(strings.Count(keys, " ")+1, " ", keys)
}

func (w *Waits) timeout() string {
	if w.chance(25) {
		return w.pick("x", "-1")
	}
	return w.pick("0", "0", "1000")
}

func (w *Waits) side() string {
	if w.chance(30) {
		return "up"
	}
	return w.pick("LEFT", "RIGHT", "left", "Right")
}

func (w *Waits) popCount() string {
	if w.chance(10) {
		return w.pick(" COUNT 0", " COUNT", " FOO 1", " COUNT 1 COUNT 2")
	}
	return w.pick("", "", " COUNT 1", " COUNT 2", " COUNT 10")
}

// pop waits for an element of a list or a sorted set.
func (w *Waits) pop() string {
	switch w.rnd.IntN(8) {
	case 0, 1:
		return w.pick("BLPOP ", "BRPOP ") + w.several(w.takeKey) + " " + w.timeout()
	case 2:
		return "BLMOVE " + w.takeKey() + " " + w.popKey() + " " + w.side() + " " + w.side() + " " + w.timeout()
	case 3:
		return "BRPOPLPUSH " + w.takeKey() + " " + w.popKey() + " " + w.timeout()
	case 4:
		return "BLMPOP " + w.timeout() + " " + w.counted() + " " + w.side() + w.popCount()
	case 5, 6:
		return w.pick("BZPOPMIN ", "BZPOPMAX ") + w.several(w.takeKey) + " " + w.timeout()
	default:
		return "BZMPOP " + w.timeout() + " " + w.counted() + " " + w.pick("MIN", "MAX", "min", "left") + w.popCount()
	}
}

// collection makes, changes or shows a list or a sorted set.
func (w *Waits) collection() string {
	switch w.rnd.IntN(4) {
	case 0, 1:
		s := w.pick("RPUSH ", "LPUSH ") + w.popKey() + " " + w.pick("x", "y", "z")
		for w.chance(2) {
			s += " " + w.pick("x", "y", "z", "1")
		}
		return s
	case 2:
		return fmt.Sprintf("ZADD %s %d %s", w.popKey(), w.rnd.IntN(9)-4, w.pick("x", "y", "z"))
	default:
		key := w.popKey()
		return w.pick("LRANGE "+key+" 0 -1", "LPOP "+key, "LMOVE "+key+" "+w.popKey()+" LEFT LEFT", "RPOPLPUSH "+key+" "+w.popKey(), "LINSERT "+key+" BEFORE x y")
	}
}

// whole makes or removes a key of any type.
func (w *Waits) whole() string {
	any1 := func() string {
		if w.chance(2) {
			return w.streamKey()
		}
		return w.popKey()
	}
	switch w.rnd.IntN(12) {
	case 0:
		return "SET " + any1() + " v"
	case 1, 2, 3:
		return w.pick("DEL ", "UNLINK ", "EXISTS ", "TYPE ") + any1()
	case 4:
		return "DEL " + w.several(any1)
	case 5, 6:
		return w.pick("RENAME ", "RENAME ", "RENAMENX ") + any1() + " " + any1()
	case 7, 8:
		return "COPY " + any1() + " " + any1() + w.pick("", " REPLACE", " REPLACE")
	case 9:
		return w.pick("GETDEL ", "PERSIST ") + any1()
	case 10:
		return "PEXPIREAT " + any1() + " 1"
	default:
		// Each to a key of its own: Redis 7.0 tells nobody of a key that such a command makes in the place of another.
		return w.pick("SORT "+w.popKey()+" ALPHA STORE "+w.tag+"sorted", "ZUNIONSTORE "+w.tag+"union 1 "+w.popKey(), "SADD "+w.key()+" x")
	}
}
