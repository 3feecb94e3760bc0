package generate

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// chooseBySorting is the definition that choose is compared with: everything sorted,
// then cut.
func chooseBySorting(o Options, logits []float32) ([]candidate, float64) {
	var list []candidate
	for id, v := range logits {
		if v > -inf {
			list = append(list, candidate{id: int32(id), logit: v})
		}
	}
	sum := o.weigh(list)
	slices.SortFunc(list, byLogit)
	if k := o.TopK; k > 0 && k < len(list) {
		list = list[:k]
		sum = o.weigh(list)
	}
	return o.cut(list, sum)
}

func TestChooseIsSorting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Few values make many ties; -Inf is among them.
		values := rapid.SliceOfN(rapid.Float32Range(-30, 30), 1, 20).Draw(t, "values")
		logits := rapid.SliceOfN(rapid.SampledFrom(append(values, -inf)), 1, 300).Draw(t, "logits")
		logits[rapid.IntRange(0, len(logits)-1).Draw(t, "finite")] = values[0]
		o := Options{
			Temperature: rapid.Float32Range(0.01, 100).Draw(t, "temperature"),
			TopK:        rapid.IntRange(0, 310).Draw(t, "k"),
			TopP:        rapid.Float32Range(0, 1).Draw(t, "p"),
			MinP:        rapid.SampledFrom([]float32{0, 0, 1e-4, 0.05, 0.5, 1}).Draw(t, "min-p"),
		}
		w := newWeigher("").take()
		want, wantSum := chooseBySorting(o, logits)
		if o.keepsAll(len(logits)) {
			w.weigh(o, logits)
			for _, c := range want {
				if got := w.weights[c.id]; got != c.weight {
					t.Fatalf("%+v: token %d weighs %v, want %v", o, c.id, got, c.weight)
				}
			}
			return
		}
		list, sum := o.choose(w, logits)
		if !slices.Equal(list, want) || sum != wantSum {
			t.Fatalf("%+v: %v of %v, want %v of %v", o, list, sum, want, wantSum)
		}
	})
}
