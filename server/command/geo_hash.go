package command

import "math"

// Geohashes: how a place on earth becomes the score of a sorted set, and a shape on earth some ranges of scores.
//
// The map of the earth, longitudes ±180 and latitudes ±85.05112878 (where Mercator's projection is a square), is halved 26 times each
// way; which half a place is in gives a bit each time, and the bits of both ways, interleaved, are a number of 52 bits, which a score
// holds exactly. Places that share the first 2·step bits lie in one cell of that step, and their scores in one range. A search looks
// into the cell of its centre and those around it, of a step chosen so that they cover the shape, and asks each place there whether it
// is inside. The order in which it visits the cells is what clients see where they ask for no other.
//
// All of it is as in Redis 7.0, to the order of the floating-point operations, so that the same places come out in the same order. The
// idea of geohashes is G. Niemeyer's (2008).

const (
	lonMax = 180.0
	latMax = 85.05112878

	cellSteps   = 26                 // of a score: the map is halved so many times each way
	earthRadius = 6372797.560856     // metres
	mercatorMax = 20037726.37        // metres: half the length of the map
	degree      = pi / 180           // radians
	latBits     = 0x5555555555555555 // the bits of an interleaved number that come from the latitude

	pi float64 = math.Pi // rounded before it is divided
)

// lonLat is a longitude and a latitude in degrees.
type lonLat struct{ lon, lat float64 }

// geoCell is a cell of the map: 2·step bits. The zero value is none.
type geoCell struct {
	bits uint64
	step uint
}

// lonLatBox are those of a cell or a shape, in degrees.
type lonLatBox struct{ minLon, minLat, maxLon, maxLat float64 }

// onMap reports whether p can be stored.
func (p lonLat) onMap() bool {
	return p.lon >= -lonMax && p.lon <= lonMax && p.lat >= -latMax && p.lat <= latMax
}

// geoCellOf is the cell of p, which lies on a map of latitudes ±maxLat.
func geoCellOf(p lonLat, maxLat float64, step uint) geoCell {
	scale := float64(uint64(1) << step)
	x := (p.lon + lonMax) / (2 * lonMax) * scale
	y := (p.lat + maxLat) / (maxLat + maxLat) * scale
	return geoCell{spreadBits(uint32(x))<<1 | spreadBits(uint32(y)), step}
}

// geoScore is the score of p.
func geoScore(p lonLat) float64 { return float64(geoCellOf(p, latMax, cellSteps).bits) }

// geoPlace is the middle of a score's cell.
func geoPlace(score float64) lonLat {
	b := geoCell{scoreBits(score), cellSteps}.bounds()
	return lonLat{
		max(-lonMax, min(lonMax, (b.minLon+b.maxLon)/2)),
		max(-latMax, min(latMax, (b.minLat+b.maxLat)/2)),
	}
}

// scoreBits makes an integer of a score. Scores that GEOADD did not make become what x86-64 makes of them, so that all nodes agree.
func scoreBits(score float64) uint64 {
	const half = 1 << 63
	switch {
	case score >= 2*half:
		return 0
	case score >= half:
		return uint64(score-half) | half
	case score > -half: // and NaN is never a score
		return uint64(int64(score)) //nolint:gosec // negative ones wrap
	}
	return half
}

// spreadBits puts the bits of n at the even places.
func spreadBits(n uint32) uint64 {
	x := uint64(n)
	x = (x | x<<16) & 0x0000ffff0000ffff
	x = (x | x<<8) & 0x00ff00ff00ff00ff
	x = (x | x<<4) & 0x0f0f0f0f0f0f0f0f
	x = (x | x<<2) & 0x3333333333333333
	return (x | x<<1) & latBits
}

// gatherBits takes the bits at the even places.
func gatherBits(x uint64) uint32 {
	x &= latBits
	x = (x | x>>1) & 0x3333333333333333
	x = (x | x>>2) & 0x0f0f0f0f0f0f0f0f
	x = (x | x>>4) & 0x00ff00ff00ff00ff
	x = (x | x>>8) & 0x0000ffff0000ffff
	return uint32(x | x>>16)
}

func (h geoCell) bounds() lonLatBox {
	x, y := gatherBits(h.bits>>1), gatherBits(h.bits)
	scale := float64(uint64(1) << h.step)
	return lonLatBox{
		minLon: -lonMax + float64(float64(x)/scale*(2*lonMax)), maxLon: -lonMax + float64((float64(x)+1)/scale*(2*lonMax)),
		minLat: -latMax + float64(float64(y)/scale*(2*latMax)), maxLat: -latMax + float64((float64(y)+1)/scale*(2*latMax)),
	}
}

// next is the cell so many to the east (or, negative, the west) and so many to the north. The map's edges meet: what lies on the upper
// edge is in a cell beyond the last.
func (h geoCell) next(east, north int) geoCell {
	mask := uint32(1)<<h.step - 1
	x, y := gatherBits(h.bits>>1), gatherBits(h.bits)
	if east != 0 {
		x = (x + uint32(east)) & mask //nolint:gosec // a negative number wraps, as does the map
	}
	if north != 0 {
		y = (y + uint32(north)) & mask //nolint:gosec // so does this
	}
	return geoCell{spreadBits(x)<<1 | spreadBits(y), h.step}
}

// scores is the range of scores in a geoCell, the first included, the second not.
func (h geoCell) scores() (from, to float64) {
	shift := 2 * (cellSteps - h.step)
	return float64(h.bits << shift), float64((h.bits + 1) << shift)
}

// geoShape is a circle or a box around a centre. Lengths are in the client's unit.
type geoShape struct {
	centre        lonLat
	box           bool
	radius        float64
	width, height float64
	unit          float64 // metres

	// See prepare.
	cosLat, far float64
	limits      lonLatBox
	limited     bool
}

// around are the limits of the shape.
func (s *geoShape) around() lonLatBox {
	h, w := s.unit*s.radius, s.unit*s.radius
	if s.box {
		h, w = s.unit*(s.height/2), s.unit*(s.width/2)
	}
	lat := h / earthRadius / degree
	widest := s.centre.lat + lat // where meridians lie closest
	if s.centre.lat < 0 {
		widest = s.centre.lat - lat
	}
	lon := w / earthRadius / cosOf(widest*degree) / degree
	return lonLatBox{s.centre.lon - lon, s.centre.lat - lat, s.centre.lon + lon, s.centre.lat + lat}
}

// steps estimates the step of cells of which nine cover the shape.
func (s *geoShape) steps() uint {
	r := s.radius
	if s.box {
		r = math.Sqrt(float64(s.width/2*(s.width/2)) + float64(s.height/2*(s.height/2)))
	}
	r *= s.unit
	if r == 0 {
		return cellSteps
	}
	step := -1
	for ; r < mercatorMax; r *= 2 {
		step++
	}
	if lat := math.Abs(s.centre.lat); lat > 80 {
		step -= 2
	} else if lat > 66 {
		step--
	}
	return uint(max(1, min(step, cellSteps)))
}

// cells are those that may hold places within the shape, in the order of the search; some may be none.
func (s *geoShape) cells() [9]geoCell {
	limits, step := s.around(), s.steps()
	centre := geoCellOf(s.centre, latMax, step)
	if step > 1 && !centre.covered(limits) {
		step--
		centre = geoCellOf(s.centre, latMax, step)
	}
	all := [...]struct{ east, north int }{{0, 0}, {0, 1}, {0, -1}, {1, 0}, {-1, 0}, {1, 1}, {-1, 1}, {1, -1}, {-1, -1}}
	own := centre.bounds()
	var list [len(all)]geoCell
	for i, to := range all {
		switch { // where the cell of the centre reaches to the shape's limits, or beyond, its neighbours on that side are no use
		case step < 2:
		case to.north < 0 && own.minLat < limits.minLat, to.north > 0 && own.maxLat > limits.maxLat,
			to.east < 0 && own.minLon < limits.minLon, to.east > 0 && own.maxLon > limits.maxLon:
			continue
		}
		list[i] = centre.next(to.east, to.north)
	}
	return list
}

// covered reports whether a cell and its neighbours reach as far as the limits.
func (h geoCell) covered(limits lonLatBox) bool {
	return !(h.next(0, 1).bounds().maxLat < limits.maxLat || h.next(0, -1).bounds().minLat > limits.minLat ||
		h.next(1, 0).bounds().maxLon < limits.maxLon || h.next(-1, 0).bounds().minLon > limits.minLon)
}

// prepare works out what the search would for each place again.
func (s *geoShape) prepare() {
	s.limit()
	s.cosLat = cosOf(s.centre.lat * degree)
	s.far = 2 // beyond any
	if half := s.radius * s.unit / (2 * earthRadius); !s.box && half < math.Pi/2 {
		s.far = math.Sin(half) * math.Sin(half) * (1 + slack)
	}
}

// limit notes the limits of a circle, beyond which nothing can lie within it, unless they go over the edge of the map or a pole: whoever
// goes no farther than the radius stays below the latitude where meridians lie closest.
func (s *geoShape) limit() {
	b := s.around()
	s.limits = lonLatBox{b.minLon - slack, b.minLat - slack, b.maxLon + slack, b.maxLat + slack}
	s.limited = !s.box && b.minLon > -lonMax && b.maxLon < lonMax && b.minLat > -90 && b.maxLat < 90
}

// slack is by how much what is compared to be quick is kept off the limit: far more than it may be off by rounding.
const slack = 1e-9

// distance is how far a place is from the centre, in metres, and whether it lies within the shape.
func (s *geoShape) distance(p lonLat) (float64, bool) {
	if s.box {
		if meridianArc(p.lat, s.centre.lat) > s.unit*s.height/2 {
			return 0, false
		}
		if greatCircle(p, lonLat{s.centre.lon, p.lat}) > s.unit*s.width/2 {
			return 0, false
		}
		return greatCircle(s.centre, p), true
	}
	if l := &s.limits; s.limited && (p.lat < l.minLat || p.lat > l.maxLat || p.lon < l.minLon || p.lon > l.maxLon) {
		return 0, false
	}
	a, same := haversine(s.centre, p, s.cosLat)
	if a > s.far {
		return 0, false
	}
	d := arc(a)
	if same {
		d = meridianArc(s.centre.lat, p.lat)
	}
	return d, !(d > s.radius*s.unit)
}

// greatCircle is the distance of two places, in metres.
func greatCircle(a, b lonLat) float64 {
	h, same := haversine(a, b, cosOf(a.lat*degree))
	if same {
		return meridianArc(a.lat, b.lat)
	}
	return arc(h)
}

// haversine is that of the angle between two places, seen from the middle of the earth, where cosLat is the cosine of the first one's
// latitude; or they are on the same meridian, which saves the work. https://en.wikipedia.org/wiki/Haversine_formula
func haversine(a, b lonLat, cosLat float64) (h float64, same bool) {
	v := sinOf((float64(b.lon*degree) - float64(a.lon*degree)) / 2)
	if v == 0 {
		return 0, true
	}
	lat1, lat2 := a.lat*degree, b.lat*degree
	u := sinOf((lat2 - lat1) / 2)
	return float64(u*u) + float64(cosLat*cosOf(lat2)*v*v), false
}

// arc is the length of an arc on the earth by its haversine.
func arc(h float64) float64 { return 2 * earthRadius * asinOf(math.Sqrt(h)) }

// meridianArc is that of two places on one meridian.
func meridianArc(a, b float64) float64 {
	return earthRadius * math.Abs(float64(b*degree)-float64(a*degree))
}

// appendGeohash appends the usual geohash of p, of 11 characters, the last always '0': https://en.wikipedia.org/wiki/Geohash
func appendGeohash(dst []byte, p lonLat) []byte {
	const (
		alphabet = "0123456789bcdefghjkmnpqrstuvwxyz"
		length   = 11 // a score has bits for a bit more than 10
		allLat   = 90.0
	)
	bits := geoCellOf(p, allLat, cellSteps).bits
	for i := 1; i < length; i++ {
		dst = append(dst, alphabet[bits>>(2*cellSteps-5*i)&31])
	}
	return append(dst, alphabet[0])
}
