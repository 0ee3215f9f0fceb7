package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"ringcache/bench/load"
	"ringcache/client"
)

// syncOptions are what `bench sync` may be told.
type syncOptions struct {
	rounds   int
	subjects []string
	rate     float64 // requests per second
	conns    int
	span     time.Duration // of measuring before and after
	threads  int
	data     dataset
}

// parseSync reads the flags of `bench sync`.
func parseSync(args []string, stderr io.Writer) (*syncOptions, error) {
	var o syncOptions
	fs := flag.NewFlagSet("bench sync", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.IntVar(&o.rounds, "rounds", 3, "rounds, interleaved")
	keys := fs.String("keys", "2000000", "number of keys")
	fs.IntVar(&o.data.keyLen, "key", 17, "bytes of a key")
	fs.IntVar(&o.data.valueLen, "value", 32, "bytes of a value")
	fs.Uint64Var(&o.data.seed, "seed", 1, "seed of values")
	fs.Float64Var(&o.rate, "rate", 10_000, "requests per second meanwhile, half GET and half SET")
	fs.IntVar(&o.conns, "clients", 50, "connections")
	fs.DurationVar(&o.span, "span", 5*time.Second, "how long latency is measured before and after")
	fs.IntVar(&o.threads, "threads", 0, "--threads of every ringcache node; 0 = its default")
	subjects := fs.String("subjects", subjectRedis+","+subjectNode, "what to measure, comma separated; a path is another build of cached")
	if err := parseFlags(fs, args); err != nil {
		return nil, err
	}
	o.subjects = strings.Split(*subjects, ",")
	for _, s := range o.subjects {
		if !single(s) {
			return nil, fmt.Errorf("-subjects: %s has replicas already (%w)", s, errUsage)
		}
	}
	n, err := counts("keys", *keys)
	if err != nil {
		return nil, err
	}
	o.data.keys = uint64(n[0])
	return &o, o.data.check()
}

// synced is what one full sync showed.
type synced struct {
	whole                 time.Duration // from the start of the replica's process, or REPLICAOF, until it had everything
	moving                time.Duration // from the first bytes of the data until then
	bytes                 int64         // that the primary sent
	before, during, after load.Window
}

func (s *synced) megabytes() float64 { return mb(s.bytes) / s.moving.Seconds() }

// runSync measures how a node with keys gets its first replica while clients work.
func runSync(ctx context.Context, o *syncOptions, stdout, stderr io.Writer) error {
	dir, err := os.MkdirTemp("", "ringcache-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := buildCached(ctx, dir, o.subjects); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%d keys of %d bytes with values of %d bytes; %.0f requests/s of %d clients, half GET and half SET\n\n",
		o.data.keys, o.data.keyLen, o.data.valueLen, o.rate, o.conns)
	fmt.Fprintln(stdout, "| subject | whole after s | sent MB | MB/s | p50 ms before, during, after | p99 ms | p99.9 ms | worst ms | errors |")
	fmt.Fprintln(stdout, "|---|---|---|---|---|---|---|---|---|")
	for range o.rounds {
		for _, name := range o.subjects {
			s, err := measureSync(ctx, o, dir, name)
			if errors.Is(err, errMissing) {
				fmt.Fprintln(stderr, "bench: left out:", err)
				continue
			}
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			fmt.Fprintf(stdout, "| %s | %.2f | %.1f | %.0f |", name, s.whole.Seconds(), mb(s.bytes), s.megabytes())
			for _, q := range []float64{50, 99, 99.9, 100} {
				fmt.Fprintf(stdout, " %.2f, %.2f, %.2f |", s.before.Milli(q), s.during.Milli(q), s.after.Milli(q))
			}
			fmt.Fprintf(stdout, " %d |\n", s.before.Errors+s.during.Errors+s.after.Errors)
		}
	}
	return nil
}

// measureSync fills one server, puts it under load and gives it a replica.
func measureSync(ctx context.Context, o *syncOptions, dir, name string) (r synced, err error) {
	s, err := startSubject(ctx, dir, name, o.threads)
	if err != nil {
		return r, err
	}
	defer s.stop()
	d := o.data
	if _, err := send(ctx, addr(s.port), d.keys, "+OK\r\n", d.appendSet); err != nil {
		return r, err
	}
	l, err := load.Start(ctx, load.Options{Addrs: []string{addr(s.port)}, Conns: o.conns, Rate: o.rate, Request: d.appendMixed})
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, l.Stop()) }()
	if err := rest(ctx, o.span); err != nil { // caches get warm, and the runtime's pace settles
		return r, err
	}
	l.Take()
	if err := rest(ctx, o.span); err != nil {
		return r, err
	}
	r.before = l.Take()
	if err := r.join(ctx, s, dir, name, o.threads); err != nil {
		return r, err
	}
	r.during = l.Take()
	if err := rest(ctx, o.span); err != nil {
		return r, err
	}
	r.after = l.Take()
	return r, nil
}

// appendMixed appends the request with number i of a load: a GET or a SET of some key, whose value stays what it is.
func (d *dataset) appendMixed(b []byte, i uint64) []byte {
	r := mix(i)
	key := (r >> 1) % d.keys
	if r&1 == 0 {
		return d.appendSet(b, key)
	}
	b = d.appendKey(appendBulkHead(append(b, "*2\r\n$3\r\nGET\r\n"...), d.keyLen), key)
	return append(b, '\r', '\n')
}

const (
	syncPoll    = 50 * time.Millisecond
	syncTimeout = 5 * time.Minute
	// syncBegun is how many bytes a primary sends before data does: greetings and maps.
	syncBegun = 256 << 10
)

// join gives the subject a replica, and waits until that has everything.
func (s *synced) join(ctx context.Context, of *subject, dir, name string, threads int) error {
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	c, err := client.Dial(ctx, addr(of.port), client.Options{})
	if err != nil {
		return err
	}
	defer c.Close()
	sent, err := replicaBytes(ctx, c)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := of.addReplica(ctx, dir, name, threads); err != nil {
		return err
	}
	var moving time.Time
	for {
		now, err := replicaBytes(ctx, c)
		if err != nil {
			return err
		}
		if moving.IsZero() && now-sent > syncBegun {
			moving = time.Now()
		}
		whole, err := of.replicated(ctx, c, name)
		if err != nil {
			return err
		}
		if whole {
			s.whole, s.moving = time.Since(began), time.Since(moving)
			now, err = replicaBytes(ctx, c)
			s.bytes = now - sent
			return err
		}
		if err := rest(ctx, syncPoll); err != nil {
			return fmt.Errorf("the replica is not whole: %w", err)
		}
	}
}

// addReplica starts one more process that copies the first.
func (s *subject) addReplica(ctx context.Context, dir, name string, threads int) error {
	if name == subjectRedis {
		return s.startRedis(ctx, dir, "--replicaof", "127.0.0.1 "+strconv.Itoa(s.port), "--dbfilename", "replica.rdb")
	}
	cached := name
	if !strings.ContainsRune(name, filepath.Separator) {
		cached = filepath.Join(dir, "cached")
	}
	return s.addNode(dir, cached, freePorts(1)[0], threadFlags(threads))
}

// replicated reports whether the replica has everything.
func (s *subject) replicated(ctx context.Context, c *client.Conn, name string) (bool, error) {
	if name == subjectRedis {
		info, err := c.Do(ctx, "INFO", "replication")
		return strings.Contains(fmt.Sprint(info), "state=online"), err
	}
	st, err := c.Status(ctx)
	if err != nil {
		return false, err
	}
	return len(st.Nodes) == len(s.procs) && st.Slots.Unserved+st.Slots.UnderReplicated == 0, nil
}

// replicaBytes is how many bytes a primary has sent to replicas.
func replicaBytes(ctx context.Context, c *client.Conn) (int64, error) {
	info, err := c.Do(ctx, "INFO", "stats")
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(fmt.Sprint(info), "total_net_repl_output_bytes:")
	digits, _, _ := strings.Cut(after, "\r\n")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("INFO stats has no total_net_repl_output_bytes: %w", err)
	}
	return n, nil
}

// rest waits, or answers why it does not.
func rest(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
