package generate

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/helix-substrate/helix-substrate/internal/detmath"
)

// ErrOption reports sampling options that make no sense.
var ErrOption = errors.New("invalid sampling option")

// Options say how the next token is drawn. The zero value is greedy.
type Options struct {
	Temperature   float32 // 0: the most likely token
	TopK          int     // only the k most likely; 0: all
	TopP          float32 // only the most likely that together reach p; 0 or 1: all
	MinP          float32 // only those at least this share of the most likely's probability; 0: all
	RepeatPenalty float32 // logits of recent tokens are divided (multiplied if negative) by it; 0 or 1: none
	RepeatLast    int     // how many tokens are recent; 0 means 64
	Seed          uint64
}

func (o Options) check() error {
	switch {
	case !(o.Temperature >= 0 && o.Temperature <= 100):
		return fmt.Errorf("temperature %v is not in 0..100: %w", o.Temperature, ErrOption)
	case o.TopK < 0:
		return fmt.Errorf("top-k %d is negative: %w", o.TopK, ErrOption)
	case !(o.TopP >= 0 && o.TopP <= 1):
		return fmt.Errorf("top-p %v is not in 0..1: %w", o.TopP, ErrOption)
	case !(o.MinP >= 0 && o.MinP <= 1):
		return fmt.Errorf("min-p %v is not in 0..1: %w", o.MinP, ErrOption)
	case !(o.RepeatPenalty >= 0 && o.RepeatPenalty <= 100):
		return fmt.Errorf("repeat penalty %v is not in 0..100: %w", o.RepeatPenalty, ErrOption)
	case o.RepeatLast < 0:
		return fmt.Errorf("repeat last %d is negative: %w", o.RepeatLast, ErrOption)
	}
	return nil
}

// Sampler draws tokens. It is for one goroutine.
type Sampler struct {
	options Options
	random  *rand.Rand
	recent  []int
	list    []candidate
}

type candidate struct {
	id     int
	logit  float32
	weight float64
}

// NewSampler returns a sampler, or ErrOption.
func NewSampler(o Options) (*Sampler, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.RepeatLast == 0 {
		o.RepeatLast = 64
	}
	return &Sampler{options: o, random: rand.New(rand.NewPCG(o.Seed, 0x9e3779b97f4a7c15))}, nil
}

// Accept tells the sampler of a token that it did not draw itself.
func (s *Sampler) Accept(id int) {
	s.recent = append(s.recent, id)
	if n := len(s.recent) - s.options.RepeatLast; n > 0 {
		s.recent = slices.Delete(s.recent, 0, n)
	}
}

// Reset makes ids the only tokens that the sampler remembers. Its random numbers go
// on.
func (s *Sampler) Reset(ids []int) {
	s.recent = append(s.recent[:0], ids[max(0, len(ids)-s.options.RepeatLast):]...)
}

// Next draws the token that follows logits, which it changes, and accepts it. Ties
// go to the smaller id.
func (s *Sampler) Next(logits []float32) int {
	s.penalize(logits)
	id := 0
	if s.options.Temperature == 0 {
		for i, v := range logits {
			if v > logits[id] {
				id = i
			}
		}
	} else {
		id = s.draw(logits)
	}
	s.Accept(id)
	return id
}

func (s *Sampler) penalize(logits []float32) {
	p := s.options.RepeatPenalty
	if p == 0 || p == 1 {
		return
	}
	for i, id := range s.recent {
		if slices.Contains(s.recent[:i], id) {
			continue
		}
		if logits[id] > 0 {
			logits[id] /= p
		} else {
			logits[id] *= p
		}
	}
}

// draw samples from the candidates that the options leave.
func (s *Sampler) draw(logits []float32) int {
	s.list = s.list[:0]
	for id, v := range logits {
		s.list = append(s.list, candidate{id: id, logit: v})
	}
	slices.SortFunc(s.list, func(a, b candidate) int {
		switch {
		case a.logit > b.logit:
			return -1
		case a.logit < b.logit:
			return 1
		}
		return a.id - b.id
	})
	list := s.list
	if k := s.options.TopK; k > 0 && k < len(list) {
		list = list[:k]
	}
	sum := 0.0
	for i := range list {
		list[i].weight = float64(detmath.Exp((list[i].logit - list[0].logit) / s.options.Temperature))
		sum += list[i].weight
	}
	list, sum = s.nucleus(list, sum)
	at := s.random.Float64() * sum
	for _, c := range list {
		if at -= c.weight; at < 0 {
			return c.id
		}
	}
	return list[len(list)-1].id
}

// nucleus cuts the tail that top-p and min-p leave out and returns the rest's sum.
func (s *Sampler) nucleus(list []candidate, sum float64) ([]candidate, float64) {
	p, min := float64(s.options.TopP), float64(s.options.MinP)
	if p == 0 {
		p = 1
	}
	kept := 0.0
	for i, c := range list {
		if i > 0 && (kept >= p*sum || c.weight < min*list[0].weight) {
			return list[:i], kept
		}
		kept += c.weight
	}
	return list, kept
}
