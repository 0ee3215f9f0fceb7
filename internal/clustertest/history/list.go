package history

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// checkList decides whether the history of a list is linearizable. Tokens are unique and of one width, so every answer names the
// operation's place in the one order that there can be: an APPEND's is its token's place in the longest value that was read, or the
// length that it was answered; a read comes after the last token that it saw. What is left to check is that the order does not
// contradict the times: nothing that stands before in it was called after something that stands behind had returned.
func checkList(ops []*Op) *Violation {
	tokens, width, v := tokensOf(ops)
	if v != nil {
		return v
	}
	longest, v := longestRead(ops)
	if v != nil {
		return v
	}
	places := map[*Op]int{} // in tokens; an APPEND's place is the number of tokens with its own
	if longest != nil {
		if v := placeAll(ops, longest, tokens, width, places); v != nil {
			return v
		}
	}
	for _, o := range tokens {
		if o.Outcome == Done {
			if v := placeAnswered(ops, o, longest, width, places); v != nil {
				return v
			}
		}
	}
	return checkTimes(ops, width, places)
}

// tokensOf finds the APPENDs by their tokens.
func tokensOf(ops []*Op) (tokens map[string]*Op, width int, v *Violation) {
	tokens = map[string]*Op{}
	for _, o := range ops {
		if o.Kind != Append {
			continue
		}
		if width == 0 {
			width = len(o.Arg)
		}
		if len(o.Arg) != width || width == 0 || tokens[o.Arg] != nil {
			return nil, 0, &Violation{Rule: Misused, Detail: "a token of another width, or used before: " + o.String()}
		}
		tokens[o.Arg] = o
	}
	return tokens, width, nil
}

// longestRead is the read with the longest value; every other value must be its beginning.
func longestRead(ops []*Op) (longest *Op, v *Violation) {
	for _, o := range ops {
		if o.Kind == Get && o.Outcome == Done && (longest == nil || len(o.Value) > len(longest.Value)) {
			longest = o
		}
	}
	for _, o := range ops {
		if o.Kind == Get && o.Outcome == Done && !strings.HasPrefix(longest.Value, o.Value) {
			return nil, &Violation{Rule: LostWrite, Detail: contradiction(o, longest), Ops: around(ops, o)}
		}
	}
	return longest, nil
}

// contradiction says where two reads part.
func contradiction(o, longest *Op) string {
	n := 0
	for n < len(o.Value) && n < len(longest.Value) && o.Value[n] == longest.Value[n] {
		n++
	}
	const shown = 44 // bytes of each from there on
	part := func(v string) string { return v[min(n, len(v)):min(n+shown, len(v))] }
	return fmt.Sprintf("two reads contradict each other from byte %d on, %q and %q:\n  %v\n  %v", n, part(o.Value), part(longest.Value), o, longest)
}

// placeAll places the APPENDs whose tokens the longest value has.
func placeAll(ops []*Op, longest *Op, tokens map[string]*Op, width int, places map[*Op]int) *Violation {
	value := longest.Value
	for n := 1; len(value) > 0; n++ {
		token := value[:min(width, len(value))]
		value = value[len(token):]
		o := tokens[token]
		switch {
		case o == nil:
			return &Violation{Rule: FromNowhere, Detail: fmt.Sprintf("token %d, %q", n, token), Ops: around(ops, longest)}
		case o.Outcome == Failed:
			return &Violation{Rule: FromNowhere, Detail: "an APPEND that was refused took effect: " + o.String(), Ops: around(ops, longest)}
		case places[o] != 0:
			return &Violation{Rule: TwiceDone, Detail: fmt.Sprintf("tokens %d and %d are both of %v", places[o], n, o), Ops: around(ops, o)}
		}
		places[o] = n
	}
	return nil
}

// placeAnswered compares an acknowledged APPEND's place with the length that it was answered, or places it by that.
func placeAnswered(ops []*Op, o, longest *Op, width int, places map[*Op]int) *Violation {
	n, read := places[o]
	switch {
	case read && int64(n*width) != o.N:
		return &Violation{Rule: LostWrite, Detail: fmt.Sprintf("its token ends at byte %d, not where it was told: %v", n*width, o), Ops: around(ops, o)}
	case read:
	case o.N <= 0 || o.N%int64(width) != 0:
		return &Violation{Rule: FromNowhere, Detail: "a length that no tokens have: " + o.String(), Ops: around(ops, o)}
	case longest != nil && o.N <= int64(len(longest.Value)):
		return &Violation{Rule: LostWrite, Detail: fmt.Sprintf("another token stands in its place: %v", o), Ops: around(ops, o)}
	case longest != nil && o.Return < longest.Call:
		return &Violation{Rule: LostWrite, Detail: fmt.Sprintf("%v is not in the longest value: %v", o, longest), Ops: around(ops, o)}
	default:
		places[o] = int(o.N / int64(width))
	}
	return nil
}

// checkTimes goes through the order from its end, with the earliest return of what stands behind.
func checkTimes(ops []*Op, width int, places map[*Op]int) *Violation {
	type placed struct {
		*Op
		n    int // tokens that are there with it
		read int // 0 for the APPEND, 1 for the reads that come after it
	}
	var order []placed
	for _, o := range ops {
		if n := places[o]; n > 0 {
			order = append(order, placed{o, n, 0})
		} else if o.Kind == Get && o.Outcome == Done {
			order = append(order, placed{o, len(o.Value) / max(width, 1), 1})
		}
	}
	slices.SortStableFunc(order, func(a, b placed) int { return cmp.Or(cmp.Compare(a.n, b.n), cmp.Compare(a.read, b.read)) })
	first := never   // the earliest return of what stands strictly behind the group at hand
	var by *Op       // and whose it is
	group := []*Op{} // operations of the same place: reads of the same value have no order among them
	settle := func() {
		for _, o := range group {
			if r := o.returned(); r < first {
				first, by = r, o
			}
		}
		group = group[:0]
	}
	for i := len(order) - 1; i >= 0; i-- {
		p := order[i]
		if i+1 < len(order) && (order[i+1].n != p.n || order[i+1].read != p.read) {
			settle()
		} else if i+1 < len(order) && p.read == 0 {
			return &Violation{Rule: LostWrite, Detail: fmt.Sprintf("two APPENDs were answered the same length: %v", p.Op), Ops: around(ops, p.Op)}
		}
		if p.Call > first {
			return timesViolation(ops, p.Op, by, first)
		}
		group = append(group, p.Op)
	}
	return nil
}

// timesViolation says that o must stand before by, which had returned when o was called.
func timesViolation(ops []*Op, o, by *Op, at time.Duration) *Violation {
	rule := Stale
	switch {
	case o == lastRead(ops):
		rule = LostWrite // no later read has it
	case o.Kind == Append && by.Kind == Get:
		rule = FromFuture
	case o.Kind == Append:
		rule = NoOrder
	}
	return &Violation{Rule: rule, Detail: fmt.Sprintf("%v; it was called after %.4f, when this had returned: %v", o, at.Seconds(), by), Ops: around(ops, o)}
}
