package command

import (
	"time"

	"ringcache/server/resp"
	"ringcache/server/store"
)

// Ctx is one execution of one command. The caller fills it, calls [Ctx.Run] or [Ctx.RunPart], and takes Out.B back. A Ctx is
// used again for the next command; handlers keep nothing of it.
type Ctx struct {
	Args [][]byte    // the name first; valid during the call only
	Out  resp.Writer // the reply goes here; the caller lends B and takes it back
	DB   int         // database of the session, 0..15
	Now  int64       // unix milliseconds; the same throughout the command
	Slot uint16      // slot of the first key, where the row has keys
	Row  *Row

	KS     *store.Keyspace
	SlotOf func(key []byte) uint16
	Owned  func(slot uint16) bool // is this node the serving primary of slot now; for Everywhere rows
	Conn   Conn                   // nil for a command that another node sent
	Node   Node
	Table  *Table

	Request RequestID // where it may come twice
	Once    Once      // who keeps it from being applied twice; nil = nobody
	// Good, where it is not nil, reports whether a slot has the replicas that min-replicas-to-write asks for: else no row that writes runs.
	Good func(slot uint16) bool

	NoTouch bool // CLIENT NO-TOUCH: looking at keys does not count as using them

	NoBlock bool          // commands that would wait reply as at their time-out
	Waiters *Waiters      // of the node; nil = no command may wait
	Home    func(*Waiter) // takes a waiter that has been served to its loop; called on any goroutine, without locks
	Ready   []*WaitQueue  // whom this run has made ready: the caller takes them, and has them served; see [Ctx.Serve]

	onCopies bool // see RunOnCopies

	eff     effectState
	wait    waitState
	pos     []int     // scratch: key positions
	slots   []uint16  // scratch: of a request that may come twice
	popArgs [][]byte  // scratch: what SPOP emits
	elem    [1][]byte // scratch: what is pushed to a list
	scores  []float64 // scratch: those of ZADD
	hll     []byte    // scratch: a HyperLogLog that is changed
	stream  streamScratch
}

// Waiting answers the waiter that the last run of a Blocking row has left instead of a reply; nil if it has replied.
func (c *Ctx) Waiting() *Waiter {
	w := c.wait.waiter
	c.wait.waiter = nil
	return w
}

// ReplyMode is what CLIENT REPLY set.
type ReplyMode uint8

// The reply modes.
const (
	ReplyOn ReplyMode = iota
	ReplyOff
	ReplySkip // the next command's reply only
)

// Conn is a session, as the connection family needs it. All methods are called on the session's loop.
type Conn interface {
	ID() uint64
	Name() string
	SetName(name string)
	SetLib(name, ver string) // empty strings leave the old value
	DB() int
	SetDB(db int)
	SetProto(proto int)
	User() string
	Authenticated() bool
	SetAuthenticated(user string)
	SetReplyMode(m ReplyMode) // takes effect with the next command; CLIENT REPLY OFF and SKIP append no reply themselves
	SetReadOnly(on bool)
	SetAsking()
	SetNoEvict(on bool)
	SetNoTouch(on bool)
	CloseAfterReply()
	Reset() // what RESET does to the session besides its reply
	Info() ClientInfo
}

// ClientInfo is one line of CLIENT LIST.
type ClientInfo struct {
	ID               uint64
	Addr, LAddr      string
	FD               int
	Name             string
	AgeSec, IdleSec  int64
	Flags            string // "N", "r" for READONLY, "b", "U" for a unix socket ...
	DB               int
	QBuf, QBufFree   int // bytes
	OBL, OLL, OMem   int // bytes, count, bytes
	TotMem           int
	Events           string // "r", "rw"
	Cmd              string // last command, "client|list"
	User             string
	LibName, LibVer  string
	Proto            int
	NoEvict, NoTouch bool
	Type             string // "normal"
}

// Node is the node as the connection, server and cluster families need it. Methods may be called from any goroutine, but Clients,
// Client, KillClients, UnblockClient, Stats, Topology, StatusJSON, Failover and Drain are called beside the loops only, by rows that are Slow: they may wait for
// every loop, or for the leader.
type Node interface {
	Clients() []ClientInfo // of this node, ascending by id
	Client(id uint64) (ClientInfo, bool)
	// KillClients closes every session that match picks and answers how many; self is closed only after its reply.
	KillClients(match func(*ClientInfo) bool, self uint64) int
	// UnblockClient ends the waiting of a session, by an error or as at its time-out, and reports whether it waited.
	UnblockClient(id uint64, asError bool) bool
	ConfigGet(patterns []string) [][2]string
	ConfigSet(pairs [][2]string) error // all or none; the error's text is Redis's, without "-"
	ConfigResetStat()
	ConfigRewrite() error // the error's text is Redis's, without "-"
	CheckPassword(user, password string) bool
	PasswordSet() bool
	Stats() Stats
	Topology() *Topology // not nil; it names at least this node
	StatusJSON() []byte  // CLUSTER STATUS
	// Failover and Drain have a node hand over what it is primary of. They answer how many slots are, or will be, and how many stay since
	// nobody else has them in sync; errors are what the client is told, without "-".
	Failover(id string) (handed, stuck int, err error)
	Drain(id string, on bool) (handed, stuck int, err error)
	// Shutdown begins an orderly stop of the process: slots are handed over first, or, with now, not waited for.
	Shutdown(now bool)
	Stopping() <-chan struct{} // closed once the process stops: what waits on a worker goroutine gives up
	MaxMemory() int64          // bytes, 0 = no limit
}

// Topology is the cluster as the cluster family shows it: plain values of one map.
type Topology struct {
	Epoch     uint64
	ClusterID string
	Self      int  // index into Nodes
	OK        bool // this node serves (it has a lease) and every slot has a serving primary
	Nodes     []TopologyNode
	Slots     []SlotRange // ascending; neighbours with the same nodes are merged
}

// TopologyNode is one node of a [Topology].
type TopologyNode struct {
	ID             string // 40 hex
	Host           string
	Port, BusPort  int
	State          string // one of the Node states
	Zone           string
	Weight         int
	Leader         bool
	Linked         bool  // this node's bus connections to it stand
	LinkSinceMilli int64 // unix ms of the oldest standing link
	SendBuffered   int   // bytes waiting on the links to it
	PingMilli      int64 // unix ms of the oldest unanswered probe of it, 0 = none
	PongMilli      int64 // unix ms of its last sign of life, 0 = none or this node
	ReplOffset     int64 // bytes of effects that it has sent (a primary) or applied
}

// The states of a [TopologyNode].
const (
	NodeUp       = "up"
	NodeSuspect  = "suspect" // missed probes; nothing is decided
	NodeDown     = "down"
	NodeDraining = "draining"
	NodeStandby  = "standby" // weight 0: copies only
)

// SlotRange is a run of slots with the same nodes.
type SlotRange struct {
	Start, End uint16 // inclusive
	Primary    int    // index into Topology.Nodes; -1 = none
	Replicas   []int  // in sync, ascending
	Lagging    []int  // the other copies, ascending: each lacks writes, and is being made
}

// Run executes row on this node. For rows with keys the caller has set c.Slot and checked that the node serves them all.
// Everywhere rows are run by [Ctx.RunPart], one part on each node, and joined by [Ctx.Join].
func (c *Ctx) Run(row *Row) {
	c.Row = row
	if row.Flags&(Write|DenyOOM) != 0 && !c.makeRoom() && row.Has(DenyOOM) && !c.Request.Repeat {
		c.Out.Error(resp.ErrOOM)
		return
	}
	if !c.Request.Repeat && !c.mayWrite(row) { // of a repeat it is not known yet whether anything is written
		c.Out.Error(resp.ErrNoReplicas)
		return
	}
	c.begin(row)
	switch {
	case row.Flags&SelfLock != 0 || row.keyed == keyNone:
		row.Fn(c)
		c.CollectAll()
	case row.keyed == keyOne:
		c.KS.LockSlot(c.Slot)
		if row.Flags&DenyOOM == 0 || !c.full(c.KS.SetOf(c.Slot)) {
			c.perform(row)
		}
		c.collect(c.KS.SetOf(c.Slot))
		c.KS.UnlockSlot(c.Slot)
	default:
		c.runMany(row)
	}
}

// RunPart executes this node's part of an Everywhere row.
func (c *Ctx) RunPart(row *Row) {
	c.Row = row
	if c.Good != nil && row.Has(Write) && !c.ownGood() {
		c.Out.Error(resp.ErrNoReplicas)
		return
	}
	c.begin(row)
	row.PartFn(c)
	c.CollectAll()
}

// mayWrite reports whether, if the row writes, the slots of all its keys have enough replicas.
func (c *Ctx) mayWrite(row *Row) bool {
	if c.Good == nil || !row.Has(Write) {
		return true
	}
	if row.keyed == keyOne {
		return c.Good(c.Slot)
	}
	pos, err := row.KeyPositions(c.Args, c.pos[:0])
	if cap(pos) <= keepPositions {
		c.pos = pos[:0]
	}
	if err != nil {
		return true // the run says what is wrong
	}
	for _, i := range pos {
		if !c.Good(c.SlotOf(c.Args[i])) {
			return false
		}
	}
	return true
}

// ownGood reports whether all slots of this node have enough replicas.
func (c *Ctx) ownGood() bool {
	for slot := range uint16(store.Slots) {
		if c.Owned(slot) && !c.Good(slot) {
			return false
		}
	}
	return true
}

func (c *Ctx) runMany(row *Row) {
	c.wait.waiter, c.wait.asked = nil, false
	set, ok := c.lockSet(row)
	if !ok {
		return
	}
	c.KS.Lock(set)
	if row.Flags&DenyOOM == 0 || !c.full(set) {
		c.perform(row)
	}
	if c.wait.asked {
		c.join(set)
	}
	c.collect(set)
	c.KS.Unlock(set)
}

// full replies an error where a shard has no room for more keys, whatever the limit. Under the locks of the set.
func (c *Ctx) full(set store.LockSet) bool {
	if !c.KS.Full(set) {
		return false
	}
	c.Out.Error(resp.ErrOOM)
	return true
}

// lockSet is the set of the locks of all keys, or false after an error reply.
func (c *Ctx) lockSet(row *Row) (set store.LockSet, ok bool) {
	pos, err := row.KeyPositions(c.Args, c.pos[:0])
	if cap(pos) <= keepPositions {
		c.pos = pos[:0]
	}
	if err != nil {
		c.Out.Error(err.Error())
		return 0, false
	}
	for _, i := range pos {
		set |= c.KS.SetOf(c.SlotOf(c.Args[i]))
	}
	return set, true
}

// keepPositions is how many key positions a Ctx keeps room for: commands have few keys, and one with a million leaves nothing.
const keepPositions = 1024

// EvictBudget is how long eviction may hold up a command or, beside the loops, other work: Redis's
// maxmemory-eviction-tenacity of 10.
const EvictBudget = 500 * time.Microsecond

// makeRoom evicts keys if memory is over its limit, before a write. It reports false where nothing may be evicted: then what
// needs memory is refused. Where only the time did not suffice it is not: the next writes go on evicting.
//
// Redis does this before reads as well. Here they are spared the look; what the last write left over the limit the node's
// background work evicts.
func (c *Ctx) makeRoom() bool {
	if c.Node == nil {
		return true
	}
	limit := c.Node.MaxMemory()
	if limit <= 0 || !c.KS.OverMemory(limit) {
		return true
	}
	return c.KS.Evict(c.Now, limit, EvictBudget, c.Owned) != store.EvictNothing
}
