package testenv

import (
	"net"
	"os/exec"
	"strings"
	"testing"
)

func TestRedisServer(t *testing.T) {
	var addr string
	t.Run("runs", func(t *testing.T) {
		addr = RedisServer(t, "--requirepass", "x")
		if err := ping(addr); err != nil {
			t.Errorf("PING: %v", err)
		}
	})
	if addr == "" {
		t.SkipNow()
	}
	if c, err := net.Dial("tcp", addr); err == nil {
		_ = c.Close()
		t.Errorf("%s is still served after the test's end", addr)
	}
}

func TestTool(t *testing.T) {
	if path := Tool(t, "go"); !strings.Contains(path, "go") {
		t.Errorf("go is at %q", path)
	}
	for ci, want := range map[string]string{"": "skip", "true": "fail"} {
		t.Setenv("CI", ci)
		r := &recorder{TB: t}
		finished := make(chan struct{})
		go func() {
			defer close(finished)
			Tool(r, "no-such-program")
		}()
		<-finished
		if r.did != want {
			t.Errorf("a missing program with CI=%q: %q, want %q", ci, r.did, want)
		}
	}
}

func TestStartFails(t *testing.T) {
	if _, err := start(exec.Command("/no/such/program")); err == nil {
		t.Error("what does not exist was started")
	}
	if _, err := startRedis(t, Tool(t, "redis-server"), []string{"--no-such-flag", "1"}); err == nil || !strings.Contains(err.Error(), "no-such-flag") {
		t.Errorf("a bad flag: %v", err)
	}
}

// recorder is a test that notes how it ended.
type recorder struct {
	testing.TB
	did string
}

// Helper does nothing.
func (r *recorder) Helper() {}

// Skipf notes the skip.
func (r *recorder) Skipf(string, ...any) { r.did = "skip" }

// Fatalf notes the failure.
func (r *recorder) Fatalf(string, ...any) { r.did = "fail" }
