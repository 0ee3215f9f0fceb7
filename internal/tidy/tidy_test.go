package tidy

import (
	"os"
	"path/filepath"
	"testing"
)

// maySleep are the test files that may call time.Sleep, each with its reason.
var maySleep = map[string]string{
	"server/helper_test.go":                    "the pause between two looks at a condition",
	"server/random_test.go":                    "random spans between the disturbances of a random test",
	"server/link_test.go":                      "loopback sockets need a moment until what was written can be read; the loop under test is stopped meanwhile",
	"internal/clustertest/faults_test.go":      "a fault lasts as long as its scenario says",
	"internal/clustertest/collections_test.go": "a span in which another client's delays are measured",
	"server/front/helper_test.go":              "the pause between two looks at a condition",
	"server/front/limits_test.go":              "the pause between two looks at a condition, and a span in which the CPU time of doing nothing is measured",
}

// TestSource runs every rule over the tree that this package stands in.
func TestSource(t *testing.T) {
	tree, err := Read(os.DirFS(root(t)))
	if err != nil {
		t.Fatal(err)
	}
	for name, rule := range map[string]func(*Tree) []Problem{
		"imports":          Imports,
		"lengths":          Lengths,
		"package comments": PackageComments,
		"init functions":   Inits,
		"marks":            Marks,
		"comments":         Documented,
		"sleeps":           func(t *Tree) []Problem { return Sleeps(t, maySleep) },
	} {
		t.Run(name, func(t *testing.T) {
			for _, p := range rule(tree) {
				t.Error(p)
			}
		})
	}
}

// root is the directory of go.mod above the working directory.
func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the working directory")
		}
		dir = up
	}
}
