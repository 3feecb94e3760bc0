package kernel

// delta is the routine of a level for a delta net's step; it is nil where there is none. It takes a positive multiple of unit columns.
type delta struct {
	unit int
	step deltaFunc
}

// deltaFunc is DeltaStep of columns whose rows, one for each of keys, are ld bytes apart.
type deltaFunc func(state *float32, ld int, query, key *float32, keys int, value, out *float32, columns int, keep, take float32)

// DeltaStep takes the state [keys, values] of a gated delta net's head a token further and writes what it answers the query to
// out:
//
//	state = keep·state;  value = (value − stateᵀ·key)·take;  state += key·valueᵀ;  out = stateᵀ·query
//
// value is overwritten. Sums go over keys in ascending order from 0; products and sums are rounded to float32 one by one. A NaN in out is the
// canon's, in the state and in value of any bits. It panics unless query and key are as long, value and out too, and the state has room for
// both, and where there is no key.
func (k *Kernels) DeltaStep(state, query, key, value, out []float32, keep, take float32) {
	n := len(out)
	if len(key) == 0 || len(query) != len(key) || len(value) != n || !fits(len(state), len(key), n, n) {
		panicf("DeltaStep: a state of %d for keys of %d and %d, values of %d and %d", len(state), len(query), len(key), len(value), n)
	}
	done := 0
	if k.asm != nil && k.asm.delta.step != nil {
		d := &k.asm.delta
		if done = n / d.unit * d.unit; done > 0 {
			d.step(&state[0], 4*n, &query[0], &key[0], len(key), &value[0], &out[0], done, keep, take)
		}
	}
	if done < n {
		deltaStep(state[done:], n, query, key, value[done:], out[done:], keep, take)
	}
	for i, v := range out {
		out[i] = canonical(v)
	}
}

// deltaStep is DeltaStep in plain Go, of columns whose rows are ld apart.
func deltaStep(state []float32, ld int, query, key, value, out []float32, keep, take float32) {
	n := len(out)
	clear(out)
	for i, k := range key {
		row := state[i*ld:][:n]
		for j := range out {
			s := float32(row[j] * keep)
			row[j] = s
			out[j] += float32(s * k)
		}
	}
	for j, had := range out {
		value[j] = float32((value[j] - had) * take)
	}
	clear(out)
	for i, k := range key {
		row, q := state[i*ld:][:n], query[i]
		for j, v := range value {
			s := row[j] + float32(k*v)
			row[j] = s
			out[j] += float32(s * q)
		}
	}
}
