package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/jedib0t/go-pretty/v6/table"
)

// print writes raw JSON on one line, or has text write for people.
func (e *env) print(raw []byte, text func()) error {
	if !e.json {
		text()
		return nil
	}
	var line bytes.Buffer
	if err := json.Compact(&line, raw); err != nil {
		return err
	}
	line.WriteByte('\n')
	_, err := line.WriteTo(e.stdout)
	return err
}

// writeJSON writes v on one line.
func (e *env) writeJSON(v any) error { return json.NewEncoder(e.stdout).Encode(v) }

// table writes rows below a head: with borders on a terminal, else in plain columns that awk can cut.
func (e *env) table(head []any, rows [][]any) {
	if e.tty {
		w := table.NewWriter()
		w.SetStyle(table.StyleRounded)
		w.AppendHeader(head)
		for _, row := range rows {
			w.AppendRow(row)
		}
		fmt.Fprintln(e.stdout, w.Render())
		return
	}
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	for _, row := range append([][]any{head}, rows...) {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = strings.ReplaceAll(fmt.Sprint(cell), ", ", ",")
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	_ = w.Flush() // an error of standard output has nowhere to go
}

// bytesText is a number of bytes for people: 1536 is 1.5kb, in Redis's units.
func bytesText(n int64) string {
	unit := "b"
	f := float64(n)
	for _, next := range []string{"kb", "mb", "gb", "tb"} {
		if f < 1024 {
			break
		}
		f, unit = f/1024, next
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", f), ".0") + unit
}
