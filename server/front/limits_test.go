//go:build linux && !front_portable

package front

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const portable = false

// childMain runs the part of a test that needs a process of its own, and says whether this is one.
func childMain() bool {
	if os.Getenv("FRONT_TEST_CHILD") != "descriptors" {
		return false
	}
	if err := descriptorsChild(); err != nil {
		fmt.Println("child:", err)
		os.Exit(1)
	}
	fmt.Println("child: fine")
	return true
}

// TestDescriptorsRunOut runs a server out of descriptors, in a process of its own.
func TestDescriptorsRunOut(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "FRONT_TEST_CHILD=descriptors")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "child: fine") {
		t.Errorf("%v\n%s", err, out)
	}
}

func descriptorsChild() error {
	const limit, clients = 100, 60 // both ends are in this process
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
		return err
	}
	var logged lockedBuffer
	g, err := New(Options{
		Loops: 2, Logger: slog.New(slog.NewTextHandler(&logged, nil)), NewConn: always(&funcs{data: echo}),
	})
	if err != nil {
		return err
	}
	defer g.Close()
	addr, err := g.ListenTCP("127.0.0.1:0")
	if err != nil {
		return err
	}
	spare, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer spare.Close()
	var conns []net.Conn
	for range clients {
		nc, err := net.Dial("tcp", addr.String())
		if err != nil {
			// It may be a client that found none left, with all before it accepted. One more client takes the spare
			// descriptor, and its other end has none.
			spare.Close()
			if nc, err = net.Dial("tcp", addr.String()); err == nil {
				conns = append(conns, nc)
			}
			break
		}
		conns = append(conns, nc)
	}
	for deadline := time.Now().Add(patience); !strings.Contains(logged.String(), "too many open files"); {
		if time.Now().After(deadline) {
			return fmt.Errorf("no word about descriptors; %d clients", len(conns))
		}
		time.Sleep(time.Millisecond)
	}
	before := cpuTime()
	time.Sleep(2 * time.Second) // what is measured is this time
	if used := cpuTime() - before; used > 200*time.Millisecond {
		return fmt.Errorf("used %v of CPU in two seconds of waiting for descriptors", used)
	}
	if n := strings.Count(logged.String(), "\n"); n > 4 {
		return fmt.Errorf("%d lines logged within three seconds:\n%s", n, logged.String())
	}
	// Once half of them are gone, those that waited in the backlog are served.
	last := conns[len(conns)-1]
	for _, nc := range conns[:len(conns)/2] {
		nc.Close()
	}
	last.SetDeadline(time.Now().Add(patience))
	buf := make([]byte, 4)
	if _, err := last.Write([]byte("ping")); err != nil {
		return err
	}
	if _, err := last.Read(buf); err != nil || string(buf) != "ping" {
		return fmt.Errorf("the last client read %q, %v", buf, err)
	}
	return nil
}

func cpuTime() time.Duration {
	var ru syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &ru)
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}

type lockedBuffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestIdleMemory measures what an idle connection costs, after it was used once. The clients are bare descriptors, so
// they add nothing to the heap.
func TestIdleMemory(t *testing.T) {
	clients := 10_000
	var rl syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &rl); err != nil {
		t.Fatal(err)
	}
	clients = min(clients, int(rl.Cur)/2-100)
	h := &funcs{data: echo}
	g, addr := start(t, Options{NewConn: always(h)})
	to := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(addr))
	fds := make([]int, 0, clients)
	defer func() {
		for _, fd := range fds {
			unix.Close(fd)
		}
	}()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	sa := &unix.SockaddrInet4{Port: to.Port, Addr: [4]byte{127, 0, 0, 1}}
	buf := make([]byte, 16)
	for range clients {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		fds = append(fds, fd)
		if err := unix.Connect(fd, sa); err != nil {
			t.Fatal(err)
		}
		unix.Write(fd, []byte("ping"))
		if n, err := unix.Read(fd, buf); err != nil || string(buf[:n]) != "ping" {
			t.Fatalf("read %q, %v", buf[:n], err)
		}
	}
	total := 0
	for _, l := range g.Loops() {
		on(t, l, func() { total += l.Conns() })
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / int64(clients)
	t.Logf("%d idle connections: %d bytes of heap each (Conn %d), %d bytes of stacks more",
		total, each, unsafe.Sizeof(Conn{}), int64(after.StackInuse)-int64(before.StackInuse))
	if total != clients || each > 400 {
		t.Errorf("%d connections, %d bytes each, want %d and at most 400", total, each, clients)
	}
}

// TestNoAllocation: serving a request allocates nothing.
func TestNoAllocation(t *testing.T) {
	_, addr := start(t, Options{Loops: 1, NewConn: always(&funcs{data: echo})})
	nc := dial(t, addr)
	msg, buf := []byte("ping"), make([]byte, 4)
	round := func() {
		nc.Write(msg)
		nc.Read(buf)
	}
	if n := testing.AllocsPerRun(5000, round); n >= 0.5 {
		t.Errorf("%v allocations per round trip", n)
	}
}
