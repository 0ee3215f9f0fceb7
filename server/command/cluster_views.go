package command

import (
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
		n := &t.Nodes[i]
		b = append(append(append(b, n.ID...), ' '), n.Host...)
		b = strconv.AppendInt(append(b, ':'), int64(n.Port), 10)
		b = strconv.AppendInt(append(b, '@'), int64(n.BusPort), 10)
		b = append(b, ' ')
		if i == t.Self {
			b = append(b, "myself,"...)
		}
		master := "-"
		if m := masters[i]; m >= 0 {
			b = append(b, "slave"...)
			master = t.Nodes[m].ID
		} else {
			b = append(b, "master"...)
		}
		switch n.State {
		case NodeSuspect:
			b = append(b, ",fail?"...)
		case NodeDown:
			b = append(b, ",fail"...)
		}
		b = append(append(append(b, ' '), master...), ' ')
		b = strconv.AppendInt(b, n.PingMilli, 10)
		b = strconv.AppendInt(append(b, ' '), n.PongMilli, 10)
		b = strconv.AppendUint(append(b, ' '), t.Epoch, 10)
		if n.Linked || i == t.Self {
			b = append(b, " connected"...)
		} else {
			b = append(b, " disconnected"...)
		}
		b = append(append(b, slots[i]...), '\n')
	}
	c.Out.Verbatim("txt", string(b))
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
	masters := make([]int, len(t.Nodes))
	for i := range masters {
		masters[i] = -1
		if n.primary[i] > 0 || n.replica[i] == 0 {
			continue
		}
		copies := make([]int, len(t.Nodes))
		for j := range t.Slots {
			r := &t.Slots[j]
			for _, rep := range r.Replicas {
				if rep == i && r.Primary >= 0 {
					copies[r.Primary] += int(r.End) - int(r.Start) + 1
				}
			}
		}
		for p, slots := range copies {
			if slots > 0 && (masters[i] < 0 || slots > copies[masters[i]]) {
				masters[i] = p
			}
		}
	}
	return masters
}

// clusterSlots is CLUSTER SLOTS: [start, end, primary, replica ...], a node being [host, port, id, metadata]. A ring scatters
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

// shard is one entry of CLUSTER SHARDS: the slots that have the same primary and replicas.
type shard struct {
	primary  int
	replicas []int
	slots    [][2]uint16
}

// shardsOf groups the ranges of t by their nodes, in the order of each group's first slot.
func shardsOf(t *Topology) []*shard {
	var shards []*shard
	byNodes := make(map[string]*shard)
	var key []byte
	for i := range t.Slots {
		r := &t.Slots[i]
		if r.Primary < 0 {
			continue
		}
		key = strconv.AppendInt(key[:0], int64(r.Primary), 10)
		for _, rep := range r.Replicas {
			key = strconv.AppendInt(append(key, ','), int64(rep), 10)
		}
		s := byNodes[string(key)]
		if s == nil {
			s = &shard{primary: r.Primary, replicas: r.Replicas}
			byNodes[string(key)] = s
			shards = append(shards, s)
		}
		s.slots = append(s.slots, [2]uint16{r.Start, r.End})
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
		w.Array(1 + len(s.replicas))
		c.writeShardNode(&t.Nodes[s.primary], "master")
		for _, rep := range s.replicas {
			c.writeShardNode(&t.Nodes[rep], "replica")
		}
	}
}

func (c *Ctx) writeShardNode(n *TopologyNode, role string) {
	health := "online"
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
