// Command cached is a node of a ringcache cluster; `cached local` runs a whole cluster of child nodes on this machine.
//
// Exit codes: 0 done, 1 refused or failed, with one line on standard error that says why, 2 usage.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"ringcache/internal/config"
)

// version is set by the build.
var version = "dev"

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

const description = `A node of ringcache: a cluster that is one Redis-like cache.

  cached                            a node at 127.0.0.1:7000, a cluster of its own
  cached --join 10.0.0.4:7000 ...   a node that joins a cluster
  cached local                      a cluster of three nodes on this machine (cached local -h)

Every setting is a flag, a variable of the environment (--node-timeout is RINGCACHE_NODE_TIMEOUT), a line of the
file that --config names (node-timeout 1s), and in CONFIG GET. Flags come first, then the environment, then the file.
Sizes read 64mb, times 500ms or 5s.`

// logLevel is the level of the process's log. CONFIG SET loglevel changes it while the node runs.
var logLevel slog.LevelVar

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the whole program: it answers the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == "local" {
		cfg, done, err := parseLocal(args[1:], stdout)
		switch {
		case err != nil:
			return fail(stderr, exitUsage, fmt.Errorf("%w (cached local -h shows how)", err))
		case done:
			return exitDone
		}
		return runLocal(ctx, cfg, stdout, stderr)
	}
	cfg, done, err := config.Parse(args, description, "cached "+version, stdout)
	switch {
	case err != nil:
		return fail(stderr, exitUsage, fmt.Errorf("%w (cached -h shows how)", err))
	case done:
		return exitDone
	}
	logLevel.Set(cfg.SlogLevel())
	if err := runNode(ctx, cfg, newLogger(cfg, stderr)); err != nil {
		return fail(stderr, exitFailed, err)
	}
	return exitDone
}

// newLogger writes in the form that the settings ask for, at logLevel.
func newLogger(cfg config.Config, w io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{Level: &logLevel}
	if cfg.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// fail prints one line and answers the code.
func fail(stderr io.Writer, code int, err error) int {
	fmt.Fprintf(stderr, "cached: %s\n", strings.Join(strings.Fields(err.Error()), " "))
	return code
}
