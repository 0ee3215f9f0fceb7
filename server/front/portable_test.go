//go:build !linux || front_portable

package front

const portable = true

func childMain() bool { return false }
