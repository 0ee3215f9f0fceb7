package server

import (
	"cmp"
	"errors"
	"net"
	"runtime/metrics"
	"slices"
	"strconv"
	"time"

	"ringcache/ring"
	"ringcache/ring/control"
	"ringcache/server/command"
	"ringcache/server/front"
)

// node is the server as the connection, server and cluster families see it: command.Node.
type node Server

var _ command.Node = (*node)(nil)

func (n *node) srv() *Server { return (*Server)(n) }

// collectTimeout bounds how long a question to all loops waits for one of them.
const collectTimeout = 2 * time.Second

// onLoops runs fn on every loop and waits for all of them. It must not be called on a loop.
func (s *Server) onLoops(fn func(*loop)) {
	done := make(chan struct{}, len(s.loops))
	timeout := time.NewTimer(collectTimeout)
	defer timeout.Stop()
	for _, l := range s.loops {
		if !s.post(l, func() { fn(l); done <- struct{}{} }) {
			return
		}
	}
	for range s.loops {
		select {
		case <-done:
		case <-timeout.C:
			return
		case <-s.ctx.Done():
			return
		}
	}
}

// collect gathers one value a session from every loop. It must not be called on a loop.
func collect[T any](s *Server, pick func(*session) (T, bool)) []T {
	parts := make(chan []T, len(s.loops))
	s.onLoops(func(l *loop) {
		var part []T
		l.ev.Each(func(c *front.Conn) {
			if ss, ok := c.User.(*session); ok && !ss.closed {
				if v, ok := pick(ss); ok {
					part = append(part, v)
				}
			}
		})
		parts <- part
	})
	var all []T
	for {
		select {
		case part := <-parts:
			all = append(all, part...)
		default:
			return all
		}
	}
}

// Clients lists the sessions of this node, ascending by id. The rows that call it run beside the loops.
func (n *node) Clients() []command.ClientInfo {
	list := collect(n.srv(), func(s *session) (command.ClientInfo, bool) { return s.Info(), true })
	slices.SortFunc(list, func(a, b command.ClientInfo) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// Client is one session of this node.
func (n *node) Client(id uint64) (command.ClientInfo, bool) {
	list := collect(n.srv(), func(s *session) (command.ClientInfo, bool) { return s.Info(), s.id == id })
	if len(list) == 0 {
		return command.ClientInfo{}, false
	}
	return list[0], true
}

// KillClients closes the sessions that match picks, the asking one after its reply only.
func (n *node) KillClients(match func(*command.ClientInfo) bool, self uint64) int {
	return len(collect(n.srv(), func(s *session) (bool, bool) {
		ci := s.Info()
		if !match(&ci) {
			return false, false
		}
		if s.id == self {
			s.ending = true // it ends once all it is owed has left
		} else {
			s.c.Close(nil)
		}
		return true, true
	}))
}

// UnblockClient ends the waiting of a session.
func (n *node) UnblockClient(id uint64, asError bool) bool {
	why := timedOut
	if asError {
		why = unblocked
	}
	return len(collect(n.srv(), func(s *session) (bool, bool) {
		return true, s.id == id && s.waits() && s.l.cancel(waitID{s, s.waitTag}, why)
	})) > 0
}

func (n *node) ConfigSet(pairs [][2]string) error { return n.opt.Config.Set(pairs) }
func (n *node) PasswordSet() bool                 { return n.settings.Load().RequirePass != "" }
func (n *node) MaxMemory() int64                  { return n.settings.Load().MaxMemory }
func (n *node) Shutdown(bool)                     { n.opt.Stop() }
func (n *node) Stopping() <-chan struct{}         { return n.ctx.Done() }
func (n *node) StatusJSON() []byte                { return n.srv().statusJSON() }

// ConfigGet answers the settings that any of the patterns names, each once.
func (n *node) ConfigGet(patterns []string) [][2]string {
	var out [][2]string
	for _, p := range patterns {
		for _, pair := range n.opt.Config.Get(p) {
			if !slices.Contains(out, pair) {
				out = append(out, pair)
			}
		}
	}
	return out
}

// ConfigRewrite refuses: a node's settings come from its flags, its environment and a file that it never writes.
func (n *node) ConfigRewrite() error {
	return errors.New("ERR The server is running without a config file that it may write")
}

// ConfigResetStat makes the counters of INFO start anew.
func (n *node) ConfigResetStat() {
	n.statsGroup.Reset()
	n.base.reset(n.srv())
}

// CheckPassword compares in constant time; the only user is "default".
func (n *node) CheckPassword(user, password string) bool {
	want := n.settings.Load().RequirePass
	return user == "default" && (want == "" || constantTimeEqual(want, password))
}

// Topology is the cluster by this node's current map.
func (n *node) Topology() *command.Topology {
	s := n.srv()
	m, view := s.opt.Cluster.Map(), s.opt.Cluster.View()
	self := m.IndexOf(s.opt.Self.ID)
	t := &command.Topology{Epoch: m.Epoch, ClusterID: m.ClusterID, Self: int(self), OK: s.leased()}
	nodes := m.Nodes
	if self == ring.None { // not accepted yet: it knows of itself alone
		nodes, t.Self, t.OK = []ring.Node{s.opt.Self}, 0, false
	}
	for i := range nodes {
		nd := &nodes[i]
		host, port := splitAddr(nd.Addr)
		_, busPort := splitAddr(nd.Bus)
		state := view.Nodes[nd.ID].State
		tn := command.TopologyNode{
			ID: string(nd.ID), Host: host, Port: port, BusPort: busPort, State: string(state), Zone: nd.Zone, Weight: nd.Weight,
			Leader: view.Leader == nd.ID, Linked: ring.Index(i) == self,
		}
		if p := s.peer(nd.ID); p != nil && ring.Index(i) != self {
			tn.Linked = p.links.Load() > 0
			tn.LinkSinceMilli = p.since.Load()
			tn.SendBuffered = int(p.buffered.Load())
		}
		t.Nodes = append(t.Nodes, tn)
	}
	sent := int64(s.copies.offsets())
	t.Nodes[t.Self].ReplOffset = sent
	s.copies.each(func(st *stream) {
		if i := m.IndexOf(st.id); i != ring.None && self != ring.None {
			t.Nodes[i].ReplOffset = max(0, sent-int64(st.sender.State().LagBytes))
		}
	})
	ranges := slotRanges(m)
	t.Slots = ranges[:0]
	for i := range ranges {
		r := &ranges[i]
		if r.Primary < 0 {
			t.OK = false
			continue
		}
		t.OK = t.OK && view.Nodes[m.Nodes[r.Primary].ID].State != control.StateDown
		t.Slots = append(t.Slots, *r)
	}
	return t
}

// slotRanges is the slots of a map, neighbours with the same primary and the same copies, in sync or not, as one.
func slotRanges(m *ring.Map) (out []command.SlotRange) {
	var last *ring.Slot
	for slot := range m.Slots {
		e := &m.Slots[slot]
		if last != nil && e.Primary == last.Primary && e.InSync == last.InSync && slices.Equal(e.Copies(), last.Copies()) {
			out[len(out)-1].End = uint16(slot)
			continue
		}
		last = e
		r := command.SlotRange{Start: uint16(slot), End: uint16(slot), Primary: int(e.Primary)}
		for _, c := range e.Copies() {
			if e.IsInSync(c) {
				r.Replicas = append(r.Replicas, int(c))
			} else {
				r.Lagging = append(r.Lagging, int(c))
			}
		}
		slices.Sort(r.Replicas)
		slices.Sort(r.Lagging)
		if n := len(out); n > 0 && out[n-1].Primary == r.Primary && slices.Equal(out[n-1].Replicas, r.Replicas) && slices.Equal(out[n-1].Lagging, r.Lagging) {
			out[n-1].End = uint16(slot)
			continue
		}
		out = append(out, r)
	}
	return out
}

func splitAddr(addr string) (string, int) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr, 0
	}
	p, _ := strconv.Atoi(port)
	return host, p
}

// heapSamples are the runtime's figures that INFO memory shows.
var heapSamples = []string{"/memory/classes/heap/objects:bytes", "/memory/classes/total:bytes"}

func goHeap() (inUse, sys int64) {
	samples := []metrics.Sample{{Name: heapSamples[0]}, {Name: heapSamples[1]}}
	metrics.Read(samples)
	return int64(samples[0].Value.Uint64()), int64(samples[1].Value.Uint64())
}

// Stats fills in what INFO shows.
func (n *node) Stats() command.Stats {
	s := n.srv()
	set := s.settings.Load()
	ks := s.opt.Keyspace
	stats := ks.Stats()
	memory := ks.Memory()
	inUse, sys := goHeap()
	usage := processUsage()
	ops, in, out := s.rates.now()
	base := s.base.load()
	commands := s.statsGroup.Totals()
	total := uint64(0)
	for i := range commands {
		total += commands[i].Calls
	}
	since := func(counter int) uint64 { return uint64(s.sum(counter) - base[counter]) }
	left := s.opt.Cluster.LeaseUntil() - control.Mono()
	st := command.Stats{
		Version: s.opt.Info.Version, RunID: s.runID, Executable: s.opt.Info.Executable, ConfigFile: s.opt.Info.ConfigFile,
		TCPPort: s.opt.Info.Port, PID: usage.pid, Loops: len(s.loops), StartMilli: s.started.UnixMilli(),
		Clients: int(s.clients.Load()), PeerLinks: int(s.sum(cLinks)), MaxClients: set.MaxClients,
		MaxInput: int(s.highest(cMaxInput)), MaxOutput: int(s.highest(cMaxOutput)), BlockedClients: int(s.sum(cBlocked)), TimedClients: int(s.sum(cBlockedTimed)), HeldRequests: int(s.sum(cParked) + s.sum(cHeld)),
		Memory: memory, MemoryUsed: memory.Used, MemoryPeak: s.rates.peak.Load(), MemoryRSS: usage.rss, MemorySystem: usage.system,
		GoHeapInUse: inUse, GoHeapSys: sys, ClientBuffers: s.sum(cClientBytes), LinkBuffers: s.sum(cLinkBytes),
		MaxMemory: set.MaxMemory, EvictionPolicy: set.Policy,
		Connections: since(cConnections), RejectedConnections: since(cRejected), Commands: total, OpsPerSec: ops,
		NetIn: since(cBytesIn), NetOut: since(cBytesOut), InKBps: in, OutKBps: out, Reads: since(cReads), Writes: since(cWrites),
		Forwarded: since(cForwarded), Served: since(cServed), Held: since(cHeldTotal), InFlight: int(s.sum(cInflight)), LeasesLost: uint64(s.highest(cLeasesLost)),
		ReplIn: since(cReplIn), ReplOut: since(cReplOut), SyncFull: since(cSyncFull), SyncPartial: since(cSyncPartial),
		Expired: stats.Expired, ExpiredFields: stats.Fields, Evicted: stats.Evicted, OverLimitMilli: stats.OverLimit.Milliseconds(),
		OverLimitNowMilli: stats.OverLimitNow.Milliseconds(), Hits: stats.Hits, Misses: stats.Misses,
		CPUSys: usage.sys, CPUUser: usage.user, LeaseMilli: max(0, left.Milliseconds()), Term: s.opt.Cluster.View().Term,
		PerCommand: commands, PerError: s.statsGroup.Errors.Counts(), Replication: s.replicationStats(),
	}
	for db := range st.Databases {
		st.Databases[db] = command.DatabaseStats{Keys: ks.DBLen(db), Expires: ks.VolatileLen(db)}
	}
	return st
}
