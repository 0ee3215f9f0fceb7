package ring

import "math/bits"

// SlotSet is a set of slots, one bit each. The zero value is empty.
type SlotSet [Slots / 64]uint64

// Add puts slot into the set.
func (s *SlotSet) Add(slot uint16) { s[slot/64] |= 1 << (slot % 64) }

// Remove takes slot out of the set.
func (s *SlotSet) Remove(slot uint16) { s[slot/64] &^= 1 << (slot % 64) }

// Has reports whether slot is in the set. A nil set is empty.
func (s *SlotSet) Has(slot uint16) bool { return s != nil && s[slot/64]>>(slot%64)&1 == 1 }

// Len is the number of slots in the set.
func (s *SlotSet) Len() int {
	n := 0
	for _, word := range s {
		n += bits.OnesCount64(word)
	}
	return n
}

// Ranges is the set as ascending ranges, neighbours merged: what a [SetSlots] takes.
func (s *SlotSet) Ranges() []SlotRange {
	var ranges []SlotRange
	for slot := range uint16(Slots) {
		if !s.Has(slot) {
			continue
		}
		if n := len(ranges); n > 0 && ranges[n-1].End == slot-1 {
			ranges[n-1].End = slot
		} else {
			ranges = append(ranges, SlotRange{slot, slot})
		}
	}
	return ranges
}

// AddAll puts the slots of other into the set.
func (s *SlotSet) AddAll(other *SlotSet) {
	for i := range s {
		s[i] |= other[i]
	}
}
