package config

// match says whether name matches a glob pattern as Redis reads them: * any run, ? any byte, [ab] [a-z] [^a] one of a
// set, \ takes the next byte as it is. It goes back to the last star only, so its work is at most the product of the two
// lengths: the textbook recursion takes exponential time on a*a*a*a*b, and patterns come from clients.
func match(pattern, name string) bool {
	p, n := 0, 0
	starP, starN := -1, 0
	for n < len(name) {
		if p < len(pattern) {
			if pattern[p] == '*' {
				starP, starN = p, n
				p++
				continue
			}
			if ok, width := matchOne(pattern[p:], name[n]); ok {
				p += width
				n++
				continue
			}
		}
		if starP < 0 {
			return false
		}
		starN++
		p, n = starP+1, starN
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// matchOne matches one byte against the element at the start of pattern, which is not a star, and says how long that is.
func matchOne(pattern string, b byte) (ok bool, width int) {
	switch pattern[0] {
	case '?':
		return true, 1
	case '\\':
		if len(pattern) > 1 {
			return pattern[1] == b, 2
		}
	case '[':
		return matchSet(pattern, b)
	}
	return pattern[0] == b, 1
}

// matchSet matches one byte against the set at the start of pattern. A set that is not closed ends with the pattern.
func matchSet(pattern string, b byte) (ok bool, width int) {
	i := 1
	not := i < len(pattern) && pattern[i] == '^'
	if not {
		i++
	}
	for i < len(pattern) && pattern[i] != ']' {
		if pattern[i] == '\\' && i+1 < len(pattern) {
			i++
		}
		lo, hi := pattern[i], pattern[i]
		if i+2 < len(pattern) && pattern[i+1] == '-' {
			hi = pattern[i+2]
			i += 2
		}
		if lo > hi {
			lo, hi = hi, lo
		}
		ok = ok || lo <= b && b <= hi
		i++
	}
	return ok != not, min(i+1, len(pattern))
}
