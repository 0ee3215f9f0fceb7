package main

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"ringcache/internal/testenv"
)

// TestSync measures small ones of both subjects: each replica gets everything, and the table has a line for each.
func TestSync(t *testing.T) {
	testenv.RedisServer(t) // or the test is skipped
	o, err := parseSync([]string{"-keys", "20000", "-rounds", "1", "-rate", "500", "-clients", "5", "-span", "200ms"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := runSync(t.Context(), o, &out, os.Stderr); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	rows := lines[len(lines)-2:]
	for i, name := range []string{subjectRedis, subjectNode} {
		cells := strings.Split(rows[i], " | ")
		if cells[0] != "| "+name || cells[2] < "0.5" || cells[len(cells)-1] != "0 |" {
			t.Errorf("%s", rows[i])
		}
	}
}

func TestParseSync(t *testing.T) {
	for _, args := range [][]string{
		{"-keys", "0"}, {"-keys", "x"}, {"-key", "3"}, {"-value", "-1"}, {"-subjects", subjectCluster}, {"-nope"}, {"more"},
	} {
		if _, err := parseSync(args, io.Discard); !errors.Is(err, errUsage) {
			t.Errorf("%q: %v", args, err)
		}
	}
}
