// Command bench measures a ringcache node and a three-node ringcache cluster beside redis-server, in one run: the same
// redis-benchmark drives each in turn, several rounds interleaved, so that a machine whose speed drifts is unfair to nobody.
// The figure that holds on a noisy machine is the CPU time that the servers spend for a request.
//
//	go run ./bench                      # GET and SET at pipeline 16
//	go run ./bench -pipeline 1,16,64 -rounds 5
package main

import (
	"context"
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

func main() {
	var o options
	flag.IntVar(&o.rounds, "rounds", 3, "rounds, interleaved")
	flag.IntVar(&o.requests, "requests", 1_000_000, "requests a round at pipeline 16 (less at smaller pipelines)")
	flag.IntVar(&o.clients, "clients", 50, "connections")
	flag.IntVar(&o.size, "size", 32, "bytes of a value")
	flag.IntVar(&o.keys, "keys", 100_000, "different keys")
	flag.IntVar(&o.threads, "threads", 0, "--threads of every ringcache node; 0 = its default")
	pipelines := flag.String("pipeline", "16", "pipeline depths, comma separated")
	tests := flag.String("tests", "set,get", "commands, comma separated")
	subjects := flag.String("subjects", strings.Join(allSubjects, ","), "what to measure, comma separated")
	flag.Parse()
	o.tests, o.subjects = strings.Split(*tests, ","), strings.Split(*subjects, ",")
	for _, p := range strings.Split(*pipelines, ",") {
		n, err := strconv.Atoi(p)
		if err != nil || n < 1 {
			fmt.Fprintf(os.Stderr, "bench: -pipeline: %q is no depth\n", p)
			os.Exit(2)
		}
		o.pipelines = append(o.pipelines, n)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, &o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o *options) error {
	subjects, stop, err := startSubjects(ctx, o)
	defer stop()
	if err != nil {
		return err
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
	t.print(os.Stdout, o)
	return nil
}
