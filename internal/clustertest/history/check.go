package history

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// The rules that a history can break.
const (
	LostWrite   = "an acknowledged write is lost"
	FromNowhere = "a value that nobody wrote"
	TwiceDone   = "a write was done twice"
	Stale       = "a read is older than what was known before it"
	FromFuture  = "a read has what was written only after it"
	NoOrder     = "no order of the operations explains the answers"
	Undecided   = "whether an order explains the answers was not decided in time"
	Misused     = "the history itself is wrong"
)

// shownOps is how many operations of a key a violation shows, around the one that broke the rule.
const shownOps = 30

// Violation is a rule that a key's history breaks.
type Violation struct {
	Key, Rule, Detail string
	Ops               []*Op // around the place; in the order of their calls
}

// String is the violation with its operations, on several lines.
func (v *Violation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s: %s", v.Key, v.Rule, v.Detail)
	for _, o := range v.Ops {
		fmt.Fprintf(&b, "\n    %v", o)
	}
	return b.String()
}

// Check judges a history, key by key, and answers what is wrong with it: at most one violation a key, in the order of the keys.
// The searches share the budget; keys whose search does not end within it are violations too.
func Check(ops []Op, budget time.Duration) []*Violation {
	keys := map[string][]*Op{}
	for i := range ops {
		keys[ops[i].Key] = append(keys[ops[i].Key], &ops[i])
	}
	names := make([]string, 0, len(keys))
	for name := range keys {
		names = append(names, name)
	}
	slices.Sort(names)
	var found []*Violation
	var searches []search
	for _, name := range names {
		list := keys[name]
		slices.SortStableFunc(list, byCall)
		kind, err := use(list)
		if err != nil {
			found = append(found, &Violation{Key: name, Rule: Misused, Detail: err.Error()})
			continue
		}
		var s search
		var v *Violation
		switch kind {
		case Incr:
			s, v = checkCounter(list)
		case Append:
			v = checkList(list)
		default:
			s, v = checkRegister(list)
		}
		if v != nil {
			v.Key = name
			found = append(found, v)
		} else if len(s.ops) > 0 {
			s.key, s.all = name, list
			searches = append(searches, s)
		}
	}
	end := time.Now().Add(budget)
	for _, s := range searches {
		if v := s.run(time.Until(end)); v != nil {
			found = append(found, v)
		}
	}
	slices.SortStableFunc(found, func(a, b *Violation) int { return cmp.Compare(a.Key, b.Key) })
	return found
}

func byCall(a, b *Op) int { return cmp.Compare(a.Call, b.Call) }

// use is what a key is used as: the kind of the operations that write it.
func use(ops []*Op) (Kind, error) {
	kind := Get
	for _, o := range ops {
		if o.Outcome == Done && o.Return < o.Call {
			return 0, fmt.Errorf("returned before it was called: %v", o)
		}
		if o.Kind == Get || o.Kind == kind {
			continue
		}
		if kind != Get {
			return 0, fmt.Errorf("%v and %v of one key", kind, o.Kind)
		}
		kind = o.Kind
	}
	return kind, nil
}

// search is one key's history as the search for an order takes it.
type search struct {
	key   string
	model porcupine.Model
	ops   []porcupine.Operation
	all   []*Op // everything that was done with the key
}

// minBudget is what a search gets even when the others have used up everything: most end within a millisecond.
const minBudget = 100 * time.Millisecond

func (s *search) run(budget time.Duration) *Violation {
	switch porcupine.CheckOperationsTimeout(s.model, s.ops, max(budget, minBudget)) {
	case porcupine.Ok:
		return nil
	case porcupine.Illegal:
		return s.explain(max(budget, minBudget))
	default:
		return &Violation{Key: s.key, Rule: Undecided, Detail: fmt.Sprintf("%d operations", len(s.ops)), Ops: around(s.all, s.all[len(s.all)-1])}
	}
}

// explain finds the operation at which the longest order ends: the first to return of those that it leaves out.
func (s *search) explain(budget time.Duration) *Violation {
	v := &Violation{Key: s.key, Rule: NoOrder}
	_, info := porcupine.CheckOperationsVerbose(s.model, s.ops, budget)
	var longest []porcupine.Operation
	for _, partition := range info.PartialLinearizationsOperations() {
		for _, order := range partition {
			if len(order) > len(longest) {
				longest = order
			}
		}
	}
	placed := map[*Op]bool{}
	for _, p := range longest {
		placed[p.Input.(input).Op] = true
	}
	var stuck *Op
	for _, o := range s.ops {
		op := o.Input.(input).Op
		if !placed[op] && (stuck == nil || op.returned() < stuck.returned()) {
			stuck = op
		}
	}
	v.Detail = fmt.Sprintf("%d of %d operations have an order, but not%s", len(longest), len(s.ops), stuck)
	v.Ops = around(s.all, stuck)
	return v
}

// around are the operations before and after one of them, by their calls.
func around(ops []*Op, o *Op) []*Op {
	at := slices.Index(ops, o)
	from := max(0, at-shownOps*2/3)
	return ops[from:min(len(ops), from+shownOps)]
}

// input is an operation as the models take it.
type input struct {
	*Op
	unknown int // its number among the unknown ones of its counter, or -1
}

// operation is o for the search, returning at the given time.
func operation(o *Op, unknown int, returned time.Duration) porcupine.Operation {
	return porcupine.Operation{ClientId: o.Client, Input: input{o, unknown}, Call: int64(o.Call), Return: int64(returned)}
}

// lastRead is the read that tells how the key ended: one that was called when every write had returned, or nil. Writes of
// unknown outcome have no return, so they do not count.
func lastRead(ops []*Op) *Op {
	var written time.Duration
	for _, o := range ops {
		if o.Kind != Get && o.Outcome == Done {
			written = max(written, o.Return)
		}
	}
	for _, o := range slices.Backward(ops) {
		if o.Kind == Get && o.Outcome == Done {
			if o.Call < written {
				return nil
			}
			return o
		}
	}
	return nil
}
