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
	weight float64
}

// byLogit orders candidates by falling logit; ties go to the smaller id.
func byLogit(a, b candidate) int {
	return cmp.Or(cmp.Compare(b.logit, a.logit), cmp.Compare(a.id, b.id))
}

// choose returns the tokens that the options leave of those above -Inf, in list's memory if that is
// enough, and the sum of their weights. It sorts no more of the vocabulary than
// top-k or, without that, top-p and min-p can leave; where nothing is cut, the
// tokens are in the order of their ids.
func (o Options) choose(list []candidate, logits []float32) ([]candidate, float64) {
	if k := o.TopK; k > 0 && k < len(logits) {
		list = likeliest(list, logits, k)
		slices.SortFunc(list, byLogit)
		return o.cut(list, o.weigh(list))
	}
	list = list[:0]
	for id, v := range logits {
		if v >= -math.MaxFloat32 {
			list = append(list, candidate{id: int32(id), logit: v})
		}
	}
	sum := o.weigh(list)
	if o.topP() == 1 && o.MinP == 0 {
		return list, sum
	}
	// The tokens below the first bound weigh at most half of what top-p cuts off in
	// all, so none of them can be left; min-p's bound is exact, as the most likely
	// token weighs 1.
	bound := max((1-o.topP())*sum/(2*float64(len(list))), float64(o.MinP))
	list = slices.DeleteFunc(list, func(c candidate) bool { return c.weight < bound })
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
		c.weight = float64(detmath.Exp((c.logit - most) / o.Temperature))
		sum += c.weight
	}
	return sum
}

// cut leaves out the tail of a sorted list that top-p and min-p do not want, and
// returns the rest's weight. The list weighs sum, or did before its tail was cut.
func (o Options) cut(list []candidate, sum float64) ([]candidate, float64) {
	p, kept := o.topP(), 0.0
	for i, c := range list {
		if i > 0 && (p < 1 && kept >= p*sum || c.weight < float64(o.MinP)) {
			return list[:i], kept
		}
		kept += c.weight
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
