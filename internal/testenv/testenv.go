// Package testenv gives tests the programs that they run beside themselves, above all a real redis-server to compare with.
// A program that is missing skips the test on a laptop and fails it where CI is set: a check that silently does nothing is
// worse than none.
package testenv

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	startTimeout = 10 * time.Second      // for redis-server to answer PING: it takes about 20 ms, more on a machine under load
	stopTimeout  = 5 * time.Second       // for it to end on SIGTERM, before it is killed
	pollInterval = 10 * time.Millisecond // between two looks at whether it answers
	starts       = 3                     // attempts, as another process may take the free port first
)

// Tool is the path of a program on this machine. Where it is missing the test is skipped, or fails if CI is set.
func Tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
	case os.Getenv("CI") != "":
		t.Fatalf("%s is not installed, and CI is set", name)
	default:
		t.Skipf("%s is not installed: on Debian, apt-get install redis-server redis-tools", name)
	}
	return path
}

// RedisServer starts a redis-server for the test on a free port of 127.0.0.1, keeping nothing on disk, and answers its
// address (host:port). It is stopped when the test ends. args are added to its command line, such as "--maxmemory", "1mb".
func RedisServer(t testing.TB, args ...string) (addr string) {
	t.Helper()
	path := Tool(t, "redis-server")
	var err error
	for range starts {
		if addr, err = startRedis(t, path, args); err == nil {
			return addr
		}
	}
	t.Fatalf("redis-server: %v", err)
	return ""
}

func startRedis(t testing.TB, path string, args []string) (string, error) {
	t.Helper()
	addr, err := freeAddr()
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", err
	}
	base := []string{"--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir(), "--daemonize", "no"}
	p, err := start(exec.Command(path, append(base, args...)...))
	if err != nil {
		return "", err
	}
	if err := p.answers(addr); err != nil {
		p.stop()
		return "", fmt.Errorf("%w; its output:\n%s", err, p.output.String())
	}
	t.Cleanup(p.stop)
	return addr, nil
}

// freeAddr is an address of 127.0.0.1 that nothing listens on at this moment.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// process is a child of the test.
type process struct {
	cmd    *exec.Cmd
	output lockedBuffer
	done   chan struct{} // closed when the child has ended
}

// start runs cmd. The child dies with the test, as far as the system can tell it: on Linux the kernel sends it a signal when
// the *thread* that started it ends, so a goroutine that keeps its thread to itself starts it and waits for its end.
func start(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = &p.output, &p.output, dieWithParent()
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // its exit status is of no interest: it was told to end
			close(p.done)
		}
	}()
	return p, <-started
}

// answers waits until PING gets a reply.
func (p *process) answers(addr string) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	deadline := time.After(startTimeout)
	for {
		if ping(addr) == nil {
			return nil
		}
		select {
		case <-p.done:
			return errors.New("it ended at once")
		case <-deadline:
			return fmt.Errorf("no answer at %s within %s", addr, startTimeout)
		case <-tick.C:
		}
	}
}

func ping(addr string) error {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	if _, err := c.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err == nil && !strings.HasPrefix(line, "+PONG") && !strings.HasPrefix(line, "-NOAUTH") {
		return fmt.Errorf("PING is answered %q", line)
	}
	return err
}

// stop ends the child and waits for it.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	select {
	case <-p.done:
	case <-time.After(stopTimeout):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// lockedBuffer is a bytes.Buffer for a writer and a reader at a time.
type lockedBuffer struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

// Write appends p.
func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// String is what was written so far.
func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
