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
	subjectRedis        = "redis-server"
	subjectRedisCluster = "redis-cluster"       // three primaries and three replicas; clients know the slots
	subjectNode         = "ringcache-1"         // one node
	subjectCluster      = "ringcache-3-proxied" // three nodes with a replica each, every request through the first of them
	subjectAware        = "ringcache-3-aware"   // the same, and clients know the slots
	acksPrimary         = "@primary"            // behind the name of a cluster: its replies wait for no replica
)

// allSubjects are those that are measured unless flags say otherwise; the first is what the others are compared with.
var allSubjects = []string{subjectRedis, subjectNode, subjectCluster}

// knownSubjects are all names.
var knownSubjects = append(slices.Clone(allSubjects), subjectAware, subjectCluster+acksPrimary, subjectAware+acksPrimary, subjectRedisCluster)

// Bounds of starting and stopping what is measured.
const (
	startTimeout = 60 * time.Second
	stopTimeout  = 10 * time.Second
	pollEvery    = 50 * time.Millisecond
)

// subject is one server, or one cluster, under load.
type subject struct {
	name  string
	port  int  // clients go here
	aware bool // clients know the slots: redis-benchmark --cluster
	ports []int
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
	if !slices.ContainsFunc(subjects, func(s string) bool { return strings.HasPrefix(s, "ringcache-") }) {
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
	here := filepath.Join(dir, "cached")
	kind, primary := strings.CutSuffix(name, acksPrimary)
	flags := threadFlags(threads)
	if primary {
		flags = append(flags, "--acks", "primary")
	}
	var err error
	switch {
	case strings.ContainsRune(name, filepath.Separator):
		err = s.startRingcache(ctx, dir, name, 1, flags)
	case !slices.Contains(knownSubjects, name):
		err = fmt.Errorf("there are %s, and paths of cached (%w)", strings.Join(knownSubjects, ", "), errUsage)
	case kind == subjectRedis:
		err = s.startRedis(ctx, dir)
	case kind == subjectRedisCluster:
		s.aware = true
		err = s.startRedisCluster(ctx, dir)
	case kind == subjectNode:
		err = s.startRingcache(ctx, dir, here, 1, flags)
	default:
		s.aware = kind == subjectAware
		err = s.startRingcache(ctx, dir, here, 3, flags)
	}
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return s, nil
}

// single reports whether a subject is one process.
func single(name string) bool {
	return name == subjectRedis || name == subjectNode || strings.ContainsRune(name, filepath.Separator)
}

// threadFlags are the flags of a node for that many threads; 0 = its default.
func threadFlags(threads int) []string {
	if threads == 0 {
		return nil
	}
	return []string{"--threads", strconv.Itoa(threads)}
}

// lookFor finds out whether a program of Debian's package redis-server is installed.
func lookFor(program, debian string) error {
	if _, err := exec.LookPath(program); err != nil {
		return fmt.Errorf("%w: %s (Debian: apt-get install %s)", errMissing, program, debian)
	}
	return nil
}

// ping reports whether a server answers.
func ping(ctx context.Context) func(c *client.Conn) error {
	return func(c *client.Conn) error {
		_, err := c.Do(ctx, "PING")
		return err
	}
}

// startRedis starts one redis-server, with further arguments.
func (s *subject) startRedis(ctx context.Context, dir string, more ...string) error {
	if err := lookFor("redis-server", "redis-server"); err != nil {
		return err
	}
	port := freePorts(1)[0]
	if s.port == 0 {
		s.port = port
	}
	args := append([]string{"--port", strconv.Itoa(port), "--save", "", "--appendonly", "no", "--dir", dir}, more...)
	if err := s.start(dir, "redis-server", args...); err != nil {
		return err
	}
	s.ports = append(s.ports, port)
	return s.await(ctx, port, ping(ctx))
}

// redisClusterNodes are three primaries and a replica each.
const redisClusterNodes = 6

// startRedisCluster starts a Redis Cluster.
func (s *subject) startRedisCluster(ctx context.Context, dir string) error {
	if err := lookFor("redis-cli", "redis-tools"); err != nil {
		return err
	}
	create := []string{"--cluster", "create"}
	for i := range redisClusterNodes {
		if err := s.startRedis(ctx, dir, "--cluster-enabled", "yes", "--cluster-config-file", fmt.Sprintf("nodes-%d.conf", i)); err != nil {
			return err
		}
		create = append(create, addr(s.ports[i]))
	}
	create = append(create, "--cluster-replicas", "1", "--cluster-yes")
	if out, err := exec.CommandContext(ctx, "redis-cli", create...).CombinedOutput(); err != nil {
		return fmt.Errorf("redis-cli: %w\n%s", err, out)
	}
	for _, port := range s.ports {
		if err := s.await(ctx, port, clusterWhole(ctx)); err != nil {
			return err
		}
	}
	return nil
}

// clusterWhole reports an error until a Redis Cluster serves all slots and, where it asks a replica, that follows its primary.
func clusterWhole(ctx context.Context) func(c *client.Conn) error {
	return func(c *client.Conn) error {
		info, err := c.Do(ctx, "CLUSTER", "INFO")
		if err != nil {
			return err
		}
		if !strings.Contains(fmt.Sprint(info), "cluster_state:ok") {
			return errors.New("the cluster is not ok yet")
		}
		if info, err = c.Do(ctx, "INFO", "replication"); err != nil {
			return err
		}
		if strings.Contains(fmt.Sprint(info), "master_link_status:down") {
			return errors.New("a replica does not follow yet")
		}
		return nil
	}
}

// startRingcache starts a cluster of the program cached.
func (s *subject) startRingcache(ctx context.Context, dir, cached string, nodes int, flags []string) error {
	ports := freePorts(nodes)
	s.port = ports[0]
	for _, port := range ports {
		if err := s.addNode(dir, cached, port, flags); err != nil {
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

// addNode starts one more node of a cluster.
func (s *subject) addNode(dir, cached string, port int, flags []string) error {
	args := append([]string{"--port", strconv.Itoa(port), "--dir", filepath.Join(dir, strconv.Itoa(port))}, flags...)
	if len(s.ports) > 0 {
		args = append(args, "--join", addr(s.ports[0]))
	}
	s.ports = append(s.ports, port)
	return s.start(dir, cached, args...)
}

// ready reports an error until the slots are spread over that many nodes.
func ready(ctx context.Context, c *client.Conn, nodes int) error {
	st, err := c.Status(ctx)
	if err != nil {
		return err
	}
	if len(st.Nodes) != nodes || st.Slots.Unserved+st.Slots.Migrating+st.Slots.UnderReplicated > 0 {
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
	s.procs, s.ports = nil, nil
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
