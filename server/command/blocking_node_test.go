package command

import (
	"slices"
	"strings"

	"ringcache/server/resp"
	"ringcache/server/store"
)

// waitingNode runs commands as a node's loops would, of which each client has its own.
type waitingNode struct {
	*cluster
	limit   WaitLimits
	waiters *Waiters
	server  *Ctx // serves those that wait
	served  []*Waiter
	clients map[int]*waitingClient
}

type waitingClient struct {
	ctx     Ctx
	replies []string
	waiter  *Waiter // while its command waits
}

func newWaitingNode(limit WaitLimits) *waitingNode {
	cl := newCluster(1)
	n := &waitingNode{cluster: cl, clients: make(map[int]*waitingClient), limit: limit}
	n.useKeyspace(cl.nodes[0].KS)
	return n
}

// useKeyspace has the node begin with another keyspace.
func (n *waitingNode) useKeyspace(ks *store.Keyspace) {
	n.nodes[0].KS = ks
	n.waiters = NewWaiters(ks, n.limit)
	n.server = n.ctx()
}

func (n *waitingNode) ctx() *Ctx {
	return &Ctx{
		KS: n.nodes[0].KS, SlotOf: testSlot, Table: testTable, Owned: func(uint16) bool { return true }, Now: testNow, Waiters: n.waiters,
		Home: func(w *Waiter) { n.served = append(n.served, w) },
	}
}

func (n *waitingNode) client(i int) *waitingClient {
	if n.clients[i] == nil {
		n.clients[i] = &waitingClient{ctx: *n.ctx()}
	}
	return n.clients[i]
}

// do has a client run a command, and then whom it makes ready; it reports whether the client waits.
func (n *waitingNode) do(client int, line string) (waits bool) {
	cl := n.client(client)
	n.run(cl, line)
	n.serve(&cl.ctx)
	return cl.waiter != nil
}

// run is do without the service.
func (n *waitingNode) run(cl *waitingClient, line string) {
	c := &cl.ctx
	c.Args = nil
	for _, w := range strings.Fields(line) {
		c.Args = append(c.Args, []byte(w))
	}
	c.Out = resp.Writer{Proto: n.proto}
	row := testTable.Lookup(c.Args)
	if pos, _ := row.KeyPositions(c.Args, nil); len(pos) > 0 {
		c.Slot = testSlot(c.Args[pos[0]])
	}
	c.Run(row)
	if w := c.Waiting(); w != nil {
		w.User = cl
		cl.waiter = w
		return
	}
	cl.replies = append(cl.replies, string(c.Out.B))
}

// serve serves whom a run has made ready.
func (n *waitingNode) serve(c *Ctx) {
	ready := c.Ready
	c.Ready = nil
	for len(ready) > 0 {
		n.server.Serve(ready[0])
		ready = append(ready[1:], n.server.Ready...)
		n.server.Ready = nil
	}
	for _, w := range n.served {
		cl := w.User.(*waitingClient)
		cl.waiter = nil
		cl.replies = append(cl.replies, string(w.Reply))
	}
	n.served = nil
}

// take answers what has come for a client.
func (cl *waitingClient) take() string {
	s := strings.ReplaceAll(strings.Join(cl.replies, ""), "\r\n", "|")
	cl.replies = nil
	return s
}

// blocking is a random blocking command for the key, which in a workload replies at once: nobody could serve it.
func (w *workload) blocking(key string) []any {
	number := w.rnd.IntN(8)
	t := store.TypeList
	if number >= 5 {
		t = store.TypeZset
	}
	var there []string
	for p, h := range w.state {
		if p.DB == w.cl.db && h.Type == t {
			there = append(there, p.Key)
		}
	}
	if len(there) > 0 {
		slices.Sort(there)
		key = there[w.rnd.IntN(len(there))]
	}
	near := key // a key that has the same owner
	side := func() string { return []string{"LEFT", "RIGHT"}[w.rnd.IntN(2)] }
	switch number {
	case 0:
		return []any{"BLPOP", key, 1}
	case 1:
		return []any{"BRPOP", key, near, "0.5"}
	case 2:
		return []any{"BLMOVE", key, near, side(), side(), 1}
	case 3:
		return []any{"BRPOPLPUSH", key, near, 1}
	case 4:
		return []any{"BLMPOP", 1, 1, key, side(), "COUNT", 1 + w.rnd.IntN(3)}
	case 5:
		return []any{"BZPOPMIN", key, 1}
	case 6:
		return []any{"BZPOPMAX", key, near, "0.5"}
	default:
		return []any{"BZMPOP", 1, 1, key, []string{"MIN", "MAX"}[w.rnd.IntN(2)], "COUNT", 1 + w.rnd.IntN(3)}
	}
}
