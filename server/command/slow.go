package command

// IsSlow reports whether this call may take long, so that it must not run on a loop.
func (r *Row) IsSlow(args [][]byte) bool { return r.Has(Slow) || r.SlowIf != nil && r.SlowIf(args) }
