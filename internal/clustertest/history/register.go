package history

import (
	"fmt"
	"time"

	"github.com/anishathalye/porcupine"
)

// checkRegister does the cheap checks of a register, and prepares the search.
//
// Values are unique, so a read names its write. That settles the writes of unknown outcome before the search, which they would
// make expensive: one whose value nobody read can be left out, since no answer depends on it; one whose value was read had taken
// effect when the first of these reads returned.
func checkRegister(ops []*Op) (search, *Violation) {
	writes := map[string]*Op{}
	seen := map[*Op]time.Duration{} // when the first read of a write returned
	for _, o := range ops {
		if o.Kind != Set {
			continue
		}
		if other := writes[o.Arg]; other != nil {
			return search{}, &Violation{Rule: Misused, Detail: fmt.Sprintf("the value %s is written twice", o.Arg), Ops: []*Op{other, o}}
		}
		writes[o.Arg] = o
	}
	for _, o := range ops {
		if o.Kind != Get || o.Outcome != Done || o.Null {
			continue
		}
		w := writes[o.Value]
		switch {
		case w == nil:
			return search{}, &Violation{Rule: FromNowhere, Detail: abridged(o.Value), Ops: around(ops, o)}
		case w.Outcome == Failed:
			return search{}, &Violation{Rule: FromNowhere, Detail: "a SET that was refused took effect: " + w.String(), Ops: around(ops, o)}
		case w.Call > o.Return:
			return search{}, &Violation{Rule: FromFuture, Detail: w.String(), Ops: around(ops, o)}
		}
		if first, ok := seen[w]; !ok || o.Return < first {
			seen[w] = o.Return
		}
	}
	if v := checkLastWrite(ops, writes); v != nil {
		return search{}, v
	}
	s := search{model: registerModel}
	for _, o := range ops {
		switch o.Outcome {
		case Done:
			s.ops = append(s.ops, operation(o, -1, o.Return))
		case Unknown:
			if first, ok := seen[o]; ok {
				s.ops = append(s.ops, operation(o, -1, first))
			}
		}
	}
	return s, nil
}

// checkLastWrite checks that what is there at the end is no older than any acknowledged write.
func checkLastWrite(ops []*Op, writes map[string]*Op) *Violation {
	last := lastRead(ops)
	if last == nil {
		return nil
	}
	w := writes[last.Value]
	for _, o := range ops {
		if o.Kind != Set || o.Outcome != Done || o == w {
			continue
		}
		if last.Null {
			return &Violation{Rule: LostWrite, Detail: "nothing is left of " + o.String(), Ops: around(ops, last)}
		}
		if o.Call > w.returned() {
			return &Violation{Rule: LostWrite, Detail: fmt.Sprintf("%v; what is left was written before it: %v", o, w), Ops: around(ops, last)}
		}
	}
	return nil
}

// registerModel: the state is the value, or "" while there is none; written values are not empty.
var registerModel = porcupine.Model{
	Init: func() any { return "" },
	Step: func(state, in, _ any) (bool, any) {
		o := in.(input)
		if o.Kind == Set {
			return true, o.Arg
		}
		if o.Null {
			return state == "", state
		}
		return state == o.Value, state
	},
}
