package server

import (
	"ringcache/replication"
	"ringcache/server/command"
	"ringcache/server/store"
)

// source is the keyspace as a stream reads it for full syncs. What belongs to a walk is used under the lock of the slot that is walked.
type source struct {
	ks      *store.Keyspace
	whole   command.Whole
	touched map[touched]bool // since the last step; true: the key must be sent as it is
	args    [2][]byte
}

// touched is a key of the slot that is walked, which an effect was about. A replica that lacks a part of the keys need not come to the same
// end by it: taking a key's last element leaves others there, and what is renamed may not be there at all.
type touched struct {
	db  int
	key string
}

// maxTouched bounds the keys that are kept between two steps of a walk; beyond, the walk begins anew.
const maxTouched = 1 << 16

var (
	swapdbName = []byte("SWAPDB")
	renameName = []byte("RENAME")
	delName    = []byte("DEL")
)

// touch notes what an effect of the slot that is walked is about. Under the slot's lock.
func (s *stream) touch(slot uint16, db int, args [][]byte) {
	if string(args[0]) == string(swapdbName) || len(s.source.touched) >= maxTouched {
		clear(s.source.touched)
		s.sender.Restart(slot)
		return
	}
	if len(args) < 2 {
		return // FLUSHDB
	}
	renames := string(args[0]) == string(renameName)
	s.source.touched[touched{db, string(args[1])}] = false
	if renames && len(args) > 2 {
		s.source.touched[touched{db, string(args[2])}] = true
	}
}

// Lock implements replication.Source.
func (s *source) Lock(slot uint16) { s.ks.LockSlot(slot) }

// Unlock implements replication.Source.
func (s *source) Unlock(slot uint16) { s.ks.UnlockSlot(slot) }

// walkStep is how many items a walk looks at before it asks how much they were.
const walkStep = 16

// Walk implements replication.Source. A cursor is a hash, whose low bits are clear, and the database in them.
func (s *source) Walk(slot uint16, cursor uint64, dst []byte, budget int) (out []byte, next uint64, done bool) {
	if cursor == 0 {
		clear(s.touched)
	}
	dst = s.settle(slot, dst)
	begin := len(dst)
	db, from := int(cursor%store.Databases), cursor-cursor%store.Databases
	for db < store.Databases {
		var through bool
		from, through = s.ks.Walk(slot, db, from, walkStep, 0, func(it store.Item) { dst = s.append(dst, slot, db, it) })
		if through {
			db, from = db+1, 0
		}
		if len(dst)-begin >= budget && db < store.Databases {
			return dst, from | uint64(db), false
		}
	}
	return dst, 0, true
}

// append appends an item as effects that make it anew.
func (s *source) append(dst []byte, slot uint16, db int, it store.Item) []byte {
	s.whole.Emit(it, func(args [][]byte) {
		dst = replication.AppendEffect(dst, slot, db, args, replication.RequestID{}, nil)
	})
	return dst
}

// settle has the replica agree about the keys that effects have touched since the last step.
func (s *source) settle(slot uint16, dst []byte) []byte {
	for t, whole := range s.touched {
		key := []byte(t.key)
		switch it := s.ks.Lookup(s.ks.Ref(slot, t.db, key), 0, store.Expired); {
		case !it.Exists():
			s.args = [2][]byte{delName, key}
			dst = replication.AppendEffect(dst, slot, t.db, s.args[:], replication.RequestID{}, nil)
		case whole:
			dst = s.append(dst, slot, t.db, it)
		}
	}
	clear(s.touched)
	return dst
}
