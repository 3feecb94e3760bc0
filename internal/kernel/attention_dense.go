package kernel

// Where a level has routines for dense matrices but none for attention's sums (NEON), these are products X·W: they
// are the same chains, with the queries or the weights as X, and with a tile's keys or values, as float32, as W.

// scoresDense is scoresPortable.
func (k *Kernels) scoresDense(scores, queries []float32, t *tile) {
	clear(scores)
	rows := len(scores) / AttentionTile
	k.dense(t.form, t.keys, t.dim*AttentionTile, func(keys []float32) {
		k.AccumulateRowsF32(scores, AttentionTile, queries, t.dim, rows, keys, AttentionTile, t.dim, AttentionTile)
	})
	for r := range rows {
		for p, s := range t.keyScales {
			scores[r*AttentionTile+p] *= s
		}
	}
}

// valuesDense is valuesPortable.
func (k *Kernels) valuesDense(sums []float32, states []softmaxState, weights []float32, f KVForm, values []byte, padded, n int) {
	for r := range states {
		row := sums[r*padded:][:padded]
		k.scale(row, row, states[r].factor)
	}
	k.dense(f, values, n*padded, func(values []float32) {
		k.AccumulateRowsF32(sums, padded, weights, AttentionTile, len(states), values, padded, n, padded)
	})
}

// dense shows n elements as float32.
func (k *Kernels) dense(f KVForm, b []byte, n int, do func(x []float32)) {
	if f == KVF32 {
		do(view[float32](b)[:n])
		return
	}
	s := k.scratch.Get().(*scratch)
	x := resize(&s.weights, n)
	if a := k.attention(); a != nil && a.widen[f] != nil {
		a.widen[f](&x[0], &b[0], n)
	} else {
		for i := range x {
			x[i] = f.at(b, i)
		}
	}
	do(x)
	k.scratch.Put(s)
}
