package ring

// Heir says who should become primary of a slot whose primary is gone.
type Heir struct {
	Slot uint16
	Node Index
}

// Heirs chooses a new primary for each slot whose primary is gone, among its in-sync replicas that are not gone, so that
// the slots spread over the survivors by weight. Standbys and nodes that drain inherit only what nobody else can. A slot
// that no in-sync replica survives has no heir: who has what remains of it is not for this package to say.
// The heirs come in ascending order of slots. Pure and deterministic.
func Heirs(m *Map, gone func(Index) bool) []Heir {
	held := make([]int, len(m.Nodes))
	for i, c := range m.Counts() {
		held[i] = c.Primaries
	}
	var heirs []Heir
	for slot := range m.Slots {
		if p := m.Slots[slot].Primary; p == None || !gone(p) {
			continue
		}
		if heir := m.heir(uint16(slot), gone, held); heir != None {
			held[heir]++
			heirs = append(heirs, Heir{uint16(slot), heir})
		}
	}
	// The first choices did not know the later ones: nodes whose copies come early got few. So each slot chooses again,
	// knowing all others. It settles in two or three rounds; the bound only guards against a cycle.
	const rounds = 8
	for range rounds {
		changed := false
		for i := range heirs {
			h := &heirs[i]
			held[h.Node]--
			if heir := m.heir(h.Slot, gone, held); heir != h.Node && m.lighter(heir, h.Node, held) {
				h.Node, changed = heir, true
			}
			held[h.Node]++
		}
		if !changed {
			break
		}
	}
	return heirs
}

// heir is the in-sync replica of slot that is not gone and holds least, or None.
func (m *Map) heir(slot uint16, gone func(Index) bool, held []int) Index {
	s := &m.Slots[slot]
	best := None
	for k, r := range s.Copies() {
		if s.InSync>>k&1 == 1 && !gone(r) && (best == None || m.lighter(r, best, held)) {
			best = r
		}
	}
	return best
}

// lighter reports whether a should inherit rather than b: it is no standby and does not drain, or holds less for its weight.
func (m *Map) lighter(a, b Index, held []int) bool {
	x, y := &m.Nodes[a], &m.Nodes[b]
	if willing, other := x.Weight > 0 && !x.Draining, y.Weight > 0 && !y.Draining; willing != other {
		return willing
	}
	return held[a]*max(1, y.Weight) < held[b]*max(1, x.Weight)
}
