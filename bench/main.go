// Command bench measures ringcache beside redis-server, in one run, so that a machine whose speed drifts is unfair to nobody.
//
// Without a subcommand it measures speed: the same redis-benchmark drives a ringcache node, a three-node ringcache cluster and
// redis-server in turn, several rounds interleaved. The figure that holds on a noisy machine is the CPU time that the servers
// spend for a request. The subcommand memory measures what keys take in resident memory, and what is given back when they go; sync
// measures how long a new replica takes to copy a node with keys, and what clients notice of it.
//
//	go run ./bench                      # GET and SET at pipeline 16
//	go run ./bench -pipeline 1,16,64 -rounds 5
//	go run ./bench -tests default       # the commands of redis-benchmark's default list
//	go run ./bench -subjects redis-cluster,ringcache-3-aware,ringcache-3-aware@primary -tests set -pipeline 1,16
//	go run ./bench memory -keys 2000000,20000000 -delete 90
//	go run ./bench sync -keys 2000000
//
// In all, a subject that is a path (./old/cached) is another build of cached, run as one node: what to compare a change with.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
)

type options struct {
	rounds, requests, clients, size, keys int
	threads                               int
	pipelines                             []int
	tests, subjects                       []string
}

// exitUsage is the exit code for flags that mean nothing.
const exitUsage = 2

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := mainErr(ctx, os.Args[1:])
	stop()
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(exitUsage)
	default:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// errUsage is wrapped by what says that flags mean nothing.
var errUsage = errors.New("bench -h, bench memory -h and bench sync -h show how")

func mainErr(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == "memory" {
		o, err := parseMemory(args[1:], os.Stderr)
		if err != nil {
			return err
		}
		return runMemory(ctx, o, os.Stdout, os.Stderr)
	}
	if len(args) > 0 && args[0] == "sync" {
		o, err := parseSync(args[1:], os.Stderr)
		if err != nil {
			return err
		}
		return runSync(ctx, o, os.Stdout, os.Stderr)
	}
	o, err := parseSpeed(args)
	if err != nil {
		return err
	}
	return run(ctx, o)
}

// parseFlags parses args, none of which may be left over.
func parseFlags(fs *flag.FlagSet, args []string) error {
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return fmt.Errorf("%w (%w)", err, errUsage)
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("%q is not expected (%w)", fs.Arg(0), errUsage)
	}
	return nil
}

// counts reads positive numbers, comma separated.
func counts(flagName, text string) ([]int, error) {
	var list []int
	for s := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("-%s: %q is no positive number (%w)", flagName, s, errUsage)
		}
		list = append(list, n)
	}
	return list, nil
}

func parseSpeed(args []string) (*options, error) {
	var o options
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.IntVar(&o.rounds, "rounds", 3, "rounds, interleaved")
	fs.IntVar(&o.requests, "requests", 1_000_000, "requests a round at pipeline 16 (less at smaller pipelines)")
	fs.IntVar(&o.clients, "clients", 50, "connections")
	fs.IntVar(&o.size, "size", 32, "bytes of a value")
	fs.IntVar(&o.keys, "keys", 100_000, "different keys")
	fs.IntVar(&o.threads, "threads", 0, "--threads of every ringcache node; 0 = its default")
	pipelines := fs.String("pipeline", "16", "pipeline depths, comma separated")
	tests := fs.String("tests", "set,get", "tests of redis-benchmark, comma separated; default = its default list")
	subjects := fs.String("subjects", strings.Join(allSubjects, ","),
		"what to measure, comma separated, compared with the first; a path is another build of cached; all: "+strings.Join(knownSubjects, ","))
	if err := parseFlags(fs, args); err != nil {
		return nil, err
	}
	o.tests, o.subjects = strings.Split(*tests, ","), strings.Split(*subjects, ",")
	if *tests == "default" {
		o.tests = redisDefault
	}
	var err error
	o.pipelines, err = counts("pipeline", *pipelines)
	return &o, err
}

func run(ctx context.Context, o *options) error {
	subjects, stop, err := startSubjects(ctx, o)
	defer stop()
	if err != nil {
		return err
	}
	if len(subjects) == 0 {
		return errors.New("nothing is left to measure")
	}
	t := newTable()
	for round := range o.rounds {
		for _, depth := range o.pipelines {
			for _, test := range o.tests {
				for _, s := range subjects {
					m, err := measure(ctx, o, s, test, depth)
					if err != nil {
						return fmt.Errorf("%s: %w", s.name, err)
					}
					t.add(s.name, test, depth, m)
					fmt.Fprintf(os.Stderr, "round %d  %-22s %-4s P=%-3d %9.0f req/s  p99 %6.2f ms  %5.2f us CPU a request\n",
						round+1, s.name, test, depth, m.rps, m.p99Milli, m.cpuMicro)
				}
			}
		}
	}
	t.print(os.Stdout, o, subjects[0].name)
	return nil
}
