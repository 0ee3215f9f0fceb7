package main

import (
	"fmt"
	"io"
)

// footprint is what was measured of one subject with one number of keys.
type footprint struct {
	subject string
	keys    int64
	loaded  loaded
	reduced reduced // after deleting; no keys where nothing was deleted
	fresh   loaded  // a fresh process with only what was left
}

// overhead is what the loaded keys take in resident memory, beyond their own bytes and those of their values, in bytes a key.
func (f *footprint) overhead(d *dataset) float64 {
	return float64(f.loaded.resident.bytes-f.loaded.empty.bytes)/float64(f.loaded.keys) - float64(d.keyLen+d.valueLen)
}

// counted is the same by the server's own count of its memory.
func (f *footprint) counted(d *dataset) float64 {
	return float64(f.loaded.used)/float64(f.loaded.keys) - float64(d.keyLen+d.valueLen)
}

// ratio is the resident memory of the process after deleting, over that of a fresh process with what was left.
func (f *footprint) ratio() float64 {
	return float64(f.reduced.resident.bytes) / float64(f.fresh.resident.bytes)
}

// growthRatio is ratio without what the processes took when they were empty.
func (f *footprint) growthRatio() float64 {
	return float64(f.reduced.resident.bytes-f.loaded.empty.bytes) / float64(f.fresh.resident.bytes-f.fresh.empty.bytes)
}

func mb(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// printFootprints prints tables of what was measured.
func printFootprints(w io.Writer, d *dataset, all []footprint) {
	expiry := "without expiry"
	if d.ttl {
		expiry = "with an expiry"
	}
	fmt.Fprintf(w, "%d-byte keys, %d-byte values, %s; a process each; MB of 2^20 bytes\n\n", d.keyLen, d.valueLen, expiry)
	fmt.Fprintln(w, "| subject | keys | resident MB | before MB | bytes/key over key and value | by used_memory | SET/s | "+
		"CPU us/SET | steady after |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|")
	for i := range all {
		f := &all[i]
		fmt.Fprintf(w, "| %s | %d | %.1f | %.1f | %.1f | %.1f | %.0f | %.2f | %v |\n", f.subject, f.keys, mb(f.loaded.resident.bytes),
			mb(f.loaded.empty.bytes), f.overhead(d), f.counted(d), f.loaded.rate(), f.loaded.cpuMicro(), f.loaded.resident)
	}
	if d.deletePercent == 0 {
		return
	}
	fmt.Fprintf(w, "\n%d%% of the keys deleted at random, beside a fresh process with the rest\n\n", d.deletePercent)
	fmt.Fprintln(w, "| subject | keys left | resident MB | fresh MB | ratio | ratio without the empty process | steady after |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|")
	for i := range all {
		f := &all[i]
		fmt.Fprintf(w, "| %s | %d | %.1f | %.1f | %.2f | %.2f | %v |\n", f.subject, f.reduced.keys, mb(f.reduced.resident.bytes),
			mb(f.fresh.resident.bytes), f.ratio(), f.growthRatio(), f.reduced.resident)
	}
}
