package clustertest

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Network is a switch with a node at each port, made of Linux network namespaces: a bridge in a namespace of its own, so that no
// rules of the machine apply to it, and a pair of virtual interfaces to each node's namespace and to the machine itself, which is
// where the clients are.
//
// What a node sends goes to the hardware address that its own table of neighbours has for the destination, and these tables are
// written by the network alone. To cut a way is to write an address that nobody has: packets vanish without a word, as in a real
// network, in that direction only. That needs no packet filter in the kernel, and no tool but ip.
type Network struct {
	t      testing.TB
	name   string // of everything that the machine sees of it: begins with the process id
	prefix netip.Prefix
	hosts  []*Node
	spaces []string // namespaces, to be removed
}

const (
	maxHosts    = 10 // nodes in a network: the subnet has room for 14 addresses
	subnetBits  = 28
	nodePort    = 7000 // every node has an address of its own
	nobodysMAC  = "02:72:63:ff:ff:ff"
	spacePrefix = "rct"
)

// subnets are taken from the range for tests of network devices, which nothing else uses.
var subnets = netip.MustParsePrefix("198.18.0.0/15")

var networks atomic.Int64 // made so far by this process

// NewNetwork makes a network for nodes, removed when the test ends. Where the machine cannot have one the test is skipped; it
// fails if CI is set and a tool is missing that could be there.
func NewNetwork(t testing.TB, nodes int) *Network {
	t.Helper()
	needNetworks(t)
	if nodes > maxHosts {
		t.Fatalf("%d nodes in one network; at most %d", nodes, maxHosts)
	}
	removeLeftOvers()
	w := &Network{t: t, name: fmt.Sprintf("%s%d-%d", spacePrefix, os.Getpid(), networks.Add(1)), prefix: freeSubnet(t)}
	t.Cleanup(w.remove)
	space := w.space("s")
	w.ip("-n", space, "link", "add", "switch", "type", "bridge")
	w.ip("-n", space, "link", "set", "switch", "up")
	w.ip("link", "add", w.name, "type", "veth", "peer", "name", "machine", "netns", space)
	w.ip("addr", "add", netip.PrefixFrom(w.addr(maxHosts+1), subnetBits).String(), "dev", w.name)
	w.ip("link", "set", w.name, "up")
	w.ip("-n", space, "link", "set", "machine", "master", "switch", "up")
	for i := range nodes {
		w.addHost(space, i, nodes)
	}
	return w
}

// addHost makes the namespace of one node, with its interface and its table of neighbours.
func (w *Network) addHost(sw string, i, nodes int) {
	w.t.Helper()
	space, port := w.space(strconv.Itoa(i)), "port"+strconv.Itoa(i)
	w.ip("-n", sw, "link", "add", port, "type", "veth", "peer", "name", "eth0", "address", mac(i), "netns", space)
	w.ip("-n", sw, "link", "set", port, "master", "switch", "up")
	w.ip("-n", space, "addr", "add", netip.PrefixFrom(w.addr(i), subnetBits).String(), "dev", "eth0")
	w.ip("-n", space, "link", "set", "lo", "up")
	w.ip("-n", space, "link", "set", "eth0", "up")
	w.hosts = append(w.hosts, nil)
	for j := range nodes {
		if j != i {
			w.neighbour(i, j, mac(j))
		}
	}
}

// NewNode prepares the next node of the network, with a directory of its own; Start runs it.
func (w *Network) NewNode(args ...string) *Node {
	w.t.Helper()
	for i, n := range w.hosts {
		if n != nil {
			continue
		}
		addr := w.addr(i).String()
		w.hosts[i] = prepare(w.t, &Node{
			t: w.t, Port: nodePort, Dir: filepath.Join(w.t.TempDir(), "node"), host: addr, launch: []string{"ip", "netns", "exec", w.spaceOf(i)},
			args: append([]string{"--bind", addr, "--cluster-secret", "of the test"}, args...),
		})
		return w.hosts[i]
	}
	w.t.Fatalf("a network for %d nodes is full", len(w.hosts))
	return nil
}

// StartApart starts a cluster like Start, each node in a network namespace of its own.
func StartApart(t testing.TB, opt Options) (*Cluster, *Network) {
	t.Helper()
	if opt.Nodes == 0 {
		opt.Nodes = 3
	}
	w := NewNetwork(t, opt.Nodes)
	c := &Cluster{t: t}
	for range opt.Nodes {
		args := opt.Args
		if len(c.Nodes) > 0 {
			args = append([]string{"--join", c.Nodes[0].Addr()}, args...)
		}
		n := w.NewNode(args...)
		c.Nodes = append(c.Nodes, n)
		n.Start()
	}
	c.WaitReady()
	return c, w
}

// CutOneWay has what from sends never arrive at to.
func (w *Network) CutOneWay(from, to *Node) {
	w.t.Helper()
	w.neighbour(w.index(from), w.index(to), nobodysMAC)
}

// Cut cuts two nodes from each other.
func (w *Network) Cut(a, b *Node) {
	w.t.Helper()
	w.CutOneWay(a, b)
	w.CutOneWay(b, a)
}

// Isolate cuts a node from all other nodes, both ways. Clients reach it as before.
func (w *Network) Isolate(n *Node) {
	w.t.Helper()
	for _, m := range w.hosts {
		if m != nil && m != n {
			w.Cut(n, m)
		}
	}
}

// Unplug takes a node's link down: nodes and clients are cut from it.
func (w *Network) Unplug(n *Node) {
	w.t.Helper()
	w.link(n, "down")
}

// Heal undoes every cut.
func (w *Network) Heal() {
	w.t.Helper()
	for i, n := range w.hosts {
		if n == nil {
			continue
		}
		w.link(n, "up")
		for j := range w.hosts {
			if j != i {
				w.neighbour(i, j, mac(j))
			}
		}
	}
}

// Delay has everything that a node sends arrive so much later; 0 ends it. The test is skipped where the kernel cannot delay.
func (w *Network) Delay(n *Node, d time.Duration) {
	w.t.Helper()
	if why := noTool(w.t, "tc"); why != "" {
		w.t.Skip(why)
	}
	space := w.spaceOf(w.index(n))
	if d == 0 {
		w.run("tc", "-n", space, "qdisc", "del", "dev", "eth0", "root")
		return
	}
	args := []string{"-n", space, "qdisc", "replace", "dev", "eth0", "root", "netem", "delay", strconv.FormatInt(d.Microseconds(), 10) + "us"}
	if out, err := exec.Command("tc", args...).CombinedOutput(); err != nil {
		if strings.Contains(string(out), "qdisc kind is unknown") {
			w.t.Skip("this kernel has no netem, which delays packets")
		}
		w.t.Fatalf("tc %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// link sets a node's port at the switch, which is what pulling the cable does: its addresses and neighbours stay.
func (w *Network) link(n *Node, state string) {
	w.ip("-n", w.name+"s", "link", "set", "port"+strconv.Itoa(w.index(n)), state)
}

func (w *Network) neighbour(at, of int, address string) {
	w.ip("-n", w.spaceOf(at), "neigh", "replace", w.addr(of).String(), "lladdr", address, "nud", "permanent", "dev", "eth0")
}

func (w *Network) index(n *Node) int {
	for i, m := range w.hosts {
		if m == n {
			return i
		}
	}
	w.t.Fatal("this node is not in the network")
	return 0
}

// addr is the i-th address of the subnet.
func (w *Network) addr(i int) netip.Addr {
	a := w.prefix.Addr()
	for range i + 1 {
		a = a.Next()
	}
	return a
}

// mac is a node's hardware address. It need be unique at its own switch only.
func mac(i int) string { return fmt.Sprintf("02:72:63:00:00:%02x", i) }

func (w *Network) spaceOf(i int) string { return w.name + strconv.Itoa(i) }

func (w *Network) space(suffix string) string {
	w.t.Helper()
	name := w.name + suffix
	w.ip("netns", "add", name)
	w.spaces = append(w.spaces, name)
	return name
}

func (w *Network) ip(args ...string) {
	w.t.Helper()
	w.run("ip", args...)
}

func (w *Network) run(name string, args ...string) {
	w.t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		w.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// remove takes everything away; the nodes have been killed before.
func (w *Network) remove() {
	// The pair's end goes with it. It is not there when making it has failed.
	_ = exec.Command("ip", "link", "del", w.name).Run()
	for _, space := range w.spaces {
		if out, err := exec.Command("ip", "netns", "del", space).CombinedOutput(); err != nil {
			w.t.Errorf("remove the namespace %s: %v\n%s", space, err, out)
		}
	}
}

// removeLeftOvers removes the networks of processes that are gone: a test that is killed cannot clean up after itself.
func removeLeftOvers() {
	out, err := exec.Command("ip", "netns", "list").Output()
	if err != nil {
		return
	}
	for line := range strings.Lines(string(out)) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		rest, ours := strings.CutPrefix(name, spacePrefix)
		number, _, dash := strings.Cut(rest, "-")
		pid, err := strconv.Atoi(number)
		if ours && dash && err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			_ = exec.Command("ip", "link", "del", name[:len(name)-1]).Run() // the first of its namespaces takes it along
			_ = exec.Command("ip", "netns", "del", name).Run()              // another process may do the same just now
		}
	}
}

// freeSubnet finds a subnet that no interface of the machine has. Processes begin their search at different places.
func freeSubnet(t testing.TB) netip.Prefix {
	t.Helper()
	used, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	const count = 1 << (subnetBits - 15)
	base := subnets.Addr().As4()
	for i := range count {
		n := uint32(base[0])<<24 | uint32(base[1])<<16 + uint32((os.Getpid()+i)%count)<<(32-subnetBits)
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}), subnetBits)
		if !overlaps(p, used) {
			return p
		}
	}
	t.Fatalf("no free subnet in %v", subnets)
	return netip.Prefix{}
}

func overlaps(p netip.Prefix, used []net.Addr) bool {
	for _, a := range used {
		if q, err := netip.ParsePrefix(a.String()); err == nil && q.Overlaps(p) {
			return true
		}
	}
	return false
}

// needNetworks skips the test where there can be no networks.
func needNetworks(t testing.TB) {
	t.Helper()
	if why := noNetworks(t); why != "" {
		t.Skip(why)
	}
}

// noNetworks says why this machine can have no networks, or "". If CI is set, and a tool is missing that could be there, the test fails.
func noNetworks(t testing.TB) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		return "network namespaces are of Linux"
	}
	if os.Geteuid() != 0 {
		return "network namespaces need root"
	}
	if why := noTool(t, "ip"); why != "" {
		return why
	}
	// What a container forbids, installing nothing helps.
	probe := fmt.Sprintf("%s%d-probe", spacePrefix, os.Getpid())
	if out, err := exec.Command("ip", "netns", "add", probe).CombinedOutput(); err != nil {
		return fmt.Sprintf("no network namespaces on this machine: %v: %s", err, out)
	}
	if out, err := exec.Command("ip", "netns", "del", probe).CombinedOutput(); err != nil {
		t.Fatalf("ip netns del: %v: %s", err, out)
	}
	return ""
}

// noTool says that a tool of iproute2 is missing, or nothing. The test fails then if CI is set.
func noTool(t testing.TB, name string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err == nil {
		return ""
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed, and CI is set: it is in the package iproute2", name)
	}
	return name + " is not installed: on Debian, apt-get install iproute2"
}
