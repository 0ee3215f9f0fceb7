// Package history holds what clients of a cache did and saw, and decides whether one cache, with each operation done at one
// moment between its call and its return, could have answered so: whether the history is linearizable.
//
// A key is used as one of three things for its whole life, and each is judged by what it allows to know:
//
//	register   SET of values that are written once, and GET
//	counter    INCR and GET
//	list       APPEND of tokens of one width that are written once, and GET
//
// Cheap checks come first, since they say in plain words what is wrong: a read of what nobody wrote, an acknowledged write that
// is gone at the end, a token that is there twice. What they let through goes to a search for an order that explains all
// answers, by the algorithm of Wing and Gong with Lowe's memory of states (the porcupine library), with a bound on its time:
// the problem is NP-hard in general. A list needs no search: its final value is the order.
//
// An operation whose outcome is unknown (the connection was lost after it had been sent) may have taken effect at any moment
// after its call, also long after the connection was lost, or never.
package history

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Kind is what an operation does.
type Kind uint8

// The kinds of operations.
const (
	Get    Kind = iota // reads
	Set                // writes Arg
	Incr               // adds one
	Append             // adds the token Arg at the end
)

var kindNames = [...]string{Get: "GET", Set: "SET", Incr: "INCR", Append: "APPEND"}

// String is the command's name.
func (k Kind) String() string { return kindNames[k] }

// Outcome is what the client knows of an operation's effect.
type Outcome uint8

// The outcomes of an operation.
const (
	Done    Outcome = iota // it was answered
	Failed                 // it had no effect and never will: it was refused, or never sent
	Unknown                // it was sent and not answered, or answered by an error that does not say
)

// never is the return of an operation that was not answered.
const never = time.Duration(math.MaxInt64)

// Op is one operation of one client. Times are since the start of the recording, by one monotonic clock for all clients.
type Op struct {
	Client  int
	Kind    Kind
	Key     string
	Arg     string // what SET writes and APPEND adds
	Outcome Outcome
	Value   string // what GET answered
	Null    bool   // GET found no key
	N       int64  // what INCR and APPEND answered
	Call    time.Duration
	Return  time.Duration // of no meaning unless Done
}

// String shows the operation on one line.
func (o *Op) String() string {
	s := fmt.Sprintf("%10.4f", o.Call.Seconds())
	if o.Outcome == Done {
		s += fmt.Sprintf(" .. %.4f", o.Return.Seconds())
	} else {
		s += " .. ?"
	}
	s += fmt.Sprintf(" client %d: %v %s", o.Client, o.Kind, o.Key)
	if o.Arg != "" {
		s += " " + o.Arg
	}
	switch {
	case o.Outcome == Failed:
		return s + " failed"
	case o.Outcome == Unknown:
		return s + " unknown"
	case o.Kind == Set:
		return s + " -> OK"
	case o.Kind != Get:
		return s + " -> " + strconv.FormatInt(o.N, 10)
	case o.Null:
		return s + " -> nothing"
	default:
		return s + " -> " + abridged(o.Value)
	}
}

// abridged is the end of a long value: what was added last is what is looked for.
func abridged(v string) string {
	const shown = 48 // bytes
	if len(v) <= shown {
		return v
	}
	return fmt.Sprintf("(%d bytes) ...%s", len(v), v[len(v)-shown:])
}

// returned is when the operation had taken effect at the latest.
func (o *Op) returned() time.Duration {
	if o.Outcome != Done {
		return never
	}
	return o.Return
}
