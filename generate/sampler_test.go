package generate

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

var inf = float32(math.Inf(1))

func sampler(t *testing.T, o Options) *Sampler {
	t.Helper()
	s, err := NewSampler(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// draws counts what n draws from the same logits give.
func draws(s *Sampler, logits []float32, n int) []int {
	counts := make([]int, len(logits))
	for range n {
		counts[next(s, slices.Clone(logits)...)]++
	}
	return counts
}

// next draws from logits that are in order.
func next(s *Sampler, logits ...float32) int {
	id, err := s.Next(logits)
	if err != nil {
		panic(err)
	}
	return id
}

func TestGreedy(t *testing.T) {
	s := sampler(t, Options{})
	if id := next(s, 1, 3, 2, 3); id != 1 {
		t.Errorf("drew %d, want the first of the most likely", id)
	}
}

func TestDistribution(t *testing.T) {
	logits := []float32{float32(math.Log(0.5)), float32(math.Log(0.3)), float32(math.Log(0.15)), float32(math.Log(0.05))}
	const n = 40000
	for _, c := range []struct {
		name string
		o    Options
		want []float64
	}{
		{"plain", Options{Temperature: 1}, []float64{0.5, 0.3, 0.15, 0.05}},
		{"hot", Options{Temperature: 2}, []float64{0.379, 0.293, 0.208, 0.120}},
		{"top-k", Options{Temperature: 1, TopK: 2}, []float64{0.625, 0.375, 0, 0}},
		{"top-p", Options{Temperature: 1, TopP: 0.7}, []float64{0.625, 0.375, 0, 0}},
		{"top-p of one", Options{Temperature: 1, TopP: 0.01}, []float64{1, 0, 0, 0}},
		{"min-p", Options{Temperature: 1, MinP: 0.2}, []float64{0.526, 0.316, 0.158, 0}},
	} {
		got := draws(sampler(t, c.o), logits, n)
		for i, w := range c.want {
			if share := float64(got[i]) / n; math.Abs(share-w) > 0.01 || w == 0 && got[i] > 0 {
				t.Errorf("%s: token %d is drawn in %.3f of cases, want %.3f", c.name, i, share, w)
			}
		}
	}
}

func TestRepeatPenalty(t *testing.T) {
	s := sampler(t, Options{RepeatPenalty: 2, RepeatLast: 2})
	var got []int
	for range 6 {
		got = append(got, next(s, 4, 3, 2.5, -1))
	}
	// 0 is halved while it is among the last two.
	if want := []int{0, 1, 2, 0, 1, 2}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	negative := sampler(t, Options{RepeatPenalty: 2})
	negative.Accept(0)
	if id := next(negative, -1, -1.5); id != 1 {
		t.Errorf("a negative logit was not lowered: drew %d", id)
	}
}

func TestSeedsRepeat(t *testing.T) {
	logits := make([]float32, 50)
	run := func(seed uint64) (ids []int) {
		s := sampler(t, Options{Temperature: 1, Seed: seed})
		for range 20 {
			ids = append(ids, next(s, slices.Clone(logits)...))
		}
		return ids
	}
	if !slices.Equal(run(1), run(1)) || slices.Equal(run(1), run(2)) {
		t.Error("the seed does not decide")
	}
}

func TestOptionsRefused(t *testing.T) {
	nan := float32(math.NaN())
	for _, o := range []Options{{Temperature: -1}, {Temperature: nan}, {TopK: -1}, {TopP: 2}, {MinP: -0.1}, {RepeatPenalty: -1}, {RepeatLast: -1}} {
		if _, err := NewSampler(o); !errors.Is(err, ErrOption) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

func TestReset(t *testing.T) {
	s := sampler(t, Options{RepeatPenalty: 2, RepeatLast: 2})
	s.Accept(0)
	s.Reset([]int{0, 1, 2})
	if id := next(s, 4, 3.9, 3.8); id != 0 {
		t.Errorf("drew %d, want 0, which is not among the last two", id)
	}
}

func TestDamagedLogits(t *testing.T) {
	nan := float32(math.NaN())
	for _, o := range []Options{{}, {Temperature: 1}, {Temperature: 1, TopK: 1}} {
		for _, c := range []struct {
			logits []float32
			says   string
		}{{[]float32{1, 2, nan}, "token 2 "}, {[]float32{1, inf, -inf}, "token 1 "}, {[]float32{-inf, -inf}, "all 2"}, {nil, "all 0"}} {
			if id, err := sampler(t, o).Next(c.logits); !errors.Is(err, ErrLogits) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%+v, %v: %d, %v", o, c.logits, id, err)
			}
		}
		for range 20 {
			if id := next(sampler(t, o), -inf, 1, -inf); id != 1 {
				t.Errorf("%+v: drew %d, which is excluded", o, id)
			}
		}
	}
	// A penalty neither makes a finite logit infinite nor brings an excluded token back.
	s := sampler(t, Options{Temperature: 1, RepeatPenalty: 100})
	s.Reset([]int{0, 1})
	if id := next(s, -math.MaxFloat32, -inf); id != 0 {
		t.Errorf("drew %d", id)
	}
}
