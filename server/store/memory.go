package store

import (
	"bytes"
	"fmt"
	"os"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Memory outside the Go heap: the system's pages, by mmap. The garbage collector neither scans nor counts it.

// reserve takes n bytes of address space that nothing may touch until commit. It costs no memory.
func reserve(n int) ([]byte, error) {
	m, err := unix.Mmap(-1, 0, n, unix.PROT_NONE, unix.MAP_ANON|unix.MAP_PRIVATE|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("store: reserving %d bytes of address space: %w", n, err)
	}
	smallPages(m)
	return m, nil
}

// commit makes reserved memory usable. It is zero, and resident only once it is touched.
func commit(m []byte) error {
	if err := unix.Mprotect(m, unix.PROT_READ|unix.PROT_WRITE); err != nil {
		return fmt.Errorf("store: making %d bytes of memory usable: %w", len(m), err)
	}
	return nil
}

// decommit gives memory back to the system; it stays usable, its content is lost. It must begin and end at osPage bounds.
func decommit(m []byte) {
	// An error leaves the memory resident, and nothing else: there is nothing to do about it.
	_ = unix.Madvise(m, unix.MADV_DONTNEED)
}

// osPage is the system's page in bytes, at least 4 KB.
var osPage = os.Getpagesize()

// roundUp is the least multiple of the system's page that is at least n.
func roundUp(n int) int { return (n + osPage - 1) &^ (osPage - 1) }

// mappings are what a keyspace has reserved. It is a struct of its own so that a keyspace which nobody has closed can be cleaned
// up after.
type mappings struct {
	mu struct { // taken with the lock of a shard, or of the large blocks, held; no other lock is taken under it
		sync.Mutex
		all    [][]byte
		closed bool
	}
}

// reserve is reserve, to be undone by close. Memory that cannot be had ends the process, as the Go heap's own would: there is no
// way to go on.
func (m *mappings) reserve(n int) []byte {
	b, err := reserve(n)
	if err != nil {
		panic(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mu.closed {
		panic("store: a closed keyspace is written to")
	}
	m.mu.all = append(m.mu.all, b)
	return b
}

// close gives everything back.
func (m *mappings) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range m.mu.all {
		_ = unix.Munmap(b)
	}
	m.mu.all, m.mu.closed = nil, true
}

// bytesAt is n bytes of memory at p.
func bytesAt(p unsafe.Pointer, n int) []byte { return unsafe.Slice((*byte)(p), n) }

// Freed memory is poisoned, where that is asked for (Options.Poison, and always under the race detector): the byte is no entry's
// first, so a reader stops at once, and a change of it is noticed when the memory is used again.
const (
	poisonFreed = 0xB8 // no form, and flags that mislead
	poisonNew   = 0xA5 // what nobody has written yet
)

// fill writes one byte all over b. It copies, as a loop over bytes is slow under the race detector.
func fill(b []byte, with byte) {
	if len(b) == 0 {
		return
	}
	b[0] = with
	for n := 1; n < len(b); n *= 2 {
		copy(b[n:], b[:n])
	}
}

// filled reports whether b is one byte all over.
func filled(b []byte, with byte) bool {
	return len(b) == 0 || b[0] == with && bytes.Equal(b[1:], b[:len(b)-1])
}
