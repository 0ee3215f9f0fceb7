package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"

	"ringcache/client"
	"ringcache/internal/config"
)

const (
	lastLines     = 5               // of a dead node's log, repeated with the report of its death
	maxLogLine    = 64 << 10        // bytes of a node's log line; the rest goes on the next
	statusTimeout = 2 * time.Second // for a node to say how the cluster is
	pipeDelay     = time.Second     // for output that still is in the pipe when a node has ended
)

// child is a node that runs as a child of this process.
type child struct {
	port     string
	dir      string
	fresh    bool // the directory was empty
	args     []string
	settings config.Config
	log      *prefixLog

	cmd    *exec.Cmd
	output *lineWriter
	done   chan struct{} // nil until started; closed when it has ended, after err is set
	err    error
}

// addr is where this process reaches the node as a client.
func (n *child) addr() string {
	host, _, err := net.SplitHostPort(n.settings.ListenAddrs()[0])
	if err != nil || host == "" || host == "0.0.0.0" || host == "::" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, n.port)
}

// start runs exe as the node. deaths gets the child when it has ended.
//
// On Linux the node dies with this process, however that ends: the kernel signals it when the *thread* that started it ends.
// So a goroutine that keeps a thread to itself starts it, and stays until the end.
func (n *child) start(exe string, join []string, deaths chan<- *child) error {
	if err := os.MkdirAll(n.dir, 0o700); err != nil {
		return err
	}
	n.output = &lineWriter{prefix: n.port, log: n.log}
	n.cmd = exec.Command(exe, append(n.args, "--join="+strings.Join(join, ","))...)
	n.cmd.Stdout, n.cmd.Stderr = n.output, n.output
	n.cmd.SysProcAttr = childAttr()
	n.cmd.WaitDelay = pipeDelay
	n.done = make(chan struct{})
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(n.done)
		err := n.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		n.err = n.cmd.Wait()
		n.output.flush()
		deaths <- n // has room for every child
	}()
	return <-started
}

// signal sends s to the node if it runs, and says whether it does.
func (n *child) signal(s os.Signal) bool {
	if n.done == nil || n.cmd.Process == nil {
		return false
	}
	select {
	case <-n.done:
		return false
	default:
		return n.cmd.Process.Signal(s) == nil
	}
}

// status asks the node how the cluster is.
func (n *child) status(ctx context.Context) (*client.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	c, err := client.Dial(ctx, n.addr(), client.Options{Password: n.settings.RequirePass})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.Status(ctx)
}

// obituary says how an ended node ended, with its last words.
func (n *child) obituary() error {
	how := "ended"
	if n.err != nil {
		how += ": " + n.err.Error()
	}
	if last := n.output.lastWords(); last != "" {
		how += "; its last lines: " + last
	}
	return fmt.Errorf("node %s %s", n.port, how)
}

// prefixLog writes whole lines of several nodes, each after its node's name.
type prefixLog struct {
	mu sync.Mutex // one line at a time; taken while a lineWriter's is held
	w  io.Writer
}

func (l *prefixLog) line(prefix, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.w, "%s | %s\n", prefix, text)
}

// lineWriter cuts a node's output into lines for the log, and keeps the last ones.
type lineWriter struct {
	prefix string
	log    *prefixLog

	mu   sync.Mutex // guards what follows
	part []byte     // a line that has not ended
	last []string
}

// Write takes any piece of output. It never fails: a node must not stop over its log.
func (w *lineWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.part = append(w.part, p...)
	for {
		end := bytes.IndexByte(w.part, '\n')
		next := end + 1
		if end < 0 {
			if len(w.part) < maxLogLine {
				return len(p), nil
			}
			end, next = maxLogLine, maxLogLine
		}
		w.emit(string(w.part[:end]))
		w.part = append(w.part[:0], w.part[next:]...)
	}
}

// emit logs a line and keeps it. The lock is held.
func (w *lineWriter) emit(line string) {
	w.log.line(w.prefix, line)
	if len(w.last) == lastLines {
		w.last = w.last[1:]
	}
	w.last = append(w.last, line)
}

// flush ends a last line without an end.
func (w *lineWriter) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.part) > 0 {
		w.emit(string(w.part))
		w.part = nil
	}
}

// lastWords are the last lines, on one.
func (w *lineWriter) lastWords() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.last, " / ")
}
