package store

import "unsafe"

// dueFields are the fields of one hash that have an expiry: a binary heap by it, in a span, so that what has expired is at hand and
// counted without a look at the rest. An entry of a hash needs no time of access: these 24 bits say where in the heap it is, to dueGroup
// places, which is enough for as many as a pool can hold. So a field's place is found when it changes, and most steps within
// the heap leave the entries alone.
type dueFields struct {
	at span
	n  int
}

// dueGroup is how many places in the heap one number stands for.
const dueGroup = 16

// dueField is a field in the heap: its expiry in unix ms and its entry.
type dueField struct {
	low, high uint32 // a word for each, as 12 bytes are less than 16
	entry     ref
}

const dueFieldSize = int(unsafe.Sizeof(dueField{}))

func (f dueField) when() int64 { return int64(uint64(f.high)<<32 | uint64(f.low)) } //nolint:gosec // as it was

// all is the heap.
func (d *dueFields) all(m *parts) []dueField {
	if d.n == 0 {
		return nil
	}
	return unsafe.Slice((*dueField)(d.at.pointer(m)), d.n)
}

// resize makes the heap n fields long.
func (d *dueFields) resize(m *parts, n int) {
	if n == 0 {
		d.free(m)
		return
	}
	extra := 0
	if n > d.n {
		extra = n / 2 * dueFieldSize
	}
	d.at.resize(m, n*dueFieldSize, extra)
	d.n = n
}

func (d *dueFields) free(m *parts) {
	d.at.free(m)
	d.n = 0
}

// find is where a field is.
func (d *dueFields) find(m *parts, r ref) int {
	all := d.all(m)
	for i := int(entry{m.at(r)}.access()) * dueGroup; i < len(all); i++ {
		if all[i].entry == r {
			return i
		}
	}
	panic("store: a field with an expiry is not among those that expire")
}

// moved notes that the entry of a field moved.
func (d *dueFields) moved(m *parts, from, to ref) {
	all := d.all(m)
	for i := int(entry{m.at(to)}.access()) * dueGroup; i < len(all); i++ {
		if all[i].entry == from {
			all[i].entry = to
			return
		}
	}
	panic("store: a field that moved is not among those that expire")
}

// put notes that a field, which is at pos, or at -1 where it is new, expires at a time; 0 = never, then it is not there.
func (d *dueFields) put(m *parts, pos int, r ref, at int64) {
	if at == 0 {
		return
	}
	if pos < 0 {
		pos = d.n
		d.resize(m, d.n+1)
	}
	d.settle(m, pos, dueField{uint32(at), uint32(at >> 32), r}, -1) //nolint:gosec // the halves
}

// remove takes out the field at pos.
func (d *dueFields) remove(m *parts, pos int) {
	last := d.all(m)[d.n-1]
	d.resize(m, d.n-1)
	if pos < d.n {
		d.settle(m, pos, last, d.n)
	}
}

// settle finds the place for f, from the free one at pos on, up or down. was is where it came from.
func (d *dueFields) settle(m *parts, pos int, f dueField, was int) {
	all, at := d.all(m), f.when()
	for pos > 0 {
		up := (pos - 1) / 2
		if all[up].when() <= at {
			break
		}
		seat(m, all, pos, all[up], up)
		pos = up
	}
	for {
		down := 2*pos + 1
		if down >= len(all) {
			break
		}
		if down+1 < len(all) && all[down+1].when() < all[down].when() {
			down++
		}
		if all[down].when() >= at {
			break
		}
		seat(m, all, pos, all[down], down)
		pos = down
	}
	seat(m, all, pos, f, was)
}

// seat puts a field to pos, which was at another place, or -1.
func seat(m *parts, all []dueField, pos int, f dueField, was int) {
	all[pos] = f
	if was < 0 || pos/dueGroup != was/dueGroup {
		entry{m.at(f.entry)}.setAccess(uint32(pos / dueGroup)) //nolint:gosec // see dueFields
	}
}

// aliveLook is how many of the last fields in the heap are asked first whether there is one that has not expired.
const aliveLook = 256

// allBefore reports whether all fields expire before a time.
func (d *dueFields) allBefore(m *parts, at int64) bool {
	all := d.all(m)
	for i := len(all) - 1; i >= max(0, len(all)-aliveLook); i-- {
		if all[i].when() >= at {
			return false
		}
	}
	return len(all) <= aliveLook || d.before(m, at) == len(all)
}

// before counts the fields that expire before a time. Where one does not, none below it in the heap does.
func (d *dueFields) before(m *parts, at int64) int { return countBefore(d.all(m), 0, at) }

func countBefore(all []dueField, pos int, at int64) int {
	if pos >= len(all) || all[pos].when() >= at {
		return 0
	}
	return 1 + countBefore(all, 2*pos+1, at) + countBefore(all, 2*pos+2, at)
}
