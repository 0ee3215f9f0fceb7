package clustertest

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

var built struct {
	sync.Mutex // guards what follows
	dir        string
	failed     string
}

// Binary answers the path of the cached program, built once per test binary (with the race detector where the test has it);
// cachectl lies beside it. [Main] removes them.
func Binary(t testing.TB) string {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	if built.failed != "" {
		t.Fatal(built.failed)
	}
	if built.dir != "" {
		return filepath.Join(built.dir, "cached")
	}
	dir, err := os.MkdirTemp("", "ringcache-test-")
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"build", "-o", dir}
	if raceEnabled {
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, "ringcache/cmd/cached", "ringcache/cmd/cachectl")...).CombinedOutput()
	if err != nil {
		built.failed = "go build: " + err.Error() + "\n" + string(out)
		os.RemoveAll(dir)
		t.Fatal(built.failed)
	}
	built.dir = dir
	return filepath.Join(dir, "cached")
}

// Tool answers the path of another program of ours, such as cachectl.
func Tool(t testing.TB, name string) string {
	t.Helper()
	return filepath.Join(filepath.Dir(Binary(t)), name)
}

// Main runs a package's tests and removes what Binary has built: call it from TestMain.
func Main(m *testing.M) {
	code := m.Run()
	built.Lock()
	os.RemoveAll(built.dir)
	built.Unlock()
	os.Exit(code)
}
