package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"ringcache/client"
)

// memoryOptions are what `bench memory` may be told.
type memoryOptions struct {
	sizes    []int // numbers of keys
	subjects []string
	threads  int
	data     dataset // but for its number of keys
}

// parseMemory reads the flags of `bench memory`; what is wrong with them is said to stderr or in the error.
func parseMemory(args []string, stderr io.Writer) (*memoryOptions, error) {
	var o memoryOptions
	fs := flag.NewFlagSet("bench memory", flag.ContinueOnError)
	fs.SetOutput(stderr)
	sizes := fs.String("keys", "2000000", "numbers of keys, comma separated")
	subjects := fs.String("subjects", subjectRedis+","+subjectNode,
		"what to measure, one after the other, comma separated; a path is another build of cached")
	fs.IntVar(&o.data.keyLen, "key", 17, "bytes of a key")
	fs.IntVar(&o.data.valueLen, "value", 32, "bytes of a value")
	fs.BoolVar(&o.data.ttl, "ttl", false, "keys have an expiry, hours away")
	fs.Uint64Var(&o.data.deletePercent, "delete", 0, "percent of the keys that are then deleted at random")
	fs.Uint64Var(&o.data.seed, "seed", 1, "seed of values, expiries and of what is deleted")
	fs.IntVar(&o.threads, "threads", 0, "--threads of every ringcache node; 0 = its default")
	if err := parseFlags(fs, args); err != nil {
		return nil, err
	}
	o.subjects = strings.Split(*subjects, ",")
	for _, s := range o.subjects {
		if !single(s) {
			return nil, fmt.Errorf("-subjects: memory is that of one process, and %s has several (%w)", s, errUsage)
		}
	}
	if o.data.deletePercent > 99 {
		return nil, fmt.Errorf("-delete: %d is not 0 to 99 percent (%w)", o.data.deletePercent, errUsage)
	}
	var err error
	if o.sizes, err = counts("keys", *sizes); err != nil {
		return nil, err
	}
	for _, n := range o.sizes {
		o.data.keys = uint64(n)
		if err := o.data.check(); err != nil {
			return nil, err
		}
	}
	return &o, nil
}

// check refuses keys and values of lengths that cannot be.
func (d *dataset) check() error {
	if d.valueLen < 0 || d.valueLen > maxValue {
		return fmt.Errorf("-value: %d is not 0 to %d bytes (%w)", d.valueLen, maxValue, errUsage)
	}
	if least := minKeyLen(d.keys); d.keyLen < least || d.keyLen > maxKey {
		return fmt.Errorf("-key: %d is not %d to %d bytes, for %d keys (%w)", d.keyLen, least, maxKey, d.keys, errUsage)
	}
	return nil
}

// runMemory measures each subject at each size, each in a process of its own that ends before the next begins.
func runMemory(ctx context.Context, o *memoryOptions, stdout, stderr io.Writer) error {
	dir, err := os.MkdirTemp("", "ringcache-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := buildCached(ctx, dir, o.subjects); err != nil {
		return err
	}
	var all []footprint
	for _, n := range o.sizes {
		for _, name := range o.subjects {
			f, err := measureMemory(ctx, o, dir, name, uint64(n), stderr)
			if errors.Is(err, errMissing) {
				fmt.Fprintln(stderr, "bench: left out:", err)
				continue
			}
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			all = append(all, f)
		}
	}
	printFootprints(stdout, &o.data, all)
	return nil
}

// measureMemory is one subject at one size: loaded, and then, if that is asked for, reduced and compared with a fresh process.
func measureMemory(ctx context.Context, o *memoryOptions, dir, name string, keys uint64, progress io.Writer,
) (f footprint, err error) {
	d := o.data
	d.keys = keys
	f = footprint{subject: name, keys: int64(keys)}
	s, err := startSubject(ctx, dir, name, o.threads)
	if err != nil {
		return f, err
	}
	defer s.stop()
	if f.loaded, err = s.load(ctx, &d, func(uint64) bool { return true }); err != nil {
		return f, err
	}
	fmt.Fprintf(progress, "%-14s %9d keys  %7.1f MB resident, %.1f before  %8.0f SET/s  %.2f us CPU a SET\n", name, keys,
		mb(f.loaded.resident.bytes), mb(f.loaded.empty.bytes), f.loaded.rate(), f.loaded.cpuMicro())
	if d.deletePercent == 0 {
		return f, nil
	}

	if f.reduced, err = s.reduce(ctx, &d); err != nil {
		return f, fmt.Errorf("delete: %w", err)
	}
	s.stop()
	fmt.Fprintf(progress, "%-14s %9d keys  %7.1f MB resident after the others were deleted; steady: %v\n", name, f.reduced.keys,
		mb(f.reduced.resident.bytes), f.reduced.resident)
	rest, err := startSubject(ctx, dir, name, o.threads)
	if err != nil {
		return f, err
	}
	defer rest.stop()
	if f.fresh, err = rest.load(ctx, &d, func(i uint64) bool { return !d.doomed(i) }); err != nil {
		return f, fmt.Errorf("load the rest: %w", err)
	}
	fmt.Fprintf(progress, "%-14s %9d keys  %7.1f MB resident in a fresh process\n", name, f.fresh.keys, mb(f.fresh.resident.bytes))
	if f.fresh.keys != f.reduced.keys {
		return f, fmt.Errorf("%d keys were left, a fresh process was given %d", f.reduced.keys, f.fresh.keys)
	}
	return f, nil
}

// loaded is what loading keys into a process that was empty took.
type loaded struct {
	keys            int64
	empty, resident settled // before and after
	used            int64   // growth of what the server counts as its memory (INFO's used_memory), in bytes
	took            time.Duration
	micros          int64 // CPU time of the server meanwhile, in microseconds
}

func (l *loaded) rate() float64     { return float64(l.keys) / l.took.Seconds() }
func (l *loaded) cpuMicro() float64 { return float64(l.micros) / float64(l.keys) }

// reduced is what is left after most keys were deleted.
type reduced struct {
	keys     int64
	resident settled
}

// load sets the keys of d that pick accepts.
func (s *subject) load(ctx context.Context, d *dataset, pick func(i uint64) bool) (l loaded, err error) {
	if l.empty, err = s.settle(ctx); err != nil {
		return l, err
	}
	usedBefore, err := s.usedMemory(ctx)
	if err != nil {
		return l, err
	}
	microsBefore, err := s.cpuMicros()
	if err != nil {
		return l, err
	}
	start := time.Now()
	if l.keys, err = send(ctx, addr(s.port), d.keys, "+OK\r\n", func(b []byte, i uint64) []byte {
		if pick(i) {
			return d.appendSet(b, i)
		}
		return b
	}); err != nil {
		return l, err
	}
	l.took = time.Since(start)
	microsAfter, err := s.cpuMicros()
	if err != nil {
		return l, err
	}
	l.micros = microsAfter - microsBefore
	if l.resident, err = s.settle(ctx); err != nil {
		return l, err
	}
	usedAfter, err := s.usedMemory(ctx)
	l.used = usedAfter - usedBefore
	return l, errors.Join(err, s.expectKeys(ctx, l.keys))
}

// reduce deletes the doomed keys of d.
func (s *subject) reduce(ctx context.Context, d *dataset) (r reduced, err error) {
	order := d.scattered()
	gone, err := send(ctx, addr(s.port), d.keys, ":1\r\n", func(b []byte, j uint64) []byte {
		if i := order(j); d.doomed(i) {
			return d.appendDel(b, i)
		}
		return b
	})
	if err != nil {
		return r, err
	}
	r.keys = int64(d.keys) - gone
	if r.resident, err = s.settle(ctx); err != nil {
		return r, err
	}
	return r, s.expectKeys(ctx, r.keys)
}

// ask sends the subject one request.
func (s *subject) ask(ctx context.Context, args ...string) (client.Value, error) {
	c, err := client.Dial(ctx, addr(s.port), client.Options{})
	if err != nil {
		return client.Value{}, err
	}
	defer c.Close()
	return c.Do(ctx, args...)
}

// expectKeys reports an error if the subject does not hold n keys.
func (s *subject) expectKeys(ctx context.Context, n int64) error {
	v, err := s.ask(ctx, "DBSIZE")
	if err == nil && v.Int != n {
		err = fmt.Errorf("the server holds %d keys, not %d", v.Int, n)
	}
	return err
}

// usedMemory is the used_memory of the subject's INFO, in bytes.
func (s *subject) usedMemory(ctx context.Context) (int64, error) {
	v, err := s.ask(ctx, "INFO", "memory")
	if err != nil {
		return 0, err
	}
	return infoInt(v.Str, "used_memory")
}

// infoInt finds a number in the text of INFO.
func infoInt(text, field string) (int64, error) {
	for line := range strings.SplitSeq(text, "\r\n") {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			return strconv.ParseInt(value, 10, 64)
		}
	}
	return 0, fmt.Errorf("INFO has no %s", field)
}
