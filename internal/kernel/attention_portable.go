package kernel

import (
	"math"

	"github.com/helix-substrate/helix-substrate/dtype"
)

// This file is attention's part of the canon as plain Go: what happens to some query vectors at a tile.

// softmaxState is one query vector's running softmax: the largest score so far, the sum of e^(score - largest), and what
// the sums of values before this tile are to be multiplied by, since the largest has changed.
type softmaxState struct {
	largest, sum, factor float32
	_                    float32
}

// withSink returns what the sums of values are multiplied by in the end where a score of no position takes its share.
func (s *softmaxState) withSink(sink float32) float32 {
	if sink <= s.largest {
		return 1 / float32(s.sum+exp32(sink-s.largest))
	}
	factor := exp32(s.largest - sink)
	return factor / FMA32(s.sum, factor, 1)
}

// noScore is the largest score where there is none yet.
const noScore = -math.MaxFloat32

// at returns element i of keys or values as float32.
func (f KVForm) at(b []byte, i int) float32 {
	switch f {
	case KVF16:
		return dtype.FromF16(view[uint16](b)[i])
	case KVInt8:
		return float32(view[int8](b)[i])
	}
	return view[float32](b)[i]
}

// scoresPortable sets scores [rows, AttentionTile] to the dot products of queries [rows, dim] and the tile's keys: a chain
// over the dimensions from +0, then times the key's scale if it has one.
func scoresPortable(scores, queries []float32, t *tile) {
	clear(scores)
	for r := range len(scores) / AttentionTile {
		row, query := scores[r*AttentionTile:][:AttentionTile], queries[r*t.dim:][:t.dim]
		for d, q := range query {
			for p := range row {
				row[p] = FMA32(q, t.form.at(t.keys, d*AttentionTile+p), row[p])
			}
		}
		for p, s := range t.keyScales {
			row[p] *= s
		}
	}
}

// softmaxTilePortable replaces scores by their weights e^(score - largest), times the values' scales where there are any,
// and brings the states up to date. -Inf, a position that is not seen, has the weight 0.
func softmaxTilePortable(scores []float32, states []softmaxState, scales []float32) {
	for r := range states {
		row, s := scores[r*AttentionTile:][:AttentionTile], &states[r]
		largest := s.largest
		for _, v := range row {
			if v > largest {
				largest = v
			}
		}
		var lanes [laneCount]float32
		for p, v := range row {
			row[p] = exp32(v - largest)
			lanes[p%laneCount] += row[p]
		}
		s.factor = exp32(s.largest - largest)
		s.sum = FMA32(s.sum, s.factor, sumLanes(lanes))
		s.largest = largest
		for p, scale := range scales {
			row[p] *= scale
		}
	}
}

// valuesPortable adds n positions of values, from the first given on, to sums [rows, padded dim]: each is multiplied by
// its state's factor first, then a chain over the positions. weights has them AttentionTile apart.
func valuesPortable(sums []float32, states []softmaxState, weights []float32, f KVForm, values []byte, padded, n int) {
	for r := range states {
		for d := range padded {
			sum := &sums[r*padded+d]
			*sum *= states[r].factor
			for p := range n {
				*sum = FMA32(weights[r*AttentionTile+p], f.at(values, p*padded+d), *sum)
			}
		}
	}
}
