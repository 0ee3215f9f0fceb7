package rdb

import "encoding/binary"

// The checksum is the CRC-64 with the polynomial that D. T. Jones found ("An improved 64-bit cyclic redundancy check for
// protein sequences", 2002) in the reflected form, from 0 and not inverted at the end: that of "123456789" is
// e9c6d914c4b8d9ca. The standard library's hash/crc64 inverts, which could be undone, but it takes polynomials other than its
// own a byte at a time, or makes its large tables anew with each call.
const jones = 0x95ac9329ac4bc9b5

// crcTables are for eight bytes at a time ("slicing by 8": M. Kounavis and F. Berry, "A systematic approach to building high
// performance software-based CRC generators", 2005): table i says what a byte does to the checksum with i more bytes behind it.
var crcTables = makeTables()

func makeTables() (t [8][256]uint64) {
	for i := range t[0] {
		crc := uint64(i)
		for range 8 {
			crc = crc>>1 ^ jones*(crc&1)
		}
		t[0][i] = crc
	}
	for k := 1; k < len(t); k++ {
		for i, crc := range t[k-1] {
			t[k][i] = crc>>8 ^ t[0][byte(crc)]
		}
	}
	return t
}

// checksum is the checksum of some bytes, the first of which had crc, followed by p.
func checksum(crc uint64, p []byte) uint64 {
	t := &crcTables
	for ; len(p) >= 8; p = p[8:] {
		crc ^= binary.LittleEndian.Uint64(p)
		crc = t[7][byte(crc)] ^ t[6][byte(crc>>8)] ^ t[5][byte(crc>>16)] ^ t[4][byte(crc>>24)] ^
			t[3][byte(crc>>32)] ^ t[2][byte(crc>>40)] ^ t[1][byte(crc>>48)] ^ t[0][crc>>56]
	}
	for _, b := range p {
		crc = crc>>8 ^ t[0][byte(crc)^b]
	}
	return crc
}
