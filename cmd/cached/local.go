package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"ringcache/client"
	"ringcache/internal/config"
)

// Bounds and times of a local cluster.
const (
	maxLocalNodes = 100                    // more would not fit between a client port and the next node's bus
	localPoll     = 100 * time.Millisecond // between two looks at whether the cluster is ready
	localPatience = 20 * time.Second       // until it is said what the start waits for, and how often again
	localStop     = 10 * time.Second       // for the nodes to end on SIGTERM, before they are killed
)

// localConfig is the command line of `cached local`.
type localConfig struct {
	Nodes int    `default:"3" help:"How many nodes."`
	Port  int    `default:"7000" help:"Client port of the first node; the others follow."`
	Dir   string `placeholder:"DIR" help:"Keep the nodes' data below DIR, and start with what is there. Default: a temporary directory, removed at the end."`

	nodeArgs []string      // what stands after --
	exe      string        // the program to run as a node: this one
	stopTime time.Duration // localStop
}

const localDescription = `Runs a cluster of nodes on this machine, as children of this process. Flags after -- go to every node.

  cached local
  cached local --nodes 5 --port 7100 -- --maxmemory 100mb --maxmemory-policy allkeys-lru`

// parseLocal reads the command line of `cached local`; done says that it asked for help, which is on stdout.
func parseLocal(args []string, stdout io.Writer) (cfg localConfig, done bool, err error) {
	own := args
	if i := slices.Index(args, "--"); i >= 0 {
		own, cfg.nodeArgs = args[:i], args[i+1:]
	}
	parser, err := kong.New(&cfg,
		kong.Name("cached local"),
		kong.Description(localDescription),
		kong.ConfigureHelp(kong.HelpOptions{NoAppDescFormat: true}),
		kong.Writers(stdout, stdout),
		kong.Exit(func(int) { done = true }),
	)
	if err != nil {
		return cfg, false, err
	}
	_, err = parser.Parse(own)
	switch {
	case done:
		return cfg, true, nil
	case err != nil:
		return cfg, false, err
	case cfg.Nodes < 1 || cfg.Nodes > maxLocalNodes:
		return cfg, false, fmt.Errorf("--nodes: 1 to %d", maxLocalNodes)
	}
	cfg.stopTime = localStop
	cfg.exe, err = os.Executable()
	return cfg, false, err
}

// local is a cluster of child nodes.
type local struct {
	cfg    localConfig
	log    *prefixLog
	dir    string
	nodes  []*child
	deaths chan *child // each child once, when it has ended
}

// runLocal runs a cluster until the context ends, or until it cannot go on: it answers the exit code. Once the cluster is
// up, a node that dies is reported and the others go on, as they would on machines of their own.
func runLocal(ctx context.Context, cfg localConfig, stdout, stderr io.Writer) int {
	l := &local{cfg: cfg, log: &prefixLog{w: stderr}, dir: cfg.Dir, deaths: make(chan *child, cfg.Nodes)}
	if l.dir == "" {
		dir, err := os.MkdirTemp("", "cached-local-")
		if err != nil {
			return fail(stderr, exitFailed, err)
		}
		defer func() {
			if err := os.RemoveAll(dir); err != nil {
				fail(stderr, exitFailed, err)
			}
		}()
		l.dir = dir
	}
	if err := l.prepare(); err != nil {
		return fail(stderr, exitUsage, err)
	}
	if err := l.portsFree(); err != nil {
		return fail(stderr, exitFailed, err)
	}
	defer l.stop()
	if err := l.start(ctx); err != nil {
		if ctx.Err() != nil {
			return exitDone // Ctrl-C while it started
		}
		return fail(stderr, exitFailed, err)
	}
	fmt.Fprint(stdout, l.welcome())
	if err := l.watch(ctx); err != nil {
		return fail(stderr, exitFailed, err)
	}
	return exitDone
}

// prepare works out each node's command line and settings. What a local cluster decides itself is given last, so that it
// wins over the environment too.
func (l *local) prepare() error {
	for i := range l.cfg.Nodes {
		port := strconv.Itoa(l.cfg.Port + i)
		n := &child{port: port, dir: filepath.Join(l.dir, "node-"+port), log: l.log}
		n.args = append(slices.Clone(l.cfg.nodeArgs), "--port="+port, "--dir="+n.dir, "--cluster-announce-port=0", "--unixsocket=")
		settings, done, err := config.Parse(append(slices.Clone(n.args), "--join="), description, version, io.Discard)
		switch {
		case err != nil:
			return fmt.Errorf("node %s: %w", port, err)
		case done:
			return errors.New("flags after -- are for nodes: for their help, cached -h")
		case len(settings.Join) > 0:
			return errors.New("--join is not for nodes of a local cluster: they join each other")
		}
		n.settings = settings
		entries, err := os.ReadDir(n.dir)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		n.fresh = len(entries) == 0
		l.nodes = append(l.nodes, n)
	}
	return nil
}

// portsFree makes sure that nothing is started before every address is known to be free.
func (l *local) portsFree() error {
	var taken []string
	for _, n := range l.nodes {
		for _, addr := range append(n.settings.ListenAddrs(), n.settings.BusAddrs()...) {
			if !addrFree(addr) {
				taken = append(taken, addr)
			}
		}
	}
	if len(taken) == 0 {
		return nil
	}
	return fmt.Errorf("in use: %s; choose others with --port, or stop what listens there", strings.Join(taken, ", "))
}

// addrFree says whether a node could listen at addr. Any other trouble than a taken port is the node's own to report.
func addrFree(addr string) bool {
	t, err := net.Listen("tcp", addr)
	if err != nil {
		return !errors.Is(err, syscall.EADDRINUSE)
	}
	defer t.Close()
	u, err := net.ListenPacket("udp", addr)
	if err != nil {
		return !errors.Is(err, syscall.EADDRINUSE)
	}
	return u.Close() == nil
}

// start starts the nodes and waits until the cluster is ready. Nodes that have state go first, all at once, as they may need
// each other; where none has, the first node founds the cluster. Fresh nodes join once there is something to join.
func (l *local) start(ctx context.Context) error {
	first := slices.DeleteFunc(slices.Clone(l.nodes), func(n *child) bool { return n.fresh })
	if len(first) == 0 {
		first = l.nodes[:1]
	}
	for _, n := range first {
		if err := n.start(l.cfg.exe, nil, l.deaths); err != nil {
			return err
		}
	}
	if err := l.await(ctx, first[0], func(*client.Status) bool { return true }); err != nil {
		return err
	}
	var join []string
	for _, n := range first {
		join = append(join, n.addr())
	}
	for _, n := range l.nodes {
		if slices.Contains(first, n) {
			continue
		}
		if err := n.start(l.cfg.exe, join, l.deaths); err != nil {
			return err
		}
	}
	return l.await(ctx, first[0], func(s *client.Status) bool { return s.Settled(l.cfg.Nodes) })
}

// await asks node for the cluster's status until it is as wanted. A node that dies meanwhile ends the wait.
func (l *local) await(ctx context.Context, node *child, wanted func(*client.Status) bool) error {
	tick := time.NewTicker(localPoll)
	defer tick.Stop()
	slow := time.NewTicker(localPatience)
	defer slow.Stop()
	for {
		s, err := node.status(ctx)
		if err == nil && wanted(s) {
			return nil
		}
		select {
		case <-tick.C:
		case <-slow.C:
			l.log.line("local", "still starting: "+progress(s, err))
		case dead := <-l.deaths:
			return dead.obituary()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// progress is what a start waits for, in a line.
func progress(s *client.Status, err error) string {
	if err != nil {
		return err.Error()
	}
	c := s.Slots
	return fmt.Sprintf("%d nodes up, %d slots assigned, %d unserved, %d under-replicated, %d migrating",
		s.Alive(), c.Assigned, c.Unserved, c.UnderReplicated, c.Migrating)
}

// watch waits for the end: nil when the context ended, an error when no node is left.
func (l *local) watch(ctx context.Context) error {
	for left := len(l.nodes); left > 0; {
		select {
		case <-ctx.Done():
			return nil
		case dead := <-l.deaths:
			left--
			if ctx.Err() == nil { // else the same signal reached both, and that is the end
				l.log.line("local", dead.obituary().Error())
			}
		}
	}
	if ctx.Err() != nil {
		return nil //nolint:nilerr // it was told to end
	}
	return errors.New("no node is left")
}

// stop ends all nodes that run: SIGTERM to all, then a wait that they share, then SIGKILL.
func (l *local) stop() {
	started := slices.DeleteFunc(slices.Clone(l.nodes), func(n *child) bool { return n.done == nil })
	for _, n := range started {
		n.signal(syscall.SIGTERM)
	}
	deadline := time.AfterFunc(l.cfg.stopTime, func() {
		for _, n := range started {
			if n.signal(syscall.SIGKILL) {
				l.log.line("local", "node "+n.port+" did not end in "+l.cfg.stopTime.String()+" and was killed")
			}
		}
	})
	defer deadline.Stop()
	for _, n := range started {
		<-n.done
	}
}

// welcome is what to type next.
func (l *local) welcome() string {
	first, last := l.nodes[0], l.nodes[len(l.nodes)-1]
	keep := "kept in " + l.dir
	if l.cfg.Dir == "" {
		keep = "in " + l.dir + ", removed at the end"
	}
	auth, addr, nodes := "", "", "1 node"
	if first.settings.RequirePass != "" {
		auth = " -a PASSWORD"
	}
	if l.cfg.Port != config.Default().Port {
		addr = " -a " + first.addr()
	}
	if len(l.nodes) > 1 {
		nodes = fmt.Sprintf("%d nodes", len(l.nodes))
	}
	return fmt.Sprintf(`
ringcache is ready: %s, %s to %s. Any node answers for all. In another terminal:

  redis-cli -p %s%s set greeting hello
  redis-cli -p %s%s get greeting
  cachectl%s status

The nodes' data is %s. Ctrl-C stops the cluster.

`, nodes, first.addr(), last.addr(), first.port, auth, last.port, auth, addr, keep)
}
