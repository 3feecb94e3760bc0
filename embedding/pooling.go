package embedding

import (
	"context"
	"fmt"
	"math"
	"slices"
)

// Mode is how states become one vector.
type Mode string

// The modes, in the words of sentence-transformers.
const (
	FirstToken   Mode = "cls"
	LastToken    Mode = "lasttoken"
	Mean         Mode = "mean"
	MeanSqrt     Mode = "mean_sqrt_len_tokens" // the sum, divided by the root of the number
	WeightedMean Mode = "weightedmean"         // weights are the positions, from 1 on
	Max          Mode = "max"
)

// modes are those whose vectors lie behind each other where there are several, in this order.
var modes = []struct {
	mode Mode
	key  string // of older files
}{
	{FirstToken, "pooling_mode_cls_token"}, {Max, "pooling_mode_max_tokens"}, {Mean, "pooling_mode_mean_tokens"},
	{MeanSqrt, "pooling_mode_mean_sqrt_len_tokens"}, {WeightedMean, "pooling_mode_weightedmean_tokens"}, {LastToken, "pooling_mode_lasttoken"},
}

// readPooling reads a Pooling's config.json.
func (p *Pipeline) readPooling(ctx context.Context, s source, path string) error {
	o, err := s.object(ctx, path+"/config.json")
	if err != nil {
		return err
	}
	if o.values == nil {
		return fmt.Errorf("there is no %s/config.json: %w", path, ErrModule)
	}
	for _, key := range []string{"word_embedding_dimension", "embedding_dimension"} {
		n, err := o.number(key)
		if err != nil {
			return err
		}
		p.size = max(p.size, n)
	}
	if include, ok := o.values["include_prompt"].(bool); ok {
		p.without = !include
		delete(o.values, "include_prompt")
	}
	for _, m := range modes {
		on, err := take[bool](o, m.key)
		if err != nil {
			return err
		}
		if on {
			p.modes = append(p.modes, m.mode)
		}
	}
	switch named := o.values["pooling_mode"].(type) {
	case string:
		p.modes = []Mode{Mode(named)}
	case []any:
		p.modes = nil
		for _, v := range named {
			name, _ := v.(string)
			p.modes = append(p.modes, Mode(name))
		}
	}
	if p.modes == nil {
		p.modes = []Mode{Mean}
	}
	for _, m := range p.modes {
		if !slices.ContainsFunc(modes, func(k struct {
			mode Mode
			key  string
		}) bool {
			return k.mode == m
		}) || len(p.modes) > len(modes) {
			return o.refuse("pooling_mode", o.values["pooling_mode"])
		}
	}
	delete(o.values, "pooling_mode")
	if p.size == 0 {
		return fmt.Errorf("%s: no embedding_dimension: %w", o.file, ErrModule)
	}
	return o.finish()
}

// Pool takes the states of one text's tokens, in order. It is for one goroutine.
type Pool struct {
	pipeline *Pipeline
	from, n  int // the first token that counts, and how many there are
	first    []float32
	last     []float32
	largest  []float32
	sum      []float64
	weighted []float64
}

// Pool begins the vector of a text of n tokens, of which the first few are a prompt's.
func (p *Pipeline) Pool(n, prompt int) *Pool {
	q := &Pool{pipeline: p, n: n}
	if p.without && prompt < n {
		q.from = prompt
	}
	for _, m := range p.modes {
		switch m {
		case Mean, MeanSqrt:
			q.sum = make([]float64, p.size)
		case WeightedMean:
			q.weighted = make([]float64, p.size)
		case Max:
			q.largest = slices.Repeat([]float32{float32(math.Inf(-1))}, p.size)
		}
	}
	return q
}

// Add adds the state of token i, which is not kept. Those before [Pipeline.First] need not be added.
func (q *Pool) Add(i int, state []float32) {
	if i < q.from {
		return
	}
	if i == q.from {
		q.first = slices.Clone(state)
	}
	if i == q.n-1 {
		q.last = slices.Clone(state)
	}
	for j := range q.sum {
		q.sum[j] += float64(state[j])
	}
	for j := range q.weighted {
		q.weighted[j] += float64(float64(i+1) * float64(state[j]))
	}
	for j := range q.largest {
		q.largest[j] = max(q.largest[j], state[j])
	}
}

// Vector returns the text's vector, which is the caller's, once all states are there. Raw leaves out a normalization in the end.
func (q *Pool) Vector(raw bool) []float32 {
	p, n := q.pipeline, q.n-q.from
	var x []float32
	scaled := func(sum []float64, by float64) {
		for _, v := range sum {
			x = append(x, float32(v/by))
		}
	}
	for _, m := range p.modes {
		switch m {
		case FirstToken:
			x = append(x, q.first...)
		case LastToken:
			x = append(x, q.last...)
		case Max:
			x = append(x, q.largest...)
		case Mean:
			scaled(q.sum, float64(n))
		case MeanSqrt:
			scaled(q.sum, math.Sqrt(float64(n)))
		case WeightedMean:
			scaled(q.weighted, float64((q.from+1+q.n)*n)/2)
		}
	}
	for i, s := range p.steps {
		if _, last := s.(normalize); raw && last && i == len(p.steps)-1 {
			break
		}
		x = s.apply(x)
	}
	return x
}

// normalize divides a vector by its L2 norm; zero stays zero.
type normalize struct{}

func (normalize) apply(x []float32) []float32 {
	sum := 0.0
	for _, v := range x {
		sum += float64(float64(v) * float64(v))
	}
	if norm := math.Sqrt(sum); norm > 0 {
		for i, v := range x {
			x[i] = float32(float64(v) / norm)
		}
	}
	return x
}
