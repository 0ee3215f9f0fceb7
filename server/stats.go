package server

import (
	"sync/atomic"

	"ringcache/server/command"
	"ringcache/server/resp"
)

// loopStats counts what one loop does. The plain fields are the loop's own; publish shows them to others once a batch, since
// an atomic add a request would cost more than what it counts.
type loopStats struct {
	commands *command.CommandStats

	connections, rejected, protocolErrors           int64
	bytesIn, bytesOut, forwarded, served, heldTotal int64
	executed, reads, writes                         int64 // commands: run here; reading and writing calls of this node's clients

	replIn, replOut       int64 // bytes of effects and syncs
	syncFull, syncPartial int64 // slots sent whole to replicas; streams that went on

	leasesLost int64 // how often the loop found its node without the lease that it had in the batch before

	// Gauges, taken on the tick.
	links, linkBytes                 int64
	maxInput, maxOutput, clientBytes int64

	shown [numCounters]atomic.Int64
}

// The counters that a loop publishes, by index into loopStats.shown.
const (
	cConnections = iota
	cRejected
	cProtocolErrors
	cBytesIn
	cBytesOut
	cForwarded
	cServed
	cHeldTotal
	cCommands
	cLeasesLost
	cReads
	cWrites
	cParked
	cHeld
	cInflight
	cLinks
	cLinkBytes
	cMaxInput
	cMaxOutput
	cClientBytes
	cBlocked
	cBlockedTimed
	cReplIn
	cReplOut
	cSyncFull
	cSyncPartial
	numCounters
)

// publish shows the counters to the readers on other goroutines.
func (l *loop) publish() {
	s := l.stats
	s.commands.Publish()
	inflight := int64(0)
	for _, k := range l.links {
		inflight += int64(k.inflight + k.waiting)
	}
	for i, v := range [...]int64{
		cConnections: s.connections, cRejected: s.rejected, cProtocolErrors: s.protocolErrors, cBytesIn: s.bytesIn, cBytesOut: s.bytesOut,
		cForwarded: s.forwarded, cServed: s.served, cHeldTotal: s.heldTotal, cCommands: s.executed, cLeasesLost: s.leasesLost, cReads: s.reads, cWrites: s.writes,
		cParked: int64(len(l.parked)), cHeld: int64(len(l.held)), cInflight: inflight,
		cMaxInput: s.maxInput, cMaxOutput: s.maxOutput, cClientBytes: s.clientBytes, cLinks: s.links, cLinkBytes: s.linkBytes,
		cBlocked: int64(l.waiting.clients), cBlockedTimed: int64(l.waiting.timed),
		cReplIn: s.replIn, cReplOut: s.replOut, cSyncFull: s.syncFull, cSyncPartial: s.syncPartial,
	} {
		if s.shown[i].Load() != v { // a load is free, a store is a locked instruction
			s.shown[i].Store(v)
		}
	}
}

// sum adds one counter over all loops.
func (s *Server) sum(counter int) int64 {
	total := int64(0)
	for _, l := range s.loops {
		total += l.stats.shown[counter].Load()
	}
	return total
}

// highest is the largest of one gauge over all loops.
func (s *Server) highest(counter int) int64 {
	most := int64(0)
	for _, l := range s.loops {
		most = max(most, l.stats.shown[counter].Load())
	}
	return most
}

// reject answers a command that was refused before it ran.
func (s *session) reject(row *command.Row, text string) {
	b := s.begin()
	w := resp.Writer{B: b, Proto: int(s.proto)}
	w.Error(text)
	s.l.stats.commands.Reject(row, w.B[len(b):])
	s.end(w.B, len(b))
}
