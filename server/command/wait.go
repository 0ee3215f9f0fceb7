package command

import (
	"ringcache/server/resp"
	"ringcache/server/store"
)

// WAIT and WAITAOF. Their handlers read the arguments; the node answers, which knows the streams to replicas: see [Ctx.Awaiting].

// Await is what a row with the flag Awaits asks for.
type Await struct {
	Replicas int64 // wait until so many have all that the session wrote
	Millis   int64 // or for so long; 0 = for ever
	Disk     bool  // they must have it on disk: none ever has
}

const (
	errAOFOff       = "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled."
	errNumLocal     = "ERR value is out of range, value must between 0 and 1"
	errMustPositive = "ERR value is out of range, must be positive"
)

// waitRows are WAIT and WAITAOF.
func waitRows() []*Row {
	timeout := intParam("timeout")
	tips := []string{"request_policy:all_shards", "response_policy:agg_min"}
	return []*Row{
		{
			Name: "wait", Arity: 3, Flags: NoScript | Awaits, ACL: []string{"connection"}, Tips: tips,
			Group: "generic", Since: "3.0.0", Complexity: "O(1)",
			Summary: "Wait for the synchronous replication of all the write commands sent in the context of the current connection",
			Params:  []Param{intParam("numreplicas"), timeout},
			Note: "The least number of replicas over the slots that the connection has written to, through whichever node. With " +
				"--acks in-sync a write has been acknowledged by all replicas in sync before its reply leaves.",
			Route: Here, Fn: session(wait),
		},
		{
			Name: "waitaof", Arity: 4, Flags: NoScript | Awaits, ACL: []string{"connection"}, Tips: tips,
			Group: "generic", Since: "7.2.0", Complexity: "O(1)",
			Summary: "Wait for all write commands sent in the context of the current connection to be synced to AOF of local host and/or replicas",
			Params:  []Param{intParam("numlocal"), intParam("numreplicas"), timeout},
			Note:    "Nothing is on disk: a numlocal of 1 is refused, as in Redis with appendonly no, and no replica ever counts.",
			Route:   Here, Fn: session(waitaof),
		},
	}
}

func wait(c *Ctx) {
	replicas, ok := store.ParseInt(c.Args[1])
	if !ok {
		c.Out.Error(resp.ErrNotInteger)
		return
	}
	if millis, ok := c.millisArg(2); ok {
		c.wait.await = &Await{Replicas: replicas, Millis: millis}
	}
}

func waitaof(c *Ctx) {
	local, isInt := store.ParseInt(c.Args[1])
	switch {
	case !isInt:
		c.Out.Error(resp.ErrNotInteger)
		return
	case local < 0 || local > 1:
		c.Out.Error(errNumLocal)
		return
	}
	replicas, isInt := store.ParseInt(c.Args[2])
	if !isInt || replicas < 0 {
		c.Out.Error(errMustPositive)
		return
	}
	millis, ok := c.millisArg(3)
	switch {
	case !ok:
	case local > 0:
		c.Out.Error(errAOFOff)
	default:
		c.wait.await = &Await{Replicas: replicas, Millis: millis, Disk: true}
	}
}

// millisArg reads a time-out in milliseconds, or replies the error.
func (c *Ctx) millisArg(i int) (millis int64, ok bool) {
	millis, ok = store.ParseInt(c.Args[i])
	switch {
	case !ok:
		c.Out.Error(errTimeoutNotInt)
	case millis < 0:
		c.Out.Error(errTimeoutNegative)
		ok = false
	}
	return millis, ok
}

// Awaiting answers what the last run of a row with the flag Awaits has left instead of a reply; nil if it has replied.
func (c *Ctx) Awaiting() *Await {
	a := c.wait.await
	c.wait.await = nil
	return a
}

// AppendReply appends the reply: so many replicas have it.
func (a *Await) AppendReply(dst []byte, proto int, replicas int64) []byte {
	w := resp.Writer{B: dst, Proto: proto}
	if a.Disk {
		w.Array(2)
		w.Int(0)
	}
	w.Int(replicas)
	return w.B
}
