package history

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

// testBudget bounds the searches of a test: each takes well under a millisecond.
const testBudget = 10 * time.Second

// parse reads a history for tests, an operation a line: "CALL RETURN SET v", times in seconds; "?" for RETURN is an unknown
// outcome, "!" a failed one. Answers stand behind "->"; "nil" is no key. All are of one key, but for lines with "KEY:" in front.
func parse(t *testing.T, text string) (ops []Op) {
	t.Helper()
	for line := range strings.Lines(text) {
		line, key := strings.TrimSpace(line), "k"
		if line == "" {
			continue
		}
		if k, rest, ok := strings.Cut(line, ":"); ok {
			key, line = k, rest
		}
		line, answer, _ := strings.Cut(line, "->")
		f, answer := strings.Fields(line), strings.TrimSpace(answer)
		if len(f) < 3 {
			t.Fatalf("not an operation: %s", line)
		}
		o := Op{Client: len(ops), Key: key, Call: seconds(t, f[0])}
		switch f[1] {
		case "?":
			o.Outcome = Unknown
		case "!":
			o.Outcome = Failed
		default:
			o.Return = seconds(t, f[1])
		}
		switch f[2] {
		case "GET":
			o.Value, o.Null = answer, answer == "nil"
			if o.Null {
				o.Value = ""
			}
		case "SET":
			o.Kind, o.Arg = Set, f[3]
		case "INCR":
			o.Kind = Incr
		case "APPEND":
			o.Kind, o.Arg = Append, f[3]
		default:
			t.Fatalf("not an operation: %s", line)
		}
		if o.Kind == Incr || o.Kind == Append {
			o.N, _ = strconv.ParseInt(answer, 10, 64)
		}
		ops = append(ops, o)
	}
	return ops
}

func seconds(t *testing.T, s string) time.Duration {
	t.Helper()
	x, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(x * float64(time.Second))
}

func TestRefused(t *testing.T) {
	for name, c := range map[string]struct{ rule, history string }{
		"register: stale read": {NoOrder, `0 1 SET a
			2 3 SET b
			4 5 GET -> b
			6 7 GET -> a
			8 9 GET -> b`},
		"register: stale read after a concurrent write was seen": {NoOrder, `0 1 SET a
			2 9 SET b
			3 4 GET -> b
			5 6 GET -> a
			10 11 GET -> b`},
		"register: two readers disagree on the order of two writes": {NoOrder, `0 9 SET a
			0 9 SET b
			10 11 GET -> a
			12 13 GET -> b`},
		"register: lost write, nothing left": {LostWrite, `0 1 SET a
			2 3 GET -> nil`},
		"register: lost write, an older one left": {LostWrite, `0 1 SET a
			2 3 SET b
			4 5 GET -> a`},
		"register: lost write, found again": {NoOrder, `0 1 SET a
			2 3 GET -> nil
			4 5 GET -> a`},
		"register: value from nowhere": {FromNowhere, `0 1 SET a
			2 3 GET -> z`},
		"register: value of a refused write": {FromNowhere, `0 1 SET a
			2 ! SET b
			4 5 GET -> b`},
		"register: value from the future": {FromFuture, `0 1 SET a
			2 3 GET -> b
			4 5 SET b`},
		"register: unknown write seen, then gone": {NoOrder, `0 1 SET a
			2 ? SET b
			3 4 GET -> b
			5 6 GET -> a`},
		"register: unknown write before its call": {FromFuture, `2 3 GET -> b
			4 ? SET b`},
		"register: unknown write comes twice": {NoOrder, `0 1 SET a
			2 ? SET b
			3 4 GET -> b
			5 6 SET c
			7 8 GET -> c
			9 10 GET -> b`},
		"counter: double increment": {TwiceDone, `0 1 INCR -> 1
			2 3 INCR -> 2
			4 5 GET -> 3`},
		"counter: double increment in the answers": {NoOrder, `0 1 INCR -> 1
			2 3 INCR -> 3`},
		"counter: unknown increment done twice": {TwiceDone, `0 1 INCR -> 1
			2 ? INCR
			4 5 GET -> 3`},
		"counter: lost increment": {LostWrite, `0 1 INCR -> 1
			2 3 INCR -> 2
			4 5 GET -> 1`},
		"counter: lost with its key": {LostWrite, `0 1 INCR -> 1
			4 5 GET -> nil`},
		"counter: one answer twice": {LostWrite, `0 1 INCR -> 1
			2 3 INCR -> 1`},
		"counter: stale read": {NoOrder, `0 1 INCR -> 1
			2 3 INCR -> 2
			4 5 GET -> 1
			6 7 GET -> 2`},
		"counter: not a number": {FromNowhere, `0 1 INCR -> 1
			2 3 GET -> one`},
		"counter: unknown increment seen before its call": {NoOrder, `0 1 INCR -> 2
			2 ? INCR
			3 4 GET -> 2`},
		"counter: unknown increment seen, then gone": {NoOrder, `0 1 INCR -> 1
			2 ? INCR
			3 4 GET -> 2
			5 6 INCR -> 2`},
		"counter: answers against the times": {NoOrder, `0 1 INCR -> 2
			2 3 INCR -> 1
			4 5 GET -> 2`},
		"list: lost write": {LostWrite, `0 1 APPEND aa -> 2
			2 3 APPEND bb -> 4
			4 5 GET -> aa`},
		"list: lost with its key": {LostWrite, `0 1 APPEND aa -> 2
			2 3 GET -> aa
			4 5 GET -> nil`},
		"list: lost in the middle": {LostWrite, `0 1 APPEND aa -> 2
			2 3 APPEND bb -> 4
			4 5 APPEND cc -> 6
			6 7 GET -> aacc`},
		"list: begun anew": {LostWrite, `0 1 APPEND aa -> 2
			2 3 APPEND bb -> 2
			6 7 GET -> bb`},
		"list: done twice": {TwiceDone, `0 1 APPEND aa -> 2
			2 3 GET -> aaaa`},
		"list: unknown one done twice": {TwiceDone, `0 1 APPEND aa -> 2
			2 ? APPEND bb
			4 5 GET -> aabbbb`},
		"list: token from nowhere": {FromNowhere, `0 1 APPEND aa -> 2
			2 3 GET -> aaxx`},
		"list: half a token": {FromNowhere, `0 1 APPEND aa -> 2
			2 ? APPEND bb
			2 3 GET -> aab`},
		"list: token of a refused one": {FromNowhere, `0 1 APPEND aa -> 2
			2 ! APPEND bb
			4 5 GET -> aabb`},
		"list: token from the future": {FromFuture, `0 1 APPEND aa -> 2
			2 3 GET -> aabb
			4 5 APPEND bb -> 4`},
		"list: stale read": {Stale, `0 1 APPEND aa -> 2
			2 3 APPEND bb -> 4
			4 5 GET -> aa
			6 7 GET -> aabb`},
		"list: stale read, other reads first": {Stale, `0 1 APPEND aa -> 2
			2 ? APPEND bb
			4 5 GET -> aabb
			6 7 GET -> aa
			8 9 GET -> aabb`},
		"list: reads that contradict each other": {LostWrite, `0 9 APPEND aa -> 2
			0 9 APPEND bb -> 4
			2 3 GET -> bb
			6 7 GET -> aabb`},
		"list: order against the times": {NoOrder, `0 1 APPEND aa -> 4
			2 3 APPEND bb -> 2
			6 7 GET -> bbaa`},
		"list: one length twice": {LostWrite, `0 1 APPEND aa -> 2
			0 1 APPEND bb -> 2`},
		"list: length of no tokens": {FromNowhere, `0 1 APPEND aa -> 3`},
		"misuse: one value twice": {Misused, `0 1 SET a
			2 3 SET a`},
		"misuse: a key of two uses": {Misused, `0 1 SET a
			2 3 INCR -> 1`},
		"misuse: two widths": {Misused, `0 1 APPEND a -> 1
			2 3 APPEND bb -> 3`},
		"misuse: times": {Misused, `1 0 SET a`},
	} {
		t.Run(name, func(t *testing.T) {
			found := Check(parse(t, c.history), testBudget)
			if len(found) != 1 || found[0].Rule != c.rule {
				t.Fatalf("found %v, want one violation: %s", found, c.rule)
			}
			if text := found[0].String(); !strings.HasPrefix(text, "k: "+c.rule+": ") {
				t.Errorf("it is shown as %q", text)
			}
		})
	}
}

func TestAccepted(t *testing.T) {
	for name, text := range map[string]string{
		"nothing": "",
		"register: reads of what never was": `0 1 GET -> nil
			2 3 GET -> nil`,
		"register: concurrent writes, either way": `0 9 SET a
			0 9 SET b
			1 2 GET -> b
			3 4 GET -> a
			10 11 GET -> a`,
		"register: unknown write that never takes effect": `0 1 SET a
			2 ? SET b
			3 4 GET -> a
			100 101 GET -> a`,
		"register: unknown write that takes effect late": `0 1 SET a
			2 ? SET b
			3 4 SET c
			5 6 GET -> c
			50 51 GET -> b
			60 61 GET -> b`,
		"register: unknown write over a later one at the end": `0 ? SET a
			2 3 SET b
			4 5 GET -> a`,
		"register: refused write": `0 1 SET a
			2 ! SET b
			3 4 GET -> a`,
		"register: a read of unknown outcome tells nothing": `0 1 SET a
			2 ? GET -> z
			3 ! GET -> z`,
		"register: touching intervals are concurrent": `0 1 SET a
			1 2 GET -> nil
			3 4 GET -> a`,
		"counter: reads between": `0 1 GET -> nil
			0 1 INCR -> 1
			2 3 GET -> 1
			3 4 INCR -> 2
			5 6 GET -> 2`,
		"counter: unknown, never": `0 ? INCR
			2 3 INCR -> 1
			4 5 GET -> 1`,
		"counter: unknown, at once": `0 ? INCR
			2 3 INCR -> 2
			4 5 GET -> 2`,
		"counter: unknown, after long": `0 ? INCR
			2 3 INCR -> 1
			4 5 GET -> 1
			50 51 INCR -> 3
			60 61 GET -> 3`,
		"counter: some of the unknown": `0 ? INCR
			1 ? INCR
			2 ? INCR
			3 4 INCR -> 3
			5 6 GET -> 3
			7 8 GET -> 4`,
		"counter: refused": `0 ! INCR
			2 3 INCR -> 1
			4 5 GET -> 1`,
		"list: concurrent ones": `0 9 APPEND aa -> 4
			0 9 APPEND bb -> 2
			3 4 GET -> bb
			10 11 GET -> bbaa`,
		"list: unknown, never": `0 1 APPEND aa -> 2
			2 ? APPEND bb
			4 5 GET -> aa`,
		"list: unknown, after long": `0 1 APPEND aa -> 2
			2 ? APPEND bb
			3 4 APPEND cc -> 4
			5 6 GET -> aacc
			50 51 APPEND dd -> 8
			60 61 GET -> aaccbbdd`,
		"list: no read": `0 1 APPEND aa -> 2
			2 3 APPEND bb -> 4`,
		"list: answered but not read yet": `0 1 APPEND aa -> 2
			2 5 APPEND bb -> 4
			3 4 GET -> aa`,
		"list: nothing yet": `0 1 GET -> nil
			0 2 APPEND aa -> 2
			1 3 GET -> nil
			3 4 GET -> aa`,
		"several keys": `a: 0 1 SET x
			b: 0 1 SET x
			c: 0 1 INCR -> 1
			d: 0 1 APPEND x -> 1
			a: 2 3 GET -> x
			b: 2 3 GET -> x
			c: 2 3 GET -> 1
			d: 2 3 GET -> x`,
	} {
		t.Run(name, func(t *testing.T) {
			for _, v := range Check(parse(t, text), testBudget) {
				t.Error(v)
			}
		})
	}
}

// TestEachKeyByItself: a violation of one key hides none of another's, and they come in the order of the keys.
func TestEachKeyByItself(t *testing.T) {
	found := Check(parse(t, `b: 0 1 INCR -> 1
		a: 0 1 SET x
		c: 0 1 SET x
		c: 2 3 GET -> x
		b: 2 3 GET -> 2
		a: 4 5 GET -> nil
		a: 6 7 GET -> x`), testBudget)
	if len(found) != 2 || found[0].Key != "a" || found[0].Rule != NoOrder || found[1].Key != "b" || found[1].Rule != TwiceDone {
		t.Fatalf("found %v", found)
	}
}

// TestManyUnknown: unknown outcomes cost no subsets. With 60 of them on a key the search would not end if it tried them all.
func TestManyUnknown(t *testing.T) {
	var text strings.Builder
	for i := range 60 {
		fmt.Fprintf(&text, "c: %d ? INCR\nr: %d ? SET v%d\n", i, i, i)
	}
	// 30 of them took effect: the 31st INCR that is answered says so, in an order that cannot be when 32 follows 40.
	fmt.Fprintf(&text, "c: 70 71 INCR -> 31\nc: 72 73 GET -> 40\nr: 70 71 GET -> v7\nr: 72 73 GET -> v3\n")
	began := time.Now()
	if found := Check(parse(t, text.String()), testBudget); len(found) > 0 {
		t.Errorf("refused: %v", found)
	}
	fmt.Fprintf(&text, "c: 74 75 INCR -> 32\nr: 74 75 GET -> v7\n")
	found := Check(parse(t, text.String()), testBudget)
	if len(found) != 2 || found[0].Rule != NoOrder || found[1].Rule != NoOrder {
		t.Errorf("not refused: %v", found)
	}
	if d := time.Since(began); d > testBudget/2 {
		t.Errorf("it took %v", d)
	}
}

// TestBudget: a search that does not end in time is a violation, never an acceptance.
func TestBudget(t *testing.T) {
	// 40 concurrent writes, each of which is read, and two reads at the end that contradict each other: all orders of the
	// writes have to be tried before it is known.
	var text strings.Builder
	for i := range 40 {
		fmt.Fprintf(&text, "0 100 SET v%d\n0 100 GET -> v%d\n", i, i)
	}
	fmt.Fprintf(&text, "101 102 GET -> v1\n103 104 GET -> v2\n105 106 GET -> v2\n")
	found := Check(parse(t, text.String()), 0)
	if len(found) != 1 || found[0].Rule != Undecided {
		t.Fatalf("found %v", found)
	}
}
