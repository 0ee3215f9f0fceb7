package clustertest

import (
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
)

// Nodes' ports are below those that systems give to outgoing connections (from 32768 on Linux, from 49152 elsewhere), and so are
// the bus ports 10000 above: a node that is restarted must find its port free, however many connections were made meanwhile.
const (
	lowestPort  = 12_000
	highestPort = 22_700
	portTries   = 500 // random ports to look at
)

// FreePort finds a port whose bus port (10000 above) is free as well, TCP and UDP.
func FreePort(t testing.TB) int {
	t.Helper()
	for range portTries {
		port := lowestPort + rand.IntN(highestPort-lowestPort)
		if isFree("tcp", port) && isFree("tcp", port+10000) && isFree("udp", port+10000) && reserve(port) {
			return port
		}
	}
	t.Fatal("no free pair of ports")
	return 0
}

func isFree(network string, port int) bool {
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	if network == "udp" {
		c, err := net.ListenPacket(network, addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	}
	l, err := net.Listen(network, addr)
	if err == nil {
		l.Close()
	}
	return err == nil
}

var given struct {
	sync.Mutex // guards ports
	ports      map[int]bool
}

// reserve reports whether this process has not given the port to another node yet.
func reserve(port int) bool {
	given.Lock()
	defer given.Unlock()
	if given.ports == nil {
		given.ports = make(map[int]bool)
	}
	if given.ports[port] {
		return false
	}
	given.ports[port] = true
	return true
}
