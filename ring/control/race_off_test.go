//go:build !race

package control

const raceFactor = 1
