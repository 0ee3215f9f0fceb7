package oracle

import (
	"fmt"
	"strconv"
)

// stream makes, changes or shows a stream or a group of one.
func (w *Waits) stream() string {
	key := w.streamKey()
	switch w.rnd.IntN(24) {
	case 0, 1, 2, 3, 4, 5, 6, 7, 8, 9:
		return "XADD " + key + w.pick("", "", "", "", "", " NOMKSTREAM") + w.trim() + " " + w.addID() + " f " + w.pick("x", "y", "z")
	case 10:
		return "XDEL " + key + " " + w.id()
	case 11:
		return w.pick("XTRIM "+key+" MAXLEN "+w.pick("0", "1", "2"), "XSETID "+key+" 5-"+strconv.Itoa(w.rnd.IntN(60)))
	case 12, 13, 14, 15, 16, 17:
		return "XGROUP CREATE " + key + " " + w.group() + " " + w.pick("$", "$", "0", w.id()) + w.pick("", " MKSTREAM", " MKSTREAM", " MKSTREAM")
	case 18:
		return "XGROUP DESTROY " + key + " " + w.group()
	case 19:
		return "XGROUP SETID " + key + " " + w.group() + " " + w.pick("0", "$", w.id())
	case 20:
		return "XGROUP " + w.pick("CREATECONSUMER ", "DELCONSUMER ") + key + " " + w.group() + " " + w.consumer()
	case 21:
		return w.pick("XACK "+key+" "+w.group()+" "+w.id(), "XCLAIM "+key+" "+w.group()+" "+w.consumer()+" 0 "+w.id()+" JUSTID",
			"XAUTOCLAIM "+key+" "+w.group()+" "+w.consumer()+" 0 0 JUSTID")
	case 22:
		return w.readStreams(false)
	default:
		return w.pick("XRANGE "+key+" - +", "XINFO GROUPS "+key, "XPENDING "+key+" "+w.group(), "XLEN "+key)
	}
}

func (w *Waits) trim() string {
	if w.chance(8) {
		return " MAXLEN " + w.pick("0", "1", "3", "~ 5")
	}
	return ""
}

// addID is nearly always the next one of some millisecond, so that most can be added.
func (w *Waits) addID() string {
	if w.chance(15) {
		return w.pick("5", "x", "0-0", w.id(), w.id())
	}
	return "5-*"
}

// id is one that many streams have, or are about to get.
func (w *Waits) id() string {
	return "5-" + strconv.Itoa(w.rnd.IntN(1+w.rnd.IntN(30)))
}

func (w *Waits) group() string    { return w.pick("g", "g", "g", "g", "g", "h") }
func (w *Waits) consumer() string { return w.pick("alice", "alice", "bob", "carol") }

// readStreams is XREAD or XREADGROUP, with or without BLOCK.
func (w *Waits) readStreams(wait bool) string {
	ofGroup := w.chance(2)
	s, id := "XREAD", func() string {
		if w.chance(12) {
			return w.pick("5", "6-0", ">", "x")
		}
		return w.pick("$", "$", "$", "0", w.id())
	}
	if ofGroup {
		s, id = fmt.Sprintf("XREADGROUP GROUP %s %s", w.group(), w.consumer()), func() string {
			if w.chance(12) {
				return w.pick("0", "$", w.id())
			}
			return ">"
		}
	}
	options := []string{w.pick("", "", " COUNT 1", " COUNT 2", " COUNT 0", " COUNT -1")}
	if wait {
		options = append(options, " BLOCK "+w.timeout())
	}
	if ofGroup && w.chance(3) || w.chance(60) {
		options = append(options, " NOACK")
	}
	w.rnd.Shuffle(len(options), func(i, j int) { options[i], options[j] = options[j], options[i] })
	for _, o := range options {
		s += o
	}
	s += " STREAMS"
	n := 1
	for w.chance(3) {
		n++
	}
	for range n {
		s += " " + w.streamKey()
	}
	for range n {
		s += " " + id()
	}
	return s
}
