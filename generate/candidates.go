package generate

import (
	"cmp"
	"math"
	"slices"

	"github.com/helix-substrate/helix-substrate/internal/detmath"
)

// candidate is a token that may be drawn, with the share weight/sum of chances.
type candidate struct {
	id     int32
	logit  float32
	weight float32
}

// byLogit orders candidates by falling logit; ties go to the smaller id.
func byLogit(a, b candidate) int {
	return cmp.Or(cmp.Compare(b.logit, a.logit), cmp.Compare(a.id, b.id))
}

// keepsAll tells whether no token of a vocabulary is cut off.
func (o Options) keepsAll(vocab int) bool {
	return (o.TopK == 0 || o.TopK >= vocab) && o.topP() == 1 && o.MinP == 0
}

// choose returns the tokens that options which cut some off leave of those above -Inf, in the order of likelihood and in w's memory, and
// the sum of their weights. It sorts no more of the vocabulary than top-k or, without that, top-p and min-p can leave.
func (o Options) choose(w *weighing, logits []float32) ([]candidate, float64) {
	if k := o.TopK; k > 0 && k < len(logits) {
		w.list = likeliest(w.list, logits, k)
		slices.SortFunc(w.list, byLogit)
		return o.cut(w.list, o.weigh(w.list))
	}
	sum := w.weigh(o, logits)
	left := 0
	for _, v := range logits {
		if v >= -math.MaxFloat32 {
			left++
		}
	}
	// The tokens below the first bound weigh at most half of what top-p cuts off in
	// all, so none of them can be left; min-p's bound is exact, as the most likely
	// token weighs 1.
	bound := max((1-o.topP())*sum/(2*float64(left)), float64(o.MinP))
	list := slices.Grow(w.list[:0], left) // at once, as it is planned
	for id, weight := range w.weights {
		if float64(weight) >= bound {
			list = append(list, candidate{int32(id), logits[id], weight})
		}
	}
	w.list = list
	slices.SortFunc(list, byLogit)
	return o.cut(list, sum)
}

func (o Options) topP() float64 {
	if o.TopP == 0 {
		return 1
	}
	return float64(o.TopP)
}

// weigh sets the weights, the probabilities relative to the most likely token's, and
// returns their sum.
func (o Options) weigh(list []candidate) (sum float64) {
	most := list[0].logit
	for _, c := range list {
		most = max(most, c.logit)
	}
	for i := range list {
		c := &list[i]
		c.weight = detmath.Exp((c.logit - most) / o.Temperature)
		sum += float64(c.weight)
	}
	return sum
}

// cut leaves out the tail of a sorted list that top-p and min-p do not want, and
// returns the rest's weight. The list weighs sum, or did before its tail was cut.
func (o Options) cut(list []candidate, sum float64) ([]candidate, float64) {
	p, kept := o.topP(), 0.0
	for i, c := range list {
		if i > 0 && (p < 1 && kept >= p*sum || c.weight < o.MinP) {
			return list[:i], kept
		}
		kept += float64(c.weight)
	}
	return list, kept
}

// likeliest returns the k most likely tokens in the order of a heap, the least
// likely first.
func likeliest(heap []candidate, logits []float32, k int) []candidate {
	heap = heap[:0]
	for id, v := range logits {
		c := candidate{id: int32(id), logit: v}
		switch {
		case v < -math.MaxFloat32:
		case len(heap) < k:
			heap = append(heap, c)
			if len(heap) == k {
				for i := k/2 - 1; i >= 0; i-- {
					sink(heap, i)
				}
			}
		case byLogit(c, heap[0]) < 0:
			heap[0] = c
			sink(heap, 0)
		}
	}
	return heap
}

// sink moves heap[i] below those less likely than it.
func sink(heap []candidate, i int) {
	for {
		least := i
		for _, child := range [...]int{2*i + 1, 2*i + 2} {
			if child < len(heap) && byLogit(heap[child], heap[least]) > 0 {
				least = child
			}
		}
		if least == i {
			return
		}
		heap[i], heap[least] = heap[least], heap[i]
		i = least
	}
}
