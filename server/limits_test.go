package server

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestCutOffClientRunsNoMore(t *testing.T) {
	settings := testSettings
	settings.OutputHard = 1 << 20
	nd := startSome(t, 1, 1, 1, settings)[0]
	c := nd.client(t)
	c.send(encode("SET", "big", strings.Repeat("x", 1<<20)))
	c.wantReply("+OK|")
	c.send(strings.Repeat(cmd("GET big"), 100), cmd("SET after 1"))
	waitFor(t, "the client to be cut off", func() bool { return nd.clients.Load() == 0 })
	d := nd.client(t)
	d.want("EXISTS after", ":0|")
}

func TestOutputSoftLimit(t *testing.T) {
	settings := testSettings
	settings.OutputHard, settings.OutputSoft, settings.OutputSoftFor = 0, 1<<20, 50*time.Millisecond
	nd := startSome(t, 1, 1, 1, settings)[0]
	c := nd.client(t)
	c.send(encode("SET", "big", strings.Repeat("x", 32<<20)))
	c.wantReply("+OK|")
	c.send(cmd("GET big"))
	waitFor(t, "the client to be cut off", func() bool { return nd.clients.Load() == 0 })
}

func TestIdleTimeout(t *testing.T) {
	settings := testSettings
	settings.Timeout = 50 * time.Millisecond
	nd := startSome(t, 1, 1, 1, settings)[0]
	c := nd.client(t)
	c.want("PING", "+PONG|")
	c.wantEnd()
	waitFor(t, "the session to end", func() bool { return nd.clients.Load() == 0 })
}

func TestMaxClients(t *testing.T) {
	settings := testSettings
	settings.MaxClients = 2
	nd := startSome(t, 1, 1, 2, settings)[0]
	for range 3 {
		a, b := nd.client(t), nd.client(t)
		a.want("PING", "+PONG|")
		b.want("PING", "+PONG|")
		for range 3 {
			c := nd.client(t)
			c.wantReply("-ERR max number of clients reached|")
			c.wantEnd()
		}
		a.want("PING", "+PONG|")
		a.want("QUIT", "+OK|")
		b.nc.Close()
		waitFor(t, "the clients to be gone", func() bool { return nd.clients.Load() == 0 })
	}
	if got := nd.sum(cRejected); got != 9 {
		t.Errorf("%d rejected, want 9", got)
	}
}

func TestClientListAndKill(t *testing.T) {
	nd, links, nodes := played(t, testSettings)
	peer := awaitLink(t, nd, links, nodes[1])
	a, b, c := nd.client(t), nd.client(t), nd.client(t)
	for i, x := range []*tclient{a, b, c} {
		x.want(fmt.Sprintf("CLIENT SETNAME c%d", i), "+OK|")
	}
	a.want("CLIENT NO-EVICT ON", "+OK|")
	list := a.do("CLIENT LIST")
	for _, want := range []string{"name=c0", "name=c1", "name=c2", "cmd=client|list", " flags=e ", "laddr=" + nd.addr} {
		if !strings.Contains(list, want) {
			t.Errorf("CLIENT LIST has no %q: %s", want, list)
		}
	}
	id := strings.TrimSuffix(strings.TrimPrefix(b.do("CLIENT ID"), ":"), "|")
	if got := a.do("CLIENT LIST ID " + id + " 999"); strings.Count(got, " name=") != 1 || !strings.Contains(got, " name=c1 ") {
		t.Errorf("CLIENT LIST ID: %q", got)
	}

	// b waits for a reply, c is parked; both are killed while they do.
	far := keyOn(1, 2, "far")
	b.send(cmd("GET "+far), cmd("DBSIZE"))
	h := peer.expect("GET " + far)
	waitFor(t, "b to be parked", func() bool { return nd.sum(cParked) == 1 })
	a.want("CLIENT KILL ID "+id, ":1|")
	b.wantEnd()
	peer.answer(h.ID, ":1\r\n") // to nobody
	waitFor(t, "the parked session to be forgotten", func() bool { return nd.sum(cParked) == 0 })
	a.want("CLIENT KILL ID "+id, ":0|")
	a.want("CLIENT KILL 1.2.3.4:5", "-ERR No such client|")
	a.want("CLIENT KILL TYPE normal", ":1|") // all but itself
	c.wantEnd()
	a.send(cmd("CLIENT KILL SKIPME no"), cmd("PING"))
	a.wantReply(":1|")
	a.wantEnd()
	waitFor(t, "all to be gone", func() bool { return nd.clients.Load() == 0 })
}

func TestAuthInAPipeline(t *testing.T) {
	settings := testSettings
	settings.RequirePass = "secret"
	nd := startSome(t, 1, 1, 1, settings)[0]
	c := nd.client(t)
	c.send(cmd("GET k"), cmd("PING"), cmd("AUTH wrong"), cmd("AUTH secret"), cmd("SET k v"), cmd("RESET"), cmd("GET k"))
	for _, want := range []string{
		"-NOAUTH Authentication required.|", "-NOAUTH Authentication required.|", "-WRONGPASS invalid username-password pair or user is disabled.|",
		"+OK|", "+OK|", "+RESET|", "-NOAUTH Authentication required.|",
	} {
		c.wantReply(want)
	}
}

func TestSlowCommandsLeaveTheLoopFree(t *testing.T) {
	nd := startNodes(t, 1, 1)[0]
	a, b := nd.client(t), nd.client(t)
	a.send(cmd("DEBUG SLEEP 5"), cmd("PING after"))
	waitFor(t, "the sleep to begin", func() bool { return nd.slowTasks.Load() == 1 })
	began := time.Now()
	for range 100 {
		b.want("PING", "+PONG|")
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("others waited %v", took)
	}
	a.nc.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	if b, err := a.rd.ReadByte(); err == nil {
		t.Errorf("%q overtook a slow command", b)
	}
	if list := b.do("CLIENT LIST"); !strings.Contains(list, "cmd=debug|sleep") {
		t.Errorf("the sleeping client is not listed: %s", list)
	}
}

func TestManySlowCommands(t *testing.T) {
	nd := startNodes(t, 1, 2)[0]
	var all []*tclient
	for range 2 * maxSlowTasks {
		c := nd.client(t)
		c.send(cmd("DEBUG SLEEP 0.05"), cmd("PING"))
		all = append(all, c)
	}
	for _, c := range all {
		c.wantReply("+OK|")
		c.wantReply("+PONG|")
	}
	waitFor(t, "the tasks to end", func() bool { return nd.slowTasks.Load() == 0 })
}
