package command

// globWork bounds the steps of one match: a pattern and a text of some thousand bytes each may still be as nasty as they like.
// Beyond it (a tenth of a second), the text counts as not matching. Redis has no such bound.
const globWork = 1 << 25

// globMatch reports whether all of text matches a pattern, by Redis's rules:
//
//   - ? matches any byte, * any number of them;
//   - [abc] matches any of the bytes, [a-c] (or [c-a]) any between, [^...] any other; \ takes the next byte as it is; what is
//     not closed ends with the pattern;
//   - \ takes the next byte as it is, any other byte matches itself.
//
// Only the last * seen is ever taken back to, as what an earlier one skips can be left to it; so the work is at most the
// product of the lengths. An empty text matches the empty pattern only: not even "*" (callers let that through before).
func globMatch(pattern, text []byte) bool {
	var (
		p, t     int
		star     = -1 // position after the last * in the pattern
		starText int  // where in the text it takes up
	)
	if len(text) == 0 {
		return len(pattern) == 0
	}
	for work := 0; t < len(text); work++ {
		if work > globWork {
			return false
		}
		if p < len(pattern) && pattern[p] == '*' {
			p++
			star, starText = p, t
			continue
		}
		if p < len(pattern) {
			if n, ok := matchOne(pattern[p:], text[t]); ok {
				p += n
				t++
				continue
			}
		}
		if star < 0 {
			return false
		}
		starText++
		p, t = star, starText
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// matchOne matches one byte against the beginning of a pattern, which is not empty and not a *, and answers how much of the
// pattern that took.
func matchOne(p []byte, c byte) (n int, ok bool) {
	switch {
	case p[0] == '?':
		return 1, true
	case p[0] == '[':
		return matchClass(p, c)
	case p[0] == '\\' && len(p) >= 2:
		return 2, p[1] == c
	}
	return 1, p[0] == c
}

func matchClass(p []byte, c byte) (n int, ok bool) {
	i := 1
	not := i < len(p) && p[i] == '^'
	if not {
		i++
	}
	match := false
	for i < len(p) && p[i] != ']' {
		switch {
		case p[i] == '\\' && len(p)-i >= 2:
			i++
			match = match || p[i] == c
		case len(p)-i >= 3 && p[i+1] == '-':
			lo, hi := min(p[i], p[i+2]), max(p[i], p[i+2])
			i += 2
			match = match || lo <= c && c <= hi
		default:
			match = match || p[i] == c
		}
		i++
	}
	if i < len(p) {
		i++ // the closing bracket
	}
	return i, match != not
}
