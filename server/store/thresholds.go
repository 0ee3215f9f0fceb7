package store

// Thresholds are the bounds of small forms, by Redis's settings of the same names. A collection that outgrows one takes its large form,
// and keeps it when it shrinks, as in Redis.
type Thresholds struct {
	HashEntries, HashValue    int // hash-max-listpack-entries: fields; hash-max-listpack-value: bytes of a field or a value
	SetIntset                 int // set-max-intset-entries: members
	SetEntries, SetValue      int // set-max-listpack-entries, set-max-listpack-value: members, bytes of one
	ZsetEntries, ZsetValue    int // zset-max-listpack-entries, zset-max-listpack-value: members, bytes of one
	ListSize                  int // list-max-listpack-size: elements of a chunk, or, from -1 to -5, 4 to 64 KB
	StreamBytes, StreamLength int // stream-node-max-bytes, stream-node-max-entries: of one node of a stream; 0 = any number
	HLLSparse                 int // hll-sparse-max-bytes: of a sparse HyperLogLog
}

// DefaultThresholds are those of Redis 7.2.
var DefaultThresholds = Thresholds{
	HashEntries: 512, HashValue: 64, SetIntset: 512, SetEntries: 128, SetValue: 64, ZsetEntries: 128, ZsetValue: 64, ListSize: -2,
	StreamBytes: 4096, StreamLength: 100, HLLSparse: 3000,
}

// Thresholds answers what is in force. It must not be changed. No lock is needed.
func (ks *Keyspace) Thresholds() *Thresholds { return ks.thresholds.Load() }

// SetThresholds replaces them; values that are there stay as they are. No lock is needed.
func (ks *Keyspace) SetThresholds(t Thresholds) { ks.thresholds.Store(&t) }
