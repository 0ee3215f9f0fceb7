package control

import "time"

// Origin is the zero of Mono, for clocks that are compared with it.
func Origin() time.Time { return processStart }
