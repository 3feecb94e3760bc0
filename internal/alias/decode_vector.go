//go:build (amd64 || arm64) && !noasm

package alias

// quads decodes as many steps, four at a time, as there are words for all states, and returns how many.
func (d *decoder) quads(dst []byte, tables []Table, plan []byte) int {
	if !hasVector || len(plan) < quad || len(d.words) < 2*lanes {
		return 0
	}
	done, taken, raw := decodeVector(&dst[0], len(plan)/quad, &d.words[0], len(d.words)/2, &d.states, &tables[0].divider[0], &plan[0], &d.raw[0])
	d.words, d.raw = d.words[2*taken:], d.raw[raw:]
	return done * quad
}

// spread is, for eight bits that say which states need a word, the order of bytes that gives each its own of the next words.
var spread = func() (s [256][16]byte) {
	for mask := range s {
		next := byte(0)
		for i := range 8 {
			s[mask][2*i], s[mask][2*i+1] = 0x80, 0x80
			if mask>>i&1 == 1 {
				s[mask][2*i], s[mask][2*i+1] = next, next+1
				next += 2
			}
		}
	}
	return s
}()
