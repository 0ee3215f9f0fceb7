// Package command is the command table: one row and one function a command, one file a family.
//
// Everything that the rest of the node knows of a command is derived from its [Row]: arity errors, routing, lock mode, how
// it is cut over several owners and joined again, refusal when out of memory, COMMAND and its subcommands, and
// docs/commands.md. No other list of command names exists.
//
// Handlers run on an event loop under the locks of their keys' slots, and must not block or keep what they are handed.
package command

// Flag is a set of facts about a command. The first group is what COMMAND INFO shows; the second is for this node alone.
type Flag uint64

// Flags that COMMAND INFO shows, by Redis's names.
const (
	Write                Flag = 1 << iota // changes the keyspace
	ReadOnly                              // reads keys, changes none
	DenyOOM                               // refused when memory is over the limit
	Admin                                 // administers the node
	PubSub                                // publish and subscribe
	NoScript                              // not from a script
	Blocking                              // may wait for other clients
	Loading                               // allowed while loading
	Stale                                 // allowed on a stale replica
	SkipMonitor                           // not shown to MONITOR
	SkipSlowlog                           // not logged as slow
	Asking                                // implies ASKING
	Fast                                  // takes constant or logarithmic time
	NoAuth                                // allowed before login
	MayReplicate                          // may replicate although not a write
	NoMandatoryKeys                       // keys may be absent
	NoMulti                               // not in a transaction
	MovableKeys                           // Keys finds the keys; First, Last and Step do not tell all
	AllowBusy                             // allowed while a script runs
	NoAsyncLoading                        // not while loading asynchronously
	TouchesArbitraryKeys                  // may touch keys that it was not given

	// Slow work may take long: the node runs it on a worker goroutine, never on a loop. It takes locks by itself, in small steps.
	Slow
	// SelfLock handlers take the locks they need by themselves.
	SelfLock
	// Awaits: it waits for replicas. It runs once all is answered that its session has asked before, and leaves an Await.
	Awaits
)

// Route says which node runs a command.
type Route uint8

// The routes.
const (
	ByKey      Route = iota // the primary of its keys' slots
	Here                    // the node that received it
	Everywhere              // every primary runs its part, and the replies are joined
)

// Split says how a command whose keys have several owners is cut. Each part is a command of the same name.
type Split uint8

// The splits.
const (
	NoSplit    Split = iota // not at all: CROSSSLOT
	SplitKeys               // every argument after the name is a key
	SplitPairs              // keys and values alternate after the name
	SplitGet                // the receiving node fetches each key by GET and runs Row.Gather on the raw replies
)

// Join says how the replies of the parts of one command become its reply. An error in any part is the reply.
type Join uint8

// The joins.
const (
	JoinNone   Join = iota
	JoinSum         // integers, added
	JoinOK          // +OK once every part said so
	JoinKeys        // arrays, elements put back into the order of the keys
	JoinConcat      // arrays, one after another
	JoinCustom      // Row.JoinFn
)

// Func executes a command: it reads c.Args and appends exactly one reply to c.Out.
type Func func(c *Ctx)

// Row declares one command (or, in Sub, one subcommand).
type Row struct {
	Name  string // lower case; a subcommand by its own name alone ("list" below "client")
	Arity int    // arguments, the name (of a subcommand: both names) counted; negative: at least so many
	Flags Flag

	// Positions of the keys among the arguments, as Redis gives them: 0 where there are none, LastKey negative from the end.
	FirstKey, LastKey, KeyStep int
	// Keys finds the positions where First, Last and Step cannot say them; it appends them to dst.
	Keys func(args [][]byte, dst []int) ([]int, error)

	ACL   []string // categories beyond those that the flags imply, without '@'
	Tips  []string
	Specs []KeySpec // what COMMAND INFO and COMMAND GETKEYSANDFLAGS say of the keys

	Group, Summary, Since, Complexity string
	Params                            []Param // the syntax, for COMMAND DOCS and docs/commands.md
	History                           [][2]string
	DeprecatedSince, ReplacedBy       string
	SysCmd                            bool   // COMMAND DOCS marks it as a command for the system's own use
	Note                              string // what differs from Redis, for docs/commands.md

	Route Route
	Split Split
	Join  Join

	Fn     Func                         // runs the command; nil for a container and for Everywhere rows that only have PartFn
	PartFn Func                         // Everywhere: one node's part; it takes its own locks
	JoinFn func(c *Ctx, parts [][]byte) // JoinCustom: the parts' raw replies to one reply; c.Args is the whole command
	// ApplyFn applies the row as an effect on the one slot c.Slot, under its lock: Everywhere rows that write have it.
	ApplyFn Func
	Gather  func(c *Ctx, replies [][]byte) // SplitGet: the raw replies to GET of each key, in key order
	SlowIf  func(args [][]byte) bool       // this very call may take long: treat it as Slow
	// SlotArg is for rows that are about one slot and have no key: such a call is run by the slot's primary, with Ctx.Slot set.
	// Where it answers false, the node that received the command runs it, and answers the error.
	SlotArg func(args [][]byte) (slot uint16, ok bool)
	Sub     []*Row

	// TimeoutAt is for Blocking rows: the position of the time-out among the arguments, in seconds or, with TimeoutMillis,
	// milliseconds; 0 = this call does not wait.
	TimeoutAt     func(args [][]byte) int
	TimeoutMillis bool

	parent *Row
	full   string // "client|list"
	keyed  keyMode
	number int
	subs   index // of Sub
	pairs  bool  // after the name, keys and values alternate: an even number of arguments
}

type keyMode uint8

const (
	keyNone keyMode = iota
	keyOne          // exactly one key, at FirstKey
	keyMany
)

// FullName is the name that Redis shows: "get", "client|list".
func (r *Row) FullName() string { return r.full }

// Parent is the container of a subcommand, or nil.
func (r *Row) Parent() *Row { return r.parent }

// Index numbers the rows of a table, subcommands included, from 0: for arrays of counters.
func (r *Row) Index() int { return r.number }

// ArityOK reports whether a call may have n arguments, names counted.
func (r *Row) ArityOK(n int) bool {
	return (n == r.Arity || n >= -r.Arity && r.Arity < 0) && (!r.pairs || n&1 == 1)
}

// Has reports whether the row carries all of the flags f.
func (r *Row) Has(f Flag) bool { return r.Flags&f == f }

// OneKey reports whether every call has exactly one key, at FirstKey: the node's fast path.
func (r *Row) OneKey() bool { return r.keyed == keyOne }

// Keyed reports whether a call may have keys.
func (r *Row) Keyed() bool { return r.keyed != keyNone }

// KeyPositions appends the positions of the keys in args to dst. args has passed the arity check.
func (r *Row) KeyPositions(args [][]byte, dst []int) ([]int, error) {
	if r.Keys != nil {
		return r.Keys(args, dst)
	}
	if r.FirstKey == 0 {
		return dst, nil
	}
	last := r.LastKey
	if last < 0 {
		last += len(args)
	}
	for i := r.FirstKey; i <= last && i < len(args); i += r.KeyStep {
		dst = append(dst, i)
	}
	return dst, nil
}
