package gossip

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ringcache/internal/bus"
	"ringcache/ring"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testTimeout = time.Second
	patience    = 15 * time.Second
)

type peer struct {
	t    *testing.T
	addr string
	id   ring.NodeID
	bus  *bus.Listener
	list *List
}

// freeAddr finds an address that is free for TCP and UDP.
func freeAddr(t *testing.T) string {
	t.Helper()
	for range 100 {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr := ln.Addr().String()
		_ = ln.Close()
		if udp, err := net.ListenPacket("udp", addr); err == nil {
			_ = udp.Close()
			return addr
		}
	}
	t.Fatal("no free port")
	return ""
}

func start(t *testing.T, id ring.NodeID, addr, cluster, secret string, peers ...string) *peer {
	t.Helper()
	b, err := bus.Listen(addr, bus.Identity{ClusterID: func() string { return cluster }, NodeID: string(id), Secret: []byte(secret)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	l, err := Start(Config{
		Self:      Member{ID: id, Addr: "client:7000", Bus: addr, Weight: 2, Zone: "z", Incarnation: 3},
		ClusterID: cluster, Bus: b, NodeTimeout: testTimeout,
		Peers: func() []string { return peers },
	})
	if err != nil {
		b.Close()
		t.Fatal(err)
	}
	p := &peer{t: t, addr: addr, id: id, bus: b, list: l}
	t.Cleanup(func() { p.stop(true) })
	return p
}

func (p *peer) stop(leave bool) {
	if p.list == nil {
		return
	}
	if !leave {
		p.bus.Close()
	}
	if err := p.list.Stop(leave); err != nil {
		p.t.Errorf("stopping: %v", err)
	}
	p.bus.Close()
	p.list = nil
}

func (p *peer) sees(id ring.NodeID, s State) bool {
	m, ok := p.list.Lookup(id)
	return ok && m.State == s
}

func wait(t *testing.T, what string, cond func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		if time.Since(began) > patience {
			t.Fatalf("after %v still not: %s", patience, what)
		}
		<-tick.C
	}
	return time.Since(began)
}

func trio(t *testing.T, secret string) [3]*peer {
	t.Helper()
	var p [3]*peer
	p[0] = start(t, ring.NewNodeID(), freeAddr(t), "c1", secret)
	p[1] = start(t, ring.NewNodeID(), freeAddr(t), "c1", secret, p[0].addr)
	p[2] = start(t, ring.NewNodeID(), freeAddr(t), "c1", secret, p[0].addr)
	wait(t, "all know all", func() bool {
		for _, a := range p {
			for _, b := range p {
				if !a.sees(b.id, Alive) {
					return false
				}
			}
		}
		return true
	})
	return p
}

func TestDeathIsNoticed(t *testing.T) {
	p := trio(t, "s")
	m, _ := p[0].list.Lookup(p[2].id)
	if m.Addr != "client:7000" || m.Bus != p[2].addr || m.Weight != 2 || m.Zone != "z" || m.Incarnation != 3 {
		t.Errorf("a node is described as %+v", m)
	}
	p[2].stop(false)
	took := wait(t, "the death is noticed", func() bool { return p[0].sees(p[2].id, Dead) && p[1].sees(p[2].id, Dead) })
	t.Logf("a death noticed by both others after %v", took)
	if took > 3*testTimeout {
		t.Errorf("it took %v", took)
	}
}

func TestLeavingIsToldAtOnce(t *testing.T) {
	p := trio(t, "")
	p[2].stop(true)
	took := wait(t, "the leaving is known", func() bool { return p[0].sees(p[2].id, Dead) && p[1].sees(p[2].id, Dead) })
	t.Logf("a leaving known after %v", took)
}

// TestRejoin: a node that was counted dead and is reachable again is found again by the others, who still know its address.
func TestRejoin(t *testing.T) {
	p := [2]*peer{}
	a1, a2 := freeAddr(t), freeAddr(t)
	p[0] = start(t, ring.NewNodeID(), a1, "c1", "s", a2)
	id := ring.NewNodeID()
	p[1] = start(t, id, a2, "c1", "s")
	wait(t, "they meet", func() bool { return p[0].sees(id, Alive) && p[1].sees(p[0].id, Alive) })
	p[1].stop(false)
	wait(t, "the death is noticed", func() bool { return p[0].sees(id, Dead) })
	back := start(t, id, a2, "c1", "s")
	took := wait(t, "they meet again", func() bool { return p[0].sees(id, Alive) && back.sees(p[0].id, Alive) })
	t.Logf("met again after %v", took)
}

func TestComesBackAtAnotherAddress(t *testing.T) {
	p := trio(t, "s")
	id := p[2].id
	p[2].stop(false)
	addr := freeAddr(t)
	start(t, id, addr, "c1", "s", p[0].addr)
	took := wait(t, "the new address is known", func() bool {
		m, _ := p[1].list.Lookup(id)
		return m.Bus == addr && m.State == Alive
	})
	t.Logf("new address known after %v", took)
}

func TestClustersStayApart(t *testing.T) {
	a := start(t, ring.NewNodeID(), freeAddr(t), "c1", "s")
	b := start(t, ring.NewNodeID(), freeAddr(t), "c2", "s", a.addr)
	over := time.After(testTimeout)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-over:
			return
		case <-tick.C:
			if len(a.list.Members()) != 1 || len(b.list.Members()) != 1 {
				t.Fatal("nodes of two clusters know each other")
			}
		}
	}
}

func TestMetaLimits(t *testing.T) {
	long := strings.Repeat("h", 250)
	for _, m := range []Member{{Addr: long, Bus: long, Zone: "z12345678"}, {Zone: strings.Repeat("z", 256)}, {Weight: -1}, {Weight: MaxWeight + 1}} {
		if _, err := encodeMeta(m); err == nil {
			t.Errorf("%.60s is accepted", fmt.Sprint(m))
		}
	}
}

func FuzzDecodeMeta(f *testing.F) {
	b, err := encodeMeta(Member{Addr: "h:1", Bus: "h:10001", Weight: 3, Zone: "z", Incarnation: 300})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, p []byte) {
		m, err := decodeMeta(p)
		if err != nil {
			return
		}
		b, err := encodeMeta(m)
		if err != nil {
			if len(p) < 500 { // an uvarint may be written longer than it needs; only near the limit may that matter
				t.Fatalf("%+v cannot be encoded: %v", m, err)
			}
			return
		}
		if again, err := decodeMeta(b); err != nil || again != m {
			t.Fatalf("%+v became %+v (%v)", m, again, err)
		}
	})
}
