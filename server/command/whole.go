package command

import (
	"strconv"

	"ringcache/server/rdb"
	"ringcache/server/store"
)

// Whole is a key as the effects that make a copy what it is, whatever the copy holds at that key. Its zero value is ready; it keeps its
// buffers from one key to the next, so what it emits is valid during the call only.
type Whole struct {
	num     [24]byte
	payload []byte
	args    [7][]byte
}

// maxKeptPayload is the size up to which a Whole keeps its buffer.
const maxKeptPayload = 1 << 20

// Emit calls emit with the effects of one item. Under the lock of its slot.
func (w *Whole) Emit(it store.Item, emit func(args [][]byte)) {
	at := it.ExpireAt()
	if it.Type() == store.TypeString {
		w.emitString(it, at, emit)
		clear(w.args[:])
		return
	}
	w.payload = rdb.AppendFooter(appendExact(w.payload[:0], it), 0)
	args := append(w.args[:0], restoreName, it.Key(), strconv.AppendInt(w.num[:0], at, 10), w.payload, replaceName, absttlName)
	if it.Object() != nil {
		args = append(args, largeName) // it may be small now, and have been large
	}
	emit(args)
	if cap(w.payload) > maxKeptPayload {
		w.payload = nil
	}
	clear(w.args[:])
}

// emitString is Emit of a string. A second effect gives it the encoding that SET would not: see the comment on effects.
func (w *Whole) emitString(it store.Item, at int64, emit func(args [][]byte)) {
	val := it.Value()
	args := append(w.args[:0], setName, it.Key(), val)
	if at != 0 {
		args = append(args, pxatName, strconv.AppendInt(w.num[:0], at, 10))
	}
	emit(args)
	switch enc := it.Encoding(); {
	case enc == store.EncodingOf(val):
	case enc == store.EncRaw:
		emit(append(w.args[:0], appendName, it.Key(), nil))
	case enc == store.EncEmbstr:
		emit(append(w.args[:0], incrbyfloatName, it.Key(), zero))
	}
}
