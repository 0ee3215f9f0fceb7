package command

import (
	"maps"
	"slices"
	"strconv"

	"ringcache/server/resp"
)

// The views of the cluster that clients build their maps from: NODES, SLOTS, SHARDS and LINKS, byte for byte in Redis's shape.

// clusterNodes is CLUSTER NODES: a line a node,
//
//	<id> <ip:port@bus-port> <flags> <master> <ping-sent> <pong-received> <config-epoch> <link-state> <slot> ...
func clusterNodes(c *Ctx) {
	t := c.Node.Topology()
	masters := mastersOf(t)
	slots := make([][]byte, len(t.Nodes))
	for i := 0; i < len(t.Slots); {
		j, end := samePrimary(t.Slots, i)
		if p := t.Slots[i].Primary; p >= 0 {
			b := strconv.AppendInt(append(slots[p], ' '), int64(t.Slots[i].Start), 10)
			if end != t.Slots[i].Start {
				b = strconv.AppendInt(append(b, '-'), int64(end), 10)
			}
			slots[p] = b
		}
		i = j
	}
	var b []byte
	for i := range t.Nodes {
		b = append(append(t.appendNode(b, i, masters[i]), slots[i]...), '\n')
	}
	c.Out.Verbatim("txt", string(b))
}

// appendNode appends the line of node i but for its slots, as slave of the node master; -1 = as a master itself.
func (t *Topology) appendNode(b []byte, i, master int) []byte {
	n := &t.Nodes[i]
	b = append(append(append(b, n.ID...), ' '), n.Host...)
	b = strconv.AppendInt(append(b, ':'), int64(n.Port), 10)
	b = strconv.AppendInt(append(b, '@'), int64(n.BusPort), 10)
	b = append(b, ' ')
	if i == t.Self {
		b = append(b, "myself,"...)
	}
	of := "-"
	if master >= 0 {
		b = append(b, "slave"...)
		of = t.Nodes[master].ID
	} else {
		b = append(b, "master"...)
	}
	switch n.State {
	case NodeSuspect:
		b = append(b, ",fail?"...)
	case NodeDown:
		b = append(b, ",fail"...)
	}
	b = append(append(append(b, ' '), of...), ' ')
	b = strconv.AppendInt(b, n.PingMilli, 10)
	b = strconv.AppendInt(append(b, ' '), n.PongMilli, 10)
	b = strconv.AppendUint(append(b, ' '), t.Epoch, 10)
	if n.Linked || i == t.Self {
		return append(b, " connected"...)
	}
	return append(b, " disconnected"...)
}

// clusterReplicas is CLUSTER REPLICAS: a line, as in CLUSTER NODES, for each node that has copies of slots of the one that is named. It is
// shown as slave of that one, whatever else it is.
func clusterReplicas(c *Ctx) {
	t, id := c.Node.Topology(), string(c.Args[2])
	of := slices.IndexFunc(t.Nodes, func(n TopologyNode) bool { return n.ID == id })
	switch {
	case of < 0:
		c.Out.Error("ERR Unknown node " + id)
		return
	case mastersOf(t)[of] >= 0:
		c.Out.Error(errNotMaster)
		return
	}
	copies := t.copiesOf(of)
	found := 0
	for i := range copies {
		if copies[i] > 0 {
			found++
		}
	}
	c.Out.Array(found)
	var b []byte
	for i := range copies {
		if copies[i] > 0 {
			b = t.appendNode(b[:0], i, of)
			c.Out.Bulk(b)
		}
	}
}

// copiesOf counts for each node the slots of a primary that it has copies of.
func (t *Topology) copiesOf(primary int) []int {
	copies := make([]int, len(t.Nodes))
	for i := range t.Slots {
		r := &t.Slots[i]
		if r.Primary != primary {
			continue
		}
		for _, list := range [2][]int{r.Replicas, r.Lagging} {
			for _, rep := range list {
				copies[rep] += int(r.End) - int(r.Start) + 1
			}
		}
	}
	return copies
}

// samePrimary answers where the run of adjoining ranges of one primary that begins at ranges[i] ends: the index behind it, and
// its last slot. Ranges that differ in their replicas only are one in CLUSTER NODES.
func samePrimary(ranges []SlotRange, i int) (next int, end uint16) {
	first, end := &ranges[i], ranges[i].End
	for next = i + 1; next < len(ranges); next++ {
		r := &ranges[next]
		if r.Primary != first.Primary || r.Start != end+1 {
			break
		}
		end = r.End
	}
	return next, end
}

// mastersOf answers for each node of which primary it shows as slave: -1 for a node that is primary of slots itself or copies
// none, otherwise the primary that it copies most slots of (the lowest index among equals).
func mastersOf(t *Topology) []int {
	n := countTopology(t)
	masters, most := make([]int, len(t.Nodes)), make([]int, len(t.Nodes))
	for i := range masters {
		masters[i] = -1
	}
	for p, slots := range n.primary {
		if slots == 0 {
			continue
		}
		for i, copies := range t.copiesOf(p) {
			if n.primary[i] == 0 && copies > most[i] {
				masters[i], most[i] = p, copies
			}
		}
	}
	return masters
}

// clusterSlots is CLUSTER SLOTS: [start, end, primary, replica ...], a node being [host, port, id, metadata]. Copies that are not in
// sync are not there: clients would read from them. A ring scatters
// the slots, so that there are thousands of ranges: the nodes are encoded once.
func clusterSlots(c *Ctx) {
	t := c.Node.Topology()
	nodes := make([][]byte, len(t.Nodes))
	for i := range t.Nodes {
		n, w := &t.Nodes[i], resp.Writer{Proto: c.Out.Proto}
		w.Array(4)
		w.BulkString(n.Host)
		w.Int(int64(n.Port))
		w.BulkString(n.ID)
		w.Map(0)
		nodes[i] = w.B
	}
	served, size := 0, 0
	for i := range t.Slots {
		if r := &t.Slots[i]; r.Primary >= 0 {
			served++
			size += slotRangeHead + len(nodes[r.Primary])
			for _, rep := range r.Replicas {
				size += len(nodes[rep])
			}
		}
	}
	w := &c.Out
	w.B = slices.Grow(w.B, size)
	w.Array(served)
	for i := range t.Slots {
		r := &t.Slots[i]
		if r.Primary < 0 {
			continue
		}
		w.Array(3 + len(r.Replicas))
		w.Int(int64(r.Start))
		w.Int(int64(r.End))
		w.Raw(nodes[r.Primary])
		for _, rep := range r.Replicas {
			w.Raw(nodes[rep])
		}
	}
}

// slotRangeHead is about how many bytes a range of CLUSTER SLOTS takes beside its nodes.
const slotRangeHead = 24

// shard is one entry of CLUSTER SHARDS: a primary, with its slots, and the nodes that have copies of some of them. Clients know a shard by its
// primary, and would take a second entry of the same one for news of it: so there is none, though not each node has all of the slots.
type shard struct {
	primary int
	slots   [][2]uint16
	copies  map[int]bool // nodes; true: what they have is in sync
}

// shardsOf gathers the ranges of t by their primaries, in the order of each one's first slot.
func shardsOf(t *Topology) []*shard {
	var shards []*shard
	of := make([]*shard, len(t.Nodes))
	for i := range t.Slots {
		r := &t.Slots[i]
		if r.Primary < 0 {
			continue
		}
		s := of[r.Primary]
		if s == nil {
			s = &shard{primary: r.Primary, copies: map[int]bool{}}
			of[r.Primary] = s
			shards = append(shards, s)
		}
		if n := len(s.slots); n > 0 && s.slots[n-1][1]+1 == r.Start {
			s.slots[n-1][1] = r.End
		} else {
			s.slots = append(s.slots, [2]uint16{r.Start, r.End})
		}
		for _, rep := range r.Replicas {
			if _, known := s.copies[rep]; !known {
				s.copies[rep] = true
			}
		}
		for _, rep := range r.Lagging {
			s.copies[rep] = false
		}
	}
	return shards
}

// clusterShards is CLUSTER SHARDS. Nodes that neither serve nor copy a slot are an entry of their own without slots, as in
// Redis.
func clusterShards(c *Ctx) {
	t := c.Node.Topology()
	shards := shardsOf(t)
	n := countTopology(t)
	for i := range t.Nodes {
		if n.primary[i] == 0 && n.replica[i] == 0 {
			shards = append(shards, &shard{primary: i})
		}
	}
	w := &c.Out
	w.Array(len(shards))
	for _, s := range shards {
		w.Map(2)
		w.BulkString("slots")
		w.Array(2 * len(s.slots))
		for _, r := range s.slots {
			w.Int(int64(r[0]))
			w.Int(int64(r[1]))
		}
		w.BulkString("nodes")
		w.Array(1 + len(s.copies))
		c.writeShardNode(&t.Nodes[s.primary], "master", "online")
		for _, rep := range slices.Sorted(maps.Keys(s.copies)) {
			health := "loading"
			if s.copies[rep] {
				health = "online"
			}
			c.writeShardNode(&t.Nodes[rep], "replica", health)
		}
	}
}

func (c *Ctx) writeShardNode(n *TopologyNode, role, health string) {
	if n.State == NodeDown {
		health = "fail"
	}
	w := &c.Out
	w.Map(7)
	w.BulkString("id")
	w.BulkString(n.ID)
	w.BulkString("port")
	w.Int(int64(n.Port))
	w.BulkString("ip")
	w.BulkString(n.Host)
	w.BulkString("endpoint")
	w.BulkString(n.Host)
	w.BulkString("role")
	w.BulkString(role)
	w.BulkString("replication-offset")
	w.Int(n.ReplOffset)
	w.BulkString("health")
	w.BulkString(health)
}

// clusterLinks is CLUSTER LINKS.
func clusterLinks(c *Ctx) {
	t := c.Node.Topology()
	linked := func(i int) bool { return i != t.Self && t.Nodes[i].Linked }
	count := 0
	for i := range t.Nodes {
		if linked(i) {
			count++
		}
	}
	w := &c.Out
	w.Array(count)
	for i := range t.Nodes {
		if !linked(i) {
			continue
		}
		n := &t.Nodes[i]
		events := "r"
		if n.SendBuffered > 0 {
			events = "rw"
		}
		w.Map(6)
		w.BulkString("direction")
		w.BulkString("to")
		w.BulkString("node")
		w.BulkString(n.ID)
		w.BulkString("create-time")
		w.Int(n.LinkSinceMilli)
		w.BulkString("events")
		w.BulkString(events)
		w.BulkString("send-buffer-allocated")
		w.Int(int64(n.SendBuffered))
		w.BulkString("send-buffer-used")
		w.Int(int64(n.SendBuffered))
	}
}
