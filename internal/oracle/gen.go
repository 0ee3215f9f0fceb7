package oracle

import (
	"math/rand/v2"
	"strconv"
	"strings"
)

// Family is a set of commands that a [Gen] draws from.
type Family string

// The families.
const (
	Strings     Family = "strings"
	Keys        Family = "keys"
	Database    Family = "database" // FLUSHALL, SWAPDB, SCAN, KEYS ...: about whole databases
	Hashes      Family = "hashes"
	Lists       Family = "lists"
	Sets        Family = "sets"
	Zsets       Family = "zsets"
	HLLs        Family = "hyperloglogs"
	Bits        Family = "bits"
	Geo         Family = "geo"
	Streams     Family = "streams"
	Sort        Family = "sort"         // SORT and SORT_RO
	Select      Family = "select"       // SELECT of databases 0 to 2
	Pops        Family = "pops"         // members of sets that go by chance: two servers part ways
	Lex         Family = "lex"          // ranges of names where scores differ: of large sorted sets that is chance
	HashTTL     Family = "hash expiry"  // of Redis 7.4 and 8.0
	StreamClock Family = "stream-clock" // XADD with the time as the id
)

// Options say what a [Gen] may make.
type Options struct {
	Families []Family
	// CrossSlot lets commands that need all their keys in one slot of a cluster have them anywhere. Those that a cluster may
	// split always have.
	CrossSlot bool
}

// Gen makes a random sequence of commands: the same for the same seed and options. Its keys are few, so that commands meet the
// work of others; its expiries have passed long ago or lie far ahead and are never equal, so that two servers' clocks do not
// matter; and about one in ten commands is wrong in some way.
type Gen struct {
	rnd   *rand.Rand
	opt   Options
	makes []make1
	total int
}

// make1 makes the arguments of one command after its name, which stands in front.
type make1 struct {
	weight  int
	fn      func(g *Gen) []string
	oneSlot bool // a cluster wants all its keys in one slot
	keep    bool // no argument may become another
	exact   bool // its arguments are never broken
}

// NewGen answers a generator.
func NewGen(seed uint64, opt Options) *Gen {
	g := &Gen{rnd: rand.New(rand.NewPCG(seed, 0)), opt: opt}
	for _, f := range opt.Families {
		g.makes = append(g.makes, families[f]...)
	}
	for _, m := range g.makes {
		g.total += m.weight
	}
	return g
}

// Next makes the next command.
func (g *Gen) Next() [][]byte {
	n := g.rnd.IntN(g.total)
	for _, m := range g.makes {
		if n -= m.weight; n < 0 {
			if m.exact {
				return arguments(m.fn(g))
			}
			return g.spoil(m.fn(g), m.keep || m.oneSlot && !g.opt.CrossSlot)
		}
	}
	panic("oracle: weights do not add up")
}

// spoil writes a command's name in any case and, now and then, breaks its arguments: all of them stay harmless, and keepKeys
// leaves the keys where they are.
func (g *Gen) spoil(words []string, keepKeys bool) [][]byte {
	switch g.rnd.IntN(40) {
	case 0:
		words = words[:g.rnd.IntN(len(words))+1]
	case 1:
		if !keepKeys { // it could pass for a key
			words = append(words, g.value())
		}
	case 2:
		if i := g.rnd.IntN(len(words)); i > 0 && !keepKeys {
			words[i] = g.value()
		}
	case 3:
		words[0] = strings.ToUpper(words[0])
	}
	return arguments(words)
}

func arguments(words []string) [][]byte {
	args := make([][]byte, len(words))
	for i, w := range words {
		args[i] = []byte(w)
	}
	return args
}

func (g *Gen) pick(choices ...string) string { return choices[g.rnd.IntN(len(choices))] }

// chance is true once in n times.
func (g *Gen) chance(n int) bool { return g.rnd.IntN(n) == 0 }

// Keys lists every key that a Gen uses.
func (g *Gen) Keys() []string { return allKeys }

var allKeys = []string{
	"{a}1", "{a}2", "{a}3", "{a}4", "{b}1", "{b}2", "{b}3", "key", "other key", "", "\x00\xff{\r\n}", "n1", "n2", "n3", "[x]*?\\",
}

func (g *Gen) key() string { return g.pick(allKeys...) }

// near is a key of the same slot as key, or where CrossSlot allows it any.
func (g *Gen) near(key string) string {
	if g.opt.CrossSlot {
		return g.key()
	}
	if strings.HasPrefix(key, "{") {
		return key[:3] + strconv.Itoa(1+g.rnd.IntN(4))
	}
	return key
}

func (g *Gen) keys(name string) []string {
	words := []string{name}
	for range 1 + g.rnd.IntN(5) {
		words = append(words, g.key())
	}
	return words
}

func (g *Gen) value() string {
	switch g.rnd.IntN(12) {
	case 0:
		return ""
	case 1:
		return "\x00\r\n\xff\x80"
	case 2:
		return strings.Repeat(g.pick("ab", "x", "yz\x00"), g.rnd.IntN(40))
	case 3:
		return g.pick("9223372036854775807", "-9223372036854775808", "9223372036854775808", "-0", "+1", " 1", "01", "1 ", "0x10")
	case 4:
		return g.float()
	case 5, 6, 7:
		return strconv.Itoa(g.rnd.IntN(20000) - 5000)
	default:
		return g.pick("hello world", "ohmytext", "mynewtext", "abc", strings.Repeat("0123456789", 4)+"4444", strings.Repeat("x", 45))
	}
}

func (g *Gen) integer() string {
	switch g.rnd.IntN(10) {
	case 0:
		return g.pick("9223372036854775807", "-9223372036854775808", "9223372036854775808", "1.5", "abc", "", "-0", "+3")
	default:
		return strconv.Itoa(g.rnd.IntN(200) - 100)
	}
}

func (g *Gen) float() string {
	if g.chance(5) {
		return g.pick("1e3", "5.0e-2", "inf", "-inf", "nan", "1e400", "-1e4932", "1e5000", "0x1p3", "1e-400", ".5", "5.", "1e", "",
			" 1", "1.5 ", "-0", "3.0", "0.1", "3602879701896397.5", "17179869184.25")
	}
	return strconv.FormatFloat((g.rnd.Float64()-0.5)*float64(g.rnd.IntN(100000)), 'f', g.rnd.IntN(8), 64)
}

// index is an offset into a value.
func (g *Gen) index() string {
	if g.chance(12) {
		return g.integer()
	}
	return strconv.Itoa(g.rnd.IntN(60) - 30)
}

// farSeconds is a number of seconds that lies far ahead and is not made twice.
func (g *Gen) farSeconds() int64 { return 100_000 + g.rnd.Int64N(1e9) }

// after is a time to live: mostly far ahead, in the unit that is so many to a second.
func (g *Gen) after(perSecond int64) string {
	if g.chance(10) {
		if perSecond == 1 && g.chance(5) {
			return "9223372036854775" // too far; in milliseconds it would do, and be made twice
		}
		return g.pick("0", "-1", "-1000", "abc", "", "9223372036854775807", "-9223372036854775808", "1.0")
	}
	return strconv.FormatInt(g.farSeconds()*perSecond+g.rnd.Int64N(perSecond), 10)
}

// moment is a unix time: mostly far ahead, at times long past.
func (g *Gen) moment(perSecond int64) string {
	if g.chance(5) {
		return strconv.FormatInt((1_000_000+g.rnd.Int64N(1e9))*perSecond, 10)
	}
	return g.farMoment(perSecond)
}

// farMoment is a unix time far ahead, or none. SET takes no other: it would leave a key that has expired but that still counts,
// until the server happens to look at it.
func (g *Gen) farMoment(perSecond int64) string {
	if g.chance(10) {
		return g.pick("0", "-1", "-1000", "abc", "", "9223372036854775807", "-9223372036854775808", "9223372036854775")
	}
	return strconv.FormatInt((4_000_000_000+g.farSeconds())*perSecond, 10)
}

// expiry is an option of SET and GETEX.
func (g *Gen) expiry(bare string) []string {
	switch g.rnd.IntN(5) {
	case 0:
		return []string{g.pick("EX", "ex"), g.after(1)}
	case 1:
		return []string{"PX", g.after(1000)}
	case 2:
		return []string{"EXAT", g.farMoment(1)}
	case 3:
		return []string{"PXAT", g.farMoment(1000)}
	}
	return []string{bare}
}
