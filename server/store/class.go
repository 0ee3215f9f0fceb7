package store

// Size classes of the pools. Up to 128 bytes every multiple of 8 is a class; from there eight classes a doubling, so that a
// block wastes at most an eighth; above 2 KB as many equal blocks as a page holds.
//
//	8 16 24 .. 128 | 144 160 .. 256 | 288 .. 512 | .. | 1152 .. 2048 | 2336 2728 3272 4096 5456 8192 16384

const (
	unit      = 8        // bytes; blocks are multiples of it, and references count in it
	pageSize  = 16 << 10 // bytes; every page holds blocks of one class
	pageUnits = pageSize / unit
	maxBlock  = pageSize // bytes; the largest block of a pool
)

const (
	smallStep  = 128  // up to here every multiple of unit is a class
	stepsUntil = 2048 // up to here there are classesPerDoubling
	perDouble  = 8
	numClasses = smallStep/unit + 4*perDouble + 7
)

// classes is computed once: sizes by class, and classes by size.
var classes = makeClasses()

type classTable struct {
	size   [numClasses]uint16       // bytes
	blocks [numClasses]uint16       // in a page
	of     [maxBlock/unit + 1]uint8 // by size in units, rounded up
}

func makeClasses() *classTable {
	t := new(classTable)
	n := 0
	add := func(size int) {
		t.size[n], t.blocks[n] = uint16(size), uint16(pageSize/size)
		n++
	}
	for s := unit; s <= smallStep; s += unit {
		add(s)
	}
	for base := smallStep; base < stepsUntil; base *= 2 {
		for i := 1; i <= perDouble; i++ {
			add(base + i*base/perDouble)
		}
	}
	for blocks := 7; blocks >= 1; blocks-- {
		add(pageSize / blocks &^ (unit - 1))
	}
	if n != numClasses {
		panic("store: numClasses is wrong")
	}
	c := 0
	for u := range t.of {
		if u*unit > int(t.size[c]) {
			c++
		}
		t.of[u] = uint8(c)
	}
	return t
}

// classOf is the class of the least block of at least n bytes; n is at most maxBlock.
func classOf(n int) uint8 { return classes.of[(n+unit-1)/unit] }

// classSize is the size of a class's blocks in bytes.
func classSize(c uint8) int { return int(classes.size[c]) }
