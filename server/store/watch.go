package store

// A Watcher is told which keys appear, disappear or change their type, of the shards that somebody watches. The calls come under
// the lock of the slot, in the middle of the change: they take a note, and do not look at the keyspace.
type Watcher interface {
	// KeyChanged is about one key, whose name is valid during the call only.
	KeyChanged(slot uint16, db int, key []byte)
	// SlotChanged is about all keys of a slot in a database.
	SlotChanged(slot uint16, db int)
}

// SetWatcher sets who is told. It must happen before any use of the keyspace by others.
func (ks *Keyspace) SetWatcher(w Watcher) { ks.watcher = w }

// Watch has the watcher told, or not, of the shard that holds slot. Under the lock.
func (ks *Keyspace) Watch(slot uint16, on bool) {
	ks.shardOf(slot).mu.watched = on && ks.watcher != nil
}

// changesType reports whether an item that gets the value v changes its type, and somebody watches.
func (it Item) changesType(v *value) bool { return it.sh.mu.watched && it.Type() != Type(v.kind>>4) }
