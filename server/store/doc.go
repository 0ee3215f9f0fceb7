// Package store is the keyspace of a node: 16384 slots of 16 databases, each a dictionary of its own, with expiry, eviction,
// access statistics and exact memory accounting.
//
// It knows no network and keeps no time: the time is an argument, in unix milliseconds. What it holds is reached through
// handles ([Item]) that are valid only under the lock of their slot, so that how values are kept is nobody's concern.
//
// # Memory
//
// Keys, values and index lie outside the Go heap, in memory that has no Go pointers: the garbage collector's work does not
// grow with them, and memory that is not needed goes back to the system. What the Go heap has is small: a table of 32 bytes a slot
// and database in use, directories of large tables (16 bytes for about a hundred keys), 16 bytes for each page of 16 KB.
//
//	 slot 4711, database 0                     segment: 1 to 16 buckets          pool of the slot's shard
//	+-----------------------+   one segment   +-----------------------------+   +------------- page, 16 KB -------------+
//	| table                 |---------------->| tags 12 | used | over | refs 12 |-->| entry | entry | free | entry | ...    |
//	| root, directory, keys |                 +-----------------------------+   +---------------------------------------+
//	+-----------------------+                 | tags 12 | used | over | refs 12 |     blocks of one size class
//	            |   several, by the           +-----------------------------+
//	            v   first bits of the hash      64 bytes each: a cache line     +---------------------------------------+
//	+---+---+---+---+       each entry of                                       | flags access lengths | key | value    |
//	| 00| 01| 10| 11| ----> a directory leads                                   +---------------------------------------+
//	+---+---+---+---+       to a segment                                            values above 16 KB: large blocks
//
// A lookup touches the table, the directory if there is one, one bucket and the entry: three or four cache lines.
//
// What a key of 17 bytes with a value of 32 costs beside them:
//
//	entry    4 flags and access, 2 lengths; 55 bytes with key and value, in a block of 56        7
//	         with an expiry 8 more, 63 bytes in a block of 64                                   (15)
//	bucket   64 bytes for 12 keys, of which 10.5 are in use before the segment grows a bucket    6 to 8
//	pools    partly used pages, page descriptions, directories, tables                           2 to 4
//	                                                                                            15 to 19
//
// The parts, from the ground up: memory.go asks the system for memory; class.go and pool.go cut it into blocks, large.go holds
// what is too long for those; segment.go, table.go and find.go are the index; entry.go is a key with its value; item.go and
// set.go read and write them, packed.go is what small collections are kept as, intset.go small sets of integers, dict.go what large
// ones are made of; hash*.go, quicklist*.go, members*.go and sets*.go, zset.go, scores.go and ranks.go are the types; walk.go goes
// through a slot in the order of
// hashes; expire.go and evict.go decide what goes, compact.go and object.go give memory back.
//
// # One primitive
//
// [Keyspace.Walk] goes through a slot by an interval of hashes. That means the same whatever the segments' sizes, so SCAN, KEYS,
// copying a slot, background expiry, compaction and sampling for eviction are all made of it, and none needs to remember more than a
// hash while others change the slot.
//
// # Locks
//
// Slots share 64 shards, each with one mutex that guards everything of its slots in all databases, and its pool. A shard holds
// every 64th slot, so that slots which lie side by side on a node spread over all shards. Whoever needs several slots takes their
// shards' locks by [Keyspace.Lock], in ascending order. The state of background work (expirer, evictor, maintainer) has locks of
// its own, taken before a shard's; the large blocks' and the mappings' come after. Nobody takes two of them otherwise.
//
// Counters and bitmaps are atomics, changed under the lock of their slot and read without any.
package store
