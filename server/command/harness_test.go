package command

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"

	"ringcache/server/resp"
	"ringcache/server/store"
)

// testHash is the same in every process, so that a seed repeats a failure to the order of keys.
func testHash(key []byte) uint64 { return xxhash.Sum64(key) }

// testSlot places keys with the same hash tag in the same slot, and all others anywhere, like the real thing.
func testSlot(key []byte) uint16 {
	if i := bytes.IndexByte(key, '{'); i >= 0 {
		if j := bytes.IndexByte(key[i+1:], '}'); j > 0 {
			key = key[i+1 : i+1+j]
		}
	}
	return uint16(testHash(key) % store.Slots)
}

var testTable = NewTable()

// effect is one call of a [store.Sink].
type effect struct {
	slot uint16
	db   int
	args [][]byte
}

func (e effect) String() string { return fmt.Sprintf("%d: %q", e.db, e.args) }

// recorder keeps what a sink is handed.
type recorder struct {
	effects []effect
	after   func(slot uint16) // called after each effect, under the slot's lock; may be nil
}

func (r *recorder) Effect(slot uint16, db int, args [][]byte) {
	e := effect{slot: slot, db: db}
	for _, a := range args {
		e.args = append(e.args, bytes.Clone(a))
	}
	r.effects = append(r.effects, e)
	if r.after != nil {
		r.after(slot)
	}
}

// cluster is some keyspaces that share the slots, and the little of a router that a test needs.
type cluster struct {
	nodes []*Ctx
	sinks []*recorder
	db    int
	proto int
	now   int64
}

const testNow = 1_750_000_000_000

func newCluster(n int) *cluster {
	cl := &cluster{proto: 2, now: testNow}
	for i := range n {
		sink := new(recorder)
		cl.sinks = append(cl.sinks, sink)
		cl.nodes = append(cl.nodes, &Ctx{
			KS: store.New(store.Options{Hash: testHash, Sink: sink}), SlotOf: testSlot, Table: testTable,
			Owned: func(slot uint16) bool { return int(slot)%n == i },
		})
	}
	return cl
}

// on runs one command on one node.
func (cl *cluster) on(node int, args [][]byte, run func(*Ctx)) []byte {
	c := cl.nodes[node]
	c.Args, c.DB, c.Now, c.Out = args, cl.db, cl.now, resp.Writer{Proto: cl.proto}
	run(c)
	return c.Out.B
}

// do runs a command as a router would.
func (cl *cluster) do(args ...[]byte) []byte {
	c := cl.nodes[0]
	if err := testTable.CheckError(args); err != "" {
		return cl.on(0, args, func(c *Ctx) { c.Out.Error(err) })
	}
	row := testTable.Lookup(args)
	if row.Route == Everywhere {
		var parts [][]byte
		for i := range cl.nodes {
			parts = append(parts, cl.on(i, args, func(c *Ctx) { c.RunPart(row) }))
		}
		return cl.on(0, args, func(c *Ctx) { c.Join(row, parts, nil) })
	}
	pos, err := row.KeyPositions(args, nil)
	if err != nil {
		return []byte("-" + err.Error() + "\r\n")
	}
	if len(pos) == 0 {
		return cl.on(0, args, func(c *Ctx) { c.Run(row) })
	}
	owners := make([]int, len(pos))
	several := false
	for i, p := range pos {
		owners[i] = int(c.SlotOf(args[p])) % len(cl.nodes)
		several = several || owners[i] != owners[0]
	}
	if !several {
		return cl.on(owners[0], args, func(c *Ctx) {
			c.Slot = testSlot(args[pos[0]])
			c.Run(row)
		})
	}
	return cl.split(row, args, pos, owners)
}

func (cl *cluster) split(row *Row, args [][]byte, pos, owners []int) []byte {
	switch row.Split {
	case NoSplit:
		return []byte("-" + resp.ErrCrossSlot + "\r\n")
	case SplitGet:
		get := testTable.LookupName("get")
		var replies [][]byte
		for i, p := range pos {
			replies = append(replies, cl.on(owners[i], [][]byte{[]byte("GET"), args[p]}, func(c *Ctx) {
				c.Slot = testSlot(args[p])
				c.Run(get)
			}))
		}
		return cl.on(0, args, func(c *Ctx) { row.Gather(c, replies) })
	}
	partOf := make([][][]byte, len(cl.nodes))
	for i, p := range pos {
		if partOf[owners[i]] == nil {
			partOf[owners[i]] = [][]byte{args[0]}
		}
		partOf[owners[i]] = append(partOf[owners[i]], args[p:p+row.KeyStep]...)
	}
	var parts [][]byte
	partIndex := make([]int, len(cl.nodes))
	for node, part := range partOf {
		if part != nil {
			partIndex[node] = len(parts)
			parts = append(parts, cl.on(node, part, func(c *Ctx) {
				c.Slot = testSlot(part[1])
				c.Run(row)
			}))
		}
	}
	order := make([]int, len(owners))
	for i, o := range owners {
		order[i] = partIndex[o]
	}
	return cl.on(0, args, func(c *Ctx) { c.Join(row, parts, order) })
}

// text runs a command given as words.
func (cl *cluster) text(line string) string {
	var args [][]byte
	for _, w := range strings.Fields(line) {
		args = append(args, []byte(strings.Trim(w, `"`)))
	}
	return string(cl.do(args...))
}

func wantReply(t *testing.T, cl *cluster, line, want string) {
	t.Helper()
	want = strings.ReplaceAll(want, "|", "\r\n") + "\r\n"
	if got := cl.text(line); got != want {
		t.Errorf("%s\n  want %q\n  got  %q", line, want, got)
	}
}

func newKeyspaceWithoutSink() *store.Keyspace { return store.New(store.Options{Hash: testHash}) }
