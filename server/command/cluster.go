package command

import (
	"ringcache/server/resp"
	"ringcache/server/store"
)

// Replies of CLUSTER, as Redis words them.
const (
	errSlot      = "ERR Invalid slot"
	errSlotCount = "ERR Invalid slot or number of keys"
	errNotMaster = "ERR The specified node is not a master"
)

// clusterRows is the group "cluster", but for the commands that set a state of the session (see connRows). What asks for the
// Topology is Slow: it may name thousands of ranges.
//
// What Redis's words cannot say is shown so that its clients do the right thing: every node that is primary of a slot is a
// master, though it is also replica of other slots; SLOTS names the true replicas of each range.
func clusterRows() []*Row {
	return []*Row{container(&Row{
		Name: "cluster", Arity: -2, Group: "cluster", Since: "3.0.0", Complexity: "Depends on subcommand.",
		Summary: "A container for cluster commands",
		Note: "The cluster administers itself, or is administered by cachectl. A node that is primary of slots shows as master, one that " +
			"only holds copies as slave of the primary it copies most of.",
	}, nil, clusterHelp, []*Row{
		{
			Name: "countkeysinslot", Arity: 3, Flags: Stale, Since: "3.0.0", Complexity: "O(1)",
			Summary: "Return the number of local keys in the specified hash slot", Params: []Param{intParam("slot")},
			Note:    "Answered by the slot's owner, whichever node is asked; counts the selected database.",
			SlotArg: slotArg, Fn: clusterCountKeys,
		},
		{
			Name: "getkeysinslot", Arity: 4, Flags: Stale | SelfLock, Since: "3.0.0",
			Complexity: "O(log(N)) where N is the number of requested keys", Tips: []string{"nondeterministic_output"},
			Summary: "Return local key names in the specified hash slot",
			Params:  []Param{intParam("slot"), intParam("count")},
			Note:    "Answered by the slot's owner, whichever node is asked; lists the selected database.",
			SlotArg: slotArg, SlowIf: manyKeysWanted, Fn: clusterGetKeys,
		},
		{
			Name: "info", Arity: 2, Flags: Stale | Slow, Since: "3.0.0", Complexity: "O(1)",
			Tips: []string{"nondeterministic_output"}, Summary: "Provides info about Redis Cluster node state",
			Fn: clusterInfo,
		},
		{
			Name: "keyslot", Arity: 3, Flags: Stale, Since: "3.0.0",
			Complexity: "O(N) where N is the number of bytes in the key", Params: []Param{strParam("key")},
			Summary: "Returns the hash slot of the specified key",
			Fn:      func(c *Ctx) { c.Out.Int(int64(c.SlotOf(c.Args[2]))) },
		},
		{
			Name: "links", Arity: 2, Flags: Stale | Slow, Since: "7.0.0",
			Complexity: "O(N) where N is the total number of Cluster nodes", Tips: []string{"nondeterministic_output"},
			Summary: "Returns a list of all TCP links to and from peer nodes in cluster",
			Note:    "One entry a peer: the connections to it together.",
			Fn:      clusterLinks,
		},
		{
			Name: "myid", Arity: 2, Flags: Stale | Slow, Since: "3.0.0", Complexity: "O(1)", Summary: "Return the node id",
			Fn: func(c *Ctx) { c.Out.BulkString(c.Node.Topology().self().ID) },
		},
		{
			Name: "nodes", Arity: 2, Flags: Stale | Slow, Since: "3.0.0",
			Complexity: "O(N) where N is the total number of Cluster nodes", Tips: []string{"nondeterministic_output"},
			Summary: "Get Cluster config for the node", Fn: clusterNodes,
		},
		{
			Name: "handover", Arity: 3, Flags: Admin | NoScript | Stale | Slow, Since: "0.1.0", Complexity: "O(1)",
			Summary: "Have a node hand over the slots that it is primary of", Params: []Param{strParam("node-id")},
			Note: "Ours, as cachectl failover; since names the version of ringcache. The reply is how many slots are handed over, and how " +
				"many stay since no other node has them in sync.",
			Fn: func(c *Ctx) { c.handover(c.Node.Failover(string(c.Args[2]))) },
		},
		{
			Name: "drain", Arity: 3, Flags: Admin | NoScript | Stale | Slow, Since: "0.1.0", Complexity: "O(1)",
			Summary: "Have a node hand over the slots that it is primary of, and get none from then on",
			Params:  []Param{strParam("node-id")},
			Note:    "Ours, as cachectl drain; since names the version of ringcache. The reply is that of CLUSTER HANDOVER.",
			Fn:      func(c *Ctx) { c.handover(c.Node.Drain(string(c.Args[2]), true)) },
		},
		{
			Name: "undrain", Arity: 3, Flags: Admin | NoScript | Stale | Slow, Since: "0.1.0", Complexity: "O(1)",
			Summary: "Let a node that was drained get slots again", Params: []Param{strParam("node-id")},
			Note: "Ours, as cachectl drain --undo; since names the version of ringcache.",
			Fn: func(c *Ctx) {
				_, _, err := c.Node.Drain(string(c.Args[2]), false)
				c.done(err)
			},
		},
		replicasRow("replicas", "5.0.0"),
		replicasRow("slaves", "3.0.0").deprecated("5.0.0", "`CLUSTER REPLICAS`"),
		{
			Name: "shards", Arity: 2, Flags: Stale | Slow, Since: "7.0.0",
			Complexity: "O(N) where N is the total number of cluster nodes", Tips: []string{"nondeterministic_output"},
			Summary: "Get array of cluster slots to node mappings",
			Note: "One entry for each primary, with every node that has copies of some of its slots: online where all that it has of " +
				"them is in sync, loading where not. CLUSTER SLOTS tells who has which.",
			Fn: clusterShards,
		},
		{
			Name: "slots", Arity: 2, Flags: Stale | Slow, Since: "3.0.0",
			Complexity: "O(N) where N is the total number of Cluster nodes", Tips: []string{"nondeterministic_output"},
			Summary: "Get array of Cluster slot to node mappings",
			History: [][2]string{
				{"4.0.0", "Added node IDs."}, {"7.0.0", "Added additional networking metadata field."},
			},
			DeprecatedSince: "7.0.0", ReplacedBy: "`CLUSTER SHARDS`", Fn: clusterSlots,
		},
		{
			Name: "status", Arity: 2, Flags: Stale | Slow, Since: "0.1.0", Complexity: "O(N) where N is the number of nodes",
			Tips: []string{"nondeterministic_output"}, Summary: "Describe the cluster as JSON, as cachectl status -o json shows it",
			Note: "Ours; since names the version of ringcache.",
			Fn:   func(c *Ctx) { c.Out.Bulk(c.Node.StatusJSON()) },
		},
	})}
}

// handover replies what becomes of a node's slots.
func (c *Ctx) handover(handed, stuck int, err error) {
	if err != nil {
		c.Out.Error(err.Error())
		return
	}
	c.Out.Array(2)
	c.Out.Int(int64(handed))
	c.Out.Int(int64(stuck))
}

// replicasRow is CLUSTER REPLICAS, and CLUSTER SLAVES, its older name.
func replicasRow(name, since string) *Row {
	return &Row{
		Name: name, Arity: 3, Flags: Admin | Stale | Slow, Since: since, Complexity: "O(1)",
		Tips: []string{"nondeterministic_output"}, Summary: "List replica nodes of the specified master node",
		Params: []Param{strParam("node-id")},
		Note:   "Every node that has copies of slots of that one, though it be primary of others.",
		Fn:     clusterReplicas,
	}
}

// deprecated marks a row as old.
func (r *Row) deprecated(since, by string) *Row {
	r.DeprecatedSince, r.ReplacedBy = since, by
	return r
}

// slotArg is the Row.SlotArg of rows whose first argument is a slot.
func slotArg(args [][]byte) (slot uint16, ok bool) {
	if len(args) < 3 {
		return 0, false
	}
	n, ok := store.ParseInt(args[2])
	if !ok || n < 0 || n >= store.Slots {
		return 0, false
	}
	return uint16(n), true
}

func clusterCountKeys(c *Ctx) {
	if _, ok := store.ParseInt(c.Args[2]); !ok {
		c.Out.Error(resp.ErrNotInteger)
		return
	}
	slot, ok := slotArg(c.Args)
	if !ok {
		c.Out.Error(errSlot)
		return
	}
	c.Out.Int(int64(c.KS.SlotLen(slot, c.DB)))
}

// slotKeysStep is how many keys GETKEYSINSLOT lists under one hold of the slot's lock; slotKeysInline how many a loop lists by
// itself before the work goes to a worker goroutine.
const (
	slotKeysStep   = 256
	slotKeysInline = 1024
)

func manyKeysWanted(args [][]byte) bool {
	n, ok := store.ParseInt(args[3])
	return ok && n > slotKeysInline
}

func clusterGetKeys(c *Ctx) {
	_, slotOK := store.ParseInt(c.Args[2])
	count, countOK := store.ParseInt(c.Args[3])
	if !slotOK || !countOK {
		c.Out.Error(resp.ErrNotInteger)
		return
	}
	slot, ok := slotArg(c.Args)
	if !ok || count < 0 {
		c.Out.Error(errSlotCount)
		return
	}
	var keys [][]byte
	var from uint64
	for done := count == 0; !done; {
		c.KS.LockSlot(slot)
		from, done = c.KS.Walk(slot, c.DB, from, int(min(slotKeysStep, count-int64(len(keys)))), c.Now, func(it store.Item) {
			if int64(len(keys)) < count {
				keys = append(keys, append([]byte(nil), it.Key()...))
			}
		})
		c.KS.UnlockSlot(slot)
		done = done || int64(len(keys)) >= count
	}
	c.Out.Array(len(keys))
	for _, k := range keys {
		c.Out.Bulk(k)
	}
}

// topologyCount is what CLUSTER INFO, INFO and CLUSTER NODES count of a [Topology].
type topologyCount struct {
	primary, replica []int // slots of each node, by index
	assigned         int
	suspect, down    int // slots whose primary is suspect or down
	masters          int // nodes that are primary of slots
}

func countTopology(t *Topology) topologyCount {
	n := topologyCount{primary: make([]int, len(t.Nodes)), replica: make([]int, len(t.Nodes))}
	for i := range t.Slots {
		r := &t.Slots[i]
		size := int(r.End) - int(r.Start) + 1
		if r.Primary < 0 {
			continue
		}
		n.assigned += size
		n.primary[r.Primary] += size
		for _, list := range [2][]int{r.Replicas, r.Lagging} {
			for _, rep := range list {
				n.replica[rep] += size
			}
		}
		switch t.Nodes[r.Primary].State {
		case NodeSuspect:
			n.suspect += size
		case NodeDown:
			n.down += size
		}
	}
	for _, slots := range n.primary {
		if slots > 0 {
			n.masters++
		}
	}
	return n
}

func (t *Topology) self() *TopologyNode { return &t.Nodes[t.Self] }

// clusterInfo is CLUSTER INFO. A failed slot is one whose primary is down; it is served again once a replica has taken over.
func clusterInfo(c *Ctx) {
	t := c.Node.Topology()
	stats := c.Node.Stats()
	n := countTopology(t)
	state := "fail"
	if t.OK {
		state = "ok"
	}
	var w infoWriter
	w.str("cluster_state", state)
	w.int("cluster_slots_assigned", int64(n.assigned))
	w.int("cluster_slots_ok", int64(n.assigned-n.suspect-n.down))
	w.int("cluster_slots_pfail", int64(n.suspect))
	w.int("cluster_slots_fail", int64(n.down))
	w.int("cluster_known_nodes", int64(len(t.Nodes)))
	w.int("cluster_size", int64(n.masters))
	w.uint("cluster_current_epoch", t.Epoch)
	w.uint("cluster_my_epoch", t.Epoch)
	w.uint("cluster_stats_messages_sent", stats.BusSent)
	w.uint("cluster_stats_messages_received", stats.BusRecv)
	w.int("total_cluster_links_buffer_limit_exceeded", 0)
	c.Out.Verbatim("txt", string(w.b))
}

var clusterHelp = []string{
	"COUNTKEYSINSLOT <slot>", "    Return the number of keys in <slot>.",
	"DRAIN <node-id>", "    Have a node hand over the slots that it is primary of, and get none from then on.",
	"GETKEYSINSLOT <slot> <count>", "    Return key names stored in a slot, by whichever node owns it.",
	"HANDOVER <node-id>", "    Have a node hand over the slots that it is primary of.",
	"INFO", "    Return information about the cluster.",
	"KEYSLOT <key>", "    Return the hash slot for <key>.",
	"MYID", "    Return the node id.",
	"REPLICAS <node-id>", "    Return the nodes that have copies of the slots of <node-id>, in the form of NODES.",
	"SLAVES <node-id>", "    The older name of REPLICAS.",
	"NODES", "    Return cluster configuration seen by node. Output format:",
	"    <id> <ip:port> <flags> <master> <pings> <pongs> <epoch> <link> <slot> ...",
	"SLOTS", "    Return information about slots range mappings. Each range is made of:",
	"    start, end, master and replicas IP addresses, ports and ids",
	"SHARDS", "    Return information about slot range mappings and the nodes associated with them.",
	"STATUS", "    Describe the cluster as JSON, as cachectl status -o json shows it.",
	"UNDRAIN <node-id>", "    Let a node that was drained get slots again.",
	"LINKS", "    Return information about all network links between this node and its peers.",
	"    Output format is an array where each array element is a map containing attributes of a link",
}
