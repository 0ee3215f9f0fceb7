package clustertest

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"ringcache/internal/testenv"
)

// toolTimeout bounds one run of a command-line tool.
const toolTimeout = 60 * time.Second

// tool runs a command-line tool with input and answers what it printed.
func tool(t *testing.T, input, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), toolTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, testenv.Tool(t, name), args...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func TestRedisCLI(t *testing.T) {
	testenv.Tool(t, "redis-cli")
	c := Start(t, Options{})
	port := func(i int) string { return strconv.Itoa(c.Nodes[i].Port) }
	cli := func(i int, input string, args ...string) string {
		t.Helper()
		return tool(t, input, "redis-cli", append([]string{"-p", port(i)}, args...)...)
	}
	expect := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Fatalf("%s printed %q, want %q", what, got, want)
		}
	}
	// Plain, cluster-aware and RESP3, each key through each node.
	for i := range 30 {
		key, value := fmt.Sprintf("cli:%d", i), strconv.Itoa(i)
		expect("SET", cli(i%3, "", "SET", key, value), "OK\n")
		expect("GET", cli((i+1)%3, "", "GET", key), value+"\n")
		expect("-c GET", cli((i+2)%3, "", "-c", "GET", key), value+"\n")
		expect("-3 GET", cli(i%3, "", "-3", "GET", key), value+"\n")
	}
	expect("-c DBSIZE", cli(1, "", "-c", "DBSIZE"), "30\n")
	expect("DBSIZE", cli(2, "", "DBSIZE"), "30\n")
	// Another database.
	expect("-n 5 SET", cli(0, "", "-n", "5", "SET", "five", "5"), "OK\n")
	expect("-n 5 GET", cli(1, "", "-n", "5", "GET", "five"), "5\n")
	expect("GET in 0", cli(1, "", "GET", "five"), "\n")
	expect("-n 5 DBSIZE", cli(2, "", "-n", "5", "DBSIZE"), "1\n")
	// --scan finds each key once.
	for i := range 3 {
		keys := strings.Fields(cli(i, "", "--scan", "--pattern", "cli:*"))
		if len(keys) != 30 {
			t.Fatalf("--scan found %d keys: %v", len(keys), keys)
		}
	}
	// Mass insertion.
	var in strings.Builder
	const mass = 20_000
	for i := range mass {
		key := "mass:" + strconv.Itoa(i)
		fmt.Fprintf(&in, "*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$5\r\nvalue\r\n", len(key), key)
	}
	if out := cli(1, in.String(), "--pipe"); !strings.Contains(out, fmt.Sprintf("errors: 0, replies: %d", mass)) {
		t.Fatalf("--pipe printed %q", out)
	}
	expect("DBSIZE", cli(2, "", "DBSIZE"), strconv.Itoa(mass+30)+"\n")
	if out := cli(0, "", "--bigkeys"); !strings.Contains(out, fmt.Sprintf("Sampled %d keys", mass+30)) {
		t.Fatalf("--bigkeys printed %q", out)
	}
	if out := cli(0, "", "--cluster", "check", c.Nodes[1].Addr()); !strings.Contains(out, "All 16384 slots covered") {
		t.Fatalf("--cluster check printed %q", out)
	}
	// Inline commands, a pipeline on standard input, an error that is shown.
	expect("standard input", cli(0, "SET a 1\nINCR a\nGET a\n"), "OK\n2\n2\n")
	if out := cli(0, "", "NOSUCH", "x"); !strings.Contains(out, "ERR unknown command 'NOSUCH'") {
		t.Fatalf("an unknown command printed %q", out)
	}
}

func TestRedisBenchmark(t *testing.T) {
	testenv.Tool(t, "redis-benchmark")
	c := Start(t, Options{})
	for _, run := range []struct {
		requests int
		args     []string
	}{
		{20_000, []string{"-c", "50", "-P", "1"}},
		{100_000, []string{"-c", "50", "-P", "16"}},
		{100_000, []string{"-c", "50", "-P", "100"}},
		{50_000, []string{"-c", "1000", "-P", "4"}},
		{20_000, []string{"-c", "1", "-P", "100"}},
		{50_000, []string{"-c", "50", "-P", "16", "-3"}},
		{60_000, []string{"-c", "60", "-P", "16", "--cluster"}},
	} {
		t.Run(strings.Join(run.args, " "), func(t *testing.T) {
			args := append([]string{
				"-p", strconv.Itoa(c.Nodes[1].Port), "-t", "set,get,incr,mset,ping", "-r", "10000", "--csv",
				"-n", strconv.Itoa(scaled(run.requests)),
			}, run.args...)
			if args[len(args)-1] == "--cluster" {
				args[3] = "set,get,incr" // in this mode it tags keys, but MSET's own keys it does not
			}
			out := tool(t, "", "redis-benchmark", args...)
			if strings.Contains(strings.ToLower(out), "error") {
				t.Fatalf("it met an error:\n%s", out)
			}
			if n := strings.Count(out, "\n\""); n < 3 {
				t.Fatalf("only %d results:\n%s", n, out)
			}
		})
	}
}
