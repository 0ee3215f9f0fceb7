package rdb

import (
	"math"
	"strconv"
)

// Lengths of a number in text that are the number itself.
const (
	textNaN    = 253
	textInf    = 254
	textNegInf = 255
)

// TextFloat64 reads a number in decimal, as sorted sets had them before Redis 4.0: a byte with the length of the text, and the text.
func (r *Reader) TextFloat64() (float64, error) {
	head, err := r.take(1)
	if err != nil {
		return 0, err
	}
	switch head[0] {
	case textNaN:
		return math.NaN(), nil
	case textInf:
		return math.Inf(1), nil
	case textNegInf:
		return math.Inf(-1), nil
	}
	text, err := r.take(uint64(head[0]))
	if err != nil {
		return 0, err
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return 0, errNumber
	}
	return f, nil
}
