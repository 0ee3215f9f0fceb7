package ring

import (
	"flag"
	"os"
	"testing"
)

// TestMain lowers the number of random cases, unless the command line gives one: a case here is a whole cluster's life, and
// 30 of them take about as long as a reader waits. Raise it with -rapid.checks.
func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if !given {
		if err := flag.Set("rapid.checks", "30"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
