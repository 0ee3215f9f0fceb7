package clustertest

import "testing"

func TestMain(m *testing.M) { Main(m) }

// scaled is n, or a quarter of it in the short form of the tests, which the race detector runs.
func scaled(n int) int {
	if testing.Short() {
		return n / 4
	}
	return n
}
