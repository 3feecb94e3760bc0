package kernel

import "unsafe"

// attention are the routines of a level, by [KVForm]. Nil where it has none.
type attention struct {
	scores [kvForms]scoresFunc
	// softmax turns scores into weights; scales are the values' or nil.
	softmax func(scores *float32, rows int, states *float32, scales *float32)
	values  [kvForms]valuesFunc
	// scale multiplies n elements, a positive multiple of 16, by a factor; a NaN comes out as the canon's.
	scale func(dst, src *float32, n int, factor float32)
	// widen makes float32 of n elements, a positive multiple of 16, where scores and values are nil.
	widen [kvForms]func(dst *float32, src *byte, n int)
}

type (
	// scoresFunc sets scores of rows × AttentionTile; scales are the keys' or nil.
	scoresFunc func(scores, queries *float32, rows, dim int, keys *byte, scales *float32)
	// valuesFunc adds n positions (at least one) of values to sums [rows, padded]; padded is a multiple of 16.
	valuesFunc func(sums *float32, rows, padded int, states *float32, weights *float32, values *byte, n int)
)

// attention returns the level's routines, nil if it has none.
func (k *Kernels) attention() *attention {
	if k.asm == nil || k.asm.attention.softmax == nil {
		return nil
	}
	return &k.asm.attention
}

// scores is scoresPortable.
func (k *Kernels) scores(scores, queries []float32, t *tile) {
	if f := k.attention(); f != nil && f.scores[t.form] != nil {
		f.scores[t.form](&scores[0], &queries[0], len(scores)/AttentionTile, t.dim, &t.keys[0], unsafe.SliceData(t.keyScales))
		return
	}
	if k.asm != nil {
		k.scoresDense(scores, queries, t)
		return
	}
	scoresPortable(scores, queries, t)
}

// softmaxTile is softmaxTilePortable.
func (k *Kernels) softmaxTile(scores []float32, states []softmaxState, scales []float32) {
	if f := k.attention(); f != nil {
		f.softmax(&scores[0], len(states), &states[0].largest, unsafe.SliceData(scales))
		return
	}
	softmaxTilePortable(scores, states, scales)
}

// values is valuesPortable, of n > 0 positions.
func (k *Kernels) values(sums []float32, states []softmaxState, weights []float32, form KVForm, values []byte, padded, n int) {
	if f := k.attention(); f != nil && f.values[form] != nil {
		f.values[form](&sums[0], len(states), padded, &states[0].largest, &weights[0], &values[0], n)
		return
	}
	if k.asm != nil {
		k.valuesDense(sums, states, weights, form, values, padded, n)
		return
	}
	valuesPortable(sums, states, weights, form, values, padded, n)
}

// scale sets dst to src times a factor.
func (k *Kernels) scale(dst, src []float32, factor float32) {
	whole := 0
	if f := k.attention(); f != nil {
		if whole = len(src) &^ (laneCount - 1); whole > 0 {
			f.scale(&dst[0], &src[0], whole, factor)
		}
	}
	for i, v := range src[whole:] {
		dst[whole+i] = canonical(v * factor)
	}
}
