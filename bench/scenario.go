package main

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
)

// redisDefault are the tests of redis-benchmark's default list but PING.
var redisDefault = []string{
	"set", "get", "incr", "lpush", "rpush", "lpop", "rpop", "sadd", "hset", "spop", "zadd", "zpopmin", "lrange_100", "lrange_300",
	"lrange_500", "lrange_600", "mset",
}

// scenario is what a test of redis-benchmark needs so that its figures are those of the command alone, done to data that is there:
// popping from an empty collection would measure nothing, and redis-benchmark's own LRANGE tests push first.
type scenario struct {
	fill    string   // the test that fills the keyspace beforehand; "" = none
	few     bool     // fill with fillFew requests, not with as many as will be measured
	command []string // what is sent instead of redis-benchmark's own test
}

// fillFew is how many elements the list of an LRANGE has.
const fillFew = 1000

// manyMembers is the number of different members where each that is added shall be a new one.
const manyMembers = 1_000_000_000

var scenarios = map[string]scenario{
	"lpop": {fill: "lpush"}, "rpop": {fill: "lpush"}, "spop": {fill: "sadd"}, "zpopmin": {fill: "zadd"},
	"lrange_100": {fill: "lpush", few: true, command: []string{"LRANGE", "mylist", "0", "99"}},
	"lrange_300": {fill: "lpush", few: true, command: []string{"LRANGE", "mylist", "0", "299"}},
	"lrange_500": {fill: "lpush", few: true, command: []string{"LRANGE", "mylist", "0", "499"}},
	"lrange_600": {fill: "lpush", few: true, command: []string{"LRANGE", "mylist", "0", "599"}},
}

// arguments of redis-benchmark for a test.
func (o *options) arguments(s *subject, test string, requests, depth, keys int, command []string) []string {
	args := []string{
		"-p", strconv.Itoa(s.port), "-n", strconv.Itoa(requests), "-c", strconv.Itoa(o.clients), "-P", strconv.Itoa(depth),
		"-d", strconv.Itoa(o.size), "-r", strconv.Itoa(keys), "--csv",
	}
	if s.aware {
		args = append(args, "--cluster")
	}
	if command == nil {
		return append(args, "-t", test)
	}
	return append(args, command...)
}

// prepare brings a subject's keyspace into the state that a test starts from.
func (o *options) prepare(ctx context.Context, s *subject, sc scenario, requests int) error {
	if sc.fill == "" {
		return nil
	}
	if out, err := exec.CommandContext(ctx, "redis-cli", "-p", strconv.Itoa(s.port), "FLUSHALL").CombinedOutput(); err != nil {
		return fmt.Errorf("redis-cli: %w\n%s", err, out)
	}
	if sc.few {
		requests = fillFew
	}
	args := o.arguments(s, sc.fill, requests, fillDepth, manyMembers, nil)
	if out, err := exec.CommandContext(ctx, "redis-benchmark", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("redis-benchmark: %w\n%s", err, out)
	}
	return nil
}

// fillDepth is the pipeline depth of filling.
const fillDepth = 16
