package kernel

// scan is the routine of a level for a Mamba-2 layer's step; it is nil where there is none. It takes a positive multiple of unit columns.
type scan struct {
	unit int
	step deltaFunc
}

// ScanStep takes the state [keys, values] of a Mamba-2 head a token further and writes what its query reads to out:
//
//	state = keep·state + (take·key)·valueᵀ;  out = stateᵀ·query
//
// Sums go over keys in ascending order from 0; products and sums are rounded to float32 one by one. A NaN in out is the canon's, in the state
// of any bits. It panics unless query and key are as long, value and out too, and the state has room for both, and where there is no key.
func (k *Kernels) ScanStep(state, query, key, value, out []float32, keep, take float32) {
	n := len(out)
	if len(key) == 0 || len(query) != len(key) || len(value) != n || !fits(len(state), len(key), n, n) {
		panicf("ScanStep: a state of %d for keys of %d and %d, values of %d and %d", len(state), len(query), len(key), len(value), n)
	}
	done := 0
	if k.asm != nil && k.asm.scan.step != nil {
		s := &k.asm.scan
		if done = n / s.unit * s.unit; done > 0 {
			s.step(&state[0], 4*n, &query[0], &key[0], len(key), &value[0], &out[0], done, keep, take)
		}
	}
	if done < n {
		scanStep(state[done:], n, query, key, value[done:], out[done:], keep, take)
	}
	for i, v := range out {
		out[i] = canonical(v)
	}
}

// scanStep is ScanStep in plain Go, of columns whose rows are ld apart.
func scanStep(state []float32, ld int, query, key, value, out []float32, keep, take float32) {
	n := len(out)
	value = value[:n]
	clear(out)
	i := 0
	for ; i+4 <= len(key); i += 4 { // as many at a time as there are registers for
		a, b, c, d := state[i*ld:][:n], state[(i+1)*ld:][:n], state[(i+2)*ld:][:n], state[(i+3)*ld:][:n]
		ka, kb, kc, kd := float32(key[i]*take), float32(key[i+1]*take), float32(key[i+2]*take), float32(key[i+3]*take)
		qa, qb, qc, qd := query[i], query[i+1], query[i+2], query[i+3]
		for j, v := range value {
			sa, sb := float32(a[j]*keep)+float32(ka*v), float32(b[j]*keep)+float32(kb*v)
			sc, sd := float32(c[j]*keep)+float32(kc*v), float32(d[j]*keep)+float32(kd*v)
			a[j], b[j], c[j], d[j] = sa, sb, sc, sd
			sum := out[j] + float32(sa*qa)
			sum += float32(sb * qb)
			sum += float32(sc * qc)
			out[j] = sum + float32(sd*qd)
		}
	}
	for ; i < len(key); i++ {
		row, q, k := state[i*ld:][:n], query[i], float32(key[i]*take)
		for j, v := range value {
			s := float32(row[j]*keep) + float32(k*v)
			row[j] = s
			out[j] += float32(s * q)
		}
	}
}
