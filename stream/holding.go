package stream

import (
	"cmp"
	"slices"
)

// holding says which of a layer's experts are held in a number of slots. One that is wanted and not held takes the place of
// the one that was used least often, or before all others of as few uses; those wanted at the same time stay. Uses of long ago
// count less: all counts are halved whenever there have been usesPerExpert for each expert. docs/MODELS.md says what that was
// chosen by.
type holding struct {
	slot   []int32 // of each expert, or nowhere
	expert []int32 // in each slot, or nowhere
	uses   []uint32
	last   []uint32 // the round in which an expert was used last
	round  uint32
	sum    int // of uses since they were halved

	missing []int32 // those of the last round that were not held, the most used ones first
	taken   []int32 // the slots that some of these took
}

const (
	nowhere       = -1
	usesPerExpert = 16
)

func newHolding(experts, slots int) *holding {
	h := &holding{
		slot: make([]int32, experts), expert: make([]int32, slots), uses: make([]uint32, experts), last: make([]uint32, experts),
		missing: make([]int32, 0, experts), taken: make([]int32, 0, slots),
	}
	for i := range h.slot {
		h.slot[i] = nowhere
	}
	for i := range h.expert {
		h.expert[i] = nowhere
	}
	return h
}

// seed counts uses that were measured before, shares of a token's choices, as so many that those of a new text outweigh them
// after a while.
func (h *holding) seed(shares []float64) {
	sum := 0.0
	for _, v := range shares {
		sum += v
	}
	for i, v := range shares {
		h.uses[i] = uint32(v / sum * float64(usesPerExpert/2*len(h.uses)))
		h.sum += int(h.uses[i])
	}
}

// fill gives all slots to the experts that are used most.
func (h *holding) fill() {
	order := make([]int32, len(h.slot))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, h.byUses)
	for s := range h.expert {
		h.expert[s], h.slot[order[s]] = order[s], int32(s)
	}
}

// byUses orders experts, those of most uses first.
func (h *holding) byUses(a, b int32) int {
	return cmp.Or(cmp.Compare(h.uses[b], h.uses[a]), cmp.Compare(a, b))
}

// route takes note of a round's choices, of which those of expert i end at place ends[i] of all; it sets missing and taken.
func (h *holding) route(ends []int32) {
	h.round++
	h.missing, h.taken = h.missing[:0], h.taken[:0]
	first := int32(0)
	for i, end := range ends {
		if n := end - first; n > 0 {
			h.uses[i] += uint32(n)
			h.sum += int(n)
			h.last[i] = h.round
			if h.slot[i] == nowhere {
				h.missing = append(h.missing, int32(i))
			}
		}
		first = end
	}
	if h.sum >= usesPerExpert*len(h.uses) {
		h.sum = 0
		for i := range h.uses {
			h.uses[i] /= 2
			h.sum += int(h.uses[i])
		}
	}
	slices.SortFunc(h.missing, h.byUses)
	for _, i := range h.missing {
		s := h.leastUsed()
		if s == nowhere {
			return
		}
		if old := h.expert[s]; old != nowhere {
			h.slot[old] = nowhere
		}
		h.expert[s], h.slot[i] = i, s
		h.taken = append(h.taken, s)
	}
}

// leastUsed returns the slot of the expert that may go, an empty one if there is any, nowhere if all are wanted now.
func (h *holding) leastUsed() int32 {
	least := int32(nowhere)
	for s, i := range h.expert {
		switch {
		case i == nowhere:
			return int32(s)
		case h.last[i] == h.round:
		case least == nowhere, h.before(i, h.expert[least]):
			least = int32(s)
		}
	}
	return least
}

// before tells whether expert i goes before another.
func (h *holding) before(i, other int32) bool {
	return cmp.Or(cmp.Compare(h.uses[i], h.uses[other]), cmp.Compare(h.last[i], h.last[other]), cmp.Compare(i, other)) < 0
}
