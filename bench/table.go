package main

import (
	"fmt"
	"io"
	"slices"
)

// table gathers the measurements of all rounds.
type table struct {
	keys []cell
	runs map[cell][]measurement
}

type cell struct {
	subject, test string
	depth         int
}

func newTable() *table { return &table{runs: make(map[cell][]measurement)} }

func (t *table) add(subject, test string, depth int, m measurement) {
	k := cell{subject, test, depth}
	if t.runs[k] == nil {
		t.keys = append(t.keys, k)
	}
	t.runs[k] = append(t.runs[k], m)
}

// median of one figure over the rounds of a cell.
func (t *table) median(k cell, figure func(measurement) float64) float64 {
	var v []float64
	for _, m := range t.runs[k] {
		v = append(v, figure(m))
	}
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return v[len(v)/2]
}

// ratio is the median over the rounds of k's figure divided by base's of the same round.
func (t *table) ratio(k, base cell, figure func(measurement) float64) float64 {
	var v []float64
	for i, m := range t.runs[k] {
		if i < len(t.runs[base]) {
			v = append(v, figure(m)/figure(t.runs[base][i]))
		}
	}
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return v[len(v)/2]
}

func cpu(m measurement) float64 { return m.cpuMicro }
func rps(m measurement) float64 { return m.rps }

func (t *table) print(w io.Writer, o *options, base string) {
	fmt.Fprintf(w, "%d rounds, %d clients, %d-byte values, %d keys; medians; ratios to %s of the same round\n\n",
		o.rounds, o.clients, o.size, o.keys, base)
	fmt.Fprintln(w, "| subject | test | P | requests/s | p50 ms | p99 ms | CPU us/request | requests/s ratio | CPU ratio |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|")
	for _, k := range t.keys {
		base := cell{base, k.test, k.depth}
		fmt.Fprintf(w, "| %s | %s | %d | %.0f | %.2f | %.2f | %.2f | %.2f | %.2f |\n", k.subject, k.test, k.depth,
			t.median(k, rps), t.median(k, func(m measurement) float64 { return m.p50Milli }),
			t.median(k, func(m measurement) float64 { return m.p99Milli }), t.median(k, cpu), t.ratio(k, base, rps), t.ratio(k, base, cpu))
	}
}
