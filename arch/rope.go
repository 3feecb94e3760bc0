package arch

import (
	"fmt"
	"math"

	"github.com/helix-substrate/helix-substrate/internal/detmath"
)

// Rope says how rotary position embeddings turn queries and keys (Su et al. 2021).
// Pair i of a head turns by position·theta^(−2i/Dim), scaled as Scaling says.
type Rope struct {
	Theta float64
	// Dim is how many of a head's values turn, from the first; 0 means all.
	Dim int
	// Pairs is how many of the pairs among them turn, from the first, by the angles that they have where all do; 0 means all
	// (Gemma 4).
	Pairs int
	// Interleaved pairs (0,1), (2,3), …, as in GGUF files of Llama; otherwise pairs
	// are (i, i+Dim/2), as in Hugging Face checkpoints.
	Interleaved bool
	Scaling     Scaling
}

// Scaling stretches rotary embeddings to contexts longer than the model was
// trained on. ScaleDynamic and ScaleLongRoPE choose their frequencies by the
// context that the model is opened with, not by the tokens so far: a token's keys
// stay the same however long the sequence grows.
type Scaling struct {
	Type ScalingType
	// Factor is how much longer; for ScaleLinear, positions are divided by it.
	Factor float64
	// Original is the context length of training.
	Original int
	// LowFreq and HighFreq bound the wavelengths between which ScaleLlama3 blends.
	LowFreq, HighFreq float64
	// BetaFast and BetaSlow are the rotations between which ScaleYaRN blends; Attention is
	// the factor of YaRN's and LongRoPE's sines and cosines, 0 for the default. With Exact, the
	// pairs that blend are bounded by real numbers, not whole ones.
	BetaFast, BetaSlow, Attention float64
	Exact                         bool
	// Short and Long are LongRoPE's divisors per pair, for sequences within and
	// beyond Original.
	Short, Long []float64
}

// ScalingType names a way to scale.
type ScalingType string

// The known scalings. ScaleDynamic is dynamic NTK; ScaleLlama3 that of Llama 3.1; ScaleYaRN that
// of Peng et al. 2023; ScaleLongRoPE that of Phi-3.
const (
	NoScaling     ScalingType = ""
	ScaleLinear   ScalingType = "linear"
	ScaleDynamic  ScalingType = "dynamic"
	ScaleLlama3   ScalingType = "llama3"
	ScaleYaRN     ScalingType = "yarn"
	ScaleLongRoPE ScalingType = "longrope"
)

// Rotated returns how many of a head's values turn.
func (r Rope) Rotated(headDim int) int {
	if r.Dim == 0 {
		return headDim
	}
	return r.Dim
}

func (r Rope) check(headDim int) error {
	dim := r.Rotated(headDim)
	switch {
	case !(r.Theta > 1 && r.Theta < 1e12):
		return fmt.Errorf("rope theta %v is not in 1..1e12: %w", r.Theta, ErrConfig)
	case dim < 2 || dim > headDim || dim%2 != 0 || r.Pairs < 0 || r.Pairs > dim/2:
		return fmt.Errorf("rope turns %d of %d values: %w", dim, headDim, ErrConfig)
	}
	return r.Scaling.check(dim)
}

func (s Scaling) check(dim int) error {
	switch s.Type {
	case NoScaling:
		return nil
	case ScaleLinear, ScaleDynamic, ScaleYaRN, ScaleLlama3, ScaleLongRoPE:
	default:
		return fmt.Errorf("rope scaling %q is not supported (only linear, dynamic, llama3, yarn or longrope): %w", s.Type, ErrKey)
	}
	switch {
	case s.Type != ScaleLongRoPE && !(s.Factor >= 1 && s.Factor <= 1e6):
		return fmt.Errorf("rope scaling factor %v is not in 1..1e6: %w", s.Factor, ErrConfig)
	case s.Type != ScaleLinear && s.Original < 1:
		return fmt.Errorf("rope scaling %s with an original context length of %d: %w", s.Type, s.Original, ErrConfig)
	case !(s.Attention >= 0 && s.Attention <= 1e3):
		return fmt.Errorf("rope attention factor %v: %w", s.Attention, ErrConfig)
	case s.Type == ScaleDynamic && dim < 4:
		return fmt.Errorf("rope scaling dynamic of one pair: %w", ErrConfig)
	case s.Type == ScaleLlama3 && !(s.LowFreq > 0 && s.HighFreq > s.LowFreq && s.HighFreq <= 1e6):
		return fmt.Errorf("rope frequency factors %v and %v: %w", s.LowFreq, s.HighFreq, ErrConfig)
	case s.Type == ScaleYaRN && !(s.BetaFast >= 0 && s.BetaSlow >= 0 && s.BetaFast <= 1e6 && s.BetaSlow <= 1e6):
		return fmt.Errorf("rope betas %v and %v: %w", s.BetaFast, s.BetaSlow, ErrConfig)
	}
	if s.Type != ScaleLongRoPE {
		return nil
	}
	if len(s.Short) != dim/2 || len(s.Long) != dim/2 {
		return fmt.Errorf("longrope has %d and %d divisors for %d pairs: %w", len(s.Short), len(s.Long), dim/2, ErrConfig)
	}
	for _, list := range [][]float64{s.Short, s.Long} {
		for _, v := range list {
			if !(v >= 1e-6 && v <= 1e6) {
				return fmt.Errorf("longrope divides by %v: %w", v, ErrConfig)
			}
		}
	}
	return nil
}

// Frequencies returns the angle per position of each pair, and the factor of sines
// and cosines, for sequences of up to context positions.
func (r Rope) Frequencies(headDim, context int) (freq []float64, factor float64) {
	dim := r.Rotated(headDim)
	theta, s := r.Theta, r.Scaling
	if s.Type == ScaleDynamic && context > s.Original {
		// NTK-aware: the base grows so that the longest wavelength stretches.
		stretch := s.Factor*float64(context)/float64(s.Original) - (s.Factor - 1)
		theta *= power(stretch, float64(dim)/float64(dim-2))
	}
	freq, factor = make([]float64, dim/2), 1
	turning := freq // the others' angles stay 0, however they are scaled
	if r.Pairs > 0 {
		turning = freq[:r.Pairs]
	}
	for i := range turning {
		turning[i] = 1 / power(theta, float64(2*i)/float64(dim))
	}
	switch s.Type {
	case ScaleLinear:
		for i := range freq {
			freq[i] /= s.Factor
		}
	case ScaleLlama3:
		for i, f := range freq {
			freq[i] = s.llama3(f)
		}
	case ScaleYaRN:
		factor = s.Attention
		if factor == 0 {
			factor = yarnAttention(s.Factor, 1)
		}
		s.yarn(freq, theta, dim)
	case ScaleLongRoPE:
		divisors := s.Short
		if context > s.Original {
			divisors = s.Long
		}
		for i := range freq {
			freq[i] /= divisors[i]
		}
		factor = s.Attention
		if factor == 0 {
			factor = 1
		}
	}
	return freq, factor
}

// divisors returns what ScaleLlama3 divides each pair's angle by.
func (r Rope) divisors(headDim int) []float64 {
	plain := r
	plain.Scaling = Scaling{}
	scaled, _ := r.Frequencies(headDim, 0)
	divisors, _ := plain.Frequencies(headDim, 0)
	for i, f := range scaled {
		divisors[i] /= f
	}
	return divisors
}

// llama3 divides long wavelengths by the factor, keeps short ones and blends
// between them.
func (s Scaling) llama3(f float64) float64 {
	wavelength := 2 * math.Pi / f
	low, high := float64(s.Original)/s.LowFreq, float64(s.Original)/s.HighFreq
	switch {
	case wavelength < high:
		return f
	case wavelength > low:
		return f / s.Factor
	}
	smooth := (float64(s.Original)/wavelength - s.LowFreq) / (s.HighFreq - s.LowFreq)
	return float64((1-smooth)*(f/s.Factor)) + float64(smooth*f)
}

// yarn blends each pair between dividing by the factor and keeping, by how often it
// turns within the original context.
func (s Scaling) yarn(freq []float64, theta float64, dim int) {
	// The pair that turns n times: dim·ln(original/(2πn)) / (2·ln theta).
	pair := func(turns float64) float64 {
		return float64(dim) * ln(float64(s.Original)/(2*math.Pi*turns)) / (2 * ln(theta))
	}
	fast, slow := s.BetaFast, s.BetaSlow
	if fast == 0 {
		fast = 32
	}
	if slow == 0 {
		slow = 1
	}
	low, high := pair(fast), pair(slow)
	if !s.Exact {
		low, high = math.Floor(low), math.Ceil(high)
	}
	low, high = max(0, low), min(float64(dim-1), high)
	if low == high {
		high += 0.001
	}
	for i, f := range freq {
		ramp := min(1, max(0, (float64(i)-low)/(high-low))) // 0: keep, 1: divide
		freq[i] = float64(ramp*(f/s.Factor)) + float64((1-ramp)*f)
	}
}

// yarnAttention is what YaRN multiplies sines and cosines by.
func yarnAttention(factor, scale float64) float64 {
	if factor <= 1 {
		return 1
	}
	return float64(0.1*scale*ln(factor)) + 1
}

func ln(x float64) float64 { return detmath.Log2(x) * math.Ln2 }

func power(base, exponent float64) float64 {
	return detmath.Exp2(float64(exponent * detmath.Log2(base)))
}
