//go:build !linux

package store

// smallPages does nothing: other systems do not use huge pages unasked.
func smallPages([]byte) {}
