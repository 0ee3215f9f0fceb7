package history

import (
	"fmt"
	"strconv"

	"github.com/anishathalye/porcupine"
)

// checkCounter does the cheap checks of a counter, and prepares the search.
//
// INCRs of unknown outcome are alike but for their calls: where the search could use one, it can as well use the one that was
// called first of those not used yet. It may take them in that order only, or it would try all their subsets.
func checkCounter(ops []*Op) (search, *Violation) {
	var acked, unknown int64
	answers := map[int64]*Op{}
	s := search{model: counterModel}
	for _, o := range ops {
		switch {
		case o.Kind == Incr && o.Outcome == Unknown:
			s.ops = append(s.ops, operation(o, int(unknown), never))
			unknown++
		case o.Kind == Incr && o.Outcome == Done:
			acked++
			if other := answers[o.N]; other != nil {
				return search{}, &Violation{Rule: LostWrite, Detail: fmt.Sprintf("two INCRs were answered %d: %v", o.N, other), Ops: around(ops, o)}
			}
			answers[o.N] = o
			s.ops = append(s.ops, operation(o, -1, o.Return))
		case o.Outcome == Done:
			if _, err := count(o); err != nil {
				return search{}, &Violation{Rule: FromNowhere, Detail: err.Error(), Ops: around(ops, o)}
			}
			s.ops = append(s.ops, operation(o, -1, o.Return))
		}
	}
	last := lastRead(ops)
	if last == nil {
		return s, nil
	}
	switch n, _ := count(last); {
	case n < acked:
		return search{}, &Violation{Rule: LostWrite, Detail: fmt.Sprintf("%d INCRs were acknowledged, and the counter is %d", acked, n), Ops: around(ops, last)}
	case n > acked+unknown:
		return search{}, &Violation{
			Rule: TwiceDone, Detail: fmt.Sprintf("the counter is %d after %d acknowledged INCRs and %d of unknown outcome", n, acked, unknown), Ops: around(ops, last),
		}
	}
	return s, nil
}

// count is the number that a GET of a counter answered.
func count(o *Op) (int64, error) {
	if o.Null {
		return 0, nil
	}
	n, err := strconv.ParseInt(o.Value, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("a counter is %q", abridged(o.Value))
	}
	return n, nil
}

// counted is the state of a counter.
type counted struct {
	n       int64
	unknown int // how many INCRs of unknown outcome it has taken
}

var counterModel = porcupine.Model{
	Init: func() any { return counted{} },
	Step: func(state, in, _ any) (bool, any) {
		c, o := state.(counted), in.(input)
		switch {
		case o.Kind == Get:
			n, err := count(o.Op)
			return err == nil && n == c.n, c
		case o.unknown >= 0:
			return o.unknown == c.unknown, counted{c.n + 1, c.unknown + 1}
		default:
			return o.N == c.n+1, counted{c.n + 1, c.unknown}
		}
	},
}
