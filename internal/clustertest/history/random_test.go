package history

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// simulate makes a history of three keys by clients of one cache that does each operation at one moment between its call and its
// return, or, where the client did not learn the outcome, at any moment after its call, or never.
func simulate(rng *rand.Rand, clients, each int) []Op {
	const second = float64(time.Second)
	var ops []Op
	at := map[int]time.Duration{} // when each operation takes effect, or not at all
	for c := range clients {
		now := time.Duration(rng.Float64() * second)
		for i := range each {
			o := Op{Client: c, Call: now, Key: "rcl"[rng.IntN(3):][:1]}
			if rng.IntN(3) > 0 {
				o.Kind = map[string]Kind{"r": Set, "c": Incr, "l": Append}[o.Key]
				o.Arg = fmt.Sprintf("%02d%02d", c, i)
			}
			effect := now + time.Duration(rng.Float64()*second)
			o.Return = effect + time.Duration(rng.Float64()*second)
			if o.Kind == Incr {
				o.Arg = ""
			}
			switch rng.IntN(20) {
			case 0:
				o.Outcome = Failed
			case 1: // takes effect some day, or never
				o.Outcome = Unknown
				if rng.IntN(2) == 0 {
					at[len(ops)] = now + time.Duration(rng.Float64()*20*second)
				}
			default:
				at[len(ops)] = effect
			}
			ops = append(ops, o)
			now = o.Return + time.Duration(rng.Float64()*second/10)
		}
	}
	for _, key := range []string{"r", "c", "l"} {
		at[len(ops)] = time.Hour
		ops = append(ops, Op{Client: clients, Key: key, Call: time.Hour - 1, Return: time.Hour + 1})
	}
	run(ops, at)
	return ops
}

// run answers the operations in the order of their effects.
func run(ops []Op, at map[int]time.Duration) {
	order := make([]int, 0, len(at))
	for i := range at {
		order = append(order, i)
	}
	slices.SortFunc(order, func(a, b int) int { return int(at[a] - at[b]) })
	values := map[string]string{}
	for _, i := range order {
		o := &ops[i]
		v, ok := values[o.Key]
		switch o.Kind {
		case Get:
			o.Value, o.Null = v, !ok
		case Set:
			values[o.Key] = o.Arg
		case Incr:
			n, _ := strconv.ParseInt(v, 10, 64)
			o.N = n + 1
			values[o.Key] = strconv.FormatInt(o.N, 10)
		case Append:
			values[o.Key] = v + o.Arg
			o.N = int64(len(v + o.Arg))
		}
	}
}

// TestRandomHistories: what one cache answered is accepted; the same with one answer made wrong is refused.
func TestRandomHistories(t *testing.T) {
	refusals := map[string]int{}
	for range 300 {
		seed := rand.Uint64()
		rng := rand.New(rand.NewPCG(seed, 0))
		ops := simulate(rng, 2+rng.IntN(8), 5+rng.IntN(20))
		for _, v := range Check(ops, testBudget) {
			t.Fatalf("seed %d: a true history is refused: %v", seed, v)
		}
		what := spoil(rng, ops)
		if what == "" {
			continue
		}
		found := Check(ops, testBudget)
		if len(found) == 0 || found[0].Rule == Undecided {
			t.Fatalf("seed %d: not refused: %s: %v", seed, what, found)
		}
		refusals[what]++
	}
	t.Logf("refused: %v", refusals)
	for _, what := range []string{"a write is gone", "an older value", "a write more"} {
		if refusals[what] == 0 {
			t.Errorf("never tried: %s", what)
		}
	}
}

// spoil makes an answer wrong, in a way that no order explains, and says how; "" where this history offers no place for it.
func spoil(rng *rand.Rand, ops []Op) string {
	final := func(key string) *Op {
		return &ops[slices.IndexFunc(ops, func(o Op) bool { return o.Key == key && o.Call == time.Hour-1 })]
	}
	acked := func(key string) (list []*Op) {
		for i := range ops {
			if o := &ops[i]; o.Key == key && o.Kind != Get && o.Outcome == Done {
				list = append(list, o)
			}
		}
		return list
	}
	switch rng.IntN(3) {
	case 0: // an acknowledged token is cut out of the final value
		list := acked("l")
		if len(list) == 0 {
			return ""
		}
		o := final("l")
		o.Value = strings.Replace(o.Value, list[rng.IntN(len(list))].Arg, "", 1)
		return "a write is gone"
	case 1: // the final read answers a value that was overwritten before
		list := acked("r")
		for _, old := range list {
			if slices.ContainsFunc(list, func(o *Op) bool { return o.Call > old.Return }) {
				final("r").Value = old.Arg
				return "an older value"
			}
		}
		return ""
	default: // the counter is one more than all that was ever sent
		n := 0
		for i := range ops {
			if ops[i].Kind == Incr && ops[i].Outcome != Failed {
				n++
			}
		}
		o := final("c")
		o.Value, o.Null = strconv.Itoa(n+1), false
		return "a write more"
	}
}

// BenchmarkCheck: 300 keys, each used by a few clients at a time, as in a load over many keys. What a search costs grows quickly with
// the number of operations at a time on one key.
func BenchmarkCheck(b *testing.B) {
	var ops []Op
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range 100 {
		for _, o := range simulate(rng, 4, 100) {
			o.Key += strconv.Itoa(i)
			ops = append(ops, o)
		}
	}
	for b.Loop() {
		if v := Check(ops, time.Minute); len(v) > 0 {
			b.Fatal(v[0])
		}
	}
	b.ReportMetric(float64(len(ops)), "ops")
}
