package command

import (
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"
	"testing"

	"ringcache/server/resp"
	"ringcache/server/store"
)

// fakeConn is a session that remembers what was done to it.
type fakeConn struct {
	info              ClientInfo
	authenticated     bool
	mode              ReplyMode
	readOnly, asking  bool
	closing, wasReset bool
}

func (f *fakeConn) ID() uint64                { return f.info.ID }
func (f *fakeConn) Name() string              { return f.info.Name }
func (f *fakeConn) SetName(name string)       { f.info.Name = name }
func (f *fakeConn) DB() int                   { return f.info.DB }
func (f *fakeConn) SetDB(db int)              { f.info.DB = db }
func (f *fakeConn) SetProto(proto int)        { f.info.Proto = proto }
func (f *fakeConn) User() string              { return f.info.User }
func (f *fakeConn) Authenticated() bool       { return f.authenticated }
func (f *fakeConn) SetReplyMode(m ReplyMode)  { f.mode = m }
func (f *fakeConn) SetReadOnly(on bool)       { f.readOnly = on }
func (f *fakeConn) SetAsking()                { f.asking = true }
func (f *fakeConn) SetNoEvict(on bool)        { f.info.NoEvict = on }
func (f *fakeConn) SetNoTouch(on bool)        { f.info.NoTouch = on }
func (f *fakeConn) CloseAfterReply()          { f.closing = true }
func (f *fakeConn) Info() ClientInfo          { return f.info }
func (f *fakeConn) SetAuthenticated(u string) { f.authenticated, f.info.User = true, u }

func (f *fakeConn) SetLib(name, ver string) {
	if name != "" {
		f.info.LibName = name
	}
	if ver != "" {
		f.info.LibVer = ver
	}
}

func (f *fakeConn) Reset() {
	f.wasReset = true
	f.info.Name, f.info.DB, f.info.Proto = "", 0, 2
}

// fakeNode is a node with other sessions beside fakeConn, two settings, and a topology.
type fakeNode struct {
	conn      *fakeConn
	others    []ClientInfo
	password  string
	config    map[string]string
	stats     Stats
	topology  Topology
	stop      chan struct{}
	shutdown  string // "", "now" or "later"
	mayWait   func() // fails where a row that is not Slow asks for what may wait for the loops
	resets    int
	unblocked []string
	drained   string
}

func (n *fakeNode) Clients() []ClientInfo {
	n.mayWait()
	return append([]ClientInfo{n.conn.info}, n.others...)
}

func (n *fakeNode) Client(id uint64) (ClientInfo, bool) {
	all := n.Clients()
	i := slices.IndexFunc(all, func(c ClientInfo) bool { return c.ID == id })
	if i < 0 {
		return ClientInfo{}, false
	}
	return all[i], true
}

func (n *fakeNode) KillClients(match func(*ClientInfo) bool, self uint64) int {
	n.mayWait()
	before := len(n.others)
	n.others = slices.DeleteFunc(n.others, func(c ClientInfo) bool { return match(&c) })
	killed := before - len(n.others)
	if n.conn.info.ID == self && match(&n.conn.info) {
		n.conn.closing = true
		killed++
	}
	return killed
}

func (n *fakeNode) UnblockClient(id uint64, asError bool) bool {
	n.mayWait()
	n.unblocked = append(n.unblocked, fmt.Sprint(id, asError))
	return id == n.conn.info.ID
}

func (n *fakeNode) ConfigGet(patterns []string) [][2]string {
	var out [][2]string
	for _, p := range patterns {
		if v, ok := n.config[p]; ok {
			out = append(out, [2]string{p, v})
		}
	}
	return out
}

func (n *fakeNode) ConfigSet(pairs [][2]string) error {
	for _, p := range pairs {
		if _, ok := n.config[p[0]]; !ok {
			return fmt.Errorf("ERR Unknown option or number of arguments for CONFIG SET - '%s'", p[0])
		}
	}
	for _, p := range pairs {
		n.config[p[0]] = p[1]
	}
	return nil
}

func (n *fakeNode) ConfigResetStat() { n.resets++ }
func (n *fakeNode) ConfigRewrite() error {
	return errors.New("ERR The server is running without a config file")
}

func (n *fakeNode) CheckPassword(user, password string) bool {
	return user == DefaultUser && password == n.password
}
func (n *fakeNode) PasswordSet() bool         { return n.password != "" }
func (n *fakeNode) Stats() Stats              { n.mayWait(); return n.stats }
func (n *fakeNode) Topology() *Topology       { n.mayWait(); return &n.topology }
func (n *fakeNode) StatusJSON() []byte        { n.mayWait(); return []byte(`{"epoch":7}`) }
func (n *fakeNode) Stopping() <-chan struct{} { return n.stop }
func (n *fakeNode) MaxMemory() int64          { return 0 }

func (n *fakeNode) Failover(id string) (handed, stuck int, err error) {
	n.mayWait()
	if id != idA && id != idB {
		return 0, 0, errors.New("ERR the node is not in the map")
	}
	return 7, 2, nil
}

func (n *fakeNode) Drain(id string, on bool) (handed, stuck int, err error) {
	n.drained = id
	if !on {
		n.drained = ""
	}
	return n.Failover(id)
}

func (n *fakeNode) Shutdown(now bool) {
	n.shutdown = "later"
	if now {
		n.shutdown = "now"
	}
}

// admin is a node with one session, for running commands by their text.
type admin struct {
	tb   testing.TB
	ctx  Ctx
	conn *fakeConn
	node *fakeNode
	now  int64
}

// The nodes of the fake topology: a and b are primaries and copy each other, c only holds copies of a's slots, d is new.
const (
	idA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	idB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	idC = "cccccccccccccccccccccccccccccccccccccccc"
	idD = "dddddddddddddddddddddddddddddddddddddddd"
)

func newAdmin(tb testing.TB) *admin {
	tb.Helper()
	conn := &fakeConn{authenticated: true, info: ClientInfo{
		ID: 7, Addr: "127.0.0.1:1000", LAddr: "127.0.0.1:7000", FD: 9, Flags: "N", Events: "r", Cmd: "client|info",
		User: DefaultUser, Proto: 2, Type: "normal", AgeSec: 5,
	}}
	node := &fakeNode{
		conn: conn,
		others: []ClientInfo{
			{ID: 8, Addr: "127.0.0.1:1001", LAddr: "127.0.0.1:7000", Type: "normal", User: DefaultUser, Proto: 3, AgeSec: 100, Name: "x"},
			{ID: 9, Addr: "127.0.0.2:1001", LAddr: "127.0.0.9:7000", Type: "normal", User: DefaultUser, Proto: 2, AgeSec: 50, Flags: "r"},
		},
		config: map[string]string{"maxmemory": "0", "save": "", "appendonly": "no"},
		stop:   make(chan struct{}),
		topology: Topology{
			Epoch: 42, ClusterID: "ee", OK: true, Self: 0,
			Nodes: []TopologyNode{
				{ID: idA, Host: "10.0.0.1", Port: 7000, BusPort: 17000, State: NodeUp, Leader: true, Weight: 1, Zone: "z1"},
				{ID: idB, Host: "10.0.0.2", Port: 7001, BusPort: 17001, State: NodeSuspect, Linked: true, LinkSinceMilli: 5, PongMilli: 6},
				{ID: idC, Host: "10.0.0.3", Port: 7002, BusPort: 17002, State: NodeStandby, Linked: true, SendBuffered: 10},
				{ID: idD, Host: "10.0.0.4", Port: 7003, BusPort: 17003, State: NodeDown, PingMilli: 3},
			},
			Slots: []SlotRange{
				{Start: 0, End: 99, Primary: 0, Replicas: []int{1}},
				{Start: 100, End: 100, Primary: 0, Replicas: []int{2}},
				{Start: 101, End: 16000, Primary: 1, Replicas: []int{0}},
				{Start: 16001, End: 16001, Primary: 0, Replicas: []int{1}},
				{Start: 16002, End: 16383, Primary: -1},
			},
		},
	}
	seed := maphash.MakeSeed()
	a := &admin{tb: tb, conn: conn, node: node, now: 1_700_000_000_123}
	a.ctx = Ctx{
		KS: store.New(store.Options{Hash: func(k []byte) uint64 { return maphash.Bytes(seed, k) }}),
		SlotOf: func(k []byte) uint16 {
			if i := strings.IndexByte(string(k), ':'); i >= 0 { // "12:name" lives in slot 12
				if n, err := strconv.Atoi(string(k[:i])); err == nil {
					return uint16(n)
				}
			}
			return 0
		},
		Owned: func(uint16) bool { return true },
		Conn:  conn, Node: node, Table: NewTable(),
	}
	node.mayWait = func() {
		if !a.ctx.Row.Has(Slow) {
			tb.Errorf("%s is not Slow and asks the node what may wait", a.ctx.Row.FullName())
		}
	}
	return a
}

// do runs the command that text spells, in redis-cli's quoting, and answers the raw reply.
func (a *admin) do(text string) string { return a.run(splitArgs(a.tb, text)) }

func (a *admin) run(args [][]byte) string {
	c := &a.ctx
	c.Args, c.Now, c.DB = args, a.now, a.conn.info.DB
	c.Out = resp.Writer{Proto: a.conn.info.Proto}
	if msg := c.Table.CheckError(args); msg != "" {
		c.Out.Error(msg)
		return string(c.Out.B)
	}
	row := c.Table.Lookup(args)
	if row.OneKey() {
		c.Slot = c.SlotOf(args[row.FirstKey])
	}
	if row.SlotArg != nil {
		c.Slot, _ = row.SlotArg(args)
	}
	c.Run(row)
	return string(c.Out.B)
}

// put stores a string.
func (a *admin) put(key, val string) {
	slot := a.ctx.SlotOf([]byte(key))
	r := a.ctx.KS.Ref(slot, a.conn.info.DB, []byte(key))
	a.ctx.KS.LockSlot(slot)
	a.ctx.KS.Set(r, a.ctx.KS.Lookup(r, a.now, 0), []byte(val), 0, a.now)
	a.ctx.KS.UnlockSlot(slot)
}

// splitArgs cuts text at spaces; "..." holds an argument with Go's escapes.
func splitArgs(tb testing.TB, text string) [][]byte {
	tb.Helper()
	var args [][]byte
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		if text[0] == '"' {
			q, err := strconv.QuotedPrefix(text)
			if err != nil {
				tb.Fatalf("quoting of %q: %v", text, err)
			}
			s, _ := strconv.Unquote(q)
			args, text = append(args, []byte(s)), text[len(q):]
			continue
		}
		word, rest, _ := strings.Cut(text, " ")
		args, text = append(args, []byte(word)), rest
	}
	return args
}

// reply is a parsed reply: string (with its kind byte in front for statuses and errors), int64, nil, []any, or pairs.
type pairs [][2]any

// parseReply reads one RESP reply; sets are arrays.
func parseReply(tb testing.TB, p []byte) (v any, rest []byte) {
	tb.Helper()
	i := slices.Index(p, '\n')
	if i < 1 {
		tb.Fatalf("no reply in %q", p)
	}
	head, rest := string(p[:i-1]), p[i+1:]
	n, _ := strconv.Atoi(head[1:])
	switch head[0] {
	case ':':
		return int64(n), rest
	case '_':
		return nil, rest
	case '$', '=':
		if n < 0 {
			return nil, rest
		}
		return string(rest[:n]), rest[n+2:]
	case '*', '~':
		if n < 0 {
			return nil, rest
		}
		out := make([]any, n)
		for i := range out {
			out[i], rest = parseReply(tb, rest)
		}
		return out, rest
	case '%':
		out := make(pairs, n)
		for i := range out {
			out[i][0], rest = parseReply(tb, rest)
			out[i][1], rest = parseReply(tb, rest)
		}
		return out, rest
	default:
		return head, rest
	}
}
