//go:build race

package store

const raceEnabled = true // freed memory is poisoned
