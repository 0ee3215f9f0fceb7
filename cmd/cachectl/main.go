// Command cachectl looks at and steers a ringcache cluster. It speaks RESP to any one node, which answers for all. Each
// subcommand is a file of its own.
//
// Exit codes: 0 done, 1 refused or failed, with one line on standard error that says why, 2 usage.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"ringcache/client"
)

// version is set by the build.
var version = "dev"

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// requestTimeout bounds connecting and one request: a node answers these from what it knows, at once.
const requestTimeout = 5 * time.Second

// maxReply bounds a reply in bytes of memory: the status of a thousand nodes takes 300 kB, the placement of 16384 slots of
// five copies each 50 MB.
const maxReply = 128 << 20

// helpColumns is the widest help, in columns.
const helpColumns = 100

// grammar is the command line.
type grammar struct {
	Addr    string           `short:"a" env:"RINGCACHE_ADDR" placeholder:"HOST:PORT" help:"Client address of any node. Default: 127.0.0.1 and $$RINGCACHE_PORT or 7000."`
	Output  string           `short:"o" enum:"table,json" default:"table" placeholder:"table|json" help:"How to print what is."`
	User    string           `env:"RINGCACHE_USER" help:"User to log in as."`
	Pass    string           `env:"RINGCACHE_REQUIREPASS" placeholder:"PASSWORD" help:"Password; better in the environment, as RINGCACHE_REQUIREPASS, than on the command line."`
	Version kong.VersionFlag `help:"Show the version."`

	Wait   waitCmd   `cmd:"" help:"Wait until the cluster is up, fully served and fully replicated."`
	Status statusCmd `cmd:"" help:"Show the cluster and its nodes."`
	Nodes  nodesCmd  `cmd:"" help:"Show each node in full."`
	Slots  slotsCmd  `cmd:"" help:"Show which nodes have which slots."`

	Failover failoverCmd `cmd:"" help:"Have a node hand over what it is primary of."`
	Drain    drainCmd    `cmd:"" help:"Have a node hand over what it is primary of, and get no slots."`
}

const description = `Looks at and steers a ringcache cluster, through any of its nodes.

Examples:
  cachectl wait --nodes 3 --timeout 1m && run-my-tests
  cachectl -a 10.0.0.4:7000 status
  cachectl nodes -o json | jq -r '.[] | select(.state == "down") | .addr'

Exit codes: 0 done, 1 refused or failed, 2 usage.`

// env is what a subcommand works with.
type env struct {
	ctx    context.Context
	addr   string
	login  client.Options
	json   bool
	stdout io.Writer
	tty    bool // stdout is a terminal: tables get borders
}

// dial connects to the node.
func (e *env) dial(ctx context.Context) (*client.Conn, error) {
	return client.Dial(ctx, e.addr, e.login)
}

// ask connects, has fn ask one thing within requestTimeout, and closes.
func (e *env) ask(ctx context.Context, fn func(context.Context, *client.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	c, err := e.dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	return fn(ctx, c)
}

// status asks for the state of the cluster.
func (e *env) status(ctx context.Context) (s *client.Status, err error) {
	err = e.ask(ctx, func(ctx context.Context, c *client.Conn) error {
		s, err = c.Status(ctx)
		return err
	})
	return s, err
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	tty := term.IsTerminal(int(os.Stdout.Fd()))
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr, tty)) //nolint:gocritic // the process ends: nothing is left to stop
}

// run is the whole program: it answers the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, tty bool) int {
	var g grammar
	done := false
	parser, err := kong.New(&g,
		kong.Name("cachectl"),
		kong.Description(description),
		kong.Vars{"version": "cachectl " + version},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: helpColumns, NoAppDescFormat: true}),
		kong.Writers(stdout, stderr),
		kong.Exit(func(int) { done = true }),
	)
	if err != nil {
		return fail(stderr, exitFailed, err)
	}
	chosen, err := parser.Parse(args)
	switch {
	case done:
		return exitDone
	case err != nil:
		return fail(stderr, exitUsage, fmt.Errorf("%w (cachectl -h shows how)", err))
	}
	e := &env{
		ctx:    ctx,
		addr:   address(g.Addr),
		login:  client.Options{User: g.User, Password: g.Pass, MaxReply: maxReply},
		json:   g.Output == "json",
		stdout: stdout,
		tty:    tty,
	}
	if err := chosen.Run(e); err != nil {
		return fail(stderr, exitFailed, err)
	}
	return exitDone
}

// address is where to connect: what the command line or RINGCACHE_ADDR says, else this machine's node, whose port the
// environment may name as it does for the node.
func address(given string) string {
	if given != "" {
		return given
	}
	if port := os.Getenv("RINGCACHE_PORT"); port != "" {
		return "127.0.0.1:" + port
	}
	return "127.0.0.1:7000"
}

// fail prints one line and answers the code.
func fail(stderr io.Writer, code int, err error) int {
	text := err.Error()
	if errors.Is(err, context.Canceled) {
		text = "interrupted"
	}
	fmt.Fprintf(stderr, "cachectl: %s\n", strings.Join(strings.Fields(text), " "))
	return code
}
