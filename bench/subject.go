package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"ringcache/client"
)

// The names of what can be measured.
const (
	subjectRedis   = "redis-server"
	subjectNode    = "ringcache-1"         // one node
	subjectCluster = "ringcache-3-proxied" // three nodes, every request through the first of them
)

var allSubjects = []string{subjectRedis, subjectNode, subjectCluster}

// Bounds of starting and stopping what is measured.
const (
	startTimeout = 60 * time.Second
	stopTimeout  = 10 * time.Second
	pollEvery    = 50 * time.Millisecond
)

// subject is one server, or one cluster, under load.
type subject struct {
	name  string
	port  int // clients go here
	procs []*exec.Cmd
}

// startSubjects starts everything that o asks for; stop ends it, also after an error.
func startSubjects(ctx context.Context, o *options) (subjects []*subject, stop func(), err error) {
	dir, err := os.MkdirTemp("", "ringcache-bench-")
	if err != nil {
		return nil, func() {}, err
	}
	stop = func() {
		for _, s := range subjects {
			s.stop()
		}
		os.RemoveAll(dir)
	}
	if _, err := exec.LookPath("redis-benchmark"); err != nil {
		return nil, stop, fmt.Errorf("%w (Debian: apt-get install redis-tools)", err)
	}
	if err := buildCached(ctx, dir, o.subjects); err != nil {
		return nil, stop, err
	}
	for _, name := range o.subjects {
		s, err := startSubject(ctx, dir, name, o.threads)
		if errors.Is(err, errMissing) {
			fmt.Fprintln(os.Stderr, "bench: left out:", err)
			continue
		}
		if err != nil {
			return subjects, stop, err
		}
		subjects = append(subjects, s)
	}
	return subjects, stop, nil
}

// buildCached builds this tree's cached into dir, if one of the subjects needs it.
func buildCached(ctx context.Context, dir string, subjects []string) error {
	if !slices.Contains(subjects, subjectNode) && !slices.Contains(subjects, subjectCluster) {
		return nil
	}
	out, err := exec.CommandContext(ctx, "go", "build", "-o", dir, "ringcache/cmd/cached").CombinedOutput()
	if err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// errMissing is wrapped by what says that a program to compare with is not installed.
var errMissing = errors.New("missing")

// startSubject starts one subject, whose files go to dir. After an error nothing of it runs.
func startSubject(ctx context.Context, dir, name string, threads int) (*subject, error) {
	s := &subject{name: name}
	var err error
	switch {
	case name == subjectRedis:
		if _, err := exec.LookPath("redis-server"); err != nil {
			return nil, fmt.Errorf("%w: redis-server (Debian: apt-get install redis-server)", errMissing)
		}
		err = s.startRedis(ctx, dir)
	case name == subjectNode:
		err = s.startRingcache(ctx, dir, filepath.Join(dir, "cached"), 1, threads)
	case name == subjectCluster:
		err = s.startRingcache(ctx, dir, filepath.Join(dir, "cached"), 3, threads)
	case strings.ContainsRune(name, filepath.Separator):
		err = s.startRingcache(ctx, dir, name, 1, threads)
	default:
		err = fmt.Errorf("there are %s, and paths of cached", strings.Join(allSubjects, ", "))
	}
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return s, nil
}

func (s *subject) startRedis(ctx context.Context, dir string) error {
	s.port = freePorts(1)[0]
	if err := s.start(dir, "redis-server", "--port", strconv.Itoa(s.port), "--save", "", "--appendonly", "no", "--dir", dir); err != nil {
		return err
	}
	return s.await(ctx, s.port, func(c *client.Conn) error {
		_, err := c.Do(ctx, "PING")
		return err
	})
}

// startRingcache starts a cluster of the program cached.
func (s *subject) startRingcache(ctx context.Context, dir, cached string, nodes, threads int) error {
	ports := freePorts(nodes)
	s.port = ports[0]
	for i, port := range ports {
		args := []string{"--port", strconv.Itoa(port), "--dir", filepath.Join(dir, strconv.Itoa(port))}
		if threads > 0 {
			args = append(args, "--threads", strconv.Itoa(threads))
		}
		if i > 0 {
			args = append(args, "--join", addr(ports[0]))
		}
		if err := s.start(dir, cached, args...); err != nil {
			return err
		}
	}
	for _, port := range ports {
		if err := s.await(ctx, port, func(c *client.Conn) error { return ready(ctx, c, nodes) }); err != nil {
			return err
		}
	}
	return nil
}

// ready reports an error until the slots are spread over that many nodes.
func ready(ctx context.Context, c *client.Conn, nodes int) error {
	st, err := c.Status(ctx)
	if err != nil {
		return err
	}
	if len(st.Nodes) != nodes || st.Slots.Unserved+st.Slots.Migrating > 0 {
		return errors.New("not spread yet")
	}
	for _, n := range st.Nodes {
		if n.State != "up" || n.PrimarySlots < 16384/nodes*9/10 {
			return errors.New("not spread yet")
		}
	}
	return nil
}

func (s *subject) start(dir, path string, args ...string) error {
	cmd := exec.Command(path, args...)
	log, err := os.Create(filepath.Join(dir, fmt.Sprintf("%d-%d.log", s.port, len(s.procs))))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	s.procs = append(s.procs, cmd)
	return nil
}

// await asks the server on port until ok answers no error.
func (s *subject) await(ctx context.Context, port int, ok func(*client.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		c, err := client.Dial(ctx, addr(port), client.Options{})
		if err == nil {
			err = ok(c)
			c.Close()
			if err == nil {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not ready on port %d: %w", port, err)
		case <-tick.C:
		}
	}
}

// stop ends the subject's processes. It may be called again.
func (s *subject) stop() {
	for _, cmd := range s.procs {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	}
	for _, cmd := range s.procs {
		timer := time.AfterFunc(stopTimeout, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait() // it was told to end: its status says no more
		timer.Stop()
	}
	s.procs = nil
}

func addr(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// freePorts finds n ports that are free now, whose bus ports (10000 above) are free as well.
func freePorts(n int) []int {
	var ports []int
	for len(ports) < n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			continue
		}
		port := l.Addr().(*net.TCPAddr).Port
		l.Close()
		if port > 55535 || slices.Contains(ports, port) {
			continue
		}
		if l, err := net.Listen("tcp", addr(port+10000)); err == nil {
			l.Close()
			ports = append(ports, port)
		}
	}
	return ports
}
