package generate

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"

	"github.com/helix-substrate/helix-substrate/internal/kernel"
)

var (
	// ErrOption reports sampling options that make no sense.
	ErrOption = errors.New("invalid sampling option")
	// ErrLogits reports logits from which nothing can be drawn.
	ErrLogits = errors.New("the model's output is damaged")
)

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
	state   *rand.PCG
	random  *rand.Rand // of state
	recent  []int
	weigher *weigher
}

// NewSampler returns a sampler, or ErrOption. It computes with the kernels of the model that it draws for, and before it is given to
// a [Generator] with those that HELIX_CPU names, or the best.
func NewSampler(o Options) (*Sampler, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.RepeatLast == 0 {
		o.RepeatLast = 64
	}
	state := rand.NewPCG(o.Seed, 0x9e3779b97f4a7c15)
	return &Sampler{options: o, state: state, random: rand.New(state), weigher: newWeigher(os.Getenv(kernel.EnvLevel))}, nil
}

// computeWith changes the kernels to those of a level.
func (s *Sampler) computeWith(level string) {
	if string(s.weigher.kernels.Level()) != level {
		s.weigher = newWeigher(level)
	}
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

// Next draws the token that follows logits, which it changes, and accepts it. A
// logit of -Inf excludes its token. Ties go to the smaller id. ErrLogits names a
// token whose logit is NaN or +Inf, or says that every token is excluded.
func (s *Sampler) Next(logits []float32) (int, error) {
	if err := CheckLogits(logits); err != nil {
		return 0, err
	}
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
	return id, nil
}

// CheckLogits returns ErrLogits, with the token, for a logit that is NaN or +Inf, or where all are -Inf: nothing can be drawn.
func CheckLogits(logits []float32) error {
	excluded := 0
	for id, v := range logits {
		switch {
		case v != v || v > math.MaxFloat32:
			return fmt.Errorf("%w: token %d has the logit %v", ErrLogits, id, v)
		case v < -math.MaxFloat32:
			excluded++
		}
	}
	if excluded == len(logits) {
		return fmt.Errorf("%w: all %d tokens are excluded", ErrLogits, excluded)
	}
	return nil
}

// penalize lowers the logits of recent tokens. Finite ones stay finite.
func (s *Sampler) penalize(logits []float32) {
	p := s.options.RepeatPenalty
	if p == 0 || p == 1 {
		return
	}
	for i, id := range s.recent {
		if id >= len(logits) || slices.Contains(s.recent[:i], id) || logits[id] < -math.MaxFloat32 {
			continue
		}
		if logits[id] > 0 {
			logits[id] /= p
		} else {
			logits[id] *= p
		}
		logits[id] = max(-math.MaxFloat32, min(logits[id], math.MaxFloat32))
	}
}

// draw samples from the tokens that the options leave.
func (s *Sampler) draw(logits []float32) int {
	w := s.weigher.take()
	defer s.weigher.put(w)
	if s.options.keepsAll(len(logits)) {
		at := s.random.Float64() * w.weigh(s.options, logits)
		for id, weight := range w.weights {
			if at -= float64(weight); at < 0 {
				return id
			}
		}
		last := len(logits) - 1
		for logits[last] < -math.MaxFloat32 {
			last--
		}
		return last
	}
	list, sum := s.options.choose(w, logits)
	at := s.random.Float64() * sum
	for _, c := range list {
		if at -= float64(c.weight); at < 0 {
			return int(c.id)
		}
	}
	return int(list[len(list)-1].id)
}

// samplerMark is where a sampler stood.
type samplerMark struct {
	random rand.PCG
	recent []int
}

// mark notes where the sampler stands.
func (s *Sampler) mark(m *samplerMark) {
	m.random, m.recent = *s.state, append(m.recent[:0], s.recent...)
}

// goBack returns to a mark.
func (s *Sampler) goBack(m *samplerMark) {
	*s.state, s.recent = m.random, append(s.recent[:0], m.recent...)
}

// twin returns a sampler with the same options, which draws by turns with this one.
func (s *Sampler) twin() *Sampler {
	state := new(rand.PCG)
	return &Sampler{options: s.options, state: state, random: rand.New(state), weigher: s.weigher}
}
