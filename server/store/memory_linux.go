package store

import "golang.org/x/sys/unix"

// smallPages keeps the system from backing memory by huge pages of 2 MB: 64 arenas would hold 128 MB as soon as they hold anything,
// and pages of 16 KB could not be given back.
func smallPages(m []byte) {
	_ = unix.Madvise(m, unix.MADV_NOHUGEPAGE) // an error says that there are no huge pages
}
